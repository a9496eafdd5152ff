"""Which is first: ranks with intervals, and the probability that the first k are the right ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cluster_sd.sensitivity.bootstrap import interval, resampled, weights
from cluster_sd.sensitivity.columns import in_threads
from cluster_sd.sensitivity.problem import Problem
from cluster_sd.sensitivity.result import Estimate

__all__ = ["MOST_TOP", "Blocks", "Replicates", "estimate", "from_replicates", "levers_among", "rank", "ranks_over"]

Floats = NDArray[np.float64]

#: Largest k of which the probability is told that the first k are the right set.
MOST_TOP = 10
#: Values of resamples that are held at a time.
BLOCK = 250_000


def rank(value: Floats) -> Floats:
    """Ranks along the first axis, 1 for the largest; equal values in the order in which they stand."""
    order = np.argsort(-value, axis=0, kind="stable")
    out = np.empty(value.shape)
    np.put_along_axis(out, order, np.arange(1.0, len(value) + 1).reshape(-1, *[1] * (value.ndim - 1)), axis=0)
    return out


def ranks_over(value: Floats, replicates: Floats, level: float = 0.95) -> tuple[Floats, Floats, Floats, Floats]:
    """Ranks, their intervals and the probability that the first k are the right set.

    Parameters
    ----------
    value : array, shape (name, outcome)
    replicates : array, shape (resample, name, outcome)

    Returns
    -------
    rank, low, high : arrays, shape (name, outcome)
        Names of equal value share the interval of all of them.
    top : array, shape (k, outcome)
        Share of the resamples in which each of the first k of `value` lies above all others; k to `MOST_TOP`. Where
        the k-th equals the next one, as where both are 0, that is none.
    """
    ranks = rank(value)
    backwards = np.negative(np.moveaxis(replicates, 1, 2), order="C")  # names last: they are sorted
    places = np.argsort(backwards, axis=2)
    low, high = _ends(places, level)
    low, high = _shared(value, np.minimum(low, ranks), np.maximum(high, ranks))
    return ranks, low, high, _sets(backwards, places, ranks)


def _ends(places: NDArray[np.intp], level: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Quantiles over resamples of each name's rank, shape (name, outcome); `places` are the names by rank.

    Ranks are few, so they are counted and not sorted.
    """
    resamples, outcomes, names = places.shape
    which = places * names
    which += np.arange(outcomes * names).reshape(outcomes, names) + (names**2 - names) * np.arange(outcomes)[:, None]
    counts = np.bincount(which.reshape(-1), minlength=outcomes * names * names).reshape(outcomes, names, names)
    upto = counts.cumsum(axis=2)
    low, high = (
        1 + np.count_nonzero(upto <= round(q * (resamples - 1)), axis=2).T for q in ((1 - level) / 2, (1 + level) / 2)
    )
    return low, high


def _sets(backwards: Floats, places: NDArray[np.intp], ranks: Floats) -> Floats:
    """Share of the resamples in which the first k are those of rank 1 to k, shape (k, outcome)."""
    most = min(MOST_TOP, backwards.shape[2])
    first = ranks.T[np.arange(places.shape[1])[:, None], places[:, :, :most]]
    right = np.maximum.accumulate(first, axis=2) == np.arange(1, most + 1)
    sizes = np.take_along_axis(backwards, places[:, :, : most + 1], axis=2)
    apart = sizes[:, :, :-1] < sizes[:, :, 1:]  # a tie is no order
    right[:, :, : apart.shape[2]] &= apart[:, :, :most]
    return right.mean(axis=0).T


