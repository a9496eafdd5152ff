"""Forward mode: the tangent program, one lane a parameter and run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cluster_sd.program import derive
from cluster_sd.program.ir import Program
from cluster_sd.program.kernel import Batch, Kernel, Segment, Task
from cluster_sd.simulate.cases import Case
from cluster_sd.solvers.tableau import Tableau

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sensitivities:
    """Saved outputs and their derivatives along the run.

    Attributes
    ----------
    series : array, shape (save, output, run)
    tangents : array, shape (save, output, parameter, run)
    failed_step, failed_item : array of int, shape (run,)
    """

    series: Array
    tangents: Array
    failed_step: NDArray[np.int64]
    failed_item: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tangent:
    """Forward mode: the tangent program's kernel and where its results stand."""

    kernel: Kernel
    states: int
    all_states: int
    outputs: int
    parameters: int
    seed_values: int
    columns: tuple[int, ...]
    alone: Kernel

    @classmethod
    def make(
        cls,
        program: Program,
        parameters: tuple[int, ...],
        outputs: tuple[int, ...],
        scheme: Tableau,
        varying: tuple[int, ...],
        make: Callable[[Task], Kernel],
        plain: bool,
    ) -> Tangent:
        """Transform and compile; the parameters are the differentiator's and :func:`derive.forward`'s."""
        named = {str(number): node for number, node in enumerate(outputs)}
        tangent = derive.forward(replace(program, outputs=named), parameters, plain=plain)
        index = {p.name: i for i, p in enumerate(tangent.parameters) if i >= len(program.parameters)}
        seeds = tuple(index[derive.tangent_name(program.parameters[p].name)] for p in parameters)
        found = [tangent.outputs.get(derive.tangent_name(name), -1) for name in named]
        kept = (*outputs, *(node for node in found if node >= 0))
        places = iter(range(len(outputs), len(kept)))
        columns = tuple(next(places) if node >= 0 else -1 for node in found)
        checked = (True,) * len(outputs) + (False,) * (len(kept) - len(outputs))
        kernel = make(Task(tangent, scheme, kept, (*varying, *seeds), checked))
        alone = make(Task(program, scheme, outputs, varying, (True,) * len(outputs)))
        added = len(tangent.parameters) - len(program.parameters)
        states = len(program.states), len(tangent.states)
        return cls(kernel, *states, len(outputs), len(parameters), added, columns, alone)

    def run(self, case: Case) -> tuple[Sensitivities, NDArray[np.bool_]]:
        """Run one column a parameter and run; column ``p * len(runs) + r`` has the seed of parameter `p`.

        The second result flags runs in which a derivative came out NaN or infinite on the way.
        """
        grid, count, width = case.grid, len(case.runs), self.parameters
        if not width:
            batch = self.alone.integrate(grid, case.segments, case.seed, case.runs)
            tangents = np.zeros((len(grid.saves), self.outputs, 0, count))
            return Sensitivities(batch.series, tangents, batch.failed_step, batch.failed_item), np.zeros(
                count, dtype=bool
            )
        parts = [
            Segment(
                segment.first,
                np.concatenate([segment.values, np.zeros(self.seed_values)]),
                np.concatenate([np.tile(segment.varying, (1, width)), _one_each(moved)]),
            )
            for segment, moved in zip(case.segments, case.moves, strict=True)
        ]
        batch = self.kernel.integrate(grid, parts, case.seed, np.tile(case.runs, width))
        found = batch.series.reshape(len(grid.saves), -1, width, count)
        tangents = np.zeros((len(grid.saves), self.outputs, width, count))
        for output, column in enumerate(self.columns):
            if column >= 0:
                tangents[:, output] = found[:, column]
        return self._settle(case, batch, found[:, : self.outputs, 0].copy(), tangents)

    def _settle(
        self, case: Case, batch: Batch, series: Array, tangents: Array
    ) -> tuple[Sensitivities, NDArray[np.bool_]]:
        """Tell runs that failed from those of which only a derivative did (sqrt at 0); these keep their values."""
        shape = (self.parameters, len(case.runs))
        step, item = batch.failed_step.reshape(shape), batch.failed_item.reshape(shape)
        derivative = (item >= self.states) & (item < self.all_states)
        tangents[:, :, derivative] = np.nan
        step, item = step[0].copy(), item[0].copy()
        item = np.where(item >= self.all_states, item - self.all_states + self.states, item)
        again = np.flatnonzero(derivative.any(axis=0))
        if len(again):
            some = case.only(again)
            alone = self.alone.integrate(some.grid, some.segments, some.seed, some.runs)
            series[:, :, again], step[again], item[again] = alone.series, alone.failed_step, alone.failed_item
        doubtful = np.isnan(tangents).any(axis=(0, 1, 2)) & (step < 0)
        return Sensitivities(series, tangents, step, item), doubtful


def _one_each(moves: NDArray[np.bool_]) -> Array:
    """Seeds, shape (parameter, parameter * run): in each parameter's columns its own one, where it moves."""
    count, runs = moves.shape
    seeds = np.zeros((count, count, runs))
    seeds[np.arange(count), np.arange(count)] = moves
    return seeds.reshape(count, count * runs)
