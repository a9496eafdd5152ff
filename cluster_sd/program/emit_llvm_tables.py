"""Functions given by points, in LLVM's language.

Few points: a chain of comparisons that selects the segment, the same in all lanes and without a branch. Many points: a
binary search and loads from an array. Both compute what :func:`cluster_sd.program.tables.lookup` computes, to the bit.
(A table as a sum of hinges, ``max(0, x - p)``, leaves a residue where a table comes back to zero; a search in
permuted registers was no faster.)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

from cluster_sd.program.emit_llvm_text import Value, Writer
from cluster_sd.program.ir import Table

#: Up to this many points a table is a chain of comparisons.
CHAIN = 24


@dataclass(frozen=True, slots=True)
class Points:
    """Values of a table's points where they are no literals.

    Attributes
    ----------
    value : callable
        Value of point number `i`.
    gather : callable
        Values at a position (an integer in each lane) plus a fixed number.
    """

    value: Callable[[int], Value]
    gather: Callable[[Value, int], Value]


def lookup(w: Writer, table: Table, x: Value, points: Points | None) -> Value:
    """Value of `table` at `x`."""
    if len(table.x) == 1:
        only = points.value(0) if points else w.literal(table.y[0])
        return x.undefined().select(x, only)
    finder = _finder(w, table, x, points)
    if table.kind in ("backward", "forward"):
        return x.undefined().select(x, finder.step(table.kind))
    if table.kind == "raw":
        return finder.step("raw")
    if table.kind == "extrapolate":
        return finder.line(x)
    last = finder.y(len(table.x) - 1)
    if points is None and all(map(math.isfinite, finder.rises())):
        # held at the first point, the line gives that point's value
        held = (x < table.x[0]).select(table.x[0], x)
        return (x >= table.x[-1]).select(last, finder.line(held))
    return (x >= table.x[-1]).select(last, (x <= table.x[0]).select(finder.y(0), finder.line(x)))


def slope(w: Writer, table: Table, x: Value, points: Points | None) -> Value:
    """Slope of `table` at `x`."""
    if len(table.x) < 2 or table.kind not in ("interpolate", "extrapolate"):
        return w.literal(0.0)
    rise = _finder(w, table, x, points).slope()
    if table.kind == "interpolate":
        rise = ((x < table.x[0]) | (x >= table.x[-1])).select(0.0, rise)
    return rise


def _finder(w: Writer, table: Table, x: Value, points: Points | None) -> _Finder:
    """The way that suits the table and the processor."""
    count = len(table.x)
    return _Chain(w, table, x, points) if count <= CHAIN else _Search(w, table, x, points)


class _Finder:
    """What both ways share: the table, where, and its points' values."""

    def __init__(self, w: Writer, table: Table, x: Value, points: Points | None) -> None:
        self.w, self.table, self.x, self.points = w, table, x, points

    def y(self, i: int) -> Value:
        return self.points.value(i) if self.points else self.w.literal(self.table.y[i])

    def rises(self) -> list[float]:
        x, y = self.table.x, self.table.y
        return [(y[i + 1] - y[i]) / (x[i + 1] - x[i]) for i in range(len(x) - 1)]

    def line(self, x: Value) -> Value:
        """The line of the segment at `x`."""
        raise NotImplementedError

    def slope(self) -> Value:
        """Its slope."""
        raise NotImplementedError

    def step(self, kind: str) -> Value:
        """A point's value, for the stepwise kinds."""
        raise NotImplementedError


class _Chain(_Finder):
    """Selects by one comparison a point."""

    def _choose(self, items: list[Value], conditions: list[Value]) -> Value:
        chosen = items[0]
        for condition, item in zip(conditions, items[1:], strict=True):
            chosen = condition.select(item, chosen)
        return chosen

    def _segments(self) -> list[Value]:
        return [self.x.compare("uge", point) for point in self.table.x[1:-1]]

    def _literals(self, values: list[float]) -> list[Value]:
        return [self.w.literal(value) for value in values]

    def _rise(self, passed: list[Value], y: Value) -> Value:
        xs = self.table.x
        if self.points is None:
            return self._choose(self._literals(self.rises()), passed)
        next_y = self._choose([self.y(i) for i in range(1, len(xs))], passed)
        width = self._choose(self._literals([b - a for a, b in itertools.pairwise(xs)]), passed)
        return (next_y - y) / width

    def line(self, x: Value) -> Value:
        passed = self._segments()
        last = len(self.table.x) - 1
        y = self._choose([self.y(i) for i in range(last)], passed)
        x0 = self._choose(self._literals(list(self.table.x[:-1])), passed)
        return y + (x - x0) * self._rise(passed, y)

    def slope(self) -> Value:
        passed = self._segments()
        y = self._choose([self.y(i) for i in range(len(self.table.x) - 1)], passed)
        return self._rise(passed, y)

    def step(self, kind: str) -> Value:
        xs, values = self.table.x, [self.y(i) for i in range(len(self.table.x))]
        if kind == "raw":
            return self._choose([self.w.literal(math.nan), *values], [self.x.same(point) for point in xs])
        if kind == "forward":
            return self._choose(values, [self.x > point for point in xs[:-1]])
        return self._choose(values, [self.x >= point for point in xs[1:]])


class _Search(_Finder):
    """Searches the segment in an array and loads what belongs to it."""

    def __init__(self, w: Writer, table: Table, x: Value, points: Points | None) -> None:
        super().__init__(w, table, x, points)
        self.xs = w.module.array(table.x)
        low, count = w.whole(0), len(table.x) - 1
        while count > 1:
            half = count // 2
            probe = low.whole("add", half)
            low = x.compare("uge", load_at(w, self.xs, probe)).select_whole(probe, low)
            count -= half
        self.low = low

    def _x(self, offset: int) -> Value:
        return load_at(self.w, self.xs, self.low.whole("add", offset) if offset else self.low)

    def _y(self, offset: int) -> Value:
        if self.points:
            return self.points.gather(self.low, offset)
        return load_at(self.w, self.w.module.array(self.table.y), self.low.whole("add", offset) if offset else self.low)

    def slope(self) -> Value:
        if self.points is None:
            return load_at(self.w, self.w.module.array(self.rises()), self.low)
        return (self._y(1) - self._y(0)) / (self._x(1) - self._x(0))

    def line(self, x: Value) -> Value:
        return self._y(0) + (x - self._x(0)) * self.slope()

    def step(self, kind: str) -> Value:
        x, left, right = self.x, self._y(0), self._y(1)
        if kind == "raw":
            return x.same(self._x(0)).select(left, x.same(self._x(1)).select(right, math.nan))
        if kind == "forward":
            return (x <= self._x(0)).select(left, right)
        return (x >= self._x(1)).select(right, left)


def load_at(w: Writer, base: str, index: Value) -> Value:
    """Doubles at `base` with an index of their own in each lane."""
    if not w.lanes:
        spot = w.let(f"getelementptr double, ptr {base}, i64 {index.name}")
        return w.let(f"load double, ptr {spot.name}, align 8")
    spots = w.let(f"getelementptr double, ptr {base}, {w.integer} {index.name}")
    mask = w.known(True).name
    return w.let(
        f"call {w.number} @llvm.masked.gather.{w.suffix}.v{w.lanes}p0(<{w.lanes} x ptr> align 8 {spots.name}, "
        f"{w.truth} {mask}, {w.number} poison)"
    )
