"""Functions whose sensitivity indices are known in closed form.

Each is a `Truth`: the function of points in the unit cube, vectorised over rows, and its exact indices.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cluster_sd.distributions import Distribution
from cluster_sd.sensitivity import Factor, Outcome, Outputs, Problem, Sample

Array = np.ndarray


@dataclass(frozen=True)
class Truth:
    """A function on the unit cube, and the variance that each set of inputs explains by itself and by interaction.

    `closed(u)` is Var(E[f | inputs in u]); all of Sobol's indices follow from it.
    """

    name: str
    dimension: int
    evaluate: Callable[[Array], Array]
    closed: Callable[[Iterable[int]], float]

    @cached_property
    def variance(self) -> float:
        return self.closed(range(self.dimension))

    @cached_property
    def s1(self) -> Array:
        return np.array([self.closed([i]) for i in range(self.dimension)]) / self.variance

    @cached_property
    def st(self) -> Array:
        others = [[j for j in range(self.dimension) if j != i] for i in range(self.dimension)]
        return 1 - np.array([self.closed(u) for u in others]) / self.variance

    @cached_property
    def s2(self) -> Array:
        """Of the pairs in the order of `itertools.combinations`."""
        pairs = itertools.combinations(range(self.dimension), 2)
        single = [self.closed([i]) for i in range(self.dimension)]
        return np.array([self.closed([i, j]) - single[i] - single[j] for i, j in pairs]) / self.variance

    @property
    def problem(self) -> Problem:
        return cube(self.dimension)


def cube(dimension: int) -> Problem:
    """Factors x1, x2 … that are uniform from 0 to 1."""
    names = [f"x{i + 1}" for i in range(dimension)]
    return Problem(tuple(Factor(name, name, Distribution("uniform", 0.0, 1.0)) for name in names))


def outputs_of(sample: Sample, *functions: Callable[[Array], Array], failed: Array | None = None) -> Outputs:
    """What a model would give for a sample: a column a function, NaN where `failed`."""
    unit = sample.unit()
    values = np.column_stack([f(unit) for f in functions])
    lost = np.zeros(len(unit), dtype=bool) if failed is None else failed
    values[lost] = np.nan
    outcomes = tuple(Outcome(f"f{i}") for i in range(len(functions)))
    return Outputs(outcomes, values, lost, sample.hashes())


# ---- Ishigami and Homma 1990, with the usual a = 7, b = 0.1 -----------------------------------------------------


def _ishigami(u: Array) -> Array:
    x = math.pi * (2 * u - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def _ishigami_closed(u: Iterable[int], a: float = 7, b: float = 0.1) -> float:
    v1 = 0.5 * (1 + b * math.pi**4 / 5) ** 2
    v2 = a**2 / 8
    v13 = b**2 * math.pi**8 * (1 / 18 - 1 / 50)
    have = set(u)
    return v1 * (0 in have) + v2 * (1 in have) + v13 * ({0, 2} <= have)


ISHIGAMI = Truth("Ishigami", 3, _ishigami, _ishigami_closed)


# ---- Sobol's G function (Saltelli and Sobol 1995) ---------------------------------------------------------------


def sobol_g(a: Iterable[float], name: str = "Sobol-G") -> Truth:
    """Product of (|4 x - 2| + a) / (1 + a)."""
    at = np.array(list(a), dtype=float)
    parts = 1 / (3 * (1 + at) ** 2)

    def evaluate(u: Array) -> Array:
        return np.prod((np.abs(4 * u - 2) + at) / (1 + at), axis=1)

    return Truth(name, len(at), evaluate, lambda u: float(np.prod(1 + parts[sorted(u)]) - 1))


SOBOL_G = sobol_g((0, 1, 4.5, 9, 99, 99, 99, 99))


# ---- Bratley, Fox and Niederreiter 1992 -------------------------------------------------------------------------


def bratley(dimension: int) -> Truth:
    """Sum over i of (-1)^i times the product of the first i inputs."""

    def evaluate(u: Array) -> Array:
        return np.cumprod(u, axis=1) @ np.array([(-1.0) ** (i + 1) for i in range(dimension)])

    def closed(u: Iterable[int]) -> float:
        """Sum over pairs of terms: a shared input gives E[x²] = 1/3 if it is in u, else 1/4; another 1/2."""
        have, total = set(u), 0.0
        for i, j in itertools.product(range(dimension), repeat=2):
            low, high = min(i, j), max(i, j)
            shared = math.prod(1 / 3 if k in have else 1 / 4 for k in range(low + 1))
            total += (-1) ** (i + j) * (shared - 0.25 ** (low + 1)) * 0.5 ** (high - low)
        return total

    return Truth("Bratley", dimension, evaluate, closed)


BRATLEY = bratley(8)


# ---- Morris 1991, twenty inputs; the coefficients that he drew at random are ±1 ---------------------------------


def _morris_terms() -> dict[tuple[int, ...], float]:
    """Coefficient of each product of w (multilinear)."""
    terms: dict[tuple[int, ...], float] = {}
    for i in range(20):
        terms[i,] = 20.0 if i < 10 else (-1.0) ** (i + 1)
    for i, j in itertools.combinations(range(20), 2):
        terms[i, j] = -15.0 if j < 6 else (-1.0) ** (i + j)
    terms |= {t: -10.0 for t in itertools.combinations(range(5), 3)}
    terms |= {t: 5.0 for t in itertools.combinations(range(4), 4)}
    return terms


_MORRIS_TERMS = _morris_terms()
_BENT = (2, 4, 6)


def _morris(u: Array) -> Array:
    w = 2 * (u - 0.5)
    bent = list(_BENT)
    w[:, bent] = 2 * (1.1 * u[:, bent] / (u[:, bent] + 0.1) - 0.5)
    linear = np.array([_MORRIS_TERMS[i,] for i in range(20)])
    square = np.zeros((20, 20))
    for term, c in _MORRIS_TERMS.items():
        if len(term) == 2:
            square[term] = c
    y = w @ linear + np.einsum("ni,ni->n", w @ square, w)
    for term, c in _MORRIS_TERMS.items():
        if len(term) > 2:
            y += c * np.prod(w[:, term], axis=1)
    return y


def _morris_moments() -> tuple[Array, Array]:
    """Mean and variance of each w; of the bent ones by integrating x/(x + 0.1) and its square."""
    mean, variance = np.zeros(20), np.full(20, 1 / 3)
    first = 1 - 0.1 * math.log(11)
    second = 1 - 0.2 * math.log(11) + 0.01 * (10 - 1 / 1.1)
    for i in _BENT:
        mean[i] = 2.2 * first - 1
        variance[i] = 2.2**2 * (second - first**2)
    return mean, variance


def _anova(terms: Mapping[tuple[int, ...], float], mean: Array, variance: Array) -> dict[tuple[int, ...], float]:
    """Variance of each interaction of a multilinear function of independent inputs."""
    factors: dict[tuple[int, ...], float] = {}
    for term, c in terms.items():
        for size in range(1, len(term) + 1):
            for u in itertools.combinations(term, size):
                rest = math.prod(mean[i] for i in term if i not in u)
                factors[u] = factors.get(u, 0.0) + c * rest
    return {u: c**2 * math.prod(variance[i] for i in u) for u, c in factors.items()}


_MORRIS_ANOVA = _anova(_MORRIS_TERMS, *_morris_moments())


def _morris_closed(u: Iterable[int]) -> float:
    have = set(u)
    return sum(v for term, v in _MORRIS_ANOVA.items() if have.issuperset(term))


MORRIS = Truth("Morris", 20, _morris, _morris_closed)

#: Those on which intervals are measured.
TRUTHS = (ISHIGAMI, SOBOL_G, BRATLEY, MORRIS)
