"""Figures of a sensitivity analysis: each made from its numbers alone, which lie beside it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.report.figures import Figure
from cluster_sd.report.style import COLOURS, GREY, HATCHES, INK, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

    from cluster_sd.sensitivity.result import Estimate, Indices

__all__ = [
    "bars",
    "conditional_means",
    "convergence",
    "heat_map",
    "morris_plane",
    "over_time",
    "ranks",
    "slug",
]

Floats = NDArray[np.float64]

#: Bars of a ranking; what comes after is in the table.
MOST_BARS = 15
#: Layers of a course over time, beside "all others".
MOST_LAYERS = 7
#: Dots of a scatter.
MOST_DOTS = 1500
#: Bins of equal count of which a conditional mean is drawn.
BINS = 20
#: What an index says, for captions.
MEANING = {
    "S1": "S1: the share of the outcome's variance that goes when this alone is known.",
    "ST": "ST: the share of the variance that stays when everything else is known, all joint effects included.",
    "mu_star": "μ*: mean size of the change of the outcome over a step across the range.",
    "sigma": "σ: how much that change differs from place to place (joint effects or curves).",
    "median": "PAWN: median distance between the outcome's distribution and the same with this parameter fixed.",
    "delta": "δ: how much the outcome's distribution shifts, on average, when this is known.",
    "dgsm": "DGSM: an upper bound of ST, from derivatives.",
    "vi": "ν: mean squared derivative.",
    "shapley": "Shapley effect: the share of the variance that falls to this when joint effects are divided evenly.",
}


def slug(text: str) -> str:
    """`text` as the stem of a file.

    >>> slug("time_above(Income shortfall, 0.1)")
    'time-above-income-shortfall-0-1'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "figure"


def _new(width: float, height: float, **options: Any) -> tuple[Drawing, Any]:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(width, height))
    return drawing, drawing.subplots(**options)


def _wrapped(names: Sequence[str], width: int = 34) -> list[str]:
    return ["\n".join(textwrap.wrap(name, width)) or name for name in names]


#: Indices that are shares of a variance.
SHARES = ("S1", "ST", "S2", "shapley")
#: How an index is written on an axis.
SIGNS = {"mu_star": "μ*", "mu": "μ", "sigma": "σ", "delta": "δ", "vi": "ν", "median": "PAWN (median)"}


def sign(kind: str) -> str:
    """An index as it is written on an axis."""
    return SIGNS.get(kind, kind)


def meaning(kind: str) -> str:
    """One sentence on what an index says."""
    return MEANING.get(kind, f"{kind}.")


# --- rankings ---------------------------------------------------------------------------------------------------------


