"""Derivatives of measures at many points: prepared and compiled once, then called with parameter values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.simulate.batch import Experiment, run_blocks, split, usable_cores
from cluster_sd.simulate.cases import LANES, Case
from cluster_sd.simulate.design import Change, Series
from cluster_sd.simulate.gradients import Differentiator, Gradient
from cluster_sd.simulate.inputs import Column, Inputs, step_of
from cluster_sd.simulate.kernels import maker
from cluster_sd.simulate.plan import Planner, meant
from cluster_sd.simulate.pullback import Pullback, Weigh
from cluster_sd.simulate.running import Settings, prepare
from cluster_sd.simulate.slopes import functionals_of, refuse_unfit
from cluster_sd.solvers.tableau import FIXED_STEP

__all__ = ["Pulled", "SlopeBatch", "Slopes", "prepare_slopes"]

Array = NDArray[np.float64]
#: Evaluations for which it pays to compile: whoever prepares slopes will call them often.
OFTEN = 1e9


@dataclass(frozen=True, slots=True)
class SlopeBatch:
    """Measures and their derivatives at some points.

    Attributes
    ----------
    values : array, shape (point, measure)
    gradient : array, shape (point, measure, parameter)
        NaN at points where the run failed.
    failed : array of bool, shape (point,)
    """

    values: Array
    gradient: Array
    failed: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pulled:
    """Measures at some points, and the derivative of one number that is made of them.

    Attributes
    ----------
    values : array, shape (point, measure)
    gradient : array, shape (point, parameter)
        NaN at points where the run failed.
    failed : array of bool, shape (point,)
    """

    values: Array
    gradient: Array
    failed: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Slopes:
    """Measures and their derivatives as functions of parameters; called with an array of shape (point, parameter).

    Attributes
    ----------
    parameters, measures : tuple of str
        As they were asked for.
    """

    parameters: tuple[str, ...]
    measures: tuple[str, ...]
    _experiment: Experiment
    _targets: tuple[tuple[float, tuple[int, ...]], ...]
    _differentiator: Differentiator
    _threads: int = field(default=1)

    def __call__(self, points: Array) -> SlopeBatch:
        """Values and derivatives at `points`, shape (point, parameter)."""
        points = self._checked(points)
        count = len(points)
        values = np.full((count, len(self.measures)), np.nan)
        gradient = np.full((count, len(self.measures), len(self.parameters)), np.nan)
        failed = np.zeros(count, dtype=bool)

        def work(first: int, last: int) -> None:
            made = self._derive(points[first:last])
            failed[first:last] = made.failed_step >= 0
            values[first:last] = np.where(failed[first:last, None], np.nan, made.values.T)
            for place, columns in enumerate(self._places):
                gradient[first:last, :, place] = made.jacobian[:, columns].sum(axis=1).T

        run_blocks(work, split(count, self._block(count), None), self._threads, lambda done: None)
        return SlopeBatch(values, gradient, failed)

    def pull(self, points: Array, weigh: Weigh) -> Pulled:
        """Values at `points`, and the derivative of a number that depends on them, such as a log-likelihood.

        One sweep back in time a point, whatever the number of measures and parameters; all in the caller's thread, as
        many points at once as there are: a few points cost little more than one.

        Parameters
        ----------
        points : array, shape (point, parameter)
        weigh : callable
            Gives the derivative of the number in each measure, shape (point, measure), at the measures' values, same
            shape, which are NaN where the run failed. Called once.
        """
        points = self._checked(points)
        found = self._pullback(self._case(points), weigh)
        failed = found.failed_step >= 0
        gradient = np.stack([found.gradient[columns].sum(axis=0) for columns in self._places], axis=1)
        gradient[failed] = np.nan
        return Pulled(found.values, gradient, failed)

    @cached_property
    def _pullback(self) -> Pullback:
        return Pullback(self._differentiator)

    def _checked(self, points: Array) -> Array:
        points = np.asarray(points, dtype=float)
        if points.ndim != 2 or points.shape[1] != len(self.parameters):
            raise InputError(
                f"points of shape {points.shape}; a row a point and {len(self.parameters)} columns belong here"
            )
        return points

    @cached_property
    def discontinuous(self) -> NDArray[np.bool_]:
        """Shape (measure, parameter): where it is true the parameter moves a jump; see :meth:`Model.gradient`."""
        flags = self._differentiator.discontinuous
        return np.stack([flags[:, columns].any(axis=1) for columns in self._places], axis=1)

    @cached_property
    def _places(self) -> list[slice]:
        """Where each asked parameter's own ones stand among those derived in."""
        ends = np.cumsum([0, *(len(numbers) for _, numbers in self._targets)]).tolist()
        return [slice(a, b) for a, b in itertools.pairwise(ends)]

    def _block(self, count: int) -> int:
        """Points at a time: whole blocks of lanes, shared among the threads."""
        lanes = max(1, LANES // max(1, sum(len(numbers) for _, numbers in self._targets)))
        share = -(-count // self._threads)
        return max(lanes, min(share, 64 * lanes))

    def _derive(self, points: Array) -> Gradient:
        case = self._case(points)
        return self._differentiator(case.grid, case.segments, case.seed, case.runs, moves=case.moves)

    def _case(self, points: Array) -> Case:
        """Runs at `points`; all of them meet the same random numbers."""
        experiment, count = self._experiment, len(points)
        grid, base = experiment.grid, experiment.inputs
        own = tuple(
            Column(number, time, np.ascontiguousarray(points[:, place]))
            for place, (time, numbers) in enumerate(self._targets)
            for number in numbers
        )
        segments = Inputs(base.base, (*base.columns, *own), count).segments(grid)
        moves = np.array([self._moves(segment.first) for segment in segments], dtype=bool)
        moves = np.broadcast_to(moves[:, :, None], (*moves.shape, count))
        return Case(grid, list(segments), moves, experiment.seed, np.zeros(count, dtype=np.int64))

    def _moves(self, step: int) -> list[bool]:
        """Whether each parameter derived in acts from `step` on: it has begun, and no scenario overrides it."""
        grid, columns = self._experiment.grid, self._experiment.inputs.columns
        return [
            step_of(time, grid) <= step
            and not any(c.parameter == n and c.time > time and step_of(c.time, grid) <= step for c in columns)
            for time, numbers in self._targets
            for n in numbers
        ]


def prepare_slopes(
    planner: Planner,
    settings: Settings,
    changes: Sequence[Change],
    series: Sequence[Series],
    parameters: Sequence[Change],
    measures: Sequence[str],
    mode: str,
) -> Slopes:
    """Compile what :class:`Slopes` calls; `parameters` carry names and times, their values are not used."""
    ready = prepare(planner, settings, changes, series, 1, parameters)
    refuse_unfit(ready, mode, [change.name for change in parameters])
    program = ready.experiment.program
    targets = tuple((change.time, tuple(meant(change.name, program, change.where))) for change in parameters)
    numbers = [number for _, own in targets for number in own]
    if len(set(numbers)) < len(numbers):
        twice = next(
            c.name for c, (_, own) in zip(parameters, targets, strict=True) if any(numbers.count(n) > 1 for n in own)
        )
        raise InputError(f"'{twice}' is asked for twice (an array and its elements, or two years)")
    make = maker(ready.backend, OFTEN, LANES)
    varying = tuple(sorted(set(numbers) | set(ready.experiment.inputs.varying)))
    differentiator = Differentiator(
        program, numbers, functionals_of(measures, ready), FIXED_STEP[ready.solver], varying, mode=mode, make=make
    )
    names = tuple(c.name if math.isinf(c.time) else f"{c.name}@{c.time:.10g}" for c in parameters)
    threads = settings.threads or usable_cores()
    return Slopes(names, tuple(measures), ready.experiment, targets, differentiator, threads)
