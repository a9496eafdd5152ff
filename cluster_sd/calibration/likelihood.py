"""Log-densities of observations and their derivatives, over draws and rows at once.

For row i with prediction p, the location is ``m = log p + log f`` (log-normal) or ``m = p·f`` (normal, Student-t),
where ``f`` is a scope factor (1 where the series has none); the standardised residual is ``z = (y - m) / s``.

- an exact value: the density of ``z``, over ``s`` (and over y where it is log-normal);
- at least c, at most c: the probability of lying beyond [1]_;
- a range: the probability of lying between its ends;
- autocorrelated residuals: ``z`` given the residual before it in its series is centred at ``r z'`` with
  ``r = rho**gap`` and scale ``sqrt(1 - r²)``, so that uneven gaps need no filling [2]_. Bounds and ranges have no
  residual; they stand outside the chain, with their marginal probability.

The scale of row i is ``s = sqrt(k (σ² + c²))`` where it is estimated, with the row's own floor ``c`` and the number
``k`` of sources that tell the same number; else it is given.

References
----------
.. [1] J. Tobin, Estimation of relationships for limited dependent variables, Econometrica 26 (1958).
.. [2] R. H. Jones, Maximum likelihood fitting of ARMA models to time series with missing observations, Technometrics 22
   (1980).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["DEGREES", "ERRORS", "KINDS", "Likelihood", "Terms", "information", "log_likelihood", "scales"]

Array = NDArray[Any]

ERRORS = ("normal", "lognormal", "student_t")
KINDS = ("exact", "at least", "at most", "interval")
#: Degrees of freedom of ``student_t``: heavy tails whose variance still exists (Lange, Little and Taylor 1989 use 4).
DEGREES = 4.0
_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
_T_CONSTANT = special.gammaln((DEGREES + 1) / 2) - special.gammaln(DEGREES / 2) - 0.5 * np.log(DEGREES * np.pi)


@dataclass(frozen=True)
class Family:
    """A standard density: its logarithm, the slope of that, and the logarithm of its distribution function."""

    logpdf: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    logcdf: Callable[[Array], Array]


def _t_logcdf(z: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(special.stdtr(DEGREES, z))


NORMAL = Family(lambda z: -0.5 * z * z - _HALF_LOG_2PI, lambda z: -z, special.log_ndtr)
STUDENT = Family(
    lambda z: _T_CONSTANT - 0.5 * (DEGREES + 1) * np.log1p(z * z / DEGREES),
    lambda z: -(DEGREES + 1) * z / (DEGREES + z * z),
    _t_logcdf,
)


@dataclass(frozen=True)
class Terms:
    """The rows of an observation model as arrays of shape (row,); made by :func:`cluster_sd.calibration.observation`.

    Attributes
    ----------
    low, high : array
        Observed value on the error's own scale (its logarithm for ``lognormal``); both ends of a range; minus or plus
        infinity at the open side of a bound.
    logarithmic, student : array of bool
        Error ``lognormal``; error ``student_t``.
    kind : array of int
        Index into :data:`KINDS`.
    given, floor : array
        Scale where it is given, else NaN; the row's own floor.
    copies : array
        Number of rows that tell the same number.
    scale, scope, rho : array of int
        Index of the nuisance parameter that acts on the row, or -1.
    fixed_scope : array
        Logarithm of the given scope factor of the row's series; 0 for none.
    fixed_rho : array
        Given autocorrelation of the row's series; 0 for none.
    before : array, shape (row, row)
        Row i: weights of the rows whose mean residual comes before it in its series; zeros where nothing does.
    gap : array
        Time since those.
    jacobian : array
        What the change of variable adds to an exact row: ``-log y`` for ``lognormal``.
    """

    low: Array
    high: Array
    logarithmic: Array
    student: Array
    kind: Array
    given: Array
    floor: Array
    copies: Array
    scale: Array
    scope: Array
    rho: Array
    fixed_scope: Array
    fixed_rho: Array
    before: Array
    gap: Array
    jacobian: Array

    def __len__(self) -> int:
        return len(self.low)

    @cached_property
    def chained(self) -> Array:
        """Rows that have a residual before them and an autocorrelation."""
        return (self.before.sum(axis=1) > 0) & ((self.rho >= 0) | (self.fixed_rho != 0))

    @cached_property
    def blocks(self) -> tuple[tuple[Family, str, Array], ...]:
        """Rows of one density and one kind."""
        found = []
        for student, family in ((False, NORMAL), (True, STUDENT)):
            for number, kind in enumerate(KINDS):
                rows = np.flatnonzero(np.where(self.student, student, not student) & (self.kind == number))
                if len(rows):
                    found.append((family, kind, rows))
        return tuple(found)

    @cached_property
    def groups(self) -> Mapping[str, tuple[tuple[int, Array], ...]]:
        """For each kind of nuisance parameter, which of them act, and on which rows."""
        return {
            kind: tuple((int(k), np.flatnonzero(index == k)) for k in np.unique(index[index >= 0]))
            for kind, index in (("scale", self.scale), ("scope", self.scope), ("rho", self.rho))
        }


@dataclass(frozen=True)
class Likelihood:
    """Log-likelihood of draws and its derivatives.

    Attributes
    ----------
    value : array, shape (draw,)
        Minus infinity where a prediction is not finite, or not positive under a log-normal error.
    predicted : array, shape (draw, row)
        Derivative in the predictions; zero where `value` is minus infinity.
    nuisance : array, shape (draw, nuisance)
        Derivative in the nuisance parameters, on their unbounded scale.
    rows : array, shape (draw, row)
        Each row's part of `value`.
    """

    value: Array
    predicted: Array
    nuisance: Array
    rows: Array


def _pick(terms: Terms, nuisance: Array, kind: str, otherwise: float | Array) -> Array:
    """The nuisance parameter of each row, (draw, row)."""
    found = np.empty((len(nuisance), len(terms)))
    found[:] = otherwise
    for k, rows in terms.groups[kind]:
        found[:, rows] = nuisance[:, k, None]
    return found


def scales(terms: Terms, nuisance: Array) -> Array:
    """Scale of each row's error, shape (draw, row)."""
    sigma = np.exp(_pick(terms, nuisance, "scale", -np.inf))
    estimated = np.sqrt(terms.copies * (sigma**2 + terms.floor**2))
    return np.where(terms.scale >= 0, estimated, terms.given)


