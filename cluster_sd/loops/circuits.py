"""Elementary circuits of a directed multigraph, and the same graph with fewer nodes.

A node with one way in or one way out is no choice: it is merged into the links around it, which become chains. Circuits
of what is left are, one to one, those of the whole graph.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Rows of partial paths that are extended at once.
_BLOCK = 20_000


@dataclass(frozen=True, slots=True)
class Reduced:
    """A multigraph of chains.

    Attributes
    ----------
    labels : tuple of int
        Node of the original graph that each node is.
    sources, targets : array of int, shape (chain,)
        Sorted by source.
    chains : tuple of tuple of int
        Links of the original graph that each chain runs through, in order.
    circuits : tuple of tuple of int
        Circuits that came to light on the way, as links; they are in no chain's circuit.
    """

    labels: tuple[int, ...]
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    chains: tuple[tuple[int, ...], ...]
    circuits: tuple[tuple[int, ...], ...]

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.labels)

    @property
    def first(self) -> NDArray[np.int64]:
        """Number of the first chain that leaves each node; one more entry than nodes."""
        return np.searchsorted(self.sources, np.arange(self.nodes + 1))


def reduce_graph(links: Sequence[tuple[int, int]], keep: Collection[int] = ()) -> Reduced:
    """Merge nodes with one way in or one way out, again and again.

    Parameters
    ----------
    links : sequence of (int, int)
        Source and target of each link; links are numbered as they stand here.
    keep : collection of int
        Nodes that are not merged.
    """
    out: dict[int, dict[int, int]] = {}
    into: dict[int, dict[int, int]] = {}
    chains: dict[int, tuple[int, ...]] = {}
    for number, (source, target) in enumerate(links):
        for node in (source, target):
            out.setdefault(node, {})
            into.setdefault(node, {})
        out[source][number] = target
        into[target][number] = source
        chains[number] = (number,)
    circuits = _merge(out, into, chains, frozenset(keep))
    number = {node: i for i, node in enumerate(sorted(out))}
    rows = sorted((number[u], number[v], chain) for u, ends in out.items() for chain, v in ends.items())
    return Reduced(
        tuple(number),
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.int64),
        tuple(chains[row[2]] for row in rows),
        tuple(circuits),
    )


def _merge(
    out: dict[int, dict[int, int]],
    into: dict[int, dict[int, int]],
    chains: dict[int, tuple[int, ...]],
    keep: frozenset[int],
) -> list[tuple[int, ...]]:
    """Take nodes out of the graph as long as one has one way in or out; chains that close on themselves are given."""
    circuits: list[tuple[int, ...]] = []
    waiting = sorted(out)
    while waiting:
        node = waiting.pop()
        if node not in out:
            continue
        for chain in [chain for chain, end in out[node].items() if end == node]:
            circuits.append(chains[chain])
            del out[node][chain], into[node][chain]
        if node in keep or (len(out[node]) > 1 and len(into[node]) > 1):
            continue
        for one, source in into[node].items():
            del out[source][one]
            for other, target in out[node].items():
                number = len(chains)
                chains[number] = chains[one] + chains[other]
                out[source][number] = target
                into[target][number] = source
        for other, target in out[node].items():
            del into[target][other]
        waiting.extend({*into[node].values(), *out[node].values()})
        del out[node], into[node]
    return circuits


def circuits_together(
    graph: Reduced, active: NDArray[np.bool_], limit: int, work: int
) -> tuple[list[tuple[int, ...]], bool]:
    """Circuits all chains of which are active at one time at least.

    Parameters
    ----------
    graph : Reduced
    active : array of bool, shape (chain, time)
    limit : int
        Give up beyond so many circuits.
    work : int
        Give up after so many extensions of a path; with many times an extension takes longer and counts for more.

    Returns
    -------
    circuits : list of tuple of int
        Chains of each circuit.
    complete : bool
        Whether these are all.

    Notes
    -----
    Paths grow from one node at a time, through nodes from which that one can still be reached at a time at which all
    links so far are active; then the node is taken out of the graph. Most busy nodes come first: without them less is
    left. Many paths grow at once, as arrays.
    """
    found: list[tuple[int, ...]] = []
    bits = _packed(active)
    left = np.ones(graph.nodes, dtype=bool)
    degree = np.bincount(graph.sources, minlength=graph.nodes) * np.bincount(graph.targets, minlength=graph.nodes)
    for start in np.argsort(-degree, kind="stable"):
        reach = _reaching(graph, bits, int(start), left)
        for tried, closed in _grown(graph, bits, reach, int(start)):
            work -= tried * max(1, bits.shape[1] // 8)
            found.extend(map(tuple, closed.tolist()))
            if len(found) > limit or work < 0:
                return found, False
        left[start] = False
    return found, True


def _packed(active: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Rows of truth values as rows of 64-bit words."""
    rows, columns = active.shape
    wide = np.zeros((rows, -(-max(columns, 1) // 64) * 64), dtype=bool)
    wide[:, :columns] = active
    return np.packbits(wide, axis=1).view(np.uint64)


def _reaching(graph: Reduced, bits: NDArray[np.uint64], start: int, left: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """At which times each node can reach `start` through nodes that are left."""
    words = [int.from_bytes(row.tobytes(), "little") for row in bits]
    reach = [0] * graph.nodes
    reach[start] = -1
    into: dict[int, list[int]] = {}
    for chain, target in enumerate(graph.targets.tolist()):
        into.setdefault(target, []).append(chain)
    sources = graph.sources.tolist()
    waiting = [start]
    while waiting:
        node = waiting.pop()
        for chain in into.get(node, ()):
            source = sources[chain]
            more = reach[source] | (words[chain] & reach[node])
            if left[source] and more != reach[source] and source != start:
                reach[source] = more
                waiting.append(source)
    size = bits.shape[1] * 8
    full = (1 << (8 * size)) - 1
    packed = b"".join((value & full).to_bytes(size, "little") for value in reach)
    return np.frombuffer(packed, dtype=np.uint64).reshape(graph.nodes, bits.shape[1])


def node_bits(nodes: int) -> NDArray[np.uint64]:
    """A bit of its own for each node, in 64-bit words."""
    made = np.zeros((nodes, -(-nodes // 64)), dtype=np.uint64)
    number = np.arange(nodes)
    made[number, number // 64] = np.left_shift(np.uint64(1), (number % 64).astype(np.uint64))
    return made


def onward(graph: Reduced, at: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Chains that leave the nodes `at`, one after another, and the place in `at` that each leaves from."""
    first = graph.first
    counts = first[at + 1] - first[at]
    rows = np.repeat(np.arange(len(at)), counts)
    return rows, np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[at][rows]


def _grown(
    graph: Reduced, bits: NDArray[np.uint64], reach: NDArray[np.uint64], start: int
) -> Iterator[tuple[int, NDArray[np.int32]]]:
    """Block by block, the number of extensions that were tried and the circuits through `start` that closed."""
    own = node_bits(graph.nodes)
    stack = [(np.array([start]), own[[start]], reach[[start]], np.empty((1, 0), dtype=np.int32))]
    while stack:
        at, visited, active, paths = stack.pop()
        rows, chains = onward(graph, at)
        tried, ends = len(chains), graph.targets[chains]
        on = active[rows] & bits[chains] & reach[ends]
        alive = on.any(axis=1) & ((ends == start) | ~(visited[rows] & own[ends]).any(axis=1))
        rows, chains, ends, on = rows[alive], chains[alive], ends[alive], on[alive]
        grown = np.concatenate([paths[rows], chains[:, None].astype(np.int32)], axis=1)
        closed = ends == start
        yield tried, grown[closed]
        rows, ends, on, grown = rows[~closed], ends[~closed], on[~closed], grown[~closed]
        seen = visited[rows] | own[ends]
        for begin in range(0, len(ends), _BLOCK):
            part = slice(begin, begin + _BLOCK)
            stack.append((ends[part], seen[part], on[part], grown[part]))
