"""The statistics with their sources, and how to make the page again."""

from __future__ import annotations

from collections.abc import Sequence

from cluster_sd.report.main.left_out import left_out
from cluster_sd.report.main.tables import where
from cluster_sd.report.page import Block, Bullets, Section, TableBlock, Text
from cluster_sd.report.words import Words
from cluster_sd.stages import Results

__all__ = ["data_section", "repeat_section"]

COLUMNS = ("variable", "place", "time", "relation", "value", "unit", "source", "reliability", "note")


def data_section(results: Results, words: Words) -> Section:
    """Every statistic with its source; what could not be used, and why."""
    reason = left_out(results, "data", words)
    if reason is not None:
        return Section(words("data.title"), [reason], name="data")
    rows = where(results, "data", "statistics")
    table = {words(f"data.column_{name}"): [row[name] for row in rows] for name in COLUMNS}
    table[words("data.column_variable")] = [words.name(row["variable"]) for row in rows]
    blocks: list[Block] = [
        Text(words("data.read", count=len(rows))),
        TableBlock(words("data.table"), table, "statistics", fold=8),
    ]
    unused = where(results, "data", "unused")
    if unused:
        columns = {words(f"data.column_{name}"): [str(row[name]) for row in unused] for name in ("row", "reason")}
        blocks.append(TableBlock(words("data.unused"), columns, "unused", fold=4))
    return Section(words("data.title"), blocks, name="data")


def repeat_section(results: Results, words: Words, command: str, made: Sequence[str]) -> Section:
    """The command, versions, hashes, seed and time taken."""
    blocks: list[Block] = [Text(words("repeat.command", command=command)), Bullets(made)]
    files = where(results, "data", "sources")
    if files:
        columns = {
            words("data.column_file"): [row["file"] for row in files],
            words("data.column_rows"): [row["rows"] for row in files],
            "SHA-256": [row["sha256"] for row in files],
        }
        blocks.append(TableBlock(words("repeat.files"), columns, "files"))
    blocks.append(Text(words("repeat.folder"), "note"))
    return Section(words("repeat.title"), blocks, name="repeat")
