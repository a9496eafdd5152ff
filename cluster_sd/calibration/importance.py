"""Draws from a posterior without gradients: adaptive importance sampling, Pareto-smoothed.

Draws are proposed by Student-t distributions in free coordinates, where the prior is a standard normal; each round's
proposal takes its centre and covariance from the weighted draws of all rounds before it, and all draws are weighted by
the mixture of all proposals [1]_. The first proposals are the prior and, where it is known, the surroundings of the
mode. While few draws carry the weight, weights are tempered for the next proposal [3]_. At the end weights are smoothed
by a Pareto tail, whose shape says whether they can be believed [2]_, and draws are taken by them.

Nothing is assumed but that the density can be computed: jumps, ends of ranges and parameters that the data say nothing
of are no trouble; far more than a dozen dimensions, or modes far apart, are.

References
----------
.. [1] J.-M. Cornuet, J.-M. Marin, A. Mira and C. P. Robert, Adaptive multiple importance sampling, Scandinavian
   Journal of Statistics 39 (2012).
.. [2] A. Vehtari, D. Simpson, A. Gelman, Y. Yao and J. Gabry, Pareto smoothed importance sampling, Journal of Machine
   Learning Research 25 (2024).
.. [3] E. Koblents and J. Míguez, A population Monte Carlo scheme with transformed weights and its application to
   stochastic kinetic models, Statistics and Computing 25 (2015).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["PARETO", "Weighted", "draw"]

Array = NDArray[Any]
#: Draws of a round, rounds at most, effective draws that are enough.
ROUND, ROUNDS, ENOUGH = 1024, 12, 1000.0
#: Degrees of freedom of the proposals: tails heavier than those of what they stand for.
DEGREES = 5.0
#: Share of the first round that comes from the prior where a mode is known, and spread around that, in deviations.
FROM_PRIOR, AROUND = 0.5, 0.3
#: Shape of the Pareto tail above which weights aren't to be believed (Vehtari et al.).
PARETO = 0.7


@dataclass(frozen=True)
class Weighted:
    """Draws from a posterior.

    Attributes
    ----------
    points : array, shape (draw, coordinate)
        Free coordinates, equally weighted.
    effective : float
        Number of independent draws that the weighted ones behind them are worth.
    pareto : float
        Shape of the tail of the weights; below 0.7 they can be believed.
    drawn : int
        Weighted draws: runs of the model.
    """

    points: Array
    effective: float
    pareto: float
    drawn: int

    @property
    def well(self) -> bool:
        """Whether the draws can be believed: 400 effective ones and more, and no tail that is too heavy."""
        return self.effective >= 400 and self.pareto <= PARETO


@dataclass(frozen=True)
class _Proposal:
    """A Student-t distribution (or normal, of infinite degrees) and how many draws come from it."""

    centre: Array
    shape: Array
    degrees: float
    count: int

    def draws(self, seed: list[int]) -> Array:
        from scipy.stats import chi2, qmc

        size = len(self.centre)
        sobol = qmc.Sobol(size + 1, rng=np.random.default_rng(seed))
        u = np.clip(sobol.random(1 << max(self.count - 1, 1).bit_length())[: self.count], 1e-12, 1 - 1e-12)
        normal = special.ndtri(u[:, :size]) @ np.linalg.cholesky(self.shape).T
        wide = 1.0 if np.isinf(self.degrees) else np.sqrt(self.degrees / chi2.ppf(u[:, size:], self.degrees))
        return self.centre + normal * wide

    def log_density(self, points: Array) -> Array:
        from scipy.stats import multivariate_t

        made = multivariate_t(self.centre, self.shape, self.degrees)  # type: ignore[arg-type]
        return np.atleast_1d(made.logpdf(points))


def draw(
    log_density: Callable[[Array], Array],
    size: int,
    mode: Array | None = None,
    count: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> Weighted:
    """Draws from a density.

    Parameters
    ----------
    log_density : callable
        Gives the logarithm of a density, shape (draw,), not normalised, at points of shape (draw, coordinate); minus
        infinity where a point can't be. On a scale on which a standard normal covers it.
    size : int
        Number of coordinates.
    mode : array, shape (coordinate,), optional
        A point near which much of the density lies.
    count : int
        Draws that are given.
    seed : int
    progress : callable, optional
        Called with rounds made and rounds at most.
    """
    proposals = _first(size, mode)
    points, values = np.zeros((0, size)), np.zeros(0)
    for number in range(ROUNDS):
        new = [one.draws([seed, 5, number, k]) for k, one in enumerate(proposals[_made(proposals, len(points)) :])]
        points = np.concatenate([points, *new])
        values = np.concatenate([values, log_density(np.concatenate(new))])
        log_weight = np.where(np.isfinite(values), values - _mixture(proposals, points), -np.inf)
        if progress is not None:
            progress(number + 1, ROUNDS)
        if not np.isfinite(log_weight).any():
            continue
        if number and _effective(log_weight) >= ENOUGH:
            break
        if number < ROUNDS - 1:
            proposals = [*proposals, _next(points, log_weight)]
    return _resampled(points, log_weight, count, seed)


def _first(size: int, mode: Array | None) -> list[_Proposal]:
    share = 1.0 if mode is None else FROM_PRIOR
    found = [_Proposal(np.zeros(size), np.eye(size), np.inf, int(ROUND * share))]
    if mode is not None:
        found.append(_Proposal(np.asarray(mode), AROUND**2 * np.eye(size), DEGREES, ROUND - found[0].count))
    return found


def _made(proposals: list[_Proposal], points: int) -> int:
    """How many of the proposals have been drawn from."""
    return int(np.searchsorted(np.cumsum([one.count for one in proposals]), points, side="right"))


def _mixture(proposals: list[_Proposal], points: Array) -> Array:
    counts = np.array([one.count for one in proposals], dtype=float)
    parts = np.stack([one.log_density(points) for one in proposals])
    return np.asarray(special.logsumexp(parts + np.log(counts / counts.sum())[:, None], axis=0))


def _effective(log_weight: Array) -> float:
    weight = np.exp(log_weight - log_weight.max())
    return float(weight.sum() ** 2 / (weight**2).sum())


def _next(points: Array, log_weight: Array) -> _Proposal:
    """The proposal that the weighted draws suggest; weights are tempered until enough draws carry them [3]_."""
    size = points.shape[1]
    least = min(20.0 * size, 0.25 * len(points))
    usable = np.isfinite(log_weight)
    own = log_weight[usable]
    power, high = (1.0, 1.0) if _effective(own) >= least else (0.0, 1.0)
    for _ in range(30):
        middle = (power + high) / 2
        power, high = (middle, high) if _effective(middle * own) >= least else (power, middle)
    weight = np.exp(power * (own - own.max()))
    weight /= weight.sum()
    centre = weight @ points[usable]
    away = points[usable] - centre
    return _Proposal(centre, (away * weight[:, None]).T @ away + 1e-8 * np.eye(size), DEGREES, ROUND)


def _resampled(points: Array, log_weight: Array, count: int, seed: int) -> Weighted:
    """Equally weighted draws by Pareto-smoothed weights; systematic: each as often as its weight says, to one."""
    usable = np.flatnonzero(np.isfinite(log_weight))
    if len(usable) < 50:
        raise ValueError("hardly a point of the priors has a density")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ warns of its future when it is imported, and of tails, which are told
        import arviz

        smoothed, pareto = arviz.psislw(log_weight[usable])
    weight: Array = np.exp(np.asarray(smoothed))
    weight = weight / weight.sum()
    rng = np.random.default_rng([seed, 5])
    places = (rng.random() + np.arange(count)) / count
    picked = usable[np.searchsorted(np.cumsum(weight), places).clip(max=len(usable) - 1)]
    return Weighted(rng.permutation(points[picked]), float(1 / (weight**2).sum()), float(pareto), len(points))
