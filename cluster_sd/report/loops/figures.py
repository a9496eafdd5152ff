"""Figures of the loops of one run: whose shares make up the change, by loop and by group, and what stands beside."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.loops import OTHER
from cluster_sd.loops.loop import Grouping, grouped
from cluster_sd.loops.periods import spells
from cluster_sd.loops.view import Beside, LoopView
from cluster_sd.report.figures import Figure
from cluster_sd.report.style import COLOURS, DASHES, GREY, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

__all__ = ["HATCHES", "Layer", "beside_figure", "every_figure", "groups_figure", "legend", "shares_figure", "stack"]

#: What tells layers apart without colour: lines alone, since a hatch of dots makes an SVG half a megabyte larger.
HATCHES = ("", "///", "---", "\\\\\\", "xx", "|||", "//", "++")
#: Most loops with a colour of their own.
MOST_LOOPS = 8
#: Least height of a band, in parts of the axis, that has its label inside.
ROOM = 0.055
#: How groups are called, and in what order they stand.
KINDS: Mapping[str, str] = {
    "inward": "inward integration",
    "outward": "outward expansion",
    "balancing": "balancing",
}


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of a stack: what stands inside it, what the legend says, its values and how it is filled."""

    mark: str
    label: str
    values: NDArray[np.float64]
    colour: str
    hatch: str


def shares_figure(view: LoopView) -> Figure:
    """Signed shares of the strongest loops, stacked; on top, who drives, holds back and leads beside, by year."""
    layers = _loop_layers(view, view.shown, view.values)
    rows = _rows(view, {layer.mark: layer for layer in layers})
    among = "loops with a name" if view.named else "loops"
    through = f" through {' or '.join(view.question.drives)}" if view.asked != view.shown else ""

    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        drawing = Drawing(figsize=(9, 5.6 + 0.3 * len(rows)))
        strip, axes = drawing.subplots(2, 1, sharex=True, height_ratios=(0.07 * len(rows), 1))
        _strips(strip, view, rows)
        strip.set_title(f"Largest of the {among}{through}", fontsize=9, fontweight="normal", color=GREY)
        stack(axes, view.periods.starts, view.periods.ends, layers)
        axes.set_ylabel("share (above: reinforcing, below: balancing)")
        legend(axes, layers, 2)
        return drawing

    data: dict[str, Any] = {"from": view.periods.starts, "to": view.periods.ends}
    data |= {layer.label: layer.values for layer in layers}
    data |= {row.name: [row.labels[i] if i >= 0 else "" for i in row.leaders.tolist()] for row in rows}
    return Figure(
        "shares",
        "Which loop drives the change, year by year",
        f"Share of each loop in what the {among} of the cycle partition do (Loops That Matter; means over a year): "
        f"reinforcing above the line, balancing below. The strips name the largest of the {among}{through}.",
        draw,
        data,
    )


@dataclass(frozen=True, eq=False)
class Row:
    """A strip: its name, the number of its leader in each period, and what each leader is called and painted."""

    name: str
    leaders: NDArray[np.int64]
    labels: Mapping[int, str]
    marks: Mapping[int, str]
    colours: Mapping[int, str]


def _rows(view: LoopView, layers: Mapping[str, Layer]) -> list[Row]:
    """Who drives, who holds back, and who leads in what stands beside."""
    rows = []
    for word, sign in (("drives", 1), ("holds back", -1)):
        leaders = view.leaders(view.asked, sign)
        loops = {i: view.loop(i) for i in set(leaders.tolist()) if i >= 0}
        colours = {i: layers[loop.id].colour if loop.id in layers else "#E4E4E4" for i, loop in loops.items()}
        labels = {i: loop.label for i, loop in loops.items()}
        rows.append(Row(word, leaders, labels, {i: loop.id for i, loop in loops.items()}, colours))
    for one in view.beside:
        if one.leads:
            labels = dict(enumerate(one.series))
            rows.append(Row(one.leads, view.first(one), labels, labels, dict.fromkeys(labels, "#BDBDBD")))
    return rows


