"""The stock-and-flow structure of a model: its variables, its flows as pipes, and what acts on what.

Read from the equations alone, at the level of the names that the model file gives: an array is one variable, a delay or
smooth is one variable that reacts late. A stock's net flow is cut into its terms: a term that is a variable (or the sum
of one) is a flow of that name; any other term is a flow without a name, and what stands in it acts on that flow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster_sd.model.names import clean
from cluster_sd.model.source import read_source

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["Cause", "Pipe", "Structure", "Thing", "structure_of"]

#: Kinds of variables that can be a flow.
_RATES = ("flow", "auxiliary", "constant", "data")
#: Structures that answer late, by the field that holds what they answer to.
_LATE = ("DelayStructure", "DelayNStructure", "DelayFixedStructure", "SmoothStructure", "SmoothNStructure")
_LATE_TOO = ("TrendStructure", "ForecastStructure")
#: What runs by itself.
TIME = "Time"


@dataclass(frozen=True)
class Thing:
    """A variable as a diagram shows it.

    Attributes
    ----------
    name : str
        As in the model file, without quotation marks.
    kind : str
        ``stock``, ``flow``, ``auxiliary``, ``constant``, ``table``, ``data``, ``control`` or ``time``.
    group : str
        Sector of the model file; may be empty.
    unit, documentation, equation : str
    written : str
        As an equation writes the name: with quotation marks where the model file has them.
    array : bool
    """

    name: str
    kind: str
    group: str = ""
    unit: str = ""
    documentation: str = ""
    equation: str = ""
    written: str = ""
    array: bool = False


@dataclass(frozen=True)
class Cause:
    """What a variable, or an unnamed flow, depends on.

    Attributes
    ----------
    source, target : str
        Keys of things; the target may be the key of a pipe without a name.
    late : bool
        Whether it acts through a delay or smooth alone.
    initial : bool
        Whether it gives an initial value alone.
    sign : int
        1 or -1 where the form of the equation alone says so, else 0.
    """

    source: str
    target: str
    late: bool = False
    initial: bool = False
    sign: int = 0


@dataclass(frozen=True)
class Pipe:
    """A flow.

    Attributes
    ----------
    key : str
        Key of the variable; for a flow without a name a key of its own, which no variable has.
    source, target : str
        Keys of stocks; empty where the flow comes from, or goes to, outside the model.
    named : bool
    both : bool
        Whether it can run both ways: the net flow of a stock that adjusts to something.
    """

    key: str
    source: str
    target: str
    named: bool
    both: bool = False


@dataclass(frozen=True, eq=False)
class Structure:
    """Variables by key (clean name), in the order of the file; flows; causes, without those that a pipe shows."""

    things: Mapping[str, Thing]
    pipes: tuple[Pipe, ...]
    causes: tuple[Cause, ...]


def structure_of(model: Model) -> Structure:
    """Read the structure of a model from its file.

    Raises
    ------
    ModelError
        If the file can't be read.
    """
    source = read_source(model.path)
    main = next(section for section in source.abstract.sections if section.type == "main")
    things = {clean(v.name): _thing(v) for v in model.metadata.variables}
    if TIME.lower() not in things:
        things[TIME.lower()] = Thing(TIME, "time", written=TIME)
    stocks: dict[str, list[Any]] = {}
    found: dict[tuple[str, str], Cause] = {}
    for element in main.elements:
        key = clean(element.name)
        for component in element.components:
            if type(component.ast).__name__ == "IntegStructure":
                stocks.setdefault(key, []).append(component.ast)
            else:
                for name, late, initial in references(component.ast):
                    _add(found, things, Cause(name, key, late, initial))
    flows = _Flows(things, stocks)
    for cause in flows.causes():
        _add(found, things, cause)
    used = {cause.source for cause in found.values()}
    kept = {k: t for k, t in things.items() if t.kind != "time" or k in used}
    return Structure(kept, tuple(flows.pipes), tuple(found.values()))


def _thing(variable: Any) -> Thing:
    name = variable.name.strip()
    plain = name[1:-1].replace('\\"', '"') if len(name) > 2 and name[0] == name[-1] == '"' else name
    words = {field: getattr(variable, field) for field in ("kind", "group", "unit", "documentation", "equation")}
    return Thing(plain, **words, written=name, array=bool(variable.subscripts))


def _add(found: dict[tuple[str, str], Cause], things: Mapping[str, Thing], cause: Cause) -> None:
    """Take a cause down once; it is late, or initial, only where it is so everywhere in the equation."""
    if cause.source not in things or cause.source == cause.target or things[cause.source].kind == "control":
        return
    key = (cause.source, cause.target)
    before = found.get(key)
    if before is not None and before.initial != cause.initial:
        found[key] = cause if before.initial else before
    elif before is not None:
        found[key] = dataclasses.replace(cause, late=before.late and cause.late)
    else:
        found[key] = cause


def references(ast: Any, late: bool = False, initial: bool = False) -> Iterator[tuple[str, bool, bool]]:
    """Clean names in an expression, with whether each acts late and whether on an initial value alone."""
    kind = type(ast).__name__
    if kind == "ReferenceStructure":
        yield clean(ast.reference), late, initial
    elif isinstance(ast, list | tuple):
        for part in ast:
            yield from references(part, late, initial)
    elif dataclasses.is_dataclass(ast) and not isinstance(ast, type):
        for field in dataclasses.fields(ast):
            through = late or (kind in _LATE and field.name == "input") or kind in _LATE_TOO
            start = initial or kind == "InitialStructure" or (field.name in ("initial", "initial_trend"))
            yield from references(getattr(ast, field.name), through, start)


@dataclass(frozen=True)
class _Term:
    """A term of a stock's net flow: its sign, its expression, and the variable that it is, if it is one."""

    sign: int
    ast: Any
    name: str


