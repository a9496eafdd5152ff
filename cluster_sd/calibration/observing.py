"""From statistics and a model to an observation model: what is used, as what, in which unit, with which error.

The place of the study is the one with most rows that the model has a measure for, unless it is named. A row outside it,
or that nothing in the model answers to, is listed with the reason; a row that would be used and can't be is an error
with file, row and column.

A yearly figure (``kg`` or ``kg/year`` for a rate in ``kg/year``) is compared with the model's value at that time, the
mean of several years with the mean of the model's values at these. The scale of an error that is not given is estimated
where a series has at least `ENOUGH` exact values to fit; with fewer, the reliability of each row sets it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cluster_sd.calibration import reliability
from cluster_sd.calibration.holdout import Holdout, parse_holdout
from cluster_sd.calibration.mapping import ESTIMATED, Mapped
from cluster_sd.calibration.observation import Nuisance, Observation, ObservationModel, Series, Supplied, as_terms
from cluster_sd.calibration.statistics import Statistic, Statistics, Unused
from cluster_sd.calibration.targets import Target, Targets, choose_rows, mapping_of
from cluster_sd.calibration.units import Conversion, UnitError, Units
from cluster_sd.errors import InputError
from cluster_sd.model.names import clean

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["SCALE_PRIOR", "SCOPE_PRIOR", "Period", "mapping_of", "observe"]

#: Exact values from which a scale can be estimated.
ENOUGH = 3
#: Normal priors: of the logarithm of an estimated scale (over the spread of the series where the error is not
#: log-normal; Carpenter 2018, Predator-prey population dynamics), of that of a scope factor, of the logit of rho.
SCALE_PRIOR, SCOPE_PRIOR, RHO_PRIOR = (-1.0, 1.0), (0.0, 0.5), (0.0, 1.5)
#: Least spread that an estimated scale is measured against: of the values' mean size, and of a date, in years.
LEAST_SPREAD, DATE_SPREAD = 0.1, 2.0
_CAN_BE_NEGATIVE = frozenset({"[currency]", "[currency_usd]", "[currency_eur]", "[time]", "[energy]"})


@dataclass(frozen=True)
class Period:
    """The saved times of the run that statistics are compared with."""

    start: float
    stop: float
    every: float

    @property
    def times(self) -> np.ndarray:
        """Start, start + every … up to stop."""
        return self.start + self.every * np.arange(math.floor((self.stop - self.start) / self.every + 1e-9) + 1)

    def weights(self, time: float) -> dict[float, float]:
        """The saved times that a time is made of: itself, or the two around it."""
        place = (time - self.start) / self.every
        below = math.floor(place + 1e-6)
        share = place - below
        if share < 1e-6:
            return {self.start + self.every * below: 1.0}
        before, after = (self.start + self.every * k for k in (below, below + 1))
        return {before: 1 - share, after: share}

    def holds(self, time: float) -> bool:
        """Whether the run is there at a time."""
        slack = 1e-6 * self.every
        return self.start - slack <= time <= self.times[-1] + slack


def observe(
    model: Model,
    statistics: Statistics,
    *,
    mapping: Sequence[Mapped] | None = None,
    place: str | None = None,
    holdout: Holdout | str | None = None,
    start: float | None = None,
    stop: float | None = None,
    save_every: float | None = None,
) -> ObservationModel:
    """Make the observation model of a model and some statistics.

    Parameters
    ----------
    model : Model
    statistics : Statistics
        As :func:`cluster_sd.calibration.reading.read_statistics` gives.
    mapping : sequence of Mapped, optional
        Default: the model's folder's ``observations.csv``. A statistic whose name (in English or Chinese) is a
        variable's needs none.
    place : str, optional
        Place of the study.
    holdout : Holdout or str, optional
        Times that are not fitted.
    start, stop, save_every : float, optional
        As the model is run; default: what the model file says.

    Returns
    -------
    ObservationModel

    Raises
    ------
    InputError
        Naming file, row and column for a row that would be used and can't be: a unit that is unknown or doesn't fit, a
        time outside the run, a text where a number belongs, a negative area, a number told twice by one source. Also
        where no row can be used, or the hold-out leaves none, or is none.
    """
    table = mapping_of(model) if mapping is None else tuple(mapping)
    held = holdout if isinstance(holdout, Holdout) else parse_holdout(holdout)
    c = model.control
    period = Period(
        c.start if start is None else start,
        c.stop if stop is None else stop,
        (c.save_step or c.dt) if save_every is None else save_every,
    )
    targets = Targets(model, table)
    chosen, unused, where = choose_rows(statistics, targets, place)
    _no_row_twice(row for row, _ in chosen)
    units = Units((*(v.unit for v in model.metadata.variables), *(m.unit for m in table)))
    made = [_observation(row, target, units, period, held) for row, target in chosen]
    return _assembled(made, units, period, held, where, unused, statistics)


def _no_row_twice(rows: Iterable[Statistic]) -> None:
    """No source tells one number twice, agreeing or not."""
    seen: dict[tuple[str, str, float, float, str], Statistic] = {}
    for row in rows:
        key = (clean(row.place), clean(row.variable), row.start, row.end, clean(row.source))
        first = seen.setdefault(key, row)
        if first is row:
            continue
        same = (first.low, first.high, first.relation, first.unit) == (row.low, row.high, row.relation, row.unit)
        words = "the same value" if same else f"{row.value:.10g} against {first.value:.10g}"
        of = f" of {row.place}" if row.place else ""
        source = f"from '{row.source}'" if row.source else "without a source"
        raise row.error(
            f"'{row.variable}'{of} for {row.time:.10g} {source} stands already in row {first.row} ({words}); keep one, "
            "or name the sources apart"
        )


# ---- one row --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Made:
    """A row read against its target, before its series is known as a whole."""

    row: Statistic
    target: Target
    low: float
    high: float
    digit: float
    held_out: bool
    remarks: tuple[str, ...]


def _observation(row: Statistic, target: Target, units: Units, period: Period, held: Holdout) -> _Made:
    found = _conversion(row, target, units)
    low, high = row.low * found.factor, row.high * found.factor
    least = min(low, high)
    if least < 0 and (_never_negative(target, units) or (target.low is not None and target.low >= 0)):
        raise row.error(f"{row.low:.10g} {row.unit} is negative, and {target.output} can't be")
    if target.mapped.error == "lognormal" and least <= 0:
        raise row.error(
            f"{row.low:.10g} can't be under a log-normal error; set error_model to normal in observations.csv"
        )
    if target.measure.is_series and not target.constant:
        for time in (row.start, row.end):
            if not period.holds(time):
                raise row.error(
                    f"{time:.10g} lies outside the run, which goes from {period.start:.10g} to {period.stop:.10g}",
                    "time",
                )
    out = held.holds(row.time) or target.mapped.use == "check"
    remarks = tuple(text for text in (found.remark, row.note) if text)
    return _Made(row, target, low, high, row.digit * abs(found.factor), out, remarks)


def _conversion(row: Statistic, target: Target, units: Units) -> Conversion:
    try:
        return units.conversion(row.unit, target.unit)
    except UnitError as error:
        if target.mapped.where and units.counts_for(row.unit, target.unit):
            return Conversion(units.size(row.unit), f"{row.unit} counted as a number, as observations.csv has it")
        raise row.error(f"{error} (measure {target.measure.text})", "unit") from None


def _never_negative(target: Target, units: Units) -> bool:
    """Whether a measure is an area, a mass, a volume or a count, which can't be below nought."""
    if not target.unit:
        return False
    try:
        dimensions = units.dimensions(target.unit)
    except UnitError:
        return False
    above = {name for name, power in dimensions.items() if power > 0}
    return bool(above - _CAN_BE_NEGATIVE)


