"""Stage ``base``: the base run, as it is and over the shipped posterior, against the statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import SimulationError
from cluster_sd.model.names import clean
from cluster_sd.stages.calibration import POSTERIOR, shipped
from cluster_sd.stages.case import unusable
from cluster_sd.stages.found import Found, LeftOut, columns_of
from cluster_sd.stages.scenarios import whole_times

if TYPE_CHECKING:
    from cluster_sd.calibration.observation import ObservationModel, Series
    from cluster_sd.stages.case import Case
    from cluster_sd.stages.registry import Tell

__all__ = ["base_run"]

Array = NDArray[np.float64]
#: Between which quantiles 95 of 100 runs lie, and the median.
QUANTILES = (0.025, 0.5, 0.975)
#: Stocks whose courses are told of where there are no statistics, at most.
MOST_STOCKS = 60
COURSE = ("series", "time", "base", "calibrated", "low", "high")
OBSERVED = (
    "series", "time", "relation", "value", "low", "high", "unit", "source", "reliability", "note", "base",
    "calibrated", "calibrated_low", "calibrated_high", "checked",
)  # fmt: skip
SCORES = (
    "series", "unit", "run", "n", "r2", "mae_over_mean", "rmse", "theil_bias", "theil_variance", "theil_covariance",
)  # fmt: skip
SERIES = ("series", "variable", "measure", "unit", "course", "note")


@dataclass(frozen=True)
class Runs:
    """Some runs: courses at whole times (run, time, course), and what they say of the rows (run, row)."""

    courses: Array
    rows: Array
    failed: int = 0


def base_run(case: Case, tell: Tell) -> Found | LeftOut:
    """Courses and numbers of the base run and of the posterior's runs, beside what was observed."""
    error = unusable(case)
    observations = None if error is not None else case.observations
    names, series = _courses_of(case, observations)
    times = whole_times(case)
    supplied = {} if observations is None else {given.name: given.value for given in observations.supplied}
    try:
        base = _base(case, names, times, observations, supplied)
    except SimulationError as failure:
        return LeftOut("left_out.run_fails", {"text": str(failure)})
    tell(1, 3)
    draws, why = _draws(case)
    after = None if draws is None else _posterior(case, draws, names, times, observations, supplied)
    tell(2, 3)
    columns = [names.index(s.variable) if observations else i for i, s in enumerate(series)]
    tables = {
        "course": columns_of(COURSE, _course(series, columns, times, base, after)),
        "observed": columns_of(OBSERVED, [] if observations is None else _observed(observations, base, after)),
        "scores": columns_of(SCORES, [] if observations is None else _scores(observations, base, after)),
        "series": columns_of(SERIES, _series(case, observations, series)),
    }
    facts = {
        "place": "" if observations is None else observations.place,
        "files": [] if observations is None else [{"name": n, "sha256": d} for n, d in observations.files],
        "supplied": [] if observations is None else _supplied(observations),
        "without": _without(case, error),
        "draws": 0 if after is None else len(after.courses),
        "without_posterior": why,
        "runs": 1 + (0 if after is None else len(after.courses)),
        "failed": 0 if after is None else after.failed,
        "warnings": [] if observations is None else list(observations.warnings),
    }
    return Found(tables, facts)


@dataclass(frozen=True)
class Course:
    """A series that has a course over time."""

    name: str
    variable: str
    unit: str


def _courses_of(case: Case, observations: ObservationModel | None) -> tuple[list[str], list[Course]]:
    """Variables whose courses are shown: those of statistics that are over time; all stocks without statistics."""
    if observations is not None:
        found = [Course(s.name, s.variable, s.unit) for s in observations.series if _over_time(s)]
    else:
        stocks = dict.fromkeys(s.name for s in case.model.program.states if s.name in case.model.program.outputs)
        units = {name: (about.unit if (about := case.model.metadata.find(name)) else "") for name in stocks}
        found = [Course(name, name, units[name]) for name in list(stocks)[:MOST_STOCKS]]
    return list(dict.fromkeys(one.variable for one in found)), found


def _over_time(series: Series) -> bool:
    from cluster_sd.measures import parse

    return parse(series.measure).is_series


def _without(case: Case, error: Exception | None) -> dict[str, str]:
    """Why there are no statistics; empty where there are."""
    if error is not None:
        return {"reason": "left_out.bad_statistics", "text": str(error)}
    return {} if case.files else {"reason": "left_out.no_statistics"}


def _supplied(observations: ObservationModel) -> list[dict[str, Any]]:
    return [{"name": s.name, "unit": s.unit, "value": s.value} for s in observations.supplied]


# --- runs -------------------------------------------------------------------------------------------------------------


