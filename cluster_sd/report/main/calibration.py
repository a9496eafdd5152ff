"""What the statistics say of the parameters: estimates, identifiability, and years that were held out."""

from __future__ import annotations

from cluster_sd.report.main.left_out import left_out
from cluster_sd.report.main.tables import Record, facts_of, where
from cluster_sd.report.page import Block, Bullets, Section, TableBlock, Text
from cluster_sd.report.words import Words
from cluster_sd.stages import Results

__all__ = ["section"]

#: Verdicts of a profile likelihood, as ``estimates.csv`` has them.
VERDICTS = ("identifiable", "weak", "not identifiable", "bound-limited")


def section(results: Results, words: Words) -> Section:
    """The estimates with their verdicts, and how the model did on years that it was not shown."""
    reason = left_out(results, "calibration", words)
    if reason is not None:
        return Section(words("calibration.title"), [reason], name="calibration")
    facts = facts_of(results, "calibration")
    estimates = where(results, "calibration", "estimates")
    counts = {verdict: sum(row["verdict"] == verdict for row in estimates) for verdict in VERDICTS}
    told = [words("calibration.count", verdict=_verdict(name, words), count=n) for name, n in counts.items() if n]
    blocks: list[Block] = [
        Text(words("calibration.read", count=len(estimates), date=facts["date"])),
        Text(words("calibration.verdicts", verdicts=words.list(told))),
    ]
    if not facts["current"]:
        blocks.append(Text(words("calibration.stale"), "note"))
    blocks.append(_estimates(estimates, words))
    held = where(results, "calibration", "held_out")
    if held:
        blocks.append(_held_out(held, words))
    if facts.get("warnings"):
        blocks += [Text(words("calibration.warnings")), Bullets(facts["warnings"])]
    return Section(words("calibration.title"), blocks, name="calibration")


def _verdict(name: str, words: Words) -> str:
    return words(f"calibration.{name.replace(' ', '_').replace('-', '_')}")


def _estimates(estimates: list[Record], words: Words) -> TableBlock:
    columns: dict[str, list] = {words("calibration.parameter"): [words.name(row["parameter"]) for row in estimates]}
    for name in ("estimate", "ci_low", "ci_high", "prior_low", "prior_high"):
        columns[words(f"calibration.{name}")] = [row[name] for row in estimates]
    columns[words("calibration.verdict")] = [_verdict(row["verdict"], words) for row in estimates]
    return TableBlock(words("calibration.estimates"), columns, "estimates")


def _held_out(held: list[Record], words: Words) -> TableBlock:
    columns: dict[str, list] = {
        words("base.series"): [words.name(row["series"]) for row in held],
        words("calibration.years"): [words(f"calibration.{row['held_out'].replace(' ', '_')}") for row in held],
    }
    for name in ("n", "r2", "mae_over_mean", "rmse"):
        columns[words(f"base.{name}")] = [row[name] for row in held]
    columns[words("calibration.naive_rmse")] = [row["naive_rmse"] for row in held]
    return TableBlock(words("calibration.held_out_table"), columns, "holdout")