def _is_date(target: Target, units: Units) -> bool:
    """Whether a measure is a point or a length of time."""
    if not target.unit:
        return False
    try:
        return units.dimensions(target.unit) == {"[time]": 1.0}
    except UnitError:
        return False


# ---- all rows -------------------------------------------------------------------------------------------------------


def _assembled(
    made: Sequence[_Made],
    units: Units,
    period: Period,
    held: Holdout,
    place: str,
    unused: Sequence[Unused],
    statistics: Statistics,
) -> ObservationModel:
    supplied = _supplied([one for one in made if one.target.constant], units)
    made = [one for one in made if not one.target.constant]
    _check_holdout(made, held)
    groups: dict[str, list[_Made]] = {}
    for one in made:
        groups.setdefault(clean(one.row.variable), []).append(one)
    series: list[Series] = []
    rows: list[Observation] = []
    nuisances: list[Nuisance] = []
    measures: dict[str, int] = {}
    weights: list[dict[int, float]] = []
    for index, group in enumerate(groups.values()):
        group.sort(key=lambda one: (one.row.time, one.row.row))
        of, date = _series(group, units), _is_date(group[0].target, units)
        series.append(of)
        nuisances += _nuisances(of, index, group, date)
        for one in group:
            rows.append(_row(one, index, of, group, date))
            weights.append({measures.setdefault(k, len(measures)): w for k, w in _weights(one, period).items()})
    matrix = np.zeros((len(rows), len(measures)))
    for k, row in enumerate(weights):
        for j, weight in row.items():
            matrix[k, j] = weight
    parts = tuple(series), tuple(rows), tuple(nuisances)
    warnings = (*statistics.warnings, *_warnings(made, place, unused))
    return ObservationModel(
        parts[0], parts[1], tuple(measures), matrix, parts[2], as_terms(*parts), place, tuple(unused), warnings,
        statistics.files, supplied,
    )  # fmt: skip


