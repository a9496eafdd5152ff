"""Stage ``scenarios``: the outcomes under each scenario of the model's folder, beside the base run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import SimulationError
from cluster_sd.measures import Measure, evaluate
from cluster_sd.simulate.batch import usable_cores
from cluster_sd.simulate.measuring import measured
from cluster_sd.stages.found import Found, LeftOut, columns_of
from cluster_sd.stages.kinds import scenario_kinds

if TYPE_CHECKING:
    from cluster_sd.stages.case import Case
    from cluster_sd.stages.registry import Tell

__all__ = ["side_by_side", "whole_times"]

#: Name of the run without a scenario; the second one where a scenario that changes something is called so.
BASES = ("base", "base run")


@dataclass(frozen=True)
class Ran:
    """One scenario: its outcomes, the courses of their variables (time, outcome), or why it failed."""

    name: str
    values: NDArray[np.float64]
    courses: NDArray[np.float64]
    failure: str = ""


def side_by_side(case: Case, tell: Tell) -> Found | LeftOut:
    """Outcomes and their variables' courses at whole units of time, in the base run and in each scenario."""
    folder = case.model.folder
    if not folder.outcomes:
        return LeftOut("left_out.no_outcomes")
    if not folder.scenarios:
        return LeftOut("left_out.no_scenarios")
    texts = [outcome.measure for outcome in folder.outcomes]
    measures = measured(texts, case.model.program, case.model.metadata)
    changing = [s.name for s in folder.scenarios if s.name != BASES[0] or folder.changes(s.name)]
    base = BASES[BASES[0] in changing]
    names = [None, *changing]
    ran: list[Ran] = []
    times = whole_times(case)
    with ThreadPoolExecutor(max_workers=case.threads or usable_cores()) as pool:
        for one in pool.map(lambda name: _run(case, name, name or base, measures, times), names):
            ran.append(one)
            tell(len(ran), len(names))
    titles = [outcome.name for outcome in folder.outcomes]
    failed = {one.name: one.failure for one in ran if one.failure}
    return Found(
        {
            "courses": columns_of(("scenario", "outcome", "time", "value"), _courses(ran, titles, times)),
            "numbers": columns_of(
                ("scenario", "outcome", "value", "change", "kind"), _numbers(ran, titles, scenario_kinds(case))
            ),
        },
        {"base": base, "runs": len(ran), "failed": list(failed), "failures": failed},
    )


def whole_times(case: Case) -> NDArray[np.float64]:
    """The saved times at whole units."""
    control = case.model.control
    every = control.save_step or control.dt
    steps = math.floor((control.stop - control.start) / every + 1e-9)
    times = control.start + every * np.arange(steps + 1)
    whole = times[np.abs(times - np.round(times)) < 1e-6]
    return np.asarray(np.round(whole) if len(whole) > 1 else times, dtype=np.float64)


def _run(
    case: Case,
    scenario: str | None,
    name: str,
    measures: Sequence[tuple[Measure, str]],
    times: NDArray[np.float64],
) -> Ran:
    names = list(dict.fromkeys(variable for _, variable in measures))
    try:
        run = case.model.run_arrays(scenario=scenario, variables=names)
    except SimulationError as error:
        nothing = np.full(len(measures), np.nan)
        return Ran(name, nothing, np.full((len(times), len(measures)), np.nan), str(error))
    series = {variable: run.values[:, run.names.index(variable)] for variable in names}
    values = [_value(measure, run.times, series[variable]) for measure, variable in measures]
    at = np.clip(np.searchsorted(run.times, times - 1e-6), 0, len(run.times) - 1)
    return Ran(name, np.array(values), np.column_stack([series[variable][at] for _, variable in measures]))


def _value(measure: Measure, times: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """A measure that is a number; of a series, its last value."""
    return float(values[-1]) if measure.is_series else float(evaluate(measure, times, values))


def _courses(ran: Sequence[Ran], titles: Sequence[str], times: NDArray[np.float64]) -> Iterator[tuple[Any, ...]]:
    for one in ran:
        for i, title in enumerate(titles):
            for time, value in zip(times.tolist(), one.courses[:, i].tolist(), strict=True):
                yield one.name, title, time, value


def _numbers(ran: Sequence[Ran], titles: Sequence[str], kinds: Mapping[str, str]) -> Iterator[tuple[Any, ...]]:
    base = ran[0].values
    for one in ran:
        for i, title in enumerate(titles):
            yield one.name, title, float(one.values[i]), float(one.values[i] - base[i]), kinds.get(one.name, BASES[0])
