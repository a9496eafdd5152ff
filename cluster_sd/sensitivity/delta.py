"""Delta: by how much, on average, the density of an outcome changes when a parameter is known.

Half the expected area between the outcome's density and its density given the parameter [1]_: 0 without influence, 1
if it decides all. It needs no variance and no layout. Densities are Gaussian kernel estimates, on 100 points, in
classes of equally many runs along the parameter [2]_: the plain estimate is SALib 1.6's to rounding. ``delta`` is that
with its bias reduced: twice the plain estimate less its mean over resamples [2]_. (SALib 1.6 takes the plain estimate
from a resample as well, which adds the bias that should go.) ``S1`` comes from the means of the same classes.

Intervals: to first order the area is a mean over the runs once it is known which density is above, so the
independently randomised parts of the sample give it; bandwidth and classes are a bias that no interval shows. The
dummy's upper end is the floor.

A run that failed is left out.

References
----------
.. [1] E. Borgonovo (2007), A new uncertainty importance measure, Reliability Engineering & System Safety 92:771-784.
.. [2] E. Plischke, E. Borgonovo, C. Smith (2013), Global sensitivity measures from given data, European Journal of
   Operational Research 226:536-550, equations 26 and 30.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cluster_sd.sensitivity.given_data import analyze_given, sample_given
from cluster_sd.sensitivity.method import Method
from cluster_sd.sensitivity.problem import Problem
from cluster_sd.sensitivity.result import Indices
from cluster_sd.sensitivity.sampling import Outputs, Sample, extended

__all__ = ["METHOD", "analyze", "classes", "extend", "plain_delta", "sample"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Points on which densities are compared.
GRID = 100
#: Resamples of the runs that the bias is estimated on.
BIAS_RESAMPLES = 40
LEAST = 128
KINDS = ("delta", "S1")


def sample(problem: Problem, n: int, *, seed: int = 0) -> Sample:
    """Points of randomised Sobol sequences.

    Parameters
    ----------
    problem : Problem
        Its groups are taken apart.
    n : int
        Runs; rounded up to a power of two, `LEAST` at least.
    seed : int
    """
    return sample_given("delta", problem, n, seed, LEAST)


extend = extended(sample, "points")


def analyze(drawn: Sample, outputs: Outputs, *, level: float = 0.95, resamples: int = 1000, seed: int = 0) -> Indices:
    """Delta and S1 of all outcomes.

    Returns
    -------
    Indices
        ``delta`` (by which it ranks) and ``S1``. The floor is the upper end of the dummy's interval.

    Raises
    ------
    InputError
        Where outputs are not those of the sample, or more than a fifth of the runs failed.
    """
    return analyze_given(
        drawn,
        outputs,
        KINDS,
        classes,
        lambda y, part, blocks: _Density.of(y, part, blocks, seed).indices,
        level=level,
        resamples=resamples,
        seed=seed,
    )


def classes(x: Floats) -> list[Ints]:
    """Runs in classes of equally many along a parameter; their number as SALib's."""
    n = len(x)
    exponent = 2.0 / (7.0 + np.tanh((1500.0 - n) / 500.0))
    count = round(min(int(np.ceil(n**exponent)), 48))
    edges = np.linspace(0, n, count + 1)
    rank = np.empty(n)
    rank[np.argsort(x, kind="stable")] = np.arange(1, n + 1)
    return [np.flatnonzero((rank > low) & (rank <= high)) for low, high in pairwise(edges)]


def plain_delta(y: Floats, members: list[Ints]) -> float:
    """Equation 26 of [2]_, without reduction of its bias."""
    density = _Density.of(y, np.zeros(len(y), dtype=np.intp), 1, 0)
    return float(sum(density.area(class_)[0] for class_ in members))


def _silverman(y: Floats) -> float:
    """Bandwidth of a Gaussian kernel: (3 n / 4)^(-1/5) standard deviations."""
    return float((len(y) * 0.75) ** -0.2 * y.std(ddof=1))


