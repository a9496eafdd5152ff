"""From the loops that were found to the list of a result: which are kept, their shares, ids and polarities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cluster_sd.loops.links import Graph
from cluster_sd.loops.loop import Loop, Partition
from cluster_sd.loops.named import NamedLoop
from cluster_sd.loops.partitions import mean_shares, partitions, shares_of, totals_and_leads, totals_of
from cluster_sd.loops.result import Search
from cluster_sd.loops.search import Family, Found, products

Array = NDArray[np.float64]


class Row(NamedTuple):
    """A loop of the list, before it has its id: links, row of ``loops.csv``, partition, mean absolute share."""

    links: tuple[int, ...]
    named: NamedLoop | None
    partition: int
    mean: float


def listed(
    graph: Graph,
    links: Array,
    found: Found,
    named: Sequence[NamedLoop],
    known: Sequence[tuple[int, ...]],
    keep: int,
    through: Sequence[str],
) -> dict[str, Any]:
    """Loops, scores, shares, partitions and how they were found: fields of :class:`LoopAnalysis`.

    Parameters
    ----------
    graph : Graph
    links : array, shape (link, time)
        Scores.
    found : Found
    named, known
        Rows of ``loops.csv`` and the links of each.
    keep : int
        Loops without a name that are kept.
    through : sequence of str
        Variables through which a quarter of `keep` is kept each.
    """
    missed, places = _places(found, known, len(graph.links))
    homes = [graph.component[graph.links[family.chains[0][0]].source] for family in found.families]
    own = [graph.component[graph.links[loop[0]].source] for loop in known]
    counts = Counter(own[i] for i in missed)
    for home, family in zip(homes, found.families, strict=True):
        counts[home] += len(family.circuits)
    parts, number = partitions(graph, counts)
    standing = [totals_and_leads(family, links) for family in found.families]
    totals = totals_of(products(links, [known[i] for i in missed]), [number[own[i]] for i in missed], len(parts))
    for home, (total, _) in zip(homes, standing, strict=True):
        totals[number[home]] += total
    rows = [Row(loop, one, number[home], 0.0) for loop, one, home in zip(known, named, own, strict=True)]
    for home, family, (_, leads), place in zip(homes, found.families, standing, places, strict=True):
        means = mean_shares(family, links, totals[number[home]])
        must = leads | _asked(graph, family, means, through, keep // 4)
        rows += _strong(family, means, must, place, number[home], keep)
    return _fields(graph, links, found, _kept(rows, keep), parts, totals)


def _fields(
    graph: Graph, links: Array, found: Found, rows: Sequence[Row], parts: tuple[Partition, ...], totals: Array
) -> dict[str, Any]:
    """The fields, for the loops that are kept."""
    homes = [row.partition for row in rows]
    scores = products(links, [row.links for row in rows])
    shares = shares_of(scores, homes, totals)
    means = np.abs(shares).mean(axis=1)
    order = sorted(range(len(rows)), key=lambda i: (parts[homes[i]].loops < 2, -means[i]))
    dropped = np.where(totals > 0, 1.0 - totals_of(shares, homes, len(parts)), 0.0).max(axis=0, initial=0.0)
    method = "exact" if found.complete else "strongest paths"
    count = sum(part.loops for part in parts)
    return {
        "loops": loops_with_ids(graph, [rows[i]._replace(mean=float(means[i])) for i in order], shares[order]),
        "scores": np.ascontiguousarray(scores[order].T),
        "shares": np.ascontiguousarray(shares[order].T),
        "partitions": parts,
        "search": Search(found.complete, method, count, len(rows), found.growth, np.clip(dropped, 0.0, 1.0)),
    }


def _places(found: Found, known: Sequence[tuple[int, ...]], links: int) -> tuple[list[int], list[set[int]]]:
    """Named loops that were not found, and which loops of each family are named ones."""
    keys = np.random.default_rng(0).integers(0, 2**64, size=links, dtype=np.uint64)
    wanted = np.array([keys[list(loop)].sum(dtype=np.uint64) for loop in known], dtype=np.uint64)
    marks = [family.marks(keys) for family in found.families]
    places = [set(np.flatnonzero(np.isin(own, wanted)).tolist()) for own in marks]
    there = np.concatenate([np.empty(0, dtype=np.uint64), *marks])
    return np.flatnonzero(~np.isin(wanted, there)).tolist(), places


def _asked(graph: Graph, family: Family, means: Array, through: Sequence[str], most: int) -> NDArray[np.bool_]:
    """The strongest loops of a family through each of some variables."""
    asked = np.zeros(len(means), dtype=bool)
    order = np.argsort(-means, kind="stable")
    for name in through:
        inside = family.runs_through([i for i, link in enumerate(graph.links) if link.source == name])
        asked[order[inside[order]][:most]] = True
    return asked


def _strong(
    family: Family, means: Array, must: NDArray[np.bool_], named: set[int], partition: int, keep: int
) -> list[Row]:
    """Loops of a family that may be kept: those that must be, and the strongest."""
    order = np.argsort(-means, kind="stable")
    chosen = dict.fromkeys([*order[must[order]].tolist(), *order[: keep + len(named)].tolist()])
    # a mean of 2 or more marks those that must be kept: they go first
    return [
        Row(family.path(i), None, partition, float(means[i]) + 2.0 * bool(must[i])) for i in chosen if i not in named
    ]


def _kept(rows: Sequence[Row], keep: int) -> list[Row]:
    """Named loops and the first `keep` of the others."""
    others = sorted((row for row in rows if row.named is None), key=lambda row: -row.mean)
    return [*(row for row in rows if row.named is not None), *others[:keep]]


def loops_with_ids(graph: Graph, rows: Sequence[Row], shares: Array) -> tuple[Loop, ...]:
    """Loops with polarity, and ids of their own for those without a name."""
    taken = {row.named.id for row in rows if row.named}
    counts: dict[str, int] = {}
    made = []
    for row, share in zip(rows, shares, strict=True):
        polarity, confidence = polarity_of(share)
        one, loop = row.named, row.links
        variables = tuple(graph.links[i].source for i in loop)
        if one is None:
            variables = _from_stock(graph, variables)
            counts[polarity] = counts.get(polarity, 0) + 1
            while f"{polarity}{counts[polarity]}" in taken:
                counts[polarity] += 1
        about = ("", "", "") if one is None else (one.name, one.mechanism, one.kind)
        key = f"{polarity}{counts[polarity]}" if one is None else one.id
        made.append(Loop(key, about[0], polarity, confidence, variables, row.partition, row.mean, *about[1:]))
    return tuple(made)


def _from_stock(graph: Graph, variables: tuple[str, ...]) -> tuple[str, ...]:
    """The loop from a stock on: the first of the model's order that has a name."""
    stocks = [name for name in variables if name in graph.memories]
    order = {name: i for i, name in enumerate(graph.variables)}
    first = min(stocks or variables, key=lambda name: ("#" in name, order[name]))
    place = variables.index(first)
    return variables[place:] + variables[:place]


def polarity_of(share: Array) -> tuple[str, float]:
    """``R``, ``B`` or ``U``, and how sure: see :class:`~cluster_sd.loops.result.Loop`."""
    up, down = float(np.clip(share, 0, None).sum()), float(np.clip(-share, 0, None).sum())
    if up + down == 0:
        return "U", 0.0
    return ("R" if not down else "B" if not up else "U"), abs(up - down) / (up + down)
