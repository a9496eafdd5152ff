"""The stages in the order of the page: what makes each, which files it depends on, and how long it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster_sd.errors import ClusterSDError
from cluster_sd.stages.base import base_run
from cluster_sd.stages.calibration import ABOUT, ESTIMATES, HELD_OUT, POSTERIOR, fitted
from cluster_sd.stages.case import Case
from cluster_sd.stages.data import listed
from cluster_sd.stages.found import Found, LeftOut
from cluster_sd.stages.kinds import MECHANISMS
from cluster_sd.stages.levers import ranked
from cluster_sd.stages.loops import driving
from cluster_sd.stages.mechanisms import switched
from cluster_sd.stages.model import made_of
from cluster_sd.stages.scenarios import side_by_side
from cluster_sd.stages.validation import validated

__all__ = ["REASONS", "STAGES", "Stage", "Tell", "made"]

#: ``tell(done, total)``: how far a stage is.
Tell = Callable[[int, int], object]

#: Why a stage can be left out -> what the reason's sentence needs.
REASONS: Mapping[str, tuple[str, ...]] = {
    "left_out.no_parameters": (),
    "left_out.no_outcomes": (),
    "left_out.no_scenarios": (),
    "left_out.no_mechanisms": (),
    "left_out.no_calibration": (),
    "left_out.no_statistics": (),
    "left_out.other_data": (),
    "left_out.bad_statistics": ("text",),
    "left_out.run_fails": ("text",),
    "left_out.failed": ("text",),
}


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes
    ----------
    make : callable
        ``make(case, tell)``.
    reads : tuple of str
        Files of the model's folder that the result depends on, beside the model file and what it reads.
    settings : tuple of str
        Attributes of the case that it depends on: ``samples``, ``seed``.
    statistics : bool
        Whether it depends on the files of statistics.
    views : bool
        Whether it depends on the whole model file, sketches too.
    weight : float
        Share of the time of all, measured on the shipped models; for the progress bar.
    """

    make: Callable[[Case, Tell], Found | LeftOut]
    reads: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    statistics: bool = False
    views: bool = False
    weight: float = 1.0


def _quick(make: Callable[[Case], Found | LeftOut]) -> Callable[[Case, Tell], Found | LeftOut]:
    """A stage that is done before anybody asks how far it is."""

    def done(case: Case, _: Any) -> Found | LeftOut:
        return make(case)

    return done


_PARAMETERS, _SCENARIOS, _OUTCOMES, _MAPPING = "parameters.csv", "scenarios.toml", "outcomes.csv", "observations.csv"
_NAMES, _ENGLISH, _GROUPS = "names_zh.csv", "names_en.csv", "groups.csv"

#: Name of each stage -> what it is.
STAGES: Mapping[str, Stage] = {
    "model": Stage(
        _quick(made_of),
        (_PARAMETERS, _SCENARIOS, _OUTCOMES, _NAMES, _ENGLISH, _GROUPS, MECHANISMS, "README.md"),
        views=True,
        weight=0.3,
    ),
    "data": Stage(_quick(listed), (_MAPPING, _NAMES), statistics=True, weight=0.5),
    "base": Stage(base_run, (_MAPPING, _NAMES, POSTERIOR, ABOUT, _SCENARIOS), ("seed",), statistics=True, weight=2.0),
    "calibration": Stage(
        _quick(fitted), (ESTIMATES, HELD_OUT, POSTERIOR, ABOUT, _SCENARIOS), statistics=True, weight=0.1
    ),
    "scenarios": Stage(side_by_side, (_PARAMETERS, _SCENARIOS, _OUTCOMES, MECHANISMS), weight=2.0),
    "mechanisms": Stage(switched, (_PARAMETERS, _OUTCOMES, MECHANISMS), ("samples", "seed"), weight=2.0),
    "loops": Stage(driving, ("loops.csv", "loops.toml"), weight=5.0),
    "validation": Stage(
        validated,
        (_PARAMETERS, _SCENARIOS, _OUTCOMES, _MAPPING, _NAMES, "checks.toml", "claims.csv"),
        statistics=True,
        weight=24.0,
    ),
    "levers": Stage(ranked, (_PARAMETERS, _SCENARIOS, _OUTCOMES), ("samples", "seed"), weight=70.0),
}


def made(stage: Stage, case: Case, tell: Tell) -> Found | LeftOut:
    """What a stage finds; left out with the reason where it can't be computed."""
    try:
        return stage.make(case, tell)
    except ClusterSDError as error:
        text = str(error).replace(f"{case.folder}/", "").replace(f"{case.folder}\\", "")
        return LeftOut("left_out.failed", {"text": text})
