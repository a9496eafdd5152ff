"""How likely parameters are, given statistics: model, observations and priors as one density with its gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.coordinates import HALF_LOG_2PI, Coordinates, Fitted
from cluster_sd.calibration.observation import ObservationModel

if TYPE_CHECKING:
    from cluster_sd.api import Model
    from cluster_sd.simulate.many_slopes import Slopes

__all__ = ["Density", "Posterior", "Predicted", "free_densities", "posterior_of"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Predicted:
    """What the model says at some points.

    Attributes
    ----------
    rows : array, shape (draw, row)
        Predictions of the statistics; NaN where the run failed.
    slopes : array, shape (draw, row, parameter)
        Derivatives in the scaled coordinates.
    """

    rows: Array
    slopes: Array


@dataclass(frozen=True)
class Density:
    """A log-density at some points and its gradient.

    Attributes
    ----------
    value : array, shape (draw,)
        Minus infinity where the run fails or a prediction can't be.
    gradient : array, shape (draw, coordinate)
        Zero where `value` is minus infinity.
    """

    value: Array
    gradient: Array


@dataclass(frozen=True, eq=False)
class Posterior:
    """The density of parameters given statistics.

    A point is a row of coordinates: those of the fitted parameters, scaled or free (see
    :class:`~cluster_sd.calibration.coordinates.Coordinates`), then the nuisance parameters of the errors, which have no
    ends; of a free point these too are standard normal before data.

    Attributes
    ----------
    fitted : tuple of Fitted
    observations : ObservationModel
    slopes : Slopes
        The model: values and derivatives of the observations' measures.
    runs : callable
        The model: values alone, shape (draw, measure), at parameters, shape (draw, parameter); NaN where a run fails.
    """

    fitted: tuple[Fitted, ...]
    observations: ObservationModel
    slopes: Slopes
    runs: Callable[[Array], Array]

    @cached_property
    def coordinates(self) -> Coordinates:
        """How the fitted parameters are laid out."""
        return Coordinates(self.fitted)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all coordinates: fitted parameters, then those of the errors."""
        return (*(f.name for f in self.fitted), *(n.name for n in self.observations.nuisances))

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return len(self.names)

    @cached_property
    def bounds(self) -> tuple[Array, Array]:
        """Between which values scaled points may lie."""
        low, high = self.coordinates.bounds
        far = 8 * np.array([n.sd for n in self.observations.nuisances])
        middle = self.observations.starts
        return np.concatenate([low, middle - far]), np.concatenate([high, middle + far])

    @cached_property
    def doubtful(self) -> tuple[str, ...]:
        """Fitted parameters that move a jump of some measure, so that a gradient does not tell what they do."""
        flags = np.asarray(self.slopes.discontinuous).T
        return tuple(f.name for f, own in zip(self.fitted, flags, strict=True) if own.any())

    def with_values(self, values: Array) -> Posterior:
        """The same model given other numbers, shape (row,)."""
        return replace(self, observations=self.observations.with_values(values))

    # ---- density ----------------------------------------------------------------------------------------------------

    def predict(self, scaled: Array) -> Predicted:
        """Predictions at the scaled coordinates of the fitted parameters, shape (draw, parameter)."""
        made = self.slopes(self.coordinates.natural(scaled))
        stretch = self.coordinates.stretch(scaled)
        slopes = np.einsum("rm,dmk->drk", self.observations.weights, made.gradient) * stretch[:, None, :]
        return Predicted(self.observations.predict(made.values), slopes)

    def rows(self, scaled: Array) -> Array:
        """Predictions as :meth:`predict` gives, shape (draw, row), without derivatives: many times quicker."""
        return self.observations.predict(self.runs(self.coordinates.natural(scaled)))

    def values(self, scaled: Array, prior: bool = True) -> Array:
        """Log-density of the posterior, shape (draw,), or of the likelihood (see :meth:`likelihood`), no gradient."""
        k = len(self.fitted)
        nuisance = scaled[:, k:]
        found = self.observations.log_likelihood(self.rows(scaled[:, :k]), nuisance).value
        found = found + self.observations.log_prior(nuisance)[0]
        if prior:
            found = found + self.coordinates.log_prior(scaled[:, :k])[0]
        return np.where(np.isfinite(found), found, -np.inf)

    def likelihood(self, scaled: Array) -> Density:
        """Log-likelihood at scaled points, with the priors of the errors' parameters, without those of the model's."""
        k = len(self.fitted)
        return self._likelihood(self.predict(scaled[:, :k]), scaled[:, k:])

    def _likelihood(self, predicted: Predicted, nuisance: Array) -> Density:
        found = self.observations.log_likelihood(predicted.rows, nuisance)
        usable = np.isfinite(found.value)
        slopes = np.where(found.predicted[:, :, None] == 0, 0.0, predicted.slopes)  # 0 times NaN is 0 here
        of_errors, of_errors_slope = self.observations.log_prior(nuisance)
        gradient = np.concatenate(
            [np.einsum("dr,drk->dk", found.predicted, slopes), found.nuisance + of_errors_slope], axis=1
        )
        usable &= np.isfinite(gradient).all(axis=1)
        return Density(np.where(usable, found.value + of_errors, -np.inf), np.where(usable[:, None], gradient, 0.0))

    def density(self, scaled: Array) -> Density:
        """Log-density of the posterior (not normalised) in scaled coordinates."""
        return self._with_prior(self.likelihood(scaled), scaled)

    def _with_prior(self, found: Density, scaled: Array) -> Density:
        k = len(self.fitted)
        prior, slope = self.coordinates.log_prior(scaled[:, :k])
        value, gradient = found.value + prior, found.gradient.copy()
        gradient[:, :k] += slope
        usable = np.isfinite(value)
        return Density(np.where(usable, value, -np.inf), np.where(usable[:, None], gradient, 0.0))

    def curved(self, scaled: Array, prior: bool = True) -> tuple[Density, Array]:
        """The density, or the likelihood, with what the fitted rows are expected to tell of each coordinate.

        Returns
        -------
        Density
            As :meth:`density` or :meth:`likelihood` gives.
        array, shape (draw, coordinate, coordinate)
            Fisher information of the rows, taken as independent, and curvature of normal priors.
        """
        k = len(self.fitted)
        nuisance = scaled[:, k:]
        predicted = self.predict(scaled[:, :k])
        found = self._likelihood(predicted, nuisance)
        information = self.observations.information(predicted.rows, predicted.slopes, nuisance)
        if prior:
            found = self._with_prior(found, scaled)
            information[:, range(k), range(k)] += self.coordinates.prior_curvature
        return found, np.where(np.isfinite(found.value)[:, None, None], information, 0.0)

    # ---- free coordinates -------------------------------------------------------------------------------------------

    @cached_property
    def _errors(self) -> tuple[Array, Array]:
        """Prior means and standard deviations of the errors' parameters."""
        return self.observations.starts, np.array([n.sd for n in self.observations.nuisances], dtype=float)

    def from_free(self, free: Array) -> Array:
        """Scaled points of free ones."""
        k, (middle, spread) = len(self.fitted), self._errors
        return np.concatenate([self.coordinates.from_free(free[:, :k])[0], middle + spread * free[:, k:]], axis=1)

    def to_free(self, scaled: Array) -> Array:
        """Free points of scaled ones."""
        k, (middle, spread) = len(self.fitted), self._errors
        return np.concatenate([self.coordinates.to_free(scaled[:, :k]), (scaled[:, k:] - middle) / spread], axis=1)

    def free_density(self, free: Array) -> Density:
        """Log-density of the posterior (not normalised) in free coordinates: likelihood times standard normals."""
        return free_densities([self] * len(free), free)

    def free_values(self, free: Array) -> Array:
        """Log-density of the posterior (not normalised) in free coordinates, shape (draw,), no gradient."""
        prior = 0.5 * free[:, : len(self.fitted)] ** 2 + HALF_LOG_2PI
        return self.values(self.from_free(free), prior=False) - prior.sum(axis=1)

    def natural(self, scaled: Array) -> Array:
        """Points as a reader knows them: parameters, and the errors' scales, factors and autocorrelations."""
        k = len(self.fitted)
        errors = [n.natural(scaled[:, k + i]) for i, n in enumerate(self.observations.nuisances)]
        return np.concatenate([self.coordinates.natural(scaled[:, :k]), *(e[:, None] for e in errors)], axis=1)

    def prior_draws(self, count: int, seed: int) -> Array:
        """Scaled points drawn from the priors, shape (draw, coordinate)."""
        rng = np.random.default_rng(seed)
        scaled = self.coordinates.from_prior(rng.random((count, len(self.fitted))))
        spread = np.array([n.sd for n in self.observations.nuisances])
        errors = self.observations.starts + spread * rng.standard_normal((count, len(spread)))
        return np.concatenate([scaled, errors], axis=1)


