"""Reading what stages found: rows of tables, and what the sections ask of them more than once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cluster_sd.report.figures import Table
from cluster_sd.stages import Found, LeftOut, Results

__all__ = ["TOLD", "Outcome", "by", "facts_of", "first_outcomes", "found", "known", "outcomes", "rows", "where"]

Record = dict[str, Any]
#: Outcomes that are told of in words: the first ones of ``outcomes.csv``, which stand in the order of their weight.
TOLD = 3


@dataclass(frozen=True)
class Outcome:
    """A row of ``outcomes.csv``.

    Attributes
    ----------
    name, measure, unit, description : str
    better : str
        ``high``, ``low``, or empty where neither is.
    """

    name: str
    measure: str
    unit: str
    better: str
    description: str


def rows(table: Table, **equal: object) -> Iterator[Record]:
    """Rows of a table, those whose columns are as told."""
    names = list(table)
    for cells in zip(*table.values(), strict=True):
        row = dict(zip(names, cells, strict=True))
        if all(row[name] == value for name, value in equal.items()):
            yield row


def where(results: Results, stage: str, table: str, **equal: object) -> list[Record]:
    """Rows of a stage's table; none where the stage was left out, or has no such table."""
    made = found(results, stage)
    return [] if made is None or table not in made.tables else list(rows(made.tables[table], **equal))


def found(results: Results, stage: str) -> Found | None:
    """What a stage found; None where it was left out."""
    made = results.get(stage)
    return None if made is None or isinstance(made, LeftOut) else made


def facts_of(results: Results, stage: str) -> dict[str, Any]:
    """Facts of a stage; none where it was left out."""
    made = found(results, stage)
    return {} if made is None else dict(made.facts)


def outcomes(results: Results) -> list[Outcome]:
    """All outcomes of the model, in its order."""
    names = ("name", "measure", "unit", "better", "description")
    return [Outcome(*(str(row[name] or "") for name in names)) for row in where(results, "model", "outcomes")]


def first_outcomes(results: Results, most: int = TOLD) -> list[Outcome]:
    """The outcomes that are told of in words: the first that levers were ranked for."""
    ranked = {row["outcome"] for row in where(results, "levers", "leading")}
    return [one for one in outcomes(results) if one.name in ranked][:most]


def known(value: Any) -> bool:
    """Whether there is a number."""
    return value is not None and value != "" and not (isinstance(value, float) and math.isnan(value))


def by(table: list[Record], column: str) -> dict[Any, list[Record]]:
    """Rows by what they have in a column, in the order of their first."""
    made: dict[Any, list[Record]] = {}
    for row in table:
        made.setdefault(row[column], []).append(row)
    return made
