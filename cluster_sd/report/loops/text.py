"""What a loop analysis says, in sentences and tables made from its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cluster_sd.loops import OTHER, Agreement
from cluster_sd.loops.loop import grouped
from cluster_sd.loops.periods import Spell, spells
from cluster_sd.loops.view import LEAST, Beside, LoopView, running

__all__ = ["agreement_told", "beside_told", "completeness", "driven", "elsewhere", "groups_told", "yearly"]

#: Spells shorter than this part of the run are told as part of the one before.
SHORT = 0.03
#: Most spells that a sentence names.
MOST_SPELLS = 7


def driven(view: LoopView) -> list[str]:
    """Which loop drives what the question is about, and which holds it back, spell by spell."""
    among, through = _among(view)
    means = f" (means over {view.over} years)" if view.over > 1 and view.analysis.time_unit.startswith("year") else ""
    return [
        f"Driving: of the reinforcing {among}{through}, the largest{means} is {_relay(view, view.asked, 1)}.",
        f"Holding back: of the balancing ones, {_relay(view, view.asked, -1)}.",
    ]


def elsewhere(view: LoopView) -> str:
    """The same for all loops of the partition; empty where the question is about these."""
    if view.asked == view.shown:
        return ""
    among, _ = _among(view)
    return (
        f"Of all {among} in the partition, the largest reinforcing one is {_relay(view, view.shown, 1)}; the largest "
        f"balancing one is {_relay(view, view.shown, -1)}."
    )


def _among(view: LoopView) -> tuple[str, str]:
    """Which loops are meant: with a name or all, and through what."""
    through = f" that run through {_or(view.question.drives)}" if view.asked != view.shown else ""
    return "loops with a name" if view.named else "loops", through


def _or(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _relay(view: LoopView, among: Sequence[int], sign: int) -> str:
    """The leaders in the order of time, each with its years and its mean share."""
    leaders = view.leaders(among, sign, view.over)
    least = max(1, round(SHORT * len(leaders)))
    found = [spell for spell in spells(leaders, least) if spell.leader >= 0]
    if not found:
        return "none"
    kept = sorted(sorted(found, key=lambda s: s.first - s.last)[:MOST_SPELLS])
    sizes = view.part(sign)
    parts = [
        f"{view.title(s.leader)} {_years(view, s)} ({_percent(float(sizes[s.first : s.last + 1, s.leader].mean()))})"
        for s in kept
    ]
    rest = len(found) - len(kept)
    return "; ".join(parts) + (f" ({rest} shorter spells left out)" if rest else "")


def _years(view: LoopView, spell: Spell) -> str:
    labels = view.periods.labels
    return labels[spell.first] if spell.first == spell.last else f"{labels[spell.first]}–{labels[spell.last]}"


def _percent(part: float) -> str:
    return f"{100 * part:.0f}\u00a0%" if part >= 0.095 else f"{100 * part:.1f}\u00a0%"


def groups_told(view: LoopView) -> list[str]:
    """Which network (or mechanism) holds most of what reinforces, and inward or outward, spell by spell."""
    told = []
    kinds = {"inward": "inward integration", "outward": "outward expansion"}
    positive = np.maximum(view.values, 0.0)
    for by, words, opening in ((view.group_of, {}, f"By {view.question.grouping}"), ("kind", kinds, "By kind")):
        made = grouped(view.analysis.loops, positive, by, view.partition)
        marked = [n for n, name in enumerate(made.names) if name != OTHER]
        if not marked:
            continue
        inside = running(view.periods.mean(made.shares)[:, marked], view.over)
        leaders = np.where(inside.max(axis=1) > LEAST, inside.argmax(axis=1), -1)
        least = max(1, round(SHORT * len(leaders)))
        names = [words.get(made.names[n], made.names[n]) for n in marked]
        parts = [f"{names[s.leader]} {_years(view, s)}" for s in spells(leaders, least) if s.leader >= 0]
        if parts:
            told.append(f"{opening}, most of what the reinforcing ones do is in " + "; ".join(parts) + ".")
    return told


def beside_told(beside: Beside, view: LoopView) -> str:
    """Who leads in the series beside the loops, spell by spell; empty where leading means nothing."""
    if not beside.leads:
        return ""
    labels = list(beside.series)
    values = np.column_stack([view.periods.mean(series) for series in beside.series.values()])
    leaders = view.first(beside)
    parts = [
        f"the {labels[s.leader]} {beside.leads if not n else ''} {_years(view, s)} "
        f"({_percent(float(values[s.first : s.last + 1, s.leader].mean()))})"
        for n, s in enumerate(spell for spell in spells(leaders) if spell.leader >= 0)
    ]
    never = [n for n in range(len(labels)) if n not in leaders]
    peaks = [f"{labels[n]} {_percent(float(np.nanmax(values[:, n])))}" for n in never]
    tail = f" Never first: {', '.join(peaks)} at most." if peaks else ""
    text = " ".join(", then ".join(parts).split())
    return f"{text[:1].upper()}{text[1:]}.{tail}" if parts else ""


def completeness(view: LoopView) -> str:
    """How the loops were found, and what may be missing."""
    search = view.analysis.search
    partition = view.analysis.partitions[view.partition]
    stocks = len(partition.stocks)
    size = f"The partition holds {stocks} stock{'s' * (stocks != 1)}; shares are relative to {search.found:,} loops"
    if search.complete:
        text = f"{size}, which are all that ever act."
    else:
        text = f"{size}, found by {search.method}: the list is not complete, and weaker loops may be missing."
    dropped = float(np.max(search.dropped, initial=0.0))
    if dropped > 5e-4:
        text += f" The {search.kept:,} strongest are kept; the others hold at most {_percent(dropped)} at any time."
    if view.named:
        low, high = _percent(float(view.held.min())), _percent(float(view.held.max()))
        text += (
            f" Shares above are relative to the loops with a name, so they don't depend on what else was found. Of the "
            f"change in the whole partition these hold {low} to {high}, by year: each is one path among many like it, "
            "and loops through stocks that are nearly at rest have very large scores."
        )
    return text


def agreement_told(view: LoopView, agreement: Agreement) -> str:
    """How far the second opinions bear out the first, and where they don't."""
    share, signs = float(np.mean(agreement.agree)), float(np.mean(agreement.polarity_agree))
    text = (
        f"Loops That Matter, eigenvalue elasticities and pathway participation (of {agreement.stock}) name the same "
        f"dominant loop, of all loops found, at {_percent(share)} of the times, and one of the same "
        f"polarity at {_percent(signs)}."
    )
    if share < 0.5:
        text += " They ask different questions, so which loop dominates depends here on the question."
    return text


def yearly(view: LoopView) -> dict[str, list[Any]]:
    """By year: the loop that drives the question's variables, the one that holds them back, who leads beside them."""
    table: dict[str, list[Any]] = {"year": view.periods.labels}
    for word, sign in (("drives", 1), ("holds back", -1)):
        numbers = view.leaders(view.asked, sign).tolist()
        table[word] = [_named(view, i) for i in numbers]
        table[f"share of what {word}"] = [_share(view, p, i) for p, i in enumerate(numbers)]
    if view.named:
        table["held by all with a name"] = view.held.tolist()
    for beside in view.beside:
        values = np.column_stack([view.periods.mean(series) for series in beside.series.values()])
        if beside.leads:
            labels = list(beside.series)
            table[beside.leads] = [labels[n] if n >= 0 else "" for n in view.first(beside).tolist()]
        for n, label in enumerate(beside.series):
            table[label] = [float(v) for v in values[:, n]]
    return table


def _named(view: LoopView, number: int) -> str:
    return view.title(number) if number >= 0 else ""


def _share(view: LoopView, period: int, number: int) -> float:
    return float(view.shares[period, number]) if number >= 0 else float("nan")
