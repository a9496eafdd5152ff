"""``scenarios.toml``: named changes of a model, levers, shocks, mechanisms on and off.

.. code-block:: toml

    ["drought 2022"]
    description = "The drought of 2022, as bad as in Hunan's records"
    zh = "2022年干旱"
    based_on = "no subsidy"            # optional: that one's changes come first
    set = { "Yield shock@2022" = 0.6, "Yield shock@2023" = 1 }
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster_sd.errors import ModelError, unknown
from cluster_sd.model.names import clean, spelled, split_element, split_time
from cluster_sd.model.parameters import Parameter
from cluster_sd.model.text import read_text

__all__ = ["Change", "Scenario", "read_scenarios", "resolve_scenario"]

_KEYS = ("description", "zh", "based_on", "set")


@dataclass(frozen=True)
class Change:
    """A constant takes `value` from `time` on; ``None``: from the start."""

    name: str
    value: float
    time: float | None = None


@dataclass(frozen=True)
class Scenario:
    """One table of ``scenarios.toml``; `changes` are its own, without those of `based_on`."""

    name: str
    description: str
    zh: str
    based_on: str
    changes: tuple[Change, ...]
    file: Path


def read_scenarios(path: Path, names: Collection[str] | None = None) -> tuple[Scenario, ...]:
    """Read and check a ``scenarios.toml``.

    Parameters
    ----------
    path : Path
    names : collection of str, optional
        Names of the model; a change of any other name is an error.

    Raises
    ------
    InputError
        Naming file and scenario: broken TOML, an unknown key or name, a text where a number belongs, scenarios based on
        each other in a circle.
    """
    try:
        tables = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"can't be read as TOML: {error}", path) from None
    known = None if names is None else {clean(name): name for name in names}
    scenarios = tuple(_scenario(path, name, table, known) for name, table in tables.items())
    keys = [clean(s.name) for s in scenarios]
    for scenario in scenarios:
        if keys.count(clean(scenario.name)) > 1:
            raise ModelError(f"scenario '{scenario.name}' stands twice", path)
        _chain(scenarios, scenario.name)
    return scenarios


def resolve_scenario(scenarios: Iterable[Scenario], parameters: Iterable[Parameter], name: str) -> tuple[Change, ...]:
    """What a scenario changes, those that it is based on included.

    Parameters
    ----------
    scenarios : iterable of Scenario
    parameters : iterable of Parameter
        A change without a year acts from the year in which the parameter's column ``from`` puts it.
    name : str
        Case doesn't count.

    Returns
    -------
    tuple of Change
        In the order of time, those from the start first; one for each name and time, where the scenario's own takes
        the place of its base's.

    Raises
    ------
    UnknownNameError
        If there is no such scenario.
    """
    since = {clean(p.name): p.since for p in parameters}
    out: dict[tuple[str, float | None], Change] = {}
    for scenario in reversed(_chain(tuple(scenarios), name)):
        for change in scenario.changes:
            time = change.time
            if time is None:
                time = since.get(clean(change.name), since.get(clean(split_element(change.name)[0])))
            out[clean(change.name), time] = Change(change.name, change.value, time)
    return tuple(sorted(out.values(), key=lambda c: -math.inf if c.time is None else c.time))


def _chain(scenarios: tuple[Scenario, ...], name: str) -> list[Scenario]:
    """A scenario, what it is based on, and so on."""
    by_name = {clean(s.name): s for s in scenarios}
    chain: list[Scenario] = []
    where = ""
    while name:
        scenario = by_name.get(clean(name))
        if scenario is None:
            raise unknown("scenario", name, [s.name for s in scenarios], where)
        if scenario in chain:
            circle = " → ".join(s.name for s in [*chain[chain.index(scenario) :], scenario])
            raise ModelError(f"scenarios are based on each other in a circle: {circle}", scenario.file)
        chain.append(scenario)
        where = f"{scenario.file}, based_on of '{scenario.name}'"
        name = scenario.based_on
    return chain


def _scenario(path: Path, name: str, table: Any, known: Mapping[str, str] | None) -> Scenario:
    where = f"{path}, scenario '{name}'"
    if not isinstance(table, dict):
        raise ModelError(f"'{name}' must be a table: [\"{name}\"]", path)
    for key in table:
        if key not in _KEYS:
            raise unknown("key", key, _KEYS, where)
    texts = {}
    for key in ("description", "zh", "based_on"):
        texts[key] = table.get(key, "")
        if not isinstance(texts[key], str):
            raise ModelError(f"scenario '{name}': {key} must be a text", path)
    changes = table.get("set", {})
    if not isinstance(changes, dict):
        raise ModelError(f"scenario '{name}': set must be a table: {{ \"Name\" = 1 }}", path)
    return Scenario(
        name=name,
        description=texts["description"],
        zh=texts["zh"],
        based_on=texts["based_on"],
        changes=tuple(_change(path, name, key, value, known) for key, value in changes.items()),
        file=path,
    )


def _change(path: Path, scenario: str, key: str, value: Any, known: Mapping[str, str] | None) -> Change:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ModelError(f"scenario '{scenario}': '{key}' is set to {value!r} where a number belongs", path)
    name, time = split_time(key, None if known is None else lambda text: clean(text) in known)
    if known is not None:
        found = spelled(name, known)
        if found is None:
            raise unknown("variable", name, known.values(), f"{path}, scenario '{scenario}'")
        name = found
    return Change(name, float(value), time)
