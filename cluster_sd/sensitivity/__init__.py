"""Which parameters matter, and how sure that is.

`problem` says what varies, `method` how a method is called, `result` what it gives. Each method is a module of its own.
"""

from __future__ import annotations

from cluster_sd.sensitivity.method import METHODS, Method, find_method
from cluster_sd.sensitivity.problem import DUMMY, Factor, Group, Problem, problem_of
from cluster_sd.sensitivity.result import Estimate, Indices, Outcome
from cluster_sd.sensitivity.sampling import Outputs, Sample

__all__ = [
    "DUMMY",
    "METHODS",
    "Estimate",
    "Factor",
    "Group",
    "Indices",
    "Method",
    "Outcome",
    "Outputs",
    "Problem",
    "Sample",
    "find_method",
    "problem_of",
]
