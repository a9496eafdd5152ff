"""The part of PySD that reads: its translators, without the rest of it, and without its `eval`.

``import pysd`` costs half a second, nearly all of it xarray, pandas and the parts that run models; the translators
alone cost a tenth. They are imported through a stand-in parent package that is gone afterwards, so that a later
``import pysd`` finds everything as it should be, and their classes are the same ones.

PySD's visitors turn numbers, points and strings of a model into values with `eval`. The name is bound to `literal` in
their modules, so whatever a model's text holds, it is read as data.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from types import ModuleType
from typing import Any

from cluster_sd.errors import ClusterSDError

__all__ = ["literal", "translator"]

_EVALUATING = ("vensim.vensim_element", "xmile.xmile_element")
_DIGITS = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_SUM = re.compile(rf"[-+]?\s*{_DIGITS}(?:\s*[-+]\s*{_DIGITS})*", re.ASCII)
_LEADING_ZEROS = re.compile(r"(?<![\w.])0+(?=\d)")


def literal(text: str) -> Any:
    r"""A number, points ``(x, y), (x, y)`` or a quoted string as a value; anything else is an error.

    Leading zeros don't count, and a backslash in a string is a backslash (``'data\new.csv'`` is a path).

    >>> literal("007"), literal("(0,1),(2,- 3.5)"), literal("1e3 - 2")
    (7, ((0, 1), (2, -3.5)), 998.0)
    """
    text = text.strip()
    if _SUM.fullmatch(text):
        return _total(text)
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1]
    return ast.literal_eval(_LEADING_ZEROS.sub("", text))


def _total(text: str) -> int | float:
    """A number, or a sum of numbers, which PySD's grammar takes for a number."""
    total: int | float | None = None
    for sign, digits in re.findall(rf"([-+]?)\s*({_DIGITS})", text):
        number = int(digits) if digits.isdecimal() else float(digits)
        number = -number if sign == "-" else number
        total = number if total is None else total + number
    return total if total is not None else float("nan")


def translator(name: str) -> ModuleType:
    """A module of ``pysd.translators``, such as ``"structures.abstract_expressions"``.

    After the first call ``from pysd.translators.structures.abstract_model import …`` costs nothing either.
    """
    full = f"pysd.translators.{name}"
    module = sys.modules.get(full) or _load(full)
    if name in _EVALUATING:
        vars(module)["eval"] = literal
    return module


def _load(full: str) -> ModuleType:
    if "pysd" in sys.modules:
        return importlib.import_module(full)
    spec = importlib.util.find_spec("pysd")
    if spec is None or spec.submodule_search_locations is None:
        raise ClusterSDError("PySD is not installed; install cluster_sd with its dependencies")
    stand_in = ModuleType("pysd")
    stand_in.__path__ = list(spec.submodule_search_locations)
    sys.modules["pysd"] = stand_in
    try:
        return importlib.import_module(full)
    finally:
        if sys.modules.get("pysd") is stand_in:
            del sys.modules["pysd"]