def every_figure(view: LoopView) -> Figure:
    """Shares of the strongest loops of all, with and without a name."""
    layers = _loop_layers(view, view.every, view.analysis.shares)

    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        drawing = Drawing(figsize=(9, 5.6))
        axes = drawing.subplots()
        stack(axes, view.periods.starts, view.periods.ends, layers)
        axes.plot((view.periods.starts + view.periods.ends) / 2, view.held, color=INK, linestyle="-", linewidth=1.4)
        axes.set_ylabel("share of all loops found")
        legend(axes, layers, 2)
        return drawing

    data = {"from": view.periods.starts, "to": view.periods.ends, "loops with a name": view.held}
    data |= {layer.label: layer.values for layer in layers}
    return Figure(
        "every-loop",
        "All loops that were found",
        "The same relative to all loops of the partition that were found. A loop through a stock that is nearly at "
        "rest has a very large score, so a few of them can hold most for a while. Black line: what the loops with a "
        "name hold together; what is missing to 1 is in loops that were found and not kept.",
        draw,
        data,
    )


def _loop_layers(view: LoopView, loops: Sequence[int], values: NDArray[np.float64]) -> list[Layer]:
    shares = view.periods.mean(values)
    layers = [
        Layer(view.loop(i).id, view.title(i), shares[:, i], COLOURS[n % 8], HATCHES[n % 8])
        for n, i in enumerate(loops[:MOST_LOOPS])
    ]
    rest = list(loops[MOST_LOOPS:])
    if rest:
        for word, cut in (("reinforcing", np.maximum), ("balancing", np.minimum)):
            total = view.periods.mean(cut(values[:, rest], 0).sum(axis=1))
            layers.append(Layer("", f"all other {word} ones", total, "#E4E4E4", ""))
    return layers


def groups_figure(view: LoopView) -> Figure:
    """Shares summed over networks (or mechanisms) and over inward, outward and balancing loops."""
    panels = [
        (
            f"By {view.question.grouping}",
            _group_layers(view, view.group_of, {name: name for name in view.question.groups}),
        ),
        ("By kind", _group_layers(view, "kind", KINDS)),
    ]

    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        drawing = Drawing(figsize=(9, 7.6))
        for axes, (title, layers) in zip(drawing.subplots(2, 1, sharex=True), panels, strict=True):
            stack(axes, view.periods.starts, view.periods.ends, layers)
            axes.set_title(title)
            axes.set_ylabel("share")
            legend(axes, layers, 3)
        return drawing

    data: dict[str, Any] = {"from": view.periods.starts, "to": view.periods.ends}
    for title, layers in panels:
        data |= {f"{title.lower()}: {layer.label}": layer.values for layer in layers}
    return Figure(
        "groups",
        "The same by group",
        "The same shares, summed over groups: reinforcing loops above the line, balancing ones below.",
        draw,
        data,
    )


def _group_layers(view: LoopView, by: Grouping, words: Mapping[str, str]) -> list[Layer]:
    """Two layers a group: what its loops reinforce, and what they balance."""
    signed = [grouped(view.analysis.loops, np.maximum(s * view.values, 0), by, view.partition) for s in (1, -1)]
    known = signed[0].names
    names = [*(name for name in words if name in known), *(name for name in known if name not in words)]
    names.sort(key=lambda name: name == OTHER)
    layers = []
    for n, name in enumerate(names):
        plain = name == OTHER
        label = "loops without a name" if plain else words.get(name, name)
        colour, hatch = ("#E4E4E4", "") if plain else (COLOURS[n % 8], HATCHES[n % 8])
        for sign, one in zip((1, -1), signed, strict=True):
            values = sign * view.periods.mean(one.shares[:, known.index(name)])
            if values.any():
                word = label if sign > 0 else f"{label}, balancing" if by != "kind" else label
                layers.append(Layer("" if plain else label, word, values, colour, hatch))
    return layers


def beside_figure(beside: Beside, view: LoopView, number: int) -> Figure:
    """Series beside the loops, each named at its own line."""
    times = view.analysis.times

    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        drawing = Drawing(figsize=(9, 3.8))
        axes = drawing.subplots()
        for n, (label, values) in enumerate(beside.series.items()):
            axes.plot(times, values, color=COLOURS[n % 8], linestyle=DASHES[n % 8])
            _name_line(axes, times, values, label, COLOURS[n % 8], list(beside.series.values()))
        axes.set_xlim(times[0], times[-1])
        axes.set_ylim(bottom=min(0.0, *(float(np.nanmin(v)) for v in beside.series.values())))
        return drawing

    data = {"time": times, **beside.series}
    return Figure(f"beside-{number}", beside.name, "From the same run as the loops.", draw, data)


