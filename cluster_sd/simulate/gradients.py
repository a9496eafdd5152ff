"""Derivatives of measures of a run in its parameters, in forward or reverse mode.

Plain arrays in and out; names, units and datasets are other modules' business. A :class:`Differentiator` is made once
for a program, some parameters and some measures (that is when programs are transformed and compiled) and called for
each point. What comes out is the derivative of the discretised run, exact to rounding, whatever the mode.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import UnsupportedError
from cluster_sd.program import derive
from cluster_sd.program.continuity import discontinuous
from cluster_sd.program.emit_numpy import NumpyKernel
from cluster_sd.program.ir import Program
from cluster_sd.program.kernel import Grid, Kernel, Segment, Task
from cluster_sd.simulate.cases import LANES, Case, cut
from cluster_sd.simulate.forward_mode import Sensitivities, Tangent
from cluster_sd.simulate.functionals import Functional, functional
from cluster_sd.simulate.reverse_mode import Reverse
from cluster_sd.solvers.tableau import Tableau

__all__ = [
    "MODES", "Differentiator", "Functional", "Gradient", "JacobianSeries", "Sensitivities", "functional", "gradient",
    "state_jacobian",
]  # fmt: skip

Array = NDArray[np.float64]
Make = Callable[[Task], Kernel]

#: Modes by name: ``auto`` takes the one that costs less.
MODES = ("auto", "forward", "reverse")
#: Memory that the trajectories of one block of runs should take, in bytes: what stays in a near cache is fast to go
#: back over.
BLOCK_BYTES = 2 * 2**20
#: Cost of a forward-mode lane and of a backward sweep, in runs.
FORWARD_COST, BACKWARD_COST = 2.0, 2.0


@dataclass(frozen=True, slots=True)
class Gradient:
    """Values of measures and their derivatives.

    Attributes
    ----------
    measures, parameters : tuple of str
        Names.
    values : array, shape (measure, run)
    jacobian : array, shape (measure, parameter, run)
        Derivative of each measure in each parameter; NaN in runs that failed.
    discontinuous : array of bool, shape (measure, parameter)
        The measure may jump when the parameter moves: its derivative says nothing about what is across the jump, and
        should not be used.
    failed_step, failed_item : array of int, shape (run,)
        As in :class:`cluster_sd.program.kernel.Batch`; `failed_item` counts the program's states, then the
        differentiator's outputs.
    mode : str
        ``forward`` or ``reverse``, whichever was used.
    """

    measures: tuple[str, ...]
    parameters: tuple[str, ...]
    values: Array
    jacobian: Array
    discontinuous: NDArray[np.bool_]
    failed_step: NDArray[np.int64]
    failed_item: NDArray[np.int64]
    mode: str


class Differentiator:
    """Made ready to derive some measures of runs of a program in some of its parameters.

    Parameters
    ----------
    program : Program
    parameters : sequence of int
        Indices of the parameters to derive in.
    measures : sequence of Functional
    scheme : Tableau
        Scheme of the run.
    varying : sequence of int
        Parameters that may differ between runs, in the order of the rows of the segments' `varying`. Parameters that
        are derived in need not be among them.
    mode : str
        One of :data:`MODES`.
    make : callable
        Emitter: from a task to a kernel.

    Notes
    -----
    Forward mode runs one lane a parameter and run; reverse mode one backward sweep a measure and run. Programs are
    transformed and compiled when a mode is first used. Calls are safe from several threads.
    """

    def __init__(
        self,
        program: Program,
        parameters: Sequence[int],
        measures: Sequence[Functional],
        scheme: Tableau,
        varying: Sequence[int] = (),
        *,
        mode: str = "auto",
        make: Make = NumpyKernel,
    ) -> None:
        if mode not in MODES:
            raise UnsupportedError(f"no derivative mode {mode!r}; there are {', '.join(MODES)}")
        self.program, self.scheme, self.mode, self.make = program, scheme, mode, make
        self.parameters, self.varying = tuple(parameters), tuple(varying)
        self.measures = tuple(measures)
        self.outputs = tuple(dict.fromkeys(node for measure in measures for node in measure.outputs))
        self._tangents: dict[bool, Tangent] = {}
        self._sweeps: dict[tuple[bool, bool], Reverse] = {}
        self._picked: tuple[Grid, tuple[list[int], list[int], list[int], list[int]]] | None = None
        self._columns = [[self.outputs.index(node) for node in measure.outputs] for measure in measures]

    def __call__(
        self,
        grid: Grid,
        segments: Sequence[Segment],
        seed: int = 0,
        runs: NDArray[np.int64] | None = None,
        *,
        moves: NDArray[np.bool_] | None = None,
    ) -> Gradient:
        """Values and derivatives of the measures.

        Parameters
        ----------
        grid : Grid
        segments : sequence of Segment
            Values of the parameters, as for :meth:`cluster_sd.program.kernel.Kernel.integrate`.
        seed : int
        runs : array of int, optional
            Numbers of the runs; 0, 1, … where not given.
        moves : array of bool, shape (segment, parameter) or (segment, parameter, run), optional
            In which segments a parameter is the one derived in. By itself, in the first and in those that leave its
            value as it was: a change that a scenario dictates from some year on doesn't move with the base value.
        """
        runs = np.arange(_width(segments), dtype=np.int64) if runs is None else np.asarray(runs, dtype=np.int64)
        moves = self._moves(segments, len(runs), moves)
        mode = self._cheaper(len(runs)) if self.mode == "auto" else self.mode
        by_mode = self._forward_mode if mode == "forward" else self._reverse_mode
        values, jacobian, failed_step, failed_item = by_mode(grid, segments, moves, seed, runs)
        jacobian[:, :, failed_step >= 0] = np.nan
        measures = tuple(measure.name for measure in self.measures)
        names = tuple(self.program.parameters[p].name for p in self.parameters)
        return Gradient(measures, names, values, jacobian, self.discontinuous, failed_step, failed_item, mode)

    @functools.cached_property
    def discontinuous(self) -> NDArray[np.bool_]:
        """Flags, shape (measure, parameter), see :class:`Gradient`."""
        flags = np.zeros((len(self.measures), len(self.parameters)), dtype=bool)
        for row, measure in enumerate(self.measures):
            found = discontinuous(self.program, measure.outputs)
            flags[row] = [measure.jumps or parameter in found for parameter in self.parameters]
        return flags

    def _moves(self, segments: Sequence[Segment], runs: int, given: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        """Flags of shape (segment, parameter, run)."""
        shape = (len(segments), len(self.parameters), runs)
        if given is not None:
            flags = np.asarray(given, dtype=bool)
            return np.broadcast_to(flags if flags.ndim == 3 else flags[:, :, None], shape)
        rows = {parameter: row for row, parameter in enumerate(self.varying)}

        def value(segment: Segment, parameter: int) -> Array:
            return segment.varying[rows[parameter]] if parameter in rows else segment.values[parameter]

        flags = np.ones(shape, dtype=bool)
        for number, segment in enumerate(segments[1:], start=1):
            for place, parameter in enumerate(self.parameters):
                flags[number, place] = value(segment, parameter) == value(segments[0], parameter)
        return flags

    def _cheaper(self, runs: int) -> str:
        """Mode that costs less for `runs` runs at once; a block of lanes costs the same, full or not."""

        def blocks(columns: int) -> int:
            return -(-columns // LANES)

        forward = FORWARD_COST * blocks(runs * len(self.parameters))
        reverse = blocks(runs) + BACKWARD_COST * blocks(runs * len(self.measures))
        return "forward" if forward <= reverse else "reverse"

    # -- forward -----------------------------------------------------------------------------------------------------

    def _tangent(self, plain: bool) -> Tangent:
        if plain not in self._tangents:
            self._tangents[plain] = Tangent.make(
                self.program, self.parameters, self.outputs, self.scheme, self.varying, self.make, plain
            )
        return self._tangents[plain]

    def sensitivities(
        self,
        grid: Grid,
        segments: Sequence[Segment],
        seed: int = 0,
        runs: NDArray[np.int64] | None = None,
        *,
        moves: NDArray[np.bool_] | None = None,
    ) -> Sensitivities:
        """Saved values of the measures' outputs (:attr:`outputs`) and their derivatives, always in forward mode."""
        runs = np.arange(_width(segments), dtype=np.int64) if runs is None else np.asarray(runs, dtype=np.int64)
        moves = self._moves(segments, len(runs), moves)
        case = Case(grid, list(segments), moves, seed, runs)
        found, doubtful = self._tangent(True).run(case)
        if doubtful.any():
            careful, _ = self._tangent(False).run(case.only(np.flatnonzero(doubtful)))
            for mine, new in zip(_arrays(found), _arrays(careful), strict=True):
                mine[..., doubtful] = new
        return found

    def _forward_mode(
        self, grid: Grid, segments: Sequence[Segment], moves: NDArray[np.bool_], seed: int, runs: NDArray[np.int64]
    ) -> tuple[Array, Array, NDArray[np.int64], NDArray[np.int64]]:
        values = np.empty((len(self.measures), len(runs)))
        jacobian = np.empty((len(self.measures), len(self.parameters), len(runs)))
        step, item = np.empty(len(runs), dtype=np.int64), np.empty(len(runs), dtype=np.int64)
        per_run = 16 * len(grid.saves) * max(1, len(self.outputs)) * max(1, len(self.parameters))
        picked, saves, outputs, others = self._picks(grid)
        for block in _blocks(len(runs), per_run):
            found = self.sensitivities(grid, cut(segments, block), seed, runs[block], moves=moves[:, :, block])
            step[block], item[block] = found.failed_step, found.failed_item
            values[picked, block] = found.series[saves, outputs]
            jacobian[picked, :, block] = found.tangents[saves, outputs]
            for row in others:
                columns = self._columns[row]
                with np.errstate(all="ignore"):
                    values[row, block], weights = self.measures[row].evaluate(grid.times, found.series[:, columns])
                    jacobian[row, :, block] = _contract(weights, found.tangents[:, columns])
        return values, jacobian, step, item

    def _picks(self, grid: Grid) -> tuple[list[int], list[int], list[int], list[int]]:
        """Measures that are one saved value: their rows, saved times and outputs; and the rows of all others."""
        if self._picked is None or self._picked[0] is not grid:  # one grid after the other is nearly always the same
            times = grid.times
            picked = [(row, m.pick(times), self._columns[row][0]) for row, m in enumerate(self.measures) if m.pick]
            rows, saves, outputs = ([one[k] for one in picked] for k in range(3))
            self._picked = grid, (rows, saves, outputs, [row for row, m in enumerate(self.measures) if not m.pick])
        return self._picked[1]

    # -- reverse -----------------------------------------------------------------------------------------------------

    def _sweep(self, segments: bool, plain: bool) -> Reverse:
        if (segments, plain) not in self._sweeps:
            self._sweeps[segments, plain] = Reverse(
                self.program, self.parameters, self.outputs, self.scheme, self.varying, self.make, segments, plain
            )
        return self._sweeps[segments, plain]

    def _reverse_mode(
        self, grid: Grid, segments: Sequence[Segment], moves: NDArray[np.bool_], seed: int, runs: NDArray[np.int64]
    ) -> tuple[Array, Array, NDArray[np.int64], NDArray[np.int64]]:
        several = len(segments) > 1
        sweep = self._sweep(several, True)
        values = np.empty((len(self.measures), len(runs)))
        jacobian = np.empty((len(self.measures), len(self.parameters), len(runs)))
        step, item = np.empty(len(runs), dtype=np.int64), np.empty(len(runs), dtype=np.int64)
        measures = list(zip(self.measures, self._columns, strict=True))
        for block in _blocks(len(runs), 8 * (grid.steps + 1) * sweep.width):
            case = Case(grid, cut(segments, block), moves[:, :, block], seed, runs[block])
            values[:, block], found, batch = sweep.run(case, measures)
            doubtful = np.isnan(found).any(axis=(0, 1)) & (batch.failed_step < 0)
            if doubtful.any():
                careful = self._sweep(several, False)
                _, found[..., doubtful], _ = careful.run(case.only(np.flatnonzero(doubtful)), measures)
            jacobian[:, :, block] = found
            step[block], item[block] = batch.failed_step, batch.failed_item
        return values, jacobian, step, item