def _shared(value: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Intervals of ranks, of which equal names share theirs."""
    for j in range(value.shape[1]):
        names, of = np.unique(value[:, j], return_inverse=True)
        if len(names) == len(of):
            continue
        for i in range(len(names)):
            same = of == i
            low[same, j], high[same, j] = low[same, j].min(), high[same, j].max()
    return low, high


@dataclass(frozen=True, eq=False)
class Blocks:
    """An index whose uncertainty comes from independent blocks of the sample, see `bootstrap`.

    Attributes
    ----------
    names : tuple of str
    value : array, shape (name, outcome)
        NaN in all names for an outcome without indices.
    influence : array, shape (block, name, outcome)
    skewness : array, shape (name, outcome), optional
        See `bootstrap.interval`.
    signed : bool
        Whether the index has a sign, and is ranked by its absolute value.
    below : array, shape (outcome,), optional
        How much further down the interval reaches, for a bias upwards that is known.
    """

    names: tuple[str, ...]
    value: Floats
    influence: Floats
    skewness: Floats | None = None
    signed: bool = False
    below: Floats | None = None

    def among(self, places: Sequence[int]) -> Blocks:
        """The same of some names alone."""
        at = list(places)
        names = tuple(self.names[i] for i in at)
        skewness = None if self.skewness is None else self.skewness[at]
        return Blocks(names, self.value[at], self.influence[:, at], skewness, self.signed, self.below)

    def estimate(self, level: float = 0.95, resamples: int = 1000, seed: int = 0) -> Estimate:
        """With its interval and ranks."""
        low, high = interval(self.value, self.influence, level, self.skewness)
        low = low if self.below is None else low - self.below
        weight = weights(len(self.influence), resamples, seed)

        def drawn(columns: NDArray[np.intp]) -> Floats:
            return resampled(self.value[:, columns], np.ascontiguousarray(self.influence[:, :, columns]), weight)

        return _ranked(self.names, self.value, low, high, drawn, level, resamples, self.signed)


@dataclass(frozen=True, eq=False)
class Replicates:
    """An index with the interval and the resamples that its method made itself.

    Attributes
    ----------
    names : tuple of str
    value, low, high : array, shape (name, outcome)
        NaN in all names for an outcome without indices.
    replicates : array, shape (resample, name, outcome)
    signed : bool
        As of `Blocks`.
    """

    names: tuple[str, ...]
    value: Floats
    low: Floats
    high: Floats
    replicates: Floats
    signed: bool = False

    def among(self, places: Sequence[int]) -> Replicates:
        """The same of some names alone."""
        at = list(places)
        names = tuple(self.names[i] for i in at)
        return Replicates(names, self.value[at], self.low[at], self.high[at], self.replicates[:, at], self.signed)

    def estimate(self, level: float = 0.95, resamples: int = 1000, seed: int = 0) -> Estimate:
        """With its ranks; its own resamples are all there are."""
        drawn = self.replicates
        return _ranked(
            self.names, self.value, self.low, self.high, lambda c: drawn[:, :, c], level, len(drawn), self.signed
        )


def estimate(
    names: Sequence[str],
    value: Floats,
    influence: Floats,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    skewness: Floats | None = None,
    signed: bool = False,
) -> Estimate:
    """As ``Blocks(…).estimate(…)``."""
    return Blocks(tuple(names), value, influence, skewness, signed).estimate(level, resamples, seed)


def from_replicates(
    names: Sequence[str],
    value: Floats,
    low: Floats,
    high: Floats,
    replicates: Floats,
    *,
    level: float = 0.95,
    signed: bool = False,
) -> Estimate:
    """As ``Replicates(…).estimate(…)``."""
    return Replicates(tuple(names), value, low, high, replicates, signed).estimate(level)


def levers_among(problem: Problem) -> tuple[int, ...]:
    """Places of the groups that hold levers alone; empty where nothing else varies, since they then are all."""
    places = tuple(
        i for i, group in enumerate(problem.groups) if all(problem.factors[j].role == "lever" for j in group.members)
    )
    return () if len(places) == len(problem.groups) else places


def _ranked(
    names: Sequence[str],
    value: Floats,
    low: Floats,
    high: Floats,
    replicates: Callable[[NDArray[np.intp]], Floats],
    level: float,
    resamples: int,
    signed: bool,
) -> Estimate:
    """The ranks of some outcomes at a time; `replicates` gives the resamples of the columns that it is asked for."""
    ranks, rank_low, rank_high = (np.full(value.shape, np.nan) for _ in range(3))
    top = np.full((min(MOST_TOP, len(names)), value.shape[1]), np.nan)
    there = np.flatnonzero(np.isfinite(value).all(axis=0))
    size = max(1, BLOCK // max(1, resamples * len(names)))

    def some(columns: NDArray[np.intp]) -> None:
        by, drawn = value[:, columns], replicates(columns)
        by, drawn = (np.abs(by), np.abs(drawn)) if signed else (by, drawn)
        for into, what in zip((ranks, rank_low, rank_high, top), ranks_over(by, drawn, level), strict=True):
            into[:, columns] = what

    in_threads(some, [there[i : i + size] for i in range(0, len(there), size)])
    return Estimate(tuple(names), value, low, high, ranks, rank_low, rank_high, top)
