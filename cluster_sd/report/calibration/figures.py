"""Figures of a calibration: each made from its numbers alone, which lie beside it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.report.figures import Figure
from cluster_sd.report.style import COLOURS, GREY, HATCHES, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

    from cluster_sd.calibration.observation import Series
    from cluster_sd.calibration.study import Course, Study

__all__ = ["fit", "learned", "profiles", "ranks", "residuals", "rests", "waterfall"]

Array = NDArray[Any]
#: Panels beside each other.
ACROSS = 2
#: Years shown on either side of a statistic that has no course over time, as a date has not.
ALONE = 5.0
#: Bins of a histogram of draws, and of ranks.
BINS, RANK_BINS = 24, 8


def _panels(count: int, height: float = 2.6, across: int = ACROSS) -> tuple[Drawing, list[Axes]]:
    from matplotlib.figure import Figure as Drawing

    rows = max(1, math.ceil(count / across))
    drawing = Drawing(figsize=(4.6 * min(across, max(count, 1)), height * rows))
    axes = drawing.subplots(rows, min(across, max(count, 1)), squeeze=False).ravel().tolist()
    for empty in axes[count:]:
        empty.set_visible(False)
    return drawing, axes[:count]


def _short(text: str, width: int = 34) -> str:
    return "\n".join(textwrap.wrap(text, width)) or text


def label(series: Series) -> str:
    """A series' name in words; its measure where letters are not Latin, for which a bare machine has no font."""
    return series.name.replace("_", " ") if series.name.isascii() else series.measure


def _unit(values: Array) -> tuple[float, str]:
    """A power of ten for an axis: hundreds of millions are read as millions."""
    largest = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 0.0
    for power, name in ((1e9, "10⁹ "), (1e6, "10⁶ "), (1e4, "10³ ")):
        if largest >= power:
            return (1e3, name) if power == 1e4 else (power, name)
    return 1.0, ""


# --- fit -------------------------------------------------------------------------------------------------------------


def fit(study: Study) -> Figure:
    """Every series against the calibrated run: bands of runs, statistics with their kind, what was held out."""
    observations = study.observations
    courses = {course.series: course for course in study.courses}

    def draw() -> Drawing:
        drawing, axes = _panels(len(observations.series))
        for index, (axis, series) in enumerate(zip(axes, observations.series, strict=True)):
            rows = np.flatnonzero(observations.series_index == index)
            scale, power = _unit(np.concatenate([observations.observed[rows], study.fitted[rows]]))
            _course(axis, courses.get(index), scale, rows, study)
            _statistics(axis, study, rows, scale)
            axis.set_title(_short(label(series)))
            axis.set_ylabel(f"{power}{series.unit}".strip() or "value")
        return drawing

    name = [observations.series[i].name for i in observations.series_index]
    return Figure(
        "fit",
        "The calibrated model and the statistics",
        "Line: median run; shaded: 95 % of runs over what is still uncertain of the fitted parameters, errors of the "
        "statistics not counted. Filled dots were fitted; hollow ones were not: held out, or only shown. Arrows "
        "are bounds "
        "(at least, at most), bars are ranges; a cross is what the model says of a row.",
        draw,
        {
            "series": name,
            "time": observations.times,
            "observed": observations.observed,
            "kind": [row.kind for row in observations.observations],
            "fitted": study.fitted,
            "low": study.low,
            "high": study.high,
            "held_out": observations.held_out,
        },
    )


def _course(axis: Axes, course: Course | None, scale: float, rows: Array, study: Study) -> None:
    """The band of runs, from a little before the statistics to a little after."""
    times = study.observations.times[rows]
    if course is None:
        axis.plot(times, study.fitted[rows] / scale, "x", color=COLOURS[0], linestyle="none")
        axis.set_xlim(times.min() - ALONE, times.max() + ALONE)
        axis.ticklabel_format(useOffset=False)
        return
    margin = max(4.0, 0.5 * float(np.ptp(times)))
    near = (course.times >= times.min() - margin) & (course.times <= times.max() + margin)
    axis.fill_between(
        course.times[near],
        course.low[near] / scale,
        course.high[near] / scale,
        color=COLOURS[0],
        alpha=0.2,
        linewidth=0,
    )
    axis.plot(course.times[near], course.middle[near] / scale, color=COLOURS[0], linestyle="-")
    axis.plot(times, study.fitted[rows] / scale, "x", color=COLOURS[0], linestyle="none", markersize=5)


def _statistics(axis: Axes, study: Study, rows: Array, scale: float) -> None:
    """Statistics by their kind: dots, arrows for bounds, bars for ranges."""
    for k in rows:
        row = study.observations.observations[k]
        face = "white" if row.held_out else INK
        y = row.value / scale
        if row.kind == "interval":
            ends = [row.low / scale, row.high / scale]
            axis.plot([row.time] * 2, ends, color=GREY if row.held_out else INK, linewidth=3, linestyle="-", alpha=0.7)
            continue
        marker = {"at least": "^", "at most": "v"}.get(row.kind, "o")
        axis.plot(row.time, y, marker, color=INK, markerfacecolor=face, markersize=6, linestyle="none", zorder=4)


