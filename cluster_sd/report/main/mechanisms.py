"""The experiment on mechanisms: each off and on, in all combinations."""

from __future__ import annotations

from cluster_sd.report.charts import BarPanel, ChartBlock, Row, bars
from cluster_sd.report.main.left_out import left_out
from cluster_sd.report.main.tables import Outcome, Record, by, facts_of, known, outcomes, where
from cluster_sd.report.page import Block, Section, TableBlock, Text
from cluster_sd.report.words import Words
from cluster_sd.stages import Results

__all__ = ["section"]


def section(results: Results, words: Words) -> Section:
    """Shapley values by outcome, and every effect in a table."""
    reason = left_out(results, "mechanisms", words)
    if reason is not None:
        return Section(words("mechanisms.title"), [reason], name="mechanisms")
    facts = facts_of(results, "mechanisms")
    effects = by(where(results, "mechanisms", "effects"), "outcome")
    looked_at = [one for one in outcomes(results) if one.name in effects]
    panels = [_panel(one, effects[one.name], words) for one in looked_at]
    names = words.list([words.name(name) for name in facts["names"]])
    count = 2 ** len(facts["names"])
    caption = words("mechanisms.caption", sets=words.number(facts["sets"]), runs=words.number(facts["runs"]))
    blocks: list[Block] = [
        Text(words("mechanisms.read", names=names, combinations=count)),
        ChartBlock(
            bars("mechanisms", words("mechanisms.chart"), caption, panels, choose=(words("scenarios.outcome"),))
        ),
        _table(looked_at, effects, words),
    ]
    return Section(words("mechanisms.title"), blocks, name="mechanisms")


def _panel(outcome: Outcome, effects: list[Record], words: Words) -> BarPanel:
    made = [
        Row(words.name(row["term"]), row["mean"], row["ci_low"], row["ci_high"])
        for row in effects
        if row["kind"] == "shapley" and known(row["mean"])
    ]
    unit = words.unit(outcome.unit)
    return BarPanel(
        words.name(outcome.name), made, words("levers.effect_axis", unit=f" [{unit}]" if unit else ""), unit=unit
    )


def _table(looked_at: list[Outcome], effects: dict[str, list[Record]], words: Words) -> TableBlock:
    rows = [(outcome, row) for outcome in looked_at for row in effects[outcome.name]]
    columns = {
        "outcome": [words.name(outcome.name) for outcome, _ in rows],
        "term": [_term(row["term"], words) for _, row in rows],
        "kind": [words(f"mechanisms.{row['kind']}") for _, row in rows],
        "mean": [row["mean"] for _, row in rows],
        "low": [row["ci_low"] for _, row in rows],
        "high": [row["ci_high"] for _, row in rows],
        "positive": [words.percent(row["positive"]) if known(row["positive"]) else "–" for _, row in rows],
    }
    named = {words(f"mechanisms.column_{name}"): column for name, column in columns.items()}
    return TableBlock(words("mechanisms.table"), named, "mechanisms", fold=12)


def _term(term: str, words: Words) -> str:
    return " × ".join(words.name(part) for part in term.split(" × "))