def _name_line(
    axes: Axes, times: NDArray[np.float64], values: NDArray[np.float64], label: str, colour: str, others: list[Any]
) -> None:
    """Write a line's name where it is farthest from all the others."""
    away = [np.abs(values - other) for other in others if other is not values]
    gap = np.min(away, axis=0) if away else np.ones_like(values)
    inner = slice(len(times) // 7, -max(len(times) // 7, 1))
    at = int(np.nan_to_num(gap[inner]).argmax()) + (inner.start or 0)
    axes.annotate(
        label,
        (times[at], values[at]),
        xytext=(0, 5),
        textcoords="offset points",
        ha="center",
        va="bottom",
        color=INK,
        bbox={"boxstyle": "square,pad=0.15", "fc": "white", "ec": colour, "lw": 0.8, "alpha": 0.9},
    )


def stack(axes: Axes, starts: NDArray[np.float64], ends: NDArray[np.float64], layers: Sequence[Layer]) -> None:
    """Stack layers of periods: what is positive upwards from zero, what is negative downwards."""
    edges = np.append(starts, ends[-1])
    high, low = np.zeros(len(starts)), np.zeros(len(starts))
    spans: list[tuple[Layer, NDArray[np.float64], NDArray[np.float64]]] = []
    for layer in layers:
        up, down = np.maximum(layer.values, 0), np.minimum(layer.values, 0)
        for base, part in ((high, up), (low, down)):
            if np.any(part):
                axes.stairs(
                    base + part,
                    edges,
                    baseline=base.copy(),
                    fill=True,
                    facecolor=layer.colour,
                    hatch=layer.hatch,
                    edgecolor="white",
                    linewidth=0.0,
                )
                axes.stairs(base + part, edges, color="white", linewidth=0.7)
                spans.append((layer, base.copy(), base + part))
            base += part
    reach = float(high.max(initial=0.0) - low.min(initial=0.0))
    for layer, base, top in spans:
        _inside(axes, (starts + ends) / 2, base, top, layer.mark, reach)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xlim(edges[0], edges[-1])
    axes.grid(False, axis="x")


def _inside(
    axes: Axes,
    middles: NDArray[np.float64],
    base: NDArray[np.float64],
    top: NDArray[np.float64],
    mark: str,
    reach: float,
) -> None:
    """Write a layer's mark where it is thickest over some periods, if there is room."""
    if not mark or not reach:
        return
    wide = min(max(3, len(mark) * len(middles) // 80), len(middles))
    thick = np.abs(top - base)
    least = np.array([thick[i : i + wide].min() for i in range(len(thick) - wide + 1)])
    at = int(least.argmax())
    if least[at] < ROOM * reach:
        return
    middle = slice(at, at + wide)
    axes.text(
        float(middles[middle].mean()),
        float(((base + top)[middle] / 2).mean()),
        mark,
        ha="center",
        va="center",
        fontsize=9,
        fontweight="bold",
        bbox={"boxstyle": "square,pad=0.12", "fc": "white", "ec": "none", "alpha": 0.85},
    )


def _strips(axes: Axes, view: LoopView, rows: Sequence[Row]) -> None:
    """A strip a row: spells, each with the mark of who leads in it where there is room."""
    starts, ends = view.periods.starts, view.periods.ends
    reach = ends[-1] - starts[0]
    for y, row in enumerate(rows):
        for spell in spells(row.leaders):
            if spell.leader < 0:
                continue
            left, right, mark = starts[spell.first], ends[spell.last], row.marks[spell.leader]
            colour = row.colours[spell.leader]
            axes.barh(y, right - left, left=left, height=0.86, color=colour, alpha=0.5, edgecolor="white")
            if (right - left) / reach > 0.0118 * len(mark):
                axes.text((left + right) / 2, y, mark, ha="center", va="center", fontsize=8.5, fontweight="bold")
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelbottom=False)


def legend(axes: Axes, layers: Sequence[Layer], columns: int) -> None:
    """A legend below the axes, with a name for each layer that has anything in it."""
    from matplotlib.patches import Patch

    seen = {layer.label: layer for layer in layers if np.any(layer.values)}
    handles = [
        Patch(facecolor=one.colour, hatch=one.hatch, edgecolor="white", label=one.label) for one in seen.values()
    ]
    labels = [textwrap.shorten(text, 62, placeholder=" …") for text in seen]
    axes.legend(
        handles, labels, loc="upper left", bbox_to_anchor=(0, -0.07), ncols=columns, fontsize=9, handlelength=2.4
    )
