"""The reference emitter: one NumPy call an operation, vectorised over runs.

Nothing is compiled. What the other emitters must agree with is what a reader can follow here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.program.ir import Program, Rate
from cluster_sd.program.kernel import Batch, Grid, Segment, Task
from cluster_sd.program.ops import OPS
from cluster_sd.program.random import uniform
from cluster_sd.program.schedule import Schedule, schedule
from cluster_sd.program.tables import lookup, slope

Values = list[Any]


def evaluate(program: Program, positions: Iterable[int], values: Values) -> None:
    """Evaluate the operations at `positions`, in order, into `values`; leaves and earlier values stand there already.

    Parameters
    ----------
    program : Program
    positions : iterable of int
        Without leaves.
    values : list
        One entry a node: numbers or arrays that broadcast together. Behind them stands one more, where tables whose
        values are parameters find all parameters (parameter, run).
    """
    for position in positions:
        node = program.nodes[position]
        args = [values[arg] for arg in node.args]
        if node.op in ("table", "table_slope"):
            table = program.tables[node.number]
            function = lookup if node.op == "table" else slope
            points = values[len(program.nodes)]
            first = table.first_parameter
            ys = None if first < 0 else points[first : first + len(table.x)]
            values[position] = function(table, args[0], ys)
        else:
            values[position] = OPS[node.op].numpy(*args)


@dataclass(slots=True)
class _Run:
    """What changes while a batch runs."""

    grid: Grid
    seed: int
    runs: NDArray[np.int64]
    values: Values
    states: NDArray[np.float64]
    given: NDArray[np.float64] | None = None
    slots: list[Any] = field(default_factory=list)
    pipes: list[NDArray[np.float64]] = field(default_factory=list)
    lengths: list[NDArray[np.int64]] = field(default_factory=list)
    step: int = 0


class NumpyKernel:
    """A program run by NumPy; see :class:`cluster_sd.program.kernel.Kernel`."""

    def __init__(self, task: Task) -> None:
        self.task = task
        program = task.program
        self.schedule: Schedule = schedule(program, task.kept, task.varying)
        inner = [i for i, node in enumerate(program.nodes) if node.args and node.op != "hold"]
        ops = frozenset(inner)
        self._leaves = [i for i, node in enumerate(program.nodes) if not node.args]
        self._constants = tuple(i for i in sorted((*self.schedule.fixed, *self.schedule.run)) if i in ops)
        self._time = tuple(i for i in self.schedule.time if i in ops)
        self._first = tuple(i for i in self.schedule.step if program.nodes[i].args)
        self._stage = tuple(i for i in self.schedule.stage if i in ops)
        self._save = tuple(i for i in self.schedule.save if program.nodes[i].args)
        once_a_step = ("previous", "pipe", "uniform", "series")
        self._by_step = [i for i in (*self.schedule.step, *self.schedule.save) if program.nodes[i].op in once_a_step]
        self._state_leaves = [
            (i, program.nodes[i].number) for i in self._leaves if program.nodes[i].op == "state"
        ]
        self._checked = np.array(task.checked, dtype=bool)
        self._time_leaves = [(i, program.nodes[i].op) for i in self._leaves if program.nodes[i].rate is Rate.TIME]

    def integrate(
        self,
        grid: Grid,
        segments: Sequence[Segment],
        seed: int,
        runs: NDArray[np.int64],
        series: NDArray[np.float64] | None = None,
    ) -> Batch:
        """Run all columns of the segments' `varying`; see :class:`~cluster_sd.program.kernel.Kernel`."""
        with np.errstate(all="ignore"):
            run = self._begin(grid, segments[0], seed, runs)
            run.given = series
            return self._integrate(run, grid, segments)

    def _integrate(self, run: _Run, grid: Grid, segments: Sequence[Segment]) -> Batch:
        program, kept = self.task.program, self.task.kept
        count = len(run.runs)
        series, row = np.empty((len(grid.saves), len(kept), count)), np.empty((len(kept), count))
        failed_step = np.full(count, -1, dtype=np.int64)
        failed_item = np.full(count, -1, dtype=np.int64)
        changes = {segment.first: segment for segment in segments[1:]}
        saves = {int(step): row for row, step in enumerate(grid.saves)}
        for step in range(grid.steps + 1):
            run.step = step
            if step in changes:
                self._set_constants(run, changes[step])
            self._first_stage(run)
            evaluate(program, self._save, run.values)
            for column, node in enumerate(kept):
                row[column] = run.values[node]
            self._check(run, row, failed_step, failed_item)
            if step in saves:
                series[saves[step]] = row
            if step < grid.steps:
                self._advance(run)
        return Batch(series, failed_step, failed_item)

    def _begin(self, grid: Grid, segment: Segment, seed: int, runs: NDArray[np.int64]) -> _Run:
        program = self.task.program
        values: Values = [None] * (len(program.nodes) + 1)
        run = _Run(grid, seed, runs, values, np.empty((len(program.states), len(runs))))
        fixed = {
            "start": grid.start,
            "stop": grid.stop,
            "dt": grid.dt,
            "half_step": grid.dt / 2,
            "save_step": grid.save_step,
        }
        for i in self._leaves:
            node = program.nodes[i]
            if node.op == "literal":
                values[i] = node.attr
            elif node.op in fixed:
                values[i] = fixed[node.op]
            elif node.op == "uniform_start":
                values[i] = uniform(seed, runs, node.number, 0)
        for i, node in enumerate(program.nodes):
            if node.args and self.schedule.rates[i] is Rate.LITERAL:
                values[i] = OPS[node.op].numpy(*(values[arg] for arg in node.args))
        self._set_constants(run, segment, start=True)
        self._begin_states(run)
        return run

    def _begin_states(self, run: _Run) -> None:
        program, values, count = self.task.program, run.values, len(run.runs)
        for i, state in enumerate(program.states):
            run.states[i] = values[state.initial]
        run.slots = [np.broadcast_to(values[slot.initial], (count,)) for slot in program.slots]
        for pipe in program.pipes:
            length = np.broadcast_to(np.nan_to_num(values[pipe.length], nan=1.0), (count,)).astype(np.int64)
            run.lengths.append(np.maximum(length, 1))
            run.pipes.append(np.empty((int(np.max(length, initial=1)), count)))
            run.pipes[-1][:] = values[pipe.initial]

    def _set_constants(self, run: _Run, segment: Segment, start: bool = False) -> None:
        """Put a segment's constants in place and evaluate what follows from constants alone."""
        program, values = self.task.program, run.values
        rows = {parameter: row for row, parameter in enumerate(self.task.varying)}
        now = [segment.varying[rows[i]] if i in rows else value for i, value in enumerate(segment.values)]
        if any(table.first_parameter >= 0 for table in program.tables):
            values[len(program.nodes)] = np.array([np.broadcast_to(v, run.runs.shape) for v in now])
        for i in self._leaves:
            node = program.nodes[i]
            if node.op == "parameter" or (start and node.op == "start_parameter"):
                values[i] = now[node.number]
        evaluate(program, self._constants, values)

    def _set_time(self, run: _Run, time: float, begin: float) -> None:
        for i, op in self._time_leaves:
            run.values[i] = time if op == "time" else begin
        evaluate(self.task.program, self._time, run.values)

    def _set_states(self, run: _Run, states: NDArray[np.float64]) -> None:
        for i, state in self._state_leaves:
            run.values[i] = states[state]

    def _first_stage(self, run: _Run) -> None:
        """Evaluate everything at the beginning of a step; slots and pipes move on."""
        program, values = self.task.program, run.values
        time = run.grid.start + run.step * run.grid.dt
        self._set_time(run, time, time)
        self._set_states(run, run.states)
        for i in self._by_step:
            node = program.nodes[i]
            number = node.number
            if node.op == "previous":
                values[i] = run.slots[number]
            elif node.op == "uniform":
                values[i] = uniform(run.seed, run.runs, number, run.step)
            elif node.op == "series":
                assert run.given is not None
                values[i] = run.given[min(run.step, len(run.given) - 1), number]
            else:
                where = run.step % run.lengths[number]
                values[i] = run.pipes[number][where, np.arange(len(run.runs))]
        evaluate(program, self._first, values)
        run.slots = [np.broadcast_to(values[slot.update], run.runs.shape) for slot in program.slots]
        for number, pipe in enumerate(program.pipes):
            where = run.step % run.lengths[number]
            run.pipes[number][where, np.arange(len(run.runs))] = values[pipe.input]

    def _advance(self, run: _Run) -> None:
        """One step of the scheme; the first stage stands evaluated."""
        scheme, grid = self.task.scheme, run.grid
        begin = grid.start + run.step * grid.dt
        slopes = [self._flows(run)]
        for row, share in zip(scheme.a[1:], scheme.c[1:], strict=True):
            move = sum((weight * slope_ for weight, slope_ in zip(row, slopes, strict=True) if weight), np.zeros(()))
            self._set_time(run, begin + share * grid.dt, begin)
            self._set_states(run, run.states + grid.dt * move)
            evaluate(self.task.program, self._stage, run.values)
            slopes.append(self._flows(run))
        total = sum((weight * slope_ for weight, slope_ in zip(scheme.b, slopes, strict=True) if weight), np.zeros(()))
        run.states = run.states + grid.dt * total
        for i, state in enumerate(self.task.program.states):
            if state.cut_with >= 0:
                run.states[i] = np.where(run.states[state.cut_with] < 0.0, 0.0, run.states[i])
        for i, state in enumerate(self.task.program.states):
            if state.nonnegative:
                run.states[i] = np.maximum(run.states[i], 0.0)

    def _flows(self, run: _Run) -> NDArray[np.float64]:
        flows = np.empty_like(run.states)
        for i, state in enumerate(self.task.program.states):
            flows[i] = run.values[state.derivative]
        return flows

    def _check(
        self, run: _Run, row: NDArray[np.float64], failed_step: NDArray[np.int64], failed_item: NDArray[np.int64]
    ) -> None:
        """Mark the runs in which a stock or checked value is not finite for the first time."""
        bad = ~np.isfinite(np.concatenate([run.states, row]))
        bad[len(run.states) :][~self._checked] = False
        new = bad.any(axis=0) & (failed_step < 0)
        if new.any():
            failed_step[new] = run.step
            failed_item[new] = bad[:, new].argmax(axis=0)
