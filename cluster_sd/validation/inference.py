"""The unit of an expression, from the units that its variables declare.

What must agree: the terms of a sum or comparison, the arguments of MIN and MAX, the branches of a choice, a stock with
its flow times the unit of time, a delay's time with the unit of time, an equation with its variable's unit. A bare
number is dimensionless, except nought, which fits everything, and a number that stands alone as an initial value, a
time or an argument of a random function. A variable without a unit fits everything too: what is not declared can't be
wrong, and the test of documentation counts it. After a fault the rest of the expression goes on as if it fitted, so
that one mistake is told once (Vensim stops there).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from cluster_sd.model.names import clean
from cluster_sd.validation.expressions import called
from cluster_sd.validation.units import DIMENSIONLESS, Unit

__all__ = ["Fault", "Inference"]

#: The unit of what fits everything.
ANY = None


@dataclass(frozen=True)
class Fault:
    """Two units that don't fit.

    Attributes
    ----------
    one, other : str
        The units.
    where : str
        What should agree: ``"a sum"``.
    node : expression of PySD's abstract model
        The part of the equation in which it stands.
    """

    one: str
    other: str
    where: str
    node: Any


@dataclass
class Inference:
    """Walks the expressions of one model.

    Parameters
    ----------
    declared : mapping of str to Unit or None
        By clean name; None for a variable without a unit.
    tables : set of str
        Clean names of tables.
    time : Unit or None
        Unit of time.
    macros : set of str
        Clean names of macros, which are not looked into.
    """

    declared: Mapping[str, Unit | None]
    tables: frozenset[str]
    time: Unit | None
    macros: frozenset[str] = frozenset()
    faults: list[Fault] = field(default_factory=list)
    reads: list[tuple[str, Unit, Any]] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    def equation(self, node: Any, unit: Unit | None) -> list[Fault]:
        """What is wrong in an equation of a variable that has this unit."""
        self.faults = []
        if type(node).__name__ == "IntegStructure":
            self._stock(node, unit)
        elif not _is_plain(node):
            self.fit(self.of(node), unit, "the equation against the declared unit", node)
        return self.faults

    def of(self, node: Any) -> Unit | None:
        """Unit of an expression; None where it fits everything."""
        value = _number(node)
        if value is not None:
            return DIMENSIONLESS if value else ANY
        handler = _KINDS.get(type(node).__name__)
        return handler(self, node) if handler else ANY

    def fit(self, one: Unit | None, other: Unit | None, where: str, node: Any) -> Unit | None:
        """The unit that two things share; a fault, and what fits everything, where they don't."""
        if one is None or other is None:
            return other if one is None else one
        if one != other:
            self.faults.append(Fault(str(one), str(other), where, node))
            return ANY
        return one

    def agree(self, nodes: Iterable[Any], where: str, whole: Any) -> Unit | None:
        """The unit that several expressions share."""
        found: Unit | None = ANY
        for node in nodes:
            unit, before = self.of(node), len(self.faults)
            found = self.fit(found, unit, where, whole)
            if len(self.faults) > before:
                return ANY
        return found

    def loosely(self, node: Any, unit: Unit | None, where: str, whole: Any) -> None:
        """An argument that must have a unit; a number that stands alone has it."""
        if _number(node) is None:
            self.fit(self.of(node), unit, where, whole)

    def _stock(self, node: Any, unit: Unit | None) -> None:
        flow = self.of(node.flow)
        if flow is not None and self.time is not None:
            self.fit(flow * self.time, unit, "the stock's flow times the unit of time against its unit", node.flow)
        self.loosely(node.initial, unit, "the stock's initial value against its unit", node.initial)


def _is_plain(node: Any) -> bool:
    """Whether an equation is numbers alone, which have the unit that is declared."""
    return _number(node) is not None or isinstance(node, np.ndarray) or type(node).__name__ == "LookupsStructure"


def _number(node: Any) -> float | None:
    if isinstance(node, int | float | np.number):
        return float(node)
    if type(node).__name__ == "ArithmeticStructure" and node.operators[0] in ("negative", "^", "*", "/", "+", "-"):
        parts = [_number(a) for a in node.arguments]
        if any(part is None for part in parts):
            return None
        if node.operators[0] == "negative":
            return -float(parts[0] or 0.0)
        return 0.0 if not any(parts) else 1.0 if len(parts) > 1 else parts[0]
    return None


# ---- operators -------------------------------------------------------------------------------------------------------


def _reference(walk: Inference, node: Any) -> Unit | None:
    key = clean(node.reference)
    return walk.time if key == "time" else walk.declared.get(key)


def _arithmetic(walk: Inference, node: Any) -> Unit | None:
    if node.operators[0] in ("+", "-", "negative"):
        return walk.agree(node.arguments, "a sum", node)
    if node.operators[0] == "^":
        *bases, last = node.arguments
        unit = walk.of(last)
        for base in reversed(bases):
            unit = _power(walk, base, last, unit, node)
        return unit
    unit = walk.of(node.arguments[0])
    for operator, argument in zip(node.operators, node.arguments[1:], strict=True):
        other = walk.of(argument)
        unit = ANY if unit is None or other is None else unit.times(other, 1 if operator == "*" else -1)
    return unit


