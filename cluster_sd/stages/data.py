"""Stage ``data``: the statistics as they were printed, with their sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster_sd.stages.case import unusable
from cluster_sd.stages.found import Found, LeftOut, columns_of

if TYPE_CHECKING:
    from cluster_sd.calibration.statistics import Statistic
    from cluster_sd.stages.case import Case

__all__ = ["listed"]

STATISTICS = (
    "place", "variable", "time", "value", "unit", "relation", "source", "reliability", "note", "file", "row", "low",
    "high", "used",
)  # fmt: skip


def listed(case: Case) -> Found | LeftOut:
    """Every row of the statistics, the files, and the rows that say nothing to the model."""
    statistics = case.statistics
    if statistics is None:
        return LeftOut("left_out.no_statistics")
    error = unusable(case)
    observations = None if error is not None else case.observations
    unused = statistics.unused if observations is None else observations.unused
    used: set[tuple[str, str, int]] = set()
    if observations is not None:
        compared = [row.statistic for row in observations.observations]
        given = [row for one in observations.supplied for row in one.rows]
        used = {_place(row) for row in (*compared, *given)}
    counts = {name: sum(row.file.name == name for row in statistics.rows) for name, _ in statistics.files}
    sources = ((name, counts.get(name, 0), digest) for name, digest in statistics.files)
    without = ((row.file.name, row.row, row.place, row.variable, row.time, row.reason) for row in unused)
    return Found(
        {
            "statistics": columns_of(STATISTICS, (_row(row, _place(row) in used) for row in statistics.rows)),
            "sources": columns_of(("file", "rows", "sha256"), sources),
            "unused": columns_of(("file", "row", "place", "variable", "time", "reason"), without),
        },
        {
            "place": "" if observations is None else observations.place,
            "own": bool(case.data),
            "used": len(used),
            "error": "" if error is None else str(error),
            "warnings": list(statistics.warnings if observations is None else observations.warnings),
        },
    )


def _place(row: Statistic) -> tuple[str, str, int]:
    return str(row.file), row.sheet, row.row


def _row(row: Statistic, used: bool) -> tuple[object, ...]:
    return (
        row.place, row.variable, row.time, row.value, row.unit, row.relation, row.source, row.reliability, row.note,
        row.file.name, row.row, row.low, row.high, used,
    )  # fmt: skip