def free_densities(posteriors: Sequence[Posterior], free: Array) -> Density:
    """Log-densities (not normalised) of several posteriors in free coordinates, one point each, in one call.

    The posteriors are of one model and differ in the values of their statistics alone (:meth:`Posterior.with_values`).
    All points are derived in together, by one sweep back each: a few cost little more than one.
    """
    with np.errstate(all="ignore"):  # a sampler's step may fly off to where nothing is finite
        return _free_densities(posteriors, free)


def _free_densities(posteriors: Sequence[Posterior], free: Array) -> Density:
    one, k = posteriors[0], len(posteriors[0].fitted)
    middle, spread = one._errors
    scaled, slope = one.coordinates.from_free(free[:, :k])
    nuisance = middle + spread * free[:, k:]
    value, by_error = np.empty(len(free)), np.empty_like(nuisance)

    def weigh(measures: Array) -> Array:
        rows = one.observations.predict(measures)
        by_row = np.empty_like(rows)
        for own, places in _groups(posteriors):
            found = own.observations.log_likelihood(rows[places], nuisance[places])
            value[places], by_row[places], by_error[places] = found.value, found.predicted, found.nuisance
        return by_row @ one.observations.weights

    pulled = one.slopes.pull(one.coordinates.natural(scaled), weigh)
    of_errors, of_errors_slope = one.observations.log_prior(nuisance)
    value += of_errors - (0.5 * free[:, :k] ** 2 + HALF_LOG_2PI).sum(axis=1)
    gradient = np.concatenate(
        [
            pulled.gradient * one.coordinates.stretch(scaled) * slope - free[:, :k],
            (by_error + of_errors_slope) * spread,
        ],
        axis=1,
    )
    usable = np.isfinite(value) & np.isfinite(gradient).all(axis=1) & ~pulled.failed
    return Density(np.where(usable, value, -np.inf), np.where(usable[:, None], gradient, 0.0))