# --- search and profiles ---------------------------------------------------------------------------------------------


def waterfall(study: Study) -> Figure:
    """Where the searches ended, best first."""
    ends = np.array([start.value for start in study.calibration.mode.starts])
    finite = np.isfinite(ends)
    below = np.where(finite, ends[0] - np.where(finite, ends, 0.0), np.nan)

    def draw() -> Drawing:
        from matplotlib.ticker import MaxNLocator

        drawing, (axis,) = _panels(1, 3.0)
        axis.plot(np.arange(1, len(ends) + 1), below, "o-", color=COLOURS[0])
        axis.set_yscale("symlog", linthresh=0.1)
        axis.set_ylim(-0.02, max(1.0, 1.5 * float(np.nanmax(below))))
        axis.set_xlabel("search, best first")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_ylabel("log-density below the best")
        return drawing

    share = study.calibration.mode.agreeing
    return Figure(
        "waterfall",
        "Do the searches agree?",
        f"Log-density at the end of each of {len(ends)} searches from points spread over the priors, less the "
        f"best one. "
        f"{share:.0%} end within 0.1 of it: a flat beginning says that the best point was found again and again.",
        draw,
        {"search": np.arange(1, len(ends) + 1), "log_density": ends, "below_the_best": below},
    )


def profiles(study: Study) -> Figure:
    """Profile likelihoods with verdicts."""
    found = study.calibration.profiles

    def draw() -> Drawing:
        drawing, axes = _panels(len(found))
        for axis, profile in zip(axes, found, strict=True):
            axis.plot(profile.values, profile.falls, color=COLOURS[0], linestyle="-", marker="o", markersize=3)
            axis.axhline(1.92, color=COLOURS[1], linestyle="--", linewidth=1.2)
            axis.plot(profile.estimate, 0, "D", color=INK, markersize=6)
            axis.set_ylim(-0.15, max(3.0, min(6.0, float(np.max(profile.falls)) * 1.05)))
            axis.set_title(f"{_short(profile.name)}\n{profile.verdict}")
            axis.set_ylabel("fall of log-likelihood")
            axis.locator_params(axis="x", nbins=5)
        return drawing

    return Figure(
        "profiles",
        "What the statistics tell of each parameter",
        "Best log-likelihood at each value of a parameter while all others make up for it, below that of the estimate "
        "(diamond). Where the curve crosses the dashed line (1.92) the 95 % interval ends; a flat curve says "
        "that the data "
        "tell nothing. Priors play no part here but for their ends.",
        draw,
        {
            "parameter": [p.name for p in found for _ in p.values],
            "value": np.concatenate([p.values for p in found]) if found else [],
            "fall": np.concatenate([p.falls for p in found]) if found else [],
        },
    )


def learned(study: Study) -> Figure:
    """Before and after: the prior of each fitted parameter and its posterior."""
    made = study.calibration
    fitted = made.posterior.fitted
    natural = made.posterior.coordinates.natural(made.points[:, : len(fitted)])
    shown = []
    for k, one in enumerate(fitted):
        width = one.prior.high - one.prior.low
        edges = np.linspace(
            *_ends(one.prior.support, one.prior.low - 0.25 * width, one.prior.high + 0.25 * width), BINS + 1
        )
        counts, _ = np.histogram(natural[:, k], edges)
        middle = (edges[1:] + edges[:-1]) / 2
        before = np.diff(one.prior.cdf(edges)) / np.diff(edges)
        shown.append(
            (one.name, middle, before, counts / counts.sum() / np.diff(edges) if counts.sum() else counts * 0.0)
        )

    def draw() -> Drawing:
        drawing, axes = _panels(len(shown))
        for axis, (name, middle, before, after) in zip(axes, shown, strict=True):
            width = middle[1] - middle[0]
            axis.bar(middle, after, width=width, color=COLOURS[0], alpha=0.75, label="after")
            axis.step(middle, before, where="mid", color=INK, linestyle="--", label="before")
            axis.set_title(_short(name))
            axis.set_yticks([])
            axis.locator_params(axis="x", nbins=5)
        if axes:
            drawing.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
        return drawing

    how = "draws of the posterior" + ("" if made.draws is not None else " by importance sampling")
    return Figure(
        "learned",
        "What was believed before, and after the statistics",
        f"Dashed: the prior from parameters.csv. Bars: {how}. Where both look alike the statistics taught nothing.",
        draw,
        {
            "parameter": [name for name, middle, *_ in shown for _ in middle],
            "value": np.concatenate([m for _, m, *_ in shown]),
            "before": np.concatenate([b for _, _, b, _ in shown]),
            "after": np.concatenate([a for *_, a in shown]),
        },
    )


def _ends(support: tuple[float, float], low: float, high: float) -> tuple[float, float]:
    return max(low, support[0]), min(high, support[1])


# --- residuals, ranks, grounds ---------------------------------------------------------------------------------------


