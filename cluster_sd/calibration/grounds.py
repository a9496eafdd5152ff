"""What conclusions rest on: the numbers that were supplied, or the ranges that came with the model.

Parameters fall into two groups: those that the numbers moved (fitted, or supplied outright) and all others, which keep
the ranges shipped. An outcome is looked at before (all over their ranges) and after (the first group over its
posterior). What the numbers taught is the share of the variance that went, ``1 - Var after / Var before``; what is left
is split between the groups by closed first-order Sobol indices [1]_, each estimated from two samples that share one
group [2]_.

References
----------
.. [1] I. M. Sobol, Global sensitivity indices for nonlinear mathematical models, Mathematics and Computers in
   Simulation 55 (2001).
.. [2] A. Saltelli et al., Variance based sensitivity analysis of model output, Computer Physics Communications 181
   (2010).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RESTS", "Ground", "grounds", "rests_on"]

Array = NDArray[Any]
Columns = Mapping[str, Array]
#: What an outcome can rest on.
RESTS = ("the numbers supplied", "both", "the ranges shipped")
#: Share of the variance that the numbers must have taken away, and below which they taught little.
TAUGHT, LITTLE = 0.5, 0.2
#: Resamples behind a standard error.
RESAMPLES = 100
#: Runs from which anything is said.
LEAST = 20


@dataclass(frozen=True)
class Ground:
    """What one outcome rests on.

    Attributes
    ----------
    outcome : str
    before, after : (float, float, float)
        5 %, 50 % and 95 % points over the ranges shipped, and with the numbers.
    taught : float
        Share of the variance over the ranges shipped that the numbers took away; negative where they widened it.
    taught_error : float
        Its standard error from the number of runs (bootstrap).
    from_numbers, from_ranges : float
        Shares of the variance that is left, from what the numbers leave open in the parameters that they moved, and
        from the parameters that they say nothing of; the rest is both together.
    rests_on : str
        One of `RESTS`.
    runs, failed : int
    """

    outcome: str
    before: tuple[float, float, float]
    after: tuple[float, float, float]
    taught: float
    taught_error: float
    from_numbers: float
    from_ranges: float
    rests_on: str
    runs: int
    failed: int


def rests_on(taught: float) -> str:
    """Which of `RESTS`: at least half of the variance gone, little of it gone, or in between."""
    if not math.isfinite(taught):
        return RESTS[1]
    return RESTS[0] if taught >= TAUGHT else RESTS[2] if taught < LITTLE else RESTS[1]


def grounds(
    evaluate: Callable[[Columns], Array],
    outcomes: Sequence[str],
    before: Callable[[int, np.random.Generator], Columns],
    moved: Callable[[int, np.random.Generator], Columns],
    others: Callable[[int, np.random.Generator], Columns],
    runs: int = 1024,
    seed: int = 0,
) -> tuple[Ground, ...]:
    """What each outcome rests on.

    Parameters
    ----------
    evaluate : callable
        Gives outcomes, shape (run, outcome), of parameters by name, a value a run; NaN where a run failed.
    outcomes : sequence of str
    before : callable
        Draws of the parameters that the numbers moved, over the ranges shipped.
    moved : callable
        Draws of the same, with the numbers.
    others : callable
        Draws of all other parameters that vary.
    runs : int
        Runs of each of four samples.
    seed : int
    """
    rng = np.random.default_rng([seed, 3])
    a, b = ({**moved(runs, rng)} for _ in range(2))
    rest_a, rest_b = ({**others(runs, rng)} for _ in range(2))
    prior = evaluate({**before(runs, rng), **rest_a})
    y = evaluate({**a, **rest_a})
    same_numbers, same_rest = evaluate({**a, **rest_b}), evaluate({**b, **rest_a})
    out = []
    for k, outcome in enumerate(outcomes):
        columns = np.stack([prior[:, k], y[:, k], same_numbers[:, k], same_rest[:, k]])
        good = np.isfinite(columns).all(axis=0)
        out.append(_ground(outcome, columns[:, good], columns.size, int(columns.size - np.isfinite(columns).sum())))
    return tuple(out)


def _ground(outcome: str, columns: Array, runs: int, failed: int) -> Ground:
    prior, y, same_numbers, same_rest = columns
    if len(y) < LEAST:
        nothing = (math.nan, math.nan, math.nan)
        unknown = math.nan
        return Ground(outcome, nothing, nothing, unknown, unknown, unknown, unknown, RESTS[1], runs, failed)
    taught = float(_taught(columns[:, None])[0])
    again = np.random.default_rng(0).integers(len(y), size=(RESAMPLES, len(y)))
    error = float(np.std(_taught(columns[:, again])))
    shares = _share(y, same_numbers), _share(y, same_rest)
    return Ground(outcome, _points(prior), _points(y), taught, error, *shares, rests_on(taught), runs, failed)


def _taught(columns: Array) -> Array:
    """Share of the variance of the first of four samples that the others lack, shape (resample,)."""
    spread = columns.var(axis=-1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread[0] > 0, 1 - spread[1:].mean(axis=0) / spread[0], math.nan)


def _points(values: Array) -> tuple[float, float, float]:
    low, middle, high = np.percentile(values, [5, 50, 95])
    return float(low), float(middle), float(high)


def _share(y: Array, other: Array) -> float:
    """Closed first-order index of what two samples share: their correlation, from 0 to 1."""
    pooled = np.concatenate([y, other])
    variance = float(pooled.var())
    if variance <= 0:
        return math.nan
    index = 1 - float(np.mean((y - other) ** 2)) / (2 * variance)
    return min(max(index, 0.0), 1.0)
