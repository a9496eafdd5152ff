"""``loops.toml``: what the loops of a model are asked, in an optional file of the model's folder.

.. code-block:: toml

    question = "Which loop drives the county's industry, and who holds the bridge?"
    drives = ["Lead output"]          # loops that run through these are the ones that the answer is about

    [grouping]                        # `mechanism` of loops.csv -> groups that the figures add up
    name = "network"
    groups = { "trade network" = ["L2", "L3", "L4"], "policy network" = ["L6", "L7"] }

    [[beside]]                        # series to show beside the loops: who leads, year by year
    name = "Who holds the bridge"
    leads = "holds the bridge"        # optional: what can be said of the one with the largest value
    series = { "capable person" = "Bridging share[capable person]" }
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cluster_sd.errors import ModelError, unknown
from cluster_sd.model.names import clean, spelled
from cluster_sd.model.text import read_text

__all__ = ["Panel", "Question", "read_question"]

_KEYS = {
    "": ("question", "drives", "grouping", "beside"),
    "grouping": ("name", "groups"),
    "beside": ("name", "leads", "series"),
}
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Panel:
    """Series that are shown beside the loops: label -> variable; `leads` says what the largest one does, or nothing."""

    name: str
    leads: str
    series: Mapping[str, str]


@dataclass(frozen=True)
class Question:
    """What the loops of a model are asked.

    Attributes
    ----------
    text : str
        In words; empty where the model's folder doesn't say.
    drives : tuple of str
        Variables in the model's spelling: the answer is about loops that run through one of them. Empty: all loops.
    grouping : str
        What the groups are: "network", "mechanism".
    groups : mapping of str to tuple of str
        Group -> ids of mechanisms as in ``loops.csv``.
    beside : tuple of Panel
    """

    text: str = ""
    drives: tuple[str, ...] = ()
    grouping: str = "mechanism"
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    beside: tuple[Panel, ...] = ()

    def group_of(self, mechanism: str) -> str:
        """The group of a mechanism; the mechanism itself where no groups are given, ``other`` where none holds it."""
        if not self.groups:
            return mechanism or "other"
        return next((name for name, ids in self.groups.items() if mechanism in ids), "other")


def read_question(folder: Path, names: Collection[str]) -> Question:
    """Read and check the ``loops.toml`` of a model's folder; an empty question where there is none.

    Parameters
    ----------
    folder : Path
    names : collection of str
        Variables of the model, elements of arrays as ``Name[element]``.

    Raises
    ------
    InputError
        Naming file and key: broken TOML, an unknown key or variable, something else than the texts that belong there.
    """
    path = folder / "loops.toml"
    if not path.is_file():
        return Question()
    try:
        table = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"can't be read as TOML: {error}", path) from None
    known = {clean(name): name for name in names}
    _check_keys(table, "", path)
    grouping = _table(table.get("grouping", {}), "grouping", path)
    groups = _table(grouping.get("groups", {}), "groups", path)
    panels = table.get("beside", [])
    if not isinstance(panels, list):
        raise ModelError("'beside' must be tables: [[beside]]", path)
    return Question(
        text=_text(table.get("question", ""), "question", path),
        drives=tuple(_variable(name, known, path) for name in _texts(table.get("drives", []), "drives", path)),
        grouping=_text(grouping.get("name", "mechanism"), "name", path),
        groups=MappingProxyType({name: tuple(_texts(ids, name, path)) for name, ids in groups.items()}),
        beside=tuple(_panel(panel, known, path) for panel in panels),
    )


def _panel(table: Any, known: Mapping[str, str], path: Path) -> Panel:
    table = _table(table, "beside", path)
    series = {
        label: _variable(_text(name, label, path), known, path)
        for label, name in _table(table.get("series", {}), "series", path).items()
    }
    if not series:
        raise ModelError('a [[beside]] needs series: series = { "label" = "Variable" }', path)
    name, leads = (_text(table.get(key, ""), key, path) for key in ("name", "leads"))
    return Panel(name, leads, MappingProxyType(series))


def _table(value: Any, key: str, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ModelError(f"'{key}' must be a table", path)
    if key in _KEYS:
        _check_keys(value, key, path)
    return value


def _check_keys(table: Mapping[str, Any], key: str, path: Path) -> None:
    for name in table:
        if name not in _KEYS[key]:
            raise unknown("key", name, _KEYS[key], str(path))


def _text(value: Any, key: str, path: Path) -> str:
    if not isinstance(value, str):
        raise ModelError(f"'{key}' holds {value!r} where a text belongs", path)
    return value


def _texts(value: Any, key: str, path: Path) -> list[str]:
    if not isinstance(value, list):
        raise ModelError(f"'{key}' holds {value!r} where a list of texts belongs", path)
    return [_text(item, key, path) for item in value]


def _variable(name: str, known: Mapping[str, str], path: Path) -> str:
    found = spelled(name, known)
    if found is None:
        raise unknown("variable", name, known.values(), str(path))
    return found
