"""A program for adaptive solvers: its right-hand side and outputs as functions of time and states."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.program.ir import Node, Parameter, Program, Rate
from cluster_sd.program.kernel import Grid, Kernel, Segment, Task
from cluster_sd.simulate.batch import Experiment, Failures, visible_name
from cluster_sd.simulate.inputs import Inputs
from cluster_sd.simulate.kernels import backend_name
from cluster_sd.solvers.adaptive import ADAPTIVE, Problem, nearness, solve
from cluster_sd.solvers.tableau import EULER

Make = Callable[[Task], Kernel]

#: More repetitions of one event than this are taken for a mistake.
MAX_EVENTS = 100_000
_CLOCK = ("time", "step_time", "start", "stop", "dt", "half_step", "save_step")
_POINT = Grid(0.0, 0.0, 1.0, 1.0, 0, np.zeros(1, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class AdaptiveRun:
    """One run by an adaptive solver.

    Attributes
    ----------
    series : array, shape (save, kept)
    failures : Failures
        Of this one run.
    detail : str
        What the solver said where it gave up.
    """

    series: NDArray[np.float64]
    failures: Failures
    detail: str


def refuse_discrete(program: Program, method: str) -> None:
    """Raise InputError where `program` has parts that advance once a step, or stocks that are cut at zero."""
    once = [*program.discrete, *program.streams]
    if once:
        raise InputError(
            f"solver {method} has no fixed step, and {_names(once)} advance once a step (random numbers, "
            f"SAMPLE IF TRUE, DELAY FIXED); take euler, heun or rk4"
        )
    cut = [state.name for state in program.states if state.nonnegative]
    if cut:
        raise InputError(
            f"solver {method} can't keep {_names(cut)} from going negative, which is done after each fixed step; take "
            f"euler, heun or rk4"
        )


def _names(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(visible_name(name) for name in names))
    shown = ", ".join(f"'{name}'" for name in unique[:4])
    return shown + (f" and {len(unique) - 4} more" if len(unique) > 4 else "")


def pointwise(program: Program) -> Program:
    """`program` as a function of a point: every leaf that isn't a literal becomes a parameter.

    Parameters are, in this order: the program's own, their values at the start, the states, and the clock
    (time, step_time, start, stop, dt, half_step, save_step).
    """
    count, states = len(program.parameters), len(program.states)
    first = {"parameter": 0, "start_parameter": count, "state": 2 * count}
    clock = {op: 2 * count + states + i for i, op in enumerate(_CLOCK)}
    nodes = []
    for node in program.nodes:
        if node.op in first:
            node = Node("parameter", (), first[node.op] + node.number, Rate.RUN)
        elif node.op in clock:
            node = Node("parameter", (), clock[node.op], Rate.RUN)
        elif node.rate is not Rate.LITERAL:
            node = node._replace(rate=Rate.RUN)
        nodes.append(node)
    parameters = [
        *program.parameters,
        *(Parameter(f"{p.name} at the start", p.value) for p in program.parameters),
        *(Parameter(s.name, 0.0) for s in program.states),
        *(Parameter(op, 0.0) for op in _CLOCK),
    ]
    return replace(program, nodes=tuple(nodes), parameters=tuple(parameters), states=(), events=(), outputs={})


class Pointwise:
    """Values of some nodes as a function of constants, clock and states.

    Parameters
    ----------
    program : Program
        The original one.
    kept : sequence of int
        Nodes that are wanted.
    make : callable
        Makes a kernel.
    moving : sequence of str
        Which of the clock's leaves differ between the columns of a call; states always do.
    """

    def __init__(self, program: Program, kept: Sequence[int], make: Make, moving: Sequence[str] = ()) -> None:
        count, states = len(program.parameters), len(program.states)
        clock = [2 * count + states + _CLOCK.index(op) for op in moving]
        self._count, self._states = count, states
        varying = (*range(2 * count, 2 * count + states), *clock)
        checked = (False,) * len(kept)
        self._width = len(kept)
        self._kernel = make(Task(pointwise(program), EULER, tuple(kept), varying, checked)) if kept else None
        self.backend = "" if self._kernel is None else backend_name(self._kernel)

    def __call__(
        self,
        now: NDArray[np.float64],
        start: NDArray[np.float64],
        clock: Sequence[float],
        states: NDArray[np.float64],
        moving: Sequence[NDArray[np.float64]] = (),
    ) -> NDArray[np.float64]:
        """Evaluate.

        Parameters
        ----------
        now, start : array, shape (parameter,)
            Parameter values at this time, and at the start of the run.
        clock : sequence of float
            In the order of time, step_time, start, stop, dt, half_step, save_step.
        states : array, shape (state, column)
        moving : sequence of array, shape (column,)

        Returns
        -------
        array, shape (kept, column)
        """
        columns = states.shape[1]
        if self._kernel is None:
            return np.empty((0, columns))
        values = np.concatenate([now, start, np.zeros(self._states), np.asarray(clock, dtype=float)])
        varying = np.ascontiguousarray(np.vstack([states, *moving]) if len(moving) else states)
        segment = Segment(0, values, varying)
        return self._kernel.integrate(_POINT, (segment,), 0, np.arange(columns)).series[0]


class AdaptiveRunner:
    """Runs an experiment, one run at a time, by an adaptive solver.

    Parameters
    ----------
    experiment : Experiment
    method : str
        A key of :data:`cluster_sd.solvers.adaptive.ADAPTIVE`.
    make : callable
        Makes a kernel for a task.
    checked : sequence of bool
        For each kept output, whether a value that is not finite fails the run.
    """

    def __init__(self, experiment: Experiment, method: str, make: Make, checked: Sequence[bool]) -> None:
        if method not in ADAPTIVE:
            raise InputError(f"unknown adaptive solver '{method}'; it can be {', '.join(ADAPTIVE)}")
        program = experiment.program
        refuse_discrete(program, method)
        self.experiment, self.method, self.checked = experiment, method, tuple(checked)
        kept = [program.outputs[name] for name in experiment.kept]
        self._near = nearness(experiment.grid.start, experiment.grid.stop)
        self._rhs = Pointwise(program, [s.derivative for s in program.states], make)
        self._initial = Pointwise(program, [s.initial for s in program.states], make)
        self._outputs = Pointwise(program, kept, make, ("time", "step_time"))
        self._event_nodes = sorted({n for e in program.events for n in e if n >= 0})
        self._events = Pointwise(program, self._event_nodes, make)
        self.backend = self._outputs.backend

    def run(self, number: int) -> AdaptiveRun:
        """Run the run of that number."""
        experiment = self.experiment
        grid, inputs = experiment.grid, experiment.inputs
        changes = inputs.change_times(grid)
        constants = [one_run(inputs, number, time) for time in (grid.start, *changes)]
        begins = np.array([grid.start, *changes])

        def at(left: float) -> NDArray[np.float64]:
            return constants[int(np.searchsorted(begins, left + self._near, side="right")) - 1]

        states = np.zeros((len(experiment.program.states), 1))
        initial = self._initial(constants[0], constants[0], self._clock(grid.start, grid.start), states)[:, 0]

        def rhs(left: float, t: float, y: NDArray[np.float64]) -> NDArray[np.float64]:
            columns = y if y.ndim == 2 else y[:, None]
            flows = self._rhs(at(left), constants[0], self._clock(t, left), columns)
            return flows if y.ndim == 2 else flows[:, 0]

        breaks = [*changes, *self._break_times(constants)]
        longest = max(grid.save_step, (grid.stop - grid.start) / 100, grid.dt)
        last = float(grid.times[-1])
        problem = Problem(rhs, initial, grid.start, last, grid.times, breaks, longest)
        solution = solve(problem, self.method)
        series = self._at_saves(solution.states, solution.lefts, constants, begins)
        failures = self._failures(solution.states, series, solution.gave_up, solution.last, rhs)
        return AdaptiveRun(series, failures, _told(solution.message, self.method))

    def _clock(self, time: float, left: float) -> tuple[float, ...]:
        grid = self.experiment.grid
        return (time, left, grid.start, grid.stop, grid.dt, self._near, grid.save_step)

    def _break_times(self, constants: Sequence[NDArray[np.float64]]) -> list[float]:
        """Times of the model's own events, for all values that its constants take in this run."""
        grid, program = self.experiment.grid, self.experiment.program
        if not self._event_nodes:
            return []
        times: set[float] = set()
        for now in constants:
            states = np.zeros((len(program.states), 1))
            values = self._events(now, constants[0], self._clock(grid.start, grid.start), states)[:, 0]
            known = dict(zip(self._event_nodes, values.tolist(), strict=True))
            for event in program.events:
                first, period, last = (known[n] if n >= 0 else math.nan for n in event)
                times.update(_occurrences(first, period, last, grid))
        return sorted(times)

    def _at_saves(
        self,
        states: NDArray[np.float64],
        lefts: NDArray[np.float64],
        constants: Sequence[NDArray[np.float64]],
        begins: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Kept outputs at the saved times, with the constants that hold there."""
        times = self.experiment.grid.times
        series = np.empty((len(times), len(self.experiment.kept)))
        owner = np.searchsorted(begins, lefts + self._near, side="right") - 1
        for number, now in enumerate(constants):
            rows = np.flatnonzero(owner == number)
            if len(rows):
                clock, moving = self._clock(0.0, 0.0), (times[rows], lefts[rows])
                series[rows] = self._outputs(now, constants[0], clock, states[rows].T, moving).T
        return series

    def _failures(
        self,
        states: NDArray[np.float64],
        series: NDArray[np.float64],
        gave_up: float | None,
        last: NDArray[np.float64],
        rhs: Callable[[float, float, NDArray[np.float64]], NDArray[np.float64]],
    ) -> Failures:
        """First saved time at which a stock or checked output is not finite, else where the solver gave up."""
        grid = self.experiment.grid
        checked = np.array(self.checked, dtype=bool)
        bad = np.hstack([~np.isfinite(states), ~np.isfinite(series) & checked])
        rows = np.flatnonzero(bad.any(axis=1))
        if len(rows) and (gave_up is None or grid.times[rows[0]] <= gave_up):
            return Failures(np.array([int(np.argmax(bad[rows[0]]))]), np.array([grid.times[rows[0]]]))
        if gave_up is None:
            return Failures.none(1)
        return Failures(np.array([_culprit(last, rhs(gave_up, gave_up, last))]), np.array([gave_up]))


def _told(message: str, method: str) -> str:
    """What to do where a solver gave up, after its own words."""
    words = message.strip().rstrip(".")
    return words and f"{method}: {words}; rk4 gets over a switch that depends on the state, bdf over a stiff stretch"


def _culprit(y: NDArray[np.float64], flow: NDArray[np.float64]) -> int:
    """Stock that stopped the solver: one that is not finite, one whose flow is not, else the fastest for its size."""
    for bad in (~np.isfinite(y), ~np.isfinite(flow)):
        if bad.any():
            return int(np.argmax(bad))
    return int(np.argmax(np.abs(flow) / (np.abs(y) + 1e-300))) if len(y) else 0


def _occurrences(first: float, period: float, last: float, grid: Grid) -> Iterator[float]:
    """Times of one event within the run."""
    if not math.isfinite(first):
        return
    end = min(last, grid.stop) if math.isfinite(last) else grid.stop
    if math.isfinite(last):
        yield last
    if not (math.isfinite(period) and period > 0):
        yield first
        return
    count = (end - first) / period
    if count > MAX_EVENTS:
        raise InputError(
            f"a pulse that repeats every {period:.3g} happens {count:,.0f} times in the run; take a fixed-step solver"
        )
    for i in range(max(0, math.floor((grid.start - first) / period)), math.floor(count + 1e-9) + 1):
        yield first + i * period


def one_run(inputs: Inputs, number: int, time: float) -> NDArray[np.float64]:
    """Parameter values of one run that hold at `time`."""
    values = inputs.base.copy()
    for column in sorted(inputs.columns, key=lambda c: c.time):
        if column.time <= time:
            values[column.parameter] = column.values[number] if column.values.ndim else column.values
    return values
