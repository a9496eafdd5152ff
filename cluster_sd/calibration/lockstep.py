"""Threads that ask for a density at one point each and get all their answers from one evaluation."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.posterior import Density

__all__ = ["Lockstep"]

Array = NDArray[Any]


class Lockstep:
    """A meeting place of threads, each with a row of its own.

    Each round waits for all that have not left; the last one to come evaluates all rows at once. What is evaluated
    together so never depends on timing, and the same rows give the same bytes. Rows of those that left stay as they
    were last.

    Parameters
    ----------
    evaluate : callable
        Density and gradient at points of shape (row, coordinate).
    points : array, shape (row, coordinate)
        Where the rows begin.
    """

    def __init__(self, evaluate: Callable[[Array], Density], points: Array) -> None:
        self._evaluate, self._points = evaluate, np.array(points, dtype=float)
        self._present = len(points)
        self._asking = 0
        self._round = 0
        self._found = Density(np.empty(0), np.empty((0, 0)))
        self._failure: BaseException | None = None
        self._change = threading.Condition()

    def ask(self, row: int, point: Array) -> tuple[float, Array]:
        """Density and gradient at `point`, once all others have asked too.

        Raises
        ------
        RuntimeError
            When an evaluation failed, or the threads were told to stop.
        """
        with self._change:
            self._points[row] = point
            self._asking += 1
            mine = self._round
            self._answer_if_all_ask()
            while self._round == mine and self._failure is None:
                self._change.wait()
            if self._failure is not None:
                raise RuntimeError("the chains were stopped") from self._failure
            return float(self._found.value[row]), self._found.gradient[row].copy()

    def leave(self) -> None:
        """Ask no more: the others don't wait for this thread any longer."""
        with self._change:
            self._present -= 1
            self._answer_if_all_ask()

    def stop(self, reason: BaseException) -> None:
        """Make all threads stop at their next question, those that wait at once."""
        with self._change:
            self._failure = self._failure or reason
            self._change.notify_all()

    def _answer_if_all_ask(self) -> None:
        if self._asking < self._present or not self._asking:
            return
        try:
            self._found = self._evaluate(self._points)
        except BaseException as failure:
            self._failure = failure
        self._asking = 0
        self._round += 1
        self._change.notify_all()

    @property
    def failure(self) -> BaseException | None:
        """Why the threads were stopped, where they were."""
        return self._failure
