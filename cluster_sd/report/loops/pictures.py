"""The causal loop diagram of a loop analysis: as figures at chosen years, and as a page's picture with a slider."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster_sd.loops.view import LoopView
from cluster_sd.report.figures import Figure
from cluster_sd.report.loops.diagram import TEXT_LINE, Diagram, causal_diagram
from cluster_sd.report.loops.svg import curves, drawing, stroke
from cluster_sd.report.page import Widget, shown
from cluster_sd.report.style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

__all__ = ["Pictures"]

#: Colours of links that raise and that lower what they act on, and of those through which nothing passes.
RAISES, LOWERS, IDLE = "#0072B2", "#C24E00", "#B5B5B5"
#: Loops that compete for a place in the picture, and inches across.
CANDIDATES, ACROSS = 40, 9.5
#: How to read a picture.
READING = (
    "An arrow's width is the sum of the sizes of the shares of the loops drawn that run through it. Blue, solid, +: "
    "more of one makes more of the other; orange, dashed, −: less; grey, dotted: nothing passes. Frames are stocks. "
    "A chain of variables that only hand a change on is one arrow."
)

BRIEFLY = (
    "Width: share; blue, solid, +: raises; orange, dashed, −: lowers; grey, dotted: nothing passes; frames: stocks."
)


class Pictures:
    """The diagram of one analysis; its variables stand in the same places in all years.

    Parameters
    ----------
    view : LoopView
    """

    def __init__(self, view: LoopView) -> None:
        self._view = view

    @cached_property
    def candidates(self) -> tuple[int, ...]:
        """Loops for the picture: those that lead in some year, then by mean share; the question's come first."""
        view = self._view
        among = view.asked[:CANDIDATES]
        leading = [int(i) for s in (1, -1) for i in dict.fromkeys(view.leaders(view.asked, s).tolist()) if i >= 0]
        return tuple(dict.fromkeys((*leading, *among, *view.shown[:CANDIDATES])))

    @cached_property
    def diagram(self) -> Diagram:
        """Chosen and laid out."""
        view, chosen = self._view, list(self.candidates)
        loops = [view.loop(i).variables for i in chosen]
        named = {name for name in view.question.drives if any(name in loop for loop in loops)}
        return causal_diagram(loops, view.sizes[:, chosen], view.signs(), view.stocks, named)

    @cached_property
    def loops(self) -> list[int]:
        """Numbers of the loops in the picture."""
        return [self.candidates[i] for i in self.diagram.loops]

    def figure(self, period: int) -> Figure:
        """The picture in one period."""
        view, diagram = self._view, self.diagram
        year = view.periods.labels[period]
        lines = curves(diagram)
        most = max((float(arrow.weight.max(initial=0.0)) for arrow in diagram.arrows), default=0.0)
        widths = [float(stroke(arrow.weight, most)[period]) for arrow in diagram.arrows]

        def draw() -> Drawing:
            from matplotlib.figure import Figure as Drawing

            made = Drawing(figsize=(ACROSS, ACROSS * diagram.height / diagram.width), constrained_layout=False)
            axes = made.add_axes((0, 0, 1, 1))
            axes.set_xlim(0, diagram.width)
            axes.set_ylim(diagram.height, 0)
            axes.set_axis_off()
            scale = 72 * ACROSS / diagram.width
            for arrow, line, width in zip(diagram.arrows, lines, widths, strict=True):
                _arrow(axes, line, width * scale, int(arrow.sign[period]), scale)
            _boxes(axes, diagram, scale)
            return made

        return Figure(f"diagram-{year}", f"{year}: {self.told[period]}", BRIEFLY, draw, self._data(period, widths))

    def _data(self, period: int, widths: Sequence[float]) -> dict[str, Any]:
        boxes, arrows = self.diagram.boxes, self.diagram.arrows
        return {
            "from": [boxes[a.source].name for a in arrows],
            "to": [boxes[a.target].name for a in arrows],
            "through": ["; ".join(a.through) for a in arrows],
            "polarity": [int(a.sign[period]) for a in arrows],
            "share": [float(a.weight[period]) for a in arrows],
            "loops": ["; ".join(self._view.loop(self.loops[i]).id for i in a.loops) for a in arrows],
        }

    @cached_property
    def told(self) -> list[str]:
        """A line for each period: which loop drives what the question is about, and which holds it back."""
        view = self._view
        lines = []
        for period in range(len(view.periods.starts)):
            parts = []
            for word, sign in (("drives", 1), ("holds back", -1)):
                leader = int(view.leaders(view.asked, sign)[period])
                if leader >= 0:
                    parts.append(f"{view.title(leader)} {word} ({shown(float(view.part(sign)[period, leader]))})")
            lines.append("; ".join(parts) or "no loop acts")
        return lines

    def widget(self, period: int) -> Widget:
        """The picture with a slider over the periods, as it is in `period` until somebody moves it."""
        from jinja2 import Environment, PackageLoader, StrictUndefined

        view = self._view
        words = {
            "slider": "Year",
            "play": "Play",
            "stop": "Stop",
            "picture": "Causal loop diagram of the strongest loops",
            "loops": "Shares of the loops drawn (right: reinforcing, left: balancing)",
        }
        beside = [
            {"name": one.name, "names": list(one.series), "rows": [view.periods.mean(v) for v in one.series.values()]}
            for one in view.beside
        ]
        picture = drawing(self.diagram, period)
        shares = view.shares[:, self.loops]
        data = {
            "years": view.periods.labels,
            "told": self.told,
            "words": words,
            "arrows": [{key: arrow[key] for key in ("widths", "signs", "loops")} for arrow in picture["arrows"]],
            "loops": _plain(shares.T),
            "most": float(np.nanmax(np.abs(shares), initial=1e-9)),
            "beside": [_plain(np.array(one["rows"])) for one in beside],
            "besideMost": [float(np.nanmax(np.abs(one["rows"]), initial=1e-9)) for one in beside],
        }
        loader = PackageLoader("cluster_sd.report", "templates")
        environment = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        template = environment.get_template("loops/slider.html")
        loops = [{"name": view.title(i)} for i in self.loops]
        html = template.render(
            id="loops",
            years=view.periods.labels,
            told=self.told,
            moment=period,
            words=words,
            picture=picture,
            loops=loops,
            beside=beside,
            data=data,
        )
        return Widget(html)