def residuals(study: Study) -> Figure | None:
    """Standardised residuals in time; None where nothing has one."""
    observations = study.observations
    there = np.isfinite(study.residuals)
    if not there.any():
        return None
    of = [i for i, _ in enumerate(observations.series) if (there & (observations.series_index == i)).any()]

    def draw() -> Drawing:
        drawing, (axis,) = _panels(1, 3.2)
        drawing.set_size_inches(8.4, 3.4)
        for place, index in enumerate(of):
            rows = np.flatnonzero(there & (observations.series_index == index))
            name, colour = label(observations.series[index]), COLOURS[place % len(COLOURS)]
            marker = "os^DvPX*"[(place + place // len(COLOURS)) % 8]
            for held, face in ((False, colour), (True, "white")):
                mine = rows[observations.held_out[rows] == held]
                axis.plot(
                    observations.times[mine], study.residuals[mine], marker, color=colour, markerfacecolor=face,
                    linestyle="none", label=name if not held and len(mine) else None,
                )  # fmt: skip
        axis.axhline(0, color=GREY, linewidth=1)
        for level in (-1.96, 1.96):
            axis.axhline(level, color=GREY, linewidth=1, linestyle="--")
        axis.set_ylabel("residual over its scale")
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        return drawing

    return Figure(
        "residuals",
        "What the fit leaves",
        "Observed less fitted, over the scale of the error. 95 of 100 should lie between the dashed lines, without a "
        "pattern in time. Hollow: not fitted.",
        draw,
        {
            "series": [observations.series[i].name for i in observations.series_index[there]],
            "time": observations.times[there],
            "residual": study.residuals[there],
            "held_out": observations.held_out[there],
        },
    )


def ranks(study: Study) -> Figure | None:
    """Ranks of simulation-based calibration; None where it was not asked."""
    found = study.ranks
    if found is None:
        return None
    edges = np.linspace(0, found.draws + 1, RANK_BINS + 1)
    counted = [np.histogram(column + 0.5, edges)[0] for column in found.ranks.T]
    n = len(found.ranks)
    expected, spread = n / RANK_BINS, 1.96 * math.sqrt(n * (1 - 1 / RANK_BINS) / RANK_BINS)

    def draw() -> Drawing:
        drawing, axes = _panels(len(counted), 2.0)
        for axis, name, counts in zip(axes, found.names, counted, strict=True):
            axis.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=COLOURS[0], alpha=0.75)
            axis.axhspan(expected - spread, expected + spread, color=GREY, alpha=0.25)
            axis.set_title(_short(name))
            axis.set_xlabel("rank of the truth")
        return drawing

    return Figure(
        "sbc",
        "Does the sampler give back what made-up data were made from?",
        f"Ranks of the true values among posterior draws, over {n} made-up data sets: flat, mostly within the band, if "
        "model, gradients and sampler agree (Talts et al. 2018).",
        draw,
        {
            "coordinate": [name for name in found.names for _ in range(RANK_BINS)],
            "rank_from": np.tile(edges[:-1], len(found.names)),
            "count": np.concatenate(counted),
        },
    )


def rests(study: Study) -> Figure | None:
    """How much of each outcome's spread the statistics took away; None where it was not asked."""
    found = sorted(study.grounds, key=lambda g: g.taught if g.taught == g.taught else -1.0)
    if not found:
        return None
    from cluster_sd.calibration.grounds import RESTS

    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing
        from matplotlib.patches import Patch

        drawing = Drawing(figsize=(8.4, 1.2 + 0.28 * len(found)))
        axis = drawing.subplots()
        for y, ground in enumerate(found):
            kind = RESTS.index(ground.rests_on)
            width = max(min(ground.taught, 1.0), -0.5) if ground.taught == ground.taught else 0.0
            axis.barh(y, width, color=COLOURS[kind], hatch=HATCHES[kind], edgecolor="white")
        axis.set_yticks(range(len(found)), [_short(g.outcome, 40) for g in found])
        axis.set_xlim(min(0.0, *(max(g.taught, -0.5) for g in found if g.taught == g.taught), 0.0), 1)
        axis.set_xlabel("share of the variance over the ranges shipped that the statistics took away")
        handles = [Patch(facecolor=COLOURS[k], hatch=HATCHES[k], label=what) for k, what in enumerate(RESTS)]
        drawing.legend(handles=handles, loc="outside upper center", ncols=len(RESTS), title="rests on")
        return drawing

    return Figure(
        "rests",
        "What conclusions rest on",
        "Each outcome over the ranges shipped, and again with the fitted parameters as the statistics leave "
        "them: the bar is "
        "how much less it varies. Near 1 it rests on the numbers supplied; near 0 on the ranges that come with "
        "the model, "
        "whatever the statistics say; below 0 they made it less certain.",
        draw,
        {
            "outcome": [g.outcome for g in found],
            "variance_taken": [g.taught for g in found],
            "rests_on": [g.rests_on for g in found],
        },
    )


def all_figures(study: Study) -> Sequence[Figure]:
    """All figures, in the order of the page."""
    made = (fit(study), waterfall(study), profiles(study), learned(study), residuals(study), rests(study), ranks(study))
    return [figure for figure in made if figure is not None]
