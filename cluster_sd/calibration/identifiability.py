"""Which parameters statistics can tell apart: sensitivity of the fitted rows, a choice among many, and combinations.

The matrix of scaled sensitivities has a row for each fitted statistic: the derivative of its prediction in each scaled
coordinate, over the scale of its error. Its columns' lengths say how much a statistic sees of a parameter; how nearly
columns are combinations of each other says what can't be told apart [1]_.

References
----------
.. [1] R. Brun, P. Reichert and H. R. Künsch, Practical identifiability analysis of large environmental simulation
   models, Water Resources Research 37 (2001).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.likelihood import scales
from cluster_sd.calibration.posterior import Posterior

__all__ = ["MOST", "Choice", "Combination", "choose", "combinations", "sensitivities"]

Array = NDArray[Any]
#: Parameters that are fitted at a time, at most.
MOST = 6
#: Collinearity index from which parameters are not told apart: a change of one can be made up to 1/15 by the others
#: (Brun et al. put the limit between 5 and 20).
COLLINEAR = 15.0
#: Rows of sensitivities shorter than this move the log-likelihood by less than a half over the whole range.
SEEN = 1.0


@dataclass(frozen=True)
class Choice:
    """Parameters worth fitting, best first.

    Attributes
    ----------
    chosen : tuple of int
        Positions among those looked at.
    seen : array, shape (parameter,)
        How much the statistics see of each: root of the sum of squared sensitivities over its whole range, in standard
        deviations of the errors; median over the points looked at.
    collinearity : tuple of float
        Collinearity index of the chosen ones up to each.
    """

    chosen: tuple[int, ...]
    seen: Array
    collinearity: tuple[float, ...]


@dataclass(frozen=True)
class Combination:
    """A direction in the space of scaled coordinates and how well the data tell it.

    Attributes
    ----------
    weights : array, shape (parameter,)
        Unit vector.
    deviation : float
        Standard deviation along it that the data leave, in widths of the range; more than a half is nothing told.
    text : str
        ``0.8 Yield + 0.6 Area``, the parts above a quarter.
    """

    weights: Array
    deviation: float
    text: str


def sensitivities(posterior: Posterior, scaled: Array) -> Array:
    """Scaled sensitivities of the fitted rows, shape (draw, row, parameter), at scaled points (draw, coordinate).

    Rows that are bounds or ranges count by the width of their error, as if they were values.
    """
    terms, k = posterior.observations.terms, len(posterior.fitted)
    predicted = posterior.predict(scaled[:, :k])
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.where(terms.logarithmic[:, None], predicted.slopes / predicted.rows[:, :, None], predicted.slopes)
    found = slopes / scales(terms, scaled[:, k:])[:, :, None]
    return found[:, ~posterior.observations.held_out]


def choose(
    posterior: Posterior, points: Array, most: int = MOST, allowed: Callable[[int], bool] | None = None
) -> Choice:
    """Choose parameters that the statistics see and can tell apart.

    The columns of the stacked sensitivities at several points are taken one by one, each time the one with the longest
    part that those taken cannot make up for (QR with column pivoting), while that part is at least :data:`SEEN` and
    the collinearity index stays below :data:`COLLINEAR`.

    Parameters
    ----------
    posterior : Posterior
        With all parameters that might be fitted.
    points : array, shape (point, coordinate)
        Scaled points of the prior; those whose runs fail are left out.
    most : int
    allowed : callable, optional
        Whether a parameter may be chosen; default: all that move no jump.
    """
    found = sensitivities(posterior, points)
    usable = np.isfinite(found).all(axis=(1, 2))
    found = found[usable]
    if not len(found):
        return Choice((), np.zeros(len(posterior.fitted)), ())
    seen = np.median(np.sqrt((found**2).sum(axis=1)), axis=0)
    names = [f.name for f in posterior.fitted]
    may = [allowed(k) if allowed else names[k] not in posterior.doubtful for k in range(len(names))]
    stacked = np.concatenate(list(found)) / np.sqrt(len(found))
    chosen: list[int] = []
    indices: list[float] = []
    rest = stacked * np.array(may)
    while len(chosen) < min(most, posterior.observations.fitted_count):
        lengths = np.linalg.norm(rest, axis=0)
        best = int(np.argmax(lengths))
        index = _collinearity(stacked[:, [*chosen, best]])
        if lengths[best] < SEEN or index > COLLINEAR:
            break
        chosen.append(best)
        indices.append(index)
        direction = rest[:, best] / lengths[best]
        rest = rest - np.outer(direction, direction @ rest)
        rest[:, chosen] = 0.0
    return Choice(tuple(chosen), seen, tuple(indices))


def _collinearity(columns: Array) -> float:
    """Collinearity index: one over the least singular value of the columns at unit length."""
    lengths = np.linalg.norm(columns, axis=0)
    if not lengths.all():
        return np.inf
    least = np.linalg.svd(columns / lengths, compute_uv=False)[-1] if len(columns) >= columns.shape[1] else 0.0
    return float(1 / least) if least > 0 else np.inf


def combinations(posterior: Posterior, point: Array) -> tuple[Combination, ...]:
    """Directions in which the data tell most to least, at one scaled point: the axes of the Fisher information."""
    found = sensitivities(posterior, point[None])[0]
    _, strengths, axes = np.linalg.svd(found, full_matrices=True)
    strengths = np.concatenate([strengths, np.zeros(len(axes) - len(strengths))])
    names = [f.name for f in posterior.fitted]
    made = []
    for strength, axis in zip(strengths, axes, strict=True):
        weights = axis * np.sign(axis[np.argmax(np.abs(axis))])
        made.append(Combination(weights, float(1 / strength) if strength > 1e-12 else np.inf, _told(weights, names)))
    return tuple(made)


def _told(weights: Array, names: Sequence[str]) -> str:
    order = [k for k in np.argsort(-np.abs(weights)) if abs(weights[k]) >= 0.25]
    parts = [f"{'-' if weights[k] < 0 else '+'} {abs(weights[k]):.2g} {names[k]}" for k in order]
    return " ".join(parts).removeprefix("+ ")
