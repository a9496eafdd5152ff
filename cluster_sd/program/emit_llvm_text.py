"""Writing LLVM's intermediate language: values with operators, and the text of a module that they end up in.

A :class:`Writer` collects the instructions of one function, over plain numbers (``lanes == 0``) or over vectors of
runs; a :class:`Value` is the name of a result, with Python's operators, so that a rule reads like its formula:
``x * x + 1.0`` writes two instructions. Nothing in here needs ``llvmlite``: it is text.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """What the emitter has to know about a processor.

    Attributes
    ----------
    vector : int
        Doubles in a native vector.
    fma : bool
        Whether it multiplies and adds with one rounding.
    masks : bool
        Whether it has mask registers (AVX-512).
    rounds : bool
        Whether it has an instruction for floor and trunc.
    """

    vector: int
    fma: bool
    masks: bool
    rounds: bool


def hexadecimal(value: float) -> str:
    """`value` as LLVM writes a double."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


class Module:
    """Functions and constants of one module.

    Parameters
    ----------
    machine : Machine
    math : mapping of str to callable
        Makers of functions that are called by name (:data:`cluster_sd.program.vecmath.FUNCTIONS`); each is written
        into the module when it is first asked for.
    inline : bool
        Whether these functions are put in place of their calls.
    """

    def __init__(self, machine: Machine, math: dict[str, Callable[..., Value]], inline: bool) -> None:
        self.machine = machine
        self.inline = inline
        self._math = math
        self._parts: list[str] = []
        self._known: dict[str, str] = {}

    def add(self, text: str) -> None:
        """Put a function into the module."""
        self._parts.append(text)

    def text(self) -> str:
        """The whole module."""
        return "\n".join(self._parts) + '\n!0 = !{!"branch_weights", i32 1, i32 100000}\n'

    def array(self, values: Sequence[float]) -> str:
        """Symbol of a constant array of doubles."""
        items = ", ".join(f"double {hexadecimal(v)}" for v in values)
        return self._constant(f"[{len(values)} x double] [{items}]", 64)

    def octets(self, content: bytes) -> str:
        """Symbol of constant bytes."""
        items = "".join(f"\\{octet:02X}" for octet in content)
        return self._constant(f'[{len(content)} x i8] c"{items}"', 16)

    def mark(self, symbol: str) -> bool:
        """Whether `symbol` is new; from now on it is not."""
        new = symbol not in self._known
        self._known.setdefault(symbol, symbol)
        return new

    def _constant(self, content: str, align: int) -> str:
        symbol = self._known.get(content)
        if symbol is None:
            symbol = self._known[content] = f"@c{len(self._known)}"
            self._parts.append(f"{symbol} = internal unnamed_addr constant {content}, align {align}")
        return symbol

    def math(self, name: str, lanes: int, arity: int) -> str:
        """Symbol of the mathematical function `name` over `lanes`, written into the module when it is new."""
        key = f"{name}.{lanes}"
        symbol = self._known.get(key)
        if symbol is None:
            symbol = self._known[key] = f"@{key}"
            writer = Writer(self, lanes)
            args = [Value(writer, f"%a{i}") for i in range(arity)]
            result = self._math[name](*args)
            head = ", ".join(f"{writer.number} {arg.name}" for arg in args)
            inline = "alwaysinline" if self.inline and not name.endswith(".long") else "noinline"
            self.add(
                f"define internal {writer.number} {symbol}({head}) {inline} {attributes(self.machine)} {{\nentry:\n"
                + writer.body()
                + f"\n  ret {writer.number} {result.name}\n}}"
            )
        return symbol


def attributes(machine: Machine) -> str:
    """Attributes of every function: vectors as wide as the processor has them."""
    bits = 64 * machine.vector
    return f'nounwind "prefer-vector-width"="{bits}" "min-legal-vector-width"="{bits}"'


