"""A view with all its coordinates: what a picture draws, and what Vensim's sketch writes down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cluster_sd.diagram.blocks import Block, Place, blocks_of
from cluster_sd.diagram.contents import Contents, Influence
from cluster_sd.diagram.grid import Room, placed
from cluster_sd.diagram.routes import Curve, routed
from cluster_sd.diagram.structure import Structure, Thing
from cluster_sd.diagram.text import broken, width

__all__ = ["COLUMN", "LINE", "ROW", "Arrow", "Flow", "Node", "View", "view_of"]

#: Width of a column and height of a row, in the picture's units (CSS pixels).
COLUMN, ROW = 114.0, 78.0
#: Size of letters, of those of constants and of what is repeated, and distance of lines over their size.
SIZE, SMALL, LINE = 12.0, 11.0, 1.12
#: Widest label, and room within a stock's box.
LABEL, BOX = 100.0, 7.0
#: Half the height of a valve and of a cloud; room around the picture.
VALVE, CLOUD, MARGIN = 8.0, 10.0, 16.0
#: How far every second column stands lower, so that arrows along a row miss names.
STAGGER = 9.0

#: A rectangle: left, top, right, bottom.
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Node:
    """Something that stands in a view.

    Attributes
    ----------
    key : str
        Of the variable or the pipe; a cloud, or the end of a pipe elsewhere, has one of its own.
    kind : str
        That of the variable, or ``valve`` (a flow without a name) or ``cloud``.
    shadow : bool
        Whether it is at home in another view.
    lines : tuple of str
        Its name.
    x, y : float
        Its middle; of a flow, that of its valve, with the name below.
    box : Box
        All of it.
    size : float
        Of its letters.
    """

    key: str
    kind: str
    shadow: bool
    lines: tuple[str, ...]
    x: float
    y: float
    box: Box
    size: float
    array: bool = False


@dataclass(frozen=True)
class Flow:
    """A pipe: its key, numbers of the nodes at its ends and of its valve, corners on both sides of the valve."""

    key: str
    start: int
    end: int
    valve: int
    before: tuple[Place, ...]
    after: tuple[Place, ...]
    both: bool


@dataclass(frozen=True)
class Arrow:
    """An arrow between nodes, by number, with its curve."""

    source: int
    target: int
    sign: int
    late: bool
    initial: bool
    curve: Curve


@dataclass(frozen=True)
class View:
    """One picture: title, parts, size."""

    title: str
    sector: str
    nodes: tuple[Node, ...]
    flows: tuple[Flow, ...]
    arrows: tuple[Arrow, ...]
    width: float
    height: float


@dataclass(frozen=True)
class Placement:
    """Where the things of a view stand on the grid, whatever language they are named in."""

    blocks: tuple[Block, ...]
    offsets: tuple[Place, ...]
    free: Mapping[str, Place]


def placement_of(contents: Contents, structure: Structure) -> Placement:
    """Find a place for everything that a view shows."""
    blocks = blocks_of(contents.stocks, contents.pipes)
    sizes = _Builder(contents, structure, {})
    fixed = [*contents.stocks, *(pipe.key for pipe in contents.pipes)]
    free = [key for key in (*contents.own, *contents.shadows) if key not in set(fixed)]
    half = {key: sizes.half(key) for key in (*free, *fixed)}
    arrows = [(i.source, i.target) for i in contents.influences]
    offsets, places = placed(Room(blocks, free, arrows, half))
    return Placement(blocks, tuple(offsets), places)


def view_of(
    title: str,
    sector: str,
    contents: Contents,
    structure: Structure,
    placement: Placement,
    names: Mapping[str, str] | None = None,
) -> View:
    """Lay a view out.

    Parameters
    ----------
    title, sector : str
    contents : Contents
    structure : Structure
    placement : Placement
    names : mapping of str to str, optional
        Names to show, by key; default: those of the model file.
    """
    nodes, flows = _lifted(*_Builder(contents, structure, names or {}).build(placement))
    at = {node.key: i for i, node in enumerate(nodes)}
    asked = [i for i in contents.influences if i.source in at and i.target in at and i.source != i.target]
    pairs = [(at[i.source], at[i.target]) for i in asked]
    curves = routed(nodes, pairs, [_line(nodes, flow) for flow in flows])
    arrows = [_arrow(i, pair, curve) for i, pair, curve in zip(asked, pairs, curves, strict=True)]
    return _cut(View(title, sector, tuple(nodes), tuple(flows), tuple(arrows), 0.0, 0.0))


def _arrow(influence: Influence, pair: tuple[int, int], curve: Curve) -> Arrow:
    return Arrow(*pair, influence.sign, influence.late, influence.initial, curve)


def _line(nodes: Sequence[Node], flow: Flow) -> list[Place]:
    """All corners of a pipe."""
    ends = [(nodes[i].x, nodes[i].y) for i in (flow.start, flow.valve, flow.end)]
    return [ends[0], *flow.before, ends[1], *flow.after, ends[2]]


class _Builder:
    """Nodes and flows of a view."""

    def __init__(self, contents: Contents, structure: Structure, names: Mapping[str, str]) -> None:
        self.contents, self.structure, self.names = contents, structure, names
        self.fixed = {*contents.stocks, *(pipe.key for pipe in contents.pipes)}

    def half(self, key: str) -> tuple[float, float]:
        """Half of the width and height of something, in columns and rows."""
        left, top, right, bottom = self._node(key, 0.0, 0.0).box
        return max(-left, right) / COLUMN, max(-top, bottom) / ROW

    def build(self, placement: Placement) -> tuple[list[Node], list[Flow]]:
        """All nodes and flows where they were placed."""
        nodes = [self._node(key, *self._point(place, True)) for key, place in placement.free.items()]
        flows: list[Flow] = []
        for block, offset in zip(placement.blocks, placement.offsets, strict=True):
            self._add_block(block, offset, nodes, flows)
        return nodes, flows

    def _point(self, place: Place, free: bool = False) -> Place:
        low = STAGGER * (1 if int(place[0]) % 2 else -1) if free else 0.0
        return place[0] * COLUMN, place[1] * ROW + low

    def _add_block(self, block: Block, offset: Place, nodes: list[Node], flows: list[Flow]) -> None:
        def point(place: Place) -> Place:
            return self._point((place[0] + offset[0], place[1] + offset[1]))

        number = {}
        for key, place in block.stocks.items():
            number[key] = len(nodes)
            nodes.append(self._node(key, *point(place)))
        for path in block.paths:
            pipe = path.pipe
            valve = len(nodes)
            nodes.append(self._node(pipe.key, *point(path.valve)))
            ends = []
            for end, place in ((pipe.source, path.points[0]), (pipe.target, path.points[-1])):
                if end in number:
                    ends.append(number[end])
                else:
                    ends.append(len(nodes))
                    nodes.append(self._end(end, pipe.key, *point(place)))
            before = tuple(map(point, path.points[1 : path.before]))
            after = tuple(map(point, path.points[path.before : -1]))
            flows.append(Flow(pipe.key, ends[0], ends[1], valve, before, after, pipe.both))

    def _label(self, key: str, thing: Thing, shadow: bool) -> str:
        name = self.names.get(key, thing.name)
        return f"<{name}>" if shadow else name

    def _node(self, key: str, x: float, y: float) -> Node:
        """A variable, or the valve of a flow without a name, around a point."""
        thing = self.structure.things.get(key)
        if thing is None or (key in self.fixed and key not in self.contents.own):
            return Node(key, "valve", False, (), x, y, (x - VALVE, y - VALVE, x + VALVE, y + VALVE), SIZE)
        shadow = key not in self.contents.own
        size = SMALL if shadow or thing.kind in ("constant", "table", "data") else SIZE
        stock, flow = thing.kind == "stock" and not shadow, key in self.fixed and thing.kind != "stock" and not shadow
        lines = broken(self._label(key, thing, shadow), size, LABEL - 2 * BOX if stock else LABEL)
        wide, tall = max(width(line, size) for line in lines), size * LINE * len(lines)
        if stock:
            wide, tall = max(wide + 2 * BOX, 64.0), max(tall + 2 * BOX, 38.0)
        top, bottom = (y - VALVE, y + VALVE + 3 + tall) if flow else (y - tall / 2, y + tall / 2)
        kind = "flow" if flow else "auxiliary" if thing.kind == "flow" else thing.kind
        return Node(key, kind, shadow, lines, x, y, (x - wide / 2, top, x + wide / 2, bottom), size, thing.array)

    def _end(self, stock: str, pipe: str, x: float, y: float) -> Node:
        """A cloud, or the stock of another view that a pipe leads to."""
        if not stock:
            box = (x - CLOUD * 1.3, y - CLOUD, x + CLOUD * 1.3, y + CLOUD)
            return Node(f"cloud {pipe} {x} {y}", "cloud", False, (), x, y, box, SIZE)
        lines = broken(f"<{self.names.get(stock, self.structure.things[stock].name)}>", SMALL, 70)
        wide, tall = max(width(line, SMALL) for line in lines), SMALL * LINE * len(lines)
        box = (x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2)
        return Node(f"end {pipe} {stock}", "stock", True, lines, x, y, box, SMALL)


def _lifted(nodes: Sequence[Node], flows: Sequence[Flow]) -> tuple[list[Node], list[Flow]]:
    """Take out rows in which nothing stands."""
    rows = sorted({round(node.y / ROW) for node in nodes} | {round(y / ROW) for f in flows for _, y in _corners(f)})
    gone = {row: row - i for i, row in enumerate(rows)}

    def lift(y: float) -> float:
        return y - gone[round(y / ROW)] * ROW

    return (
        [_moved(node, 0.0, lift(node.y) - node.y) for node in nodes],
        [_bent(flow, lambda p: (p[0], lift(p[1]))) for flow in flows],
    )


def _cut(view: View) -> View:
    """Move all to the corner, and say how large the picture is."""
    x = [v for n in view.nodes for v in (n.box[0], n.box[2])] + [p[0] for f in view.flows for p in _corners(f)]
    y = [v for n in view.nodes for v in (n.box[1], n.box[3])] + [p[1] for f in view.flows for p in _corners(f)]
    for arrow in view.arrows:
        for point in arrow.curve.along:
            x.append(point[0])
            y.append(point[1])
    left, top = min(x, default=0.0) - MARGIN, min(y, default=0.0) - MARGIN
    size = max(x, default=0.0) + MARGIN - left, max(y, default=0.0) + MARGIN - top
    return replace(shifted(view, -left, -top), width=size[0], height=size[1])


def shifted(view: View, x: float, y: float) -> View:
    """The same view moved as a whole."""
    return replace(
        view,
        nodes=tuple(_moved(node, x, y) for node in view.nodes),
        flows=tuple(_bent(flow, lambda p: (p[0] + x, p[1] + y)) for flow in view.flows),
        arrows=tuple(replace(arrow, curve=arrow.curve.moved(x, y)) for arrow in view.arrows),
    )


def _corners(flow: Flow) -> tuple[Place, ...]:
    return (*flow.before, *flow.after)


def _moved(node: Node, x: float, y: float) -> Node:
    a, b, c, d = node.box
    return replace(node, x=node.x + x, y=node.y + y, box=(a + x, b + y, c + x, d + y))


def _bent(flow: Flow, where) -> Flow:
    return replace(flow, before=tuple(map(where, flow.before)), after=tuple(map(where, flow.after)))
