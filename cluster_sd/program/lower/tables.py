"""Tables: lookups in the model file, in files beside it, and data over time."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from cluster_sd.program.ir import Table
from cluster_sd.program.lower import external
from cluster_sd.program.lower.scope import Frame, Home, Variable

if TYPE_CHECKING:
    from cluster_sd.program.lower.lowering import Lowering

#: What lies between and beyond the points: PySD's words (lookup types, data keywords) -> kinds of ir.Table.
KINDS = {
    None: "interpolate",
    "interpolate": "interpolate",
    "extrapolate": "extrapolate",
    "hold_backward": "backward",
    "look_forward": "forward",
    "raw": "raw",
}


def inline_table(low: Lowering, ast: Any, frame: Frame) -> Table:
    """Table written inside an equation (WITH LOOKUP)."""
    return _table(low, frame.owner, ast.x, ast.y, KINDS[ast.type], frame)


def is_table(found: Variable) -> bool:
    """Whether a variable can be looked up in: a lookup, or an XMILE variable with a graphical function."""
    component = found.components[0]
    return type(component).__name__ == "AbstractLookup" or type(component.ast).__name__ == "InlineLookupsStructure"


def look_up(low: Lowering, reference: Any, x: int, frame: Frame, kind: str | None = None) -> int:
    """Node of the table variable that `reference` names, at `x`; `kind` in place of the table's own way."""
    found, scope = low.find(low.key(reference.reference), frame)
    if found is None or not is_table(found):
        raise low.error(f"'{reference.reference}' is no lookup table", frame.owner)
    subscripts = None if reference.subscripts is None else tuple(reference.subscripts.subscripts)
    elements = low.elements(found, subscripts, frame)
    home = found.homes.get(elements)
    name = found.name + scope.subscripts.display(elements)
    if home is None:
        raise low.error("no table is given for this element", name)
    table = _variable_table(low, name, home, Frame(scope, name, home.env, frame.start))
    if kind is not None:
        table = table._replace(kind=kind)
    return low.builder.table(table, x)


def _variable_table(low: Lowering, name: str, home: Home, frame: Frame) -> Table:
    key = ("table", name)
    if key not in low.memo:
        ast = home.component.ast
        ast = getattr(ast, "lookups", ast)
        if type(ast).__name__ == "GetLookupsStructure":
            x, y = external.lookup_points(low, ast, home, frame)
            low.memo[key] = _table(low, name, x, y, "interpolate", frame)
        else:
            low.memo[key] = _table(low, name, ast.x, ast.y, KINDS[ast.type], frame)
    return low.memo[key]


def data_table(low: Lowering, component: Any, home: Home, frame: Frame) -> Table:
    """Table over time of a data variable."""
    ast = component.ast
    kind = KINDS[component.keyword]
    if type(ast).__name__ == "GetDataStructure":
        x, y = external.data_points(low, ast, home, frame)
        return _table(low, frame.owner, x, y, kind, frame)
    raise low.error("is a data variable without data; give its values as a series, or GET DIRECT DATA", frame.owner)


def _table(low: Lowering, name: str, x: Any, y: Any, kind: str, frame: Frame) -> Table:
    points = sorted(zip(map(float, x), map(float, y), strict=True), key=lambda point: point[0])
    if kind != "raw":
        points = [point for point in points if not math.isnan(point[1])]
    points = [point for i, point in enumerate(points) if i == 0 or point != points[i - 1]]
    if not points:
        raise low.error("its table has no points", frame.owner)
    xs, ys = (tuple(part) for part in zip(*points, strict=True))
    if any(math.isnan(a) or math.isinf(a) for a in xs):
        raise low.error("its table has an x that is no number", frame.owner)
    twice = [a for a, b in itertools.pairwise(xs) if a == b]
    if twice:
        raise low.error(f"its table gives two values for x = {twice[0]:g}", frame.owner)
    first = -1
    if low.is_exposed(name):
        first = low.constants.table(name, xs, ys)
    return Table(name, xs, ys, kind, first)
