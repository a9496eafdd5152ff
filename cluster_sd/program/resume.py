"""Runs in parts: a program that goes on from the middle of a run, and the bookkeeping from part to part.

Long reverse-mode runs keep only some steps (checkpoints) and run the stretches between them again. No emitter knows of
it: the program that goes on is a transformation of the program. Its stocks and held values begin at parameters, time is
counted from the whole run's start, random numbers come in as series, and so does what was in fixed delays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cluster_sd.program.build import Builder
from cluster_sd.program.ir import Node, Parameter, Pipe, Program, Slot, State
from cluster_sd.program.kernel import Batch, Grid, Kernel, Segment, Task
from cluster_sd.program.random import uniform

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a run takes along from one step to the next: stocks (state, run) and held values (slot, run)."""

    states: Array
    slots: Array


class _Resumed:
    """Builds the program that goes on.

    Its parameters are the program's, their values at the start of the run, the start and the number of the first step,
    then the stocks and held values to begin with and the lengths of fixed delays in steps; its series are the
    program's, the random streams', then the fixed delays' old contents.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.builder = builder = Builder.of(replace(program, nodes=()))
        count = len(program.parameters)
        self.start_offset = count
        self.start = builder.leaf("parameter", 2 * count)
        first = builder.leaf("parameter", 2 * count + 1)
        self.states_offset = 2 * count + 2
        self.slots_offset = self.states_offset + len(program.states)
        self.streams = tuple(sorted({node.number for node in program.nodes if node.op == "uniform"}))
        self.pipes_offset = len(program.series) + len(self.streams)
        local, dt = builder.leaf("step_time"), builder.leaf("dt")
        # whole steps since this part began: a quotient of times, rounded
        steps = builder.op("floor", builder.op("add", builder.op("div", local, dt), builder.literal(0.5)))
        self.local_step = steps
        self.step_time = builder.op("add", self.start, builder.op("mul", builder.op("add", first, steps), dt))
        self.time = builder.op("add", self.step_time, builder.op("sub", builder.leaf("time"), local))
        self.at: list[int] = []

    def build(self) -> Program:
        program, builder = self.program, self.builder
        for node in program.nodes:
            self.at.append(self._node(node))
        at = self.at
        parameters = [
            *program.parameters,
            *(Parameter(f"start({p.name})", p.value) for p in program.parameters),
            *(Parameter(name, 0.0) for name in ("start", "first step")),
            *(Parameter(f"from({item.name})", 0.0) for item in (*program.states, *program.slots)),
            *(Parameter(f"length({pipe.name})", 1.0) for pipe in program.pipes),
        ]
        states = [
            s._replace(initial=builder.leaf("start_parameter", self.states_offset + i), derivative=at[s.derivative])
            for i, s in enumerate(program.states)
        ]
        slots = [
            Slot(s.name, at[s.update], builder.leaf("start_parameter", self.slots_offset + i))
            for i, s in enumerate(program.slots)
        ]
        return replace(
            program,
            parameters=tuple(parameters),
            states=tuple(states),
            slots=tuple(slots),
            pipes=tuple(Pipe(p.name, at[p.input], at[p.length], at[p.initial]) for p in program.pipes),
            outputs={name: at[node] for name, node in program.outputs.items()},
            events=(),
            nodes=tuple(builder.nodes),
            tables=tuple(builder.tables),
            series=(*program.series, *(f"stream {s}" for s in self.streams), *(p.name for p in program.pipes)),
        )

    def _node(self, node: Node) -> int:
        builder, number = self.builder, node.attr
        if node.op == "hold":
            return builder.unique("hold", self.at[node.args[0]], attr=int(number or 0))
        if node.args:
            return builder.op(node.op, *(self.at[arg] for arg in node.args), attr=number)  # type: ignore[arg-type]
        known = {"time": self.time, "step_time": self.step_time, "start": self.start}
        if node.op in known:
            return known[node.op]
        if node.op == "literal":
            return builder.literal(float(number or 0.0))
        index = int(number or 0)
        if node.op == "start_parameter":
            return builder.leaf("parameter", self.start_offset + index)
        if node.op == "uniform":
            return builder.leaf("series", len(self.program.series) + self.streams.index(index))
        if node.op == "pipe":
            return self._pipe(index)
        return builder.leaf(node.op, index if number is not None else None)

    def _pipe(self, index: int) -> int:
        """A delay's outflow: what was in it when this part began, until that is used up."""
        builder = self.builder
        length = builder.leaf("parameter", self.slots_offset + len(self.program.slots) + index)
        old = builder.leaf("series", self.pipes_offset + index)
        return builder.op("select", builder.op("lt", self.local_step, length), old, builder.leaf("pipe", index))


