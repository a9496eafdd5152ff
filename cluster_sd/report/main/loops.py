"""Feedback loops over time: which loops with a name, and which mechanisms, drive the behaviour."""

from __future__ import annotations

from cluster_sd.report.charts import ChartBlock, Panel, Series, lines
from cluster_sd.report.main.left_out import left_out
from cluster_sd.report.main.tables import Record, by, facts_of, known, where
from cluster_sd.report.page import Block, Section, TableBlock, Text
from cluster_sd.report.words import Words
from cluster_sd.stages import Results

__all__ = ["section"]

#: Loops that are drawn.
DRAWN = 7


def section(results: Results, words: Words) -> Section:
    """Which loop drives, from when to when; shares by loop and by mechanism; the loops."""
    reason = left_out(results, "loops", words)
    if reason is not None:
        return Section(words("loops.title"), [reason], name="loops")
    facts = facts_of(results, "loops")
    loops = where(results, "loops", "loops")
    names = {row["loop"]: _label(row, words) for row in loops}
    blocks: list[Block] = [Text(words("loops.read"))]
    driving = facts.get("driving") or []
    if driving:
        told = [
            words(
                "loops.driven",
                loop=names.get(one["loop"], one["loop"]),
                first=words.year(one["from"]),
                last=words.year(one["to"]),
            )
            for one in driving
        ]
        blocks.insert(0, Text(words("loops.driving", periods=words.list(told))))
    blocks += _charts(results, names, words)
    blocks.append(
        Text(words("loops.complete" if facts["complete"] else "loops.incomplete", found=facts["found"]), "note")
    )
    blocks.append(_table(loops, words))
    return Section(words("loops.title"), blocks, name="loops")


def _label(row: Record, words: Words) -> str:
    return words("loops.label", id=row["loop"], name=words.name(row["name"])) if row["name"] else row["loop"]


def _charts(results: Results, names: dict[str, str], words: Words) -> list[Block]:
    shares = by(where(results, "loops", "shares"), "loop")
    strongest = sorted(shares, key=lambda loop: -_mean(shares[loop]))[:DRAWN]
    groups = by(where(results, "loops", "groups"), "group")
    made: list[Block] = []
    for key, chosen in (
        ("shares", {names.get(loop, loop): shares[loop] for loop in strongest}),
        ("groups", {words.name(group): rows for group, rows in groups.items()}),
    ):
        drawn = [
            Series(str(name), [r["time"] for r in rows], [r["share"] for r in rows], kind="area")
            for name, rows in chosen.items()
        ]
        if drawn:
            panel = Panel(words(f"loops.{key}"), drawn, words("loops.axis"), percent=True)
            chart = lines(
                f"loops-{key}", words(f"loops.{key}"), words(f"loops.{key}_caption", most=DRAWN), [panel], stacked=True
            )
            made.append(ChartBlock(chart))
    return made


def _mean(rows: list[Record]) -> float:
    sizes = [abs(row["share"]) for row in rows if known(row["share"])]
    return sum(sizes) / len(sizes) if sizes else 0.0


def _table(loops: list[Record], words: Words) -> TableBlock:
    named = [row for row in loops if row["name"]] or loops[:30]
    columns = {
        "loop": [_label(row, words) for row in named],
        "mechanism": [words.name(row["mechanism"]) for row in named],
        "kind": [words(f"loops.{row['kind']}") if row["kind"] else "–" for row in named],
        "polarity": [row["polarity"] for row in named],
        "share": [words.percent(row["mean_share"]) for row in named],
        "variables": [" → ".join(words.name(v.strip()) for v in row["variables"].split(";")) for row in named],
    }
    caption = words("loops.table" if named is not loops else "loops.table_all")
    return TableBlock(caption, {words(f"loops.column_{n}"): c for n, c in columns.items()}, "loops", fold=6)
