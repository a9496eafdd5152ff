"""Reverse mode: a run that keeps its trajectory, and one sweep back over it a measure and run."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cluster_sd.program.adjoint import backward
from cluster_sd.program.ir import Program
from cluster_sd.program.kernel import Batch, Kernel, Task
from cluster_sd.program.resume import Parts, Snapshot, Stretch
from cluster_sd.simulate.cases import LANES, Case
from cluster_sd.simulate.functionals import Functional, evaluate_all
from cluster_sd.solvers.tableau import EULER, Tableau

Array = NDArray[np.float64]

#: Trajectories of a block that take more memory are not kept but run again from checkpoints.
CHECKPOINT_BYTES = 256 * 2**20


class Reverse:
    """Reverse mode: kernels of the run that keeps its trajectory and of the sweep back over it."""

    def __init__(
        self,
        program: Program,
        parameters: tuple[int, ...],
        outputs: tuple[int, ...],
        scheme: Tableau,
        varying: tuple[int, ...],
        make: Callable[[Task], Kernel],
        segments: bool,
        plain: bool,
    ) -> None:
        self.make, self.varying, self.states = make, varying, len(program.states)
        self.sweep = sweep = backward(program, scheme, outputs, parameters, segments=segments, plain=plain)
        checked = (False,) * len(sweep.trajectory) + (True,) * len(outputs)
        self.there = Task(program, scheme, (*sweep.trajectory, *outputs), varying, checked)
        unchecked = (False,) * len(sweep.gradient)
        self.back = Task(sweep.program, EULER, sweep.gradient, sweep.varying(varying), unchecked)

    @property
    def width(self) -> int:
        """Numbers kept a step and run: the trajectory's, then the outputs'."""
        return len(self.there.kept)

    @functools.cached_property
    def _kernels(self) -> tuple[Kernel, Kernel]:
        return self.make(self.there), self.make(self.back)

    @functools.cached_property
    def _parts(self) -> tuple[Parts, Parts]:
        return Parts(self.there, self.make), Parts(self.back, self.make)

    def run(self, case: Case, measures: Sequence[tuple[Functional, list[int]]]) -> tuple[Array, Array, Batch]:
        """Values (measure, run) and derivatives (measure, parameter, run) of measures with their outputs' columns."""
        if 8 * (case.grid.steps + 1) * self.width * len(case.runs) > CHECKPOINT_BYTES:
            return self._checkpointed(case, measures)
        there, back = self._kernels
        every = replace(case.grid, saves=np.arange(case.grid.steps + 1, dtype=np.int64))
        batch = there.integrate(every, case.segments, case.seed, case.runs)
        series = batch.series[case.grid.saves, len(self.sweep.trajectory) :]
        values, cotangents = evaluate_all(measures, case.grid.times, series)
        jacobian = np.empty((len(measures), len(self.sweep.gradient), len(case.runs)))
        together = max(1, LANES // len(case.runs))
        for first in range(0, len(measures), together):
            some = cotangents[first : first + together]
            wide, trajectory = case.repeated(len(some)), batch.series
            if len(some) > 1:
                trajectory = np.tile(trajectory, (1, 1, len(some)))
            given = trajectory[:, len(self.sweep.trajectory) :]
            given[:] = 0.0  # the outputs' own columns take their cotangents
            given[wide.grid.saves] = np.concatenate(some, axis=2)
            parts = self.sweep.segments(wide.grid, wide.segments, wide.moves)
            found = back.integrate(self.sweep.grid(wide.grid.steps), parts, wide.seed, wide.runs, trajectory[::-1])
            jacobian[first : first + together] = found.series[0].reshape(-1, len(some), len(case.runs)).swapaxes(0, 1)
        return values, jacobian, self._counted(batch)

    def _checkpointed(self, case: Case, measures: Sequence[tuple[Functional, list[int]]]) -> tuple[Array, Array, Batch]:
        """The same in memory that grows with the root of the number of steps, for one run more."""
        there, back = self._parts
        grid, count = case.grid, len(self.sweep.trajectory)
        whole = there.begin(grid, case.segments, case.seed, case.runs)
        marks = _marks(grid.steps)
        snapshot, snapshots = whole.snapshot, []
        series = np.empty((len(grid.saves), self.width - count, len(case.runs)))
        failed = Batch(series, *(np.full(len(case.runs), -1, dtype=np.int64) for _ in range(2)))
        for first, last in marks:
            snapshots.append(snapshot)
            batch, snapshot = whole.run(snapshot, first, last)
            rows = np.flatnonzero((grid.saves >= first) & (grid.saves <= last))
            series[rows] = batch.series[grid.saves[rows] - first, count:]
            new = (failed.failed_step < 0) & (batch.failed_step >= 0)
            failed.failed_step[new], failed.failed_item[new] = batch.failed_step[new], batch.failed_item[new]
        values, cotangents = evaluate_all(measures, grid.times, series)
        parts = self.sweep.segments(grid, case.segments, case.moves)
        sweeps = [back.begin(self.sweep.grid(grid.steps), parts, case.seed, case.runs) for _ in measures]
        adjoints = [sweep.snapshot for sweep in sweeps]
        for (first, last), snapshot in zip(reversed(marks), reversed(snapshots), strict=True):
            batch, _ = whole.run(snapshot, first, last)
            jacobian = []
            for number, cotangent in enumerate(cotangents):
                found, adjoints[number] = self._back_over(
                    sweeps[number], adjoints[number], batch, (first, last), (grid.saves, cotangent)
                )
                jacobian.append(found)
        return values, np.array(jacobian), self._counted(failed)

    def _back_over(
        self,
        sweep: Stretch,
        adjoint: Snapshot,
        batch: Batch,
        span: tuple[int, int],
        cotangent: tuple[NDArray[np.int64], Array],
    ) -> tuple[Array, Snapshot]:
        """Sweep back over the steps of `span` (the last one is the next part's, except at the end of the run)."""
        (first, last), (saves, values) = span, cotangent
        end = last if last == sweep.grid.steps - 1 else last - 1
        given = batch.series[: end - first + 1]
        given[:, len(self.sweep.trajectory) :] = 0.0
        rows = np.flatnonzero((saves >= first) & (saves <= end))
        given[saves[rows] - first, len(self.sweep.trajectory) :] = values[rows]
        steps = sweep.grid.steps - 1
        found, adjoint = sweep.run(adjoint, steps - end, steps - first + 1, given[::-1])
        return found.series[-1], adjoint

    def _counted(self, batch: Batch) -> Batch:
        """`batch` with failures counted as those of a run that keeps the outputs alone."""
        item = batch.failed_item
        item = np.where(item >= self.states, item - len(self.sweep.trajectory), item)
        return Batch(batch.series, batch.failed_step, item)


def _marks(steps: int) -> list[tuple[int, int]]:
    """Parts of a run, (first, last) step, about as many as they are long."""
    size = max(1, math.isqrt(max(steps - 1, 0)) + 1)
    return [(first, min(first + size, steps)) for first in range(0, max(steps, 1), size)]
