"""Which parameters to fit where gradients can't be believed: slopes of predictions by regression over the prior.

A model with events jumps; the derivative of a run then says nothing of what lies across the jump. Least squares over
runs from the whole prior sees it. Its slopes, in the statistics' errors over a parameter's whole range, are chosen from
as gradients are: one by one, the longest part that those taken can't make up for (QR with column pivoting).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.coordinates import Coordinates, Fitted
from cluster_sd.calibration.likelihood import scales
from cluster_sd.calibration.observation import ObservationModel

__all__ = ["screen", "slopes_by_regression"]

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


def screen(
    candidates: Sequence[Fitted],
    observations: ObservationModel,
    evaluate: Callable[[dict[str, Array]], Array],
    most: int,
    seed: int = 0,
) -> tuple[int, ...]:
    """Positions of the candidates that the statistics see and can tell apart, without gradients.

    Parameters
    ----------
    candidates : sequence of Fitted
    observations : ObservationModel
    evaluate : callable
        Values of the observations' measures, shape (run, measure), for columns of parameters; NaN where a run failed.
    most : int
    seed : int
    """
    from scipy.stats import qmc

    count = 2 ** int(np.ceil(np.log2(RUNS * (len(candidates) + 1))))
    scaled = Coordinates(tuple(candidates)).from_prior(
        qmc.Sobol(len(candidates), rng=np.random.default_rng([seed, 6])).random(count)
    )
    natural = Coordinates(tuple(candidates)).natural(scaled)
    found = evaluate({f.name: natural[:, k] for k, f in enumerate(candidates)})
    residuals = _residuals(observations, observations.predict(found))
    usable = np.isfinite(residuals).all(axis=1)
    if usable.sum() < len(candidates) + 10:
        return ()
    slopes = slopes_by_regression(scaled[usable], residuals[usable])
    return _pivoted(slopes, min(most, observations.fitted_count))


def _residuals(observations: ObservationModel, predicted: Array) -> Array:
    """Predictions of the fitted rows in scales of their errors, around the observed values."""
    terms = observations.terms
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(terms.logarithmic, np.log(predicted), predicted)
    observed = np.where(np.isfinite(terms.low), terms.low, terms.high)
    z = (own - observed) / scales(terms, np.tile(observations.starts, (len(predicted), 1)))
    return np.clip(z, -FARTHEST, FARTHEST)[:, ~observations.held_out]


def _pivoted(slopes: Array, most: int) -> tuple[int, ...]:
    """Columns with the longest parts that those before them can't make up for, while one scale of error is left."""
    rest, chosen = slopes.copy(), []
    while len(chosen) < most:
        lengths = np.linalg.norm(rest, axis=0)
        best = int(np.argmax(lengths))
        if lengths[best] < 1.0:
            break
        chosen.append(best)
        direction = rest[:, best] / lengths[best]
        rest = rest - np.outer(direction, direction @ rest)
        rest[:, chosen] = 0.0
    return tuple(chosen)
