"""The observation model: what each statistic says of a run, how far it may be off, and how likely it is.

A run enters as the values of a few measures (:attr:`ObservationModel.measures`, numbers all); a prediction of a row is
a weighted mean of these (a date between two saved times, a mean over several years). Observed values are in the model's
units. Likelihood, prior of the error's parameters and simulated observations are vectorised over draws.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from cluster_sd.calibration.likelihood import (
    DEGREES,
    KINDS,
    Likelihood,
    Terms,
    correlations,
    information,
    locations,
    log_likelihood,
    scales,
)
from cluster_sd.calibration.statistics import Statistic, Unused

__all__ = ["Nuisance", "Observation", "ObservationModel", "Series", "Supplied"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Series:
    """Observations of one statistic.

    Attributes
    ----------
    name : str
        The statistic's name in its file.
    measure : str
        What it is compared with, a variable or a number of the run.
    variable : str
        The variable in `measure`.
    unit : str
        The measure's unit; all values of the series are in it.
    error : str
        ``normal``, ``lognormal`` or ``student_t``.
    scale : float or None
        Scale of the error: of the logarithm for ``lognormal``, else in `unit`; None where it is estimated, 0 where each
        row's own floor is its scale.
    scope : float, str or None
        A given factor between the measure and what the statistic covers, ``"estimated"``, or None for none.
    rho : float, str or None
        Autocorrelation of residuals over one unit of time, likewise.
    note : str
        From ``observations.csv``.
    fitted : bool
        False: shown beside the run and never fitted; all its rows are held out.
    """

    name: str
    measure: str
    variable: str
    unit: str
    error: str
    scale: float | None = None
    scope: float | str | None = None
    rho: float | str | None = None
    note: str = ""
    fitted: bool = True


@dataclass(frozen=True)
class Nuisance:
    """A parameter of the errors, not of the model, on a scale without bounds; normal before data.

    Attributes
    ----------
    name : str
        ``scale of bingtang_area``.
    kind : str
        ``scale`` (logarithm of the error's scale), ``scope`` (logarithm of the scope factor) or ``rho`` (logit of the
        autocorrelation).
    series : int
        Index into :attr:`ObservationModel.series`.
    mean, sd : float
        Of the normal prior.
    """

    name: str
    kind: str
    series: int
    mean: float
    sd: float

    def natural(self, value: Array) -> Array:
        """Its value as a reader knows it: scale, factor, autocorrelation."""
        return special.expit(value) if self.kind == "rho" else np.exp(value)


@dataclass(frozen=True)
class Observation:
    """One row that is used.

    Attributes
    ----------
    series : int
        Index into :attr:`ObservationModel.series`.
    statistic : Statistic
        The row as printed.
    time : float
    kind : str
        One of `likelihood.KINDS`: ``exact``, ``at least``, ``at most``, ``interval``.
    low, high : float
        In the model's unit: the value twice; both ends of a range; infinity at the open side of a bound.
    floor : float
        Least scale of its error, from its reliability, its rounding and ``~``; relative for ``lognormal``.
    copies : int
        How many rows tell this number (one place, variable and time): together they weigh as one.
    held_out : bool
    remarks : tuple of str
        How it was read: a unit converted, an amount of a year taken as a yearly rate.
    """

    series: int
    statistic: Statistic
    time: float
    kind: str
    low: float
    high: float
    floor: float = 0.0
    copies: int = 1
    held_out: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        """The value, the bound, or the middle of a range."""
        if self.kind in ("at least", "at most"):
            return self.low if self.kind == "at least" else self.high
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class Supplied:
    """A constant of the model that the statistics give outright: households of the place, land fit for the crop.

    It takes this value in place of the model's own and is not fitted.

    Attributes
    ----------
    name : str
        The constant.
    unit : str
    value : float
    low, high : float
        Its 95 % interval, from the reliability of the rows.
    distribution : str
        ``lognormal`` or ``normal``.
    rows : tuple of Statistic
    """

    name: str
    unit: str
    value: float
    low: float
    high: float
    distribution: str
    rows: tuple[Statistic, ...]


@dataclass(frozen=True, eq=False)
class ObservationModel:
    """What is known of a run from outside, as a density over predictions.

    Made by :func:`cluster_sd.calibration.observing.observe`. ``draw`` is any number of runs at once, 1 included; arrays
    of one run need the axis too.

    Attributes
    ----------
    series : tuple of Series
    observations : tuple of Observation
        The rows, by series and time; held-out ones are among them and never count in :meth:`log_likelihood`.
    measures : tuple of str
        The numbers of a run that predictions are made of.
    weights : array, shape (row, measure)
        A prediction is ``weights @ values of measures``.
    nuisances : tuple of Nuisance
    terms : Terms
        The rows as arrays.
    place : str
        Place that the rows are of.
    unused : tuple of Unused
    warnings : tuple of str
    files : tuple of (str, str)
        Files of the statistics with their SHA-256.
    supplied : tuple of Supplied
        Constants of the model that the statistics give; no rows of the density.
    """

    series: tuple[Series, ...]
    observations: tuple[Observation, ...]
    measures: tuple[str, ...]
    weights: Array
    nuisances: tuple[Nuisance, ...]
    terms: Terms
    place: str = ""
    unused: tuple[Unused, ...] = ()
    warnings: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    supplied: tuple[Supplied, ...] = ()

    # ---- rows as arrays ---------------------------------------------------------------------------------------------

    @cached_property
    def times(self) -> Array:
        """Time of each row."""
        return np.array([row.time for row in self.observations], dtype=float)

    @cached_property
    def observed(self) -> Array:
        """Value, bound or middle of each row, in the model's unit."""
        return np.array([row.value for row in self.observations], dtype=float)

    @cached_property
    def held_out(self) -> Array:
        """Which rows are held out."""
        return np.array([row.held_out for row in self.observations], dtype=bool)

    @cached_property
    def exact(self) -> Array:
        """Which rows are a value, not a bound or a range."""
        return self.terms.kind == 0

    @cached_property
    def series_index(self) -> Array:
        """Series of each row."""
        return np.array([row.series for row in self.observations], dtype=np.int64)

    @cached_property
    def _fitted(self) -> tuple[Array, Terms]:
        rows = np.flatnonzero(~self.held_out)
        return rows, _only(self.terms, rows)

    @property
    def fitted_count(self) -> int:
        """Number of rows that are fitted."""
        return int((~self.held_out).sum())

    # ---- from measures to rows and back -----------------------------------------------------------------------------

    def predict(self, values: Array) -> Array:
        """Predictions, (draw, row), from the values of :attr:`measures`, (draw, measure)."""
        return values @ self.weights.T

    def pull_back(self, slopes: Array) -> Array:
        """Derivatives in the measures, (draw, measure), from those in the predictions, (draw, row)."""
        return slopes @ self.weights

    # ---- density ----------------------------------------------------------------------------------------------------

    @property
    def starts(self) -> Array:
        """Means of the nuisance parameters before data."""
        return np.array([n.mean for n in self.nuisances], dtype=float)

    def log_likelihood(self, predicted: Array, nuisance: Array) -> Likelihood:
        """Log-likelihood of the fitted rows and its derivatives.

        Parameters
        ----------
        predicted : array, shape (draw, row)
            Of all rows, held-out ones included.
        nuisance : array, shape (draw, nuisance)
            On the unbounded scale, in the order of :attr:`nuisances`.

        Returns
        -------
        Likelihood
            Its `predicted` and `rows` have zeros at held-out rows. A draw with a prediction that is not finite (or not
            positive, where the error is log-normal) among the fitted has value minus infinity and zero derivatives.
        """
        rows, terms = self._fitted
        found = log_likelihood(terms, predicted[:, rows], nuisance)
        if len(rows) == len(self.observations):
            return found
        slopes, parts = np.zeros_like(predicted), np.zeros_like(predicted)
        slopes[:, rows], parts[:, rows] = found.predicted, found.rows
        return replace(found, predicted=slopes, rows=parts)

    def pointwise(self, predicted: Array, nuisance: Array) -> Array:
        """Log-density of every row, held-out ones included, shape (draw, row)."""
        return log_likelihood(self.terms, predicted, nuisance).rows

    def information(self, predicted: Array, slopes: Array, nuisance: Array) -> Array:
        """Fisher information of the fitted rows, taken as independent, and of what is believed of the errors.

        Parameters
        ----------
        predicted : array, shape (draw, row)
        slopes : array, shape (draw, row, parameter)
            Derivatives of the predictions.
        nuisance : array, shape (draw, nuisance)

        Returns
        -------
        array, shape (draw, coordinate, coordinate)
            Coordinates are the parameters, then the nuisance parameters; an autocorrelation has its prior's alone.
        """
        rows, terms = self._fitted
        weight, by_prediction, by_scope = information(terms, predicted[:, rows], nuisance)
        shifts = np.zeros((*weight.shape, len(self.nuisances)))
        for k, own in terms.groups["scope"]:
            shifts[:, own, k] = by_scope[:, own]
        moves = np.concatenate([slopes[:, rows] * by_prediction[:, :, None], shifts], axis=2)
        found = np.einsum("drj,dr,drk->djk", moves, weight, moves)
        first = slopes.shape[2]
        size = scales(terms, nuisance)
        for k, own in terms.groups["scale"]:
            share = terms.copies[own] * np.exp(2 * nuisance[:, k, None]) / size[:, own] ** 2
            found[:, first + k, first + k] += 2 * (share**2).sum(axis=1)
        for k, one in enumerate(self.nuisances):
            found[:, first + k, first + k] += one.sd**-2
        return found

    def log_prior(self, nuisance: Array) -> tuple[Array, Array]:
        """Log-density of the nuisance parameters before data, (draw,), and its derivative, (draw, nuisance)."""
        mean, sd = self.starts, np.array([n.sd for n in self.nuisances], dtype=float)
        z = (nuisance - mean) / sd
        value = (-0.5 * z * z - np.log(sd) - 0.5 * np.log(2 * np.pi)).sum(axis=1)
        return value, -z / sd

    # ---- simulated observations -------------------------------------------------------------------------------------

    def simulate(self, predicted: Array, nuisance: Array, rng: np.random.Generator) -> Array:
        """Observations that the model would give, in its units, shape (draw, row).

        For a bound or a range it is the number behind it. Residuals of fitted exact rows follow their chain; other rows
        have their marginal error.
        """
        terms = self.terms
        shape = predicted.shape
        z = rng.standard_normal(shape)
        if terms.student.any():
            z = np.where(terms.student, z / np.sqrt(rng.chisquare(DEGREES, shape) / DEGREES), z)
        _, r = correlations(terms, nuisance)
        for row in np.flatnonzero(terms.chained):  # rows of a series stand in order of time
            mean = z @ terms.before[row]
            z[:, row] = r[:, row] * mean + np.sqrt(1 - r[:, row] ** 2) * z[:, row]
        y = locations(terms, predicted, nuisance) + scales(terms, nuisance) * z
        return np.where(terms.logarithmic, np.exp(np.minimum(y, 700.0)), y)

    def centre(self, predicted: Array, nuisance: Array) -> Array:
        """What the model says of each row, scope factors included, in its unit, shape (draw, row)."""
        m = locations(self.terms, predicted, nuisance)
        return np.where(self.terms.logarithmic, np.exp(m), m)

    def scaled_residuals(self, predicted: Array, nuisance: Array) -> Array:
        """(observed - location) / scale of every row, (draw, row); NaN where only a bound or a range is known."""
        m, s = locations(self.terms, predicted, nuisance), scales(self.terms, nuisance)
        with np.errstate(invalid="ignore"):
            return np.where(self.exact, (self.terms.low - m) / s, np.nan)

    def with_values(self, values: Array) -> ObservationModel:
        """The same model on other numbers, shape (row,), as :meth:`simulate` gives.

        A bound or a range censors as it did: where the number lies within, the row stays; else the number itself was
        seen and the row becomes exact (Tobin's model). Rows that become exact stand outside the chain of residuals.
        """
        rows, terms = [], self.terms
        for row, value in zip(self.observations, np.asarray(values, dtype=float), strict=True):
            if row.kind != "exact" and row.low <= value <= row.high:
                rows.append(row)
            else:
                rows.append(replace(row, kind="exact", low=float(value), high=float(value)))
        low, high = _on_error_scale(rows, terms.logarithmic)
        jacobian = np.where(terms.logarithmic, -np.where(np.isfinite(low), low, 0.0), 0.0)
        kind = np.array([KINDS.index(row.kind) for row in rows])
        made = replace(terms, low=low, high=high, kind=kind, jacobian=np.where(kind == 0, jacobian, 0.0))
        return replace(self, observations=tuple(rows), terms=made)

    def too_few(self, parameters: int) -> str | None:
        """A warning where fewer rows are fitted than parameters, else None."""
        count, nuisances = self.fitted_count, len(self.nuisances)
        if count >= parameters + nuisances:
            return None
        of_errors = f" and {nuisances} of the errors" if nuisances else ""
        return (
            f"{count} observations for {parameters} fitted parameters{of_errors}: "
            "what the data can't say comes from the ranges"
        )


