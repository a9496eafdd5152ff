"""Feedback loops: which of them drive the behaviour of a model, and when.

:func:`analyse` scores the loops of one run by the Loops That Matter method; :func:`analyse_ensemble` those of many runs
with one list of loops; :func:`second_opinion` asks eigenvalue elasticities and pathway participation too.
"""

from __future__ import annotations

from cluster_sd.loops.agreement import SecondOpinion, second_opinion
from cluster_sd.loops.analysis import analyse
from cluster_sd.loops.ensembles import analyse_ensemble, passages
from cluster_sd.loops.named import NamedLoop, read_loops
from cluster_sd.loops.question import Panel, Question, read_question
from cluster_sd.loops.result import (
    OTHER,
    Agreement,
    Bands,
    EigenAnalysis,
    EnsembleLoops,
    Grouped,
    Leads,
    Link,
    Loop,
    LoopAnalysis,
    Partition,
    Passage,
    PathwayAnalysis,
    Search,
)

__all__ = [
    "OTHER",
    "Agreement",
    "Bands",
    "EigenAnalysis",
    "EnsembleLoops",
    "Grouped",
    "Leads",
    "Link",
    "Loop",
    "LoopAnalysis",
    "NamedLoop",
    "Panel",
    "Partition",
    "Passage",
    "PathwayAnalysis",
    "Question",
    "Search",
    "SecondOpinion",
    "analyse",
    "analyse_ensemble",
    "passages",
    "read_loops",
    "read_question",
    "second_opinion",
]