class Parts:
    """A run of a program that can be taken up at any step whose snapshot there is.

    Parameters
    ----------
    task : Task
        What the whole run would be made for.
    make : callable
        Emitter: from a task to a kernel.
    """

    def __init__(self, task: Task, make: Callable[[Task], Kernel]) -> None:
        self.task = task
        program = _with_leaves(task.program)
        resumed = _Resumed(program)
        made = resumed.build()
        at, count = resumed.at, len(program.parameters)
        self._carried = [at[i] for i in _carried(program)]
        self._inputs = [at[pipe.input] for pipe in program.pipes]
        self._streams = resumed.streams
        begun = (count + parameter for parameter in task.varying)
        varying = (*task.varying, *begun, *range(resumed.states_offset, len(made.parameters)))
        kept = (*(at[i] for i in task.kept), *self._carried, *self._inputs)
        checked = (*task.checked, *(False,) * (len(kept) - len(task.kept)))
        self._kernel = make(Task(made, task.scheme, kept, varying, checked))
        starts = (*_carried(program), *(p.length for p in program.pipes), *(p.initial for p in program.pipes))
        self._start = make(Task(program, task.scheme, starts, task.varying, (False,) * len(starts)))

    def begin(self, grid: Grid, segments: Sequence[Segment], seed: int, runs: NDArray[np.int64]) -> Stretch:
        """Make a run ready; nothing is run but its start."""
        first = replace(grid, steps=0, saves=np.zeros(1, dtype=np.int64))
        series = np.zeros((1, max(1, len(self.task.program.series)), len(runs)))
        found = self._start.integrate(first, segments[:1], seed, runs, series).series[0]
        states, slots, pipes = (
            len(x) for x in (self.task.program.states, self.task.program.slots, self.task.program.pipes)
        )
        snapshot = Snapshot(found[:states], found[states : states + slots])
        lengths, initial = np.split(found[states + slots :], [pipes])
        lengths = np.maximum(np.nan_to_num(lengths, nan=1.0).astype(np.int64), 1)
        inputs = np.empty((grid.steps + 1, pipes, len(runs)))
        return Stretch(self, grid, tuple(segments), seed, runs, snapshot, lengths, initial, inputs)

    def run(
        self, whole: Stretch, snapshot: Snapshot, first: int, last: int, series: Array | None
    ) -> tuple[Batch, Snapshot]:
        """Run from step `first` to `last`; see :meth:`Stretch.run`."""
        grid = whole.grid
        part = Grid(0.0, grid.stop, grid.dt, grid.save_step, last - first, np.arange(last - first + 1, dtype=np.int64))
        given = self._given(whole, first, last, series)
        batch = self._kernel.integrate(part, _segments(whole, snapshot, first, last), whole.seed, whole.runs, given)
        count, carried = len(self.task.kept), len(self._carried)
        end = batch.series[-1, count : count + carried]
        whole.inputs[first : last + 1] = batch.series[:, count + carried :]
        states = len(self.task.program.states)
        step = np.where(batch.failed_step >= 0, batch.failed_step + first, -1)
        kept = Batch(batch.series[:, :count], step, batch.failed_item)
        return kept, Snapshot(end[:states].copy(), end[states:].copy())

    def _given(self, whole: Stretch, first: int, last: int, series: Array | None) -> Array:
        """Series of a part: the caller's rows, random numbers, old contents of fixed delays."""
        own, count = len(self.task.program.series), len(self.task.program.pipes)
        given = np.zeros((last - first + 1, max(1, own + len(self._streams) + count), len(whole.runs)))
        if series is not None and own:
            rows = np.minimum(np.arange(last - first + 1), len(series) - 1)
            given[:, :own] = series[rows]
        for column, stream in enumerate(self._streams):
            for step in range(first, last + 1):
                given[step - first, own + column] = uniform(whole.seed, whole.runs, stream, step)
        for pipe in range(count):
            came = np.arange(first, last + 1)[:, None] - whole.lengths[pipe]
            known = (came >= 0) & (came < first)
            old = whole.inputs[np.where(known, came, 0), pipe, np.arange(len(whole.runs))]
            given[:, own + len(self._streams) + pipe] = np.where(known, old, whole.initial[pipe])
        return given


@dataclass(frozen=True, slots=True)
class Stretch:
    """One run in parts: its settings, its beginning, and what has gone into its fixed delays so far.

    Attributes
    ----------
    snapshot : Snapshot
        Of step 0.
    lengths, initial : array, shape (pipe, run)
    inputs : array, shape (step, pipe, run)
        Filled by :meth:`run`.
    """

    parts: Parts
    grid: Grid
    segments: tuple[Segment, ...]
    seed: int
    runs: NDArray[np.int64]
    snapshot: Snapshot
    lengths: NDArray[np.int64]
    initial: Array
    inputs: Array

    def run(self, snapshot: Snapshot, first: int, last: int, series: Array | None = None) -> tuple[Batch, Snapshot]:
        """Run from step `first`, of which `snapshot` is, to step `last`; the rows of `series` begin with `first`'s.

        Returns
        -------
        Batch
            With a row for each step, `first` and `last` included.
        Snapshot
            Of step `last`.
        """
        return self.parts.run(self, snapshot, first, last, series)


def _carried(program: Program) -> list[int]:
    """Leaves of all states, then all slots, of a program that has them all."""
    at: Mapping[tuple[str, object], int] = {(node.op, node.attr): i for i, node in enumerate(program.nodes)}
    states = [at["state", i] for i in range(len(program.states))]
    return states + [at["previous", i] for i in range(len(program.slots))]


def _with_leaves(program: Program) -> Program:
    """The program with leaves of states and slots that nobody reads."""
    builder = Builder.of(program)
    leaves: Iterable[tuple[str, Sequence[State] | Sequence[Slot]]] = (
        ("state", program.states),
        ("previous", program.slots),
    )
    for op, many in leaves:
        for number in range(len(many)):
            builder.leaf(op, number)
    return replace(program, nodes=tuple(builder.nodes))


def _segments(whole: Stretch, snapshot: Snapshot, first: int, last: int) -> list[Segment]:
    """The run's segments in steps `first` to `last`, counted from `first`, with the parameters of a part."""
    begin = whole.segments[0]
    found: list[Segment] = []
    for segment in whole.segments:
        if segment.first > last:
            break
        rows = [segment.varying, begin.varying, snapshot.states, snapshot.slots, whole.lengths.astype(np.float64)]
        rows = np.concatenate(rows)
        own = np.zeros(len(rows) - 2 * len(segment.varying))
        values = np.concatenate([segment.values, begin.values, [whole.grid.start, float(first)], own])
        if segment.first <= first:
            found.clear()
        found.append(Segment(max(segment.first - first, 0), values, rows))
    return found
