"""``parameters.csv``: every constant that is a lever, uncertain, fitted or argued about."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster_sd.distributions import KINDS, LOGARITHMIC
from cluster_sd.errors import unknown
from cluster_sd.model.names import clean, spelled
from cluster_sd.model.rows import Row, read_rows

__all__ = ["CONFIDENCES", "DISTRIBUTIONS", "ROLES", "Parameter", "read_parameters"]

ROLES = ("lever", "uncertain", "initial", "fixed")
DISTRIBUTIONS = tuple(KINDS)
CONFIDENCES = ("measured", "reported", "inferred", "assumed")

_COLUMNS = (
    "name",
    "value",
    "unit",
    "low",
    "high",
    "distribution",
    "role",
    "group",
    "from",
    "step",
    "evidence",
    "confidence",
    "note",
)


@dataclass(frozen=True)
class Parameter:
    """One row of ``parameters.csv``; attributes as its columns.

    Attributes
    ----------
    name : str
        In the model's own spelling where the model's names are known.
    value : float or None
        Empty in the file: the model's own value.
    low, high : float or None
        Ends of the range, or its 2.5 % and 97.5 % points (`normal`, `lognormal`); both or none.
    distribution : str
        One of `DISTRIBUTIONS`; ``uniform`` where the file says nothing.
    role : str
        One of `ROLES`; ``uncertain`` where the file says nothing.
    since : float or None
        Column ``from``: the year from which a changed value acts.
    step : float or None
        A change that somebody could decide within a year.
    file, line : Path, int
        Where it stands.
    """

    name: str
    value: float | None
    unit: str
    low: float | None
    high: float | None
    distribution: str
    role: str
    group: str
    since: float | None
    step: float | None
    evidence: str
    confidence: str
    note: str
    file: Path
    line: int

    @property
    def has_range(self) -> bool:
        """Whether a sensitivity analysis can vary it."""
        return self.low is not None and self.high is not None


def read_parameters(path: Path, names: Collection[str] | None = None) -> tuple[Parameter, ...]:
    """Read and check a ``parameters.csv``.

    Parameters
    ----------
    path : Path
    names : collection of str, optional
        Names of the model; a parameter that isn't among them is an error.

    Raises
    ------
    InputError
        Naming file and row: an unknown column, name, role or distribution, a name twice, a text where a number belongs,
        a range that its distribution can't have.
    """
    known = None if names is None else {clean(name): name for name in names}
    seen: dict[str, int] = {}
    out = []
    for row in read_rows(path, _COLUMNS, ("name", "low", "high")):
        parameter = _parameter(row, known)
        key = clean(parameter.name)
        if key in seen:
            raise row.error(f"'{parameter.name}' stands here a second time; the first is in line {seen[key]}")
        seen[key] = row.line
        out.append(parameter)
    return tuple(out)


def _parameter(row: Row, known: Mapping[str, str] | None) -> Parameter:
    parameter = Parameter(
        name=_name(row, known),
        value=row.number("value"),
        unit=row.text("unit"),
        low=row.number("low"),
        high=row.number("high"),
        distribution=row.choice("distribution", DISTRIBUTIONS, "uniform"),
        role=row.choice("role", ROLES, "uncertain"),
        group=row.text("group"),
        since=row.number("from"),
        step=row.number("step"),
        evidence=row.text("evidence"),
        confidence=row.choice("confidence", CONFIDENCES, "assumed"),
        note=row.text("note"),
        file=row.file,
        line=row.line,
    )
    _check_range(row, parameter)
    return parameter


def _name(row: Row, known: Mapping[str, str] | None) -> str:
    """The name in the model's own spelling; an element of an array may follow."""
    name = row.text("name", needed=True)
    found = name if known is None else spelled(name, known)
    if found is None:
        raise unknown("parameter", name, (known or {}).values(), f"{row.file}:{row.line}")
    return found


def _check_range(row: Row, p: Parameter) -> None:
    if (p.low is None) != (p.high is None):
        raise row.error(f"'{p.name}' has only one of low and high")
    if p.low is None or p.high is None:
        if p.role in ("lever", "uncertain"):
            raise row.error(f"'{p.name}' is {p.role} and needs low and high")
        return
    if not p.low < p.high:
        raise row.error(f"'{p.name}': low {p.low:.10g} must be below high {p.high:.10g}")
    if p.distribution in LOGARITHMIC and p.low <= 0:
        raise row.error(f"'{p.name}' is {p.distribution}: low {p.low:.10g} must be above 0")
    if p.value is not None and not p.low <= p.value <= p.high:
        raise row.error(f"'{p.name}': value {p.value:.10g} must lie from low {p.low:.10g} to high {p.high:.10g}")
    if p.step is not None and p.step <= 0:
        raise row.error(f"'{p.name}': step {p.step:.10g} must be above 0")