def _supplied(made: Sequence[_Made], units: Units) -> tuple[Supplied, ...]:
    """Constants that the statistics give: the mean of their rows, with the largest of their errors."""
    groups: dict[str, list[_Made]] = {}
    for one in made:
        if one.row.relation not in ("=", "~"):
            raise one.row.error(
                f"{one.target.output} is a constant of the model and needs a value, not a bound", "relation"
            )
        groups.setdefault(one.target.output, []).append(one)
    return tuple(_constant(name, group, units) for name, group in groups.items())


def _constant(name: str, group: Sequence[_Made], units: Units) -> Supplied:
    target = group[0].target
    error = target.mapped.error or _default_error(group, units)
    of = Series(group[0].row.variable, name, name, target.unit, error, 0.0)
    rows = [_row(one, 0, of, group, _is_date(target, units)) for one in group]
    spread = max(row.floor for row in rows)
    ranges = np.array([[row.low, row.high] for row in rows])
    if error == "lognormal":
        low, high = np.exp(np.log(ranges).mean(axis=0))
        value, spread = math.sqrt(low * high), math.hypot(spread, math.log(high / low) / math.sqrt(12))
        ends = value * math.exp(-1.96 * spread), value * math.exp(1.96 * spread)
    else:
        low, high = ranges.mean(axis=0)
        value, spread = (low + high) / 2, math.hypot(spread, (high - low) / math.sqrt(12))
        ends = value - 1.96 * spread, value + 1.96 * spread
    kind = "lognormal" if error == "lognormal" else "normal"
    return Supplied(
        name, target.unit, float(value), float(ends[0]), float(ends[1]), kind, tuple(one.row for one in group)
    )


def _check_holdout(made: Sequence[_Made], held: Holdout) -> None:
    if not made:
        raise InputError("the statistics give constants of the model alone; a number that a run gives is needed to fit")
    if held.spans and not any(held.holds(one.row.time) for one in made):
        first, last = min(one.row.time for one in made), max(one.row.time for one in made)
        raise InputError(f"--holdout {held.text}: no observation lies there; they go from {first:.10g} to {last:.10g}")
    if all(one.held_out for one in made):
        why = f"--holdout {held.text}" if held.spans else "observations.csv (use: check)"
        raise InputError(f"{why}: leaves no observation to fit")


def _series(group: Sequence[_Made], units: Units) -> Series:
    target = group[0].target
    mapped = target.mapped
    error = mapped.error or _default_error(group, units)
    scale = mapped.scale
    if (
        scale is None
        and sum(one.row.relation in ("=", "~") and not one.row.is_range and not one.held_out for one in group) < ENOUGH
    ):
        scale = 0.0
    elif scale is not None and error != "lognormal" and mapped.unit:
        try:
            scale *= units.conversion(mapped.unit, target.unit).factor
        except UnitError as wrong:
            raise InputError(f"{mapped.where}: column 'unit': {wrong}") from None
    return Series(
        group[0].row.variable, mapped.measure, target.output, target.unit, error, scale, mapped.scope, mapped.rho,
        mapped.note, mapped.use == "fit",
    )  # fmt: skip


def _default_error(group: Sequence[_Made], units: Units) -> str:
    """Log-normal for what can't be negative: areas, masses, counts, and money where every value is above nought."""
    target = group[0].target
    positive = all(min(one.low, one.high) > 0 for one in group)
    if not positive or not target.unit or _is_date(target, units):
        return "normal"
    try:
        return "lognormal" if units.dimensions(target.unit) else "normal"
    except UnitError:
        return "normal"


