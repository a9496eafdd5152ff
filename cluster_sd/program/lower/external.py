"""Constants, tables, data and subscripts that a model takes from files beside it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cluster_sd.errors import InputError
from cluster_sd.model.names import clean
from cluster_sd.program.lower.scope import Frame, Home

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluster_sd.program.lower.lowering import Lowering


def _place(home: Home, frame: Frame) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shape of the block that the component's equation reads, and this element's place in it."""
    ranges = frame.scope.subscripts.ranges
    lefts = [s for s in map(clean, home.component.subscripts[0]) if s in ranges]
    shape = tuple(len(ranges[left]) for left in lefts)
    return shape, tuple(ranges[left].index(home.env[left]) for left in lefts)


def _read(low: Lowering, frame: Frame, key: Any, function: Any, *args: Any) -> Any:
    """Call a reader once for one component; its errors get the variable's place."""
    if key not in low.memo:
        try:
            low.memo[key] = function(low.source.folder, *args, allow_outside=low.allow_outside)
        except InputError as problem:
            raise low.error(str(problem), frame.owner) from None
    return low.memo[key]


def constant(low: Lowering, ast: Any, home: Home, frame: Frame) -> float:
    """Number of one element of a GET XLS/DIRECT CONSTANTS equation."""
    from cluster_sd.model.external import read_block

    shape, index = _place(home, frame)
    block = _read(low, frame, ("file", id(ast)), read_block, ast.file, ast.tab, ast.cell, shape)
    return float(block[index])


def lookup_points(low: Lowering, ast: Any, home: Home, frame: Frame) -> tuple[Any, Any]:
    """Points of one element of a GET XLS/DIRECT LOOKUPS equation."""
    return _points(low, ast, ast.x_row_or_col, "interpolate", home, frame)


def data_points(low: Lowering, ast: Any, home: Home, frame: Frame) -> tuple[Any, Any]:
    """Times and values of one element of a GET XLS/DIRECT DATA equation."""
    return _points(low, ast, ast.time_row_or_col, home.component.keyword or "interpolate", home, frame)


def _points(low: Lowering, ast: Any, axis: str, way: str, home: Home, frame: Frame) -> tuple[Any, Any]:
    from cluster_sd.model.external import read_series

    shape, index = _place(home, frame)
    size = math.prod(shape)
    x, y = _read(low, frame, ("file", id(ast)), read_series, ast.file, ast.tab, axis, ast.cell, size, way)
    return x, y.reshape(len(x), *shape)[(slice(None), *index)]


def subscript_elements(low: Lowering, definition: Any) -> Sequence[str] | str:
    """Elements of a range, which may stand in a file (GET DIRECT SUBSCRIPT)."""
    if not isinstance(definition, dict):
        return definition
    from cluster_sd.model.external import read_labels

    d = definition
    return read_labels(
        low.source.folder, d["file"], d["tab"], d["firstcell"], d["lastcell"], d["prefix"],
        allow_outside=low.allow_outside,
    )
