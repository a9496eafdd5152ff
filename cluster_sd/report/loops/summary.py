"""``summary.json`` of a loop analysis: what a script wants to know without reading the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cluster_sd.loops import Agreement, EnsembleLoops, passages
from cluster_sd.loops.periods import spells
from cluster_sd.loops.view import LoopView
from cluster_sd.report.loops.ensemble import passages_table

__all__ = ["summary"]


def summary(view: LoopView, agreement: Agreement | None, ensemble: EnsembleLoops | None) -> dict[str, Any]:
    """The summary as JSON values."""
    analysis = view.analysis
    search = analysis.search
    return {
        "complete": bool(analysis.complete),
        "method": search.method,
        "loops": len(analysis.loops),
        "found": int(search.found),
        "kept": int(search.kept),
        "growth": float(search.growth),
        "dropped": float(np.max(search.dropped, initial=0.0)),
        "partitions": [{"stocks": list(one.stocks), "loops": int(one.loops)} for one in analysis.partitions],
        "question": view.question.text,
        "partition": view.partition,
        "relative_to": "loops with a name" if view.named else "all loops found",
        "drives": list(view.question.drives),
        "dominant": _spells(view, view.shown),
        "driving": _spells(view, view.asked, 1),
        "holding_back": _spells(view, view.asked, -1),
        **_beside(view),
        **({} if agreement is None else {"agreement": _agreement(agreement)}),
        **({} if ensemble is None else {"ensemble": _ensemble(view, ensemble)}),
    }


def _spells(view: LoopView, among: Sequence[int], sign: int = 0) -> list[dict[str, Any]]:
    starts, ends = view.periods.starts, view.periods.ends
    return [
        {
            "from": float(starts[spell.first]),
            "to": float(ends[spell.last]),
            "loop": view.loop(spell.leader).id,
            "name": view.loop(spell.leader).name,
            "share": float(view.shares[spell.first : spell.last + 1, spell.leader].mean()),
        }
        for spell in spells(view.leaders(among, sign))
        if spell.leader >= 0
    ]


def _beside(view: LoopView) -> dict[str, Any]:
    """When the lead passes in the series beside the loops."""
    told = []
    for one in view.beside:
        if not one.leads:
            continue
        values = np.column_stack([np.nan_to_num(series) for series in one.series.values()])
        made = passages(view.analysis.times, values, tuple(one.series))
        told.append({"name": one.name, "passes": [{"time": p.time, "from": p.before, "to": p.after} for p in made]})
    return {"beside": told} if told else {}


def _agreement(agreement: Agreement) -> dict[str, Any]:
    return {
        "stock": agreement.stock,
        "same_loop": float(np.mean(agreement.agree)),
        "same_polarity": float(np.mean(agreement.polarity_agree)),
    }


def _ensemble(view: LoopView, ensemble: EnsembleLoops) -> dict[str, Any]:
    table = passages_table(view, ensemble, view.driving)
    missed = float(ensemble.missed)
    return {
        "runs": ensemble.runs,
        "failed": int(ensemble.failed.sum()),
        "checked": list(map(int, ensemble.checked)),
        "missed": missed if np.isfinite(missed) else None,
        "complete": bool(ensemble.complete),
        "passages": [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)],
    }
