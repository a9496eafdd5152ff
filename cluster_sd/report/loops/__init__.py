"""Figures, diagram and page of a loop analysis."""

from __future__ import annotations

from cluster_sd.loops.view import Beside, LoopView
from cluster_sd.report.loops.ensemble import Influence
from cluster_sd.report.loops.page import LoopReport, loops_table, scores_blocks

__all__ = ["Beside", "Influence", "LoopReport", "LoopView", "loops_table", "scores_blocks"]
