"""Functions given by points: values and slopes, as the reference for every emitter."""

from __future__ import annotations

from typing import Any

import numpy as np

from cluster_sd.program.ir import Table


def lookup(table: Table, x: Any, y: Any = None) -> Any:
    """Value of `table` at `x`.

    Parameters
    ----------
    table : Table
        Its ``kind`` says what holds between the points and beyond the ends.
    x : float or array
        Where; NaN gives NaN.
    y : array, optional
        Values in place of the table's own, points along the first axis, the rest broadcasting with `x`.

    Returns
    -------
    float or array
    """
    xs = np.asarray(table.x)
    ys = np.asarray(table.y) if y is None else np.asarray(y)
    x = np.asarray(x, dtype=float)
    segment = np.clip(np.searchsorted(xs, x, side="right") - 1, 0, max(len(xs) - 2, 0))
    value = _between(table.kind, xs, ys, x, segment) if len(xs) > 1 else _take(ys, np.zeros_like(segment), x)
    return np.where(np.isnan(x), np.nan, value)


def slope(table: Table, x: Any, y: Any = None) -> Any:
    """Slope of `table` at `x`: that of the segment right of a point; zero beyond held ends and for stepwise kinds."""
    xs = np.asarray(table.x)
    ys = np.asarray(table.y) if y is None else np.asarray(y)
    x = np.asarray(x, dtype=float)
    if len(xs) < 2 or table.kind not in ("interpolate", "extrapolate"):
        return np.zeros(np.broadcast_shapes(x.shape, ys.shape[1:]))
    segment = np.clip(np.searchsorted(xs, x, side="right") - 1, 0, len(xs) - 2)
    rise = (_take(ys, segment + 1, x) - _take(ys, segment, x)) / (xs[segment + 1] - xs[segment])
    if table.kind == "interpolate":
        rise = np.where((x < xs[0]) | (x >= xs[-1]), 0.0, rise)
    return rise


def _take(ys: np.ndarray, index: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Values at `index`, one table for all (`ys` of one axis) or one a run (`ys` of two)."""
    if ys.ndim == 1:
        return ys[index]
    runs = np.arange(ys.shape[1])
    return ys[np.broadcast_to(index, runs.shape), runs]


def _between(kind: str, xs: np.ndarray, ys: np.ndarray, x: np.ndarray, segment: np.ndarray) -> Any:
    left, right = _take(ys, segment, x), _take(ys, segment + 1, x)
    x0, x1 = xs[segment], xs[segment + 1]
    if kind == "backward":
        return np.where(x >= x1, right, left)
    if kind == "forward":
        return np.where(x <= x0, left, right)
    if kind == "raw":
        return np.where(x == x0, left, np.where(x == x1, right, np.nan))
    line = left + (x - x0) * ((right - left) / (x1 - x0))
    if kind == "extrapolate":
        return line
    # at the ends and beyond, the end's own value, not one that went through a rounding
    return np.where(x >= xs[-1], _take(ys, np.full_like(segment, len(xs) - 1), x), np.where(x <= xs[0], left, line))
