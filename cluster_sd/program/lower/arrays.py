"""Functions over array elements: sums, extremes, sorting, selection, inversion; unrolled, as arrays are flattened."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cluster_sd.model.names import clean
from cluster_sd.program.build import Expr
from cluster_sd.program.lower.scope import Frame

if TYPE_CHECKING:
    from cluster_sd.program.lower.lowering import Lowering

_AGGREGATES = frozenset({"sum", "prod", "vmin", "vmax", "vector_select", "vmin_xmile", "vmax_xmile", "mean"})


def marked(ast: Any) -> tuple[str, ...]:
    """Subscripts written with ``!`` in an expression, in order, leaving out those of functions nested in it."""
    found: dict[str, None] = {}
    stack = [ast]
    while stack:
        one = stack.pop()
        kind = type(one).__name__
        if kind == "SubscriptsReferenceStructure":
            found.update(dict.fromkeys(clean(s) for s in one.subscripts if s.strip().endswith("!")))
        elif isinstance(one, (tuple, list)):
            stack.extend(reversed(one))
        elif kind == "CallStructure" and not isinstance(one.function, str) and one.function.reference in _AGGREGATES:
            continue
        elif hasattr(one, "__dict__"):
            stack.extend(reversed(list(vars(one).values())))
    return tuple(found)


def spread(low: Lowering, frame: Frame, subscripts: Sequence[str]) -> Iterator[Frame]:
    """The frame with the marked `subscripts` bound to each combination of their elements."""
    ranges = [frame.scope.subscripts.elements(s.rstrip("!").rstrip("_")) for s in subscripts]
    for combo in itertools.product(*ranges):
        yield frame._replace(env={**frame.env, **dict(zip(subscripts, combo, strict=True))})


def _over(low: Lowering, ast: Any, frame: Frame) -> list[int]:
    """Nodes of the argument over all marked subscripts (in XMILE: over an array's own, where none are written)."""
    argument = ast.arguments[0]
    subscripts = marked(argument)
    if subscripts:
        return [low.number(argument, f) for f in spread(low, frame, subscripts)]
    whole = _whole_array(low, argument, frame)
    return [low.number(argument, frame)] if whole is None else whole


def _whole_array(low: Lowering, argument: Any, frame: Frame) -> list[int] | None:
    """All elements of an array that is named without subscripts."""
    if type(argument).__name__ != "ReferenceStructure":
        return None
    found, scope = low.find(low.key(argument.reference), frame)
    if found is None or not found.rank:
        return None
    written = [None] * found.rank if argument.subscripts is None else list(argument.subscripts.subscripts)
    chosen = [s if s is None or s == "*" else frame.scope.subscripts.element(clean(s), frame.env) for s in written]
    fixed = [(i, s) for i, s in enumerate(chosen) if s not in (None, "*")]
    homes = [elements for elements in found.homes if all(elements[i] == s for i, s in fixed)]
    return [low.builder.as_number(low.value(scope, found, elements, frame.start)) for elements in homes]


def _fold(op: str) -> Callable[[Lowering, Any, Frame], int]:
    def lowered(low: Lowering, ast: Any, frame: Frame) -> int:
        nodes = _over(low, ast, frame)
        return fold(low, op, nodes)

    return lowered


def fold(low: Lowering, op: str, nodes: Sequence[int]) -> int:
    """`op` from the left over `nodes`."""
    total = nodes[0]
    for node in nodes[1:]:
        total = low.builder.op(op, total, node)
    return total


total = _fold("add")
product = _fold("mul")
smallest = _fold("min")
largest = _fold("max")


def mean(low: Lowering, ast: Any, frame: Frame) -> int:
    """``MEAN(array)``."""
    nodes = _over(low, ast, frame)
    return low.builder.op("div", fold(low, "add", nodes), low.builder.literal(len(nodes)))


def count(low: Lowering, ast: Any, frame: Frame) -> int:
    """``ELMCOUNT(range)``: number of its elements."""
    reference = ast.arguments[0]
    name = low.key(getattr(reference, "reference", ""))
    if not frame.scope.subscripts.is_range(name):
        raise low.error("ELMCOUNT takes the name of a subscript range", frame.owner)
    return low.builder.literal(len(frame.scope.subscripts.ranges[name]))


def _vector(low: Lowering, ast: Any, frame: Frame) -> tuple[list[Expr], int]:
    """Elements along the last subscript of a reference, and the place in them that the frame is at."""
    if type(ast).__name__ != "ReferenceStructure" or ast.subscripts is None:
        raise low.error("a vector function takes an array with its subscripts", frame.owner)
    last = clean(ast.subscripts.subscripts[-1])
    if not frame.scope.subscripts.is_range(last):
        raise low.error("a vector function works along the last subscript, which must be a range", frame.owner)
    elements = frame.scope.subscripts.ranges[last]
    here = frame.scope.subscripts.element(last, frame.env)
    if here is None:
        raise low.error(f"subscript '{last}' must stand on the left side too", frame.owner)
    frames = [frame._replace(env={**frame.env, last: element}) for element in elements]
    return [low.builder.expr(low.number(ast, f)) for f in frames], elements.index(here)


def _positions(low: Lowering, vector: Sequence[Expr], falling: Expr) -> list[Expr]:
    """Place (from 0) of each element in sorted order; equal ones keep theirs (reversed where falling, as in Vensim)."""
    places = []
    for i, x in enumerate(vector):
        before = x.lit(0.0)
        for j, other in enumerate(vector):
            if j != i:
                ahead = (other <= x) if j < i else (other < x)
                before = before + ahead.number()
        places.append(falling.select(float(len(vector) - 1) - before, before))
    return places


def _falling(low: Lowering, ast: Any, frame: Frame) -> Expr:
    return low.builder.expr(low.number(ast, frame)) <= 0.0


def sort_order(low: Lowering, ast: Any, frame: Frame) -> int:
    """``VECTOR SORT ORDER(vector, direction)``: number (from 0) of the element that comes at this place."""
    vector, here = _vector(low, ast.arguments[0], frame)
    places = _positions(low, vector, _falling(low, ast.arguments[1], frame))
    found = vector[0].lit(0.0)
    for number, place in enumerate(places):
        at = Expr(low.builder, low.builder.op("eq", place.node, low.builder.literal(here)))
        found = at.select(float(number), found)
    return found.node


def rank(low: Lowering, ast: Any, frame: Frame) -> int:
    """``VECTOR RANK(vector, direction)``: place (from 1) of this element in sorted order."""
    vector, here = _vector(low, ast.arguments[0], frame)
    return (_positions(low, vector, _falling(low, ast.arguments[1], frame))[here] + 1.0).node


def reorder(low: Lowering, ast: Any, frame: Frame) -> int:
    """``VECTOR REORDER(vector, order)``: the element whose number (from 0) stands at this place of `order`."""
    vector, _ = _vector(low, ast.arguments[0], frame)
    order, here = _vector(low, ast.arguments[1], frame)
    wanted, found = order[here].op("trunc"), vector[0].lit(float("nan"))
    for number, x in enumerate(vector):
        at = Expr(low.builder, low.builder.op("eq", wanted.node, low.builder.literal(number)))
        found = at.select(x, found)
    return found.node


def vector_select(low: Lowering, ast: Any, frame: Frame) -> int:
    """``VECTOR SELECT(selection, expression, missing, numerical action, error action)``.

    The numerical action may change over time. The error action has no effect: what it forbids is not reported.
    """
    selection, expression, missing, action, _ = ast.arguments
    subscripts = tuple(dict.fromkeys([*marked(selection), *marked(expression)]))
    pairs = [
        (low.builder.expr(low.number(selection, f)), low.builder.expr(low.number(expression, f)))
        for f in spread(low, frame, subscripts)
    ]
    number = low.builder.expr(low.number(action, frame)).op("trunc")
    if low.builder.is_literal(number.node):
        kind = int(low.builder.value(number.node))
        if kind not in _ACTIONS:
            raise low.error(f"VECTOR SELECT knows the actions 0 to 10, not {kind}", frame.owner)
        result = _selected(low, pairs, kind)
    else:
        result = number.lit(float("nan"))
        for kind in _ACTIONS:
            at = Expr(low.builder, low.builder.op("eq", number.node, low.builder.literal(kind)))
            result = at.select(_selected(low, pairs, kind), result)
    any_chosen = low.builder.expr(fold(low, "or", [low.builder.op("truth", s.node) for s, _ in pairs]))
    return any_chosen.select(result, low.builder.expr(low.number(missing, frame))).node


def _selected(low: Lowering, pairs: Sequence[tuple[Expr, Expr]], kind: int) -> Expr:
    """Result of one numerical action over the pairs whose selection is not zero."""
    item, join, neutral = _ACTIONS[kind]
    chosen = [s.op("truth") for s, _ in pairs]
    values = [c.select(item(s, x), neutral) for c, (s, x) in zip(chosen, pairs, strict=True)]
    result = low.builder.expr(fold(low, join, [v.node for v in values]))
    if kind in (4, 10):
        result = result / low.builder.expr(fold(low, "add", [c.number().node for c in chosen]))
    return result


def _weighted(s: Expr, x: Expr) -> Expr:
    return s * x


def _alone(s: Expr, x: Expr) -> Expr:
    return x


_INF = float("inf")
#: Numerical action of VECTOR SELECT -> what each chosen element counts, how they are joined, and what the others count.
_ACTIONS: dict[int, tuple[Callable[[Expr, Expr], Expr], str, float]] = {
    0: (_weighted, "add", 0.0),
    1: (_weighted, "mul", 1.0),
    2: (_weighted, "min", _INF),
    3: (_weighted, "max", -_INF),
    4: (_weighted, "add", 0.0),
    5: (lambda s, x: x**s, "mul", 1.0),
    6: (_alone, "add", 0.0),
    7: (_alone, "mul", 1.0),
    8: (_alone, "min", _INF),
    9: (_alone, "max", -_INF),
    10: (_alone, "add", 0.0),
}


def invert_matrix(low: Lowering, ast: Any, frame: Frame) -> int:
    """``INVERT MATRIX(matrix, size)``: element of the inverse, by elimination with partial pivoting, unrolled."""
    reference = ast.arguments[0]
    if type(reference).__name__ != "ReferenceStructure" or reference.subscripts is None:
        raise low.error("INVERT MATRIX takes a matrix with its subscripts", frame.owner)
    row, column = (clean(s) for s in reference.subscripts.subscripts[-2:])
    names = frame.scope.subscripts
    rows, columns = names.elements(row), names.elements(column)
    here = [names.element(s, frame.env) for s in (row, column)]
    if len(rows) != len(columns) or here[0] not in rows or here[1] not in columns:
        raise low.error("INVERT MATRIX takes a square matrix, its two ranges being on the left side too", frame.owner)
    size = len(rows)
    others = tuple(sorted((k, v) for k, v in frame.env.items() if k not in (row, column)))
    key = ("inverse", id(ast), frame.start, others)
    inverse = low.memo.get(key)
    if inverse is None:

        def at(r: str, c: str) -> Expr:
            return low.builder.expr(low.number(reference, frame._replace(env={**frame.env, row: r, column: c})))

        matrix = [[at(r, c) for c in columns] for r in rows]
        inverse = low.memo[key] = _inverse(matrix, size)
    return inverse[rows.index(here[0])][columns.index(here[1])].node


def _inverse(matrix: list[list[Expr]], size: int) -> list[list[Expr]]:
    one = matrix[0][0].lit
    wide = [[*line, *(one(float(i == j)) for j in range(size))] for i, line in enumerate(matrix)]
    for k in range(size):
        for i in range(k + 1, size):  # the row with the larger pivot comes up
            swap = wide[k][k].op("abs") < wide[i][k].op("abs")
            upper = [swap.select(b, a) for a, b in zip(wide[k], wide[i], strict=True)]
            wide[i] = [swap.select(a, b) for a, b in zip(wide[k], wide[i], strict=True)]
            wide[k] = upper
        pivot = wide[k][k]
        wide[k] = [x / pivot for x in wide[k]]
        for i in range(size):
            if i != k:
                factor = wide[i][k]
                wide[i] = [x - factor * y for x, y in zip(wide[i], wide[k], strict=True)]
    return [line[size:] for line in wide]
