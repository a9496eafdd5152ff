"""What is known of a model beside its program: names, kinds, units, words; plain values, so that a cache holds them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cluster_sd.model.names import clean, split_element

if TYPE_CHECKING:
    from cluster_sd.model.source import Source
    from cluster_sd.program.ir import Program

#: What a variable can be.
KINDS = ("constant", "stock", "flow", "auxiliary", "table", "data", "control")
_CONTROL = frozenset({"time", "initial_time", "final_time", "time_step", "saveper"})


class Variable(NamedTuple):
    """One variable of a model.

    Attributes
    ----------
    name : str
        As in the model file, without subscripts.
    kind : str
        One of :data:`KINDS`.
    unit, documentation, equation : str
        As in the model file.
    low, high : float or None
        Range that the modeller gave.
    subscripts : tuple of str
        Ranges (or elements) of the first definition.
    group : str
        Group or module.
    line : int
        Line of its definition in the model file.
    x : tuple of float
        Where a table has its points; empty for everything else.
    """

    name: str
    kind: str
    unit: str = ""
    documentation: str = ""
    equation: str = ""
    low: float | None = None
    high: float | None = None
    subscripts: tuple[str, ...] = ()
    group: str = ""
    line: int = 0
    x: tuple[float, ...] = ()


@dataclass(frozen=True)
class Metadata:
    """Everything about a model that its program does not say.

    Attributes
    ----------
    path : str
        Model file, as the user named it.
    hash : str
        SHA-256 of the model file.
    variables : tuple of Variable
        In the order of the file.
    files : tuple of (str, str)
        Data files that the model reads, relative to its folder, with their SHA-256.
    """

    path: str
    hash: str
    variables: tuple[Variable, ...]
    files: tuple[tuple[str, str], ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, Variable]:
        """Variables by clean name."""
        return {clean(v.name): v for v in self.variables}

    def find(self, name: str) -> Variable | None:
        """Variable called `name`, or that `name` is an element or a table's point of; None where there is none."""
        return self.by_name.get(clean(name)) or self.by_name.get(clean(split_element(name)[0])) or self._of_point(name)

    def point(self, name: str) -> tuple[str | None, str]:
        """:func:`split_point` of a parameter's name that is not itself a variable's (``Yield (2020)``)."""
        return (None, "") if clean(name) in self.by_name else split_point(name)

    def _of_point(self, name: str) -> Variable | None:
        base = split_point(name)[0]
        found = None if base is None else self.by_name.get(clean(split_element(base)[0]))
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for a cache."""
        return {
            "variables": [list(v) for v in self.variables],
            "files": [list(f) for f in self.files],
            "hash": self.hash,
        }

    @classmethod
    def from_json(cls, path: str, content: Mapping[str, Any]) -> Metadata:
        """Inverse of :meth:`to_json`; raises KeyError, TypeError or ValueError for what it did not make."""
        rows = []
        for row in content["variables"]:
            made = Variable(*row)
            rows.append(made._replace(subscripts=tuple(made.subscripts), x=tuple(made.x)))
        files = tuple((str(name), str(digest)) for name, digest in content["files"])
        return cls(path, str(content["hash"]), tuple(rows), files)


def split_point(name: str) -> tuple[str | None, str]:
    """A table's (or series') name and the place of one of its points: ``Effect(0.5)`` is ``("Effect", "0.5")``.

    >>> split_point("Effect of price(0.5)")
    ('Effect of price', '0.5')
    >>> split_point("Price")
    (None, '')
    """
    text = name.strip()
    start = text.rfind("(")
    if not text.endswith(")") or start <= 0:
        return None, ""
    return text[:start].strip(), text[start + 1 : -1].strip()


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_metadata(source: Source, program: Program, digest: str, files: tuple[tuple[str, str], ...] = ()) -> Metadata:
    """Collect a model's metadata from its parsed file and its lowered program."""
    main = next(section for section in source.abstract.sections if section.type != "macro")
    constants = {clean(split_element(p.name)[0]) for p in program.parameters}
    flows = set(_flow_names(main))
    rows = []
    for element in main.elements:
        key = clean(element.name)
        text = source.variables.get(key)
        kind = _kind(element, key, constants, flows)
        subscripts = tuple(element.components[0].subscripts[0]) if element.components else ()
        made = Variable(element.name, kind, subscripts=subscripts, x=_points(element) if kind == "table" else ())
        if text is not None:
            made = made._replace(
                unit=text.units,
                documentation=text.documentation,
                equation=text.equation,
                low=text.limits[0],
                high=text.limits[1],
                group=text.group,
                line=text.line or 0,
            )
        rows.append(made)
    return Metadata(str(source.path), digest, tuple(rows), files)


def _kind(element: Any, key: str, constants: set[str], flows: set[str]) -> str:
    types = {type(c).__name__ for c in element.components}
    asts = {type(c.ast).__name__ for c in element.components}
    if key in _CONTROL:
        return "control"
    if "AbstractLookup" in types:
        return "table"
    if "AbstractData" in types:
        return "data"
    if "IntegStructure" in asts:
        return "stock"
    if key in constants:
        return "constant"
    return "flow" if key in flows else "auxiliary"


def _points(element: Any) -> tuple[float, ...]:
    """Where the first table of an element has its points."""
    for component in element.components:
        x = getattr(component.ast, "x", None)
        if x is not None:
            return tuple(float(v) for v in x)
    return ()


def _flow_names(section: Any) -> Iterator[str]:
    """Clean names of what is added to or taken from a stock."""
    for element in section.elements:
        for component in element.components:
            if type(component.ast).__name__ == "IntegStructure":
                yield from _terms(component.ast.flow)


def _terms(ast: Any) -> Iterator[str]:
    kind = type(ast).__name__
    if kind == "ReferenceStructure":
        yield clean(ast.reference)
    elif kind == "ArithmeticStructure" and set(ast.operators) <= {"+", "-", "negative"}:
        for argument in ast.arguments:
            yield from _terms(argument)
