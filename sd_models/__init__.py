"""The shipped models, one folder each: data only, found through :func:`importlib.resources.files`."""
