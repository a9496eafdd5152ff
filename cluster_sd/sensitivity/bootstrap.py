"""Confidence intervals of indices, from what independent parts of a sample say.

A sample falls into blocks that are independent of each other and alike: independently randomised Sobol sequences,
trajectories, search curves. An index is a smooth function of averages over blocks, so the blocks' *influences* on it
(the terms of the infinitesimal jackknife, [1]_) say all about its uncertainty:

- the standard error is that of their mean, which is what a bootstrap over blocks gives with infinitely many resamples;
- `interval` is Student's [2]_, and reaches further on the side of the longer tail;
- resamples of the blocks (`resampled`) are what ranks and probabilities are counted on.

References
----------
.. [1] B. Efron (1982), The Jackknife, the Bootstrap and Other Resampling Plans, SIAM, chapter 6.
.. [2] P. L'Ecuyer, M. Nakayama, A. Owen, B. Tuffin (2023), Confidence intervals for randomized quasi-Monte Carlo
   estimators, Winter Simulation Conference: Student's intervals over some ten to thirty randomisations hold their level
   where bootstrap-t intervals don't.
.. [3] P. Hall (1992), The Bootstrap and Edgeworth Expansion, Springer, section 3.5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError

__all__ = ["check_level", "interval", "pooled", "resampled", "skewness_of_mean", "weights"]

Floats = NDArray[np.float64]

#: Times Edgeworth's correction by which an interval reaches further on the side of the longer tail. The skewness of
#: terms with a long tail is estimated too small, by about half at usual samples; measured in tests/sensitivity.
REACH = 2.0
#: Products of two numbers up to which OpenBLAS multiplies matrices in the thread that asks; threads of its own, beside
#: those that outcomes are shared among, would wait for each other.
ALONE = 2**18


def check_level(level: float) -> None:
    """Raise `InputError` where a confidence level is not between 0 and 1."""
    if not 0 < level < 1:
        raise InputError(f"a confidence level lies between 0 and 1, as 0.95; not {level:.10g}")


def skewness_of_mean(terms: Floats, axis: int = 0) -> Floats:
    """Skewness of the mean of independent terms: theirs over the root of their number; 0 where all are equal."""
    centred = terms - terms.mean(axis=axis, keepdims=True)
    second, third = (centred**2).mean(axis=axis), (centred**3).mean(axis=axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        skewness = third / second**1.5 / np.sqrt(terms.shape[axis])
    return np.where(second > 0, skewness, 0.0)


def pooled(influence: Floats, most: int) -> Floats:
    """Means of `most` blocks, by turns, where there are more; the shape is (block, ...)."""
    blocks = len(influence)
    if blocks <= most:
        return influence
    out = np.zeros((most, *influence.shape[1:]))
    for i in range(most):
        out[i] = influence[i::most].sum(axis=0) * (most / blocks)
    return out


def interval(value: Floats, influence: Floats, level: float, skewness: Floats | None = None) -> tuple[Floats, Floats]:
    """Student's interval, longer on the side of the longer tail.

    Parameters
    ----------
    value : array
        The estimate.
    influence : array, shape (block, ...)
        How much each block moves it: the estimate is, to first order, the true value plus their mean.
    level : float
    skewness : array, optional
        Of the estimate; default: from the influences. Where it is positive, the upper end is that of an estimate
        whose logarithm (shifted) is normal, with `REACH` times the shift of Edgeworth's expansion for a studentised
        mean [3]_, ``skewness (2 z² + 1) / 6``; the lower end stays Student's. Where negative, the other way round.

    Returns
    -------
    low, high : arrays, shaped as `value`
    """
    from scipy.stats import norm, t

    blocks = len(influence)
    error = influence.std(axis=0, ddof=1) / np.sqrt(blocks)
    quantile = float(t.ppf((1 + level) / 2, blocks - 1))
    z = float(norm.ppf((1 + level) / 2))
    shift = skewness_of_mean(influence) if skewness is None else skewness
    bend = np.clip(REACH * np.abs(shift) * (2 * z**2 + 1) / (3 * z**2), 1e-9, 2.0)
    near, far = quantile * error, error * np.expm1(quantile * bend) / bend
    return value - np.where(shift < 0, far, near), value + np.where(shift > 0, far, near)


def weights(blocks: int, resamples: int, seed: int) -> Floats:
    """How often each block is drawn in each resample, as a share, less the equal share; shape (resample, block).

    Widened by the factor that makes quantiles over resamples of few blocks as wide as Student's interval.
    """
    from scipy.stats import norm, t

    rng = np.random.default_rng([seed, blocks, resamples])
    drawn = rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=resamples) / blocks
    wider = np.sqrt(blocks / (blocks - 1)) * t.ppf(0.975, blocks - 1) / norm.ppf(0.975)
    return (drawn - 1 / blocks) * wider


def resampled(value: Floats, influence: Floats, weight: Floats) -> Floats:
    """The estimate in each resample of the blocks, to first order.

    Parameters
    ----------
    value : array, shape (name, outcome)
    influence : array, shape (block, name, outcome)
    weight : array, shape (resample, block)
        From `weights`.

    Returns
    -------
    array, shape (resample, name, outcome)
    """
    by_block = influence.reshape(len(influence), -1)
    made = np.empty((len(weight), by_block.shape[1]))
    rows = max(1, ALONE // max(1, by_block.size))
    for start in range(0, len(weight), rows):
        part = made[start : start + rows]
        np.matmul(weight[start : start + rows], by_block, out=part)
        part += value.reshape(-1)
    return made.reshape(len(weight), *value.shape)
