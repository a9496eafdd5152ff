"""Three methods side by side: which loop each holds for dominant, and where they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cluster_sd.loops import Agreement
from cluster_sd.loops.periods import spells
from cluster_sd.loops.view import LoopView
from cluster_sd.report.figures import Figure
from cluster_sd.report.loops.figures import HATCHES
from cluster_sd.report.style import COLOURS, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

__all__ = ["opinion_figure"]

#: Least part of the width of a strip that a loop's name takes, for each letter.
LETTER = 0.0125


def opinion_figure(view: LoopView, agreement: Agreement) -> Figure:
    """A strip a method with the loop that it holds for dominant, and a strip of where they agree."""
    named = {"Loops That Matter": agreement.ltm, "eigenvalue elasticity": agreement.eigen}
    named |= {"pathway participation": agreement.pathway}
    both = [
        "same loop" if same else "same polarity" if sign else "disagree"
        for same, sign in zip(agreement.agree.tolist(), agreement.polarity_agree.tolist(), strict=True)
    ]
    strips = {method: ids for method, ids in named.items() if any(ids)} | {"all together": tuple(both)}
    titles = {loop.id: view.title(n) for n, loop in enumerate(view.analysis.loops)}
    titles |= {one: f"{one} ({' – '.join(path[:3])} …)" for one, path in agreement.others.items()}
    loops = list(dict.fromkeys(one for ids in list(strips.values())[:-1] for one in ids if one))
    paint = {one: (COLOURS[n % 8], HATCHES[n % 8]) for n, one in enumerate(loops)}
    paint |= {"same loop": ("#FFFFFF", ""), "same polarity": ("#D9D9D9", ""), "disagree": (GREY, "xx")}
    edges = [view.start, *agreement.times.tolist()]

    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing
        from matplotlib.patches import Patch

        drawing = Drawing(figsize=(9, 0.62 * len(strips) + 0.9 + 0.11 * len(loops)))
        axes = drawing.subplots()
        for row, ids in enumerate(strips.values()):
            _strip(axes, row, ids, edges, paint)
        axes.set_yticks(range(len(strips)), list(strips))
        axes.set_ylim(len(strips) - 0.5, -0.5)
        axes.set_xlim(edges[0], edges[-1])
        axes.grid(False)
        patches = [
            Patch(facecolor=paint[one][0], hatch=paint[one][1], edgecolor="white", label=titles.get(one, one)[:60])
            for one in loops[:12]
        ]
        axes.legend(handles=patches, loc="upper left", bbox_to_anchor=(0, -0.12), ncols=2, fontsize=8.5)
        return drawing

    return Figure(
        "second-opinion",
        "What other methods say",
        "The loop that each method holds for dominant. Last row: white where all name the same loop, light where the "
        "loops they name have the same polarity, crossed where even that differs.",
        draw,
        {"time": agreement.times, **strips},
    )


def _strip(axes: Axes, row: int, ids: Sequence[str], edges: Sequence[float], paint: dict[str, tuple[str, str]]) -> None:
    known = list(dict.fromkeys(ids))
    for spell in spells([known.index(one) if one else -1 for one in ids]):
        if spell.leader < 0:
            continue
        left, right = edges[spell.first], edges[spell.last + 1]
        name = known[spell.leader]
        colour, hatch = paint[name]
        axes.barh(
            row, right - left, left=left, height=0.72, color=colour, hatch=hatch, edgecolor="white", linewidth=0.4
        )
        if (right - left) / (edges[-1] - edges[0]) > LETTER * (len(name) + 1):
            box = {"boxstyle": "square,pad=0.12", "fc": "white", "ec": "none", "alpha": 0.85}
            axes.text(
                (left + right) / 2, row, name, ha="center", va="center", fontsize=8.5, fontweight="bold", bbox=box
            )
