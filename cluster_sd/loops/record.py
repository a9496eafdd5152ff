"""Runs recorded for scores: what a program's equations hang on, at both ends of the steps that are looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.api import Model
from cluster_sd.errors import InputError
from cluster_sd.program.ir import LEAVES, Program
from cluster_sd.simulate.batch import Experiment
from cluster_sd.simulate.design import Design, read_changes, read_series
from cluster_sd.simulate.execute import executor
from cluster_sd.simulate.executor import Block
from cluster_sd.simulate.outputs import time_unit
from cluster_sd.simulate.running import Prepared, Settings, prepare

#: Leaves whose values a run alone can tell; the others follow from its inputs.
_TOLD = ("state", "previous", "pipe", "uniform", "uniform_start", "series")
#: Where a run of this package has no two neighbouring times.
_NO_STEP = "the run has no step: a loop acts between two times; let it stop after its start"


@dataclass(frozen=True, slots=True)
class Recording:
    """An experiment whose blocks can be recorded.

    Attributes
    ----------
    program : Program
        Of the experiment, with what changes ask to be laid open.
    experiment : Experiment
        Keeps the leaves `told`, after the steps `saved`.
    told : tuple of int
        Leaves of the program.
    ends : array of int, shape (time,)
        Number of the step at whose beginning an analysed time lies; the change happened in the step before.
    saved : array of int
        Those and the ones before them, increasing.
    execute : callable
        ``execute(first, last)`` gives the block of runs from `first` up to, not including, `last`.
    settings : dict
    time_unit : str
    """

    program: Program
    experiment: Experiment
    told: tuple[int, ...]
    ends: NDArray[np.int64]
    saved: NDArray[np.int64]
    execute: Callable[[int, int], Block]
    settings: Mapping[str, Any]
    time_unit: str

    @property
    def times(self) -> NDArray[np.float64]:
        """Analysed times."""
        grid = self.experiment.grid
        return np.asarray(grid.start + self.ends * grid.dt, dtype=np.float64)

    def leaves(self, block: Block, first: int, last: int) -> tuple[list[Any], list[Any]]:
        """Values of all leaves at the beginning and at the end of the analysed steps, for :func:`evaluate`.

        Returns
        -------
        before, after : list
            An entry a node (None where it is no leaf), and one behind them for tables whose points are parameters:
            numbers, or arrays with an entry for each time and run, all runs of a time side by side.
        """
        rows = {int(step): row for row, step in enumerate(self.saved)}
        ends = [rows[int(end)] for end in self.ends]
        starts = [rows[int(end) - 1] for end in self.ends]
        return self._at(block, starts, -1, first, last), self._at(block, ends, 0, first, last)

    def _at(self, block: Block, rows: list[int], shift: int, first: int, last: int) -> list[Any]:
        program, grid, runs = self.program, self.experiment.grid, last - first
        steps = self.ends + shift
        values: list[Any] = [None] * (len(program.nodes) + 1)
        now, begin = self._constants(steps, first, last)
        time = np.repeat(grid.start + steps * grid.dt, runs)
        clock = {
            "time": time,
            "step_time": time,
            "start": grid.start,
            "stop": grid.stop,
            "dt": grid.dt,
            "half_step": grid.dt / 2,
            "save_step": grid.save_step,
        }
        for i, node in enumerate(program.nodes):
            if node.op == "literal":
                values[i] = node.attr
            elif node.op in clock:
                values[i] = clock[node.op]
            elif node.op == "parameter":
                values[i] = now[node.number]
            elif node.op == "start_parameter":
                values[i] = begin[node.number]
        for column, i in enumerate(self.told):
            values[i] = block.series[rows, column, :].ravel()
        if any(table.first_parameter >= 0 for table in program.tables):
            values[len(program.nodes)] = np.array([np.broadcast_to(v, time.shape) for v in now])
        return values

    def _constants(self, steps: NDArray[np.int64], first: int, last: int) -> tuple[list[Any], list[Any]]:
        """Values of the parameters at `steps`, and at the start: numbers, or arrays as in :meth:`leaves`."""
        inputs, runs = self.experiment.inputs, last - first
        segments = inputs.segments(self.experiment.grid, first, last)
        rows = {parameter: row for row, parameter in enumerate(inputs.varying)}
        which = np.searchsorted([segment.first for segment in segments], steps, side="right") - 1

        def of(number: int, chosen: NDArray[np.int64]) -> Any:
            if number in rows:
                return np.stack([segment.varying[rows[number]] for segment in segments])[chosen].ravel()
            found = np.array([segment.values[number] for segment in segments])
            return found[0] if (found == found[0]).all() else np.repeat(found[chosen], runs)

        numbers = range(len(self.program.parameters))
        return [of(i, which) for i in numbers], [of(i, np.zeros_like(which)) for i in numbers]


def recording(
    model: Model,
    settings: Settings,
    changes: Mapping[str, Any] | None = None,
    series: Mapping[str, Any] | None = None,
    design: Design | None = None,
    most: int | None = None,
) -> Recording:
    """Prepare runs for recording: one, or one for each row of `design`.

    With `most`, no more than so many of the saved times are analysed: every second, third, … that leaves the last in.

    Raises
    ------
    InputError
        For names, numbers and settings that can't be used, and for a run without a step.
    """
    asked = (*model._scenario(settings.scenario), *read_changes(changes))
    wanted = (*read_series(series), *(design.series if design else ()))
    more, runs = (design.changes, design.runs) if design else ((), 1)
    ready = prepare(model._planner, settings, (*asked, *more), wanted, runs)
    if settings.backend == "pysd":
        raise InputError("loops are scored with the package's own engine; take backend llvm or numpy")
    return _recording(model, ready, most)


def _recording(model: Model, ready: Prepared, most: int | None) -> Recording:
    experiment = ready.experiment
    ends = experiment.grid.saves[experiment.grid.saves > 0]
    if not len(ends):
        raise InputError(_NO_STEP)
    if most is not None and len(ends) > most:
        every = next(k for k in range(2, len(ends) + 1) if len(ends) <= k * most and len(ends) % k == 0)
        ends = ends[every - 1 :: every]
    saved = np.unique(np.concatenate([ends - 1, ends]))
    program = experiment.program
    told = tuple(i for i, node in enumerate(program.nodes) if node.op in _TOLD)
    names = tuple(_label(program, i) for i in told)
    program = replace(program, outputs=dict(zip(names, told, strict=True)))
    kept = replace(experiment, program=program, grid=replace(experiment.grid, saves=saved), kept=names)
    how = executor(kept, ready.metadata, ready.solver, ready.backend)
    used = {**ready.settings, "backend": how.backend}
    return Recording(experiment.program, kept, told, ends, saved, how.execute, used, time_unit(model.metadata))


def _label(program: Program, position: int) -> str:
    """Name for a leaf that failures are told by."""
    node = program.nodes[position]
    named = {"state": program.states, "previous": program.slots, "pipe": program.pipes}
    return named[node.op][node.number].name if node.op in named else f"{node.op} {node.number}"


def inner_nodes(program: Program) -> tuple[int, ...]:
    """Operations of a program in order: what :func:`evaluate` is to be asked for."""
    return tuple(i for i, node in enumerate(program.nodes) if node.op not in LEAVES)
