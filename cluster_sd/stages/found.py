"""What a stage found: plain data, so that it can be kept, sent to another process and put on a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Found", "LeftOut", "Results", "columns_of", "from_json", "to_json"]

#: Name of a column -> its values, all of one length: texts, numbers (NaN where there is none) or truth values.
Table = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, eq=False)
class Found:
    """What a stage found.

    Attributes
    ----------
    tables : mapping of str to table
        Columns as lists of texts, numbers or truth values; NaN stands for a number that there isn't.
    facts : mapping of str to object
        JSON values. ``runs`` says how many runs the stage made, ``failed`` how many of them failed, or which.
    """

    tables: Mapping[str, Table]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LeftOut:
    """A stage that this model can't have.

    Attributes
    ----------
    reason : str
        A key, one of :data:`cluster_sd.stages.registry.REASONS`: whoever shows it says it in the reader's language.
    values : mapping of str to object
        What the reason's sentence needs: ``text`` (an error in its own words), ``file`` …
    """

    reason: str
    values: Mapping[str, Any] = field(default_factory=dict)


#: Name of each stage -> what it found.
Results = Mapping[str, Found | LeftOut]


def columns_of(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    """A table from its rows.

    >>> columns_of(("a", "b"), [(1, "x"), (2, "y")])
    {'a': [1, 2], 'b': ['x', 'y']}
    """
    made = list(rows)
    return {name: [row[i] for row in made] for i, name in enumerate(names)}


def to_json(result: Found | LeftOut) -> dict[str, Any]:
    """The result as JSON values; NaN and infinities stay numbers, as Python's ``json`` writes them."""
    if isinstance(result, LeftOut):
        return {"reason": result.reason, "values": plain(result.values)}
    return {"tables": plain(result.tables), "facts": plain(result.facts)}


def from_json(content: Mapping[str, Any]) -> Found | LeftOut:
    """Inverse of :func:`to_json`.

    Raises
    ------
    KeyError, TypeError, ValueError
        For what it did not make.
    """
    if "reason" in content:
        return LeftOut(str(content["reason"]), dict(content["values"]))
    tables = {str(name): {str(c): list(v) for c, v in table.items()} for name, table in content["tables"].items()}
    for name, table in tables.items():
        if len({len(column) for column in table.values()}) > 1:
            raise ValueError(f"the columns of '{name}' have different lengths")
    return Found(tables, dict(content["facts"]))


def plain(value: Any) -> Any:
    """`value` as JSON values: arrays as lists, NumPy's numbers as Python's."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value
