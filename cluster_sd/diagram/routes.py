"""Arrows as curves: each bends to the side, and as far, as it needs to miss names, pipes and other arrows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cluster_sd.diagram.view import Node

__all__ = ["Curve", "routed"]

#: Bends that are tried, over the length of an arrow; room between an arrow and what it joins; its head's length.
BENDS = np.array([0.14, -0.14, 0.24, -0.24, 0.36, -0.36, 0.55, -0.55, 0.04, -0.04])
AIR, HEAD = 3.0, 7.0
#: Points of a curve that are looked at, and weights: a point on a name, near a pipe, near another arrow; a bend.
POINTS, ON, PIPED, BY, BENT = 18, 1.0, 0.3, 0.12, 1.2

Point = tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """A quadratic curve; `middle` lies on it, `mark` is where its sign stands, `head` how its tip points."""

    start: Point
    control: Point
    tip: Point
    middle: Point
    mark: Point
    head: Point

    @property
    def along(self) -> list[Point]:
        """Some points of it, for its extent."""
        found = []
        for t in (0.0, 0.15, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0):
            a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t**2
            x, y = (a * self.start[i] + b * self.control[i] + c * self.tip[i] for i in (0, 1))
            found.append((x, y))
        return found

    def moved(self, x: float, y: float) -> Curve:
        """The same curve elsewhere."""

        def there(point: Point) -> Point:
            return point[0] + x, point[1] + y

        places = (there(self.start), there(self.control), there(self.tip), there(self.middle), there(self.mark))
        return Curve(*places, self.head)


def routed(nodes: Sequence[Node], pairs: Sequence[tuple[int, int]], pipes: Sequence[Sequence[Point]]) -> list[Curve]:
    """A curve for each arrow from node to node, the short ones first, as they have least choice."""
    boxes = np.array([node.box for node in nodes], dtype=float).reshape(-1, 4)
    piped, drawn = _Map(boxes), _Map(boxes)
    for line in pipes:
        for a, b in pairwise(line):
            piped.mark(_along(np.array(a), np.array(b)))
    middles = np.array([_middle(node) for node in nodes], dtype=float).reshape(-1, 2)
    order = sorted(range(len(pairs)), key=lambda i: (_length(middles, pairs[i]), i))
    made: dict[int, Curve] = {}
    for i in order:
        source, target = pairs[i]
        tried = _tried(boxes[source], boxes[target], middles[source], middles[target])
        points = tried.points
        cost = ON * _inside(points, boxes, (source, target)) + BENT * np.abs(BENDS)
        cost += PIPED * piped.count(points[:, 2:-2]) + BY * drawn.count(points[:, 3:-3])
        best = int(np.argmin(np.round(cost, 9)))
        made[i] = tried.curve(best)
        drawn.mark(points[best, 3:-3])
    return [made[i] for i in range(len(pairs))]


class _Map:
    """Which places lines run near, in squares of a few pixels."""

    SQUARE, AROUND = 4.0, 400.0

    def __init__(self, boxes: np.ndarray) -> None:
        ends = boxes.reshape(-1, 2) if len(boxes) else np.zeros((1, 2))
        self.low = ends.min(axis=0) - self.AROUND
        size = ((ends.max(axis=0) + self.AROUND - self.low) / self.SQUARE).astype(int) + 3
        self.near = np.zeros(size, dtype=bool)

    def _squares(self, points: np.ndarray) -> np.ndarray:
        return np.clip(((points - self.low) / self.SQUARE).astype(int), 1, np.array(self.near.shape) - 2)

    def mark(self, points: np.ndarray) -> None:
        """Take down that a line runs through some points."""
        x, y = self._squares(points).T
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                self.near[x + i, y + j] = True

    def count(self, points: np.ndarray) -> np.ndarray:
        """How many points of each curve lie near a line; `points` has a row a curve."""
        squares = self._squares(points)
        return self.near[squares[..., 0], squares[..., 1]].sum(axis=1)


@dataclass(frozen=True)
class _Tried:
    """Curves of one arrow, a row a bend."""

    start: np.ndarray
    control: np.ndarray
    tip: np.ndarray
    points: np.ndarray

    def curve(self, row: int) -> Curve:
        """One of them."""
        first, control, tip = self.start[row], self.control[row], self.tip[row]
        head = tip - control
        head = head / max(float(np.hypot(*head)), 1e-9)
        side = np.array([head[1], -head[0]]) * (1 if BENDS[row] >= 0 else -1)
        mark = tip - 13.0 * head + 7.0 * side
        middle = (first + 2 * control + tip) / 4
        way_in = (float(head[0]), float(head[1]))
        return Curve(_pair(first), _pair(control), _pair(tip), _pair(middle), _pair(mark), way_in)


def _tried(a: np.ndarray, b: np.ndarray, start: np.ndarray, end: np.ndarray) -> _Tried:
    """Curves from box `a` to box `b`, one for each bend."""
    way = end - start
    control = (start + end) / 2 + BENDS[:, None] * np.array([way[1], -way[0]])
    first, tip = _border(a, start, control), _border(b, end, control)
    t = np.linspace(0, 1, POINTS)[None, :, None]
    points = (1 - t) ** 2 * first[:, None] + 2 * t * (1 - t) * control[:, None] + t**2 * tip[:, None]
    return _Tried(first, control, tip, points)


def _length(middles: np.ndarray, pair: tuple[int, int]) -> float:
    return round(float(np.hypot(*(middles[pair[1]] - middles[pair[0]]))), 6)


def _middle(node: Node) -> tuple[float, float]:
    """Where arrows to a node aim: just below the valve of a flow, the middle of everything else."""
    if node.kind == "flow":
        return node.x, node.y + 4.0
    return (node.box[0] + node.box[2]) / 2, (node.box[1] + node.box[3]) / 2


def _along(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Points of a straight line, some pixels apart."""
    count = max(2, int(np.hypot(*(b - a)) / 6))
    return a + (b - a) * np.linspace(0, 1, count)[:, None]


def _pair(point: np.ndarray) -> Point:
    return round(float(point[0]), 1), round(float(point[1]), 1)


def _border(box: np.ndarray, middle: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Where the ways from inside a box to some points leave the box."""
    way = towards - middle
    way = np.where(np.abs(way) < 1e-9, 1e-9, way)
    out = np.maximum((box[:2] - AIR - middle) / way, (box[2:] + AIR - middle) / way)
    return middle + way * np.clip(out.min(axis=1), 0.0, 1.0)[:, None]


def _inside(points: np.ndarray, boxes: np.ndarray, own: tuple[int, int]) -> np.ndarray:
    """How many points of each curve lie on names of things that the arrow does not join."""
    x, y = points[..., :1], points[..., 1:]
    hit = (x > boxes[:, 0] - 2) & (x < boxes[:, 2] + 2) & (y > boxes[:, 1] - 1) & (y < boxes[:, 3] + 1)
    hit[..., list(own)] = False
    return hit.sum(axis=(1, 2))
