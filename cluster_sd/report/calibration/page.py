"""The page of a calibration: the answer first, then fit, parameters, what conclusions rest on, and how it was made."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster_sd.report.calibration import figures, tables, words
from cluster_sd.report.figures import Figure
from cluster_sd.report.page import Block, Bullets, FigureBlock, Page, Section, TableBlock, Text

if TYPE_CHECKING:
    from cluster_sd.calibration.reporting import Item
    from cluster_sd.calibration.study import Study

__all__ = ["Report", "report"]


@dataclass(frozen=True)
class Report:
    """A page and its figures."""

    page: Page
    figures: tuple[Figure, ...]


def report(study: Study, items: Sequence[Item], command: str = "", footer: Sequence[str] = ()) -> Report:
    """The page of a calibration.

    Parameters
    ----------
    study : Study
    items : sequence of Item
        Of :func:`cluster_sd.calibration.reporting.report_items`.
    command : str
        The command that makes it again.
    footer : sequence of str
        Versions, hashes.
    """
    found = (_fit(study), _scores(study), _parameters(study), _rests(study), _draws(study), _data(study))
    sections = [*(section for section in found if section is not None), _repeat(items, command)]
    held = int(study.observations.held_out.sum())
    page = Page(
        title=f"{study.model}: calibrated{f' for {study.observations.place}' if study.observations.place else ''}",
        subtitle="What do the statistics say of the model's parameters, how well does the model then meet them"
        + (", and those that it was not shown?" if held else "?"),
        lead=_lead(study),
        sections=sections,
        footer=list(footer),
    )
    drawn = [b.figure for section in sections for b in section.blocks if isinstance(b, FigureBlock)]
    return Report(page, tuple(drawn))


def _lead(study: Study) -> list[Block]:
    blocks: list[Block] = [Text(words.fitted_words(study), "lead"), Text(words.verdict_words(study))]
    held = words.held_out_words(study)
    if held:
        blocks.append(Bullets(held))
    if study.grounds:
        blocks.append(Text(words.rests_words(study)))
    if study.warnings:
        blocks.append(Bullets([f"Mind: {text}." for text in study.warnings]))
    return blocks


def _fit(study: Study) -> Section:
    blocks: list[Block] = [FigureBlock(figures.fit(study))]
    inside = (study.observations.observed >= study.low) & (study.observations.observed <= study.high)
    number = study.observations.terms.kind != 1
    exact = study.observations.exact & number
    share = (
        f"{int(inside[exact].sum())} of {int(exact.sum())} values lie within the 95 % interval of what the calibrated "
    )
    blocks.append(Text(share + "model would have them be."))
    caption = "Statistics and what the calibrated model says of them, with 95 % intervals of what would be observed"
    blocks.append(TableBlock(caption, _fit_shown(study), "fit"))
    if study.bounds:
        blocks.append(
            TableBlock(
                "Bounds, which have no residual: whether the calibrated run keeps them",
                {
                    "series": [b.series for b in study.bounds],
                    "time": [_year(b.time) for b in study.bounds],
                    "bound": [f"{b.relation} {words.number(b.bound)}" for b in study.bounds],
                    "fitted": [b.fitted for b in study.bounds],
                    "kept": ["yes" if b.kept else "no" for b in study.bounds],
                },
                "bounds",
            )
        )
    return Section("Fit", blocks)


def _year(time: float) -> str:
    return f"{time:.10g}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _printed(value: float) -> str:
    """A statistic with all its digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _fit_shown(study: Study) -> dict[str, Any]:
    """The rows as they are read: bounds with their sign, what was not fitted with the reason."""
    observations = study.observations
    signs = {"at least": "≥ ", "at most": "≤ "}
    use = {True: "held out", False: "fitted"}
    rows = observations.observations
    return {
        "series": [observations.series[row.series].name for row in rows],
        "time": [_year(row.time) for row in rows],
        "observed": [signs.get(row.kind, "") + _printed(row.value) for row in rows],
        "model": study.fitted,
        "low": study.low,
        "high": study.high,
        "use": [use[row.held_out] if observations.series[row.series].fitted else "shown" for row in rows],
    }


