"""Which parameters statistics can tell apart: sensitivity of the fitted rows, a choice among many, and combinations.

The matrix of scaled sensitivities has a row for each fitted statistic: the derivative of its location in each scaled
coordinate, times the root of what the row tells of its location (one over the scale of its error; next to nothing for
a bound that the run keeps by far). What a scope factor can make up for is taken out of it. Its columns' lengths say how
much the statistics see of a parameter; how nearly columns are combinations of each other says what can't be told
apart [1]_.

References
----------
.. [1] R. Brun, P. Reichert and H. R. Künsch, Practical identifiability analysis of large environmental simulation
   models, Water Resources Research 37 (2001).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.likelihood import information
from cluster_sd.calibration.posterior import Posterior

__all__ = ["COLLINEAR", "MOST", "SEEN", "Choice", "Combination", "choose", "combinations", "pivoted", "sensitivities"]

Array = NDArray[Any]
#: Parameters that are fitted at a time, at most.
MOST = 6
#: Collinearity index from which parameters are not told apart: a change of one can be made up to 1/15 by the others
#: (Brun et al. put the limit between 5 and 20).
COLLINEAR = 15.0
#: Least length of what others can't make up for: shorter, and from one end of the range to the other the log-likelihood
#: falls by less than a half, which is what a profile calls not identifiable.
SEEN = 1.0


@dataclass(frozen=True)
class Choice:
    """Parameters worth fitting, best first.

    Attributes
    ----------
    chosen : tuple of int
        Positions among those looked at.
    seen : array, shape (parameter,)
        How much the statistics see of each, were it fitted alone: standard deviations of the errors from one end of its
        range to the other; root mean square over the points looked at.
    told : tuple of float
        Of each chosen one, the length of the part that the other chosen ones can't make up for.
    collinearity : float
        Collinearity index of the chosen ones.
    """

    chosen: tuple[int, ...]
    seen: Array
    told: tuple[float, ...]
    collinearity: float


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
    """Scaled sensitivities of the fitted rows at scaled points (draw, coordinate), what scope factors do taken out.

    Returns
    -------
    array, shape (draw, row, parameter)
        After the fitted statistics come rows for what is believed of the scope factors before data. NaN where a run
        fails.
    """
    observations, k = posterior.observations, len(posterior.fitted)
    fitted = np.flatnonzero(~observations.held_out)
    predicted = posterior.predict(scaled[:, :k])
    told = information(observations.terms, predicted.rows, scaled[:, k:])
    root, by_prediction, by_scope = np.sqrt(told[0]), told[1], told[2]
    slopes = (predicted.slopes * (root * by_prediction)[:, :, None])[:, fitted]
    factors = [(n.series, n.sd) for n in observations.nuisances if n.kind == "scope"]
    if not factors:
        return slopes
    own = np.array([observations.series_index[fitted] == series for series, _ in factors])
    columns = (root * by_scope)[:, fitted, None] * own.T
    beliefs = np.diag([1 / sd for _, sd in factors])
    found = []
    for rows, scopes in zip(slopes, columns, strict=True):
        whole = np.concatenate([rows, np.zeros((len(factors), k))])
        found.append(np.full_like(whole, np.nan) if np.isnan(whole).any() else _without(whole, scopes, beliefs))
    return np.array(found).reshape(len(scaled), len(fitted) + len(factors), k)


def _without(rows: Array, scopes: Array, beliefs: Array) -> Array:
    """What of `rows` scope factors can't make up for, given what is believed of these."""
    q, _ = np.linalg.qr(np.concatenate([scopes, beliefs]))
    return rows - q @ (q.T @ rows)


def pivoted(columns: Array, most: int, least: float = SEEN, collinear: float = COLLINEAR) -> list[int]:
    """Columns with the longest parts that those taken before can't make up for (QR with column pivoting).

    Stops at `most`, where the longest part is shorter than `least`, and before the collinearity index passes
    `collinear`. Of those taken, such as turn out shorter than `least` given all others are left out again.
    """
    rest, chosen = columns.copy(), []
    while len(chosen) < min(most, columns.shape[1]):
        lengths = np.linalg.norm(rest, axis=0)
        best = int(np.argmax(lengths))
        if lengths[best] < least or collinearity(columns[:, [*chosen, best]]) > collinear:
            break
        chosen.append(best)
        direction = rest[:, best] / lengths[best]
        rest = rest - np.outer(direction, direction @ rest)
        rest[:, chosen] = 0.0
    while chosen and min(told := _own_parts(columns[:, chosen])) < least:
        del chosen[int(np.argmin(told))]
    return chosen


def collinearity(columns: Array) -> float:
    """Collinearity index: one over the least singular value of the columns at unit length."""
    lengths = np.linalg.norm(columns, axis=0)
    if not lengths.all():
        return np.inf
    least = np.linalg.svd(columns / lengths, compute_uv=False)[-1] if len(columns) >= columns.shape[1] else 0.0
    return float(1 / least) if least > 0 else np.inf


def _own_parts(columns: Array) -> Array:
    """Of each column, the length of the part that all others can't make up for."""
    return 1 / np.sqrt(np.maximum(np.diag(np.linalg.pinv(columns.T @ columns)), 1e-300))


def choose(posterior: Posterior, points: Array, most: int = MOST, without: Sequence[int] = ()) -> Choice:
    """Choose parameters that the statistics see and can tell apart, by the sensitivities at several points.

    Parameters
    ----------
    posterior : Posterior
        With all parameters that might be fitted. Those that move a jump are not chosen.
    points : array, shape (point, coordinate)
        Scaled points; those whose runs fail are left out.
    most : int
    without : sequence of int
        Positions of parameters that must not be chosen.
    """
    found = sensitivities(posterior, points)
    found = found[np.isfinite(found).all(axis=(1, 2))]
    names = [f.name for f in posterior.fitted]
    if not len(found):
        return Choice((), np.zeros(len(names)), (), np.inf)
    may = np.array([name not in posterior.doubtful and k not in without for k, name in enumerate(names)])
    stacked = np.concatenate(list(found)) / np.sqrt(len(found))
    chosen = pivoted(stacked * may, min(most, posterior.observations.fitted_count))
    told = _own_parts(stacked[:, chosen]) if chosen else np.zeros(0)
    seen = np.linalg.norm(stacked, axis=0)
    return Choice(tuple(chosen), seen, tuple(told.tolist()), collinearity(stacked[:, chosen]) if chosen else 1.0)


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
