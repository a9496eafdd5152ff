"""The field's tests, a row a test, and the papers' claims with their verdicts."""

from __future__ import annotations

from cluster_sd.report.main.left_out import left_out
from cluster_sd.report.main.tables import Record, facts_of, where
from cluster_sd.report.page import Block, Section, TableBlock, Text
from cluster_sd.report.words import Words
from cluster_sd.stages import Results

__all__ = ["section"]


def section(results: Results, words: Words) -> Section:
    """Counts, failures first, all rows, and the claims apart from them."""
    reason = left_out(results, "validation", words)
    if reason is not None:
        return Section(words("validation.title"), [reason], name="validation")
    facts = facts_of(results, "validation")
    counts = facts["counts"]
    rows = where(results, "validation", "rows")
    told = {kind: counts.get(kind, 0) for kind in ("pass", "fail", "finding", "skipped")}
    blocks: list[Block] = [
        Text(
            words(
                "validation.read",
                passed=told["pass"],
                failed=told["fail"],
                findings=told["finding"],
                skipped=told["skipped"],
                runs=words.number(facts["runs"]),
            )
        )
    ]
    failures = [row for row in rows if row["result"] == "fail"]
    if failures:
        blocks.append(_table(failures, words, "validation.failures", "failures", fold=40))
    blocks.append(_table(rows, words, "validation.rows", "tests", fold=10))
    claims = where(results, "validation", "claims")
    if claims:
        blocks += [Text(words("validation.claims_read")), _table(claims, words, "validation.claims", "claims", fold=10)]
    return Section(words("validation.title"), blocks, name="validation")


def _table(rows: list[Record], words: Words, caption: str, download: str, fold: int) -> TableBlock:
    columns = {
        "test": [_said(f"validation.test_{row['test'].replace(' ', '_')}", row["test"], words) for row in rows],
        "subject": [words.name(row["subject"]) for row in rows],
        "result": [words(f"validation.{row['result']}") for row in rows],
        "figure": [row["figure"] for row in rows],
        "limit": [row["limit"] for row in rows],
        "detail": [row["detail"] for row in rows],
    }
    named = {words(f"validation.column_{name}"): column for name, column in columns.items()}
    return TableBlock(words(caption), named, download, fold=fold)


def _said(key: str, otherwise: str, words: Words) -> str:
    return words(key) if words.has(key) else otherwise
