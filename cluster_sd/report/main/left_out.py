"""What stands in a section whose stage was left out: that it was, and why."""

from __future__ import annotations

from cluster_sd.report.page import Text
from cluster_sd.report.words import Words
from cluster_sd.stages import LeftOut, Results

__all__ = ["left_out"]


def left_out(results: Results, stage: str, words: Words) -> Text | None:
    """The line that says why a stage was left out; None where it wasn't."""
    made = results.get(stage)
    if made is None:
        return Text(words("left_out.not_asked"), "note")
    if isinstance(made, LeftOut):
        return Text(words("left_out.because", reason=words(made.reason, **made.values)), "note")
    return None
