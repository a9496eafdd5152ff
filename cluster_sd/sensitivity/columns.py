"""Work on the outcomes of an ensemble, some at a time, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from cluster_sd.simulate.batch import usable_cores

__all__ = ["in_threads", "limited"]

T = TypeVar("T")
R = TypeVar("R")

#: More threads gain little, where memory is what they wait for.
MOST = 8
_limit: ContextVar[int | None] = ContextVar("threads", default=None)


@contextmanager
def limited(threads: int | None) -> Iterator[None]:
    """Within it `in_threads` takes so many threads; None: as many as there are cores."""
    before = _limit.set(threads)
    try:
        yield
    finally:
        _limit.reset(before)


def in_threads(work: Callable[[T], R], tasks: Sequence[T]) -> list[R]:
    """What `work` gives for each task, in their order; NumPy lets go of the interpreter while it computes.

    Results don't depend on the number of threads: a task is the same whoever does it.
    """
    threads = min(_limit.get() or usable_cores(), MOST, len(tasks))
    if threads < 2:
        return [work(task) for task in tasks]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, tasks))
