"""Loop analyses written by hand, so that pages and figures are tested apart from the numerics."""

from __future__ import annotations

import numpy as np

from cluster_sd.loops import Link, Loop, LoopAnalysis, Panel, Partition, Question, Search
from cluster_sd.loops.view import Beside, LoopView

#: Loops of the world: id, name, variables, mechanism, kind, and when each is strongest (part of the run).
LOOPS = (
    ("R1", "Output <teaches>", ("Skill", "Wanted", "Capacity", "Output", "Learning"), "M1", "inward", 0.1),
    ("R2", "A name sells", ("Name", "Orders", "Output"), "M2", "outward", 0.6),
    ("B1", "Sites run out", ("Capacity", "Room", "Wanted"), "M3", "balancing", 0.9),
    ("R3", "", ("Capacity", "Output", "Cash", "Wanted"), "", "", 0.4),
)
STOCKS = frozenset({"Skill", "Capacity", "Name"})
LESS = {Link("Capacity", "Room")}  # the one link that lowers what it acts on
QUESTION = Question(
    text="Who drives <output>?",
    drives=("Name",),
    grouping="network",
    groups={"trade": ("M1",), "policy": ("M2",)},
    beside=(Panel("Who leads", "leads", {"a": "A", "b": "B"}),),
)


def analysis(start: float = 1990.0, stop: float = 2010.0, step: float = 0.25, dropped: float = 0.1) -> LoopAnalysis:
    """Four loops in one partition whose shares rise and fall one after the other; a tenth is in loops not kept."""
    times = np.arange(start + step, stop + step / 2, step)
    part = (times - start) / (stop - start)
    signs = np.array([-1.0 if one[0].startswith("B") else 1.0 for one in LOOPS])
    sizes = np.stack([np.exp(-(((part - one[5]) / 0.2) ** 2)) for one in LOOPS], axis=1)
    shares = signs * (1 - dropped) * sizes / sizes.sum(axis=1, keepdims=True)
    means = np.abs(shares).mean(axis=0)
    loops = tuple(
        Loop(key, name, key[0], 1.0, variables, 0, float(mean), mechanism, kind)
        for (key, name, variables, mechanism, kind, _), mean in zip(LOOPS, means, strict=True)
    )
    links = tuple(dict.fromkeys(link for loop in loops for link in loop.links))
    scores = np.array([-1.0 if link in LESS else 1.0 for link in links]) * np.ones((len(times), 1))
    search = Search(False, "strongest paths", 40, 4, 0.001, np.full(len(times), dropped))
    partition = Partition(tuple(sorted(STOCKS)), len(loops))
    return LoopAnalysis("world", times, loops, 3 * shares, shares, (partition,), links, scores, search, "year")


def view(question: Question = QUESTION, **settings: float) -> LoopView:
    """What is shown of them, with two series beside."""
    made = analysis(**settings)
    later = made.times > 2000
    series = {"a": np.where(later, 0.3, 0.7), "b": np.where(later, 0.7, 0.3)}
    beside = [Beside(one.name, one.leads, series) for one in question.beside]
    start = float(2 * made.times[0] - made.times[1])
    return LoopView(made, question, start, STOCKS, beside)
