"""The whole model in one picture: sectors, the links between them, and the feedback loops that have a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from cluster_sd.diagram.grid import Room, placed
from cluster_sd.diagram.routes import Curve, routed
from cluster_sd.diagram.sectors import Sectors
from cluster_sd.diagram.structure import Structure
from cluster_sd.diagram.text import broken
from cluster_sd.diagram.view import Node
from cluster_sd.loops.named import read_loops
from cluster_sd.model.names import clean, split_element

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["Bundle", "NamedLoop", "Overview", "SectorNode", "overview_of"]

#: Width of a column and height of a row; size of a box; size of the letters in it.
COLUMN, ROW, WIDE, TALL, SIZE = 216.0, 128.0, 150.0, 66.0, 13.0
#: Columns of the grid; room around the picture; how far every second column stands lower.
COLUMNS, MARGIN, STAGGER = 4, 24.0, 18.0


@dataclass(frozen=True)
class NamedLoop:
    """A loop with a name: its polarity (``R``, ``B`` or empty), and the sectors it runs through, in order."""

    id: str
    name: str
    polarity: str
    kind: str
    sectors: tuple[int, ...]


@dataclass(frozen=True)
class SectorNode:
    """A sector: its title in lines, how many stocks and variables it has, where it stands, its named loops."""

    title: str
    lines: tuple[str, ...]
    stocks: int
    variables: int
    x: float
    y: float
    loops: tuple[int, ...]


@dataclass(frozen=True)
class Bundle:
    """All links from one sector to another: how many raise, lower, and are unclear; the loops that run through them."""

    source: int
    target: int
    raising: int
    lowering: int
    unclear: int
    loops: tuple[int, ...]
    curve: Curve

    @property
    def count(self) -> int:
        """How many links there are."""
        return self.raising + self.lowering + self.unclear

    @property
    def sign(self) -> int:
        """1 or -1 where all links with a known sign agree and none is unclear, else 0."""
        if self.unclear or (self.raising and self.lowering):
            return 0
        return 1 if self.raising else -1


@dataclass(frozen=True)
class Overview:
    """The picture."""

    title: str
    sectors: tuple[SectorNode, ...]
    bundles: tuple[Bundle, ...]
    loops: tuple[NamedLoop, ...]
    width: float
    height: float


def overview_of(
    model: Model,
    structure: Structure,
    signs: Mapping[tuple[str, str], int],
    sectors: Sectors,
    known: Mapping[str, str] | None = None,
) -> Overview:
    """Lay the whole of a model out; `known` are names of sectors and loops in another language, by clean name."""
    told = dict(known or {})
    names = [told.get(clean(sector.title), sector.title) for sector in sectors.all]
    of = {key: i for i, sector in enumerate(sectors.all) for key in sector.keys}
    counts = _counts(structure, signs, of)
    loops = [replace(one, name=told.get(clean(one.name), one.name)) for one in _loops(model, structure, signs, of)]
    through: dict[tuple[int, int], list[int]] = {}
    for n, loop in enumerate(loops):
        for pair in pairwise((*loop.sectors, loop.sectors[0])):
            if pair[0] != pair[1] and n not in through.setdefault(pair, []):
                through[pair].append(n)
    nodes = _placed(names, sectors, structure, counts, through)
    pairs = sorted(counts, key=lambda p: (p not in through, p))
    curves = routed(nodes, pairs, [])
    bundles = [
        Bundle(pair[0], pair[1], *_three(counts[pair]), tuple(through.get(pair, ())), curve)
        for pair, curve in zip(pairs, curves, strict=True)
    ]
    return _cut(model.name, nodes, bundles, loops, sectors, structure, names)


def _three(counts: Sequence[int]) -> tuple[int, int, int]:
    return counts[0], counts[1], counts[2]


def _counts(
    structure: Structure, signs: Mapping[tuple[str, str], int], of: Mapping[str, int]
) -> dict[tuple[int, int], list[int]]:
    """Links between sectors: how many raise, lower, are unclear."""
    ends = {pipe.key: pipe.target or pipe.source for pipe in structure.pipes if not pipe.named}
    found: dict[tuple[int, int], list[int]] = {}
    for cause in structure.causes:
        source, target = of.get(cause.source), of.get(ends.get(cause.target, cause.target))
        if source is None or target is None or source == target or cause.initial:
            continue
        sign = signs.get((cause.source, cause.target), 0)
        found.setdefault((source, target), [0, 0, 0])[{1: 0, -1: 1, 0: 2}[sign]] += 1
    for pipe in structure.pipes:
        if pipe.source and pipe.target and of[pipe.source] != of[pipe.target]:
            found.setdefault((of[pipe.source], of[pipe.target]), [0, 0, 0])[0] += 1
    return found


def _loops(
    model: Model, structure: Structure, signs: Mapping[tuple[str, str], int], of: Mapping[str, int]
) -> tuple[NamedLoop, ...]:
    path = model.folder.path / "loops.csv"
    if not path.is_file():
        return ()
    made = []
    for one in read_loops(path):
        keys = [clean(split_element(name)[0]) for name in one.variables]
        if all(key in of for key in keys):
            ways = dict.fromkeys(of[key] for key in keys)
            made.append(NamedLoop(one.id, one.name, _polarity(keys, structure, signs, one.kind), one.kind, tuple(ways)))
    return tuple(made)


def _polarity(keys: Sequence[str], structure: Structure, signs: Mapping[tuple[str, str], int], kind: str) -> str:
    """``R`` or ``B``: the product of the signs of a loop's links where all are known, else what ``loops.csv`` says."""
    product = 1
    flows = {(p.key, p.target): 1 for p in structure.pipes if p.named and p.target}
    flows |= {(p.key, p.source): -1 for p in structure.pipes if p.named and p.source}
    for pair in pairwise((*keys, keys[0])):
        product *= flows.get(pair) or signs.get(pair, 0) or signs.get((pair[0], f">{pair[1]}"), 0)
    if product:
        return "R" if product > 0 else "B"
    return {"balancing": "B", "inward": "R", "outward": "R"}.get(kind, "")


