"""What is believed of a parameter before data: the distribution between its low and its high.

One row a kind: a sensitivity analysis samples from these, a calibration takes them as priors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cluster_sd.errors import InputError, unknown

__all__ = ["BOUNDED", "KINDS", "LOGARITHMIC", "Distribution"]

Array = np.ndarray


@dataclass(frozen=True)
class Distribution:
    """The distribution of one parameter.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    low, high : float
        Ends of the range; for ``normal`` and ``lognormal`` the 2.5 % and 97.5 % points.
    mode : float, optional
        Most likely value of ``triangular`` and ``beta`` (PERT: shapes ``1 + 4 (mode - low) / (high - low)`` and
        ``1 + 4 (high - mode) / (high - low)``; Malcolm et al. 1959). Default: the middle.

    Raises
    ------
    InputError
        For an unknown kind, low not below high, a mode outside them, or a range that the kind can't have.
    """

    kind: str
    low: float
    high: float
    mode: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("distribution", self.kind, KINDS, "")
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise InputError(f"a {self.kind} distribution needs low {self.low:.10g} below high {self.high:.10g}")
        if self.kind in LOGARITHMIC and self.low <= 0:
            raise InputError(f"a {self.kind} distribution needs low {self.low:.10g} above 0")
        if self.kind in ("triangular", "beta") and not self.low <= self.peak <= self.high:
            raise InputError(
                f"the mode {self.peak:.10g} of a {self.kind} distribution must lie "
                f"from low {self.low:.10g} to high {self.high:.10g}"
            )

    @property
    def peak(self) -> float:
        """The mode of ``triangular`` and ``beta``."""
        return (self.low + self.high) / 2 if self.mode is None else self.mode

    @property
    def support(self) -> tuple[float, float]:
        """The least and the largest value that can be."""
        least, largest = self._scipy.support()
        return float(least), float(largest)

    @property
    def mean(self) -> float:
        """Expected value."""
        return float(self._scipy.mean())

    @property
    def variance(self) -> float:
        """Variance."""
        return float(self._scipy.var())

    def ppf(self, u: Array) -> Array:
        """Values at the probabilities `u` (inverse of the distribution function); same shape."""
        u = np.asarray(u, dtype=float)
        if self.kind == "uniform":  # what SALib and everybody else computes, to the last digit
            return self.low + u * (self.high - self.low)
        return np.asarray(self._scipy.ppf(u))

    def from_normal(self, z: Array) -> Array:
        """Values below which as much of the distribution lies as of a standard normal below `z`; same shape.

        What :meth:`ppf` gives at the normal's distribution function of `z`, but quick, and as exact in the upper tail
        as in the lower one.
        """
        return KINDS[self.kind].from_normal(self, np.asarray(z, dtype=float))

    def to_normal(self, x: Array) -> Array:
        """Inverse of :meth:`from_normal`; infinite at and beyond the ends of the support."""
        from scipy.special import ndtri

        below, above = self._scipy.cdf(x), self._scipy.sf(x)
        return np.where(below < 0.5, ndtri(below), -ndtri(above))

    def cdf(self, x: Array) -> Array:
        """Probability below `x`; same shape."""
        return np.asarray(self._scipy.cdf(np.asarray(x, dtype=float)))

    def logpdf(self, x: Array) -> Array:
        """Logarithm of the density at `x`; same shape, -inf outside the support."""
        return self._within(x, KINDS[self.kind].logpdf, -np.inf)

    def slope(self, x: Array) -> Array:
        """Derivative of `logpdf` at `x`; same shape, 0 outside the support."""
        return self._within(x, KINDS[self.kind].slope, 0.0)

    def _within(self, x: Array, formula: Callable[[Distribution, Array], Array], outside: float) -> Array:
        x = np.asarray(x, dtype=float)
        least, largest = self._support
        if x.size and least < x.min() and x.max() < largest:  # the usual case, in a sampler's inner loop
            return formula(self, x)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where((x >= least) & (x <= largest), formula(self, x), outside)

    @cached_property
    def _support(self) -> tuple[float, float]:
        return self.support

    @cached_property
    def _shapes(self) -> tuple[float, float]:
        """Both shapes of the PERT distribution."""
        width = self.high - self.low
        return 1 + 4 * (self.peak - self.low) / width, 1 + 4 * (self.high - self.peak) / width

    @cached_property
    def _scipy(self) -> Any:
        return KINDS[self.kind].make(self)


@dataclass(frozen=True)
class _Kind:
    """How a kind becomes a distribution of SciPy.

    And, written out for speed, its log density, the derivative of it, and its values for those of a standard normal.
    """

    make: Callable[[Distribution], Any]
    logpdf: Callable[[Distribution, Array], Array]
    slope: Callable[[Distribution, Array], Array]
    from_normal: Callable[[Distribution, Array], Array]


def _stats() -> Any:
    from scipy import stats

    return stats


#: Standard deviations from the mean to the 97.5 % point of a normal distribution.
_Z = 1.959963984540054
_LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)


def _uniform(d: Distribution) -> Any:
    return _stats().uniform(d.low, d.high - d.low)


def _uniform_from_normal(d: Distribution, z: Array) -> Array:
    from scipy.special import ndtr

    return d.low + ndtr(z) * (d.high - d.low)


def _loguniform(d: Distribution) -> Any:
    return _stats().loguniform(d.low, d.high)


def _loguniform_from_normal(d: Distribution, z: Array) -> Array:
    from scipy.special import ndtr

    return d.low * np.exp(ndtr(z) * math.log(d.high / d.low))


def _triangular(d: Distribution) -> Any:
    return _stats().triang((d.peak - d.low) / (d.high - d.low), d.low, d.high - d.low)


def _triangular_logpdf(d: Distribution, x: Array) -> Array:
    rising = (x - d.low) / (d.peak - d.low) if d.peak > d.low else np.ones_like(x)
    falling = (d.high - x) / (d.high - d.peak) if d.high > d.peak else np.ones_like(x)
    return np.log(np.where(x < d.peak, rising, falling)) + math.log(2 / (d.high - d.low))


def _triangular_slope(d: Distribution, x: Array) -> Array:
    return np.where(x < d.peak, 1 / (x - d.low), -1 / (d.high - x))


def _triangular_from_normal(d: Distribution, z: Array) -> Array:
    from scipy.special import ndtr

    width, below = d.high - d.low, ndtr(z)
    rising = d.low + np.sqrt(below * width * (d.peak - d.low))
    falling = d.high - np.sqrt(ndtr(-z) * width * (d.high - d.peak))
    return np.where(below * width < d.peak - d.low, rising, falling)


def _beta(d: Distribution) -> Any:
    return _stats().beta(*d._shapes, d.low, d.high - d.low)


def _beta_logpdf(d: Distribution, x: Array) -> Array:
    from scipy.special import betaln, xlogy

    (a, b), width = d._shapes, d.high - d.low
    u = (x - d.low) / width
    return xlogy(a - 1, u) + xlogy(b - 1, 1 - u) - betaln(a, b) - math.log(width)


def _beta_slope(d: Distribution, x: Array) -> Array:
    a, b = d._shapes
    rising = (a - 1) / (x - d.low) if a > 1 else 0.0
    falling = (b - 1) / (d.high - x) if b > 1 else 0.0
    return rising - falling + 0 * x


def _beta_from_normal(d: Distribution, z: Array) -> Array:
    from scipy.special import betaincinv, ndtr

    (a, b), width, tail = d._shapes, d.high - d.low, ndtr(-np.abs(z))
    return np.where(z < 0, d.low + width * betaincinv(a, b, tail), d.high - width * betaincinv(b, a, tail))


def _moments(low: float, high: float) -> tuple[float, float]:
    return (low + high) / 2, (high - low) / (2 * _Z)


def _normal(d: Distribution) -> Any:
    return _stats().norm(*_moments(d.low, d.high))


def _normal_logpdf(d: Distribution, x: Array) -> Array:
    mean, deviation = _moments(d.low, d.high)
    return -0.5 * ((x - mean) / deviation) ** 2 - math.log(deviation) - _LOG_ROOT_2PI


def _normal_slope(d: Distribution, x: Array) -> Array:
    mean, deviation = _moments(d.low, d.high)
    return (mean - x) / deviation**2


def _normal_from_normal(d: Distribution, z: Array) -> Array:
    mean, deviation = _moments(d.low, d.high)
    return mean + deviation * z


def _lognormal(d: Distribution) -> Any:
    mean, deviation = _moments(np.log(d.low), np.log(d.high))
    return _stats().lognorm(deviation, scale=np.exp(mean))


def _lognormal_logpdf(d: Distribution, x: Array) -> Array:
    mean, deviation = _moments(np.log(d.low), np.log(d.high))
    logarithm = np.log(np.where(x > 0, x, np.nan))
    found = -0.5 * ((logarithm - mean) / deviation) ** 2 - logarithm - math.log(deviation) - _LOG_ROOT_2PI
    return np.where(x > 0, found, -np.inf)


def _lognormal_slope(d: Distribution, x: Array) -> Array:
    mean, deviation = _moments(np.log(d.low), np.log(d.high))
    return ((mean - np.log(x)) / deviation**2 - 1) / x


def _lognormal_from_normal(d: Distribution, z: Array) -> Array:
    mean, deviation = _moments(np.log(d.low), np.log(d.high))
    with np.errstate(over="ignore"):  # infinite where a sampler's step flies off; nothing is likely there
        return np.exp(mean + deviation * z)


#: Name of each kind, as in column ``distribution`` of ``parameters.csv`` -> what it is.
KINDS: Mapping[str, _Kind] = {
    "uniform": _Kind(
        _uniform, lambda d, x: 0 * x - math.log(d.high - d.low), lambda d, x: 0 * x, _uniform_from_normal
    ),
    "loguniform": _Kind(
        _loguniform, lambda d, x: -np.log(x) - math.log(math.log(d.high / d.low)), lambda d, x: -1 / x,
        _loguniform_from_normal,
    ),
    "triangular": _Kind(_triangular, _triangular_logpdf, _triangular_slope, _triangular_from_normal),
    "beta": _Kind(_beta, _beta_logpdf, _beta_slope, _beta_from_normal),
    "normal": _Kind(_normal, _normal_logpdf, _normal_slope, _normal_from_normal),
    "lognormal": _Kind(_lognormal, _lognormal_logpdf, _lognormal_slope, _lognormal_from_normal),
}  # fmt: skip
#: Kinds of values above zero, that go by their logarithm.
LOGARITHMIC = ("loguniform", "lognormal")
#: Kinds whose values end at low and high.
BOUNDED = ("uniform", "loguniform", "triangular", "beta")
