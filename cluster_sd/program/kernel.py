"""What every emitter offers: a program made ready to run, and the arrays that go in and come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cluster_sd.program.ir import Program
from cluster_sd.solvers.tableau import Tableau


@dataclass(frozen=True, slots=True)
class Task:
    """What a kernel is made for.

    Attributes
    ----------
    program : Program
    scheme : Tableau
    kept : tuple of int
        Nodes whose values are saved.
    varying : tuple of int
        Indices of the parameters that may differ between runs, in the order of :attr:`Segment.varying`'s rows.
    checked : tuple of bool
        For each of `kept`, whether a value that is not finite fails the run (data may have gaps).
    """

    program: Program
    scheme: Tableau
    kept: tuple[int, ...]
    varying: tuple[int, ...]
    checked: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """Times of a run: ``start + i * dt`` for `i` up to `steps`; results are saved after the steps in `saves`."""

    start: float
    stop: float
    dt: float
    save_step: float
    steps: int
    saves: NDArray[np.int64]

    @property
    def times(self) -> NDArray[np.float64]:
        """Saved times."""
        return np.asarray(self.start + self.saves * self.dt, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Segment:
    """Constants that hold from step `first` on.

    Attributes
    ----------
    first : int
        Number of the step; the first segment's is 0 and its values are also those of the start of the run.
    values : array, shape (parameter,)
        Every parameter's value; those that vary are ignored.
    varying : array, shape (varying, run)
        Values of the parameters that vary.
    """

    first: int
    values: NDArray[np.float64]
    varying: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Batch:
    """Results.

    Attributes
    ----------
    series : array, shape (save, kept, run)
    failed_step : array of int, shape (run,)
        Number of the first step at which a stock or checked value was not finite; -1 where none was.
    failed_item : array of int, shape (run,)
        Which: a position in ``program.states``, or ``len(program.states)`` plus one in ``task.kept``; -1 where none.
        Of several at the same step, the first.
    """

    series: NDArray[np.float64]
    failed_step: NDArray[np.int64]
    failed_item: NDArray[np.int64]


class Kernel(Protocol):
    """A program made ready to run by an emitter; safe to call from several threads."""

    def integrate(
        self,
        grid: Grid,
        segments: Sequence[Segment],
        seed: int,
        runs: NDArray[np.int64],
        series: NDArray[np.float64] | None = None,
    ) -> Batch:
        """Run all columns of the segments' `varying`; `runs` numbers them (random numbers depend on it).

        `series`, shape (row, series, run), holds what ``series`` leaves give: row `n` in step `n` and all its stages,
        the last row from there on. The rows may be in any order in memory (a reversed view), runs lie side by side.
        """
        ...
