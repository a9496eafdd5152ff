"""Finding the loops of a run: all of them where they can be counted, the strongest where they can't."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cluster_sd.loops.circuits import Reduced, circuits_together, reduce_graph
from cluster_sd.loops.links import Graph, components
from cluster_sd.loops.strongest import strongest_circuits

Array = NDArray[np.float64]
Path = tuple[int, ...]

#: Most loops that are enumerated, and the extensions of paths after which enumerating is given up (about a second a
#: million). World3 has 151 thousand loops that act, for which 2.6 million extensions are made.
LIMIT, WORK = 400_000, 3_200_000
#: Strongest paths: times that are searched, paths for each of them, and loops that are kept for each.
TIMES, PATHS, MOST = 24, 320, 1000
#: The search is made again with this part of the paths, to see how much the paths matter.
_PART = 4
#: Numbers in a block of scores: what a processor's cache holds.
_BLOCK = 2**17


@dataclass(frozen=True, slots=True)
class Family:
    """Loops of one strongly connected component of the links that act, in a compact form.

    Attributes
    ----------
    chains : tuple of tuple of int
        Links, as numbers of ``graph.links``, that always follow each other.
    circuits : array of int, shape (loop, longest)
        Chains of each loop, in order; filled up with the number of chains.
    """

    chains: tuple[Path, ...]
    circuits: NDArray[np.int32]

    def path(self, loop: int) -> Path:
        """Links of a loop, in order."""
        return tuple(link for chain in self.circuits[loop] if chain < len(self.chains) for link in self.chains[chain])

    def scores(self, links: Array) -> Iterator[tuple[slice, Array]]:
        """Scores of the loops, shape (loop, time), in blocks with the loops that each is of."""
        yield from _blocks(products(links, self.chains), self.circuits)

    def runs_through(self, links: Collection[int]) -> NDArray[np.bool_]:
        """Which loops run through one of `links` at least."""
        wanted = frozenset(links)
        own = np.array([not wanted.isdisjoint(chain) for chain in self.chains] + [False], dtype=bool)
        return np.asarray(own[self.circuits].any(axis=1), dtype=bool)

    def marks(self, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """A number for each loop that depends on which links it has: sums, modulo 2^64, of the links' `keys`."""
        own = np.array([keys[list(chain)].sum(dtype=np.uint64) for chain in self.chains] + [0], dtype=np.uint64)
        return own[self.circuits].sum(axis=1, dtype=np.uint64)


def _family(chains: Sequence[Path], circuits: Sequence[Path]) -> Family:
    return Family(tuple(chains), _padded(sorted(circuits, key=len, reverse=True), len(chains)))


def _padded(rows: Sequence[Sequence[int]], fill: int) -> NDArray[np.int32]:
    """Rows of different lengths, the longer ones first, as one array."""
    made = np.full((len(rows), len(rows[0]) if rows else 0), fill, dtype=np.int32)
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    number = np.repeat(np.arange(len(rows)), lengths)
    columns = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    made[number, columns] = np.fromiter(itertools.chain.from_iterable(rows), dtype=np.int32, count=len(number))
    return made


