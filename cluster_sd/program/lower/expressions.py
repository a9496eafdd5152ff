"""Each kind of expression of PySD's abstract model, lowered: one row of :data:`EXPRESSIONS` a kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cluster_sd.program.build import Builder
from cluster_sd.program.lower import allocate, delays
from cluster_sd.program.lower.functions import FUNCTIONS, TABLE_FUNCTIONS
from cluster_sd.program.lower.scope import Frame
from cluster_sd.program.lower.tables import inline_table, is_table, look_up

if TYPE_CHECKING:
    from cluster_sd.program.lower.lowering import Lowering

Handler = Callable[["Lowering", Any, Frame], int]

_ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow"}


def arithmetic(builder: Builder, operators: Sequence[str], args: Sequence[int]) -> int:
    """Node of a chain of operators of one precedence: from the left, powers from the right."""
    if operators[0] == "negative":
        return builder.op("neg", args[0])
    if operators[0] == "^":
        node = args[-1]
        for arg in reversed(args[:-1]):
            node = builder.op("pow", arg, node)
        return node
    node = args[0]
    for operator, arg in zip(operators, args[1:], strict=True):
        node = builder.op(_ARITHMETIC[operator], node, arg)
    return node


def _number(low: Lowering, ast: Any, frame: Frame) -> int:
    return low.builder.literal(float(ast))


def _arithmetic(low: Lowering, ast: Any, frame: Frame) -> int:
    return arithmetic(low.builder, ast.operators, [low.expression(arg, frame) for arg in ast.arguments])


def _logic(low: Lowering, ast: Any, frame: Frame) -> int:
    builder = low.builder
    args = [low.expression(arg, frame) for arg in ast.arguments]
    operator = ast.operators[0].upper()
    if operator in (":NOT:", "NOT"):
        return builder.op("not", args[0])
    if operator in _JOINS:
        node = args[0]
        for arg in args[1:]:
            node = builder.op(_JOINS[operator], node, arg)
        return node
    return _compare(builder, ast.operators, args)


_JOINS = {":AND:": "and", "AND": "and", ":OR:": "or", "OR": "or"}
_COMPARE = {"=": "eq", "<>": "ne", "<": "lt", "<=": "le", ">": "lt", ">=": "le"}


def _compare(builder: Builder, operators: Sequence[str], args: Sequence[int]) -> int:
    node = args[0]
    for operator, arg in zip(operators, args[1:], strict=True):
        pair = (arg, node) if operator.startswith(">") else (node, arg)
        node = _with_missing(builder, operator, pair) or builder.op(_COMPARE[operator], *pair)
    return node


def _with_missing(builder: Builder, operator: str, pair: tuple[int, int]) -> int | None:
    """Comparison with ``:NA:``, which is equal to itself in Vensim, unlike the NaN that stands for it here."""
    gaps = [builder.is_literal(arg) and math.isnan(builder.value(arg)) for arg in pair]
    if operator not in ("=", "<>") or not any(gaps):
        return None
    other = pair[0] if gaps[1] else pair[1]
    return builder.op("ne" if operator == "=" else "eq", other, other)


def _reference(low: Lowering, ast: Any, frame: Frame) -> int:
    subscripts = None if ast.subscripts is None else tuple(ast.subscripts.subscripts)
    return low.reference(low.key(ast.reference), subscripts, frame)


def _call(low: Lowering, ast: Any, frame: Frame) -> int:
    name = low.key(ast.function if isinstance(ast.function, str) else ast.function.reference)
    found, _scope = low.find(name, frame)
    if found is not None and is_table(found):
        x = low.number(ast.arguments[0], frame)
        return look_up(low, ast.function, x, frame)
    if name in low.macros:
        return _macro(low, name, ast.arguments, frame)
    if name in TABLE_FUNCTIONS:
        x = low.number(ast.arguments[1], frame)
        return look_up(low, ast.arguments[0], x, frame, TABLE_FUNCTIONS[name])
    function = FUNCTIONS.get(name)
    if function is None:
        raise low.unsupported(f"function {name.replace('_', ' ').upper()}", frame)
    return function(low, ast, frame)


def _macro(low: Lowering, name: str, arguments: tuple[Any, ...], frame: Frame) -> int:
    section = low.macros[name]
    scope = low.macro_scope(section, tuple(arguments), frame)
    if name not in scope.variables:
        raise low.error(f"macro '{section.name}' has no equation for its result '{section.name}'", frame.owner)
    return low.value(scope, scope.variables[name], (), frame.start)


def _inline(low: Lowering, ast: Any, frame: Frame) -> int:
    x = low.number(ast.argument, frame)
    return low.builder.table(inline_table(low, ast.lookups, frame), x)


def _game(low: Lowering, ast: Any, frame: Frame) -> int:
    return low.expression(ast.expression, frame)


def _initial(low: Lowering, ast: Any, frame: Frame) -> int:
    return low.expression(ast.initial, frame._replace(start=True))


def _misplaced(low: Lowering, ast: Any, frame: Frame) -> int:
    raise low.error("has an array, table or file reference in the middle of an expression", frame.owner)


#: Kind of expression (class name of PySD's abstract model, or of a Python number) -> how it is lowered.
EXPRESSIONS: dict[str, Handler] = {
    "int": _number,
    "float": _number,
    "float64": _number,
    "ArithmeticStructure": _arithmetic,
    "LogicStructure": _logic,
    "ReferenceStructure": _reference,
    "CallStructure": _call,
    "InlineLookupsStructure": _inline,
    "GameStructure": _game,
    "InitialStructure": _initial,
    "IntegStructure": delays.integ,
    "SmoothStructure": delays.smooth,
    "SmoothNStructure": delays.smooth,
    "DelayStructure": delays.delay,
    "DelayNStructure": delays.delay,
    "DelayFixedStructure": delays.delay_fixed,
    "TrendStructure": delays.trend,
    "ForecastStructure": delays.forecast,
    "SampleIfTrueStructure": delays.sample_if_true,
    "AllocateByPriorityStructure": allocate.by_priority,
    "AllocateAvailableStructure": allocate.available,
    "ndarray": _misplaced,
    "LookupsStructure": _misplaced,
    "GetDataStructure": _misplaced,
    "GetLookupsStructure": _misplaced,
    "GetConstantsStructure": _misplaced,
    "DataStructure": _misplaced,
}