def _scores_shown(study: Study) -> dict[str, Any]:
    """``scores.csv`` under names that a page has room for."""
    names = {
        "series": "series", "held_out": "years", "n": "n", "r2": "R²", "mae_over_mean": "MAE/mean", "rmse": "RMSE",
        "naive_rmse": "RMSE of trend", "theil_bias": "Uᴹ", "theil_variance": "Uˢ", "theil_covariance": "Uᶜ",
    }  # fmt: skip
    columns = tables.scores(study)
    trivial = [years == "fitted" and n <= 2 for years, n in zip(columns["held_out"], columns["n"], strict=True)]
    columns["naive_rmse"] = [
        float("nan") if own else value for own, value in zip(trivial, columns["naive_rmse"], strict=True)
    ]  # a line through two points is no forecast
    return {shown: columns[column] for column, shown in names.items()}


def _sources_shown(study: Study) -> dict[str, Any]:
    """Every statistic with its source; of a link only the site."""
    columns = tables.reliability_of(study)
    shown = ("series", "time", "as printed", "source", "reliability", "least error", "how it was read")
    made = {name: columns[name] for name in shown}
    made["time"] = [_year(time) for time in columns["time"]]
    made["source"] = [re.sub(r"https?://([^/\s]+)\S*", r"\1", text) for text in columns["source"]]
    made["how it was read"] = [textwrap.shorten(text, 90, placeholder=" …") for text in columns["how it was read"]]
    return made


def _scores(study: Study) -> Section:
    blocks: list[Block] = [
        TableBlock("Fit by series; a dash where a figure is not defined", _scores_shown(study), "scores"),
        Text(
            "R² is the share of the observations' variation around their mean that the run accounts for, below 0 where "
            "the mean would do better. Theil's parts split the mean squared error into bias (Uᴹ), unequal variation "
            "(Uˢ) and unequal covariation (Uᶜ). The trend is the straight line through the fitted years: over these it "
            "is fitted itself, over held-out years it forecasts as the model does.",
            "note",
        ),
    ]
    residuals = figures.residuals(study)
    if residuals is not None:
        blocks.append(FigureBlock(residuals))
    known = [a for a in study.autocorrelations if np.isfinite(a.lag_one)]
    if known:
        blocks.append(
            TableBlock(
                "Residual autocorrelation, from one observation to the next; beyond ± bound it is no chance",
                {
                    "series": [a.series for a in known],
                    "n": [a.n for a in known],
                    "lag one": [a.lag_one for a in known],
                    "bound": [a.bound for a in known],
                    "Durbin-Watson": [a.durbin_watson for a in known],
                },
                "autocorrelation",
            )
        )
    elif study.autocorrelations:
        blocks.append(Text("No series has the five fitted values from which an autocorrelation can be told.", "note"))
    return Section("How near", blocks)


def _parameters(study: Study) -> Section:
    made = study.calibration
    blocks: list[Block] = [
        TableBlock(f"Estimates; intervals: {words.intervals_text(study)}", tables.estimates(study), "estimates"),
        FigureBlock(figures.profiles(study)),
        FigureBlock(figures.learned(study)),
    ]
    if made.trials:
        blocks.append(_choice(study))
    if made.combinations:
        blocks.append(
            TableBlock(
                "Combinations of parameters, best told first: the deviation that the data leave, in widths of "
                "the range; "
                "above a half nothing is told",
                {
                    "combination": [c.text for c in made.combinations],
                    "deviation": [c.deviation for c in made.combinations],
                },
                "combinations",
            )
        )
    supplied = study.observations.supplied
    if supplied:
        blocks.append(
            TableBlock(
                "Constants that the statistics give outright: set, not fitted",
                {
                    "parameter": [s.name for s in supplied],
                    "value": [s.value for s in supplied],
                    "low": [s.low for s in supplied],
                    "high": [s.high for s in supplied],
                    "unit": [s.unit for s in supplied],
                },
                "supplied",
            )
        )
    blocks.append(FigureBlock(figures.waterfall(study)))
    return Section("Parameters", blocks)


