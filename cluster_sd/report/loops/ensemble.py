"""Figures of the loops of many runs: bands of shares, who leads, when dominance passes, and what moves it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.loops import OTHER, EnsembleLoops
from cluster_sd.loops.loop import Grouping
from cluster_sd.loops.periods import periods
from cluster_sd.loops.view import LoopView
from cluster_sd.report.figures import Figure
from cluster_sd.report.loops.figures import HATCHES, Layer, legend, stack
from cluster_sd.report.style import COLOURS, GREY, INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["Influence", "bands_figure", "influence_figure", "leads_figure", "passages_figure", "passages_table"]

#: Panels of the figure of bands, rows of the figure of influences, rows of the figure of passages.
PANELS, ROWS, PASSAGES = 9, 20, 12
#: A group that leads in a smaller part of the runs at all times is left out of the passages.
MATTERS = 0.1
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Influence:
    """Which parameter moves what, over the runs of an ensemble.

    Attributes
    ----------
    method : str
        What the index is, as in a heading.
    parameters, outputs : tuple of str
    index, low, high : array, shape (parameter, output)
        The index and its interval; NaN where there is none.
    floor : array, shape (output,)
        What a parameter without influence gets by chance.
    direction : array, shape (parameter, output)
        Rank correlation of parameter and output; NaN for a group of parameters.
    levers : frozenset of str
        Parameters that somebody can decide.
    notes : tuple of str
    runs : int
        Runs that did not fail.
    """

    method: str
    parameters: tuple[str, ...]
    outputs: tuple[str, ...]
    index: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    floor: NDArray[np.float64]
    direction: NDArray[np.float64]
    levers: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    runs: int = 0

    @property
    def chance(self) -> float:
        """Size that a rank correlation without meaning has in one of 250 cases: 2.9 standard errors."""
        return 2.9 / max(self.runs - 1, 1) ** 0.5


def bands_figure(view: LoopView, ensemble: EnsembleLoops) -> Figure:
    """Bands of the strongest loops' shares, a panel each, with the base run's line."""
    ids = {loop.id: n for n, loop in enumerate(ensemble.loops)}
    base = {view.loop(i).id: i for i in view.shown if view.loop(i).id in ids}
    when = periods(ensemble.times, view.start)
    good = np.flatnonzero(~ensemble.failed)
    sizes = np.abs(ensemble.named_shares() if view.named else ensemble.shares)[good]
    weight = {one: float(sizes[:, :, ids[one]].mean()) for one in base}
    chosen = sorted(base, key=lambda one: -weight[one])[:PANELS]
    values = {one: np.quantile(when.mean(sizes[:, :, ids[one]], axis=1), LEVELS, axis=0) for one in chosen}
    middles = (when.starts + when.ends) / 2
    own = (view.periods.starts + view.periods.ends) / 2

    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        rows = -(-len(chosen) // 3)
        drawing = Drawing(figsize=(9.5, 2.3 * rows + 0.3))
        panels = list(drawing.subplots(rows, 3, sharex=True, squeeze=False).flat)
        for axes, one in zip(panels, chosen, strict=False):
            q05, q25, q50, q75, q95 = values[one]
            axes.fill_between(middles, q05, q95, color=COLOURS[0], alpha=0.18, linewidth=0)
            axes.fill_between(middles, q25, q75, color=COLOURS[0], alpha=0.35, linewidth=0)
            axes.plot(middles, q50, color=COLOURS[0], linestyle="-")
            axes.plot(own, view.sizes[:, base[one]], color=INK, linestyle="--", linewidth=1.2)
            axes.set_title("\n".join(textwrap.wrap(view.title(base[one]), 34)[:2]), fontsize=9)
        for axes in panels[len(chosen) :]:
            axes.set_visible(False)
        drawing.supylabel("size of share", fontsize=9)
        return drawing

    data: dict[str, Any] = {"from": when.starts, "to": when.ends}
    for one in chosen:
        data |= {f"{one} {100 * level:.0f} %": row for level, row in zip(LEVELS, values[one], strict=True)}
    return Figure(
        "bands",
        "The strongest loops over all runs",
        f"{len(good):,} runs over the parameters' ranges: dark band 50 %, light band 90 %, line the median; "
        "dashed the base run. Means over a year; each panel has its own scale.",
        draw,
        data,
    )


def leads_figure(view: LoopView, ensemble: EnsembleLoops, by: Grouping, title: str, name: str) -> Figure:
    """In what part of the runs each group leads, over time."""
    leads = ensemble.leads(by, view.partition, named=view.named)
    when = periods(leads.times, view.start)
    part = when.mean(np.nan_to_num(leads.probability))
    order = sorted(range(len(leads.names)), key=lambda n: (leads.names[n] == OTHER, -part[:, n].mean()))[: len(COLOURS)]
    layers = [
        Layer(leads.names[n], leads.names[n], part[:, n], COLOURS[i], HATCHES[i])
        for i, n in enumerate(order)
        if part[:, n].any()
    ]

    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        drawing = Drawing(figsize=(9, 4.4))
        axes = drawing.subplots()
        stack(axes, when.starts, when.ends, layers)
        axes.set_ylim(0, 1)
        axes.set_ylabel("part of the runs in which it leads")
        legend(axes, layers, 3)
        return drawing

    data = {"from": when.starts, "to": when.ends} | {layer.label: layer.values for layer in layers}
    return Figure(name, title, "Where the column is not full, no loop with a name acts in the other runs.", draw, data)


def passages_table(view: LoopView, ensemble: EnsembleLoops, by: Grouping) -> dict[str, list[Any]]:
    """When dominance passes for good from group to group, of those that lead at some time in a tenth of the runs."""
    leads = ensemble.leads(by, view.partition, named=view.named)
    good = ~ensemble.failed
    table: dict[str, list[Any]] = {
        key: [] for key in ("from", "to", "part of runs", "5 %", "25 %", "median", "75 %", "95 %")
    }
    matter = [n for n, name in enumerate(leads.names) if name != OTHER and leads.probability[:, n].max() >= MATTERS]
    rows = []
    for a in matter:
        for b in matter:
            before, after = leads.names[a], leads.names[b]
            times = leads.passing[good, a, b]
            times = times[np.isfinite(times) & (times > leads.times[0])]
            if len(times):
                rows.append((before, after, len(times) / good.sum(), *np.quantile(times, LEVELS).tolist()))
    for row in sorted(rows, key=lambda row: (row[5], row[0], row[1])):
        for key, value in zip(table, row, strict=True):
            table[key].append(value)
    return table


def passages_figure(table: dict[str, list[Any]], view: LoopView) -> Figure | None:
    """The most frequent passages as intervals of time; nothing where there is none."""
    order = sorted(range(len(table["from"])), key=lambda i: -table["part of runs"][i])[:PASSAGES]
    order.sort(key=lambda i: table["median"][i])
    if not order:
        return None
    labels = [f"{table['from'][i]} → {table['to'][i]} ({100 * table['part of runs'][i]:.0f} % of runs)" for i in order]

    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        drawing = Drawing(figsize=(9, 0.42 * len(order) + 1.0))
        axes = drawing.subplots()
        for row, i in enumerate(order):
            q05, q25, q50, q75, q95 = (table[key][i] for key in ("5 %", "25 %", "median", "75 %", "95 %"))
            axes.plot([q05, q95], [row, row], color=GREY, linewidth=1.5, linestyle="-")
            axes.plot([q25, q75], [row, row], color=COLOURS[0], linewidth=6, linestyle="-", solid_capstyle="butt")
            axes.plot(q50, row, marker="o", color="white", markeredgecolor=INK, markersize=6)
        axes.set_yticks(range(len(order)), labels)
        axes.set_ylim(len(order) - 0.5, -0.5)
        axes.set_xlim(view.start, view.analysis.times[-1])
        return drawing

    return Figure(
        "passages",
        "When dominance passes for good",
        "First time from which the second stays above the first to the end: circle the median, bar 50 %, line 90 % "
        "of the runs in which that happens.",
        draw,
        {key: [values[i] for i in order] for key, values in table.items()},
    )


def influence_figure(influence: Influence) -> Figure | None:
    """The parameters that move shares and times most, with the direction; only what stands above chance."""
    above = np.nan_to_num(influence.index) > influence.floor
    weight = np.where(above, np.nan_to_num(influence.index), 0.0)
    rows = [int(i) for i in np.argsort(-weight.max(axis=1), kind="stable")[:ROWS] if weight[i].any()]
    if not rows:
        return None
    names = [name + (" (lever)" if name in influence.levers else "") for name in np.array(influence.parameters)[rows]]

    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        columns = len(influence.outputs)
        drawing = Drawing(figsize=(4.2 + 0.62 * columns, 0.3 * len(rows) + 2.4))
        axes = drawing.subplots()
        shown = weight[rows]
        image = axes.imshow(np.where(shown > 0, shown, np.nan), cmap="Blues", vmin=0, aspect="auto")
        for y, i in enumerate(rows):
            for x in range(columns):
                if weight[i, x] > 0:
                    sign = influence.direction[i, x]
                    mark = "" if np.isnan(sign) else "+" if sign > 0 else "−"
                    dark = weight[i, x] > 0.6 * shown.max()
                    axes.text(x, y, mark, ha="center", va="center", color="white" if dark else INK, fontweight="bold")
        axes.set_yticks(range(len(rows)), names, fontsize=8.5)
        axes.set_xticks(range(columns), influence.outputs, rotation=40, ha="right", fontsize=8.5)
        axes.grid(False)
        drawing.colorbar(image, ax=axes, shrink=0.6, label=influence.method)
        return drawing

    return Figure(
        "influence",
        "Which parameter moves which loops",
        f"{influence.method}; empty where it doesn't stand above what a parameter without influence gets by chance. "
        "+ and −: direction of the rank correlation.",
        draw,
        influence_table(influence),
    )


def influence_table(influence: Influence, most: int | None = None) -> dict[str, list[Any]]:
    """A row a parameter and output, the largest first within an output, and no more than `most` of them."""
    table: dict[str, list[Any]] = {
        key: [] for key in ("output", "parameter", "lever", "index", "ci_low", "ci_high", "chance", "direction")
    }
    for x, output in enumerate(influence.outputs):
        for i in np.argsort(-np.nan_to_num(influence.index[:, x]), kind="stable")[:most].tolist():
            row = (
                output,
                influence.parameters[i],
                influence.parameters[i] in influence.levers,
                *(float(one[i, x]) for one in (influence.index, influence.low, influence.high)),
                float(influence.floor[x]),
                float(influence.direction[i, x]),
            )
            for key, value in zip(table, row, strict=True):
                table[key].append(value)
    return table


def levers_table(influence: Influence) -> dict[str, list[Any]]:
    """What each lever strengthens and weakens: rank correlations beyond those that chance gives, the largest first."""
    rows = [
        (influence.parameters[i], output, float(influence.direction[i, x]))
        for x, output in enumerate(influence.outputs)
        for i in range(len(influence.parameters))
        if influence.parameters[i] in influence.levers and abs(influence.direction[i, x]) > influence.chance
    ]
    rows.sort(key=lambda row: (-abs(row[2]), row))
    names = ("lever", "output", "rank correlation")
    return {name: [row[n] for row in rows] for n, name in enumerate(names)}
