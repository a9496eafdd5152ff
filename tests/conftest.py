"""What all tests share."""

from pathlib import Path


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Doctests are looked for in the package alone, not in the tests' own helper modules."""
    if collection_path.suffix == ".py" and not collection_path.name.startswith("test_"):
        return True
    return None
