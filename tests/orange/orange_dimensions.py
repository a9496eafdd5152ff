"""Dimensional analysis of a Vensim file: what the tests of the orange model need of it.

Walks the expressions that PySD's translator gives. A bare number has no dimension; only a bare nought fits any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from pysd.translators.structures import abstract_expressions as ae
from pysd.translators.vensim.vensim_file import VensimFile

Dimension = tuple[tuple[str, Fraction], ...]
NONE: Dimension = ()
ANY = None  # the dimension of a bare nought
SAME_AS_FIRST = {"max", "min", "sum", "modulo", "integer", "abs"}
PLAIN = {"exp", "ln", "random_normal", "random_uniform"}


class DimensionError(ValueError):
    """Two parts of an expression that ought to have one dimension have two."""


def parse_unit(text: str) -> Dimension:
    """The dimension of a unit such as ``yuan/mu/year``."""
    exponents: dict[str, Fraction] = {}
    for i, part in enumerate(text.strip().split("/")):
        for name in part.split("*"):
            if name.strip() not in {"", "1", "dmnl"}:
                exponents[name.strip()] = exponents.get(name.strip(), Fraction(0)) + (1 if i == 0 else -1)
    return _tidy(exponents)


def _tidy(exponents: Mapping[str, Fraction]) -> Dimension:
    return tuple(sorted((k, v) for k, v in exponents.items() if v))


def _times(a: Dimension, b: Dimension, power: Fraction = Fraction(1)) -> Dimension:
    total = dict(a)
    for name, exponent in b:
        total[name] = total.get(name, Fraction(0)) + power * exponent
    return _tidy(total)


def show(dimension: Dimension | None) -> str:
    """A dimension in words."""
    return "anything" if dimension is None else " ".join(f"{n}^{e}" for n, e in dimension) or "dmnl"


@dataclass
class Model:
    """Elements of a model file with their declared units."""

    elements: list[Any]
    units: dict[str, Dimension]
    missing: list[str] = field(default_factory=list)


def read(path: Path) -> Model:
    """The equations of a ``.mdl`` file."""
    file = VensimFile(path)
    file.parse()
    elements = [e for section in file.get_abstract_model().sections for e in section.elements]
    units = {_key(e.name): parse_unit(e.units) for e in elements}
    units |= {"time": parse_unit("year")}
    return Model(elements, units, [e.name for e in elements if not e.units.strip()])


def _key(name: str) -> str:
    return name.strip().strip('"').lower().replace("_", " ")


def faults(model: Model) -> list[str]:
    """What is dimensionally wrong: one line an equation, none in a consistent model."""
    found = []
    for element in model.elements:
        declared = model.units[_key(element.name)]
        for component in element.components:
            if isinstance(component.ast, (int, float)):
                continue  # a constant has the unit that it declares
            try:
                _must_match(_of(component.ast, model.units), declared, "the equation against its declared unit")
            except DimensionError as error:
                found.append(f"{element.name}: {error}")
    return found


def _must_match(a: Dimension | None, b: Dimension | None, where: str) -> Dimension | None:
    if a is None or b is None or a == b:
        return b if a is None else a
    raise DimensionError(f"{show(a)} and {show(b)} in {where}")


def _of(node: Any, units: Mapping[str, Dimension]) -> Dimension | None:
    if isinstance(node, (int, float)):
        return ANY if node == 0 else NONE
    if isinstance(node, ae.ReferenceStructure):
        return units[_key(node.reference)]
    if isinstance(node, ae.ArithmeticStructure):
        return _arithmetic(node, units)
    if isinstance(node, ae.LogicStructure):
        parts = [_of(a, units) for a in node.arguments]
        if not any(o in {":AND:", ":OR:", ":NOT:"} for o in node.operators):
            _must_match(parts[0], parts[-1], "a comparison")
        return NONE
    if isinstance(node, ae.CallStructure):
        return _call(node, units)
    return _special(node, units)


def _arithmetic(node: ae.ArithmeticStructure, units: Mapping[str, Dimension]) -> Dimension | None:
    parts = [_of(a, units) for a in node.arguments]
    if node.operators[0] in {"+", "-", "negative"}:
        result = parts[0]
        for part in parts[1:]:
            result = _must_match(result, part, "a sum")
        return result
    result = parts[0] or NONE
    for operator, part, argument in zip(node.operators, parts[1:], node.arguments[1:], strict=True):
        if operator == "^":
            _must_match(part, NONE, "an exponent")
            if result != NONE and not isinstance(argument, (int, float)):
                raise DimensionError(f"{show(result)} to a power that is no number")
            result = _times(NONE, result, Fraction(argument).limit_denominator() if result != NONE else Fraction(1))
        else:
            result = _times(result, part or NONE, Fraction(1 if operator == "*" else -1))
    return result


def _call(node: ae.CallStructure, units: Mapping[str, Dimension]) -> Dimension | None:
    name = _key(node.function.reference if hasattr(node.function, "reference") else str(node.function)).replace(
        " ", "_"
    )
    parts = [_of(a, units) for a in node.arguments]
    if name in units or name.replace("_", " ") in units:  # a table: what it is read at must be a time
        _must_match(parts[0], units["time"], "the argument of a table over time")
        return units[name.replace("_", " ")]
    if name in PLAIN:
        for part in parts:
            _must_match(part, NONE, name)
        return NONE
    if name == "sqrt":
        return _times(NONE, parts[0] or NONE, Fraction(1, 2))
    if name == "if_then_else":
        return _must_match(parts[1], parts[2], "the two branches of a choice")
    if name in {"zidz", "xidz"}:
        ratio = _times(parts[0] or NONE, parts[1] or NONE, Fraction(-1))
        return _must_match(ratio, parts[2], "XIDZ and what stands in for it") if name == "xidz" else ratio
    if name in SAME_AS_FIRST:
        result = parts[0]
        for part in parts[1:]:
            result = _must_match(result, part, name)
        return result
    raise DimensionError(f"the function {name} is unknown to this test")


def _special(node: Any, units: Mapping[str, Dimension]) -> Dimension | None:
    if isinstance(node, ae.IntegStructure):
        flow, initial = _of(node.flow, units), _of(node.initial, units)
        integral = None if flow is None else _times(flow, units["time"])
        return _must_match(integral, initial, "a stock's flow times time and its initial value")
    if isinstance(node, ae.SampleIfTrueStructure):
        return _must_match(_of(node.input, units), _of(node.initial, units), "a held value")
    if isinstance(node, (ae.LookupsStructure, ae.InlineLookupsStructure)):
        return ANY
    if hasattr(node, "shape"):  # a row of numbers, one an element: each has the unit that is declared
        return ANY
    raise DimensionError(f"the expression {type(node).__name__} is unknown to this test")
