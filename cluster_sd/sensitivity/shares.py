"""Shares of a variance whose parts add up, from independently randomised Sobol sequences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cluster_sd.sensitivity.ranking import Blocks
from cluster_sd.sensitivity.sampling import base_points, power_of_two

__all__ = ["COPIES", "LEAST", "by_copy", "points", "rounded", "shares", "student"]

Floats = NDArray[np.float64]

#: Independently randomised sequences of a sample; their differences tell how sure an estimate is.
COPIES = 16
#: Fewest base points: two of each sequence.
LEAST = 2 * COPIES


def rounded(n: int) -> tuple[int, tuple[str, ...]]:
    """The number of base points that is taken for `n`, a power of two from `LEAST` on, with a note where it is another.

    Raises
    ------
    InputError
        For a number below one or beyond what the sequence has.
    """
    size, notes = power_of_two(n)
    if size >= LEAST:
        return size, notes
    return LEAST, (f"{n:,} base points were raised to {LEAST}: fewer give no interval",)


def points(dimension: int, n: int, seed: int) -> Floats:
    """`n` points, shape (n, dimension), of `COPIES` sequences by turns; those of a smaller n come first."""
    return base_points(dimension, n, COPIES, seed)


def by_copy(parts: Floats, used: NDArray[np.bool_] | None = None) -> Floats:
    """Sums over the base points of each sequence: (point, …) to (copy, …); `used` says which points count."""
    if used is not None:
        parts = np.where(used.reshape(-1, *[1] * (parts.ndim - 1)), parts, 0.0)
    return parts.reshape(-1, COPIES, *parts.shape[1:]).sum(axis=0)


def shares(sums: Floats) -> tuple[Floats, Floats]:
    """Each part's share of the sum of all parts, and how much each sequence moves it.

    Parameters
    ----------
    sums : (copy, part, outcome) array
        Of estimates of the parts; copies are independent, and alike.

    Returns
    -------
    value : (part, outcome) array
        NaN where the sum is zero.
    influence : (copy, part, outcome) array
        See :mod:`cluster_sd.sensitivity.bootstrap`.
    """
    total = sums.sum(axis=1, keepdims=True)
    whole = total.sum(axis=0)
    value = np.divide(sums.sum(axis=0), whole, out=np.full(sums.shape[1:], np.nan), where=whole != 0)
    rest = sums - value * total
    influence = np.divide(rest * len(sums), whole, out=np.full(sums.shape, np.nan), where=whole != 0)
    return value, influence


def student(names: Sequence[str], value: Floats, influence: Floats) -> Blocks:
    """An index with Student's intervals over the sequences: symmetric, since means of so few show no skewness."""
    return Blocks(tuple(names), value, influence, np.zeros(value.shape))
