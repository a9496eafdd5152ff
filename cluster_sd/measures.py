"""A measure turns a run into a number or a series: ``Name``, ``Name@2024``, ``final(Name)``, ``time_above(Name, 0.3)``.

Measures are taken over the saved times, ends included; ``mean`` and ``sum`` are unweighted; ``time_above`` counts
linearly interpolated time. A NaN in a run makes every measure of it NaN that looks at the place where it stands.

Adding a kind is one line in `KINDS`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cluster_sd.errors import InputError, unknown

__all__ = ["KINDS", "Measure", "evaluate", "needs", "parse", "time_index"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """One measure.

    Attributes
    ----------
    text : str
        As asked; results carry this name.
    kind : str
        ``series``, ``at`` or a key of `KINDS`.
    variable : str
        The variable's name as asked, elements included.
    argument : float or None
        Time of ``at``, level of ``time_above``.
    """

    text: str
    kind: str
    variable: str
    argument: float | None = None

    @property
    def is_series(self) -> bool:
        """Whether it gives a value for every saved time."""
        return self.kind == "series"


def _sum(times: Floats, series: Floats, _: float | None) -> Floats:
    """One time after the other, so that a run's sum doesn't depend on how many runs are added beside it."""
    total = np.zeros(series.shape[1:])
    for row in series:
        total = total + row
    return total


def _mean(times: Floats, series: Floats, _: float | None) -> Floats:
    return _sum(times, series, None) / len(times)


def _time_of_max(times: Floats, series: Floats, _: float | None) -> Floats:
    found = times[np.argmax(series, axis=0)]
    return np.where(np.isnan(series).any(axis=0), np.nan, found)


def _time_above(times: Floats, series: Floats, level: float | None) -> Floats:
    """Share of each interval in which the straight line stands above the level, times the interval, summed."""
    if level is None:
        raise InputError("time_above needs a level: time_above(Name, 0.3)")
    total = np.zeros(series.shape[1:])
    for i in range(len(times) - 1):
        before, after = series[i] - level, series[i + 1] - level
        above, span = np.maximum(before, 0) + np.maximum(after, 0), np.abs(before) + np.abs(after)
        with np.errstate(invalid="ignore"):
            share = np.where(span == 0, 0.0, above / np.where(span == 0, 1.0, span))
        total = total + (times[i + 1] - times[i]) * share
    return total + 0 * series[-1]


#: What each measure written as ``kind(Name)`` does with times (time,) and series (time, run).
KINDS: dict[str, Callable[[Floats, Floats, float | None], Floats]] = {
    "final": lambda times, series, _: series[-1].copy(),
    "mean": _mean,
    "min": lambda times, series, _: np.min(series, axis=0),
    "max": lambda times, series, _: np.max(series, axis=0),
    "sum": _sum,
    "time_of_max": _time_of_max,
    "time_above": _time_above,
}

_CALL = re.compile(rf"({'|'.join(KINDS)})\s*\((.*)\)", re.DOTALL | re.IGNORECASE)
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_LEVEL = re.compile(rf"(.*),\s*({_NUMBER})\s*", re.DOTALL)
_AT = re.compile(rf"(.*\S)\s*@\s*({_NUMBER})", re.DOTALL)


def parse(text: str, is_name: Callable[[str], bool] | None = None) -> Measure:
    """Read a measure.

    Parameters
    ----------
    text : str
        For example ``time_above(Share[north, old], 0.3)``.
    is_name : callable, optional
        Says whether a text is a variable of the model; one whose name looks like a measure is then that variable.

    Returns
    -------
    Measure

    Raises
    ------
    InputError
        If it is empty, or a function's argument is missing or no number.

    Examples
    --------
    >>> parse("Price@2024")
    Measure(text='Price@2024', kind='at', variable='Price', argument=2024.0)
    >>> parse("final(Capital (yuan))").variable
    'Capital (yuan)'
    """
    asked = text.strip()
    if not asked:
        raise InputError("a measure is empty; it can be Name, Name@2024, " + ", ".join(f"{k}(Name)" for k in KINDS))
    if is_name is not None and is_name(asked):
        return Measure(asked, "series", asked)
    call = _CALL.fullmatch(asked)
    if call:
        return _call(asked, call.group(1).lower(), call.group(2).strip())
    at = _AT.fullmatch(asked)
    if at:
        return Measure(asked, "at", at.group(1).strip(), float(at.group(2)))
    stray = re.fullmatch(r"([a-z_]+)\s*\(.*\)", asked, re.DOTALL)
    if stray and is_name is not None:
        raise unknown("measure", stray.group(1), KINDS, f"'{asked}'")
    return Measure(asked, "series", asked)


def _call(asked: str, kind: str, inside: str) -> Measure:
    argument = None
    if kind == "time_above":
        parts = _LEVEL.fullmatch(inside)
        if parts is None:
            raise InputError(f"'{asked}': time_above needs a name and a level, as in time_above(Share, 0.3)")
        inside, argument = parts.group(1).strip(), float(parts.group(2))
    if not inside:
        raise InputError(f"'{asked}': {kind} needs a variable's name")
    if argument is not None and not math.isfinite(argument):
        raise InputError(f"'{asked}': the level must be a finite number")
    return Measure(asked, kind, inside, argument)


def time_index(times: ArrayLike, time: float, what: str = "time") -> int:
    """Index of a saved time.

    Parameters
    ----------
    times : (n,) array
        Saved times, increasing.
    time : float
        Time asked for; a millionth of the saving step is forgiven.
    what : str
        What to call it in the error.

    Raises
    ------
    InputError
        If it lies outside the period or between saved times; the nearest ones are named.
    """
    grid = np.asarray(times, dtype=float)
    i = int(np.argmin(np.abs(grid - time)))
    step = float(np.min(np.diff(grid))) if len(grid) > 1 else max(abs(float(grid[0])), 1.0)
    if abs(grid[i] - time) <= 1e-6 * step:
        return i
    first, last = grid[0], grid[-1]
    if not first <= time <= last:
        raise InputError(f"{what}: {time:.10g} is outside the saved times, {first:.10g} to {last:.10g}")
    after = int(np.searchsorted(grid, time))
    raise InputError(
        f"{what}: {time:.10g} is no saved time; the nearest are {grid[after - 1]:.10g} and {grid[after]:.10g}"
    )


def needs(measure: Measure, times: ArrayLike) -> NDArray[np.intp]:
    """Indices of the saved times that a measure looks at; only these need to be kept.

    `evaluate` gives the same for ``times[index], series[index]`` as for the whole.

    Raises
    ------
    InputError
        As `time_index`.
    """
    count = len(np.asarray(times))
    if measure.kind == "final":
        return np.array([count - 1])
    if measure.kind == "at" and measure.argument is not None:
        return np.array([time_index(times, measure.argument, f"measure '{measure.text}'")])
    return np.arange(count)


def evaluate(measure: Measure, times: ArrayLike, series: ArrayLike) -> Floats:
    """The measure of every run.

    Parameters
    ----------
    measure : Measure
    times : (time,) array
        Saved times.
    series : (time, run) array, or (time,) for a single run
        Values of the measure's variable.

    Returns
    -------
    (run,) array, or a 0-d array for a single run; for a series as given

    Raises
    ------
    InputError
        As `time_index`.
    """
    grid, values = np.asarray(times, dtype=float), np.asarray(series, dtype=float)
    if measure.kind == "series":
        return values
    if measure.kind == "at" and measure.argument is not None:
        return np.array(values[time_index(grid, measure.argument, f"measure '{measure.text}'")])
    if measure.kind not in KINDS:
        raise unknown("measure", measure.kind, KINDS)
    return np.asarray(KINDS[measure.kind](grid, values, measure.argument))
