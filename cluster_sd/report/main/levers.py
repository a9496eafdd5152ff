"""The levers ranked, over time, and what one feasible step of each does."""

from __future__ import annotations

from cluster_sd.report.charts import BarPanel, ChartBlock, Panel, Row, Series, bars, lines
from cluster_sd.report.main.answer import best_steps, step_name, sureness
from cluster_sd.report.main.left_out import left_out
from cluster_sd.report.main.tables import Outcome, Record, by, facts_of, known, outcomes, where
from cluster_sd.report.page import Block, Bullets, Section, TableBlock, Text
from cluster_sd.report.words import Words
from cluster_sd.stages import Results

__all__ = ["section"]

#: Levers drawn over time, and steps listed for each outcome.
COURSES, STEPS = 5, 12
#: Rows of the ranking of everything.
EVERYTHING = 25


def section(results: Results, words: Words) -> Section:
    """Rankings by outcome, over time, and steps."""
    reason = left_out(results, "levers", words)
    if reason is not None:
        return Section(words("levers.title"), [reason], name="levers")
    indices = where(results, "levers", "indices", index="ST")
    ranked = by([row for row in indices if not known(row["time"])], "outcome")
    looked_at = [one for one in outcomes(results) if one.name in ranked]
    choose = (words("scenarios.outcome"),)
    blocks: list[Block] = [Text(words("levers.read", samples=words.number(facts_of(results, "levers")["samples"])))]
    levers = [_bars(one, ranked[one.name], words, levers_only=True) for one in looked_at]
    blocks.append(ChartBlock(bars("levers", words("levers.bars"), words("levers.bars_caption"), levers, choose=choose)))
    over = _over_time(results, looked_at, words)
    if over:
        title, caption = words("levers.courses"), words("levers.courses_caption", most=COURSES)
        blocks.append(ChartBlock(lines("levers-over-time", title, caption, over, choose=choose)))
    blocks += _steps(results, looked_at, words)
    everything = [_bars(one, ranked[one.name], words, levers_only=False) for one in looked_at]
    title, caption = words("levers.everything"), words("levers.everything_caption", most=EVERYTHING)
    blocks.append(ChartBlock(bars("everything", title, caption, everything, choose=choose)))
    blocks += [_leading(results, looked_at, words), *_growing(results, words), _ranges(results, words)]
    return Section(words("levers.title"), blocks, name="levers")


def _bars(outcome: Outcome, ranked: list[Record], words: Words, *, levers_only: bool) -> BarPanel:
    chosen = [row for row in ranked if known(row["value"]) and (row["role"] == "lever" or not levers_only)]
    ordered = sorted(chosen, key=lambda row: -row["value"])[: len(chosen) if levers_only else EVERYTHING]
    made = [
        Row(
            words.name(row["parameter"]),
            row["value"],
            row["ci_low"],
            row["ci_high"],
            role=row["role"],
            note=words("levers.rank", rank=row["rank"], low=row["rank_low"], high=row["rank_high"]),
        )
        for row in ordered
    ]
    return BarPanel(words.name(outcome.name), made, words("levers.axis"), percent=True)


def _over_time(results: Results, looked_at: list[Outcome], words: Words) -> list[Panel]:
    """Leading levers of each outcome's variable over time, the strongest at any time first."""
    moving = [
        row
        for row in where(results, "levers", "indices", index="ST", role="lever")
        if known(row["time"]) and known(row["value"])
    ]
    by_outcome, made = by(moving, "outcome"), []
    for outcome in looked_at:
        courses = by(by_outcome.get(outcome.name, []), "parameter")
        first = sorted(courses, key=lambda name: -max(row["value"] for row in courses[name]))[:COURSES]
        if first:
            drawn = [_course(words.name(name), courses[name]) for name in first]
            made.append(Panel(words.name(outcome.name), drawn, words("levers.axis"), percent=True))
    return made


def _course(name: str, rows: list[Record]) -> Series:
    ordered = sorted(rows, key=lambda row: row["time"])
    value, low, high = ([row[key] for row in ordered] for key in ("value", "ci_low", "ci_high"))
    return Series(name, [row["time"] for row in ordered], value, low, high)


