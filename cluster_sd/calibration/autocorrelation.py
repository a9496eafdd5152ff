"""Whether what a fit leaves over still has a pattern: autocorrelation of residuals, series by series."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.observation import ObservationModel

__all__ = ["LEAST", "Autocorrelation", "autocorrelations", "lag_one"]

Array = NDArray[Any]
#: Residuals from which an autocorrelation can be said at all.
LEAST = 5


@dataclass(frozen=True)
class Autocorrelation:
    """Autocorrelation of the fitted residuals of a series.

    Attributes
    ----------
    series : str
    n : int
        Residuals, one a time (their mean where several sources tell one number).
    lag_one : float
        From one observation to the next, whatever the years between; NaN below `LEAST` residuals.
    bound : float
        Two-sided 5 % point of independent residuals, ``1.96 / sqrt(n)``.
    durbin_watson : float
        About 2 for independent residuals, towards 0 for a pattern.
    """

    series: str
    n: int
    lag_one: float
    bound: float
    durbin_watson: float

    @property
    def strong(self) -> bool:
        """Whether independent residuals would rarely look so."""
        return math.isfinite(self.lag_one) and abs(self.lag_one) > self.bound


def lag_one(residuals: Array) -> float:
    """``Σ e_k e_(k+1) / Σ e_k²`` of residuals less their mean; 0 where all are equal."""
    e = residuals - residuals.mean()
    total = float((e**2).sum())
    return float((e[1:] * e[:-1]).sum()) / total if total > 0 else 0.0


def autocorrelations(observations: ObservationModel, residuals: Array) -> tuple[Autocorrelation, ...]:
    """Of every series, from standardised residuals, shape (row,), NaN where there is none."""
    out = []
    for index, series in enumerate(observations.series):
        rows = (observations.series_index == index) & ~observations.held_out & np.isfinite(residuals)
        times, e = observations.times[rows], residuals[rows]
        means = np.array([e[times == time].mean() for time in np.unique(times)])
        n = len(means)
        total = float((means**2).sum()) if n else 0.0
        known = n >= LEAST
        watson = float((np.diff(means) ** 2).sum()) / total if known and total > 0 else math.nan
        bound = 1.96 / math.sqrt(n) if n else math.nan
        out.append(Autocorrelation(series.name, n, lag_one(means) if known else math.nan, bound, watson))
    return tuple(out)
