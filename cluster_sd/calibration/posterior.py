"""How likely parameters are, given statistics: model, observations and priors as one density with its gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.coordinates import Coordinates, Fitted
from cluster_sd.calibration.observation import ObservationModel

if TYPE_CHECKING:
    from cluster_sd.api import Model
    from cluster_sd.simulate.many_slopes import Slopes

__all__ = ["Density", "Posterior", "Predicted", "posterior_of"]

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
    ends.

    Attributes
    ----------
    fitted : tuple of Fitted
    observations : ObservationModel
    slopes : Slopes
        The model: values and derivatives of the observations' measures.
    """

    fitted: tuple[Fitted, ...]
    observations: ObservationModel
    slopes: Slopes

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

    def likelihood(self, scaled: Array) -> Density:
        """Log-likelihood at scaled points, with the priors of the errors' parameters, without those of the model's."""
        k = len(self.fitted)
        nuisance = scaled[:, k:]
        predicted = self.predict(scaled[:, :k])
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
        k = len(self.fitted)
        found = self.likelihood(scaled)
        prior, slope = self.coordinates.log_prior(scaled[:, :k])
        value, gradient = found.value + prior, found.gradient.copy()
        gradient[:, :k] += slope
        usable = np.isfinite(value)
        return Density(np.where(usable, value, -np.inf), np.where(usable[:, None], gradient, 0.0))

    def free_density(self, free: Array) -> Density:
        """Log-density of the posterior (not normalised) in free coordinates."""
        k = len(self.fitted)
        scaled, slope, log_slope, log_slope_gradient = self.coordinates.from_free(free[:, :k])
        found = self.density(np.concatenate([scaled, free[:, k:]], axis=1))
        gradient = found.gradient.copy()
        gradient[:, :k] = gradient[:, :k] * slope + log_slope_gradient
        usable = np.isfinite(found.value)
        return Density(np.where(usable, found.value + log_slope, -np.inf), np.where(usable[:, None], gradient, 0.0))

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


def posterior_of(
    model: Model,
    fitted: Sequence[Fitted],
    observations: ObservationModel,
    changes: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Posterior:
    """The posterior of some of a model's parameters.

    Parameters
    ----------
    model : Model
    fitted : sequence of Fitted
    observations : ObservationModel
    changes, **settings
        As for :meth:`cluster_sd.Model.slopes`.

    Raises
    ------
    InputError
        For names, measures and settings that can't be used.
    """
    slopes = model.slopes([f.name for f in fitted], list(observations.measures), changes, **{"threads": 1, **settings})
    return Posterior(tuple(fitted), observations, slopes)