def _steps(results: Results, looked_at: list[Outcome], words: Words) -> list[Block]:
    """What one feasible step of each lever does: chart and table."""
    panels, table = [], []
    for outcome in looked_at:
        best = best_steps(results, outcome)[:STEPS]
        if not best:
            continue
        made = [
            Row(
                step_name(row, results, words),
                row["median"],
                row["spread_low"],
                row["spread_high"],
                note=words("levers.improves", share=words.percent(row["improves"]), best=words.percent(row["best"])),
            )
            for row in best
        ]
        unit = words.unit(outcome.unit)
        panels.append(
            BarPanel(
                words.name(outcome.name),
                made,
                words("levers.effect_axis", unit=f" [{unit}]" if unit else ""),
                unit=unit,
            )
        )
        table += [(outcome, row) for row in best]
    if not panels:
        return []
    chart = bars(
        "steps",
        words("levers.steps"),
        words("levers.steps_caption", most=STEPS),
        panels,
        choose=(words("scenarios.outcome"),),
    )
    return [Text(words("levers.steps_read")), ChartBlock(chart), _steps_table(results, table, words)]


def _steps_table(results: Results, table: list[tuple[Outcome, Record]], words: Words) -> TableBlock:
    columns = {
        "outcome": [words.name(outcome.name) for outcome, _ in table],
        "step": [step_name(row, results, words) for _, row in table],
        "since": [words.year(row["since"]) for _, row in table],
        "median": [row["median"] for _, row in table],
        "low": [row["spread_low"] for _, row in table],
        "high": [row["spread_high"] for _, row in table],
        "unit": [words.unit(outcome.unit) for outcome, _ in table],
        "improve": [words.percent(row["improves"]) for _, row in table],
        "best": [words.percent(row["best"]) for _, row in table],
        "cost": [words(f"levers.cost_{row['cost_verdict']}") if row["cost_verdict"] else "–" for _, row in table],
        "per_million": [1e6 * row["per_yuan"] if known(row["per_yuan"]) else float("nan") for _, row in table],
    }
    named = {words(f"levers.column_{name}"): column for name, column in columns.items()}
    return TableBlock(words("levers.steps_table"), named, "steps", fold=0)


def _leading(results: Results, looked_at: list[Outcome], words: Words) -> TableBlock:
    rows = by(where(results, "levers", "leading"), "outcome")
    known_ones = [one for one in looked_at if one.name in rows]
    columns: dict[str, list] = {words("answer.column_outcome"): [words.name(one.name) for one in known_ones]}
    for place in (1, 2, 3):
        cells = [next((row for row in rows[one.name] if row["place"] == place), None) for one in known_ones]
        columns[words(f"levers.place_{place}")] = [
            "–"
            if row is None
            else words("answer.with_share", name=words.name(row["lever"]), share=words.percent(row["value"]))
            for row in cells
        ]
    columns[words("answer.column_sure")] = [sureness(rows[one.name][0]["probability"], words) for one in known_ones]
    return TableBlock(words("levers.leading"), columns, "leading", fold=60)


def _growing(results: Results, words: Words) -> list[Block]:
    """Whether the ranking is settled at this size of the sample."""
    last: dict[str, Record] = {row["outcome"]: row for row in where(results, "levers", "growing")}
    told = [
        words(
            "levers.settled" if row["settled"] else "levers.unsettled",
            outcome=words.name(name),
            samples=words.number(row["samples"]),
        )
        for name, row in last.items()
    ]
    return [Bullets(told)] if told else []


def _ranges(results: Results, words: Words) -> TableBlock:
    varied = where(results, "levers", "ranges")
    columns = {
        "parameter": [words.name(row["parameter"]) for row in varied],
        "role": [words("levers.lever" if row["role"] == "lever" else "levers.uncertain") for row in varied],
        "group": [words.name(row["group"]) for row in varied],
        "distribution": [row["distribution"] for row in varied],
        "low": [row["low"] for row in varied],
        "high": [row["high"] for row in varied],
        "unit": [words.unit(row["unit"]) for row in varied],
    }
    named = {words(f"levers.column_{name}"): column for name, column in columns.items()}
    return TableBlock(words("levers.ranges"), named, "ranges", fold=0)
