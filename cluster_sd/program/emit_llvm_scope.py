"""Values at hand in one function of the compiled code: from a node of the program to the instruction that gives it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cluster_sd.program.emit_llvm_ops import quotient
from cluster_sd.program.emit_llvm_plan import FIXED_LEAVES, PARAMETERS, TIME_LEAVES, Plan, literal
from cluster_sd.program.emit_llvm_random import uniform
from cluster_sd.program.emit_llvm_tables import Points, load_at, lookup, slope
from cluster_sd.program.emit_llvm_text import Value, Writer
from cluster_sd.program.ir import Rate
from cluster_sd.program.ops import OPS

#: Divisors outside these have no reciprocal to trust.
SMALLEST, LARGEST = 2.0**-900, 2.0**900


#: What the caller passes, 64 bits each: addresses, counts, and strides in bytes.
CONTEXT = (
    "frames", "frame_stride", "fixed", "rows", "runs", "varying", "varying_stride", "start_varying", "series",
    "series_stride", "saves", "first", "last", "steps", "task", "blocks", "count", "failed_step", "failed_item",
    "key_low", "key_high", "rings", "ring_stride", "ring_offsets", "lengths", "odd", "given", "given_row",
    "given_series", "given_rows",
)  # fmt: skip
FIELD = {name: number for number, name in enumerate(CONTEXT)}


class Scope:
    """Values at hand in one function."""

    def __init__(self, plan: Plan, w: Writer, states: str = "states") -> None:
        self.plan, self.w, self.states = plan, w, states
        self.values: dict[int, Value] = {}
        self._states: dict[int, Value] = {}
        self._fields: dict[str, str] = {}
        self.odd: list[Value] = []

    def inner(self) -> Scope:
        """A scope for a block that this one's blocks lead to."""
        other = Scope(self.plan, self.w, self.states)
        other.values.update(self.values)
        other._states.update(self._states)
        other._fields.update(self._fields)
        return other

    # what the caller passed

    def field(self, name: str, kind: str = "i64") -> str:
        """A field of the context."""
        found = self._fields.get(name)
        if found is None:
            spot = self.w.let(f"getelementptr i64, ptr %context, i64 {FIELD[name]}")
            found = self._fields[name] = self.w.let(f"load {kind}, ptr {spot.name}, align 8").name
        return found

    def at(self, base: str, offset: int | str) -> str:
        """Address some bytes after another."""
        if offset == 0:
            return base
        return self.w.let(f"getelementptr i8, ptr {base}, i64 {offset}").name

    # memory

    def load(self, address: str) -> Value:
        """A number, or a vector of them."""
        return self.w.let(f"load {self.w.number}, ptr {address}, align {8 * max(1, self.w.lanes)}")

    def store(self, value: Value, address: str) -> None:
        """Store such a thing."""
        self.w.line(f"store {self.w.number} {value.name}, ptr {address}, align {8 * max(1, self.w.lanes)}")

    def load_whole(self, address: str) -> Value:
        """Load an integer, or a vector of them."""
        return self.w.let(f"load {self.w.integer}, ptr {address}, align {8 * max(1, self.w.lanes)}")

    def store_whole(self, value: Value, address: str) -> None:
        """Store such a thing."""
        self.w.line(f"store {self.w.integer} {value.name}, ptr {address}, align {8 * max(1, self.w.lanes)}")

    def plain(self, base: str, index: int) -> Value:
        """A plain number of a row, in every lane."""
        spot = self.at(base, 8 * index)
        return self.w.spread(self.w.let(f"load double, ptr {spot}, align 8").name)

    def state(self, i: int) -> Value:
        """State number `i`: at hand where a node has read it."""
        found = self._states.get(i)
        if found is None:
            found = self._states[i] = self.load(self.place(self.states, i))
        return found

    def parameter(self, number: int) -> Value:
        """A parameter's value now."""
        if number in self.plan.task.varying:
            return self._row_of_runs(self.field("varying", "ptr"), self.plan.task.varying.index(number))
        return self.plain("%fixed", PARAMETERS + number)

    def place(self, name: str, index: int = 0) -> str:
        """Address of a vector in one of the frame's regions."""
        return self.at("%frame", self.plan.offset[name] + index * self.plan.width)

    # nodes

    def get(self, i: int) -> Value:
        """Value of node `i`: at hand, or from where it is stored."""
        value = self.values.get(i)
        if value is None:
            value = self.values[i] = self._fetch(i)
        return value

    def number(self, i: int) -> Value:
        """The same as a number."""
        value = self.get(i)
        return value.select(1.0, 0.0) if self.plan.kind(i) == "b" else value

    def _fetch(self, i: int) -> Value:
        plan, w = self.plan, self.w
        rate = plan.rates[i]
        if rate is Rate.LITERAL:
            value = literal(plan.nodes, i)
            return w.known(bool(value)) if plan.kind(i) == "b" else w.literal(float(value))
        if plan.direct(i):
            return self._direct(i)
        if rate in (Rate.FIXED, Rate.TIME):
            value = self.plain("%fixed" if rate is Rate.FIXED else "%row", plan.place[i])
        else:
            value = self.load(self.at("%frame", plan.place[i]))
        return value.differs(0.0) if plan.kind(i) == "b" else value

    def _direct(self, i: int) -> Value:
        node, parameters = self.plan.nodes[i], len(self.plan.task.program.parameters)
        number = node.number
        if node.op == "state":
            return self.state(number)
        if node.op == "previous":
            return self.load(self.place("previous", number))
        if node.op in TIME_LEAVES:
            return self.plain("%row", TIME_LEAVES[node.op])
        if node.op in FIXED_LEAVES:
            return self.plain("%fixed", FIXED_LEAVES[node.op])
        return self.plain("%fixed", PARAMETERS + number + (parameters if node.op == "start_parameter" else 0))

    def evaluate(self, positions: Sequence[int]) -> None:
        """Write nodes' operations, and store what others need."""
        plan = self.plan
        for i in positions:
            if plan.direct(i):
                continue
            self.values[i] = self._operation(i)
            if i in plan.stored:
                self._keep(i, self.number(i))

    def _keep(self, i: int, value: Value) -> None:
        plan = self.plan
        rate = plan.rates[i]
        if rate in (Rate.FIXED, Rate.TIME):
            base = "%fixed" if rate is Rate.FIXED else "%row"
            self.w.line(f"store double {value.name}, ptr {self.at(base, 8 * plan.place[i])}, align 8")
        else:
            self.store(value, self.at("%frame", plan.place[i]))

    def _operation(self, i: int) -> Value:
        node = self.plan.nodes[i]
        if not node.args:
            return self._leaf(i)
        args = [self.get(arg) for arg in node.args]
        if node.op in ("table", "table_slope"):
            number = node.number
            table = self.plan.task.program.tables[number]
            function = lookup if node.op == "table" else slope
            return function(self.w, table, args[0], self._points(number) if table.first_parameter >= 0 else None)
        if node.op == "quotient":
            return self._quotient(node.args, args)
        if node.op == "inverse":
            return self._inverse(args[0])
        rule = OPS[node.op].llvm
        assert rule is not None
        return rule(*args)

    def _quotient(self, nodes: Sequence[int], args: Sequence[Value]) -> Value:
        if len(args) == 3:
            return quotient(args[0], args[1], args[2])
        divisor = float(literal(self.plan.nodes, nodes[1]))
        if math.frexp(divisor)[0] == 0.5:  # a power of two
            return args[0] * (1.0 / divisor)
        return quotient(args[0], args[1], self.w.literal(1.0 / divisor))

    def _inverse(self, divisor: Value) -> Value:
        """Reciprocal; a divisor that is negative or near the ends of the range of exponents is noted."""
        low = (divisor < SMALLEST) & divisor.differs(0.0)
        high = (divisor > LARGEST) & (divisor < float("inf"))
        self.odd.append(low | high)
        return 1.0 / divisor

    def note_odd(self) -> None:
        """Tell the caller where a divisor was near the ends of the range."""
        for odd in self.odd:
            with self.w.when(self.w.any(odd), likely=False):
                spot = self.w.let(f"getelementptr i64, ptr %context, i64 {FIELD['odd']}")
                self.w.line(f"store i64 1, ptr {spot.name}, align 8")

    def _leaf(self, i: int) -> Value:
        plan, w = self.plan, self.w
        node = plan.nodes[i]
        number = node.number
        if node.op in ("parameter", "start_parameter"):
            base = self.field("varying" if node.op == "parameter" else "start_varying", "ptr")
            return self._row_of_runs(base, plan.task.varying.index(number))
        if node.op in ("uniform", "uniform_start"):
            step = w.spread("%n" if node.op == "uniform" else "0", "i64")
            key = (self.field("key_low"), self.field("key_high"))
            return uniform(w, key, number, step, self.load_whole(self.place("runs")))
        if node.op == "series":
            return self._given(number)
        return self._pipe(number)

    def _row_of_runs(self, base: str, row: int) -> Value:
        w = self.w
        down = w.let(f"mul i64 {self.field('varying_stride')}, {row}").name
        along = w.let(f"mul i64 %block, {self.plan.width}").name
        return w.let(f"load {w.number}, ptr {self.at(self.at(base, down), along)}, align 8")

    def valid(self) -> Value:
        """Which lanes hold runs; in the last block there may be more."""
        w, lanes = self.w, self.plan.lanes
        before = w.let(f"mul i64 %block, {lanes}").name
        left = w.let(f"sub i64 {self.field('count')}, {before}").name
        return Value(w, self.lane_numbers()).whole("icmp slt", w.spread(left, "i64"))

    def lane_numbers(self) -> str:
        """The integers 0, 1, 2 ... as a vector."""
        return "<" + ", ".join(f"i64 {lane}" for lane in range(self.plan.lanes)) + ">"

    def _given(self, number: int) -> Value:
        w = self.w
        last = w.let(f"sub i64 {self.field('given_rows')}, 1").name
        row = w.let(f"call i64 @llvm.smin.i64(i64 %n, i64 {last})").name
        down = w.let(f"mul i64 {row}, {self.field('given_row')}").name
        over = w.let(f"mul i64 {self.field('given_series')}, {number}").name
        along = w.let(f"mul i64 %block, {self.plan.width}").name
        address = self.at(self.at(self.at(self.field("given", "ptr"), down), over), along)
        return w.let(
            f"call {w.number} @llvm.masked.load.{w.suffix}.p0(ptr align 8 {address}, {w.truth} {self.valid().name}, "
            f"{w.number} zeroinitializer)"
        )

    # pipes: a ring of vectors for each, and a position in each lane

    def ring(self, number: int) -> str:
        """Address of a pipe's ring."""
        base = self.w.let(f"load ptr, ptr {self.place('head')}, align 8").name
        offset = self.at(self.field("ring_offsets", "ptr"), 8 * number)
        return self.at(base, self.w.let(f"load i64, ptr {offset}, align 8").name)

    def ring_index(self, number: int) -> Value:
        """Index of each lane's double in the ring."""
        lanes = self.plan.lanes
        position = self.load_whole(self.place("position", number))
        return position.whole("mul", lanes).whole("add", Value(self.w, self.lane_numbers()))

    def _pipe(self, number: int) -> Value:
        return load_at(self.w, self.ring(number), self.ring_index(number))

    # tables whose points are parameters

    def _points(self, number: int) -> Points:
        plan, w = self.plan, self.w
        table = plan.task.program.tables[number]
        base = PARAMETERS + table.first_parameter
        region = plan.points.get(number)
        if region is None:
            address = self.at("%fixed", 8 * base)
            return Points(
                lambda i: self.plain("%fixed", base + i),
                lambda where, more: load_at(w, self.at(address, 8 * more), where),
            )
        address = self.at("%frame", region)

        def gather(where: Value, more: int) -> Value:
            index = where.whole("mul", plan.lanes).whole("add", Value(w, self.lane_numbers()))
            return load_at(w, self.at(address, more * plan.width), index)

        return Points(lambda i: self.load(self.at("%frame", region + i * plan.width)), gather)
