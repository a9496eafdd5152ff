"""The report: both languages on one page, made from what the stages found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster_sd.report.main import (
    base,
    calibration,
    levers,
    loops,
    mechanisms,
    scenarios,
    validation,
)
from cluster_sd.report.main.answer import answer, question
from cluster_sd.report.main.data import data_section, repeat_section
from cluster_sd.report.main.equations import diagrams_section, equations_section
from cluster_sd.report.main.tables import found, where
from cluster_sd.report.page import Page, render
from cluster_sd.report.words import LANGUAGES, Language, Words
from cluster_sd.stages import Results

if TYPE_CHECKING:
    from cluster_sd.report.diagram import Diagrams

__all__ = ["Made", "names_in", "page"]

#: Before the id of a mechanism whose parameters are taken together; before a model's name.
GROUP, MODEL = "group:", "model:"


@dataclass(frozen=True)
class Made:
    """How the report came about.

    Attributes
    ----------
    command : str
        The command that makes it again.
    date : str
    seconds : float
    runs, failed, seed : int
    versions : mapping of str to str
    """

    command: str
    date: str
    seconds: float
    runs: int
    failed: int
    seed: int
    versions: Mapping[str, str]


def page(results: Results, diagrams: Mapping[Language, Diagrams], made: Made, language: Language = "en") -> str:
    """The page as HTML.

    Parameters
    ----------
    results : mapping of str to Found or LeftOut
    diagrams : mapping of language to Diagrams
        May lack a language: then there is no picture of the model.
    made : Made
    language : {"en", "zh"}
        Shown first; the other one is a click away.
    """
    order: Sequence[Language] = (language, *(one for one in LANGUAGES if one != language))
    return render(*(_page(results, diagrams.get(one), made, one) for one in order))


def names_in(results: Results, language: Language) -> dict[str, str]:
    """Names of variables, outcomes, scenarios and mechanisms in a language.

    A mechanism is known by its id, alone and as ``group:ID``.
    """
    names = {row["name"]: row[language] for row in where(results, "model", "names") if row[language]}
    for row in where(results, "model", "groups"):
        said = f"{row['zh']}（{row['group']}）" if language == "zh" else f"{row['name']} ({row['group']})"
        names |= {row["group"]: said, f"{GROUP}{row['group']}": said}
    return names


def _page(results: Results, diagrams: Diagrams | None, made: Made, language: Language) -> Page:
    words = Words(language, names_in(results, language))
    model = found(results, "model")
    facts = {} if model is None else model.facts
    sections = [
        base.section(results, words),
        scenarios.section(results, words),
        levers.section(results, words),
        mechanisms.section(results, words),
        loops.section(results, words),
        *([] if diagrams is None else [diagrams_section(diagrams, words)]),
        calibration.section(results, words),
        validation.section(results, words),
        equations_section(results, words),
        data_section(results, words),
        repeat_section(results, words, made.command, _told(made, facts, words)),
    ]
    return Page(
        title=words("page.title", model=_title(str(facts["title"]), words)),
        subtitle=question(results, words),
        lead=answer(results, words),
        sections=sections,
        footer=_told(made, facts, words)[1:],
        language=language,
    )


def _title(model: str, words: Words) -> str:
    """What the model's folder calls it under ``model:NAME``, which no variable is named."""
    said = words.name(f"{MODEL}{model}")
    return said.removeprefix(MODEL)


def _told(made: Made, facts: Mapping, words: Words) -> list[str]:
    versions = ", ".join(f"{name} {number}" for name, number in made.versions.items())
    told = words(
        "repeat.made",
        date=made.date,
        seconds=f"{made.seconds:.0f}",
        runs=f"{made.runs:,}",
        failed=f"{made.failed:,}",
        seed=str(made.seed),
    )
    model = words("repeat.model", file=facts["file"], hash=facts["hash"])
    return [told, model, words("repeat.versions", versions=versions)]
