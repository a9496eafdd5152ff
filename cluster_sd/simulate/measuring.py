"""Measures of many runs: what must be kept for them, and the arrays that they fill block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.measures import Measure, evaluate, needs, parse
from cluster_sd.program.ir import Program
from cluster_sd.program.kernel import Grid
from cluster_sd.simulate.batch import Experiment, item_name
from cluster_sd.simulate.dataset import EnsembleArrays
from cluster_sd.simulate.executor import Block
from cluster_sd.simulate.metadata import Metadata
from cluster_sd.simulate.outputs import check_size, pick_variables, time_unit
from cluster_sd.simulate.plan import key_of


@dataclass(frozen=True, slots=True)
class Picked:
    """A measure with its place in the kept outputs."""

    text: str
    measure: Measure
    output: str
    column: int


def narrowed(experiment: Experiment, metadata: Metadata, texts: Sequence[str]) -> tuple[Experiment, list[Picked]]:
    """The experiment with only those outputs and saved times that the measures need."""
    asked = measured(texts, experiment.program, metadata)
    kept = tuple(dict.fromkeys(name for _, name in asked))
    picked = [Picked(text, m, name, kept.index(name)) for text, (m, name) in zip(texts, asked, strict=True)]
    times = experiment.grid.times
    rows = np.unique(np.concatenate([needs(measure, times) for measure, _ in asked]))
    grid = experiment.grid if len(rows) == len(times) else replace(experiment.grid, saves=experiment.grid.saves[rows])
    return replace(experiment, kept=kept, grid=grid), picked


def measured(texts: Sequence[str], program: Program, metadata: Metadata) -> list[tuple[Measure, str]]:
    """Measures with the outputs that they are taken of.

    Raises
    ------
    InputError
        Where there is none, one can't be read, or one names no scalar variable.
    """
    if not texts:
        raise InputError("no measure is asked for; name some, as final(Name), Name@2024 or Name")
    names = {key_of(name) for name in program.outputs}
    asked = [parse(text, lambda name: key_of(name) in names) for text in texts]
    return [(measure, _measured(measure, program, metadata)) for measure in asked]


def _measured(measure: Measure, program: Program, metadata: Metadata) -> str:
    found, *more = pick_variables(program, metadata, [measure.variable])
    if more or key_of(measure.variable) != key_of(found):
        raise InputError(f"measure '{measure.text}': '{measure.variable}' is an array; name an element, as '{found}'")
    return found


def _unit(measure: Measure, unit: str, clock: str) -> str:
    """Unit of a measure of a variable of that unit."""
    return clock if measure.kind in ("time_of_max", "time_above") else unit


@dataclass(frozen=True, slots=True)
class Results:
    """Result arrays, runs along the first axis, filled block by block."""

    experiment: Experiment
    picked: Sequence[Picked]
    times: NDArray[np.float64]
    values: Mapping[str, NDArray[np.float64]]
    item: NDArray[np.int64]
    time: NDArray[np.float64]

    @classmethod
    def empty(cls, experiment: Experiment, picked: Sequence[Picked], grid: Grid) -> Results:
        """Arrays for an experiment whose full grid is `grid`."""
        runs, series = experiment.inputs.runs, len(grid.saves)
        width = sum(series if one.measure.is_series else 1 for one in picked)
        check_size(float(runs) * width, "runs or measures")
        values = {one.text: np.full((runs, series) if one.measure.is_series else runs, np.nan) for one in picked}
        return cls(experiment, picked, grid.times, values, np.full(runs, -1, dtype=np.int64), np.full(runs, np.nan))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays, for a checkpoint."""
        return {**{f"value {name}": array for name, array in self.values.items()}, "item": self.item, "time": self.time}

    def fill(self, first: int, last: int, block: Block) -> None:
        """Measure the runs of a block."""
        good = block.failures.item < 0
        times = self.experiment.grid.times
        for one in self.picked:
            rows = needs(one.measure, times)
            with np.errstate(all="ignore"):
                made = evaluate(one.measure, times[rows], block.series[rows, one.column, :])
            self.values[one.text][first:last] = np.where(good, made, np.nan).T
        self.item[first:last] = block.failures.item
        self.time[first:last] = block.failures.time

    def finished(self, metadata: Metadata, settings: Mapping[str, Any]) -> EnsembleArrays:
        """The results with names and units."""
        experiment, clock = self.experiment, time_unit(metadata)
        names = [item_name(experiment, i) for i in range(len(experiment.program.states) + len(experiment.kept))]
        about = [metadata.find(one.output) for one in self.picked]
        return EnsembleArrays(
            measures=tuple(one.text for one in self.picked),
            values=self.values,
            times=self.times,
            failed=self.item >= 0,
            failed_variable=np.array([*names, ""], dtype=object)[self.item],
            failed_time=self.time,
            units=tuple(_unit(o.measure, v.unit if v else "", clock) for o, v in zip(self.picked, about, strict=True)),
            documentation=tuple("" if v is None else v.documentation for v in about),
            time_unit=clock,
            settings=settings,
        )
