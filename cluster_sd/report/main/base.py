"""The base run and the calibrated model against the statistics."""

from __future__ import annotations

from cluster_sd.report.charts import ChartBlock, Panel, Series, lines
from cluster_sd.report.main.left_out import left_out
from cluster_sd.report.main.tables import Record, by, known, where
from cluster_sd.report.page import Block, Section, TableBlock, Text
from cluster_sd.report.words import Words
from cluster_sd.stages import Results

__all__ = ["section"]

SCORES = ("n", "r2", "mae_over_mean", "rmse", "theil_bias", "theil_variance", "theil_covariance")


def section(results: Results, words: Words) -> Section:
    """Courses with the statistics on them, and the field's scores of fit."""
    reason = left_out(results, "base", words)
    if reason is not None:
        return Section(words("base.title"), [reason], name="base")
    observed = by(where(results, "base", "observed"), "series")
    courses = by(where(results, "base", "course"), "series")
    panels = [_panel(name, courses.get(name, []), seen, words) for name, seen in observed.items() if name in courses]
    blocks: list[Block] = [Text(words("base.read"))]
    if panels:
        title, caption = words("base.chart"), words("base.caption")
        blocks.append(ChartBlock(lines("base", title, caption, panels, choose=(words("base.choose"),))))
    scores = where(results, "base", "scores")
    if scores:
        blocks.append(TableBlock(words("base.scores"), _scores(scores, words), "base-scores", fold=16))
        blocks.append(Text(words("base.theil"), "note"))
    return Section(words("base.title"), blocks, name="base")


def _panel(name: str, course: list[Record], seen: list[Record], words: Words) -> Panel:
    times = [row["time"] for row in course]
    made = []
    if any(known(row["calibrated"]) for row in course):
        band = ([row["low"] for row in course], [row["high"] for row in course])
        made.append(Series(words("base.calibrated"), times, [row["calibrated"] for row in course], *band))
    made.append(Series(words("base.base"), times, [row["base"] for row in course]))
    exact = [row for row in seen if known(row["value"])]
    made.append(
        Series(
            words("base.statistics"),
            [row["time"] for row in exact],
            [row["value"] for row in exact],
            [row["low"] for row in exact],
            [row["high"] for row in exact],
            kind="marks",
        )
    )
    unit = words.unit(seen[0]["unit"])
    return Panel(words.name(name), made, unit, unit=unit)


def _scores(scores: list[Record], words: Words) -> dict[str, list]:
    made: dict[str, list] = {
        words("base.series"): [words.name(row["series"]) for row in scores],
        words("base.run"): [words(f"base.{row['run']}") for row in scores],
        words("base.unit"): [words.unit(row["unit"]) for row in scores],
    }
    return made | {words(f"base.{name}"): [row[name] for row in scores] for name in SCORES}
