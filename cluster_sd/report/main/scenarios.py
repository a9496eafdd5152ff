"""Scenarios side by side: what each does to an outcome, and its course beside the base run's."""

from __future__ import annotations

from cluster_sd.report.charts import BarPanel, ChartBlock, Panel, Row, Series, bars, lines
from cluster_sd.report.main.left_out import left_out
from cluster_sd.report.main.tables import Outcome, Record, by, facts_of, known, outcomes, where
from cluster_sd.report.page import Block, Section, TableBlock, Text
from cluster_sd.report.words import Words
from cluster_sd.stages import Results

__all__ = ["section"]

#: Bars of one outcome: the scenarios that change it most.
MOST = 15


def section(results: Results, words: Words) -> Section:
    """Bars by outcome, courses by outcome and scenario, and the table of scenarios."""
    reason = left_out(results, "scenarios", words)
    if reason is not None:
        return Section(words("scenarios.title"), [reason], name="scenarios")
    numbers = by(where(results, "scenarios", "numbers"), "outcome")
    looked_at = [one for one in outcomes(results) if one.name in numbers]
    panels = [_changes(one, numbers[one.name], words) for one in looked_at]
    panels = [panel for panel in panels if panel.rows]
    choose = words("scenarios.outcome")
    blocks: list[Block] = [Text(words("scenarios.read"))]
    if panels:
        chart = bars(
            "scenarios", words("scenarios.bars"), words("scenarios.bars_caption", most=MOST), panels, choose=(choose,)
        )
        blocks.append(ChartBlock(chart))
    courses = _courses(results, looked_at, words)
    if courses:
        title, caption = words("scenarios.courses"), words("scenarios.courses_caption")
        both = (choose, words("scenarios.scenario"))
        blocks.append(ChartBlock(lines("scenario-courses", title, caption, courses, choose=both)))
    blocks.append(_table(results, words))
    failed = facts_of(results, "scenarios").get("failed", [])
    if failed:
        blocks.append(Text(words("scenarios.failed", names=words.list([words.name(name) for name in failed])), "note"))
    return Section(words("scenarios.title"), blocks, name="scenarios")


def _changes(outcome: Outcome, numbers: list[Record], words: Words) -> BarPanel:
    changed = [row for row in numbers if row["kind"] == "other" and known(row["change"]) and row["change"] != 0]
    strongest = sorted(changed, key=lambda row: -abs(row["change"]))[:MOST]
    made = [Row(words.name(r["scenario"]), r["change"]) for r in sorted(strongest, key=lambda row: -row["change"])]
    unit = words.unit(outcome.unit)
    return BarPanel(
        words.name(outcome.name), made, words("scenarios.change", unit=f" [{unit}]" if unit else ""), unit=unit
    )


def _courses(results: Results, looked_at: list[Outcome], words: Words) -> list[Panel]:
    made = []
    courses = by(where(results, "scenarios", "courses"), "outcome")
    for outcome in looked_at:
        by_scenario = by(courses.get(outcome.name, []), "scenario")
        base = by_scenario.pop(BASE, None)
        if base is None:
            continue
        drawn = _series(words("base.base"), base)
        for name, course in by_scenario.items():
            label = (words.name(outcome.name), words.name(name))
            unit = words.unit(outcome.unit)
            made.append(Panel(label, [drawn, _series(words.name(name), course)], unit, unit=unit))
    return made


#: Scenario of the base run in the tables.
BASE = "base"


def _series(name: str, course: list[Record]) -> Series:
    return Series(name, [row["time"] for row in course], [row["value"] for row in course])


def _table(results: Results, words: Words) -> TableBlock:
    told = where(results, "model", "scenarios")
    return TableBlock(
        words("scenarios.table"),
        {
            words("scenarios.scenario"): [words.name(row["name"]) for row in told],
            words("scenarios.description"): [words.name(row["description"]) for row in told],
        },
        "scenarios",
        fold=8,
    )