def gradient(
    program: Program,
    parameters: Sequence[int],
    measures: Sequence[Functional],
    scheme: Tableau,
    grid: Grid,
    segments: Sequence[Segment],
    *,
    varying: Sequence[int] = (),
    seed: int = 0,
    runs: NDArray[np.int64] | None = None,
    mode: str = "auto",
    make: Make = NumpyKernel,
) -> Gradient:
    """Values and derivatives of `measures` in `parameters`, for once; :class:`Differentiator` says what is what."""
    made = Differentiator(program, parameters, measures, scheme, varying, mode=mode, make=make)
    return made(grid, segments, seed, runs)


@dataclass(frozen=True, slots=True)
class JacobianSeries:
    """How net flows depend on stocks along runs.

    Attributes
    ----------
    rows, columns : array of int, shape (entry,)
        Positions in ``program.states``: whose net flow, in which stock. Pairs that aren't here are zero.
    values : array, shape (save, entry, run)
    size : int
        Number of states.
    failed_step, failed_item : array of int, shape (run,)
        As in :class:`cluster_sd.program.kernel.Batch`.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: Array
    size: int
    failed_step: NDArray[np.int64]
    failed_item: NDArray[np.int64]

    def dense(self) -> Array:
        """All entries, shape (save, row, column, run)."""
        found = np.zeros((len(self.values), self.size, self.size, self.values.shape[2]))
        found[:, self.rows, self.columns] = self.values
        return found


def state_jacobian(
    program: Program,
    scheme: Tableau,
    grid: Grid,
    segments: Sequence[Segment],
    *,
    varying: Sequence[int] = (),
    seed: int = 0,
    runs: NDArray[np.int64] | None = None,
    make: Make = NumpyKernel,
) -> JacobianSeries:
    """Exact derivatives of the net flows in the stocks at the saved times; parameters as for :func:`gradient`."""
    runs = np.arange(_width(segments), dtype=np.int64) if runs is None else np.asarray(runs, dtype=np.int64)
    found = derive.state_jacobian(program)
    kept = tuple(found.entries.values())
    kernel = make(Task(found.program, scheme, kept, tuple(varying), (False,) * len(kept)))
    batch = kernel.integrate(grid, segments, seed, runs)
    pairs = np.array(list(found.entries), dtype=np.int64).reshape(-1, 2)
    return JacobianSeries(
        pairs[:, 0], pairs[:, 1], batch.series, len(program.states), batch.failed_step, batch.failed_item
    )


def _arrays(found: Sensitivities) -> tuple[NDArray, ...]:
    return found.series, found.tangents, found.failed_step, found.failed_item


def _width(segments: Sequence[Segment]) -> int:
    """Number of runs; segments without rows that vary are of one."""
    return segments[0].varying.shape[1] if segments[0].varying.size else max(1, segments[0].varying.shape[-1])


def _blocks(runs: int, per_run: int) -> list[slice]:
    """Blocks of runs that take about :data:`BLOCK_BYTES`, whole blocks of lanes."""
    size = max(LANES, BLOCK_BYTES // max(per_run, 1) // LANES * LANES)
    return [slice(first, min(first + size, runs)) for first in range(0, runs, size)]


def _contract(weights: Array, tangents: Array) -> Array:
    """Sum over times and outputs of weights (save, output, run) times tangents (…, parameter, run); 0 absorbs."""
    used = weights.any(axis=2)
    factor = weights[used][:, None]
    return np.where(factor == 0.0, 0.0, factor * tangents[used]).sum(axis=0)