def locations(terms: Terms, predicted: Array, nuisance: Array) -> Array:
    """Where each row's error is centred, on the error's own scale, shape (draw, row)."""
    factor = _pick(terms, nuisance, "scope", terms.fixed_scope)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(terms.logarithmic, np.log(predicted) + factor, predicted * np.exp(factor))


def correlations(terms: Terms, nuisance: Array) -> tuple[Array, Array]:
    """Autocorrelation over one unit of time and over the gap before each row, shape (draw, row)."""
    if not terms.chained.any():
        nothing = np.zeros((len(nuisance), len(terms)))
        return nothing, nothing
    rho = np.where(terms.rho >= 0, special.expit(_pick(terms, nuisance, "rho", 0.0)), terms.fixed_rho)
    r = np.where(terms.chained, rho ** np.where(terms.chained, terms.gap, 1.0), 0.0)
    return rho, r


def log_likelihood(terms: Terms, predicted: Array, nuisance: Array) -> Likelihood:
    """Log-likelihood of rows given predictions and nuisance parameters.

    Parameters
    ----------
    terms : Terms
    predicted : array, shape (draw, row)
    nuisance : array, shape (draw, nuisance)

    Returns
    -------
    Likelihood
    """
    possible = np.isfinite(predicted) & ~(terms.logarithmic & (predicted <= 0))
    works = possible.all(axis=1)
    safe = np.where(possible, predicted, 1.0)
    m, s = locations(terms, safe, nuisance), scales(terms, nuisance)
    rho, r = correlations(terms, nuisance)
    z = (np.where(np.isfinite(terms.low), terms.low, terms.high) - m) / s
    value, by_z, by_s, by_r = _rows(terms, z, s, r)
    by_m = -by_z / s
    by_s = by_s - by_z * z / s
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        slope = np.where(terms.logarithmic, 1 / safe, np.exp(_pick(terms, nuisance, "scope", terms.fixed_scope)))
        d_predicted = by_m * slope
    d_predicted[~works] = 0.0
    d_nuisance = _nuisance_slopes(terms, nuisance, (m, s, r, rho), (by_m, by_s, by_r))
    d_nuisance[~works] = 0.0
    value = np.where(possible, value, -np.inf)
    return Likelihood(np.where(works, value.sum(axis=1), -np.inf), d_predicted, d_nuisance, value)


