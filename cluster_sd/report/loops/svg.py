"""The curves of a causal loop diagram, and the diagram as SVG that a page's slider can move through the years."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cluster_sd.report.loops.diagram import TEXT_LINE, Box, Diagram

__all__ = ["Curve", "curves", "drawing"]

#: How far an arrow bends, over its length; length of an arrowhead; room between an arrowhead and its box.
BEND, HEAD, AIR = 0.16, 11.0, 2.0
#: Width of the thinnest and of the widest arrow.
THIN, WIDE = 1.2, 9.0

#: A point of the picture.
Point = tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """A cubic curve from box to box; its line ends at the back of the arrowhead. `mark` is where its sign stands."""

    start: Point
    first: Point
    second: Point
    end: Point
    tip: Point
    mark: Point

    @property
    def path(self) -> str:
        """The line in the language of SVG."""
        points = (f"{x:.1f} {y:.1f}" for x, y in (self.start, self.first, self.second, self.end))
        return "M{} C{}, {}, {}".format(*points)

    @property
    def head(self) -> str:
        """The arrowhead as the points of a polygon."""
        tip, back = np.array(self.tip), np.array(self.end)
        along = tip - back
        side = np.array([-along[1], along[0]]) * 0.55
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in (tip, back + side, back - side))


def curves(diagram: Diagram) -> list[Curve]:
    """The curve of each arrow; two arrows between the same boxes bend to different sides."""
    return [
        _own(diagram.boxes[a.source])
        if a.source == a.target
        else _between(diagram.boxes[a.source], diagram.boxes[a.target])
        for a in diagram.arrows
    ]


def _between(source: Box, target: Box) -> Curve:
    a, b = np.array([source.x, source.y]), np.array([target.x, target.y])
    side = np.array([a[1] - b[1], b[0] - a[0]])
    turn = (a + b) / 2 - BEND * side
    start, tip = _border(source, turn, AIR), _border(target, turn, AIR)
    return _curve(start, start + (turn - start) * 2 / 3, tip + (turn - tip) * 2 / 3, tip)


def _own(box: Box) -> Curve:
    """A variable that acts on itself: a small loop over its box."""
    top = box.y - box.height / 2 - AIR
    reach, rise = min(box.width / 4, 16.0), 34.0
    left, right = np.array([box.x - reach, top]), np.array([box.x + reach, top])
    return _curve(left, left + np.array([-10.0, -rise]), right + np.array([10.0, -rise]), right)


def _curve(start: Any, first: Any, second: Any, tip: Any) -> Curve:
    along = tip - second
    along = along / max(float(np.hypot(*along)), 1e-9)
    end = tip - HEAD * along
    mark = end - 5 * along + 12 * np.array([along[1], -along[0]])
    return Curve(*((float(p[0]), float(p[1])) for p in (start, first, second - HEAD * along / 2, end, tip, mark)))


def _border(box: Box, towards: Any, air: float) -> Any:
    """Where the way from a box's centre to a point leaves the box."""
    centre = np.array([box.x, box.y])
    way = np.asarray(towards) - centre
    half = np.array([box.width, box.height]) / 2 + air
    with np.errstate(divide="ignore"):
        scale = float(np.min(half / np.abs(way)))
    return centre + way * min(scale, 1.0)


def stroke(weight: np.ndarray, most: float) -> np.ndarray:
    """Width of an arrow of some weight, where `most` is the largest of the picture's."""
    return THIN + (WIDE - THIN) * np.asarray(weight) / max(most, 1e-12)


def drawing(diagram: Diagram, moment: int) -> dict[str, Any]:
    """What the template draws: boxes, arrows as they are at one time, and their widths and signs at all times."""
    most = max((float(a.weight.max(initial=0.0)) for a in diagram.arrows), default=0.0)
    arrows = []
    for arrow, curve in zip(diagram.arrows, curves(diagram), strict=True):
        source, target = diagram.boxes[arrow.source].name, diagram.boxes[arrow.target].name
        widths = stroke(arrow.weight, most).round(1)
        arrows.append(
            {
                "path": curve.path,
                "head": curve.head,
                "mark": curve.mark,
                "title": " → ".join((source, *arrow.through, target)),
                "width": float(widths[moment]),
                "sign": int(arrow.sign[moment]),
                "widths": widths.tolist(),
                "signs": arrow.sign.astype(int).tolist(),
                "loops": list(arrow.loops),
            }
        )
    boxes = [{"box": box, "rows": _rows(box)} for box in diagram.boxes]
    return {"width": diagram.width, "height": diagram.height, "boxes": boxes, "arrows": arrows}


def _rows(box: Box) -> list[tuple[float, str]]:
    """The lines of a box's label with the height of each one's base line."""
    top = box.y - TEXT_LINE * len(box.lines) / 2
    return [(round(top + TEXT_LINE * (i + 0.75), 1), line) for i, line in enumerate(box.lines)]
