"""Draws near the mode without a sampler, for point estimates: honest where a parameter stands at the end of its range.

Around the mode the log-density is taken as a quadratic, with its slope (which isn't zero at an end of a range) and
curvature from exact gradients. Draws of that normal distribution, cut off at the ends of the ranges (Gibbs sampling
[1]_), are weighted by the true density over the quadratic's, with weights cut at the root of their number times their
mean [2]_, and drawn again by their weights. What the data say nothing of so keeps its range.

References
----------
.. [1] J. Geweke, Efficient simulation from the multivariate normal and Student-t distributions subject to linear
   constraints, Computing Science and Statistics 23 (1991).
.. [2] E. L. Ionides, Truncated importance sampling, Journal of Computational and Graphical Statistics 17 (2008).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from cluster_sd.calibration.posterior import Posterior

__all__ = ["Approximation", "draws_near"]

Array = NDArray[Any]
#: Step of differences of gradients, in scaled coordinates, towards the middle of the range.
STEP = 0.01
#: Least curvature: a standard deviation of twice the range is flat within it.
FLAT = 0.25
#: Passes of the Gibbs sampler.
SWEEPS = 40


@dataclass(frozen=True)
class Approximation:
    """Draws near the mode.

    Attributes
    ----------
    points : array, shape (draw, coordinate)
        Scaled.
    effective : float
        Effective number of the weighted draws behind them: small where the density is far from a quadratic.
    drawn : int
        Weighted draws.
    """

    points: Array
    effective: float
    drawn: int


def draws_near(
    posterior: Posterior, mode: Array, count: int = 500, candidates: int = 2000, seed: int = 0
) -> Approximation:
    """Draws near the mode of a posterior.

    Parameters
    ----------
    posterior : Posterior
    mode : array, shape (coordinate,)
        Scaled.
    count, candidates : int
        Draws that are given, and weighted ones that they are taken from.
    seed : int
    """
    low, high = posterior.bounds
    slope, curvature = _quadratic(posterior, mode, (low, high))
    rng = np.random.default_rng([seed, 5])
    proposed = _truncated(mode, slope, curvature, (low, high), candidates, rng)
    away = proposed - mode
    quadratic = away @ slope - 0.5 * np.einsum("di,ij,dj->d", away, curvature, away)
    density = posterior.density(proposed).value
    log_weight = np.where(np.isfinite(density), density - quadratic, -np.inf)
    if not np.isfinite(log_weight).any():
        return Approximation(np.repeat(mode[None], count, axis=0), 0.0, candidates)
    weight = np.exp(log_weight - log_weight.max())
    weight = np.minimum(weight, weight.mean() * np.sqrt(candidates))
    weight /= weight.sum()
    # systematic resampling: each draw as often as its weight says, to one
    places = (rng.random() + np.arange(count)) / count
    picked = np.searchsorted(np.cumsum(weight), places).clip(max=candidates - 1)
    return Approximation(proposed[picked], float(1 / (weight**2).sum()), candidates)


def _quadratic(posterior: Posterior, mode: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
    """Slope and curvature (positive: falling off) of the log-density at the mode."""
    low, high = ends
    inside = np.clip(mode, np.minimum(low + 1e-6, high), np.maximum(high - 1e-6, low))
    step = np.where(inside - low > high - inside, -STEP, STEP)
    found = posterior.density(np.concatenate([inside[None], inside + np.diag(step)]))
    slope = found.gradient[0]
    curvature = -(found.gradient[1:] - slope) / step[:, None]
    curvature[~np.isfinite(found.value[1:])] = 0.0
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    values = np.maximum(values, FLAT)
    # along an end that the density presses against, the slope falls off as fast as the quadratic says
    at_end = ((inside - low < 1e-3) & (slope < 0)) | ((high - inside < 1e-3) & (slope > 0))
    return np.where(at_end, slope, 0.0), (vectors * values) @ vectors.T


def _truncated(
    mode: Array, slope: Array, curvature: Array, ends: tuple[Array, Array], count: int, rng: np.random.Generator
) -> Array:
    """Draws of exp(slope·x - x'Cx/2) around the mode, between the ends, by Gibbs sampling side by side."""
    low, high = ends[0] - mode, ends[1] - mode
    x = np.zeros((count, len(mode)))
    for _ in range(SWEEPS):
        for k in range(len(mode)):
            precision = curvature[k, k]
            mean = (slope[k] - x @ curvature[k] + x[:, k] * precision) / precision
            a, b = ((end - mean) * np.sqrt(precision) for end in (low[k], high[k]))
            x[:, k] = mean + _between(a, b, rng.random(count)) / np.sqrt(precision)
            x[:, k] = np.clip(x[:, k], low[k], high[k])
    return mode + x


def _between(a: Array, b: Array, u: Array) -> Array:
    """A standard normal between a and b at the probability u, exact in both tails."""
    flip = a > 0
    low, high = np.where(flip, -b, a), np.where(flip, -a, b)
    p, q = special.ndtr(low), special.ndtr(high)
    z = special.ndtri(np.clip(p + u * (q - p), 1e-300, 1 - 1e-16))
    z = np.where(q - p > 1e-290, np.clip(z, low, high), high)
    return np.where(flip, -z, z)
