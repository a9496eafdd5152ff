"""What goes into a kernel: parameter values by run and by step, cut into blocks of runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cluster_sd.program.kernel import Grid, Segment


@dataclass(frozen=True, slots=True)
class Column:
    """Values of one parameter from a time on.

    Attributes
    ----------
    parameter : int
        Index into ``program.parameters``.
    time : float
        From when on; minus infinity for the whole run, its initial values included.
    values : array, shape () or (run,)
        One number for all runs, or one a run.
    """

    parameter: int
    time: float
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Inputs:
    """All parameter values of an experiment.

    Attributes
    ----------
    base : array, shape (parameter,)
        Values where no column says anything else.
    columns : tuple of Column
        In the order in which they are applied; of two for the same parameter and time, the later one holds.
    runs : int
        Number of runs.
    """

    base: NDArray[np.float64]
    columns: tuple[Column, ...]
    runs: int

    @property
    def varying(self) -> tuple[int, ...]:
        """Parameters that differ between runs, increasing."""
        return tuple(sorted({c.parameter for c in self.columns if c.values.ndim}))

    def change_times(self, grid: Grid) -> tuple[float, ...]:
        """Times within the run at which a parameter changes."""
        return tuple(sorted({c.time for c in self.columns if grid.start < c.time <= grid.stop}))

    def segments(self, grid: Grid, first: int = 0, last: int | None = None) -> tuple[Segment, ...]:
        """Segments for the runs from `first` up to, not including, `last`."""
        last = self.runs if last is None else last
        rows = {parameter: row for row, parameter in enumerate(self.varying)}
        values = self.base.copy()
        varying = np.repeat(self.base[list(rows)][:, None], last - first, axis=1)
        segments: list[Segment] = []
        for step, columns in _by_step(self.columns, grid):
            values, varying = values.copy(), varying.copy()
            for column in columns:
                if column.parameter in rows:
                    own = column.values[first:last] if column.values.ndim else column.values
                    varying[rows[column.parameter]] = own
                else:
                    values[column.parameter] = column.values
            segments.append(Segment(step, values, varying))
        return tuple(segments)


def _by_step(columns: Sequence[Column], grid: Grid) -> list[tuple[int, list[Column]]]:
    """Columns by the number of the step from which they hold; step 0 is always there, those never reached are not."""
    found: dict[int, list[Column]] = {0: []}
    for column in sorted(columns, key=lambda c: c.time):  # stable: the order given, within one time
        step = step_of(column.time, grid)
        if step <= grid.steps:
            found.setdefault(step, []).append(column)
    return sorted(found.items())


def step_of(time: float, grid: Grid) -> int:
    """Number of the first step at or after `time`."""
    if time <= grid.start:
        return 0
    return max(0, math.ceil((time - grid.start) / grid.dt - 1e-6))