@dataclass(frozen=True, eq=False)
class _Density:
    """One outcome, its kernel density, and what resamples and blocks make of it.

    Attributes
    ----------
    y, part
        Values and blocks of the runs.
    grid : array, shape (point,)
    kernel : array, shape (run, point)
        Each run's share in the density of all, times the number of runs.
    drawn : array, shape (resample, run)
        How often each run stands in each resample.
    blocks : int
    """

    y: Floats
    part: Ints
    grid: Floats
    kernel: Floats
    drawn: Floats
    blocks: int

    @classmethod
    def of(cls, y: Floats, part: Ints, blocks: int, seed: int) -> _Density:
        grid = np.linspace(y.min(), y.max(), GRID)
        rng = np.random.default_rng([seed, len(y)])
        drawn = rng.multinomial(len(y), np.full(len(y), 1 / len(y)), size=BIAS_RESAMPLES).astype(float)
        return cls(y, part, grid, _kernel(y, grid), drawn, blocks)

    def area(self, members: Ints) -> tuple[float, Floats, Floats]:
        """Half the area between the densities of a class and of all, times the share of the class.

        Returns
        -------
        area : float
        resampled : array, shape (resample,)
        influence : array, shape (block,)
        """
        y, n, m = self.y[members], len(self.y), len(members)
        if m < 2 or np.ptp(y) == 0:
            return 0.0, np.zeros(len(self.drawn)), np.zeros(self.blocks)
        kernel = _kernel(y, self.grid)
        all_, own = self.kernel.mean(axis=0), kernel.mean(axis=0)
        area = m / (2 * n) * np.trapezoid(np.abs(all_ - own), self.grid)
        drawn = self.drawn[:, members]
        count = drawn.sum(axis=1)
        moved = (drawn @ kernel) / np.maximum(count, 1)[:, None]
        resampled = count / (2 * n) * np.trapezoid(np.abs(self._resampled_all - moved), self.grid)
        side = np.sign(all_ - own)
        everyone = np.trapezoid(side * (self.kernel - all_), self.grid)
        within = np.trapezoid(side * (kernel - own), self.grid)
        term = np.bincount(self.part, everyone, self.blocks) * (m / n)
        term -= np.bincount(self.part[members], within, self.blocks)
        return float(area), resampled, np.asarray(term * (self.blocks / (2 * n)), dtype=float)

    @cached_property
    def _resampled_all(self) -> Floats:
        return self.drawn @ self.kernel / len(self.y)

    def indices(self, members: list[Ints]) -> tuple[Floats, Floats]:
        """`KINDS`, shape (kind,), and the blocks' influences on them, shape (kind, block)."""
        areas = [self.area(class_) for class_ in members]
        plain = sum(area for area, _, _ in areas)
        bias = np.mean(np.sum([resampled for _, resampled, _ in areas], axis=0)) - plain
        first, term = self._first(members)
        return np.array([plain - bias, first]), np.array([np.sum([i for _, _, i in areas], axis=0), term])

    def _first(self, members: list[Ints]) -> tuple[float, Floats]:
        """Variance of the classes' means over the variance, and the blocks' influences."""
        n, centred = len(self.y), self.y - self.y.mean()
        mean = np.zeros(n)
        for class_ in members:
            mean[class_] = centred[class_].mean()
        variance = float((centred**2).mean())
        share = float((mean**2).mean()) / variance
        term = (2 * mean * centred - mean**2 - share * centred**2) / variance
        return share, np.asarray(np.bincount(self.part, term, self.blocks) * (self.blocks / n), dtype=float)


def _kernel(y: Floats, grid: Floats) -> Floats:
    """Gaussian kernels of Silverman's bandwidth around runs, shape (run, point)."""
    width = _silverman(y)
    return np.exp(-0.5 * ((grid - y[:, None]) / width) ** 2) / (width * np.sqrt(2 * np.pi))


METHOD = Method("delta", "Delta", "runs", sample, extend, analyze)
