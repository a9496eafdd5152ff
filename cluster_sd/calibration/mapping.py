"""``observations.csv``: how a statistic maps to the model.

Columns ``statistic, measure, unit, error_model, scale, note``; and, where a model needs them,

- ``place``: places (``; `` between them) whose rows count, where it isn't the place of the study;
- ``scope``: a factor between the measure and what the statistic covers: a number, or ``estimated``;
- ``rho``: autocorrelation of residuals over one unit of time: a number from 0 to 1, or ``estimated``;
- ``use``: ``fit``, or ``check`` for statistics that are shown beside the run and never fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cluster_sd.calibration.likelihood import ERRORS
from cluster_sd.errors import InputError
from cluster_sd.model.names import clean
from cluster_sd.model.rows import Row, read_rows

__all__ = ["ESTIMATED", "Mapped", "read_mapping"]

ESTIMATED = "estimated"
_COLUMNS = ("statistic", "measure", "unit", "error_model", "scale", "note", "place", "scope", "rho", "use")


@dataclass(frozen=True)
class Mapped:
    """One row of ``observations.csv``.

    Attributes
    ----------
    statistic, measure, unit, note : str
    error : str
        One of ``normal``, ``lognormal``, ``student_t``; empty where the file leaves it open.
    scale : float or None
        None: estimated.
    places : tuple of str
        Empty: the place of the study.
    scope, rho : float, str or None
        A number, `ESTIMATED`, or None for none.
    use : str
        ``fit`` or ``check``.
    where : str
        File and row.
    """

    statistic: str
    measure: str
    unit: str = ""
    error: str = ""
    scale: float | None = None
    note: str = ""
    places: tuple[str, ...] = ()
    scope: float | str | None = None
    rho: float | str | None = None
    use: str = "fit"
    where: str = ""


def read_mapping(path: Path) -> tuple[Mapped, ...]:
    """Read and check an ``observations.csv``; whether its measures exist is for the model to say.

    Raises
    ------
    InputError
        Naming file and row.
    """
    out: dict[str, Mapped] = {}
    for row in read_rows(path, _COLUMNS, ("statistic", "measure")):
        made = _mapped(row)
        if clean(made.statistic) in out:
            raise row.error(f"statistic '{made.statistic}' stands twice")
        out[clean(made.statistic)] = made
    return tuple(out.values())


def _mapped(row: Row) -> Mapped:
    scale = row.number("scale") if row.text("scale").lower() != ESTIMATED else None
    if scale is not None and scale <= 0:
        raise row.error(f"scale {scale:.10g} must be above 0; leave it empty to have it estimated")
    scope, rho = _given(row, "scope"), _given(row, "rho")
    if isinstance(scope, float) and scope <= 0:
        raise row.error(f"scope {scope:.10g} must be above 0: it is a factor")
    if isinstance(rho, float) and not 0 <= rho < 1:
        raise row.error(f"rho {rho:.10g} must lie from 0 to below 1")
    return Mapped(
        statistic=row.text("statistic", needed=True),
        measure=row.text("measure", needed=True),
        unit=row.text("unit"),
        error=row.choice("error_model", ERRORS, ""),
        scale=scale,
        note=row.text("note"),
        places=tuple(part.strip() for part in row.text("place").split(";") if part.strip()),
        scope=scope,
        rho=rho,
        use=row.choice("use", ("fit", "check"), "fit"),
        where=f"{row.file}:{row.line}",
    )


def _given(row: Row, column: str) -> float | str | None:
    """A number, `ESTIMATED`, or nothing."""
    if row.text(column).lower() == ESTIMATED:
        return ESTIMATED
    try:
        return row.number(column)
    except InputError:
        raise row.error(f"column '{column}' holds '{row.text(column)}'; it is a number, or {ESTIMATED}") from None
