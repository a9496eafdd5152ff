"""Stage ``validation``: the standard tests of the model, and the claims that stand beside it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cluster_sd.errors import SimulationError
from cluster_sd.stages.case import unusable
from cluster_sd.stages.found import Found, columns_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluster_sd.stages.case import Case
    from cluster_sd.stages.registry import Tell
    from cluster_sd.validation import Fit, Row

__all__ = ["reproduced", "validated"]


def validated(case: Case, tell: Tell) -> Found:
    """Rows of all tests; those of the claims apart."""
    from cluster_sd.validation import validate
    from cluster_sd.validation.claims import NAME as CLAIMS

    fits, reason = reproduced(case)
    made = validate(case.model, fits=fits, without_fits=reason, threads=case.threads, progress=tell)
    claims = [row for row in made if row.test == CLAIMS]
    rows = [row for row in made if row.test != CLAIMS]
    counts = {result: sum(row.result == result for row in rows) for result in made.counts}
    return Found(
        {"rows": _table(rows), "claims": _table(claims)},
        {"counts": counts, "passed": made.passed, "runs": made.runs, "failed": made.failed},
    )


def _table(rows: Sequence[Row]) -> dict[str, list[object]]:
    from cluster_sd.validation.result import COLUMNS

    def cell(row: Row, column: str) -> object:
        value = getattr(row, column)
        return math.nan if value is None else value

    return columns_of(COLUMNS, ([cell(row, column) for column in COLUMNS] for row in rows))


def reproduced(case: Case) -> tuple[tuple[Fit, ...] | None, str]:
    """How the base run reproduces statistics; or None, and why.

    Raises
    ------
    InputError
        For statistics that the user named and that can't be used.
    """
    from cluster_sd.calibration.scores import scores
    from cluster_sd.validation import Fit
    from cluster_sd.validation.case import measured

    if not case.files:
        return None, "no statistics: there is no data/*.csv beside the model, and no --data"
    error = unusable(case)
    if error is not None:
        return None, f"the statistics beside the model can't be used: {error}"
    observations = case.observations
    assert observations is not None
    changes = {given.name: given.value for given in observations.supplied}
    try:
        values = measured(case.model.run_arrays(changes), observations.measures)
    except SimulationError as failure:
        return None, f"the base run fails: {failure}"
    centre = observations.centre(observations.predict(values[None]), observations.starts[None])[0]
    units = {series.name: series.unit for series in observations.series}
    found = tuple(
        Fit(s.series, units[s.series], s.n, s.mae_over_mean, s.rmse, s.theil_bias, s.theil_variance, s.theil_covariance)
        for s in scores(observations, centre)
    )
    return found, f"no exact value of {observations.place or 'the place'} in the statistics"
