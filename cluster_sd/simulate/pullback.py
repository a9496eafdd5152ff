"""The derivative of one number made of many measures: one run, and one sweep back over it, a point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cluster_sd.program.kernel import Grid
from cluster_sd.simulate.cases import Case
from cluster_sd.simulate.functionals import Functional, evaluate_all
from cluster_sd.simulate.gradients import Differentiator
from cluster_sd.simulate.reverse_mode import Reverse

__all__ = ["Pullback", "PulledBack", "Weigh"]

Array = NDArray[np.float64]
#: Derivative of the number in each measure, (point, measure), at the measures' values, same shape; NaN in failed runs.
Weigh = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class PulledBack:
    """What :class:`Pullback` gives.

    Attributes
    ----------
    values : array, shape (point, measure)
        NaN where the run failed.
    gradient : array, shape (parameter, point)
    failed_step : array of int, shape (point,)
        -1 where the run did not fail.
    """

    values: Array
    gradient: Array
    failed_step: NDArray[np.int64]


class Pullback:
    """A differentiator's measures taken together, always in reverse mode (a vector-Jacobian product).

    Parameters
    ----------
    differentiator : Differentiator
        Says what is measured, in which runs, and in what to derive. Its programs are transformed and compiled anew
        when a derivative is first asked for.
    """

    def __init__(self, differentiator: Differentiator) -> None:
        self._from = differentiator
        places = {node: place for place, node in enumerate(differentiator.outputs)}
        self._measures = [(m, [places[node] for node in m.outputs]) for m in differentiator.measures]
        self._placed: tuple[Grid, _Places] | None = None

    def __call__(self, case: Case, weigh: Weigh) -> PulledBack:
        """Values and derivatives in the runs of `case`."""
        values = np.empty((len(case.runs), len(self._measures)))

        def evaluate(times: Array, series: Array) -> tuple[Array, Array]:
            failed = np.asarray(~np.isfinite(series).all(axis=(0, 1)))
            values[:], slopes = self._values(case.grid, series)
            values[failed] = np.nan
            weights, cotangent = weigh(values), np.zeros_like(series)
            places = self._places(case.grid)
            np.add.at(cotangent, (places.saves, places.outputs), weights[:, places.measures].T)
            for number, slope in slopes.items():
                cotangent += weights[:, number] * slope
            cotangent[:, :, failed] = 0.0
            return np.zeros(len(values)), cotangent

        outputs = self._from.outputs
        number = Functional("all measures", outputs, evaluate)
        sweep = self._sweeps if len(case.segments) > 1 else self._sweep
        _, jacobian, batch = sweep.run(case, [(number, list(range(len(outputs))))])
        values[batch.failed_step >= 0] = np.nan
        return PulledBack(values, jacobian[0], batch.failed_step)

    # plain sweeps, in which 0 * inf is NaN, come out NaN in any large model: they would be swept twice, for a tenth

    @cached_property
    def _sweep(self) -> Reverse:
        return self._made(False)

    @cached_property
    def _sweeps(self) -> Reverse:
        return self._made(True)

    def _made(self, segments: bool) -> Reverse:
        d = self._from
        return Reverse(d.program, d.parameters, d.outputs, d.scheme, d.varying, d.make, segments, plain=False)

    def _places(self, grid: Grid) -> _Places:
        """Where the measures stand in what is saved on `grid`; one grid after the other is nearly always the same."""
        if self._placed is None or self._placed[0] is not grid:
            times = grid.times
            picked = [(n, m.pick(times), columns[0]) for n, (m, columns) in enumerate(self._measures) if m.pick]
            numbers, saves, outputs = (np.array([one[k] for one in picked], dtype=np.int64) for k in range(3))
            others = [n for n, (m, _) in enumerate(self._measures) if m.pick is None]
            self._placed = grid, _Places(numbers, saves, outputs, others)
        return self._placed[1]

    def _values(self, grid: Grid, series: Array) -> tuple[Array, dict[int, Array]]:
        """The measures, shape (point, measure), and derivatives of those that are not one saved value."""
        places = self._places(grid)
        found = np.empty((series.shape[2], len(self._measures)))
        found[:, places.measures] = series[places.saves, places.outputs].T
        slopes = {}
        for number in places.others:
            values, (slopes[number],) = evaluate_all([self._measures[number]], grid.times, series)
            found[:, number] = values[0]
        return found, slopes


@dataclass(frozen=True, slots=True)
class _Places:
    """Measures that are one saved value each, at which saved time and of which output; and the others."""

    measures: NDArray[np.int64]
    saves: NDArray[np.int64]
    outputs: NDArray[np.int64]
    others: list[int]
