"""Measures as functions of saved values, with their derivatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import UnsupportedError
from cluster_sd.measures import KINDS, time_index

Array = NDArray[np.float64]
Evaluate = Callable[[Array, Array], tuple[Array, Array]]


@dataclass(frozen=True, slots=True)
class Functional:
    """A number made of the saved values of some outputs.

    Attributes
    ----------
    name : str
        For people.
    outputs : tuple of int
        Nodes of the program.
    evaluate : callable
        ``evaluate(times, series)`` with `series` of shape (save, output, run) gives the value, shape (run,), and its
        derivative in `series`, same shape as `series`.
    jumps : bool
        The value itself jumps when `series` changes smoothly; then no derivative of it is to be believed.
    pick : callable, optional
        Where the value is that of one output at one saved time: ``pick(times)`` is the position of that time.
    """

    name: str
    outputs: tuple[int, ...]
    evaluate: Evaluate
    jumps: bool = False
    pick: Callable[[Array], int] | None = None


def functional(kind: str, output: int, argument: float | None = None, name: str = "") -> Functional:
    """The measure `kind` (``at`` or a key of :data:`cluster_sd.measures.KINDS`) of one output.

    Parameters
    ----------
    kind : str
    output : int
        Node of the program.
    argument : float, optional
        The time of ``at``, the level of ``time_above``.
    name : str, optional

    Raises
    ------
    UnsupportedError
        For a kind that has no derivative.
    """
    if kind not in DERIVATIVES:
        raise UnsupportedError(f"no derivative of the measure {kind!r}; there are those of {', '.join(DERIVATIVES)}")

    picks: Mapping[str, Callable[[Array], int]] = {
        "at": lambda times: time_index(times, argument or 0.0, f"measure {name or kind}"),
        "final": lambda times: len(times) - 1,
    }
    pick = picks.get(kind)

    def evaluate(times: Array, series: Array) -> tuple[Array, Array]:
        one = series[:, 0]
        value = KINDS[kind](times, one, argument) if pick is None else one[pick(times)]
        return value, DERIVATIVES[kind](times, one, argument)[:, None]

    return Functional(name or kind, (output,), evaluate, kind == "time_of_max", pick)


def _one(series: Array, rows: int | NDArray[np.int64]) -> Array:
    """Derivative of the value in row `rows` (of each run)."""
    weights = np.zeros_like(series)
    weights[rows, np.arange(series.shape[1])] = 1.0
    return weights


def _time_above(times: Array, series: Array, level: float | None) -> Array:
    """Where the straight line between two saved values crosses the level, the crossing moves with both."""
    before, after = series[:-1] - (level or 0.0), series[1:] - (level or 0.0)
    crosses = (before > 0) != (after > 0)
    rise = np.where(crosses, after - before, 1.0)
    # the share above is after / rise on the way up and -before / rise on the way down
    scale = np.where(crosses, np.sign(rise) * np.diff(times)[:, None] / rise**2, 0.0)
    weights = np.zeros_like(series)
    weights[:-1] += scale * after
    weights[1:] -= scale * before
    return weights


#: Derivative of each measure of one output in its values: ``rule(times, series, argument)``, `series` and result of
#: shape (save, run).
DERIVATIVES: Mapping[str, Callable[[Array, Array, float | None], Array]] = {
    "final": lambda times, series, _: _one(series, -1),
    "at": lambda times, series, time: _one(series, time_index(times, time or 0.0)),
    "mean": lambda times, series, _: np.full_like(series, 1.0 / len(series)),
    "sum": lambda times, series, _: np.ones_like(series),
    "min": lambda times, series, _: _one(series, np.argmin(series, axis=0)),
    "max": lambda times, series, _: _one(series, np.argmax(series, axis=0)),
    "time_of_max": lambda times, series, _: np.zeros_like(series),
    "time_above": _time_above,
}


def evaluate_all(
    measures: Sequence[tuple[Functional, list[int]]], times: Array, series: Array
) -> tuple[Array, list[Array]]:
    """Values of measures, shape (measure, run), and of each its derivative in `series` (save, output, run)."""
    values = np.empty((len(measures), series.shape[2]))
    found = []
    for row, (measure, columns) in enumerate(measures):
        with np.errstate(all="ignore"):
            values[row], weights = measure.evaluate(times, series[:, columns])
        cotangent = np.zeros_like(series)
        for place, column in enumerate(columns):
            cotangent[:, column] += weights[:, place]
        found.append(cotangent)
    return values, found
