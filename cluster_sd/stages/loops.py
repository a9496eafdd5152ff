"""Stage ``loops``: which feedback loops drive the base run, and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster_sd.errors import SimulationError
from cluster_sd.stages.found import Found, LeftOut, columns_of

if TYPE_CHECKING:
    from cluster_sd.loops import LoopAnalysis, Question
    from cluster_sd.loops.view import Beside, LoopView
    from cluster_sd.stages.case import Case
    from cluster_sd.stages.registry import Tell

__all__ = ["driving"]

#: Spells shorter than this part of the run belong to the one before.
SHORT = 0.03
LOOPS = (
    "loop", "name", "mechanism", "group", "kind", "polarity", "length", "variables", "mean_share", "partition",
    "asked", "confidence",
)  # fmt: skip


def driving(case: Case, tell: Tell) -> Found | LeftOut:
    """Loops That Matter of the base run, year by year."""
    from cluster_sd.loops import analyse, read_question
    from cluster_sd.loops.view import LoopView

    model = case.model
    question = read_question(case.folder, model.program.outputs)
    tell(0, 3)
    try:
        analysis = analyse(model, through=question.drives)
    except SimulationError as error:
        return LeftOut("left_out.run_fails", {"text": str(error)})
    tell(2, 3)
    stocks = frozenset(state.name for state in model.program.states)
    view = LoopView(analysis, question, model.control.start, stocks, _beside(case, analysis, question))
    tables = {
        "loops": columns_of(LOOPS, _loops(view)),
        "shares": columns_of(("time", "loop", "share"), _shares(view)),
        "groups": columns_of(("time", "group", "share", "net"), _groups(view)),
        "beside": columns_of(("panel", "label", "time", "value"), _series(view)),
    }
    return Found(tables, _facts(view))


def _beside(case: Case, analysis: LoopAnalysis, question: Question) -> list[Beside]:
    """The series that the question wants to see beside the loops."""
    from cluster_sd.loops.view import Beside

    wanted = list(dict.fromkeys(name for panel in question.beside for name in panel.series.values()))
    if not wanted:
        return []
    run = case.model.run_arrays(variables=wanted)
    at = np.searchsorted(run.times, analysis.times - 1e-9)
    column = {name: run.values[at, i] for i, name in enumerate(run.names)}
    return [
        Beside(panel.name, panel.leads, {label: column[name] for label, name in panel.series.items()})
        for panel in question.beside
    ]


def _loops(view: LoopView) -> Iterator[tuple[Any, ...]]:
    asked = set(view.asked)
    for i, loop in enumerate(view.analysis.loops):
        yield (
            loop.id, loop.name, loop.mechanism, view.group_of(loop), loop.kind, loop.polarity, loop.length,
            "; ".join(loop.variables), float(loop.mean_share), loop.partition, i in asked, float(loop.confidence),
        )  # fmt: skip


def _shares(view: LoopView) -> Iterator[tuple[Any, ...]]:
    """Signed shares of the loops of the answer, in the mean of each year."""
    for i in view.shown:
        for time, share in zip(view.periods.starts.tolist(), view.shares[:, i].tolist(), strict=True):
            yield time, view.loop(i).id, share


def _groups(view: LoopView) -> Iterator[tuple[Any, ...]]:
    """Sizes of the shares summed over groups of loops, and what reinforces less what balances, year by year."""
    made = view.analysis.grouped(view.group_of, view.partition, named=view.named)
    sizes, net, starts = view.periods.mean(made.shares), view.periods.mean(made.net), view.periods.starts
    for j, name in enumerate(made.names):
        for time, share, signed in zip(starts.tolist(), sizes[:, j].tolist(), net[:, j].tolist(), strict=True):
            yield time, name, share, signed


def _series(view: LoopView) -> Iterator[tuple[Any, ...]]:
    for panel in view.beside:
        for label, values in panel.series.items():
            means = view.periods.mean(np.asarray(values))
            for time, value in zip(view.periods.starts.tolist(), means.tolist(), strict=True):
                yield panel.name, label, time, value


def _facts(view: LoopView) -> dict[str, Any]:
    search = view.analysis.search
    return {
        "complete": bool(view.analysis.complete),
        "search": search.method,
        "found": int(search.found),
        "kept": int(search.kept),
        "growth": float(search.growth),
        "dropped": float(np.max(search.dropped, initial=0.0)),
        "question": view.question.text,
        "drives": list(view.question.drives),
        "grouping": view.question.grouping,
        "named": view.named,
        "partition": view.partition,
        "partitions": [{"stocks": len(p.stocks), "loops": int(p.loops)} for p in view.analysis.partitions],
        "held": float(view.held.mean()) if view.named else 1.0,
        "over": view.over,
        "driving": _spells(view, view.asked, 1),
        "holding_back": _spells(view, view.asked, -1),
        "dominant": _spells(view, view.shown, 0),
        "beside": [{"panel": one.name, "leads": one.leads, "spells": _leads(view, one)} for one in view.beside],
        "notes": [],
        "silent": [_silent(view, loop.id) for loop in view.analysis.loops if loop.name and loop.mean_share == 0],
        "runs": 1,
        "failed": 0,
    }


def _spells(view: LoopView, among: Sequence[int], sign: int) -> list[dict[str, Any]]:
    """Who leads from when to when, in running means; of the reinforcing (1), the balancing (-1), or all loops."""
    from cluster_sd.loops.periods import spells

    starts, ends, sizes = view.periods.starts, view.periods.ends, view.part(sign)
    return [
        {
            "from": float(starts[spell.first]),
            "to": float(ends[spell.last]),
            "loop": view.loop(spell.leader).id,
            "name": view.loop(spell.leader).name,
            "title": view.title(spell.leader),
            "share": float(sizes[spell.first : spell.last + 1, spell.leader].mean()),
        }
        for spell in spells(view.leaders(among, sign, view.over), max(1, round(SHORT * len(starts))))
        if spell.leader >= 0
    ]


def _leads(view: LoopView, panel: Beside) -> list[dict[str, Any]]:
    """Which of the series beside is largest, from when to when; nothing where that means nothing."""
    from cluster_sd.loops.periods import spells

    if not panel.leads:
        return []
    labels, starts, ends = list(panel.series), view.periods.starts, view.periods.ends
    return [
        {"from": float(starts[spell.first]), "to": float(ends[spell.last]), "label": labels[spell.leader]}
        for spell in spells(view.first(panel), max(1, round(SHORT * len(starts))))
        if spell.leader >= 0
    ]


def _silent(view: LoopView, loop: str) -> dict[str, Any]:
    """A named loop that never acts with all its links at once, and the link that acts least."""
    link, part = view.analysis.activity(loop)[0]
    return {"loop": loop, "source": link.source, "target": link.target, "share": part}