def _placed(
    names: Sequence[str],
    sectors: Sectors,
    structure: Structure,
    counts: Mapping[tuple[int, int], Sequence[int]],
    through: Mapping[tuple[int, int], Sequence[int]],
) -> list[Node]:
    keys = [str(i) for i in range(len(names))]
    half = dict.fromkeys(keys, (WIDE / 2 / COLUMN, TALL / 2 / ROW))
    strong = [pair for pair in counts if pair in through or sum(counts[pair]) > 1] or list(counts)
    room = Room((), keys, [(str(a), str(b)) for a, b in strong], half, columns=COLUMNS)
    _, places = placed(room)
    nodes = []
    for key, name in zip(keys, names, strict=True):
        column, row = places[key]
        x, y = column * COLUMN, row * ROW + STAGGER * (1 if int(column) % 2 else -1)
        lines = broken(name, SIZE, WIDE - 14)
        tall = max(TALL, 30 + 15.0 * (len(lines) + 1))
        box = (x - WIDE / 2, y - tall / 2, x + WIDE / 2, y + tall / 2)
        nodes.append(Node(key, "sector", False, lines, x, y, box, SIZE))
    return nodes


def _cut(
    title: str,
    nodes: Sequence[Node],
    bundles: Sequence[Bundle],
    loops: Sequence[NamedLoop],
    sectors: Sectors,
    structure: Structure,
    names: Sequence[str],
) -> Overview:
    """Move all to the corner, and count."""
    x = [v for n in nodes for v in (n.box[0], n.box[2])] + [p[0] for b in bundles for p in b.curve.along]
    y = [v for n in nodes for v in (n.box[1], n.box[3])] + [p[1] for b in bundles for p in b.curve.along]
    left, top = min(x, default=0.0) - MARGIN, min(y, default=0.0) - MARGIN
    made = []
    for i, (node, sector) in enumerate(zip(nodes, sectors.all, strict=True)):
        stocks = sum(structure.things[key].kind == "stock" for key in sector.keys)
        own = tuple(n for n, loop in enumerate(loops) if i in loop.sectors)
        made.append(SectorNode(names[i], node.lines, stocks, len(sector.keys), node.x - left, node.y - top, own))
    moved = tuple(replace(bundle, curve=bundle.curve.moved(-left, -top)) for bundle in bundles)
    width, height = max(x, default=0.0) - left + MARGIN, max(y, default=0.0) - top + MARGIN
    return Overview(title, tuple(made), moved, tuple(loops), width, height)