class Writer:
    """Instructions of one function.

    Attributes
    ----------
    lanes : int
        Runs in a vector; 0 for plain numbers.
    number, integer, truth : str
        LLVM's types of a number, a 64-bit integer and a truth value here.
    """

    def __init__(self, module: Module, lanes: int) -> None:
        self.module = module
        self.machine = module.machine
        self.lanes = lanes
        self.number, self.integer, self.truth = (
            (f"<{lanes} x {kind}>" if lanes else kind) for kind in ("double", "i64", "i1")
        )
        self.suffix = f"v{lanes}f64" if lanes else "f64"
        self.lines: list[str] = []
        self.block = "entry"
        self._count = 0

    def twin(self, lanes: int) -> Writer:
        """A writer into the same function with another number of lanes."""
        other = Writer(self.module, lanes)
        other.lines, other._names = self.lines, self._names
        return other

    def fresh(self) -> str:
        """A new name."""
        return self._names()

    def _names(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def line(self, text: str) -> None:
        """An instruction without result."""
        self.lines.append("  " + text)

    def label(self, name: str) -> None:
        """Begin a block."""
        self.lines.append(name + ":")
        self.block = name

    def let(self, text: str) -> Value:
        """An instruction with a result."""
        name = self._names()
        self.lines.append(f"  {name} = {text}")
        return Value(self, name)

    @contextmanager
    def loop(self, start: str, end: str) -> Iterator[str]:
        """Repeat what is written inside for plain integers from `start` to before `end`; gives the counter's name."""
        head, inside, after, counter, following = (self.fresh() for _ in range(5))
        before = self.block
        self.line(f"br label {head}")
        self.label(head[1:])
        place = len(self.lines)
        self.line("")
        more = self.let(f"icmp slt i64 {counter}, {end}")
        self.line(f"br i1 {more.name}, label {inside}, label {after}")
        self.label(inside[1:])
        yield counter
        self.line(f"{following} = add i64 {counter}, 1")
        self.line(f"br label {head}")
        self.lines[place] = f"  {counter} = phi i64 [ {start}, %{before} ], [ {following}, %{self.block} ]"
        self.label(after[1:])

    @contextmanager
    def when(self, condition: str, likely: bool = True) -> Iterator[None]:
        """Do what is written inside only where the plain truth value `condition` holds."""
        inside, after = self.fresh(), self.fresh()
        self.line(f"br i1 {condition}, label {inside}, label {after}" + ("" if likely else ", !prof !0"))
        self.label(inside[1:])
        yield
        self.line(f"br label {after}")
        self.label(after[1:])

    def body(self) -> str:
        """The text so far."""
        return "\n".join(self.lines)

    def literal(self, value: float) -> Value:
        """The number `value`."""
        text = hexadecimal(value)
        return Value(self, f"splat (double {text})" if self.lanes else text, value)

    def whole(self, value: int) -> Value:
        """The integer `value`."""
        return Value(self, f"splat (i64 {value})" if self.lanes else str(value))

    def known(self, value: bool) -> Value:
        """A truth value."""
        text = "true" if value else "false"
        return Value(self, f"splat (i1 {text})" if self.lanes else text)

    def value(self, x: Value | float) -> Value:
        """`x` as a value of this writer."""
        return x if isinstance(x, Value) else self.literal(float(x))

    def spread(self, scalar: str, kind: str = "double") -> Value:
        """The plain number `scalar` in every lane."""
        if not self.lanes:
            return Value(self, scalar)
        one = self.let(f"insertelement <{self.lanes} x {kind}> poison, {kind} {scalar}, i64 0")
        return self.let(
            f"shufflevector <{self.lanes} x {kind}> {one.name}, <{self.lanes} x {kind}> poison, "
            f"<{self.lanes} x i32> zeroinitializer"
        )

    def call(self, name: str, *args: Value) -> Value:
        """Call a function of :mod:`cluster_sd.program.vecmath`."""
        symbol = self.module.math(name, self.lanes, len(args))
        return self.let(f"call {self.number} {symbol}({', '.join(f'{self.number} {a.name}' for a in args)})")

    def intrinsic(self, name: str, *args: Value) -> Value:
        """Call one of LLVM's own functions of numbers."""
        inner = ", ".join(f"{self.number} {a.name}" for a in args)
        return self.let(f"call {self.number} @llvm.{name}.{self.suffix}({inner})")

    def any(self, truth: Value) -> str:
        """Whether `truth` holds in any lane, as a plain truth value."""
        if not self.lanes:
            return truth.name
        bits = self.let(f"bitcast {self.truth} {truth.name} to i{self.lanes}")
        return self.let(f"icmp ne i{self.lanes} {bits.name}, 0").name


class Value:
    """A result by its name, with operators; ``known`` is its value where that is a literal."""

    __slots__ = ("known", "name", "w")

    def __init__(self, w: Writer, name: str, known: float | None = None) -> None:
        self.w = w
        self.name = name
        self.known = known

    def _two(self, op: str, a: Value | float, b: Value | float) -> Value:
        w = self.w
        return w.let(f"{op} {w.number} {w.value(a).name}, {w.value(b).name}")

    def __add__(self, other: Value | float) -> Value:
        return self._two("fadd", self, other)

    def __radd__(self, other: float) -> Value:
        return self._two("fadd", other, self)

    def __sub__(self, other: Value | float) -> Value:
        return self._two("fsub", self, other)

    def __rsub__(self, other: float) -> Value:
        return self._two("fsub", other, self)

    def __mul__(self, other: Value | float) -> Value:
        return self._two("fmul", self, other)

    def __rmul__(self, other: float) -> Value:
        return self._two("fmul", other, self)

    def __truediv__(self, other: Value | float) -> Value:
        return self._two("fdiv", self, other)

    def __rtruediv__(self, other: float) -> Value:
        return self._two("fdiv", other, self)

    def __neg__(self) -> Value:
        return self.w.let(f"fneg {self.w.number} {self.name}")

    def __abs__(self) -> Value:
        return self.w.intrinsic("fabs", self)

    def compare(self, predicate: str, other: Value | float) -> Value:
        """Comparison by LLVM's predicate (``olt``: less, false where an operand is NaN; ``uno``: is either NaN)."""
        return self._two(f"fcmp {predicate}", self, other)

    def __lt__(self, other: Value | float) -> Value:
        return self.compare("olt", other)

    def __le__(self, other: Value | float) -> Value:
        return self.compare("ole", other)

    def __gt__(self, other: Value | float) -> Value:
        return self.compare("ogt", other)

    def __ge__(self, other: Value | float) -> Value:
        return self.compare("oge", other)

    def same(self, other: Value | float) -> Value:
        """Whether equal (NaN is not)."""
        return self.compare("oeq", other)

    def differs(self, other: Value | float) -> Value:
        """Whether different (NaN is, from everything)."""
        return self.compare("une", other)

    def undefined(self) -> Value:
        """Whether NaN."""
        return self.compare("uno", self)

    def fma(self, factor: Value | float, addend: Value | float) -> Value:
        """``self * factor + addend``, with one rounding where the processor does that."""
        if not self.w.machine.fma:
            return self * factor + addend
        return self.w.intrinsic("fma", self, self.w.value(factor), self.w.value(addend))

    # truth values

    def _logic(self, op: str, other: Value) -> Value:
        return self.w.let(f"{op} {self.w.truth} {self.name}, {other.name}")

    def __and__(self, other: Value) -> Value:
        return self._logic("and", other)

    def __or__(self, other: Value) -> Value:
        return self._logic("or", other)

    def __invert__(self) -> Value:
        return self._logic("xor", self.w.known(True))

    def select(self, a: Value | float, b: Value | float) -> Value:
        """`a` where this truth value holds, else `b`."""
        w = self.w
        return w.let(f"select {w.truth} {self.name}, {w.number} {w.value(a).name}, {w.number} {w.value(b).name}")

    def select_whole(self, a: Value, b: Value) -> Value:
        """The same of integers."""
        w = self.w
        return w.let(f"select {w.truth} {self.name}, {w.integer} {a.name}, {w.integer} {b.name}")

    # integers of 64 bits

    def bits(self) -> Value:
        """The number's bits as an integer."""
        return self.w.let(f"bitcast {self.w.number} {self.name} to {self.w.integer}")

    def from_bits(self) -> Value:
        """The number with these bits."""
        return self.w.let(f"bitcast {self.w.integer} {self.name} to {self.w.number}")

    def whole(self, op: str, other: Value | int) -> Value:
        """An operation of integers by LLVM's name (``add``, ``shl``, ``lshr``, ``icmp eq`` ...)."""
        w = self.w
        second = w.whole(other) if isinstance(other, int) else other
        return w.let(f"{op} {w.integer} {self.name}, {second.name}")
