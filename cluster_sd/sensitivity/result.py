"""What a sensitivity analysis gives: indices with intervals and ranks, for all outcomes at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas

    from cluster_sd.sensitivity.failures import Failures
    from cluster_sd.sensitivity.problem import Problem

__all__ = ["COLUMNS", "PAIR", "Estimate", "Indices", "Outcome"]

Floats = NDArray[np.float64]

#: Columns of ``indices.csv``.
COLUMNS = (
    "method",
    "measure",
    "time",
    "parameter",
    "index",
    "value",
    "ci_low",
    "ci_high",
    "rank",
    "rank_low",
    "rank_high",
)
#: Between the two names of a pair.
PAIR = " × "


@dataclass(frozen=True)
class Outcome:
    """One number of a run.

    Attributes
    ----------
    measure : str
        As it was asked for: ``final(Farmer capital)``, or ``Farmer capital`` for a series.
    time : float or None
        For a series, the saved time; ``None`` for a measure that is a number.
    """

    measure: str
    time: float | None = None

    def __str__(self) -> str:
        return self.measure if self.time is None else f"{self.measure} at {self.time:.10g}"


@dataclass(frozen=True, eq=False)
class Estimate:
    """One kind of index of all groups (or pairs of groups) and outcomes.

    Where there is no index (a constant outcome), everything is NaN.

    Attributes
    ----------
    names : tuple of str
        Groups, or pairs ``a × b``.
    value, low, high : array, shape (name, outcome)
        The index, and the ends of its confidence interval; NaN ends where the method has none.
    rank, rank_low, rank_high : array, shape (name, outcome)
        1 for the largest (of the absolute value, where an index has a sign), and the interval of the rank over the
        bootstrap's replicates.
    top : array, shape (k, outcome)
        In row k-1 the probability that the k first are the right set, whatever their order; k to `MOST_TOP` at most.
    """

    names: tuple[str, ...]
    value: Floats
    low: Floats
    high: Floats
    rank: Floats
    rank_low: Floats
    rank_high: Floats
    top: Floats


@dataclass(frozen=True, eq=False)
class Indices:
    """What one method found.

    Attributes
    ----------
    method : str
        As in ``--method``.
    problem : Problem
    outcomes : tuple of Outcome
        The columns of all arrays.
    estimates : mapping of str to Estimate
        By kind, as SALib names them: ``S1``, ``ST``, ``S2``, ``mu_star``, ``median``, ``delta`` …; first the one by
        which the method ranks.
    floor : mapping of str to array, shape (outcome,)
        By kind, the noise floor: below it, an index is no more than what the dummy, a parameter without influence,
        gets at the same sample by chance.
    level : float
        Of the confidence intervals.
    n, runs, seed : int
        What ``--samples`` counts, runs that this took, and the seed of the sample.
    failures : Failures
        How many runs failed, where in parameter space, and how many were left out.
    reasons : tuple of str
        For each outcome, why it has no indices (``constant at 3.2``), or empty.
    levers : Estimate or None
        The kind by which the method ranks, among the levers alone; ``None`` where there are none, or nothing else.
    notes : tuple of str
        What was decided on the user's behalf and what limits the result, in a sentence each.
    settings : mapping
        What the method was told: resamples, replicates, levels …
    """

    method: str
    problem: Problem
    outcomes: tuple[Outcome, ...]
    estimates: Mapping[str, Estimate]
    floor: Mapping[str, Floats]
    level: float
    n: int
    runs: int
    seed: int
    failures: Failures
    reasons: tuple[str, ...]
    levers: Estimate | None = None
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ranked(self) -> str:
        """The kind by which the method ranks."""
        return next(iter(self.estimates))

    @property
    def main(self) -> Estimate:
        """The estimate by which the method ranks."""
        return self.estimates[self.ranked]

    def outcome(self, measure: str, time: float | None = None) -> int:
        """Column of an outcome; `KeyError` where there is none."""
        for i, one in enumerate(self.outcomes):
            if one.measure == measure and one.time == time:
                return i
        raise KeyError((measure, time))

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows of ``indices.csv``, columns as `COLUMNS`; ``time`` is ``None`` where a measure is a number."""
        for i, outcome in enumerate(self.outcomes):
            for kind, e in self.estimates.items():
                for j, name in enumerate(e.names):
                    numbers = (a[j, i] for a in (e.value, e.low, e.high, e.rank, e.rank_low, e.rank_high))
                    yield (self.method, outcome.measure, outcome.time, name, kind, *map(float, numbers))

    def table(self) -> pandas.DataFrame:
        """``indices.csv`` as a table."""
        import pandas as pd

        return pd.DataFrame(list(self.rows()), columns=list(COLUMNS))