def _power(walk: Inference, base: Any, exponent: Any, power: Unit | None, node: Any) -> Unit | None:
    before = len(walk.faults)
    walk.fit(power, DIMENSIONLESS, "an exponent, which must be dimensionless", node)
    unit = walk.of(base)
    if len(walk.faults) > before:
        return ANY
    if unit is None or unit == DIMENSIONLESS:
        return unit
    value = _exponent(exponent)
    if value is None:
        return walk.fit(unit, DIMENSIONLESS, "the base of a power that is no plain number", node)
    return unit ** Fraction(value).limit_denominator(1000)


def _exponent(node: Any) -> float | None:
    if isinstance(node, int | float | np.number):
        return float(node)
    if type(node).__name__ != "ArithmeticStructure":
        return None
    values = [_exponent(a) for a in node.arguments]
    known = [v for v in values if v is not None]
    if len(known) < len(values):
        return None
    if node.operators[0] == "negative":
        return -known[0]
    return known[0] / known[1] if tuple(node.operators) == ("/",) and known[1] else None


def _logic(walk: Inference, node: Any) -> Unit | None:
    if any(operator.upper().strip(":") in ("AND", "OR", "NOT") for operator in node.operators):
        for argument in node.arguments:
            walk.of(argument)
    else:
        walk.agree(node.arguments, "a comparison", node)
    return DIMENSIONLESS


# ---- functions -------------------------------------------------------------------------------------------------------

Rule = Callable[[Inference, Any, Sequence[Any]], Unit | None]


def _same(count: int | None = None) -> Rule:
    """The (first) arguments agree, and the result is like them; what follows are numbers or alike."""

    def rule(walk: Inference, node: Any, args: Sequence[Any]) -> Unit | None:
        unit = walk.agree(args[:count], f"the arguments of {_name(node)}", node)
        for extra in args[len(args) if count is None else count :]:
            walk.of(extra)
        return unit

    return rule


def _like(position: int) -> Rule:
    def rule(walk: Inference, node: Any, args: Sequence[Any]) -> Unit | None:
        units = [walk.of(a) for a in args]
        return units[position] if position < len(units) else ANY

    return rule


def _bare(walk: Inference, node: Any, args: Sequence[Any]) -> Unit | None:
    for argument in args:
        walk.fit(walk.of(argument), DIMENSIONLESS, f"{_name(node)}, whose argument must be dimensionless", node)
    return DIMENSIONLESS


def _pure(walk: Inference, node: Any, args: Sequence[Any]) -> Unit | None:
    for argument in args:
        walk.of(argument)
    return DIMENSIONLESS


def _drawn(walk: Inference, node: Any, args: Sequence[Any]) -> Unit | None:
    """Random functions: least, most, mean and spread are alike; the seed, which is last, is a number."""
    found: Unit | None = ANY
    for argument in args[:-1]:
        if _number(argument) is None:
            found = walk.fit(found, walk.of(argument), f"the arguments of {_name(node)}", node)
    return found


def _choice(walk: Inference, node: Any, args: Sequence[Any]) -> Unit | None:
    walk.of(args[0])
    return walk.agree(args[1:3], "the branches of a choice", node)


def _ratio(walk: Inference, node: Any, args: Sequence[Any]) -> Unit | None:
    above, below = walk.of(args[0]), walk.of(args[1])
    unit = ANY if above is None or below is None else above / below
    return walk.fit(unit, walk.of(args[2]), "XIDZ and what stands in for it", node) if len(args) > 2 else unit


def _root(walk: Inference, node: Any, args: Sequence[Any]) -> Unit | None:
    unit = walk.of(args[0])
    return ANY if unit is None else unit ** Fraction(1, 2)


def _to_the(walk: Inference, node: Any, args: Sequence[Any]) -> Unit | None:
    return _power(walk, args[0], args[1], walk.of(args[1]), node)


def _times_of(result: Callable[[Inference, Any], Unit | None], first: int) -> Rule:
    """Arguments from `first` on are times."""

    def rule(walk: Inference, node: Any, args: Sequence[Any]) -> Unit | None:
        for argument in args[first:]:
            walk.loosely(argument, walk.time, f"a time in {_name(node)}", node)
        return result(walk, args[0]) if args else ANY

    return rule


def _slope(walk: Inference, node: Any) -> Unit | None:
    unit = walk.of(node)
    return ANY if unit is None or walk.time is None else unit * walk.time


def _rate(walk: Inference, node: Any) -> Unit | None:
    unit = walk.of(node)
    return ANY if unit is None or walk.time is None else unit / walk.time


def _looked_up(walk: Inference, node: Any, args: Sequence[Any]) -> Unit | None:
    return _read(walk, args[0].reference, args[1], node) if hasattr(args[0], "reference") else ANY


