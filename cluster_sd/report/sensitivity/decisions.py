"""Figures of what decisions do: one step of each lever, and mechanisms switched on and off in all combinations."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.report.figures import Figure
from cluster_sd.report.style import COLOURS, GREY, HATCHES, INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from cluster_sd.sensitivity.experiment import Experiment
    from cluster_sd.sensitivity.steps import Steps

__all__ = ["mechanism_cells", "mechanism_effects", "per_yuan", "step_effects"]

Floats = NDArray[np.float64]
#: Steps that a figure shows.
MOST_STEPS = 20


def _ranges(
    names: Sequence[str], middle: Floats, low: Floats, high: Floats, label: str, strong: NDArray[np.bool_]
) -> Drawing:
    """Dots with ranges around nought; filled where the range leaves nought out."""
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(8, 0.9 + 0.3 * max(len(names), 1)))
    axes = drawing.subplots()
    place = np.arange(len(names))
    axes.axvline(0, color=INK, linewidth=0.9)
    axes.hlines(place, low, high, color=COLOURS[0], linewidth=4, alpha=0.4)
    for filled in (True, False):
        rows = strong == filled
        face = COLOURS[0] if filled else "white"
        axes.plot(
            middle[rows], place[rows], "o", color=COLOURS[0], markerfacecolor=face, markersize=6.5, linestyle="none"
        )
    axes.set_yticks(place, ["\n".join(textwrap.wrap(name, 40)) for name in names])
    axes.invert_yaxis()
    axes.set_xlabel("\n".join(textwrap.wrap(label, 80)))
    return drawing


def step_effects(steps: Steps, column: int, title: str, unit: str, name: str) -> Figure:
    """What one feasible step of each lever does to an outcome, in its better direction, largest first.

    Parameters
    ----------
    steps : Steps
    column : int
        Of the outcome in `steps.outcomes`.
    title, unit, name : str
    """
    chosen = _better_directions(steps, column)
    effect = steps.effect
    middle, low, high = (a[chosen, column] for a in (effect.median, effect.low, effect.high))
    table: dict[str, Any] = {
        "step": np.array([steps.actions[i].name for i in chosen]),
        "median": middle,
        "spread_low": low,
        "spread_high": high,
        "mean": effect.mean[chosen, column],
        "mean_low": effect.mean_low[chosen, column],
        "mean_high": effect.mean_high[chosen, column],
        "improves": steps.improves[chosen, column],
    }
    shown = {key: value[:MOST_STEPS] for key, value in table.items()}
    return Figure(
        name=name,
        title=title,
        caption="Change of the outcome when one lever alone moves by what somebody could decide within a year. Dot: "
        f"the middle of {effect.sets:,} sets of uncertain parameters; line: {100 * effect.share:.0f} % of them. Filled "
        "dots: the sign is the same all along the line.",
        draw=lambda: _ranges(
            list(shown["step"]), shown["median"], shown["spread_low"], shown["spread_high"],
            f"change of the outcome{f' [{unit}]' if unit not in ('', 'dmnl') else ''}",
            (shown["spread_low"] > 0) | (shown["spread_high"] < 0),
        ),
        data=table,
    )  # fmt: skip


def _better_directions(steps: Steps, column: int) -> list[int]:
    """For each lever the direction that makes the outcome better (larger, where nobody said), best first.

    By the middle effect, then, where that is nought, by the mean.
    """
    sign = {"high": 1.0, "low": -1.0}.get(steps.better[column], 1.0)
    worth = [
        (sign * float(steps.effect.median[i, column]), sign * float(steps.effect.mean[i, column]))
        for i in range(len(steps.actions))
    ]
    best: dict[str, int] = {}
    for i, action in enumerate(steps.actions):
        held = best.get(action.lever.name)
        if held is None or worth[i] > worth[held]:
            best[action.lever.name] = i
    return sorted(best.values(), key=lambda i: worth[i], reverse=True)


def per_yuan(steps: Steps, column: int, title: str, unit: str, name: str) -> Figure | None:
    """Effect for each million yuan more that is spent, of the steps that cost; None where none does."""
    if steps.cost is None:
        return None
    dear = [i for i, word in enumerate(steps.verdict) if word == "costs"]
    if not dear:
        return None
    middle, low, high = 1e6 * steps.per_yuan[:, dear, column]
    sign = {"low": -1.0}.get(steps.better[column], 1.0)
    mean = steps.effect.mean[dear, column]
    order = np.lexsort((-sign * mean, -sign * middle))
    cost = steps.cost
    names = [f"{steps.actions[dear[i]].name} ({cost.median[dear[i]] / 1e6:,.3g} million)" for i in order]
    table: dict[str, Any] = {
        "step": np.array(names),
        "median": middle[order],
        "spread_low": low[order],
        "spread_high": high[order],
        "cost": cost.median[dear][order],
        "cost_low": cost.low[dear][order],
        "cost_high": cost.high[dear][order],
    }
    shown = {key: value[:MOST_STEPS] for key, value in table.items()}
    return Figure(
        name=name,
        title=title,
        caption="Effect for each million yuan of public money that the step costs over the run, for the steps that "
        f"cost in nearly all of the {cost.sets:,} sets of uncertain parameters; in brackets what it costs. Dot: the "
        f"middle; line: {100 * cost.share:.0f} % of the sets.",
        draw=lambda: _ranges(
            list(shown["step"]), shown["median"], shown["spread_low"], shown["spread_high"],
            f"change for a million yuan{f' [{unit}]' if unit not in ('', 'dmnl') else ''}",
            (shown["spread_low"] > 0) | (shown["spread_high"] < 0),
        ),
        data=table,
    )  # fmt: skip


# --- mechanisms -------------------------------------------------------------------------------------------------------


def mechanism_effects(experiment: Experiment, column: int, title: str, unit: str, name: str) -> Figure:
    """Shapley value of each mechanism and its main effects and interactions, for one outcome."""
    worth, found = experiment.shapley, experiment.effects
    names = [f"Shapley value: {m}" for m in experiment.mechanisms]
    names += [("with" if " × " in t else "main effect") + f": {t}" for t in experiment.terms]
    names = [n.replace("with: ", "together: ") for n in names]
    parts = [
        np.concatenate([getattr(one, key)[:, column] for one in (worth, found)]) for key in ("median", "low", "high")
    ]
    mean = np.concatenate([worth.mean[:, column], found.mean[:, column]])
    table: dict[str, Any] = {"term": np.array(names), "mean": mean, "median": parts[0], "spread_low": parts[1]}
    table["spread_high"] = parts[2]
    return Figure(
        name=name,
        title=title,
        caption="Shapley value: what a mechanism adds, averaged over all orders in which they can be switched on; "
        "these sum to what all do. Main effect: with it less without it, averaged over the others. Together: what two "
        f"or more do beyond their sum. Dot: the middle of {found.sets:,} parameter sets; line: "
        f"{100 * found.share:.0f} % of them.",
        draw=lambda: _ranges(
            names, parts[0], parts[1], parts[2], f"effect{f' [{unit}]' if unit not in ('', 'dmnl') else ''}",
            (parts[1] > 0) | (parts[2] < 0),
        ),
        data=table,
    )  # fmt: skip


def mechanism_cells(experiment: Experiment, column: int, title: str, unit: str, name: str) -> Figure:
    """The outcome in every combination of mechanisms, from none to all."""
    cells = experiment.cells
    size = [cell.count(" + ") + (cell != "none") for cell in experiment.cell_names]
    order = sorted(range(len(size)), key=lambda i: (size[i], -float(cells.median[i, column])))
    table: dict[str, Any] = {
        "cell": np.array([experiment.cell_names[i] for i in order]),
        "mechanisms": np.array([size[i] for i in order]),
        "median": cells.median[order, column],
        "spread_low": cells.low[order, column],
        "spread_high": cells.high[order, column],
    }

    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        drawing = Drawing(figsize=(8, 0.9 + 0.32 * len(order)))
        axes = drawing.subplots()
        place = np.arange(len(order))
        for k in sorted(set(size)):
            rows = table["mechanisms"] == k
            axes.barh(
                place[rows], table["median"][rows], color=COLOURS[k % len(COLOURS)], alpha=0.5, edgecolor=INK,
                hatch=HATCHES[k % len(HATCHES)], linewidth=0.6, height=0.74,
            )  # fmt: skip
        axes.hlines(place, table["spread_low"], table["spread_high"], color=INK, linewidth=1.3)
        axes.axvline(0, color=GREY, linewidth=0.8)
        axes.set_yticks(place, ["\n".join(textwrap.wrap(cell, 44)) for cell in table["cell"]])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"outcome{f' [{unit}]' if unit not in ('', 'dmnl') else ''}")
        return drawing

    return Figure(
        name=name,
        title=title,
        caption=f"Bar: the middle of {cells.sets:,} parameter sets; line: {100 * cells.share:.0f} % of them. The same "
        "sets in every combination; shades tell how many mechanisms act.",
        draw=draw,
        data=table,
    )