def information(terms: Terms, predicted: Array, nuisance: Array) -> tuple[Array, Array, Array]:
    """How much each row tells at some predictions, and what moves its location.

    Returns
    -------
    weight : array, shape (draw, row)
        Curvature of minus the row's log-density in its location, rows taken as independent: ``1 / s²`` for a normal
        error; next to nothing for a bound that the prediction keeps by far.
    by_prediction, by_scope : array, shape (draw, row)
        Derivative of the location in the prediction, and in the logarithm of the scope factor.
    """
    possible = np.isfinite(predicted) & ~(terms.logarithmic & (predicted <= 0))
    safe = np.where(possible, predicted, 1.0)
    m, s = locations(terms, safe, nuisance), scales(terms, nuisance)
    z = (np.where(np.isfinite(terms.low), terms.low, terms.high) - m) / s
    nothing = np.zeros_like(z)
    above, below = (_rows(terms, z + step, s, nothing)[1] for step in (1e-4, -1e-4))
    weight = np.maximum((below - above) / 2e-4, 0.0) / s**2
    factor = np.exp(_pick(terms, nuisance, "scope", terms.fixed_scope))
    with np.errstate(divide="ignore", over="ignore"):
        by_prediction = np.where(terms.logarithmic, 1 / safe, factor)
    return np.where(possible, weight, np.nan), by_prediction, np.where(terms.logarithmic, 1.0, m)


def _rows(terms: Terms, z: Array, s: Array, r: Array) -> tuple[Array, Array, Array, Array]:
    """Each row's part, and its derivatives in z, in s beside z, and in r."""
    value, by_z, by_s, by_r = (np.zeros_like(z) for _ in range(4))
    for family, kind, rows in terms.blocks:
        if kind == "exact":
            _exact(terms, family, rows, (z, s, r), (value, by_z, by_s, by_r))
        elif kind == "interval":
            width = (terms.high - terms.low)[rows] / s[:, rows]
            value[:, rows], lower, upper = _between(family, z[:, rows], z[:, rows] + width)
            by_z[:, rows] += lower + upper
            by_s[:, rows] = -upper * width / s[:, rows]
        else:
            sign = -1.0 if kind == "at least" else 1.0
            value[:, rows] = family.logcdf(sign * z[:, rows])
            by_z[:, rows] += sign * np.exp(family.logpdf(z[:, rows]) - value[:, rows])
    return value, by_z, by_s, by_r


def _exact(terms: Terms, family: Family, rows: Array, inputs: tuple[Array, ...], out: tuple[Array, ...]) -> None:
    """Exact rows of one family, in the chain of residuals where there is one; fills `out`."""
    (z, s, r), (value, by_z, by_s, by_r) = inputs, out
    if not terms.chained[rows].any():
        z_own, s_own = z[:, rows], s[:, rows]
        value[:, rows] = family.logpdf(z_own) - np.log(s_own) + terms.jacobian[rows]
        by_z[:, rows] += family.slope(z_own)
        by_s[:, rows] = -1 / s_own
        return
    before, r = terms.before[rows], r[:, rows]
    mean = z @ before.T
    q = np.sqrt(1 - r * r)
    w = (z[:, rows] - r * mean) / q
    slope = family.slope(w)
    value[:, rows] = family.logpdf(w) - np.log(q) - np.log(s[:, rows]) + terms.jacobian[rows]
    by_z[:, rows] += slope / q
    by_z += (-slope * r / q) @ before
    by_s[:, rows] = -1 / s[:, rows]
    by_r[:, rows] = slope * (w * r / q - mean) / q + r / q**2


def _between(family: Family, a: Array, b: Array) -> tuple[Array, Array, Array]:
    """Log-probability of lying between a and b, and its derivatives in both; exact in both tails."""
    flip = a > 0
    low, high = np.where(flip, -b, a), np.where(flip, -a, b)
    upper = family.logcdf(high)
    value = upper + np.log(-np.expm1(np.minimum(family.logcdf(low) - upper, -1e-300)))
    return value, -np.exp(family.logpdf(a) - value), np.exp(family.logpdf(b) - value)


def _nuisance_slopes(terms: Terms, nuisance: Array, at: tuple[Array, ...], slopes: tuple[Array, ...]) -> Array:
    """Derivatives in the nuisance parameters, (draw, nuisance)."""
    (m, s, r, rho), (by_m, by_s, by_r) = at, slopes
    out = np.zeros_like(nuisance)
    for k, rows in terms.groups["scale"]:
        variance = np.exp(2 * nuisance[:, k, None])
        out[:, k] = (by_s[:, rows] * terms.copies[rows] * variance / s[:, rows]).sum(axis=1)
    for k, rows in terms.groups["scope"]:
        out[:, k] = (by_m[:, rows] * np.where(terms.logarithmic[rows], 1.0, m[:, rows])).sum(axis=1)
    for k, rows in terms.groups["rho"]:
        out[:, k] = (by_r[:, rows] * terms.gap[rows] * r[:, rows] * (1 - rho[:, rows])).sum(axis=1)
    return out
