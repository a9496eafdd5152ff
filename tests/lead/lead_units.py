"""Dimensional analysis of the lead model: every equation against its declared unit.

Units are products of base names with integer or fractional powers. A bare number is dimensionless, zero fits
everything; nothing else is forgiven.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

from pysd.translators.vensim.vensim_file import VensimFile

Unit = dict[str, Fraction]
SAME = {"max", "min", "sum", "modulo", "integer", "abs"}  # result and arguments share one unit
BARE = {"exp", "ln"}  # number to number


class UnitError(ValueError):
    """Two units that should agree do not."""


def read_unit(text: str) -> Unit:
    """Read a unit such as ``t/(person*year)``."""
    tokens = re.findall(r"[A-Za-z][A-Za-z0-9]*|[*/()1]", text)
    unit, rest = _product(tokens)
    if rest:
        raise UnitError(f"unit '{text}' can't be read from '{' '.join(rest)}'")
    return unit


def _product(tokens: list[str]) -> tuple[Unit, list[str]]:
    unit, tokens = _factor(tokens)
    while tokens and tokens[0] in "*/":
        sign = 1 if tokens[0] == "*" else -1
        other, tokens = _factor(tokens[1:])
        unit = multiply(unit, other, sign)
    return unit, tokens


def _factor(tokens: list[str]) -> tuple[Unit, list[str]]:
    head, *rest = tokens
    if head == "(":
        unit, rest = _product(rest)
        return unit, rest[1:]
    return ({} if head in ("1", "dmnl") else {head: Fraction(1)}), rest


def multiply(a: Unit, b: Unit, power: Fraction | int = 1) -> Unit:
    """Unit of ``a * b ** power``."""
    out = dict(a)
    for name, exponent in b.items():
        out[name] = out.get(name, Fraction(0)) + exponent * power
    return {n: e for n, e in out.items() if e}


def key(name: str) -> str:
    """A name as the model language compares it."""
    return re.sub(r"[\s_]+", " ", name.strip().lower())


class Checker:
    """Declared units of a model, and the unit that each of its equations has.

    Parameters
    ----------
    path : Path
        A Vensim file.
    """

    def __init__(self, path: Path) -> None:
        file = VensimFile(path)
        file.parse()
        self.elements = [e for s in file.get_abstract_model().sections for e in s.elements]
        self.declared = {key(e.name): read_unit(e.units) for e in self.elements if e.units}
        self.declared["time"] = {"year": Fraction(1)}

    def wrong(self) -> list[str]:
        """Every equation whose unit is not what it declares, in words."""
        found = []
        for element in self.elements:
            for component in element.components:
                if isinstance(component.ast, (int, float)):
                    continue  # a constant has the unit that it declares
                try:
                    unit = self.of(component.ast)
                    if unit is not None and unit != self.declared[key(element.name)]:
                        found.append(f"{element.name}: declared {element.units}, equation gives {unit}")
                except UnitError as error:
                    found.append(f"{element.name}: {error}")
        return found

    def of(self, node: Any) -> Unit | None:
        """Unit of an expression; None for a zero, which fits everything."""
        if isinstance(node, (int, float)):
            return None if node == 0 else {}
        if hasattr(node, "shape"):
            return None  # a constant array: its unit is what it declares
        return getattr(self, f"_{type(node).__name__}")(node)

    def agree(self, *nodes: Any) -> Unit | None:
        """The one unit that all expressions have."""
        units = [u for u in map(self.of, nodes) if u is not None]
        if any(u != units[0] for u in units):
            raise UnitError(f"{units} should agree")
        return units[0] if units else None

    def bare(self, node: Any) -> Unit:
        """A dimensionless expression."""
        if self.of(node):
            raise UnitError(f"{self.of(node)} should be dmnl")
        return {}

    def _ReferenceStructure(self, node: Any) -> Unit:
        return self.declared[key(node.reference)]

    def _ArithmeticStructure(self, node: Any) -> Unit | None:
        if node.operators[0] in ("+", "-", "negative"):
            return self.agree(*node.arguments)
        if node.operators[0] == "^":
            return self._power(*node.arguments)
        unit = self.of(node.arguments[0])
        for operator, argument in zip(node.operators, node.arguments[1:], strict=True):
            other = self.of(argument)
            if unit is None and operator == "/":
                return None
            unit = None if unit is None or other is None else multiply(unit, other, 1 if operator == "*" else -1)
        return unit

    def _power(self, base: Any, exponent: Any) -> Unit:
        unit = self.of(base) or {}
        if unit and not isinstance(exponent, (int, float)):
            raise UnitError(f"{unit} to a power that is no number")
        self.bare(exponent)
        return multiply({}, unit, Fraction(exponent)) if unit else {}

    def _LogicStructure(self, node: Any) -> Unit:
        if node.operators[0] not in (":AND:", ":OR:", ":NOT:"):
            self.agree(*node.arguments)
        else:
            for argument in node.arguments:
                self.of(argument)
        return {}

    def _CallStructure(self, node: Any) -> Unit | None:
        name, args = key(node.function.reference).replace(" ", "_"), node.arguments
        if name in SAME:
            return self.agree(*args)
        if name in BARE:
            return self.bare(args[0])
        if name == "if_then_else":
            self.of(args[0])
            return self.agree(*args[1:])
        if name in ("zidz", "xidz"):
            return self._ratio(args)
        if name == "pulse":
            if self.agree(*args) != {"year": 1}:
                raise UnitError("PULSE needs times")
            return {}
        raise UnitError(f"{name} is not one of the functions that this model may use")

    def _ratio(self, args: Any) -> Unit | None:
        top, bottom = self.of(args[0]), self.of(args[1])
        unit = None if top is None else multiply(top, bottom or {}, -1)
        if len(args) == 3:
            other = self.of(args[2])
            if unit is not None and other is not None and other != unit:
                raise UnitError(f"XIDZ gives {unit} or {other}")
        return unit

    def _IntegStructure(self, node: Any) -> Unit | None:
        flow, initial = self.of(node.flow), self.of(node.initial)
        level = None if flow is None else multiply(flow, {"year": Fraction(1)})
        if level is not None and initial is not None and level != initial:
            raise UnitError(f"flow gives {level}, initial value {initial}")
        return level if level is not None else initial

    def _SmoothStructure(self, node: Any) -> Unit | None:
        if self.of(node.smooth_time) != {"year": 1}:
            raise UnitError("a smoothing time must be a time")
        unit, initial = self.of(node.input), node.initial
        if not isinstance(initial, (int, float)):
            self.agree(node.input, initial)
        return unit

    def _InlineLookupsStructure(self, node: Any) -> None:
        if self.of(node.argument) != {"year": 1}:
            raise UnitError("the drivers are tables of time")
        return None


__all__ = ["Checker", "UnitError", "read_unit"]