def _choice(study: Study) -> TableBlock:
    """Every set of parameters that was tried."""
    trials = study.calibration.trials
    return TableBlock(
        "How the parameters were chosen: sets in the order in which they were tried; a parameter that can go from end "
        "to end of its range with hardly a fall of the likelihood is put back, and the next set is chosen without it",
        {
            "chosen by sensitivities": [t.where for t in trials],
            "set": [", ".join(t.fitted) for t in trials],
            "log-likelihood": [t.value for t in trials],
            "put back": [", ".join(t.flat) for t in trials],
        },
        "choice",
    )


def _rests(study: Study) -> Section | None:
    figure = figures.rests(study)
    if figure is None:
        return None
    runs, failed = study.grounds[0].runs, study.grounds[0].failed
    return Section(
        "What conclusions rest on",
        [
            FigureBlock(figure),
            TableBlock(
                "Outcomes over the ranges shipped (before) and with the statistics (after): 5 %, 50 %, 95 % "
                "points; what "
                "is left of the variance comes from the fitted parameters, or from the ranges of all others",
                _rests_shown(study),
                "rests",
            ),
            Text(f"{runs:,} runs, {failed:,} failed.", "note"),
        ],
    )


def _rests_shown(study: Study) -> dict[str, list[Any]]:
    """The table in few columns."""

    def points(values: tuple[float, float, float]) -> str:
        return " / ".join(words.number(value) for value in values)

    return {
        "outcome": [g.outcome for g in study.grounds],
        "rests on": [g.rests_on for g in study.grounds],
        "variance taken": [words.with_error(g.taught, g.taught_error) for g in study.grounds],
        "left: fitted": [g.from_numbers for g in study.grounds],
        "left: ranges": [g.from_ranges for g in study.grounds],
        "before": [points(g.before) for g in study.grounds],
        "after": [points(g.after) for g in study.grounds],
    }


def _draws(study: Study) -> Section | None:
    draws, health, ranks = study.calibration.draws, study.calibration.health, figures.ranks(study)
    blocks: list[Block] = []
    if draws is not None and health is not None:
        blocks.append(Text(_sentence(words.sampler_text(study))))
        blocks.append(
            TableBlock(
                "Whether the chains can be believed",
                {
                    "parameter": list(draws.names),
                    "R-hat": [health.r_hat[n] for n in draws.names],
                    "bulk size": [health.ess_bulk[n] for n in draws.names],
                    "tail size": [health.ess_tail[n] for n in draws.names],
                },
                "chains",
            )
        )
    elif study.calibration.weighted is not None:
        blocks.append(Text(_sentence(words.sampler_text(study))))
    if ranks is not None and study.ranks is not None:
        blocks.append(FigureBlock(ranks))
        found, cover = study.ranks.p_values(), study.ranks.coverage()
        blocks.append(
            TableBlock(
                "Uniformity of ranks (chi-square) and coverage of 95 % intervals",
                {
                    "coordinate": list(found),
                    "p": list(found.values()),
                    "coverage": [cover[name] for name in found],
                },
                "sbc",
            )
        )
    return Section("Draws", blocks) if blocks else None


def _data(study: Study) -> Section:
    made = study.calibration
    blocks: list[Block] = [
        TableBlock(
            "Every statistic that is compared, as printed; the least error is that of its source",
            _sources_shown(study),
            "statistics",
            fold=12,
        ),
    ]
    left = tables.unused(study)
    if left["row"]:
        left["row"] = [str(row) for row in left["row"]]
        blocks.append(TableBlock("Rows that say nothing to the model, each with its reason", left, "unused", fold=8))
    blocks.append(
        Text(
            f"Fitted: {words.names([f.name for f in made.posterior.fitted])}. Not fitted: "
            f"{len(study.not_fitted)} other "
            "uncertain parameters, which keep the model's value in the fit and their ranges in what conclusions "
            "rest on.",
        )
    )
    return Section("Statistics", blocks)


def _repeat(items: Sequence[Item], command: str) -> Section:
    return Section(
        "How it was made",
        [
            Text(command, "note"),
            TableBlock(
                "What a reader needs to make it again (after Rahmandad and Sterman 2012)",
                {
                    "part": [item.part for item in items],
                    "level": [item.level for item in items],
                    "item": [item.asked for item in items],
                    "here": [item.answer for item in items],
                },
                "reporting",
                fold=40,
            ),
        ],
    )
