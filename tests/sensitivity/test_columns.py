"""Work on the outcomes is shared among the threads that the user allows, and no others."""

from __future__ import annotations

import threading

from cluster_sd.sensitivity import columns
from cluster_sd.sensitivity.columns import in_threads, limited


def workers(tasks: int) -> set[int]:
    """Which threads did the work, each of which waits until all are at it."""
    expected = min(tasks, columns.MOST, columns._limit.get() or columns.usable_cores())
    together = threading.Barrier(expected)

    def work(_: int) -> int:
        together.wait(timeout=60)
        return threading.get_ident()

    return set(in_threads(work, range(expected)))


def test_as_many_threads_work_as_are_allowed():
    with limited(3):
        assert len(workers(7)) == 3
        with limited(1):
            assert workers(7) == {threading.get_ident()}
        assert len(workers(7)) == 3


def test_without_a_limit_all_cores_work(monkeypatch):
    monkeypatch.setattr(columns, "usable_cores", lambda: 5)
    assert len(workers(7)) == 5


def test_results_stand_in_the_order_of_the_tasks():
    with limited(4):
        assert in_threads(lambda x: x * x, range(100)) == [x * x for x in range(100)]
