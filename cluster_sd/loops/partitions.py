"""Cycle partitions: sets of stocks that loops join, within which shares of loops are taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cluster_sd.loops.links import Graph
from cluster_sd.loops.loop import Partition
from cluster_sd.loops.search import Family

Array = NDArray[np.float64]
#: Times over which loops are ranked.
_RANKED = 64


def partitions(graph: Graph, counts: Mapping[int, int]) -> tuple[tuple[Partition, ...], dict[int, int]]:
    """Partitions, those with most loops first, and the partition of each strongly connected component.

    A partition holds the stocks from each of which every other one can be reached along causal links, and back
    (Schoenberg, Davidsen and Eberlein 2020, "Relative loop score").

    Parameters
    ----------
    graph : Graph
    counts : mapping of int to int
        Number of loops in each strongly connected component of the graph that has any.
    """
    order = sorted(counts, key=lambda component: (-counts[component], component))
    number = {component: i for i, component in enumerate(order)}
    stocks: list[list[str]] = [[] for _ in order]
    for name in graph.variables:
        if name in graph.memories and graph.component[name] in number:
            stocks[number[graph.component[name]]].append(name)
    made = (Partition(tuple(names), counts[component]) for names, component in zip(stocks, order, strict=True))
    return tuple(made), number


def totals_and_leads(family: Family, links: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Sum of absolute scores of a family's loops at each time, and which loop is the strongest at some."""
    total, best = np.zeros(links.shape[1]), np.zeros(links.shape[1])
    which = np.zeros(links.shape[1], dtype=np.int64)
    for part, scores in family.scores(links):
        size = np.abs(scores, out=scores)
        total += size.sum(axis=0)
        row = size.argmax(axis=0)
        top = size[row, np.arange(len(row))]
        which = np.where(top > best, row + part.start, which)
        best = np.maximum(best, top)
    leads = np.zeros(len(family.circuits), dtype=bool)
    leads[which[best > 0]] = True
    return total, leads


def mean_shares(family: Family, links: Array, totals: Array) -> Array:
    """Mean of the loops' absolute shares in `totals`, over some of the times: to rank them by."""
    some = np.unique(np.linspace(0, len(totals) - 1, _RANKED).round().astype(int))
    links, totals = links[:, some], totals[some]
    weight = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0) / max(1, len(totals))
    means = np.empty(len(family.circuits))
    for part, scores in family.scores(links):
        means[part] = np.abs(scores, out=scores) @ weight
    return means


def shares_of(scores: Array, partition: Sequence[int], totals: Array) -> Array:
    """Scores relative to the sums of absolute scores in their partition; zero where that is zero.

    Parameters
    ----------
    scores : array, shape (loop, ...)
    partition : sequence of int
        Of each loop.
    totals : array, shape (partition, ...)
    """
    below = totals[np.asarray(partition, dtype=np.int64)]
    return np.divide(scores, below, out=np.zeros_like(scores), where=below > 0)


def totals_of(scores: Array, partition: Sequence[int], count: int) -> Array:
    """Sums of absolute scores by partition, shape (partition, ...)."""
    totals = np.zeros((count, *scores.shape[1:]))
    np.add.at(totals, np.asarray(partition, dtype=np.int64), np.abs(scores))
    return totals
