"""Behaviour reproduction: the base run against statistics, with Theil's three parts of the mean squared error.

The field has no agreed limit [1]_: the folder declares one for a series (``[[reproduction]]`` in ``checks.toml``), and
a series without one is a finding. An error that is mostly bias or unequal variation is systematic; one that is unequal
covariation is noise around the right course.

References
----------
.. [1] J. D. Sterman, Appropriate summary statistics for evaluating the historical fit of system dynamics models,
   Dynamica 10 (1984).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cluster_sd.validation.dimensions import unit_of_time
from cluster_sd.validation.result import FAIL, FINDING, PASS, SKIPPED, Row
from cluster_sd.validation.units import Units, UnitTextError

if TYPE_CHECKING:
    from cluster_sd.validation.case import Case, Fit

__all__ = ["NAME", "check_reproduction"]

NAME = "reproduction"


def check_reproduction(case: Case) -> Iterator[Row]:
    """A row for each series of statistics."""
    limits = dict(case.declared.reproduction)
    if not case.fits:
        yield Row(NAME, "base run", SKIPPED, detail=case.without_fits)
    for fit in case.fits or ():
        limit = limits.pop(fit.series, None)
        date = _is_date(case, fit)
        figure = fit.rmse if date else fit.mae_over_mean
        result = FINDING if limit is None else PASS if figure <= limit else FAIL
        yield Row(NAME, fit.series, result, figure, limit, _words(fit, date))
    for series in limits if case.fits else ():
        yield Row(NAME, series, FAIL, limit=limits[series], detail="has a limit in checks.toml, and no statistic")


def _is_date(case: Case, fit: Fit) -> bool:
    """Whether a series is a point in time, whose error is no share of its mean."""
    try:
        return bool(fit.unit) and unit_of_time(case) == Units().read(fit.unit)
    except UnitTextError:
        return False


def _words(fit: Fit, date: bool) -> str:
    size = f"{fit.n} value{'s' * (fit.n > 1)}"
    size = f"RMSE in {fit.unit}; {size}" if date else f"error over the mean; {size}, RMSE {fit.rmse:.3g} {fit.unit}"
    if fit.n < 2 or math.isnan(fit.theil_bias):
        return size
    bias, variance, covariance = fit.theil_bias, fit.theil_variance, fit.theil_covariance
    return f"{size}; Theil: bias {bias:.2f}, variation {variance:.2f}, covariation {covariance:.2f}"
