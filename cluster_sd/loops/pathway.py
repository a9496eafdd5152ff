"""The pathway participation metric: which pathway moves a stock's net flow, and which loop it closes.

The net flow of a stock k changes by the sum, over the stocks j and the pathways from them, of pathway gain times dj/dt;
relative to dk/dt each term is a pathway's participation (Mojtahedzadeh, Andersen and Richardson 2004, System Dynamics
Review 20(1)). The most influential pathway is the one of largest participation in the direction of the whole; tracing
it back from stock to stock until one comes twice gives the loop that is held responsible for the stock's behaviour.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import unknown
from cluster_sd.loops.gains import Linear
from cluster_sd.loops.links import Graph
from cluster_sd.loops.result import LoopAnalysis, PathwayAnalysis

Array = NDArray[np.float64]

_PATTERNS = {
    (1, 1): "growth, faster",
    (1, -1): "growth, slower",
    (1, 0): "growth, steady",
    (-1, -1): "decline, faster",
    (-1, 1): "decline, slower",
    (-1, 0): "decline, steady",
}


def pathway_analysis(
    graph: Graph, linear: Linear, analysis: LoopAnalysis, stock: str, times: Sequence[int]
) -> PathwayAnalysis:
    """Participation of pathways into `stock`, and the loop that the most influential one closes.

    Parameters
    ----------
    graph : Graph
    linear : Linear
    analysis : LoopAnalysis
    stock : str
        A stock of a loop.
    times : sequence of int
        Numbers of the times to look at.

    Raises
    ------
    UnknownNameError
        Where `stock` is none.
    """
    states = {state.name for state in graph.program.states}
    stocks = [name for name in graph.variables if name in states]
    if stock not in stocks:
        raise unknown("stock", stock, stocks)
    rates = {name: linear.rates[i] for i, name in enumerate(graph.variables)}
    order = _causes_first(graph, states)
    rows, loops, patterns = [], [], []
    for time in times:
        ways = _Ways(graph, linear.gains[:, time], order, {name: float(rates[name][time]) for name in stocks})
        parts = ways.participation(stock)
        rows.append(parts)
        patterns.append(_pattern(float(rates[stock][time]), sum(parts.values())))
        loops.append(ways.loop(stock))
    sources = tuple(dict.fromkeys(name for parts in rows for name in parts))
    table = np.array([[parts.get(name, 0.0) for name in sources] for parts in rows]).reshape(len(rows), len(sources))
    total = np.abs(table).sum(axis=1, keepdims=True)
    shares = np.divide(table, total, out=np.zeros_like(table), where=total > 0)
    return PathwayAnalysis(stock, analysis.times[list(times)], tuple(patterns), sources, shares, tuple(loops))


def _pattern(rate: float, change: float) -> str:
    """Behaviour by slope and curvature; `change` is d(rate)/dt over the rate."""
    slope = int(np.sign(rate))
    return _PATTERNS.get((slope, int(np.sign(change)) * slope), "no change")


def _causes_first(graph: Graph, states: set[str]) -> list[str]:
    """Variables of loops without the memories, each after what it depends on within a step."""
    done: dict[str, None] = {}
    inside = {name for name in graph.variables if name not in graph.memories}

    def visit(name: str) -> None:
        stack = [(name, iter(graph.equations[name].inputs))]
        while stack:
            at, inputs = stack[-1]
            following = next((x for x in inputs if x in inside and x not in done), None)
            if following is None:
                done[at] = None
                stack.pop()
            else:
                stack.append((following, iter(graph.equations[following].inputs)))

    for name in graph.variables:
        if name in inside and name not in done:
            visit(name)
    return list(done)


class _Ways:
    """Pathways at one time: between stocks, through variables that are none."""

    def __init__(self, graph: Graph, gains: Array, order: list[str], rates: dict[str, float]) -> None:
        self.rates, self.order = rates, order
        self.out: dict[str, list[tuple[str, float]]] = {}
        for link, gain in zip(graph.links, gains, strict=True):
            if gain:
                self.out.setdefault(link.source, []).append((link.target, float(gain)))

    def participation(self, stock: str) -> dict[str, float]:
        """Participation of all pathways from each stock, summed; per unit of time."""
        effect: dict[str, float] = {}
        for at in (*reversed(self.order), *self.rates):
            gains = ((gain, 1.0 if end == stock else effect.get(end, 0.0)) for end, gain in self.out.get(at, ()))
            whole = sum(gain * rest for gain, rest in gains)
            if at not in self.rates:
                effect[at] = whole
            elif whole and self.rates[stock]:
                effect[f"from {at}"] = whole * self.rates[at] / self.rates[stock]
        return {name: effect[f"from {name}"] for name in self.rates if f"from {name}" in effect}

    def strongest(self, target: str) -> tuple[str, ...] | None:
        """Most influential pathway into `target`: from its stock up to what acts on the target; None without one."""
        sign = float(np.sign(sum(self.participation(target).values()) * self.rates[target]))
        ways: dict[str, list[tuple[float, tuple[str, ...]]]] = {}  # largest and smallest gain of a way to the target
        best: tuple[float, tuple[str, ...]] = (0.0, ())
        for at in (*reversed(self.order), *self.rates):
            found: list[tuple[float, tuple[str, ...]]] = []
            for end, gain in self.out.get(at, ()):
                rest = [(1.0, ())] if end == target else ways.get(end, ())
                found += [(gain * amount, (at, *path)) for amount, path in rest]
            if found and at in self.rates:
                best = max(best, *((amount * self.rates[at] * sign, path) for amount, path in found))
            elif found:
                ways[at] = list(dict.fromkeys([max(found), min(found)]))
        return best[1] or None

    def loop(self, stock: str) -> tuple[str, ...]:
        """Loop that the most influential pathways close, traced back from `stock`; empty where one ends."""
        visited: list[str] = []
        paths: list[tuple[str, ...]] = []
        at = stock
        while at not in visited:
            path = self.strongest(at)
            if path is None:
                return ()
            visited.append(at)
            paths.append(path)
            at = path[0]
        inside = paths[visited.index(at) :]
        variables = [name for path in reversed(inside) for name in path]
        return tuple(variables) if len(set(variables)) == len(variables) else ()