def _base(
    case: Case, names: Sequence[str], times: Array, observations: ObservationModel | None, supplied: dict[str, float]
) -> Runs:
    from cluster_sd.validation.case import measured

    run = case.model.run_arrays(supplied)
    at = np.clip(np.searchsorted(run.times, times - 1e-6), 0, len(run.times) - 1)
    place = {clean(name): i for i, name in enumerate(run.names)}
    courses = (
        np.column_stack([run.values[at, place[clean(name)]] for name in names]) if names else np.empty((len(at), 0))
    )
    rows = np.empty((1, 0))
    if observations is not None:
        rows = _rows(observations, measured(run, observations.measures)[None])
    return Runs(courses[None], rows)


def _rows(observations: ObservationModel, values: Array) -> Array:
    """What runs say of each row, (run, row), from the values of the measures."""
    starts = np.repeat(observations.starts[None], len(values), axis=0)
    with np.errstate(over="ignore"):  # of rows whose logarithm nobody asks for
        return observations.centre(observations.predict(values), starts)


def _draws(case: Case) -> tuple[dict[str, Array] | None, str]:
    """The shipped posterior as columns of a design; or None, and a reason's key."""
    from cluster_sd.sensitivity.draws import read_draws

    path = case.folder / POSTERIOR
    if not path.is_file():
        return None, "left_out.no_calibration"
    if case.data and not shipped(case).belongs(case):
        return None, "left_out.other_data"
    draws = read_draws(case.model, path)
    return {name: draws.values[:, i] for i, name in enumerate(draws.columns)}, ""


def _posterior(
    case: Case,
    draws: dict[str, Array],
    names: Sequence[str],
    times: Array,
    observations: ObservationModel | None,
    supplied: dict[str, float],
) -> Runs:
    own = {clean(name.partition("@")[0]) for name in draws}
    count = len(next(iter(draws.values())))
    more = {name: np.full(count, value) for name, value in supplied.items() if clean(name) not in own}
    measures = () if observations is None else observations.measures
    made = case.model.ensemble_arrays(
        {**draws, **more}, list(dict.fromkeys((*names, *measures))), threads=case.threads, seed=case.seed
    )
    good = ~made.failed
    at = np.clip(np.searchsorted(made.times, times - 1e-6), 0, len(made.times) - 1)
    courses = (
        np.stack([made.values[name][good][:, at] for name in names], axis=2)
        if names
        else np.empty((good.sum(), len(at), 0))
    )
    rows = np.empty((int(good.sum()), 0))
    if observations is not None:
        rows = _rows(observations, np.column_stack([made.values[name][good] for name in measures]))
    return Runs(courses, rows, int(made.failed.sum()))


# --- tables -----------------------------------------------------------------------------------------------------------


def _course(
    series: Sequence[Course], columns: Sequence[int], times: Array, base: Runs, after: Runs | None
) -> Iterator[tuple[Any, ...]]:
    for one, column in zip(series, columns, strict=True):
        middle = _quantiles(None if after is None else after.courses[:, :, column], len(times))
        for k, time in enumerate(times.tolist()):
            low, median, high = (float(q) for q in middle[:, k])
            yield one.name, time, float(base.courses[0, k, column]), median, low, high


def _quantiles(values: Array | None, count: int) -> Array:
    """Quantiles over runs, shape (3, count); NaN without runs."""
    if values is None or not len(values):
        return np.full((3, count), math.nan)
    return np.quantile(values, QUANTILES, axis=0)


def _observed(observations: ObservationModel, base: Runs, after: Runs | None) -> Iterator[tuple[Any, ...]]:
    middle = _quantiles(None if after is None else after.rows, len(observations.observations))
    relations = {"exact": "=", "interval": "=", "at least": ">=", "at most": "<="}
    for k, row in enumerate(observations.observations):
        series, printed = observations.series[row.series], row.statistic
        low, median, high = (float(q) for q in middle[:, k])
        relation = "~" if printed.relation == "~" else relations[row.kind]
        yield (
            series.name, row.time, relation, row.value, _finite(row.low), _finite(row.high), series.unit,
            printed.source, printed.reliability, printed.note, float(base.rows[0, k]), median, low, high,
            not series.fitted,
        )  # fmt: skip


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan


def _scores(observations: ObservationModel, base: Runs, after: Runs | None) -> Iterator[tuple[Any, ...]]:
    from cluster_sd.calibration.scores import scores

    units = {series.name: series.unit for series in observations.series}
    runs = {"base": base.rows[0]}
    if after is not None and len(after.rows):
        runs["calibrated"] = np.median(after.rows, axis=0)
    for run, rows in runs.items():
        for s in scores(observations, rows):
            yield (
                s.series, units[s.series], run, s.n, s.r2, s.mae_over_mean, s.rmse, s.theil_bias, s.theil_variance,
                s.theil_covariance,
            )  # fmt: skip


def _series(case: Case, observations: ObservationModel | None, courses: Sequence[Course]) -> Iterator[tuple[Any, ...]]:
    if observations is None:
        for one in courses:
            about = case.model.metadata.find(one.variable)
            yield one.name, one.variable, one.variable, one.unit, True, about.documentation if about else ""
        return
    for s in observations.series:
        yield s.name, s.variable, s.measure, s.unit, _over_time(s), s.note