def _nuisances(of: Series, index: int, group: Sequence[_Made], date: bool) -> list[Nuisance]:
    out = []
    if of.scale is None:
        mean, sd = SCALE_PRIOR
        spread = 1.0 if of.error == "lognormal" else _spread(group, date)
        out.append(Nuisance(f"scale of {of.name}", "scale", index, mean + math.log(spread), sd))
    if not any(not one.held_out for one in group):
        return out
    if of.scope == ESTIMATED:
        out.append(Nuisance(f"scope of {of.name}", "scope", index, *SCOPE_PRIOR))
    if of.rho == ESTIMATED:
        out.append(Nuisance(f"rho of {of.name}", "rho", index, *RHO_PRIOR))
    return out


def _spread(group: Sequence[_Made], date: bool) -> float:
    """Size of what an error of a series may be: the spread of its values, at least a tenth of their size."""
    if date:
        return DATE_SPREAD
    values = np.array([(one.low + one.high) / 2 for one in group])
    return float(max(values.std(), LEAST_SPREAD * np.abs(values).mean())) or 1.0


def _row(one: _Made, index: int, of: Series, group: Sequence[_Made], date: bool) -> Observation:
    row = one.row
    same = [other for other in group if (other.row.start, other.row.end) == (row.start, row.end)]
    floor = _floor(one, of, same, date)
    if of.scale == 0.0 and (date or not reliability.classify(row.reliability).floor):
        floor = math.hypot(floor, _unsaid(one, of, date))
    made = Observation(
        index, row, row.time, "interval" if row.is_range else "exact", min(one.low, one.high), max(one.low, one.high),
        floor, len(same), one.held_out, one.remarks,
    )  # fmt: skip
    if row.relation == ">=":
        return replace(made, kind="at least", high=math.inf)
    if row.relation == "<=":
        return replace(made, kind="at most", low=0.0 if of.error == "lognormal" else -math.inf)
    return made


def _floor(one: _Made, of: Series, same: Sequence[_Made], date: bool) -> float:
    """Least scale of a row's error: reliability, ``~``, rounding, and how far sources of the same number differ."""
    value = abs(one.low + one.high) / 2
    about = one.row.relation == "~"
    rounding = one.digit / math.sqrt(12)
    numbers = np.array([(other.low + other.high) / 2 for other in same if other.row.relation in ("=", "~")])
    if of.error == "lognormal":
        differ = float(np.log(numbers).std(ddof=1)) if len(numbers) > 1 else 0.0
        relative = math.hypot(reliability.classify(one.row.reliability).floor, reliability.APPROXIMATE * about)
        return math.hypot(relative, rounding / value, differ)
    differ = float(numbers.std(ddof=1)) if len(numbers) > 1 else 0.0
    if date:
        return math.hypot(reliability.APPROXIMATE_DATE * about, rounding, differ)
    relative = math.hypot(reliability.classify(one.row.reliability).floor, reliability.APPROXIMATE * about)
    return math.hypot(relative * value, rounding, differ)


def _unsaid(one: _Made, of: Series, date: bool) -> float:
    """Scale where neither the mapping nor the row says anything and there is too little to estimate it from."""
    if date:
        return DATE_SPREAD / 2
    relative = reliability.UNKNOWN.floor
    return relative if of.error == "lognormal" else relative * abs(one.low + one.high) / 2 or 1.0


def _weights(one: _Made, period: Period) -> Mapping[str, float]:
    """The numbers of a run that predict a row, with their weights."""
    measure = one.target.measure
    if not measure.is_series:
        return {measure.text: 1.0}
    row = one.row
    times = [row.start + k for k in range(int(row.end - row.start) + 1)]
    out: dict[str, float] = {}
    for time in times:
        for saved, weight in period.weights(time).items():
            text = f"{one.target.output}@{saved:.10g}"
            out[text] = out.get(text, 0.0) + weight / len(times)
    return out


def _warnings(made: Sequence[_Made], place: str, unused: Sequence[Unused]) -> list[str]:
    out = []
    elsewhere = Counter(row.place for row in unused if row.reason.startswith("of another place"))
    if elsewhere:
        count, names = sum(elsewhere.values()), ", ".join(name for name, _ in elsewhere.most_common(3))
        out.append(f"the place is {place}; rows with a measure that are of other places: {count} ({names})")
    strange = sorted(
        {one.row.reliability for one in made if reliability.classify(one.row.reliability) is reliability.UNKNOWN}
    )
    if strange:
        out.append(
            f"reliability {', '.join(repr(text) for text in strange[:3])} is of no class known here: "
            f"an error of at least {reliability.UNKNOWN.floor:.0%} is taken"
        )
    return out
