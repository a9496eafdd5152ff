"""The stages of the report: from a model to all the numbers of one page, each stage by itself.

A stage is a function of a :class:`~cluster_sd.stages.case.Case` that gives plain data, :class:`Found`, or says why the
model can't have it, :class:`LeftOut`. Numbers only: no words, no language, no page.
"""

from __future__ import annotations

from cluster_sd.stages.carrying import Carried, carry_out
from cluster_sd.stages.case import Case
from cluster_sd.stages.found import Found, LeftOut, Results
from cluster_sd.stages.keeping import Keep, shelf
from cluster_sd.stages.registry import STAGES, Stage

__all__ = ["STAGES", "Carried", "Case", "Found", "Keep", "LeftOut", "Results", "Stage", "carry_out", "shelf"]
