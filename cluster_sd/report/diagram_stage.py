"""The diagrams of a model as a stage of the report: made beside the others, and kept with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cluster_sd.report.words import LANGUAGES, Language
from cluster_sd.stages import Found, LeftOut, Stage

if TYPE_CHECKING:
    from cluster_sd.report.diagram import Diagrams
    from cluster_sd.stages import Case

__all__ = ["DIAGRAMS", "diagrams_from", "draw"]


def draw(case: Case, tell: Any) -> Found:
    """The diagrams in all languages, as plain data."""
    from cluster_sd.report.diagram import diagrams_in

    made = diagrams_in(case.model, LANGUAGES)
    return Found({}, {language: asdict(made[language]) for language in LANGUAGES})


def diagrams_from(found: Found | LeftOut | None) -> Mapping[Language, Diagrams]:
    """Inverse of :func:`draw`; nothing where it was left out, or wasn't asked for."""
    from cluster_sd.report.diagram import Diagrams, Drawn, Sector

    if not isinstance(found, Found):
        return {}
    made: dict[Language, Diagrams] = {}
    for language in LANGUAGES:
        told = dict(found.facts[language])
        sectors = [
            Sector(**{**one, "views": tuple(Drawn(**view) for view in one["views"])}) for one in told.pop("sectors")
        ]
        made[language] = Diagrams(**told, sectors=tuple(sectors))
    return made


#: The stage; its files are those that name sectors, variables and loops.
DIAGRAMS = Stage(
    draw,
    ("loops.csv", "groups.csv", "names_zh.csv"),
    views=True,
    weight=5.0,
)
