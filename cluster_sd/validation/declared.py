"""``checks.toml``: what must hold of a model, as data.

.. code-block:: toml

    [[check]]                                   # an extreme condition
    id = "no scrap"
    description = "Without scrap there is no lead"
    scenario = "no wave"                        # optional
    set = { "Scrap supply factor" = 0.000001 }  # optional
    measure = "max(Lead output)"
    relation = "<="                             # <=, >=, < or >
    value = 10
    tolerance = 1e-9                            # optional: nought

    [[invariant]]                               # a variable that stays nought
    id = "people"
    description = "Nobody appears or disappears"
    variable = "People balance error"           # or: expression
    tolerance = 1e-9

    [[reproduction]]                            # how well a statistic must be met by the base run
    series = "county_output"
    limit = 0.2                                 # mean absolute error over the mean

    [bounds]
    may_be_negative = ["Price cycle"]           # stocks that may
    may_exceed_one = ["Capital share"]          # called a share, and is none
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster_sd.errors import InputError, ModelError, unknown
from cluster_sd.measures import parse
from cluster_sd.model.names import split_element, split_time
from cluster_sd.model.text import read_text

__all__ = ["RELATIONS", "Declared", "ExtremeCondition", "Invariant", "read_declared"]

#: Relation -> whether a value stands in it, with a tolerance.
RELATIONS = {
    "<=": lambda value, limit, tolerance: value <= limit + tolerance,
    ">=": lambda value, limit, tolerance: value >= limit - tolerance,
    "<": lambda value, limit, tolerance: value < limit + tolerance,
    ">": lambda value, limit, tolerance: value > limit - tolerance,
}
_CHECK = ("id", "description", "scenario", "set", "measure", "relation", "value", "tolerance")
_INVARIANT = ("id", "description", "variable", "expression", "tolerance")
_REPRODUCTION = ("series", "limit")
_BOUNDS = ("may_be_negative", "may_exceed_one")


@dataclass(frozen=True)
class ExtremeCondition:
    """A ``[[check]]``; attributes as its keys."""

    id: str
    description: str
    scenario: str | None
    set: Mapping[str, float]
    measure: str
    relation: str
    value: float
    tolerance: float

    def holds(self, value: float) -> bool:
        """Whether a run's value is as it must be."""
        return bool(RELATIONS[self.relation](value, self.value, self.tolerance))


@dataclass(frozen=True)
class Invariant:
    """An ``[[invariant]]``: a variable that stays within `tolerance` of nought."""

    id: str
    description: str
    variable: str
    tolerance: float


@dataclass(frozen=True)
class Declared:
    """Everything in a ``checks.toml``."""

    checks: tuple[ExtremeCondition, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    reproduction: Mapping[str, float] = field(default_factory=dict)
    may_be_negative: tuple[str, ...] = ()
    may_exceed_one: tuple[str, ...] = ()

    def uses(self) -> Iterator[tuple[str, str]]:
        """Every variable that is named, with where."""
        for check in self.checks:
            yield f"check '{check.id}'", parse(check.measure).variable
            for name in check.set:
                yield f"check '{check.id}'", split_time(name)[0]
        for invariant in self.invariants:
            yield f"invariant '{invariant.id}'", invariant.variable
        for name in (*self.may_be_negative, *self.may_exceed_one):
            yield "bounds", split_element(name)[0]


def read_declared(path: Path) -> Declared:
    """Read and check a ``checks.toml``.

    Raises
    ------
    ModelError, UnknownNameError
        Naming file and check: broken TOML, an unknown or missing key, a text where a number belongs, an id twice, a
        measure that is none.
    """
    try:
        tables = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"can't be read as TOML: {error}", path) from None
    for key in tables:
        if key not in ("check", "invariant", "reproduction", "bounds"):
            raise unknown("table", key, ("check", "invariant", "reproduction", "bounds"), str(path))
    checks = tuple(_check(t) for t in _tables(path, tables, "check", _CHECK))
    invariants = tuple(_invariant(t) for t in _tables(path, tables, "invariant", _INVARIANT))
    for kind, ids in (("check", [c.id for c in checks]), ("invariant", [i.id for i in invariants])):
        twice = next((one for one in ids if ids.count(one) > 1), None)
        if twice is not None:
            raise ModelError(f"{kind} '{twice}' stands twice", path)
    limits = {t.text("series"): t.number("limit") for t in _tables(path, tables, "reproduction", _REPRODUCTION)}
    bounds = tables.get("bounds", {})
    if not isinstance(bounds, dict):
        raise ModelError("bounds must be a table: [bounds]", path)
    _Table(path, "bounds", bounds).known(_BOUNDS)
    lists = {key: _Table(path, "bounds", bounds).texts(key) for key in _BOUNDS}
    return Declared(checks, invariants, limits, **lists)


@dataclass(frozen=True)
class _Table:
    """A table of the file, whose cells are asked for by kind."""

    path: Path
    kind: str
    cells: Mapping[str, Any]

    @property
    def what(self) -> str:
        """``check 'no scrap'``."""
        return f"{self.kind} '{self.cells.get('id', self.cells.get('series', '?'))}'" if self.kind != "bounds" else ""

    def known(self, keys: tuple[str, ...]) -> None:
        """Refuse keys that mean nothing."""
        for key in self.cells:
            if key not in keys:
                raise unknown("key", key, keys, f"{self.path}, {self.what or self.kind}")

    def text(self, key: str, default: str | None = None) -> str:
        """A text."""
        value = self.cells.get(key, default)
        if not isinstance(value, str) or (default is None and not value):
            raise ModelError(f"{self.what}: {key} must be a text", self.path)
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number."""
        value = self.cells.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ModelError(f"{self.what}: {key} must be a number", self.path)
        return float(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self.cells.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ModelError(f"{self.kind}: {key} must be a list of names", self.path)
        return tuple(value)


def _tables(path: Path, tables: Mapping[str, Any], kind: str, keys: tuple[str, ...]) -> Iterator[_Table]:
    found = tables.get(kind, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ModelError(f"{kind} must be a list of tables: [[{kind}]]", path)
    for one in found:
        made = _Table(path, kind, one)
        made.known(keys)
        yield made


def _check(table: _Table) -> ExtremeCondition:
    given = table.cells.get("set", {})
    if not isinstance(given, dict):
        raise ModelError(f'{table.what}: set must be a table: {{ "Name" = 1 }}', table.path)
    relation = table.text("relation")
    if relation not in RELATIONS:
        raise unknown("relation", relation, RELATIONS, f"{table.path}, {table.what}")
    measure = table.text("measure")
    try:
        parse(measure)
    except InputError as error:
        raise ModelError(f"{table.what}: {error}", table.path) from None
    return ExtremeCondition(
        id=table.text("id"),
        description=table.text("description", ""),
        scenario=table.text("scenario") if "scenario" in table.cells else None,
        set={name: _Table(table.path, table.kind, {**table.cells, name: given[name]}).number(name) for name in given},
        measure=measure,
        relation=relation,
        value=table.number("value"),
        tolerance=table.number("tolerance", 0.0),
    )


def _invariant(table: _Table) -> Invariant:
    name = "variable" if "variable" in table.cells else "expression"
    return Invariant(table.text("id"), table.text("description", ""), table.text(name), table.number("tolerance", 1e-9))
