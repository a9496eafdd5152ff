"""What the model says of the statistics before and after it has seen them: predictive draws and their checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.posterior import Posterior

__all__ = ["Predictive", "predictive"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Predictive:
    """Predictions of the statistics over draws.

    Attributes
    ----------
    expected : array, shape (draw, row)
        What the run says; NaN in draws whose run failed.
    simulated : array, shape (draw, row)
        What would be observed: the error is added.
    """

    expected: Array
    simulated: Array

    @property
    def failed(self) -> int:
        """Draws whose run failed."""
        return int(np.isnan(self.expected).any(axis=1).sum())

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """Between which values an observation lies with probability `level`, two arrays of shape (row,)."""
        tails = [(1 - level) / 2, (1 + level) / 2]
        low, high = np.nanquantile(self.simulated, tails, axis=0)
        return low, high

    def median(self) -> Array:
        """Median of what the runs say, shape (row,)."""
        return np.nanmedian(self.expected, axis=0)

    def below(self, observed: Array) -> Array:
        """Share of simulated observations below each observed one, shape (row,): near 0 or 1 is a surprise."""
        usable = ~np.isnan(self.simulated).any(axis=1)
        return np.mean(self.simulated[usable] < observed, axis=0)


def predictive(posterior: Posterior, scaled: Array, seed: int = 0) -> Predictive:
    """Predictions at scaled points, shape (draw, coordinate): draws of the prior, of the posterior, or one point.

    Parameters
    ----------
    posterior : Posterior
    scaled : array, shape (draw, coordinate)
    seed : int
        Of the simulated errors.
    """
    k = len(posterior.fitted)
    expected = posterior.rows(scaled[:, :k])
    usable = np.asarray(np.isfinite(expected).all(axis=1))
    simulated = np.full_like(expected, np.nan)
    if usable.any():
        rng = np.random.default_rng(seed)
        simulated[usable] = posterior.observations.simulate(expected[usable], scaled[usable, k:], rng)
    return Predictive(np.where(usable[:, None], expected, np.nan), simulated)
