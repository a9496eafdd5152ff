"""The page of a loop analysis: the answer first, then the shares, the diagram, many runs, other methods, all loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cluster_sd.loops import Agreement, EnsembleLoops
from cluster_sd.loops.view import LoopView
from cluster_sd.report.figures import Figure
from cluster_sd.report.loops import text as words
from cluster_sd.report.loops.ensemble import (
    Influence,
    bands_figure,
    influence_figure,
    influence_table,
    leads_figure,
    levers_table,
    passages_figure,
    passages_table,
)
from cluster_sd.report.loops.figures import beside_figure, every_figure, groups_figure, shares_figure
from cluster_sd.report.loops.opinion import opinion_figure
from cluster_sd.report.loops.pictures import READING, Pictures
from cluster_sd.report.page import Block, Bullets, FigureBlock, Page, Section, TableBlock, Text

__all__ = ["LoopReport", "loops_table", "scores_blocks"]

#: Pictures of the diagram at chosen years, where nobody chooses them.
PICTURES = 4
#: Times in a block of ``scores.csv``.
BLOCK = 200
#: Loops in the page's table.
LISTED = 300


@dataclass(frozen=True, eq=False)
class LoopReport:
    """Figures and page of a loop analysis.

    Parameters
    ----------
    view : LoopView
    years : sequence of float
        Years of the pictures; default: four of the run.
    agreement : Agreement, optional
        What other methods say.
    ensemble : EnsembleLoops, optional
    influence : Influence, optional
        Which parameter moves what over the ensemble.
    notes : sequence of str
        What a reader must know besides.
    footer : sequence of str
        How it was made.
    """

    view: LoopView
    years: Sequence[float] = ()
    agreement: Agreement | None = None
    ensemble: EnsembleLoops | None = None
    influence: Influence | None = None
    notes: Sequence[str] = ()
    footer: Sequence[str] = ()

    @cached_property
    def pictures(self) -> Pictures:
        """The causal loop diagram."""
        return Pictures(self.view)

    @cached_property
    def chosen(self) -> list[int]:
        """Periods of the pictures."""
        starts, ends = self.view.periods.starts, self.view.periods.ends
        if not self.years:
            return list(dict.fromkeys(np.linspace(0, len(starts) - 1, PICTURES + 2)[1:-1].round().astype(int).tolist()))
        found = [int(np.clip(np.searchsorted(starts, year, side="right") - 1, 0, len(ends) - 1)) for year in self.years]
        return list(dict.fromkeys(found))

    @cached_property
    def main(self) -> list[Figure]:
        """Shares by loop and by group, and what stands beside."""
        grouped = any(loop.name for loop in self.view.analysis.loops)
        beside = [beside_figure(one, self.view, n + 1) for n, one in enumerate(self.view.beside)]
        every = [every_figure(self.view)] if self.view.named else []
        return [shares_figure(self.view), *beside, *([groups_figure(self.view)] if grouped else []), *every]

    @cached_property
    def diagrams(self) -> list[Figure]:
        """The diagram at the chosen years."""
        return [self.pictures.figure(period) for period in self.chosen]

    @cached_property
    def runs(self) -> list[Figure]:
        """Figures of the ensemble."""
        if self.ensemble is None:
            return []
        view, ensemble = self.view, self.ensemble
        by = f"Which {view.question.grouping} drives most: part of the runs"
        made = [
            bands_figure(view, ensemble),
            leads_figure(view, ensemble, view.driving, by, "leads-groups"),
            leads_figure(view, ensemble, view.phase, "Inward or outward: part of the runs", "leads-kinds"),
            passages_figure(passages_table(view, ensemble, view.driving), view),
            None if self.influence is None else influence_figure(self.influence),
        ]
        return [figure for figure in made if figure is not None]

    @cached_property
    def opinion(self) -> list[Figure]:
        """Figures of the other methods."""
        return [] if self.agreement is None else [opinion_figure(self.view, self.agreement)]

    @cached_property
    def figures(self) -> list[Figure]:
        """All figures."""
        return [*self.main, *self.diagrams, *self.runs, *self.opinion]

    def summary(self) -> dict[str, Any]:
        """``summary.json``."""
        from cluster_sd.report.loops.summary import summary

        return summary(self.view, self.agreement, self.ensemble)

    def page(self) -> Page:
        """The page."""
        view = self.view
        asked = view.question.text or "Which feedback loops drive the behaviour, and when?"
        told = [*words.driven(view), *words.groups_told(view), *(words.beside_told(one, view) for one in view.beside)]
        lead: list[Block] = [
            Text(text, "lead" if n == 0 else "") for n, text in enumerate(text for text in told if text)
        ]
        lead.append(Text(words.completeness(view), "note"))
        if self.notes:
            lead.append(Bullets(self.notes))
        sections = [
            Section("Year by year", [*map(FigureBlock, self.main), *self._elsewhere(), self._yearly()]),
            Section(
                "The loops as a diagram", [Text(READING), self.pictures.widget(self.chosen[len(self.chosen) // 2])]
            ),
            *self._ensemble(),
            *self._second(),
            Section("The diagram at chosen years", [FigureBlock(figure) for figure in self.diagrams]),
            Section("All loops", [self._loops()]),
        ]
        return Page(f"Feedback loops of {view.analysis.model}", asked, lead, sections, self.footer)

    def _elsewhere(self) -> list[Block]:
        told = words.elsewhere(self.view)
        return [Text(told)] if told else []

    def _yearly(self) -> TableBlock:
        return TableBlock("The same year by year.", words.yearly(self.view), "by-year")

    def _loops(self) -> TableBlock:
        caption = "Variables in the order of the causal links; the last acts on the first."
        table = loops_table(self.view)
        if len(self.view.analysis.loops) > LISTED:
            caption += f" The {LISTED} strongest of {len(self.view.analysis.loops):,}; loops.csv has all."
        return TableBlock(caption, {name: column[:LISTED] for name, column in table.items()}, "loops")

    def _ensemble(self) -> list[Section]:
        if self.ensemble is None:
            return []
        ensemble, view = self.ensemble, self.view
        failed = int(ensemble.failed.sum())
        blocks: list[Block] = [Text(f"{ensemble.runs:,} runs, of which {failed:,} failed and are left out.")]
        if np.isfinite(ensemble.missed):
            blocks.append(
                Text(
                    f"All runs are scored on one list of loops. In {len(ensemble.checked)} runs loops were searched "
                    f"for anew: those that the list lacks hold at most {ensemble.missed:.1%} of the change there.",
                    "note",
                )
            )
        blocks += map(FigureBlock, self.runs)
        passages = passages_table(view, ensemble, view.driving)
        if passages["from"]:
            caption = "Passages for good, in the order of their median time."
            blocks.append(TableBlock(caption, _years_as_text(passages), "passages", 12))
        return [Section("Over the uncertain ranges", [*blocks, *self._moved()])]

    def _moved(self) -> list[Block]:
        """Which parameter moves which loops."""
        if self.influence is None:
            return []
        levers = levers_table(self.influence)
        blocks: list[Block] = []
        if levers["lever"]:
            caption = (
                "Levers that raise (+) or lower (−) a share, or make it come later (+) or sooner (−): rank "
                f"correlations beyond ±{self.influence.chance:.2f}, which chance reaches in one of 250 cases."
            )
            blocks.append(TableBlock(caption, levers, "levers", 12))
        else:
            blocks.append(Text("No lever moves any of these beyond what chance gives at so many runs."))
        blocks.append(
            TableBlock("The eight first parameters of each.", influence_table(self.influence, 8), "influence", 0)
        )
        return [*blocks, *(Text(note, "note") for note in self.influence.notes)]

    def _second(self) -> list[Section]:
        if self.agreement is None:
            return []
        blocks: list[Block] = [Text(words.agreement_told(self.view, self.agreement)), *map(FigureBlock, self.opinion)]
        return [Section("A second opinion", blocks)]


def _years_as_text(table: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Times of a table of passages as years, which no reader wants with a comma."""
    times = ("5 %", "25 %", "median", "75 %", "95 %")
    return {name: [f"{one:.0f}" for one in column] if name in times else column for name, column in table.items()}


def loops_table(view: LoopView) -> dict[str, list[Any]]:
    """``loops.csv``: a row a loop."""
    loops = view.analysis.loops
    return {
        "loop": [loop.id for loop in loops],
        "name": [loop.name for loop in loops],
        "polarity": [loop.polarity for loop in loops],
        "length": [len(loop.shown) for loop in loops],
        "variables": ["; ".join(loop.shown) for loop in loops],
        "mean_share": [float(share) for share in view.analysis.shares.mean(axis=0)],
    }


def scores_blocks(view: LoopView) -> tuple[list[str], Any]:
    """``scores.csv``: columns, and blocks of rows, for each time all loops."""
    analysis = view.analysis
    ids = np.array([loop.id for loop in analysis.loops], dtype=object)

    def blocks() -> Any:
        for first in range(0, len(analysis.times), BLOCK):
            rows = slice(first, first + BLOCK)
            times = analysis.times[rows]
            yield [
                np.repeat(times, len(ids)),
                np.tile(ids, len(times)),
                analysis.scores[rows].reshape(-1),
                analysis.shares[rows].reshape(-1),
            ]

    return ["time", "loop", "score", "share"], blocks()
