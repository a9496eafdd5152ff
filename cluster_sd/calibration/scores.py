"""How well a run fits: by series R², MAE over the mean, RMSE, that of a naive trend, and Theil's three parts.

- R² is the share of the observations' variation around their mean that the run accounts for, ``1 - SSE / SST``: a run
  that is worse than the mean has a negative one. (The squared correlation that is also called so can't see a bias.)
- Theil's parts of the mean squared error [1]_ [2]_: bias ``(S̄ - Ā)²``, unequal variation ``(s_S - s_A)²`` and unequal
  covariation ``2 (1 - r) s_S s_A``, each over the MSE; they add up to 1.
- The naive trend is the straight line in time through the *fitted* observations of the series (their mean where there
  is one time only); on held-out years it is what somebody without a model would have said.

Bounds (``>=``, ``<=``) have no residual and are not scored; a range is scored at its middle.

References
----------
.. [1] H. Theil, Applied Economic Forecasting, North-Holland 1966.
.. [2] J. D. Sterman, Appropriate summary statistics for evaluating the historical fit of system dynamics models,
   Dynamica 10 (1984).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.observation import ObservationModel

__all__ = ["FITTED", "HELD_OUT", "BoundKept", "Score", "bounds_kept", "score", "scores"]

Array = NDArray[Any]
FITTED, HELD_OUT = "fitted", "held out"


@dataclass(frozen=True)
class Score:
    """The fit of a series, of its fitted or its held-out observations; NaN where a figure is not defined.

    Attributes
    ----------
    series : str
    held_out : str
        ``fitted`` or ``held out``.
    n : int
    r2, mae_over_mean, rmse, naive_rmse : float
        `rmse` and `naive_rmse` in the series' unit.
    theil_bias, theil_variance, theil_covariance : float
    """

    series: str
    held_out: str
    n: int
    r2: float
    mae_over_mean: float
    rmse: float
    naive_rmse: float
    theil_bias: float
    theil_variance: float
    theil_covariance: float


def score(observed: Array, fitted: Array, naive: Array, series: str = "", part: str = FITTED) -> Score:
    """The figures of some pairs.

    Parameters
    ----------
    observed, fitted, naive : array, shape (observation,)
        At least one.
    """
    error = fitted - observed
    mse = float(np.mean(error**2))
    total = float(np.mean((observed - observed.mean()) ** 2))
    mean = abs(float(observed.mean()))
    parts = _theil(observed, fitted, mse)
    return Score(
        series,
        part,
        len(observed),
        1 - mse / total if len(observed) > 1 and total > 0 else math.nan,
        float(np.mean(np.abs(error))) / mean if mean > 0 else math.nan,
        math.sqrt(mse),
        math.sqrt(float(np.mean((naive - observed) ** 2))),
        *parts,
    )


def _theil(observed: Array, fitted: Array, mse: float) -> tuple[float, float, float]:
    """Shares of bias, variance and covariance in the mean squared error; without an error there are none."""
    if mse <= 1e-24 * float(np.mean(observed**2)):
        return math.nan, math.nan, math.nan
    a, s = observed - observed.mean(), fitted - fitted.mean()
    spread_a, spread_s = math.sqrt(float(np.mean(a**2))), math.sqrt(float(np.mean(s**2)))
    bias = float(fitted.mean() - observed.mean()) ** 2
    covariance = 2 * (spread_a * spread_s - float(np.mean(a * s)))
    return bias / mse, (spread_s - spread_a) ** 2 / mse, max(covariance, 0.0) / mse


def naive_trend(times: Array, values: Array, at: Array) -> Array:
    """The straight line through values in time, at other times; their mean where all are of one time."""
    if not len(values):
        return np.full(len(at), np.nan)
    centre = times.mean()
    spread = float(((times - centre) ** 2).sum())
    slope = float(((times - centre) * (values - values.mean())).sum()) / spread if spread > 0 else 0.0
    return values.mean() + slope * (at - centre)


def scores(observations: ObservationModel, fitted: Array) -> tuple[Score, ...]:
    """Scores of every series, of its fitted and of its held-out observations.

    Parameters
    ----------
    observations : ObservationModel
    fitted : array, shape (row,)
        What the model says of each row, scope factors included (:meth:`ObservationModel.centre`).
    """
    kind, held, times, values = (
        observations.terms.kind,
        observations.held_out,
        observations.times,
        observations.observed,
    )
    number = (kind == 0) | (kind == 3)
    out = []
    for index, series in enumerate(observations.series):
        mine = (observations.series_index == index) & number
        known = mine & ~held
        for part, rows in ((FITTED, known), (HELD_OUT, mine & held)):
            if rows.any():
                naive = naive_trend(times[known], values[known], times[rows])
                out.append(score(values[rows], fitted[rows], naive, series.name, part))
    return tuple(out)


@dataclass(frozen=True)
class BoundKept:
    """Whether a run keeps a bound: ``>=`` and ``<=`` rows, which have no score.

    Attributes
    ----------
    series : str
    time, bound, fitted : float
    relation : str
    held_out, kept : bool
    """

    series: str
    time: float
    relation: str
    bound: float
    fitted: float
    held_out: bool
    kept: bool


def bounds_kept(observations: ObservationModel, fitted: Sequence[float] | Array) -> tuple[BoundKept, ...]:
    """Every bound and whether a run keeps it."""
    out = []
    for row, value in zip(observations.observations, fitted, strict=True):
        if row.kind in ("at least", "at most"):
            above = row.kind == "at least"
            kept = value >= row.value if above else value <= row.value
            name = observations.series[row.series].name
            out.append(
                BoundKept(name, row.time, ">=" if above else "<=", row.value, float(value), row.held_out, bool(kept))
            )
    return tuple(out)