def _on_error_scale(rows: list[Observation] | tuple[Observation, ...], logarithmic: Array) -> tuple[Array, Array]:
    """Ends of the rows; their logarithms where the error is log-normal."""
    low, high = np.array([row.low for row in rows], dtype=float), np.array([row.high for row in rows], dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.log(np.maximum(low, 0.0))
        return np.where(logarithmic, below, low), np.where(logarithmic, np.log(high), high)


def _only(terms: Terms, rows: Array) -> Terms:
    """Some of the rows."""
    made = {name: getattr(terms, name)[rows] for name in Terms.__dataclass_fields__ if name != "before"}
    return Terms(before=terms.before[np.ix_(rows, rows)], **made)


def as_terms(series: tuple[Series, ...], rows: tuple[Observation, ...], nuisances: tuple[Nuisance, ...]) -> Terms:
    """The rows as arrays; rows of a series stand together, in order of time."""
    of = [series[row.series] for row in rows]
    logarithmic = np.array([s.error == "lognormal" for s in of], dtype=bool)
    index = {(n.kind, n.series): k for k, n in enumerate(nuisances)}
    low, high = _on_error_scale(rows, logarithmic)
    before, gap = _chain(rows)
    given = np.array([np.nan if s.scale is None else max(s.scale, row.floor) for s, row in zip(of, rows, strict=True)])
    copies = np.array([row.copies for row in rows], dtype=float)
    exact = np.array([row.kind == "exact" for row in rows], dtype=bool)

    def number(kind: str) -> Array:
        return np.array([index.get((kind, row.series), -1) for row in rows], dtype=np.int64)

    return Terms(
        low=low,
        high=high,
        logarithmic=logarithmic,
        student=np.array([s.error == "student_t" for s in of], dtype=bool),
        kind=np.array([KINDS.index(row.kind) for row in rows], dtype=np.int64),
        given=given * np.sqrt(copies),
        floor=np.array([row.floor for row in rows], dtype=float),
        copies=copies,
        scale=number("scale"),
        scope=number("scope"),
        rho=number("rho"),
        fixed_scope=np.log([s.scope if isinstance(s.scope, float) else 1.0 for s in of]),
        fixed_rho=np.array([s.rho if isinstance(s.rho, float) else 0.0 for s in of], dtype=float),
        before=before,
        gap=gap,
        jacobian=np.where(logarithmic & exact, -np.where(np.isfinite(low), low, 0.0), 0.0),
    )


def _chain(rows: tuple[Observation, ...]) -> tuple[Array, Array]:
    """Which fitted exact rows come before each fitted exact row of its series, as weights, and how long before."""
    before, gap = np.zeros((len(rows), len(rows))), np.zeros(len(rows))
    for k, row in enumerate(rows):
        if row.kind != "exact" or row.held_out:
            continue
        earlier = [
            j
            for j, other in enumerate(rows)
            if other.series == row.series and other.kind == "exact" and not other.held_out and other.time < row.time
        ]
        if earlier:
            last = max(rows[j].time for j in earlier)
            nearest = [j for j in earlier if rows[j].time == last]
            before[k, nearest] = 1 / len(nearest)
            gap[k] = row.time - last
    return before, gap
