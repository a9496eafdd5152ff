"""Simulation-based calibration: the sampler gives back what made-up data were made from, or it is wrong.

Parameters are drawn from the prior, statistics simulated from them, and the posterior of these sampled: the rank of the
true value among the draws is uniform if, and only if up to what ranks can show, model, gradient and sampler agree
(Talts, Betancourt, Simpson, Vehtari and Gelman 2018).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.nuts import TUNE, sample_each
from cluster_sd.calibration.posterior import Posterior
from cluster_sd.errors import InputError

__all__ = ["Ranks", "simulate_and_rank"]

Array = NDArray[Any]
#: Simulations whose chains share the evaluations of the model.
TOGETHER = 8


@dataclass(frozen=True)
class Ranks:
    """Ranks of true values among draws.

    Attributes
    ----------
    names : tuple of str
    ranks : array of int, shape (simulation, coordinate)
        0 to `draws`.
    draws : int
        Draws that were ranked against, nearly independent ones.
    failed : int
        Prior draws whose run failed; others were drawn in their place.
    divergences : int
    """

    names: tuple[str, ...]
    ranks: Array
    draws: int
    failed: int
    divergences: int

    def p_values(self, bins: int = 8) -> dict[str, float]:
        """Chi-square test of uniformity of each coordinate's ranks; small where they are not uniform."""
        from scipy.stats import chisquare

        edges = np.linspace(0, self.draws + 1, bins + 1)
        counted = [np.histogram(column + 0.5, edges)[0] for column in self.ranks.T]
        expected = np.diff(np.ceil(edges - 0.5)) / (self.draws + 1) * len(self.ranks)
        return {name: float(chisquare(found, expected).pvalue) for name, found in zip(self.names, counted, strict=True)}

    def coverage(self, level: float = 0.95) -> dict[str, float]:
        """Share of simulations whose central interval of probability `level` holds the true value."""
        low, high = (self.draws * tail for tail in ((1 - level) / 2, (1 + level) / 2))
        inside = ((self.ranks >= low) & (self.ranks <= high)).mean(axis=0)
        return dict(zip(self.names, inside.tolist(), strict=True))


def simulate_and_rank(
    posterior: Posterior,
    simulations: int = 100,
    *,
    draws: int = 63,
    thin: int = 3,
    tune: int = TUNE,
    seed: int = 0,
    threads: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> Ranks:
    """Rank true values of made-up data among posterior draws.

    Parameters
    ----------
    posterior : Posterior
        Its statistics say where and with what errors something is observed; their values are not used.
    simulations : int
    draws, thin : int
        Draws that are ranked against, and how many of the chain stand for one of them.
    tune : int
    seed : int
    threads : int
        Groups of simulations side by side; the ranks don't depend on it.
    progress : callable, optional

    Raises
    ------
    InputError
        When hardly a draw of the prior leads to a run.
    """
    truths, values, failed = _made_up(posterior, simulations, seed)

    def some(first: int) -> tuple[Array, int]:
        """Simulations that are sampled side by side; which ones are together depends on nothing."""
        numbers = range(first, min(first + TOGETHER, simulations))
        made = sample_each(
            [posterior.with_values(values[number]) for number in numbers], truths[numbers.start : numbers.stop],
            draws=draws * thin, tune=tune, seeds=[seed + number for number in numbers],
        )  # fmt: skip
        ranks = [(one.flat[::thin] < truths[number]).sum(axis=0) for number, one in zip(numbers, made, strict=True)]
        return np.array(ranks), sum(int(one.statistics["diverging"].sum()) for one in made)

    ranks, divergences = [], 0
    with ThreadPoolExecutor(threads) as pool:
        for found, diverging in pool.map(some, range(0, simulations, TOGETHER)):
            ranks += list(found)
            divergences += diverging
            if progress is not None:
                progress(len(ranks), simulations)
    return Ranks(posterior.names, np.array(ranks), draws, failed, divergences)


def _made_up(posterior: Posterior, count: int, seed: int) -> tuple[Array, Array, int]:
    """True scaled points, statistics simulated from them, and how many prior draws failed."""
    truths = posterior.prior_draws(4 * count, seed)
    k = len(posterior.fitted)
    expected = posterior.rows(truths[:, :k])
    nuisance = truths[:, k:]
    usable = np.isfinite(posterior.observations.pointwise(expected, nuisance)).all(axis=1)
    if usable.sum() < count:
        raise InputError(f"{(~usable).sum()} of {4 * count} draws of the prior lead to no run; narrow the ranges")
    rng = np.random.default_rng([seed, 2])
    values = posterior.observations.simulate(expected[usable][:count], nuisance[usable][:count], rng)
    return truths[usable][:count], values, int((~usable).sum())