def _read(walk: Inference, table: str, argument: Any, node: Any) -> Unit | None:
    unit = walk.of(argument)
    if unit is not None:
        walk.reads.append((clean(table), unit, node))
    return walk.declared.get(clean(table))


_SAME = "min max abs sum vmin vmax vmin_xmile vmax_xmile mean integer round quantum modulo active_initial previous"
_BARE = "exp ln log log10 sin cos tan arcsin arccos arctan sinh cosh tanh"
_PURE = "elmcount size pi random_0_1 vector_rank vector_sort_order"
_DRAWN = "random_uniform random_normal"

#: Function, by clean name -> how its unit follows from those of its arguments. One that is not here fits everything.
RULES: dict[str, Rule] = {
    **dict.fromkeys(_SAME.split(), _same()),
    **dict.fromkeys(_BARE.split(), _bare),
    **dict.fromkeys(_PURE.split(), _pure),
    **dict.fromkeys(_DRAWN.split(), _drawn),
    "sqrt": _root,
    "power": _to_the,
    "if_then_else": _choice,
    "zidz": _ratio,
    "xidz": _ratio,
    "step": _times_of(Inference.of, 1),
    "ramp": _times_of(_slope, 1),
    "xramp": _times_of(_slope, 1),
    "pulse": _times_of(lambda walk, node: DIMENSIONLESS, 0),
    "pulse_train": _times_of(lambda walk, node: DIMENSIONLESS, 0),
    "xpulse": _times_of(_rate, 1),
    "xpulse_train": _times_of(_rate, 1),
    "sinwave": _times_of(Inference.of, 1),
    "coswave": _times_of(Inference.of, 1),
    "delay_material": _like(0),
    "vector_reorder": _like(0),
    "vector_select": _like(1),
    "lookup_extrapolate": _looked_up,
    "lookup_forward": _looked_up,
    "lookup_backward": _looked_up,
}


def _name(node: Any) -> str:
    return called(node).replace("_", " ").upper()


def _call(walk: Inference, node: Any) -> Unit | None:
    key = called(node)
    if key in walk.tables:
        return _read(walk, key, node.arguments[0], node)
    rule = RULES.get(key)
    if rule is not None and key not in walk.macros:
        return rule(walk, node, node.arguments)
    walk.unknown.add(key)
    for argument in node.arguments:
        walk.of(argument)
    return ANY


# ---- stocks within expressions ---------------------------------------------------------------------------------------


def _inline(walk: Inference, node: Any) -> Unit | None:
    walk.of(node.argument)
    return ANY


def _delayed(time: str) -> Callable[[Inference, Any], Unit | None]:
    """A delay, smooth or forecast: like its input; its time is a time."""

    def handler(walk: Inference, node: Any) -> Unit | None:
        unit = walk.of(node.input)
        walk.loosely(getattr(node, time), walk.time, "a delay's time against the unit of time", node)
        initial = getattr(node, "initial", None)
        if initial is not None:
            walk.loosely(initial, unit, "a delay's initial value against its input", node)
        return unit

    return handler


def _trend(walk: Inference, node: Any) -> Unit | None:
    walk.of(node.input)
    walk.loosely(node.average_time, walk.time, "a delay's time against the unit of time", node)
    return ANY if walk.time is None else DIMENSIONLESS / walk.time


def _sampled(walk: Inference, node: Any) -> Unit | None:
    walk.of(node.condition)
    unit = walk.of(node.input)
    walk.loosely(node.initial, unit, "a held value's beginning against its input", node)
    return unit


def _nested_stock(walk: Inference, node: Any) -> Unit | None:
    flow = walk.of(node.flow)
    unit = ANY if flow is None or walk.time is None else flow * walk.time
    walk.loosely(node.initial, unit, "a stock's initial value against its flow times the unit of time", node)
    return unit


_KINDS: dict[str, Callable[[Inference, Any], Unit | None]] = {
    "ReferenceStructure": _reference,
    "ArithmeticStructure": _arithmetic,
    "LogicStructure": _logic,
    "CallStructure": _call,
    "InlineLookupsStructure": _inline,
    "GameStructure": lambda walk, node: walk.of(node.expression),
    "InitialStructure": lambda walk, node: walk.of(node.initial),
    "IntegStructure": _nested_stock,
    "SmoothStructure": _delayed("smooth_time"),
    "SmoothNStructure": _delayed("smooth_time"),
    "DelayStructure": _delayed("delay_time"),
    "DelayNStructure": _delayed("delay_time"),
    "DelayFixedStructure": _delayed("delay_time"),
    "ForecastStructure": _delayed("average_time"),
    "TrendStructure": _trend,
    "SampleIfTrueStructure": _sampled,
    "AllocateAvailableStructure": lambda walk, node: walk.of(node.request),
    "AllocateByPriorityStructure": lambda walk, node: walk.of(node.request),
}