def bars(
    indices: Indices,
    outcome: int,
    title: str,
    name: str,
    only: Sequence[str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Figure:
    """Ranked bars with intervals and the noise floor, for one outcome.

    Parameters
    ----------
    indices : Indices
    outcome : int
        Column of the outcome.
    title, name : str
        Of the figure.
    only : sequence of str, optional
        Names that are shown; default: all.
    tags : mapping of str to str, optional
        What stands on the axis for a name.
    """
    main = indices.main
    keep = [i for i, n in enumerate(main.names) if only is None or n in set(only)]
    order = _order(main, outcome, keep)
    first = indices.estimates.get("S1") if indices.ranked == "ST" and only is None else None
    floor = float(indices.floor.get(indices.ranked, np.full(len(indices.outcomes), np.nan))[outcome])
    table: dict[str, Any] = {
        "parameter": np.array([main.names[i] for i in order]),
        "index": np.array([indices.ranked] * len(order)),
        "value": main.value[order, outcome],
        "ci_low": main.low[order, outcome],
        "ci_high": main.high[order, outcome],
        "rank": main.rank[order, outcome],
        "noise_floor": np.full(len(order), floor),
    }
    if first is not None:
        table["S1"] = first.value[order, outcome]
    shown = {key: column[:MOST_BARS] for key, column in table.items()}
    labels = [str((tags or {}).get(one, one)) for one in shown["parameter"]]
    return Figure(
        name=name,
        title=title,
        caption=_bars_caption(indices, len(order), first is not None, floor),
        draw=lambda: _draw_bars(shown, labels, indices.ranked),
        data=table,
    )


def _order(estimate: Estimate, outcome: int, keep: Sequence[int]) -> list[int]:
    value = np.abs(estimate.value[:, outcome])
    return sorted((i for i in keep if np.isfinite(value[i])), key=lambda i: (-value[i], i))


def _bars_caption(indices: Indices, count: int, first: bool, floor: float) -> str:
    parts = [meaning(indices.ranked)]
    if first:
        parts.append("The diamond is S1, the part without joint effects.")
    parts.append(f"Lines: {100 * indices.level:.0f} % interval.")
    if floor > 0:
        parts.append("Left of the dotted line an index is no more than what chance gives.")
    if count > MOST_BARS:
        parts.append(f"The first {MOST_BARS} of {count}; the others are in the data.")
    return " ".join(parts)


def _draw_bars(table: dict[str, Any], labels: Sequence[str], kind: str) -> Drawing:
    scale = 100.0 if kind in SHARES else 1.0
    numbers = ("value", "ci_low", "ci_high", "noise_floor", "S1")
    table = {key: scale * column if key in numbers else column for key, column in table.items()}
    count = max(len(table["value"]), 1)
    drawing, axes = _new(8, 0.8 + 0.34 * count)
    place = np.arange(len(table["value"]))
    value = table["value"]
    axes.barh(place, value, color=COLOURS[0], alpha=0.55, edgecolor=COLOURS[0], height=0.72)
    error = np.vstack([value - table["ci_low"], table["ci_high"] - value])
    if np.isfinite(error).any():
        axes.errorbar(value, place, xerr=np.clip(error, 0, None), fmt="none", ecolor=INK, elinewidth=1.4, capsize=3)
    if "S1" in table:
        axes.plot(table["S1"], place, "D", color=COLOURS[1], markersize=5, linestyle="none", label="S1 alone")
        axes.legend(loc="lower right")
    floor = float(table["noise_floor"][0]) if len(place) else np.nan
    if np.isfinite(floor):
        axes.axvline(floor, color=GREY, linestyle=":", linewidth=1.5)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(place, _wrapped(labels))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"{sign(kind)} [% of the variance]" if kind in SHARES else sign(kind))
    return drawing


def ranks(estimate: Estimate, outcome: int, title: str, name: str, kind: str, level: float) -> Figure:
    """Rank and its interval for each name, for one outcome: which places are settled."""
    places = estimate.rank[:, outcome]
    order = sorted(np.flatnonzero(np.isfinite(places)).tolist(), key=lambda i: places[i])
    table = {
        "parameter": np.array([estimate.names[i] for i in order]),
        "rank": estimate.rank[order, outcome],
        "rank_low": estimate.rank_low[order, outcome],
        "rank_high": estimate.rank_high[order, outcome],
    }
    shown = {key: column[: 2 * MOST_BARS] for key, column in table.items()}
    return Figure(
        name=name,
        title=title,
        caption=f"The place of each by {sign(kind)}, with its {100 * level:.0f} % interval over resamples of the runs. "
        "Where lines overlap, the order is not settled.",
        draw=lambda: _draw_ranks(shown),
        data=table,
    )


def _draw_ranks(table: dict[str, Any]) -> Drawing:
    count = max(len(table["rank"]), 1)
    drawing, axes = _new(8, 0.8 + 0.3 * count)
    place = np.arange(len(table["rank"]))
    axes.hlines(place, table["rank_low"], table["rank_high"], color=COLOURS[0], linewidth=4, alpha=0.45)
    axes.plot(table["rank"], place, "o", color=COLOURS[0], linestyle="none", markersize=6)
    axes.set_yticks(place, _wrapped(table["parameter"]))
    axes.invert_yaxis()
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("rank (1: matters most)")
    return drawing


def heat_map(
    table: Floats, rows: Sequence[str], columns: Sequence[str], title: str, name: str, caption: str, label: str
) -> Figure:
    """Rows × columns of numbers as shades, each number written in its field; NaN stays empty.

    Parameters
    ----------
    table : (row, column) array
        From 0 to 1 or so.
    rows, columns : sequence of str
        For example levers and outcomes.
    title, name, caption : str
        Of the figure.
    label : str
        What the shades mean.
    """
    long = {
        "row": np.repeat(np.array(rows, dtype=object), len(columns)),
        "column": np.tile(np.array(columns, dtype=object), len(rows)),
        "value": np.asarray(table, dtype=float).reshape(-1),
    }
    return Figure(name, title, caption, lambda: _draw_heat(np.asarray(table, float), rows, columns, label), long)


def _draw_heat(table: Floats, rows: Sequence[str], columns: Sequence[str], label: str) -> Drawing:
    drawing, axes = _new(3.4 + 0.5 * len(columns), 2.4 + 0.27 * len(rows))
    most = min(float(np.nanmax(table)), 1.0) if np.isfinite(table).any() else 1.0
    image = axes.imshow(np.ma.masked_invalid(table), aspect="auto", cmap="Blues", vmin=0, vmax=max(most, 1e-12))
    for i, j in np.argwhere(np.isfinite(table)):
        value = table[i, j]
        if value >= 0.005:  # below half a per cent a field stays empty
            colour = "white" if value > 0.6 * most else INK
            axes.text(j, i, f"{100 * value:.0f}", ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(columns)), _wrapped(columns, 26), rotation=50, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    drawing.colorbar(image, ax=axes, label=label, shrink=0.6, pad=0.01)
    return drawing


# --- over time --------------------------------------------------------------------------------------------------------


def over_time(
    indices: Indices, measure: str, title: str, name: str, tags: Mapping[str, str] | None = None
) -> Figure | None:
    """Indices of a series as stacked areas over its times; None where it has none.

    With S1 the areas are shares of the variance and what stays white are joint effects; else they are shares of the
    sum of the index.
    """
    columns = [i for i, o in enumerate(indices.outcomes) if o.measure == measure and o.time is not None]
    kind = "S1" if "S1" in indices.estimates else indices.ranked
    estimate = indices.estimates[kind]
    if len(columns) < 2:
        return None
    times = np.array([indices.outcomes[i].time for i in columns], dtype=float)
    value = np.clip(estimate.value[:, columns], 0, None)
    if not np.isfinite(value).any():
        return None
    if kind == "S1":
        total = np.maximum(value.sum(axis=0), 1.0)
    else:
        total = np.where(value.sum(axis=0) > 0, value.sum(axis=0), np.nan)
    share = value / total
    weight = np.nansum(share, axis=1)
    order = np.argsort(-weight, kind="stable")
    top = [int(i) for i in order[:MOST_LAYERS] if weight[i] > 0]
    rest = np.nansum(np.delete(share, top, axis=0), axis=0)
    rest = np.where(np.isfinite(share).any(axis=0), rest, np.nan)
    layers = {estimate.names[i]: share[i] for i in top} | (
        {"all others": rest} if len(estimate.names) > len(top) else {}
    )
    data = {"time": times, **layers}
    drawn = {(tags or {}).get(one, one): layer for one, layer in layers.items()}
    white = " What stays white are joint effects." if kind == "S1" else " Scaled so that all together make one."
    return Figure(
        name=name,
        title=title,
        caption=f"{meaning(kind)}{white} Where nothing is drawn the outcome doesn't vary.",
        draw=lambda: _draw_areas(times, drawn, "share of the variance" if kind == "S1" else f"share of {sign(kind)}"),
        data=data,
    )


def _draw_areas(times: Floats, layers: dict[str, Floats], label: str) -> Drawing:
    drawing, axes = _new(8, 4.6)
    base = np.zeros(len(times))
    for i, (name, layer) in enumerate(layers.items()):
        colour = GREY if name == "all others" else COLOURS[i % len(COLOURS)]
        top = base + np.nan_to_num(layer)
        axes.fill_between(
            times, base, top, where=np.isfinite(layer), facecolor=colour, alpha=0.65, edgecolor=INK, linewidth=0.6,
            hatch=HATCHES[i % len(HATCHES)], rasterized=True, label="\n".join(textwrap.wrap(name, 26)),
        )  # fmt: skip
        base = top
    axes.set_ylim(0, 1)
    axes.set_xlim(times[0], times[-1])
    axes.set_ylabel(label)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
    return drawing


# --- what stands behind an index --------------------------------------------------------------------------------------


def morris_plane(indices: Indices, outcome: int, title: str, name: str) -> Figure:
    """Morris' plane: size of an effect (μ*) against how much it differs from place to place (σ), which groups lack."""
    size, spread = indices.estimates["mu_star"], indices.estimates["sigma"]
    place = {name: i for i, name in enumerate(spread.names)}
    order = _order(size, outcome, [i for i, name in enumerate(size.names) if name in place])
    table = {
        "parameter": np.array([size.names[i] for i in order]),
        "mu_star": size.value[order, outcome],
        "ci_low": size.low[order, outcome],
        "ci_high": size.high[order, outcome],
        "sigma": spread.value[[place[size.names[i]] for i in order], outcome],
    }
    return Figure(
        name=name,
        title=title,
        caption="Far right: matters much. High: its effect depends on the place (joint effects or curves); below the "
        "dashed line σ = μ*/2 it acts much the same everywhere. Lines: interval of μ*. The first ten have names.",
        draw=lambda: _draw_plane(table),
        data=table,
    )


def _draw_plane(table: dict[str, Any]) -> Drawing:
    drawing, axes = _new(8, 5.4)
    x, y = table["mu_star"], table["sigma"]
    error = np.clip(np.vstack([x - table["ci_low"], table["ci_high"] - x]), 0, None)
    axes.errorbar(x, y, xerr=error if np.isfinite(error).all() else None, fmt="o", color=COLOURS[0], ecolor=GREY,
                  markersize=5, elinewidth=1, linestyle="none")  # fmt: skip
    reach = max(float(np.nanmax(x, initial=0)), 1e-12) * 1.05
    for slope, dash in ((1.0, "-"), (0.5, "--"), (0.1, ":")):
        axes.plot([0, reach], [0, slope * reach], dash, color=GREY, linewidth=1)
        axes.annotate(f"σ = {slope:g} μ*", (reach, slope * reach), fontsize=8, color=GREY, ha="right", va="bottom")
    _name_dots(axes, x[:10], y[:10], [str(n) for n in table["parameter"][:10]])
    axes.set_xlim(0, 1.35 * reach)  # an interval may go on beyond
    axes.set_ylim(bottom=0)
    axes.set_xlabel("μ* (size of the effect)")
    axes.set_ylabel("σ (how much it differs)")
    return drawing


def _name_dots(axes: Axes, x: Floats, y: Floats, names: Sequence[str]) -> None:
    """Names beside dots, from the top down, each moved below the one before where they would overlap."""
    span = max(float(np.nanmax(y, initial=0)), 1e-12)
    last: list[tuple[float, float]] = []
    for i in np.argsort(-y).tolist():
        height = float(y[i])
        for other_x, other in last:
            if abs(height - other) < 0.045 * span and abs(other_x - x[i]) < 0.4 * float(np.nanmax(x)):
                height = other - 0.045 * span
        last.append((float(x[i]), height))
        beside = float(x[i]) + 0.02 * float(np.nanmax(x))
        axes.text(beside, height, str(names[i]), fontsize=8, ha="left", va="center")


def conditional_means(
    values: Sequence[Floats],
    outcome: Floats,
    names: Sequence[str],
    units: Sequence[str],
    label: str,
    title: str,
    name: str,
) -> Figure:
    """Scatter of an outcome against some parameters, with the mean in bins of equal count.

    Parameters
    ----------
    values : sequence of (run,) arrays
        Of each parameter.
    outcome : (run,) array
    names, units : sequence of str
        Of the parameters.
    label : str
        Of the outcome.
    title, name : str
        Of the figure.
    """
    good = np.isfinite(outcome)
    dots = np.flatnonzero(good)[:: max(int(good.sum()) // MOST_DOTS, 1)][:MOST_DOTS]
    means = [_binned(x[good], outcome[good]) for x in values]
    data = {
        "parameter": np.concatenate(
            [np.array([n] * len(m[0]), dtype=object) for n, m in zip(names, means, strict=True)]
        ),
        "value": np.concatenate([m[0] for m in means]),
        "mean": np.concatenate([m[1] for m in means]),
        "mean_low": np.concatenate([m[1] - 1.96 * m[2] for m in means]),
        "mean_high": np.concatenate([m[1] + 1.96 * m[2] for m in means]),
    }

    def draw() -> Drawing:
        drawing, axes = _new(3.1 * len(names) + 0.6, 3.4, ncols=len(names), sharey=True, squeeze=False)
        low, high = np.quantile(outcome[good], [0.005, 0.995])
        for i, axis in enumerate(axes[0]):
            x, mean, error = means[i]
            axis.plot(values[i][dots], outcome[dots], ".", color=GREY, alpha=0.35, markersize=3, linestyle="none",
                      rasterized=True)  # fmt: skip
            axis.fill_between(x, mean - 1.96 * error, mean + 1.96 * error, color=COLOURS[1], alpha=0.35, linewidth=0)
            axis.plot(x, mean, color=COLOURS[1], linestyle="-", linewidth=2.2)
            unit = f" [{units[i]}]" if units[i] not in ("", "dmnl") else ""
            axis.set_xlabel("\n".join(textwrap.wrap(names[i] + unit, 30)))
            axis.set_ylim(low - 0.03 * (high - low), high + 0.03 * (high - low))
        axes[0][0].set_ylabel("\n".join(textwrap.wrap(label, 34)))
        return drawing

    return Figure(
        name=name,
        title=title,
        caption=f"A dot is a run. The line is the mean in {BINS} bins of equally many runs, with its 95 % band: what "
        "changes on average with this parameter, whatever the others are. One run in a hundred lies outside the frame.",
        draw=draw,
        data=data,
    )


def _binned(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    parts = np.array_split(np.argsort(x, kind="stable"), min(BINS, max(len(x) // 5, 1)))
    centre = np.array([x[p].mean() for p in parts])
    mean = np.array([y[p].mean() for p in parts])
    error = np.array([y[p].std(ddof=1) / np.sqrt(len(p)) if len(p) > 1 else np.nan for p in parts])
    return centre, mean, error


def convergence(
    sizes: Sequence[int],
    names: Sequence[str],
    value: Floats,
    low: Floats,
    high: Floats,
    kind: str,
    title: str,
    name: str,
) -> Figure:
    """Indices of the first few parameters over growing samples.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of runs.
    names : sequence of str
        Of the parameters, most important first.
    value, low, high : (size, name) array
    kind : str
        Index.
    title, name : str
        Of the figure.
    """
    data = {
        "runs": np.repeat(np.array(sizes), len(names)),
        "parameter": np.tile(np.array(names, dtype=object), len(sizes)),
        "value": value.reshape(-1),
        "ci_low": low.reshape(-1),
        "ci_high": high.reshape(-1),
    }

    def draw() -> Drawing:
        drawing, axes = _new(8, 4.2)
        scale = 100.0 if kind in SHARES else 1.0
        for i, one in enumerate(names):
            colour = COLOURS[i % len(COLOURS)]
            axes.fill_between(sizes, scale * low[:, i], scale * high[:, i], color=colour, alpha=0.15, linewidth=0)
            axes.plot(sizes, scale * value[:, i], marker=MARKERS[i % len(MARKERS)], color=colour,
                      label="\n".join(textwrap.wrap(one, 28)))  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.set_xticks(list(sizes), [f"{n:,}" for n in sizes])
        axes.minorticks_off()
        axes.set_xlabel("runs")
        axes.set_ylabel(f"{sign(kind)} [% of the variance]" if kind in SHARES else sign(kind))
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
        return drawing

    return Figure(
        name=name,
        title=title,
        caption="The same index from the first part of the runs up to all of them, with its interval. A ranking is "
        "settled where lines lie flat and bands apart.",
        draw=draw,
        data=data,
    )