class _Flows:
    """Terms of all stocks, matched: what leaves one stock and enters another is one pipe."""

    def __init__(self, things: Mapping[str, Thing], stocks: Mapping[str, Sequence[Any]]) -> None:
        self.things, self.stocks = things, stocks
        self.pipes: list[Pipe] = []
        self._of: dict[str, list[Any]] = {}  # key of an unnamed pipe -> expressions
        terms = {stock: self._terms(asts) for stock, asts in stocks.items()}
        rest = self._named(terms)
        rest = self._shared(rest)
        for stock, left in rest.items():
            self._unnamed(stock, left)

    def causes(self) -> Iterator[Cause]:
        """Of unnamed flows, and of initial values."""
        ends = {pipe.key: pipe for pipe in self.pipes}
        for key, asts in self._of.items():
            for name, late, initial in references(asts):
                yield Cause(name, key, late, initial, _own_sign(name, ends[key], asts))
        for stock, asts in self.stocks.items():
            for name, _, _ in references([ast.initial for ast in asts]):
                yield Cause(name, stock, False, True)

    def _terms(self, asts: Sequence[Any]) -> list[_Term]:
        """Distinct terms of all definitions of a stock; a flow from one element to the next counts as leaving."""
        found: dict[str, _Term] = {}
        for ast in asts:
            for sign, part in _signed(ast.flow, 1):
                name = self._flow_name(part)
                key = name or repr(part)
                found.setdefault(key, _Term(sign, part, name))
        return [t for t in found.values() if not isinstance(t.ast, int | float) or t.ast != 0]

    def _flow_name(self, ast: Any) -> str:
        """The variable that a term is, where it can be a flow."""
        if type(ast).__name__ == "CallStructure" and clean(getattr(ast.function, "reference", "")) == "sum":
            ast = ast.arguments[0] if len(ast.arguments) == 1 else None
        if type(ast).__name__ != "ReferenceStructure":
            return ""
        name = clean(ast.reference)
        return name if name in self.things and self.things[name].kind in _RATES else ""

    def _named(self, terms: Mapping[str, list[_Term]]) -> dict[str, list[_Term]]:
        """Make a pipe of each flow with a name, where a stock of its own sector has it; return what is left."""
        ends: dict[str, tuple[list[str], list[str]]] = {}
        for stock, parts in terms.items():
            for term in parts:
                if term.name:
                    ends.setdefault(term.name, ([], []))[term.sign > 0].append(stock)
        drawn: set[tuple[str, str]] = set()
        for name, (out, into) in ends.items():
            group = self.things[name].group
            at_home = [s for s in (*out, *into) if self.things[s].group == group]
            if not at_home:
                continue
            source = self._nearest(out, group)
            target = self._nearest([s for s in into if s in at_home or self._leaves(s, terms)], group)
            self.pipes.append(Pipe(name, source, target, True))
            home = {s for s in (source, target) if s and self.things[s].group == group}
            drawn |= {(name, stock) for stock in home}
        return {stock: [t for t in parts if (t.name, stock) not in drawn] for stock, parts in terms.items()}

    def _leaves(self, stock: str, terms: Mapping[str, list[_Term]]) -> bool:
        """Whether anything leaves a stock; where nothing does, it only counts what flows elsewhere."""
        return any(term.sign < 0 or _adjusts(term.ast, stock) for term in terms[stock])

    def _nearest(self, stocks: Sequence[str], group: str) -> str:
        """The first stock of the sector `group`, else the first."""
        return next((s for s in stocks if self.things[s].group == group), stocks[0] if stocks else "")

    def _shared(self, rest: Mapping[str, list[_Term]]) -> dict[str, list[_Term]]:
        """Make a pipe of each term without a name that leaves one stock and enters another of the same sector."""
        leaving = {repr(t.ast): stock for stock, parts in rest.items() for t in parts if t.sign < 0 and not t.name}
        taken: set[tuple[str, str]] = set()
        for stock, parts in rest.items():
            for term in parts:
                text = repr(term.ast)
                source = leaving.get(text, stock)
                same = self.things[source].group == self.things[stock].group
                if term.sign > 0 and not term.name and source != stock and same and (source, text) not in taken:
                    key = f"{source}>{stock}"
                    self._of.setdefault(key, []).append(term.ast)
                    if len(self._of[key]) == 1:
                        self.pipes.append(Pipe(key, source, stock, False))
                    taken |= {(source, text), (stock, text)}
        return {stock: [t for t in parts if (stock, repr(t.ast)) not in taken] for stock, parts in rest.items()}

    def _unnamed(self, stock: str, left: Sequence[_Term]) -> None:
        """One pipe for all other inflows of a stock and one for all other outflows, or one that runs both ways."""
        if any(t.sign > 0 and not t.name and _adjusts(t.ast, stock) for t in left):
            self.pipes.append(Pipe(f">{stock}", "", stock, False, True))
            self._of[f">{stock}"] = [t.ast for t in left]
            return
        for sign, key, ends in ((1, f">{stock}", ("", stock)), (-1, f"{stock}>", (stock, ""))):
            asts = [t.ast for t in left if t.sign == sign]
            if asts:
                self.pipes.append(Pipe(key, *ends, False))
                self._of[key] = asts


