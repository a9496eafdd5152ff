"""Expressions of PySD's abstract model: their parts, and the text that a modeller would write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from cluster_sd.model.names import clean
from cluster_sd.model.source import Source

__all__ = ["called", "equations", "is_reference", "parts", "wording"]

#: Text longer than this is cut.
LONGEST = 70
_CALLS = {
    "IntegStructure": "INTEG",
    "SmoothStructure": "SMOOTH",
    "SmoothNStructure": "SMOOTH N",
    "DelayStructure": "DELAY",
    "DelayNStructure": "DELAY N",
    "DelayFixedStructure": "DELAY FIXED",
    "TrendStructure": "TREND",
    "ForecastStructure": "FORECAST",
    "SampleIfTrueStructure": "SAMPLE IF TRUE",
    "InlineLookupsStructure": "WITH LOOKUP",
    "InitialStructure": "INITIAL",
    "GameStructure": "GAME",
}


def equations(source: Source) -> Iterator[tuple[str, Any]]:
    """Clean name and expression of each definition of a model's variables, macros apart."""
    main = next(section for section in source.abstract.sections if section.type != "macro")
    for element in main.elements:
        for component in element.components:
            yield clean(element.name), component.ast


def parts(ast: Any) -> Iterator[Any]:
    """An expression and everything in it."""
    yield ast
    if is_dataclass(ast):
        for one in fields(ast):
            value = getattr(ast, one.name)
            for inner in value if isinstance(value, list | tuple) else (value,):
                yield from parts(inner)


def called(node: Any) -> str:
    """Clean name of the function or table that is called."""
    return clean(node.function if isinstance(node.function, str) else node.function.reference)


def is_reference(node: Any) -> bool:
    """Whether an expression is a variable's name."""
    return type(node).__name__ == "ReferenceStructure"


def wording(node: Any, names: Mapping[str, str]) -> str:
    """The text of an expression, shortened where it is long.

    Parameters
    ----------
    node : expression of PySD's abstract model
    names : mapping of str to str
        The model's names by their clean form.
    """
    text = _text(node, names)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _text(node: Any, names: Mapping[str, str]) -> str:
    kind = type(node).__name__
    if isinstance(node, int | float | np.number):
        return f"{node:g}"
    if kind == "ReferenceStructure":
        subscripts = "" if node.subscripts is None else f"[{','.join(node.subscripts.subscripts)}]"
        return names.get(clean(node.reference), node.reference) + subscripts
    if kind in ("ArithmeticStructure", "LogicStructure"):
        return _operators(node, names)
    if kind == "CallStructure":
        name = names.get(called(node), called(node).replace("_", " ").upper())
        return f"{name}({', '.join(_text(a, names) for a in node.arguments)})"
    if kind in _CALLS and is_dataclass(node):
        inside = [getattr(node, f.name) for f in fields(node)]
        return f"{_CALLS[kind]}({', '.join(_text(a, names) for a in inside if not isinstance(a, bool))})"
    return "points" if kind == "LookupsStructure" else kind.removesuffix("Structure").lower()


def _operators(node: Any, names: Mapping[str, str]) -> str:
    first, *more = [_operand(a, names) for a in node.arguments]
    if node.operators[0] == "negative":
        return f"-{first}"
    if not more:
        return f"{node.operators[0]} {first}"
    return first + "".join(f" {op} {text}" for op, text in zip(node.operators, more, strict=True))


def _operand(node: Any, names: Mapping[str, str]) -> str:
    text = _text(node, names)
    return f"({text})" if type(node).__name__ in ("ArithmeticStructure", "LogicStructure") else text
