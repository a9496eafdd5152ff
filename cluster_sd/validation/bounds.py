"""Bounds: stocks of things are not negative, shares lie between nought and one, ranges in the model file are kept.

Which stocks can't be negative is read off their units: whatever is counted, weighed or measured (``mu``, ``t``,
``person``), not money, time or a pure number, which may have a sign. The folder's ``checks.toml`` names exceptions
(``[bounds]``, see :mod:`cluster_sd.validation.declared`), and a range in the model file (``[0,?]``) says it outright. A
share is a dimensionless variable that is called a share, fraction, proportion or probability. Everything is looked at
over the saved times of the base run, all scenarios and all extreme conditions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from cluster_sd.model.names import clean, split_element
from cluster_sd.validation.dimensions import units_of
from cluster_sd.validation.result import FAIL, FINDING, PASS, SKIPPED, Row
from cluster_sd.validation.units import DIMENSIONLESS, Unit

if TYPE_CHECKING:
    from cluster_sd.simulate.metadata import Variable
    from cluster_sd.validation.case import Case, WorldRun

__all__ = ["NAME", "check_bounds"]

NAME = "bounds"
#: Rounding that is no violation, relative to the variable's own size.
SLACK = 1e-9
#: Units, as they are shown, of what may have a sign.
_SIGNED = frozenset({"yuan", "usd", "eur", "gbp", "jpy", "€", "£", "¥", "$", "year", "month", "week", "day", "hour"})
_SHARE = re.compile(r"\b(shares?|fractions?|proportions?|probability)\b", re.IGNORECASE)
_NO_SHARE = re.compile(r"\b(change|gain|gap|error|trend|weight|elasticity|rate|effect|over)\b", re.IGNORECASE)


def check_bounds(case: Case) -> Iterator[Row]:
    """A row for each violation, and one each for stocks, shares and ranges."""
    runs = {name: run for name, run in case.explored.items() if not run.failure}
    if not runs:
        yield Row(NAME, "model", SKIPPED, detail="no run ended")
        return
    units, _ = units_of(case)
    variables = case.model.metadata.variables
    allowed = set(map(clean, case.declared.may_be_negative))
    stocks = [v for v in variables if v.kind == "stock" and clean(v.name) not in allowed]
    things = [v for v in stocks if _of_things(units.get(clean(v.name))) or (v.low is not None and v.low >= 0)]
    yield from _checked(case, runs, "stocks", things, lambda v: (0.0, None))
    others = [v for v in stocks if v not in things]
    yield from _signed(case, runs, others)
    above = set(map(clean, case.declared.may_exceed_one))
    shares = [v for v in variables if _is_share(v, units.get(clean(v.name))) and clean(v.name) not in above]
    yield from _checked(case, runs, "shares", shares, lambda v: (0.0, 1.0))
    ranged = [v for v in variables if (v.low, v.high) != (None, None) and v.kind not in ("constant", "table")]
    yield from _checked(case, runs, "ranges of the model file", ranged, lambda v: (v.low, v.high))


def _of_things(unit: Unit | None) -> bool:
    return unit is not None and any(power > 0 and name not in _SIGNED for name, power in unit.powers)


def _is_share(variable: Variable, unit: Unit | None) -> bool:
    name = variable.name
    moves = variable.kind in ("stock", "flow", "auxiliary")
    return moves and unit == DIMENSIONLESS and bool(_SHARE.search(name)) and not _NO_SHARE.search(name)


def _checked(
    case: Case,
    runs: Mapping[str, WorldRun],
    subject: str,
    variables: Iterable[Variable],
    bounds: Callable[[Variable], tuple[float | None, float | None]],
) -> Iterator[Row]:
    """A row for each variable that leaves its bounds, at its worst, then one for all."""
    checked = broken = 0
    for variable in variables:
        checked += 1
        low, high = bounds(variable)
        least, most = _extreme(runs, variable.name, True), _extreme(runs, variable.name, False)
        for (value, element, world), limit, below in ((least, low, True), (most, high, False)):
            slack = SLACK * max(1.0, abs(least[0]), abs(most[0]))
            if limit is None or (value >= limit - slack if below else value <= limit + slack):
                continue
            broken += 1
            told = f"{'least' if below else 'largest'} value, in {world} ({case.place(variable.name)})"
            yield Row(NAME, element, FAIL, value, limit, told)
    if checked:
        yield Row(NAME, subject, FAIL if broken else PASS, broken, 0, f"outside their bounds, of {checked}")
    else:
        yield Row(NAME, subject, SKIPPED, detail="there are none to look at")


def _signed(case: Case, runs: Mapping[str, WorldRun], stocks: Iterable[Variable]) -> Iterator[Row]:
    """Stocks of money and pure numbers that go below nought: they may, but somebody should know."""
    for variable in stocks:
        value, element, world = _extreme(runs, variable.name, True)
        if value < -SLACK * max(1.0, abs(value)):
            told = f"a stock of {variable.unit or 'no unit'} below nought, in {world} ({case.place(variable.name)})"
            yield Row(NAME, element, FINDING, value, 0, told)


def _extreme(runs: Mapping[str, WorldRun], name: str, least: bool) -> tuple[float, str, str]:
    """Least or largest value of a variable over its elements and all runs: value, element, world."""
    key = clean(name)
    names = next(iter(runs.values())).low
    elements = [n for n in names if clean(n) == key or clean(split_element(n)[0]) == key]
    found = [((run.low if least else run.high)[n], n, run.name) for run in runs.values() for n in elements]
    return (min if least else max)(found, key=lambda one: one[0])