def _groups(posteriors: Sequence[Posterior]) -> list[tuple[Posterior, list[int]]]:
    """Which posterior's are which points."""
    places: dict[int, list[int]] = {}
    for place, posterior in enumerate(posteriors):
        places.setdefault(id(posterior), []).append(place)
    return [(posteriors[own[0]], own) for own in places.values()]


def posterior_of(
    model: Model,
    fitted: Sequence[Fitted],
    observations: ObservationModel,
    changes: Mapping[str, Any] | None = None,
    *,
    threads: int = 1,
    **settings: Any,
) -> Posterior:
    """The posterior of some of a model's parameters.

    Parameters
    ----------
    model : Model
    fitted : sequence of Fitted
    observations : ObservationModel
    threads : int
        Of runs without derivatives, which come many at a time; derivatives are taken in the caller's thread.
    changes, **settings
        As for :meth:`cluster_sd.Model.slopes`.

    Raises
    ------
    InputError
        For names, measures and settings that can't be used.
    """
    names, measures = [f.name for f in fitted], list(observations.measures)
    slopes = model.slopes(names, measures, changes, **settings, threads=1)
    same = dict(changes or {})

    def runs(natural: Array) -> Array:
        count = len(natural)
        design = {name: np.full(count, value) for name, value in same.items()}
        design |= dict(zip(names, natural.T, strict=True))
        streams = np.zeros(count, dtype=np.int64)  # one world of random numbers, as for derivatives
        found = model.ensemble_arrays(design, measures, **settings, threads=threads, streams=streams)
        return np.stack([found.values[text] for text in measures], axis=1)

    return Posterior(tuple(fitted), observations, slopes, runs)
