"""Views of a model as SVG, in the notation of the field: boxes, pipes with valves, clouds, arrows with signs.

Every picture stands alone: no style sheet, no id, nothing loaded. All text from files is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from cluster_sd.diagram.structure import Structure, Thing
from cluster_sd.diagram.view import CLOUD, LINE, VALVE, Arrow, Flow, Node, View

__all__ = ["FONT", "Words", "drawn"]

#: Fonts in the order of trial.
FONT = (
    "Arial, 'Liberation Sans', Helvetica, 'Noto Sans', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
)
#: Colours: text, what stands back, constants, pipes, arrows that raise, that lower, and others.
INK, SOFT, CONSTANT, PIPE = "#1c1c1c", "#8b8b8b", "#55606b", "#4b5563"
RAISES, LOWERS, OTHER = "#1f6f9f", "#b5480c", "#9a9a9a"
#: Longest equation that a hover text shows.
LONGEST = 600


@dataclass(frozen=True)
class Words:
    """What a picture says in words of its own: labels of a hover text, the legend, the description."""

    unit: str = "Unit"
    equation: str = "Equation"
    net: str = "Flow of"
    about: str = (
        "Stock-and-flow diagram: {stocks} stocks, {flows} flows, {others} other variables, {shadows} repeated from "
        "other sectors."
    )
    raises: str = "raises"
    lowers: str = "lowers"
    unclear: str = "sign not the same everywhere, or not known"
    late: str = "with delay"
    initial: str = "sets the initial value"


def drawn(view: View, structure: Structure, words: Words, names: Mapping[str, str] | None = None) -> str:
    """A view as the text of an ``<svg>`` element."""
    pen = _Pen(view, structure, words, names or {})
    wide, tall = round(view.width), round(view.height)
    kinds = [node.kind for node in view.nodes if not node.shadow]
    own = [kind for kind in kinds if kind not in ("cloud", "valve")]
    about = words.about.format(
        stocks=own.count("stock"),
        flows=len(view.flows),
        others=len(own) - own.count("stock") - own.count("flow"),
        shadows=sum(node.shadow and not node.key.startswith("end ") for node in view.nodes),
    )
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{tall}" viewBox="0 0 {wide} {tall}" '
            f'role="img" aria-label="{escape(view.title)}" font-family="{FONT}" text-anchor="middle" fill="{INK}">',
            f"<title>{escape(view.title)}</title>",
            f"<desc>{escape(about)}</desc>",
            f'<rect width="{wide}" height="{tall}" fill="#ffffff"/>',
            *pen.arrows(),
            *pen.pipes(),
            *pen.nodes(),
            *pen.signs(),
            "</svg>",
        )
    )


class _Pen:
    """Draws the parts of one view."""

    def __init__(self, view: View, structure: Structure, words: Words, names: Mapping[str, str]) -> None:
        self.view, self.structure, self.words, self.names = view, structure, words, names

    # ---- arrows ---------------------------------------------------------------------------------------------------

    def arrows(self) -> Iterator[str]:
        for arrow in self.view.arrows:
            curve = arrow.curve
            colour = {1: RAISES, -1: LOWERS, 0: OTHER}[arrow.sign]
            thin = self.view.nodes[arrow.source].kind in ("constant", "table", "data")
            dashes = ' stroke-dasharray="2 3"' if arrow.initial else ""
            base = np.array(curve.tip) - 6.0 * np.array(curve.head)
            line = f"M{_at(curve.start)} Q{_at(curve.control)} {_at(base)}"
            yield f"<g><title>{escape(self._told(arrow))}</title>"
            yield (
                f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="{0.8 if thin else 1.2}" '
                f'stroke-opacity="{0.6 if thin else 0.9}"{dashes}/>'
            )
            yield f'<path d="{_head(curve.tip, curve.head, 7.0, 2.9)}" fill="{colour}"/></g>'

    def _told(self, arrow: Arrow) -> str:
        """An arrow in words."""
        source, target = (self._named(self.view.nodes[i]) for i in (arrow.source, arrow.target))
        words = self.words
        how = {1: words.raises, -1: words.lowers, 0: words.unclear}[arrow.sign]
        parts = [words.initial if arrow.initial else how, *([words.late] if arrow.late else [])]
        return f"{source} → {target}: {', '.join(parts)}"

    def _named(self, node: Node) -> str:
        if node.kind == "valve":
            flow = next(f for f in self.view.flows if self.view.nodes[f.valve] is node)
            ends = [self.view.nodes[i] for i in (flow.start, flow.end)]
            return f"{self.words.net} {next((self._named(e) for e in ends if e.kind == 'stock'), '')}".strip()
        thing = self.structure.things.get(node.key)
        return " ".join(node.lines) if thing is None else self.names.get(node.key, thing.name)

    def signs(self) -> Iterator[str]:
        for arrow in self.view.arrows:
            curve = arrow.curve
            if arrow.sign:
                colour, mark = (RAISES, "+") if arrow.sign > 0 else (LOWERS, "−")
                yield (
                    f'<text x="{curve.mark[0]:.1f}" y="{curve.mark[1] + 4:.1f}" font-size="12" font-weight="bold" '
                    f'fill="{colour}" aria-hidden="true">{mark}</text>'
                )
            if arrow.late:
                yield _bars(arrow)

    # ---- pipes ----------------------------------------------------------------------------------------------------

    def pipes(self) -> Iterator[str]:
        for flow in self.view.flows:
            points = self._corners(flow)
            ends = [self.view.nodes[i] for i in (flow.start, flow.end)]
            points[0], points[-1] = _edge(points[0], points[1], ends[0]), _edge(points[-1], points[-2], ends[1])
            way = _unit(points[-1] - points[-2])
            back = _unit(points[0] - points[1])
            last = points[-1] - 9.0 * way
            first = points[0] - 9.0 * back if flow.both else points[0]
            line = "M" + " L".join(_at(p) for p in (first, *points[1:-1], last))
            yield f'<path d="{line}" fill="none" stroke="{PIPE}" stroke-width="5.5" stroke-linejoin="round"/>'
            yield f'<path d="{line}" fill="none" stroke="#ffffff" stroke-width="3" stroke-linejoin="round"/>'
            yield f'<path d="{_head(points[-1], way, 11.0, 6.0)}" fill="{PIPE}"/>'
            if flow.both:
                yield f'<path d="{_head(points[0], back, 11.0, 6.0)}" fill="#ffffff" stroke="{PIPE}"/>'

    def _corners(self, flow: Flow) -> list[np.ndarray]:
        nodes = self.view.nodes
        ends = [(nodes[i].x, nodes[i].y) for i in (flow.start, flow.valve, flow.end)]
        return [np.array(p) for p in (ends[0], *flow.before, ends[1], *flow.after, ends[2])]

    # ---- nodes ----------------------------------------------------------------------------------------------------

    def nodes(self) -> Iterator[str]:
        for node in self.view.nodes:
            yield f"<g>{self._title(node)}{''.join(self._shape(node))}{''.join(self._label(node))}</g>"

    def _title(self, node: Node) -> str:
        key = node.key.rsplit(" ", 1)[-1] if node.key.startswith("end ") else node.key
        thing = self.structure.things.get(key)
        if thing is not None:
            return f"<title>{escape(self._about(key, thing))}</title>"
        return f"<title>{escape(self._named(node))}</title>" if node.kind == "valve" else ""

    def _about(self, key: str, thing: Thing) -> str:
        """What hovering over a variable tells."""
        name = self.names.get(key, thing.name)
        head = name if name == thing.name else f"{name} ({thing.name})"
        lines = [head, thing.documentation]
        if thing.unit:
            lines.append(f"{self.words.unit}: {thing.unit}")
        equation = thing.equation if len(thing.equation) <= LONGEST else thing.equation[: LONGEST - 1] + "…"
        lines.append(f"{self.words.equation}: {equation}" if equation else "")
        return "\n".join(line for line in lines if line)

    def _shape(self, node: Node) -> Iterator[str]:
        left, top, right, bottom = node.box
        size = f'width="{right - left:.1f}" height="{bottom - top:.1f}"'
        if node.kind == "cloud":
            yield f'<path d="{_cloud(node.x, node.y)}" fill="#ffffff" stroke="{PIPE}" stroke-width="1.2"/>'
        elif node.kind in ("valve", "flow"):
            v = VALVE
            bow = f"M{node.x - v:.1f} {node.y - v:.1f} h{2 * v} l{-2 * v} {2 * v} h{2 * v} z"
            yield f'<path d="{bow}" fill="#ffffff" stroke="{PIPE}" stroke-width="1.4" stroke-linejoin="round"/>'
        elif node.kind == "stock" and not node.shadow:
            if node.array:
                yield (
                    f'<rect x="{left + 3.5:.1f}" y="{top + 3.5:.1f}" {size} fill="#ffffff" stroke="{INK}" '
                    'stroke-width="1.2"/>'
                )
            yield f'<rect x="{left:.1f}" y="{top:.1f}" {size} fill="#fdf6e3" stroke="{INK}" stroke-width="1.6"/>'
        else:
            yield f'<rect x="{left:.1f}" y="{top:.1f}" {size} fill="#ffffff" fill-opacity="0.85"/>'

    def _label(self, node: Node) -> Iterator[str]:
        step = node.size * LINE
        top = node.y + VALVE + 3 if node.kind == "flow" else (node.box[1] + node.box[3] - step * len(node.lines)) / 2
        colour = SOFT if node.shadow else CONSTANT if node.kind in ("constant", "table", "data", "time") else INK
        weight = ' font-weight="bold"' if node.kind == "stock" and not node.shadow else ""
        upright = node.shadow or any(letter > "\u2e7f" for line in node.lines for letter in line)
        slant = ' font-style="italic"' if node.kind in ("constant", "table", "data") and not upright else ""
        halo = ' paint-order="stroke" stroke="#ffffff" stroke-width="3"' if node.kind == "flow" else ""
        for i, line in enumerate(node.lines):
            y = top + step * (i + 0.8)
            yield (
                f'<text x="{node.x:.1f}" y="{y:.1f}" font-size="{node.size:g}" fill="{colour}"{weight}{slant}{halo}>'
                f"{escape(line)}</text>"
            )


def _at(point: Sequence[float] | np.ndarray) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"


def _unit(way: np.ndarray) -> np.ndarray:
    return way / max(float(np.hypot(*way)), 1e-9)


def _head(tip: Sequence[float] | np.ndarray, way: Sequence[float] | np.ndarray, long: float, half: float) -> str:
    """An arrowhead as a path."""
    tip, way = np.array(tip), np.array(way)
    side = np.array([-way[1], way[0]]) * half
    back = tip - long * way
    return f"M{_at(tip)} L{_at(back + side)} L{_at(back - side)} Z"


def _edge(point: np.ndarray, before: np.ndarray, node: Node) -> np.ndarray:
    """Where a pipe that comes from `before` meets what it ends at."""
    left, top, right, bottom = node.box
    if abs(before[1] - point[1]) < abs(before[0] - point[0]):
        return np.array([left - 1 if before[0] < point[0] else right + 1, before[1]])
    return np.array([before[0], top - 1 if before[1] < point[1] else bottom + 1])


def _cloud(x: float, y: float) -> str:
    """The outline of a cloud."""
    r = CLOUD
    return (
        f"M{x - r:.1f} {y + 0.55 * r:.1f} a{0.5 * r:.1f} {0.5 * r:.1f} 0 0 1 {0.05 * r:.1f} {-0.95 * r:.1f} "
        f"a{0.6 * r:.1f} {0.6 * r:.1f} 0 0 1 {1.05 * r:.1f} {-0.35 * r:.1f} "
        f"a{0.55 * r:.1f} {0.55 * r:.1f} 0 0 1 {0.85 * r:.1f} {0.55 * r:.1f} "
        f"a{0.42 * r:.1f} {0.42 * r:.1f} 0 0 1 {-0.1 * r:.1f} {0.75 * r:.1f} z"
    )


def _bars(arrow: Arrow) -> str:
    """Two bars across the middle of an arrow that acts late."""
    curve = arrow.curve
    middle, way = np.array(curve.middle), _unit(np.array(curve.tip) - np.array(curve.start))
    side = np.array([-way[1], way[0]]) * 6.0
    lines = [f"M{_at(middle + s * way - side)} L{_at(middle + s * way + side)}" for s in (-2.0, 2.0)]
    return f'<path d="{" ".join(lines)}" stroke="{INK}" stroke-width="1.4"/>'
