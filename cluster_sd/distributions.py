"""What is believed of a parameter before data: the distribution between its low and its high.

One row a kind: a sensitivity analysis samples from these, a calibration takes them as priors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cluster_sd.errors import InputError, unknown

__all__ = ["BOUNDED", "KINDS", "Distribution"]

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
        if self.kind in ("loguniform", "lognormal") and self.low <= 0:
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

    def cdf(self, x: Array) -> Array:
        """Probability below `x`; same shape."""
        return np.asarray(self._scipy.cdf(np.asarray(x, dtype=float)))

    def logpdf(self, x: Array) -> Array:
        """Logarithm of the density at `x`; same shape, -inf outside the support."""
        return np.asarray(self._scipy.logpdf(np.asarray(x, dtype=float)))

    def slope(self, x: Array) -> Array:
        """Derivative of `logpdf` at `x`; same shape, 0 outside the support."""
        x = np.asarray(x, dtype=float)
        least, largest = self.support
        with np.errstate(divide="ignore", invalid="ignore"):
            found = KINDS[self.kind].slope(self, x)
        return np.where((x >= least) & (x <= largest), found, 0.0)

    @cached_property
    def _scipy(self) -> Any:
        return KINDS[self.kind].make(self)


@dataclass(frozen=True)
class _Kind:
    """How a kind becomes a distribution of SciPy, and the derivative of its log density."""

    make: Callable[[Distribution], Any]
    slope: Callable[[Distribution, Array], Array]


def _stats() -> Any:
    from scipy import stats

    return stats


#: Standard deviations from the mean to the 97.5 % point of a normal distribution.
_Z = 1.959963984540054


def _uniform(d: Distribution) -> Any:
    return _stats().uniform(d.low, d.high - d.low)


def _loguniform(d: Distribution) -> Any:
    return _stats().loguniform(d.low, d.high)


def _triangular(d: Distribution) -> Any:
    return _stats().triang((d.peak - d.low) / (d.high - d.low), d.low, d.high - d.low)


def _triangular_slope(d: Distribution, x: Array) -> Array:
    return np.where(x < d.peak, 1 / (x - d.low), -1 / (d.high - x))


def _shapes(d: Distribution) -> tuple[float, float]:
    width = d.high - d.low
    return 1 + 4 * (d.peak - d.low) / width, 1 + 4 * (d.high - d.peak) / width


def _beta(d: Distribution) -> Any:
    return _stats().beta(*_shapes(d), d.low, d.high - d.low)


def _beta_slope(d: Distribution, x: Array) -> Array:
    a, b = _shapes(d)
    rising = (a - 1) / (x - d.low) if a > 1 else 0.0
    falling = (b - 1) / (d.high - x) if b > 1 else 0.0
    return rising - falling + 0 * x


def _moments(low: float, high: float) -> tuple[float, float]:
    return (low + high) / 2, (high - low) / (2 * _Z)


def _normal(d: Distribution) -> Any:
    return _stats().norm(*_moments(d.low, d.high))


def _normal_slope(d: Distribution, x: Array) -> Array:
    mean, deviation = _moments(d.low, d.high)
    return (mean - x) / deviation**2


def _lognormal(d: Distribution) -> Any:
    mean, deviation = _moments(np.log(d.low), np.log(d.high))
    return _stats().lognorm(deviation, scale=np.exp(mean))


def _lognormal_slope(d: Distribution, x: Array) -> Array:
    mean, deviation = _moments(np.log(d.low), np.log(d.high))
    return ((mean - np.log(x)) / deviation**2 - 1) / x


#: Name of each kind, as in column ``distribution`` of ``parameters.csv`` -> what it is.
KINDS: Mapping[str, _Kind] = {
    "uniform": _Kind(_uniform, lambda d, x: 0 * x),
    "loguniform": _Kind(_loguniform, lambda d, x: -1 / x),
    "triangular": _Kind(_triangular, _triangular_slope),
    "beta": _Kind(_beta, _beta_slope),
    "normal": _Kind(_normal, _normal_slope),
    "lognormal": _Kind(_lognormal, _lognormal_slope),
}
#: Kinds whose values end at low and high.
BOUNDED = ("uniform", "loguniform", "triangular", "beta")
