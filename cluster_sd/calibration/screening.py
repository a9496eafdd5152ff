"""Which parameters to fit where gradients can't be believed: slopes of predictions by regression over the prior.

A model with events jumps; the derivative of a run then says nothing of what lies across the jump. Least squares over
runs from the whole prior sees it. Its slopes, in the statistics' errors over a parameter's whole range, are chosen from
as gradients are: one by one, the longest part that those taken can't make up for (QR with column pivoting).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.identifiability import pivoted
from cluster_sd.calibration.likelihood import scales
from cluster_sd.calibration.observation import ObservationModel
from cluster_sd.calibration.posterior import Posterior

__all__ = ["Screen", "screened", "slopes_by_regression"]

Array = NDArray[Any]
#: Runs for each parameter; t-value of a slope below which it may be chance.
RUNS, CHANCE = 4, 3.5
#: Residuals beyond this many scales count as this many: a statistic that is missed by far tells no more.
FARTHEST = 20.0


def slopes_by_regression(inputs: Array, outputs: Array) -> Array:
    """Least-squares slopes (output, input) of outputs (run, output) in inputs (run, input); those of chance are 0."""
    x, y = inputs - inputs.mean(axis=0), outputs - outputs.mean(axis=0)
    gram = np.linalg.pinv(x.T @ x)
    beta = gram @ x.T @ y
    free = max(1, len(x) - x.shape[1] - 1)
    noise = np.sqrt(np.maximum(((y - x @ beta) ** 2).sum(axis=0) / free, 1e-300))
    error = np.sqrt(np.maximum(np.diag(gram), 1e-300))[:, None] * noise
    return np.where(np.abs(beta) > CHANCE * error, beta, 0.0).T


@dataclass(frozen=True)
class Screen:
    """Slopes of the fitted rows over the priors.

    Attributes
    ----------
    slopes : array, shape (row, candidate)
        In scales of the errors over a candidate's whole range; those of chance are 0.
    runs : int
        Behind them.
    """

    slopes: Array
    runs: int

    def chosen(self, most: int, without: Sequence[int] = ()) -> tuple[int, ...]:
        """Positions of the candidates that the statistics see and can tell apart, best told first."""
        may = np.ones(self.slopes.shape[1])
        may[list(without)] = 0.0
        return tuple(pivoted(self.slopes * may, min(most, len(self.slopes))))


def screened(posterior: Posterior, seed: int = 0) -> Screen:
    """Regress the fitted rows on all parameters of a posterior.

    Parameters
    ----------
    posterior : Posterior
        With all parameters that might be fitted.
    seed : int
    """
    from scipy.stats import qmc

    candidates, observations = posterior.fitted, posterior.observations
    count = 2 ** int(np.ceil(np.log2(RUNS * (len(candidates) + 1))))
    u = qmc.Sobol(len(candidates), rng=np.random.default_rng([seed, 6])).random(count)
    scaled = posterior.coordinates.from_prior(u)
    residuals = _residuals(observations, posterior.rows(scaled))
    usable = np.isfinite(residuals).all(axis=1)
    if usable.sum() < len(candidates) + 10:
        return Screen(np.zeros((residuals.shape[1], len(candidates))), count)
    return Screen(slopes_by_regression(scaled[usable], residuals[usable]), count)


def _residuals(observations: ObservationModel, predicted: Array) -> Array:
    """Predictions of the fitted rows in scales of their errors, around the observed values."""
    terms = observations.terms
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(terms.logarithmic, np.log(predicted), predicted)
    observed = np.where(np.isfinite(terms.low), terms.low, terms.high)
    z = (own - observed) / scales(terms, np.tile(observations.starts, (len(predicted), 1)))
    return np.clip(z, -FARTHEST, FARTHEST)[:, ~observations.held_out]
