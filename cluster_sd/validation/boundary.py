"""The boundary: what comes from outside, and whether the model says so.

A driver is a variable that follows given numbers over time: data, or a table that is read at Time. It must say in its
documentation where it comes from, ``[exogenous: SOURCE]``. Dates must have names: a number that Time is compared with
or reckoned from, or at which a STEP, RAMP or PULSE comes, stands in the equation of a declared driver or in a constant
of its own, which somebody can change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster_sd.model.names import clean
from cluster_sd.validation.dimensions import unit_of_time, units_of
from cluster_sd.validation.expressions import called, equations, is_reference, parts, wording
from cluster_sd.validation.result import FAIL, FINDING, PASS, Row

if TYPE_CHECKING:
    from cluster_sd.validation.case import Case

__all__ = ["NAME", "check_boundary"]

NAME = "boundary"
_EXOGENOUS = re.compile(r"\[\s*exogenous\b[\s:]*([^\]]*)\]", re.IGNORECASE)
#: Functions of time, with the positions of their dates.
_DATED = {"step": (1,), "ramp": (1, 2), "xramp": (1,), "pulse": (0,), "pulse_train": (0, 3), "xpulse": (1,)}
_TIME = "time"


def check_boundary(case: Case) -> Iterator[Row]:
    """Rows for drivers and dates that nobody declared, then what is declared, and what is inside."""
    texts = {clean(v.name): v for v in case.model.metadata.variables}
    sources = {key: found[1].strip() for key, v in texts.items() if (found := _EXOGENOUS.search(v.documentation))}
    drivers, dates = _drivers(case), _dates(case)
    for key, why in drivers.items():
        if key not in sources:
            detail = f"{case.place(key)}: {why}, and its documentation has no [exogenous: SOURCE]"
            yield Row(NAME, case.names.get(key, key), FAIL, detail=detail)
    bare = {key: text for key, text in dates.items() if key not in sources}
    for key, text in bare.items():
        detail = f"{case.place(key)}: a date in the equation, {text}; give it a name, or declare [exogenous: SOURCE]"
        yield Row(NAME, case.names.get(key, key), FAIL, detail=detail)
    empty = [key for key, source in sources.items() if not source]
    for key in empty:
        yield Row(NAME, case.names.get(key, key), FAIL, detail=f"{case.place(key)}: [exogenous] names no source")
    undeclared = len([key for key in drivers if key not in sources]) + len(bare) + len(empty)
    yield Row(NAME, "undeclared", FAIL if undeclared else PASS, undeclared, 0,
              f"drivers, dates or sources, of {len(drivers)} drivers over time")  # fmt: skip
    listed = "; ".join(f"{case.names.get(key, key)} ({source})" for key, source in sources.items())
    yield Row(NAME, "exogenous", FINDING, len(sources), detail=f"variables from outside: {listed or 'none'}")
    kinds = [v.kind for v in texts.values()]
    inside = kinds.count("stock") + kinds.count("flow") + kinds.count("auxiliary") - len(
        [key for key in sources if texts[key].kind in ("stock", "flow", "auxiliary")]
    )  # fmt: skip
    told = f"variables that the model computes; {kinds.count('constant')} constants are given"
    yield Row(NAME, "endogenous", FINDING, inside, detail=told)


def _drivers(case: Case) -> dict[str, str]:
    """Variables that follow given numbers over time, with how."""
    kinds = {clean(v.name): v.kind for v in case.model.metadata.variables}
    found = {key: "it is data" for key, kind in kinds.items() if kind == "data"}
    clocks = _clocks(case, kinds)

    def timed(node: Any) -> bool:
        return is_reference(node) and clean(node.reference) in clocks

    for key, ast in equations(case.source):
        for node in parts(ast):
            if type(node).__name__ == "InlineLookupsStructure" and timed(node.argument):
                found[key] = "it is a table over Time"
            elif type(node).__name__ == "CallStructure" and any(map(timed, node.arguments)):
                table = called(node)
                if kinds.get(table) == "table":
                    found[table] = "it is a table over Time"
    return found


def _clocks(case: Case, kinds: Mapping[str, str]) -> set[str]:
    """Time, and variables in the unit of time that follow from it and constants alone: a time that can be frozen."""
    uses: dict[str, set[str]] = {}
    for key, ast in equations(case.source):
        named = {clean(node.reference) for node in parts(ast) if is_reference(node)}
        uses.setdefault(key, set()).update(named & {_TIME, *kinds})  # the name of a function is a reference too
    units, _ = units_of(case)
    unit = unit_of_time(case)
    still = {key for key, kind in kinds.items() if kind in ("constant", "control")}
    clocks = {_TIME}
    while more := {
        key
        for key, names in uses.items()
        if key not in clocks and unit and units.get(key) == unit and names & clocks and names <= clocks | still
    }:
        clocks |= more
    return clocks


def _dates(case: Case) -> dict[str, str]:
    """Variables in whose equation a date stands as a number, with the place."""
    found: dict[str, str] = {}
    for key, ast in equations(case.source):
        for node in parts(ast):
            if _has_date(node):
                found.setdefault(key, wording(node, case.names))
    return found


def _has_date(node: Any) -> bool:
    kind = type(node).__name__
    if kind == "LogicStructure" or (kind == "ArithmeticStructure" and set(node.operators) <= {"+", "-"}):
        return any(map(_is_time, node.arguments)) and any(map(_is_number, node.arguments))
    if kind != "CallStructure":
        return False
    name = called(node)
    at = [node.arguments[i] for i in _DATED.get(name, ()) if i < len(node.arguments)]
    return any(map(_is_number, at))


def _is_time(node: Any) -> bool:
    return is_reference(node) and clean(node.reference) == _TIME


def _is_number(node: Any) -> bool:
    return isinstance(node, int | float | np.number) and node != 0
