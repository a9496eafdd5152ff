"""What kind of change a scenario is: the experiment on mechanisms, the calibration, or a story of its own."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from cluster_sd.errors import InputError, ModelError
from cluster_sd.model.names import clean

if TYPE_CHECKING:
    from cluster_sd.sensitivity.experiment import Switch
    from cluster_sd.stages.case import Case

__all__ = ["CALIBRATED", "MECHANISMS", "mechanisms_of", "scenario_kinds"]

#: Mechanisms beside the model, as ``sensitivity --experiment`` reads them.
MECHANISMS = "mechanisms.toml"
#: The scenario that holds what the calibration estimated.
CALIBRATED = "calibrated"


def mechanisms_of(case: Case) -> tuple[Switch, ...]:
    """The mechanisms that can be switched; none where the model's folder says nothing.

    Raises
    ------
    InputError
        For a file that can't be used.
    """
    from cluster_sd.model.text import read_text
    from cluster_sd.sensitivity.experiment import switches_of

    path = case.folder / MECHANISMS
    if not path.is_file():
        return ()
    try:
        return switches_of(case.model, tomllib.loads(read_text(path)))
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"can't be read as TOML: {error}", path) from None


def scenario_kinds(case: Case) -> dict[str, str]:
    """For each scenario ``mechanisms``, ``calibrated`` or ``other``.

    ``mechanisms`` switches mechanisms and changes nothing else but what is no decision and not uncertain either (role
    ``fixed``), as how the experiment counts a fund.
    """
    try:
        switches = mechanisms_of(case)
    except InputError:  # the stage of the mechanisms says so
        switches = ()
    switched = {clean(name.partition("@")[0]) for s in switches for name in (*s.off, *s.on)}
    fixed = {clean(p.name) for p in case.model.folder.parameters if p.role == "fixed"}
    made = {}
    for scenario in case.model.folder.scenarios:
        changed = {clean(change.name) for change in case.model.folder.changes(scenario.name)}
        if scenario.name == CALIBRATED:
            made[scenario.name] = CALIBRATED
        else:
            made[scenario.name] = "mechanisms" if changed & switched and changed <= switched | fixed else "other"
    return made