def _blocks(scores: Array, rows: NDArray[np.int32]) -> Iterator[tuple[slice, Array]]:
    """Products of the rows of `scores` that each of `rows` names, block by block."""
    below = len(scores)
    width = max(1, int(np.prod(scores.shape[1:])))
    block = max(1, _BLOCK // width)
    for begin in range(0, len(rows), block):
        part = rows[begin : begin + block]
        made = scores[part[:, 0]]
        for column in part.T[1:]:
            last = int((column < below).sum())  # the longer ones stand first
            if not last:
                break
            made[:last] *= scores[column[:last]]
        yield slice(begin, begin + len(part)), made


@dataclass(frozen=True, slots=True)
class Found:
    """Loops of a run.

    Attributes
    ----------
    families : tuple of Family
    complete : bool
        Whether every loop is there all links of which act at one of the times.
    growth : float
        1 for a complete list. Else by what factor the sum of absolute scores grew, in the median over the times, from
        a quarter of the paths to all of them: near 1, more paths would hardly add anything.
    """

    families: tuple[Family, ...]
    complete: bool
    growth: float


def find_loops(
    graph: Graph, scores: Array, *, limit: int = LIMIT, paths: int = PATHS, through: Collection[str] = ()
) -> Found:
    """Loops all links of which act in the same step, at any of the times.

    Parameters
    ----------
    graph : Graph
    scores : array, shape (link, time)
    limit : int
        Most loops that are enumerated exactly.
    paths : int
        See :data:`PATHS`.
    through : collection of str
        Variables; where loops can't be counted, the strongest ones through these are searched for too.
    """
    families: list[Family] = []
    complete, growth = True, 1.0
    for links in _connected(graph, np.flatnonzero((scores != 0).any(axis=1))):
        family, whole, grown = _of_component(graph, scores, links, limit, paths, through)
        families.append(family)
        complete, growth = complete and whole, max(growth, grown)
    return Found(tuple(family for family in families if len(family.circuits)), complete, growth)


def _connected(graph: Graph, ever: NDArray[np.int64]) -> list[list[int]]:
    """Links that act, by strongly connected component of them."""
    links = [graph.links[i] for i in ever]
    names = list(dict.fromkeys(name for link in links for name in link))
    label = components(names, links)
    groups: dict[int, list[int]] = {}
    for i, link in zip(ever.tolist(), links, strict=True):
        if label[link.source] == label[link.target]:
            groups.setdefault(label[link.source], []).append(i)
    return list(groups.values())


def _of_component(
    graph: Graph, scores: Array, links: Sequence[int], limit: int, paths: int, through: Collection[str]
) -> tuple[Family, bool, float]:
    number: dict[str, int] = {}
    ends = [[number.setdefault(name, len(number)) for name in graph.links[i]] for i in links]
    wanted = [number[name] for name in through if name in number]
    reduced = reduce_graph([(source, target) for source, target in ends], wanted)
    own = scores[list(links)]
    begun = [path for path in reduced.circuits if (own[list(path)] != 0).all(axis=0).any()]
    chains = [*reduced.chains, *begun]
    circuits: list[Path] = [(len(reduced.chains) + i,) for i in range(len(begun))]
    complete, growth = True, 1.0
    if reduced.chains:
        active = np.array([(own[list(chain)] != 0).all(axis=0) for chain in reduced.chains])
        more, complete = circuits_together(reduced, active, limit - len(begun), WORK)
        if not complete:
            first = [reduced.labels.index(node) for node in wanted if node in reduced.labels]
            more, growth = _strongest(reduced, own, begun, paths, first)
        circuits += more
    return _family([tuple(links[i] for i in chain) for chain in chains], circuits), complete, growth


def _strongest(
    reduced: Reduced, own: Array, begun: Sequence[Path], paths: int, first: Sequence[int]
) -> tuple[list[Path], float]:
    """Strong circuits, and by what factor a quarter of the paths finds less."""
    times = np.unique(np.linspace(0, own.shape[1] - 1, TIMES).round().astype(int))
    strength = np.abs(products(own[:, times], reduced.chains))
    with np.errstate(divide="ignore"):
        logs = np.log(strength)
    few = strongest_circuits(reduced, logs, max(1, paths // _PART), MOST, first)
    many = list(dict.fromkeys([*strongest_circuits(reduced, logs, paths, MOST, first), *few]))
    sure = np.abs(products(own[:, times], begun)).sum(axis=0)
    less = sure + products(strength, few).sum(axis=0)
    more = sure + products(strength, many).sum(axis=0)
    ratio = more[less > 0] / less[less > 0]
    return many, float(np.median(ratio)) if len(ratio) else 1.0


def products(scores: Array, loops: Sequence[Sequence[int]]) -> Array:
    """Products of the rows of `scores` that each of `loops` names.

    Parameters
    ----------
    scores : array, shape (link, ...)
    loops : sequence of sequences of int

    Returns
    -------
    array, shape (loop, ...)
    """
    made = np.empty((len(loops), *scores.shape[1:]))
    order = np.array(sorted(range(len(loops)), key=lambda i: -len(loops[i])), dtype=np.int64)
    for part, block in _blocks(scores, _padded([loops[i] for i in order], len(scores))):
        made[order[part]] = block
    return made