def _plain(values: np.ndarray) -> list[list[float | None]]:
    """Rows as JSON numbers with four digits; null where there is none."""
    return [[round(float(v), 4) + 0.0 if np.isfinite(v) else None for v in row] for row in values]


def _arrow(axes: Axes, line: Any, width: float, sign: int, scale: float) -> None:
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path

    colour = {1: RAISES, -1: LOWERS, 0: IDLE}[sign]
    dashes = {1: "-", -1: (0, (max(7 * scale / width, 1.6), max(4 * scale / width, 1.0))), 0: ":"}[sign]
    codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    path = Path([line.start, line.first, line.second, line.end], codes)
    axes.add_patch(PathPatch(path, fill=False, edgecolor=colour, linewidth=width, linestyle=dashes, capstyle="butt"))
    corners = [tuple(map(float, point.split(","))) for point in line.head.split()]
    axes.add_patch(Polygon(corners, closed=True, facecolor=colour, edgecolor="none"))
    mark = {1: "+", -1: "−", 0: ""}[sign]
    axes.text(
        line.mark[0],
        line.mark[1],
        mark,
        color=colour,
        fontsize=17 * scale,
        fontweight="bold",
        ha="center",
        va="center",
        zorder=4,
    )


def _boxes(axes: Axes, diagram: Diagram, scale: float) -> None:
    from matplotlib.patches import Rectangle

    for box in diagram.boxes:
        corner = (box.x - box.width / 2, box.y - box.height / 2)
        edge = INK if box.stock else "none"
        axes.add_patch(
            Rectangle(
                corner, box.width, box.height, facecolor="white", edgecolor=edge, linewidth=0.8, alpha=0.95, zorder=3
            )
        )
        for i, text in enumerate(box.lines):
            middle = box.y + (i - (len(box.lines) - 1) / 2) * TEXT_LINE
            axes.text(box.x, middle, text, fontsize=12 * scale, ha="center", va="center", color=INK, zorder=5)