def _own_sign(name: str, pipe: Pipe, asts: Sequence[Any]) -> int:
    """Sign of a stock in its own unnamed flow: it adjusts (-1), or each term of what leaves it is a part of it (1)."""
    if pipe.both:
        return -1 if name == pipe.target else 0
    return int(name == pipe.source and all(_part_of(ast, name) for ast in asts if name in _names(ast)))


def _names(ast: Any) -> set[str]:
    return {name for name, *_ in references(ast)}


def _part_of(ast: Any, name: str) -> bool:
    """Whether an expression is a product or quotient with the variable as a factor, once."""
    if type(ast).__name__ == "ReferenceStructure":
        return clean(ast.reference) == name
    if type(ast).__name__ != "ArithmeticStructure" or not set(ast.operators) <= {"*", "/"}:
        return False
    factors = [part for sign, part in zip(["*", *ast.operators], ast.arguments, strict=True) if sign == "*"]
    holding = [part for part in ast.arguments if name in _names(part)]
    return len(holding) == 1 and any(part is holding[0] for part in factors) and _part_of(holding[0], name)


def _signed(ast: Any, sign: int) -> Iterator[tuple[int, Any]]:
    """Terms of a sum with their signs; a product or quotient that begins with a minus is a negative term."""
    if type(ast).__name__ == "ArithmeticStructure" and set(ast.operators) <= {"+", "-", "negative"}:
        if _negative(ast):
            yield from _signed(ast.arguments[0], -sign)
            return
        for operator, part in zip(["+", *ast.operators], ast.arguments, strict=True):
            yield from _signed(part, -sign if operator == "-" else sign)
    elif (
        type(ast).__name__ == "ArithmeticStructure" and set(ast.operators) <= {"*", "/"} and _negative(ast.arguments[0])
    ):
        yield -sign, dataclasses.replace(ast, arguments=(ast.arguments[0].arguments[0], *ast.arguments[1:]))
    else:
        yield sign, ast


def _negative(ast: Any) -> bool:
    return type(ast).__name__ == "ArithmeticStructure" and ast.operators == ["negative"]


def _adjusts(ast: Any, stock: str) -> bool:
    """Whether a term can change its sign as the stock changes: the stock is subtracted within it."""
    kind = type(ast).__name__
    if kind == "ArithmeticStructure" and "-" in ast.operators:
        names = [_names(part) for part in ast.arguments]
        minus = [n for operator, n in zip(["+", *ast.operators], names, strict=True) if operator == "-"]
        if any(stock in n for n in minus) and not isinstance(ast.arguments[0], int | float):
            return True
    if dataclasses.is_dataclass(ast) and not isinstance(ast, type):
        return any(_adjusts(getattr(ast, field.name), stock) for field in dataclasses.fields(ast))
    return isinstance(ast, list | tuple) and any(_adjusts(part, stock) for part in ast)
