"""Parameters as an optimiser and a sampler see them: on a scale of order one, with and without ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.distributions import BOUNDED, LOGARITHMIC, Distribution

__all__ = ["Coordinates", "Fitted"]

Array = NDArray[Any]
#: Width from the 2.5 % to the 97.5 % point of a normal distribution, in standard deviations.
WIDTH = 2 * 1.959963984540054
HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
#: How far an optimiser may go where a distribution has no ends: ten standard deviations from the middle.
FAR = 10 / WIDTH


@dataclass(frozen=True)
class Fitted:
    """One parameter that is fitted: its name in the model, what is believed of it before data, its present value."""

    name: str
    prior: Distribution
    value: float
    unit: str = ""


@dataclass(frozen=True)
class Coordinates:
    """How the fitted parameters are laid out.

    *Scaled* coordinates put low at 0 and high at 1, in the logarithm for ``loguniform`` and ``lognormal``; an optimiser
    works in these, between :attr:`bounds`. *Free* ones have no ends, and are standard normal before data: as much of
    the prior lies below a parameter as of the normal below its free coordinate; a sampler works in these. All arrays
    are of shape (draw, parameter).
    """

    fitted: Sequence[Fitted]

    @cached_property
    def _logarithmic(self) -> Array:
        return np.array([f.prior.kind in LOGARITHMIC for f in self.fitted], dtype=bool)

    @cached_property
    def _ended(self) -> Array:
        return np.array([f.prior.kind in BOUNDED for f in self.fitted], dtype=bool)

    @cached_property
    def _ends(self) -> tuple[Array, Array]:
        """Low and high on the scale that is laid out evenly."""
        low, high = (np.array([getattr(f.prior, end) for f in self.fitted], dtype=float) for end in ("low", "high"))
        log = self._logarithmic
        return np.where(log, np.log(np.where(log, low, 1.0)), low), np.where(
            log, np.log(np.where(log, high, 1.0)), high
        )

    @cached_property
    def bounds(self) -> tuple[Array, Array]:
        """Between which values scaled coordinates may lie, two arrays of shape (parameter,)."""
        return np.where(self._ended, 0.0, 0.5 - FAR), np.where(self._ended, 1.0, 0.5 + FAR)

    def natural(self, scaled: Array) -> Array:
        """The parameters themselves."""
        low, high = self._ends
        even = low + scaled * (high - low)
        return np.where(self._logarithmic, np.exp(np.where(self._logarithmic, even, 0.0)), even)

    def scaled(self, natural: Array) -> Array:
        """Scaled coordinates of parameters."""
        low, high = self._ends
        log = self._logarithmic
        even = np.where(log, np.log(np.where(log, natural, 1.0)), natural)
        return (even - low) / (high - low)

    def stretch(self, scaled: Array) -> Array:
        """Derivative of each parameter in its scaled coordinate."""
        low, high = self._ends
        return (high - low) * np.where(self._logarithmic, self.natural(scaled), 1.0)

    def log_prior(self, scaled: Array) -> tuple[Array, Array]:
        """Log-density of scaled coordinates before data, (draw,), and its derivative, (draw, parameter)."""
        natural, stretch = self.natural(scaled), self.stretch(scaled)
        value = np.zeros(len(scaled))
        slope = np.zeros_like(scaled)
        for k, one in enumerate(self.fitted):
            value += one.prior.logpdf(natural[:, k]) + np.log(np.abs(stretch[:, k]))
            slope[:, k] = one.prior.slope(natural[:, k]) * stretch[:, k]
        low, high = self._ends
        return value, slope + np.where(self._logarithmic, high - low, 0.0)

    def from_free(self, free: Array) -> tuple[Array, Array]:
        """Scaled coordinates of free ones, and their derivative in them."""
        columns = [f.prior.from_normal(free[:, k]) for k, f in enumerate(self.fitted)]
        if not columns:
            return np.zeros((len(free), 0)), np.zeros((len(free), 0))
        natural = np.stack(columns, axis=1)
        with np.errstate(all="ignore"):  # far out, where a sampler's step flies off, values may be infinite
            density = np.stack([f.prior.logpdf(natural[:, k]) for k, f in enumerate(self.fitted)], axis=1)
            scaled = self.scaled(natural)
            # at an end of the range, where the density of some kinds is nought, nothing moves
            slope = np.exp(np.where(np.isfinite(density), -0.5 * free**2 - HALF_LOG_2PI - density, -np.inf))
            return scaled, slope / self.stretch(scaled)

    def to_free(self, scaled: Array) -> Array:
        """Free coordinates of scaled ones; those at or beyond an end are taken a millionth within."""
        within = self.natural(np.where(self._ended, np.clip(scaled, 1e-6, 1 - 1e-6), scaled))
        columns = [f.prior.to_normal(within[:, k]) for k, f in enumerate(self.fitted)]
        return np.stack(columns, axis=1) if columns else np.zeros((len(scaled), 0))

    @cached_property
    def prior_curvature(self) -> Array:
        """Curvature of minus the log-density before data where the prior is normal in scaled coordinates, else 0."""
        return np.where(self._ended, 0.0, WIDTH**2)

    def from_prior(self, u: Array) -> Array:
        """Scaled coordinates at the probabilities `u` of the priors, shape (draw, parameter)."""
        columns = [f.prior.ppf(u[:, k]) for k, f in enumerate(self.fitted)]
        return self.scaled(np.stack(columns, axis=1)) if columns else np.zeros((len(u), 0))


def fitted_from(rows: Sequence[Mapping[str, Any]]) -> tuple[Fitted, ...]:
    """What ``parameters.csv`` says of the parameters to fit, a mapping a row."""
    made = []
    for row in rows:
        value = float(row["value"])
        prior = Distribution(
            row["distribution"], float(row["low"]), float(row["high"]), value if value == value else None
        )
        made.append(Fitted(str(row["name"]), prior, value, str(row.get("unit") or "")))
    return tuple(made)
