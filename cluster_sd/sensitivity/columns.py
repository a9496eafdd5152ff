"""Work on the outcomes of an ensemble, some at a time, on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_threads"]

T = TypeVar("T")
R = TypeVar("R")


def in_threads(work: Callable[[T], R], tasks: Sequence[T]) -> list[R]:
    """What `work` gives for each task, in their order; NumPy lets go of the interpreter while it computes.

    Results don't depend on the number of threads: a task is the same whoever does it.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if len(tasks) < 2 or cores < 2:
        return [work(task) for task in tasks]
    with ThreadPoolExecutor(min(cores, 8)) as pool:
        return list(pool.map(work, tasks))
