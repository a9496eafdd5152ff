"""The diagrams of the model and its equations, with units, documentation and evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster_sd.report.main.tables import Record, by, where
from cluster_sd.report.page import Block, Section, TableBlock, Text, Widget
from cluster_sd.report.words import Words
from cluster_sd.stages import Results

if TYPE_CHECKING:
    from cluster_sd.report.diagram import Diagrams

__all__ = ["diagrams_section", "equations_section"]


def diagrams_section(made: Diagrams, words: Words) -> Section:
    """The whole, then each sector folded under its title."""
    blocks: list[Block] = [Text(words("diagrams.read")), _picture(made.whole)]
    for sector in made.sectors:
        blocks.append(_folded(sector.title, "".join(_scrolled(view.svg) for view in sector.views)))
    blocks.append(Text(made.note, "note"))
    return Section(words("diagrams.title"), blocks, name="diagrams")


def _picture(svg: str) -> Widget:
    return Widget(_scrolled(svg))


def _scrolled(svg: str) -> str:
    return f'<div class="scroll diagram">{svg}</div>'


def _folded(title: str, body: str) -> Widget:
    from markupsafe import escape

    return Widget(f"<details class='sector'><summary>{escape(title)}</summary>{body}</details>")


def equations_section(results: Results, words: Words) -> Section:
    """Every equation, sector by sector."""
    blocks: list[Block] = [Text(words("equations.read", count=len(where(results, "model", "variables"))))]
    for n, (sector, variables) in enumerate(by(where(results, "model", "variables"), "sector").items(), 1):
        blocks.append(_table(sector, n, variables, words))
    return Section(words("equations.title"), blocks, name="equations")


def _table(sector: str, number: int, variables: list[Record], words: Words) -> TableBlock:
    columns = {
        "name": [_both(row["name"], words) for row in variables],
        "kind": [
            words(f"equations.{row['kind']}") if words.has(f"equations.{row['kind']}") else row["kind"]
            for row in variables
        ],
        "unit": [words.unit(row["unit"]) or "–" for row in variables],
        "equation": [row["equation"] for row in variables],
        "documentation": [row["documentation"] for row in variables],
    }
    named = {words(f"equations.column_{name}"): column for name, column in columns.items()}
    title = words.name(sector) or words("equations.no_sector")
    return TableBlock(
        words("equations.sector", sector=title, count=len(variables)), named, f"equations-{number}", fold=0
    )


def _both(name: str, words: Words) -> str:
    """A variable's name in the reader's language, and as the equations spell it."""
    said = words.name(name)
    return name if said == name else f"{said} ({name})"
