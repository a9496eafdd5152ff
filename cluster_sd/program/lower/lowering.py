"""Walking the expressions of a model: one scalar node for each element of each variable, in two contexts.

The walk has a main context and a start context (see :mod:`cluster_sd.program.ir`). A stock met in the main context is a
leaf, and its flow is put on a list for later, so feedback ends there; what is met again while it is being walked is a
circular definition and is named.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from cluster_sd.errors import ModelError, UnsupportedError, unknown
from cluster_sd.model.names import clean
from cluster_sd.program.build import Builder
from cluster_sd.program.ir import Event, Pipe, Program, Rate, Slot, State, Table
from cluster_sd.program.lower import external
from cluster_sd.program.lower.assemble import assemble
from cluster_sd.program.lower.constants import Constants
from cluster_sd.program.lower.expressions import EXPRESSIONS, arithmetic
from cluster_sd.program.lower.order import in_order
from cluster_sd.program.lower.scope import Frame, Home, Scope, Variable, variable
from cluster_sd.program.lower.subscripts import Subscripts, read_subscripts
from cluster_sd.program.lower.tables import data_table
from cluster_sd.program.random import stream_number

if TYPE_CHECKING:
    from cluster_sd.model.source import Source

#: Names that every model has: leaf of the main context; in the start context `time` is the start itself.
CLOCK = {"time": "time", "time_step": "dt", "initial_time": "start", "final_time": "stop", "saveper": "save_step"}
XMILE_CLOCK = {"dt": "dt", "starttime": "start", "stoptime": "stop"}
_RECURSION = 200_000

Exposed = Mapping[str, "tuple[float, ...] | None"]
Thunk = Callable[[], int]


def lower(source: Source, exposed: Iterable[str] | Exposed = (), allow_outside: bool = False) -> Program:
    """Lower a parsed model file to a flat program.

    Parameters
    ----------
    source : Source
        A parsed model file.
    exposed : iterable of str, or mapping of str to times
        Variables (or elements, ``Name[a]``) that become parameters although the model has an equation for them: of a
        stock its initial value, of a table its values (``Name(x)``), of anything else the variable itself. A mapping
        gives times with a name: the variable becomes a table over these times, its values being the parameters
        ``Name(time)``.
    allow_outside : bool
        Whether data files outside the model's own folder may be read.

    Returns
    -------
    Program

    Raises
    ------
    ModelError
        Undefined or circular variables, subscripts that fit nothing, data that cannot be read.
    UnsupportedError
        A function that this package does not run, by name and place.
    """
    spread = exposed if isinstance(exposed, Mapping) else dict.fromkeys(exposed)
    with _deep_recursion():
        return Lowering(source, {clean(name): times for name, times in spread.items()}, allow_outside).program()


@contextlib.contextmanager
def _deep_recursion() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _RECURSION))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


class Lowering:
    """The walk's state: what has been built so far. Made and used by :func:`lower` alone."""

    def __init__(self, source: Source, exposed: Exposed, allow_outside: bool) -> None:
        self.source = source
        self.exposed = exposed
        self.allow_outside = allow_outside
        self.builder = Builder()
        self.constants = Constants(self.builder, self._setting, self.error)
        self.states: list[State] = []
        self.slots: list[Slot] = []
        self.pipes: list[Pipe] = []
        self.events: list[Event] = []
        self.streams: dict[Any, tuple[str, int]] = {}
        self.memo: dict[Any, Any] = {}  # what elements of one array equation share
        self._done: dict[tuple[Scope, str, tuple[str, ...], bool], int] = {}
        self._active: dict[tuple[Scope, str, tuple[str, ...], bool], str] = {}
        self._pending: list[Callable[[], None]] = []
        self._keys: dict[str, str] = {}
        self.macros: dict[str, Any] = {}
        self.main = self._read_sections()

    # ---- names -------------------------------------------------------------------------------------------------

    def _read_sections(self) -> Scope:
        sections = self.source.abstract.sections
        for section in sections:
            if section.type == "macro":
                self.macros[clean(section.name)] = section
        main = next(section for section in sections if section.type != "macro")
        subscripts = read_subscripts(
            ((r.name, external.subscript_elements(self, r.subscripts), r.mapping) for r in main.subscripts),
            self.source.mappings,
        )
        return Scope(self._variables(main, subscripts), subscripts)

    def _variables(self, section: Any, subscripts: Subscripts) -> dict[str, Variable]:
        found = {}
        for element in section.elements:
            if element.components:
                one = variable(element, subscripts)
                found[one.key] = one
        return found

    def macro_scope(self, section: Any, arguments: tuple[Any, ...], frame: Frame) -> Scope:
        """Scope of one use of a macro."""
        if len(arguments) != len(section.params):
            raise self.error(
                f"macro '{section.name}' takes {len(section.params)} arguments, not {len(arguments)}", frame.owner
            )
        given = {clean(name): (ast, frame) for name, ast in zip(section.params, arguments, strict=True)}
        return Scope(self._variables(section, self.main.subscripts), self.main.subscripts, frame.owner + ".", given)

    def error(self, message: str, owner: str, kind: type[ModelError] = ModelError) -> ModelError:
        """An error with the place of variable `owner` in the model file."""
        key = clean(owner.split("[")[0]) if owner else ""
        text = self.source.variables.get(key) or self.source.variables.get(clean(owner))
        about = f"'{owner}': " if owner else ""
        return kind(about + message, self.source.path, None if text is None else text.line)

    def key(self, name: str) -> str:
        """A name in an equation in the form in which names are compared."""
        found = self._keys.get(name)
        if found is None:
            found = self._keys[name] = clean(name)
        return found

    def unsupported(self, what: str, frame: Frame) -> ModelError:
        """An error that refuses `what` by name."""
        return self.error(f"{what} is not supported", frame.owner, UnsupportedError)

    # ---- values ------------------------------------------------------------------------------------------------

    def expression(self, ast: Any, frame: Frame) -> int:
        """Node of an expression."""
        handler = EXPRESSIONS.get(type(ast).__name__)
        if handler is None:
            raise self.unsupported(type(ast).__name__, frame)
        return handler(self, ast, frame)

    def number(self, ast: Any, frame: Frame) -> int:
        """Node of an expression as a number (a condition counts 0 or 1)."""
        return self.builder.as_number(self.expression(ast, frame))

    def reference(self, name: str, subscripts: tuple[str, ...] | None, frame: Frame) -> int:
        """Node of what `name` means at `frame`."""
        scope = frame.scope
        if name in scope.arguments:
            ast, outer = scope.arguments[name]
            return self.expression(ast, outer._replace(start=frame.start))
        leaf = self.clock(name, scope)
        if leaf is not None:
            return self.builder.leaf("start" if leaf == "time" and frame.start else leaf)
        found, scope = self.find(name, frame)
        if found is None:
            position = scope.subscripts.position(name, frame.env)
            if position is None:
                raise self._undefined(name, frame)
            return self.builder.literal(position)
        return self.value(scope, found, self.elements(found, subscripts, frame), frame.start)

    def now(self, frame: Frame) -> int:
        """Leaf of the time that `frame` describes: the start, or the time of the stage."""
        return self.builder.leaf("start" if frame.start else "time")

    def clock(self, name: str, scope: Scope) -> str | None:
        """Leaf of a name that every model has, or None."""
        if name.rstrip("$") in CLOCK:
            return CLOCK[name.rstrip("$")]
        return XMILE_CLOCK.get(name) if name not in scope.variables and self.source.kind == "xmile" else None

    def find(self, name: str, frame: Frame) -> tuple[Variable | None, Scope]:
        """Variable called `name` at `frame`, and the scope that it belongs to."""
        if name in frame.scope.variables:
            return frame.scope.variables[name], frame.scope
        if name.endswith("$") and name[:-1] in self.main.variables:  # Vensim's way out of a macro
            return self.main.variables[name[:-1]], self.main
        return None, frame.scope

    def _undefined(self, name: str, frame: Frame) -> ModelError:
        names = [v.name for v in frame.scope.variables.values()]
        problem = unknown("variable", name.replace("_", " "), names)
        return self.error(f"its equation uses an {problem}", frame.owner)

    def elements(self, found: Variable, subscripts: tuple[str, ...] | None, frame: Frame) -> tuple[str, ...]:
        """Elements that a reference to `found` means at `frame`."""
        written = subscripts if subscripts is not None else self._own_subscripts(found)
        if len(written) != found.rank:
            raise self.error(
                f"'{found.name}' has {found.rank} subscripts, the equation gives {len(written)}", frame.owner
            )
        element, env = frame.scope.subscripts.element, frame.env
        elements = tuple([element(self.key(s), env) for s in written])
        if None in elements:
            subscript = written[elements.index(None)]
            raise self.error(
                f"subscript '{subscript}' of '{found.name}' means no element here; put it on the left side, or map it",
                frame.owner,
            )
        return cast("tuple[str, ...]", elements)

    def _own_subscripts(self, found: Variable) -> tuple[str, ...]:
        return tuple(found.components[0].subscripts[0])

    def value(self, scope: Scope, found: Variable, elements: tuple[str, ...], start: bool) -> int:
        """Node of one element of a variable."""
        key = (scope, found.key, elements, start)
        node = self._done.get(key)
        if node is not None:
            return node
        owner = scope.prefix + found.name + scope.subscripts.display(elements)
        if key in self._active:
            raise self._circular(key)
        home = found.homes.get(elements)
        if home is None:
            raise self.error("no equation gives this element", owner)
        self._active[key] = owner
        node = self._component(Frame(scope, owner, home.env, start), home)
        del self._active[key]
        self._done[key] = node
        return node

    def _circular(self, key: tuple[Scope, str, tuple[str, ...], bool]) -> ModelError:
        names = list(self._active.values())
        cycle = names[list(self._active).index(key) :]
        when = " at the start" if key[3] else ""
        path = " <- ".join([*cycle, cycle[0]])
        return self.error(
            f"is defined by itself{when}: {path}; put a stock or a delay into the loop", cycle[0]
        )

    def _component(self, frame: Frame, home: Home) -> int:
        """Node of the equation of one element."""
        component, kind = home.component, type(home.component).__name__
        if kind == "AbstractLookup":
            raise self.error("is a lookup table; give it an argument", frame.owner)
        if self.is_exposed(frame.owner) and type(component.ast).__name__ != "IntegStructure":
            return self._exposed(frame, component.ast, home)
        value = self.constant(component.ast, home, frame)
        if value is not None:
            if kind == "AbstractUnchangeableConstant":
                return self.builder.literal(value)
            return self.parameter(frame.owner, value, frame.start)
        if kind == "AbstractData":
            table = data_table(self, component, home, frame)
            return self.builder.table(table, self.now(frame))
        return self.expression(component.ast, frame)

    # ---- constants ---------------------------------------------------------------------------------------------

    def is_exposed(self, owner: str) -> bool:
        """Whether a variable is to become a parameter."""
        return bool(self.exposed) and self._exposed_key(owner) is not None

    def _exposed_key(self, owner: str) -> str | None:
        for key in (clean(owner), clean(owner.split("[")[0])):
            if key in self.exposed:
                return key
        return None

    def _exposed(self, frame: Frame, ast: Any, home: Home) -> int:
        times = self.exposed[self._exposed_key(frame.owner) or ""]
        if times is None:
            value = self.constant(ast, home, frame)
            return self.parameter(frame.owner, np.nan if value is None else value, frame.start)
        first = self.constants.table(frame.owner, times, [np.nan] * len(times))
        table = Table(frame.owner, tuple(times), (np.nan,) * len(times), "interpolate", first)
        return self.builder.table(table, self.now(frame))

    def parameter(self, name: str, value: float, start: bool) -> int:
        """Node of the constant `name`."""
        return self.builder.leaf("start_parameter" if start else "parameter", self.constants.parameter(name, value))

    def constant(self, ast: Any, home: Home, frame: Frame) -> float | None:
        """Number that an equation without any variable gives, or None."""
        if isinstance(ast, np.ndarray):
            lefts = [s for s in map(clean, home.component.subscripts[0]) if frame.scope.subscripts.is_range(s)]
            ranges = [frame.scope.subscripts.ranges[left] for left in lefts]
            index = tuple(elements.index(home.env[left]) for left, elements in zip(lefts, ranges, strict=True))
            shape = tuple(len(elements) for elements in ranges)
            if ast.size != np.prod(shape, dtype=int):
                size = " x ".join(map(str, shape))
                raise self.error(f"gives {ast.size} numbers where its subscripts take {size}", frame.owner)
            return float(ast.reshape(shape)[index])
        if type(ast).__name__ == "GetConstantsStructure":
            return external.constant(self, ast, home, frame)
        return _fold(ast)

    def structural_number(self, ast: Any, frame: Frame) -> float:
        """Number that the shape of the program depends on, see :meth:`Constants.structural_value`."""
        return self.constants.structural_value(self.number(ast, frame._replace(start=True)), frame.owner)

    def probe(self, ast: Any, frame: Frame) -> float | None:
        """Number of an expression at the start with the model's own constants, or None where it takes more."""
        try:
            return self.constants.value(self.number(ast, frame._replace(start=True)), frame.owner)
        except ModelError:
            return None

    def _setting(self, leaf: str) -> tuple[int, str]:
        """Node of a time setting as the model file gives it, and its name."""
        name = {op: name for name, op in CLOCK.items()}[leaf]
        found = self.main.variables.get(name)
        if found is None and leaf == "save_step":
            return self.builder.leaf("dt"), "SAVEPER"
        if found is None:
            raise ModelError(f"the model has no {name.replace('_', ' ').upper()}", self.source.path)
        return self.number(found.components[0].ast, Frame(self.main, found.name, {}, True)), found.name

    # ---- stocks and their kin ----------------------------------------------------------------------------------

    def stock(self, frame: Frame, name: str, initial: Thunk, flow: Thunk, nonnegative: bool = False) -> int:
        """Leaf of a new stock; its initial value and flow are lowered when the walk is done with what it is at."""
        number = len(self.states)
        self.states.append(State(name, -1, -1, nonnegative))

        def finish() -> None:
            as_number = self.builder.as_number
            self.states[number] = State(name, as_number(initial()), as_number(flow()), nonnegative)

        self._pending.append(finish)
        return self.builder.leaf("state", number)

    def slot(self, name: str, update: Callable[[int], int], initial: int) -> int:
        """Node that is made once a step from its own previous value, and held over the step's stages."""
        number = len(self.slots)
        self.slots.append(Slot(name, -1, initial))
        made = self.builder.as_number(update(self.builder.leaf("previous", number)))
        hold = self.builder.unique("hold", made, attr=number)
        self.slots[number] = Slot(name, hold, initial)
        return hold

    def pipe(self, name: str, entry: Thunk, length: int, initial: int) -> int:
        """Leaf of what `entry` was `length` steps ago."""
        number = len(self.pipes)
        self.pipes.append(Pipe(name, -1, length, initial))

        def finish() -> None:
            self.pipes[number] = Pipe(name, self.builder.as_number(entry()), length, initial)

        self._pending.append(finish)
        return self.builder.leaf("pipe", number)

    def uniform(self, ast_key: object, frame: Frame) -> int:
        """Leaf of a random number in (0, 1); each place in each element's equation has a stream of its own."""
        key = (frame.scope, frame.owner, ast_key, tuple(sorted(frame.env.items())))
        if key not in self.streams:
            same = sum(1 for key_ in self.streams if key_[1] == frame.owner)
            taken = {number for _, number in self.streams.values()}
            number = stream_number(clean(frame.owner) + (f"#{same}" if same else ""))
            while number in taken:
                number = (number + 1) & 0xFFFFFFFF
            self.streams[key] = (frame.owner, number)
        return self.builder.leaf("uniform_start" if frame.start else "uniform", self.streams[key][1])

    def event(self, first: int, period: int = -1, last: int = -1) -> None:
        """Note times at which the right-hand side may jump, where they don't depend on the state."""
        if all(self.builder.nodes[n].rate <= Rate.RUN for n in (first, period, last) if n >= 0):
            self.events.append(Event(first, period, last))

    # ---- the whole ---------------------------------------------------------------------------------------------

    def program(self) -> Program:
        """Walk everything and put the program together."""
        outputs = {}
        for found in self._constants_first():
            for elements, home in found.homes.items():
                if type(home.component).__name__ != "AbstractLookup":
                    name = found.name + self.main.subscripts.display(elements)
                    outputs[name] = self.builder.as_number(self._output(found, elements))
        while self._pending:
            self._pending.pop()()
        return assemble(self, {name: outputs[name] for name in self._file_order() if name in outputs})

    def _constants_first(self) -> list[Variable]:
        """Constants in the order of the file (so that parameters come in it), then the others in order of use."""
        variables = self.main.variables.values()
        plain = [v for v in variables if all(_is_constant(c.ast) for c in v.components)]
        return list(dict.fromkeys([*plain, *in_order(self.main.variables)]))

    def _output(self, found: Variable, elements: tuple[str, ...]) -> int:
        leaf = CLOCK.get(found.key)
        return self.builder.leaf(leaf) if leaf else self.value(self.main, found, elements, False)

    def _file_order(self) -> Iterator[str]:
        for found in self.main.variables.values():
            for elements in found.homes:
                yield found.name + self.main.subscripts.display(elements)


def _is_constant(ast: Any) -> bool:
    return isinstance(ast, np.ndarray) or type(ast).__name__ == "GetConstantsStructure" or _fold(ast) is not None


def _fold(ast: Any) -> float | None:
    """Number that an expression of numbers alone gives, or None."""
    if isinstance(ast, (int, float, np.integer, np.floating)):
        return float(ast)
    kind = type(ast).__name__
    if kind == "GameStructure":
        return _fold(ast.expression)
    if kind != "ArithmeticStructure":
        return None
    values = [_fold(arg) for arg in ast.arguments]
    if any(v is None for v in values):
        return None
    builder = Builder()
    return builder.value(arithmetic(builder, ast.operators, [builder.literal(v) for v in values if v is not None]))


