"""The LLVM emitter: a plan's parts as functions, and the loops around them.

Three functions are called from outside, each with a pointer to the fields of
:data:`~cluster_sd.program.emit_llvm_scope.CONTEXT`: ``fixed`` evaluates what is the same in all runs, ``times`` what
depends on time alone, a row for each stage of each step, and ``window`` runs every block of runs through some steps.
There is no global data but literal constants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cluster_sd.program.emit_llvm_plan import FIXED_LEAVES, Part, Plan
from cluster_sd.program.emit_llvm_scope import FIELD, Scope
from cluster_sd.program.emit_llvm_text import Module, Value, Writer, attributes
from cluster_sd.program.vecmath import FUNCTIONS

#: Values that differ between steps only by what is copied; so many in a function.
COPIES = 256
#: What a window is asked to do: evaluate constants, put states in place, only find the pipes' lengths.
CONSTANTS, BEGIN, LENGTHS = 1, 2, 4
_ARGUMENTS = "ptr noalias %context, ptr noalias %frame, ptr noalias %fixed, ptr noalias %row, i64 %n, i64 %block"


def emit(plan: Plan, *, inline: bool) -> str:
    """Text of the module of a plan; `inline` puts elementary functions in place of their calls."""
    module = Module(plan.machine, FUNCTIONS, inline)
    emitter = _Emitter(plan, module)
    emitter.fixed_and_times()
    emitter.locate()
    emitter.steps()
    emitter.window()
    return module.text()


class _Emitter:
    """Writes a module."""

    def __init__(self, plan: Plan, module: Module) -> None:
        self.plan, self.module = plan, module
        self.program = plan.task.program

    @contextmanager
    def function(
        self, name: str, arguments: str = "ptr noalias %context", *, lanes: int | None = None, inside: bool = True,
        states: str = "states",
    ) -> Iterator[Scope]:  # fmt: skip
        """A function without result; what is written inside becomes its body."""
        w = Writer(self.module, self.plan.lanes if lanes is None else lanes)
        yield Scope(self.plan, w, states)
        linkage = "internal " if inside else ""
        self.module.add(
            f"define {linkage}void @{name}({arguments}) {'noinline ' if inside else ''}"
            f"{attributes(self.plan.machine)} {{\nentry:\n{w.body()}\n  ret void\n}}"
        )

    def part(self, part: Part, lanes: int, states: str = "states") -> list[str]:
        """Write a part's chunks; gives the names of their functions."""
        names = [f"{part.name}.{number}" for number in range(len(part.chunks))]
        for name, chunk in zip(names, part.chunks, strict=True):
            with self.function(name, _ARGUMENTS, lanes=lanes, states=states) as scope:
                scope.evaluate(chunk)
                scope.note_odd()
        return names

    def copies(self, name: str, pairs: Sequence[tuple[int, str, int]], states: str = "states") -> list[str]:
        """Functions that copy nodes' values into regions of the frame, from (node, region, index)."""
        names = []
        for start in range(0, len(pairs), COPIES):
            names.append(f"{name}.{start}")
            with self.function(names[-1], _ARGUMENTS, states=states) as scope:
                for node, region, index in pairs[start : start + COPIES]:
                    scope.store(scope.number(node), scope.place(region, index))
        return names

    @staticmethod
    def call(w: Writer, names: Sequence[str], row: str = "%row", n: str = "%n", block: str = "%block") -> None:
        """Call chunks."""
        for name in names:
            w.line(f"call void @{name}(ptr %context, ptr %frame, ptr %fixed, ptr {row}, i64 {n}, i64 {block})")

    # what is the same in all runs

    def fixed_and_times(self) -> None:
        """Write ``fixed`` and ``times``."""
        plan = self.plan
        fixed, times = self.part(plan.fixed, 0), self.part(plan.time, 0)
        with self.function("fixed", lanes=0, inside=False) as scope:
            scope.w.line(f"%fixed = bitcast ptr {scope.field('fixed', 'ptr')} to ptr")
            scope.w.line("%frame = inttoptr i64 0 to ptr")
            self.call(scope.w, fixed, "%fixed", "0", "0")
        with self.function("times", lanes=0, inside=False) as scope:
            w = scope.w
            w.line(f"%fixed = bitcast ptr {scope.field('fixed', 'ptr')} to ptr")
            w.line("%frame = inttoptr i64 0 to ptr")
            start, dt = scope.plain("%fixed", FIXED_LEAVES["start"]), scope.plain("%fixed", FIXED_LEAVES["dt"])
            base, first = scope.field("rows", "ptr"), scope.field("first")
            with w.loop(first, scope.field("last")) as n:
                begin = start + w.let(f"sitofp i64 {n} to double") * dt
                index = w.let(f"sub i64 {n}, {first}").name
                row = scope.at(base, w.let(f"mul i64 {index}, {8 * plan.row_size * plan.stages}").name)
                for share in plan.task.scheme.c:
                    scope.store(begin + dt * share if share else begin, row)
                    scope.store(begin, scope.at(row, 8))
                    self.call(w, times, row, n, "0")
                    row = scope.at(row, 8 * plan.row_size)

    # failures

    @property
    def order(self) -> list[int]:
        """Columns of the outputs in the order in which they stand in the frame: those that are checked first."""
        checked = self.plan.task.checked
        return sorted(range(len(checked)), key=lambda column: not checked[column])

    def locate(self) -> None:
        """Write ``locate``, which finds out what failed in which lanes."""
        plan = self.plan
        lanes, states, checked = plan.lanes, len(self.program.states), sum(plan.task.checked)
        columns = self.module.array([float(column) for column in self.order] or [0.0])
        with self.function("locate", _ARGUMENTS, lanes=0) as scope:
            w = scope.w
            for region, count, base in (("states", states, 0), ("kept", checked, states)):
                with w.loop("0", str(count)) as item:
                    values = scope.at(scope.place(region), w.let(f"mul i64 {item}, {plan.width}").name)
                    number = item
                    if region == "kept":
                        column = w.let(f"getelementptr double, ptr {columns}, i64 {item}").name
                        column = w.let(f"fptosi double {w.let(f'load double, ptr {column}').name} to i64").name
                        number = w.let(f"add i64 {column}, {base}").name
                    with w.loop("0", str(lanes)) as lane:
                        self._mark(scope, values, number, lane)

    def _mark(self, scope: Scope, values: str, item: str, lane: str) -> None:
        w = scope.w
        value = scope.load(w.let(f"getelementptr double, ptr {values}, i64 {lane}").name)
        mark = w.let(f"getelementptr double, ptr {scope.place('dead')}, i64 {lane}").name
        failing = (value * 0.0).undefined() & scope.load(mark).same(0.0)
        with w.when(failing.name):
            scope.store(w.literal(1.0), mark)
            before = w.let(f"mul i64 %block, {self.plan.lanes}").name
            run = w.let(f"add i64 {before}, {lane}").name
            for field, found in (("failed_step", "%n"), ("failed_item", item)):
                spot = w.let(f"getelementptr i64, ptr {scope.inner().field(field, 'ptr')}, i64 {run}").name
                w.line(f"store i64 {found}, ptr {spot}, align 8")

    def _check(self, scope: Scope) -> None:
        """Look for a value that is not finite in a lane that had none: one sum over all that is checked."""
        w, plan = scope.w, self.plan
        states, checked = len(self.program.states), sum(plan.task.checked)
        if not states + checked:
            return
        if plan.fused:
            values = [scope.state(i) for i in range(states)]
            values += [scope.number(plan.task.kept[column]) for column in self.order[:checked]]
            while len(values) > 1:
                pairs = zip(values[::2], values[1::2], strict=False)
                values = [a + b for a, b in pairs] + ([values[-1]] if len(values) % 2 else [])
            total = values[0]
        else:
            total = self._sum(scope, [("states", states), ("kept", checked)])
        alive = scope.load(scope.place("dead")).same(0.0)
        with w.when(w.any((total * 0.0).undefined() & alive), likely=False):
            w.line("call void @locate(ptr %context, ptr %frame, ptr %fixed, ptr %row, i64 %n, i64 %block)")

    def _sum(self, scope: Scope, regions: Sequence[tuple[str, int]]) -> Value:
        """Sum of regions of the frame, by a loop."""
        w = scope.w
        total = w.let(f"alloca {w.number}, align {self.plan.width}").name
        scope.store(w.literal(0.0), total)
        for region, count in regions:
            base = scope.place(region)
            with w.loop("0", str(count)) as i:
                value = scope.load(scope.at(base, w.let(f"mul i64 {i}, {self.plan.width}").name))
                scope.store(scope.load(total) + value, total)
        return scope.load(total)

    # steps

    def steps(self) -> None:
        """Write ``steps``, which runs one block from the step ``first`` to before ``last``."""
        plan = self.plan
        chunks = {} if plan.fused else self._chunks()
        with self.function("steps", "ptr noalias %context, ptr noalias %frame, i64 %block") as scope:
            w = scope.w
            for name in ("series", "series_stride", "saves", "count", "steps"):
                scope.field(name, "ptr" if name in ("series", "saves") else "i64")
            w.line(f"%fixed = bitcast ptr {scope.field('fixed', 'ptr')} to ptr")
            base, first = scope.field("rows", "ptr"), scope.field("first")
            with w.loop(first, scope.field("last")) as n:
                index = w.let(f"sub i64 {n}, {first}").name
                down = w.let(f"mul i64 {index}, {8 * plan.row_size * plan.stages}").name
                w.line(f"%row = getelementptr i8, ptr {base}, i64 {down}")
                w.line(f"%n = add i64 {n}, 0")
                self._step(scope.inner(), chunks)

    def _chunks(self) -> dict[str, list[str]]:
        """Write the functions of a program that is not one piece."""
        plan, kept, order = self.plan, self.plan.task.kept, self.order
        checked = sum(plan.task.checked)
        flows = [(state.derivative, "slopes", i) for i, state in enumerate(self.program.states)]
        places = [(kept[column], "kept", place) for place, column in enumerate(order)]
        chunks = {
            "step": [
                *self.part(plan.step, plan.lanes),
                *self.copies("flows", flows),
                *self.copies("check", places[:checked]),
            ],
            "save": [*self.part(plan.save, plan.lanes), *self.copies("keep", places[checked:])],
        }
        if plan.stages > 1:
            parts = self.part(plan.stage, plan.lanes, "work")
            for stage in range(1, plan.stages):
                to = [(node, "slopes", stage * len(flows) + i) for node, _, i in flows]
                chunks[f"stage{stage}"] = [*parts, *self.copies(f"flows{stage}", to, "work")]
        return chunks

    def _step(self, scope: Scope, chunks: dict[str, list[str]]) -> None:
        w, plan = scope.w, self.plan
        if plan.fused:
            scope.evaluate([i for chunk in plan.step.chunks for i in chunk])
            for place, column in enumerate(self.order[: sum(plan.task.checked)]):
                scope.store(scope.number(plan.task.kept[column]), scope.place("kept", place))
        else:
            self.call(w, chunks["step"])
        self._check(scope)
        spot = w.let(f"getelementptr i64, ptr {scope.field('saves', 'ptr')}, i64 %n").name
        save = w.let(f"load i64, ptr {spot}, align 8").name
        with w.when(w.let(f"icmp sge i64 {save}, 0").name):
            self._save(scope.inner(), chunks, save)
        with w.when(w.let(f"icmp slt i64 %n, {scope.field('steps')}").name):
            self._advance(scope.inner(), chunks)

    def _save(self, scope: Scope, chunks: dict[str, list[str]], save: str) -> None:
        """Put the outputs into the frame and copy them to where they go; in the last block, run by run."""
        w, plan, order = scope.w, self.plan, self.order
        if plan.fused:
            scope.evaluate([i for chunk in plan.save.chunks for i in chunk])
            for place in range(sum(plan.task.checked), len(order)):
                scope.store(scope.number(plan.task.kept[order[place]]), scope.place("kept", place))
        else:
            self.call(w, chunks["save"])
        lanes, columns = plan.lanes, self.module.array([float(column) for column in order] or [0.0])
        before = w.let(f"mul i64 %block, {lanes}").name
        left = w.let(f"sub i64 {scope.field('count')}, {before}").name
        size = w.let(f"mul i64 {scope.field('series_stride')}, {len(order)}").name
        base = scope.at(scope.field("series", "ptr"), w.let(f"mul i64 {save}, {size}").name)
        base = scope.at(base, w.let(f"mul i64 %block, {plan.width}").name)
        full = w.let(f"icmp sge i64 {left}, {lanes}").name
        with w.loop("0", str(len(order))) as item:
            column = w.let(f"load double, ptr {w.let(f'getelementptr double, ptr {columns}, i64 {item}').name}").name
            column = w.let(f"fptosi double {column} to i64").name
            target = scope.at(base, w.let(f"mul i64 {column}, {scope.field('series_stride')}").name)
            source = scope.at(scope.place("kept"), w.let(f"mul i64 {item}, {plan.width}").name)
            with w.when(full):
                value = scope.load(source)
                w.line(f"store {w.number} {value.name}, ptr {target}, align 8")
            with w.when(w.let(f"xor i1 {full}, true").name, likely=False), w.loop("0", left) as lane:
                taken = w.let(f"getelementptr double, ptr {source}, i64 {lane}").name
                given = w.let(f"getelementptr double, ptr {target}, i64 {lane}").name
                w.line(f"store double {w.let(f'load double, ptr {taken}').name}, ptr {given}, align 8")

    def _advance(self, scope: Scope, chunks: dict[str, list[str]]) -> None:
        """To the next step: pipes and slots, then states."""
        w, plan, scheme = scope.w, self.plan, self.plan.task.scheme
        self._move_pipes(scope)
        # read all before any is overwritten; `previous` is needed in all stages of this step
        held = [scope.number(slot.update) for slot in self.program.slots]
        if plan.fused:
            self._euler(scope)
        else:
            dt = scope.plain("%fixed", FIXED_LEAVES["dt"])
            for stage in range(1, plan.stages):
                self._combine(scope, dt, scheme.a[stage], "work")
                row = scope.at("%row", 8 * plan.row_size * stage)
                self.call(w, chunks[f"stage{stage}"], row)
            self._combine(scope, dt, scheme.b, "states")
            self._cut(scope)
        for i, value in enumerate(held):
            scope.store(value, scope.place("previous", i))

    def _euler(self, scope: Scope) -> None:
        w = scope.w
        dt = scope.plain("%fixed", FIXED_LEAVES["dt"])
        weight = self.plan.task.scheme.b[0]
        moved = []
        for i, state in enumerate(self.program.states):
            flow = scope.number(state.derivative)
            moved.append(scope.state(i) + dt * (flow if weight == 1.0 else flow * weight))
        for i, state in enumerate(self.program.states):
            if state.cut_with >= 0:
                moved[i] = (moved[state.cut_with] < 0.0).select(0.0, moved[i])
        for i, state in enumerate(self.program.states):
            value = (moved[i] < 0.0).select(w.literal(0.0), moved[i]) if state.nonnegative else moved[i]
            scope.store(value, scope.place("states", i))

    def _combine(self, scope: Scope, dt: Value, weights: Sequence[float], to: str) -> None:
        """States plus `dt` times the weighted slopes, into the region `to`."""
        w, width, count = scope.w, self.plan.width, len(self.program.states)
        terms = [(weight, stage) for stage, weight in enumerate(weights) if weight]
        slopes, states, target = scope.place("slopes"), scope.place("states"), scope.place(to)
        with w.loop("0", str(count)) as i:
            offset = w.let(f"mul i64 {i}, {width}").name
            total: Value | None = None
            for weight, stage in terms:
                term = scope.load(scope.at(scope.at(slopes, stage * count * width), offset))
                term = term if weight == 1.0 else term * weight
                total = term if total is None else total + term
            value = scope.load(scope.at(states, offset))
            scope.store(value if total is None else value + dt * total, scope.at(target, offset))

    def _cut(self, scope: Scope) -> None:
        """Nonnegative stocks, and what is cut with them."""
        w = scope.w
        for i, state in enumerate(self.program.states):
            if state.cut_with >= 0:
                by, own = scope.place("states", state.cut_with), scope.place("states", i)
                scope.store((scope.load(by) < 0.0).select(0.0, scope.load(own)), own)
        for i, state in enumerate(self.program.states):
            if state.nonnegative:
                own = scope.place("states", i)
                value = scope.load(own)
                scope.store((value < 0.0).select(w.literal(0.0), value), own)

    def _move_pipes(self, scope: Scope) -> None:
        """Put what goes in where what came out was, and move on."""
        w = scope.w
        for number, pipe in enumerate(self.program.pipes):
            base, index = scope.ring(number), scope.ring_index(number)
            spots = w.let(f"getelementptr double, ptr {base}, {w.integer} {index.name}").name
            value = scope.number(pipe.input).name
            w.line(
                f"call void @llvm.masked.scatter.{w.suffix}.v{w.lanes}p0({w.number} {value}, "
                f"<{w.lanes} x ptr> align 8 {spots}, {w.truth} {w.known(True).name})"
            )
            following = scope.load_whole(scope.place("position", number)).whole("add", 1)
            length = scope.load_whole(scope.place("length", number))
            wrapped = following.whole("icmp sge", length).select_whole(w.whole(0), following)
            scope.store_whole(wrapped, scope.place("position", number))

    # blocks

    def window(self) -> None:
        """Write ``window``, which runs every block of runs."""
        constants = self._constants()
        lengths = self._lengths()
        begin = [*self.copies("begin", self._starts()), *self._begin_pipes()]
        with self.function("window", lanes=0, inside=False) as scope:
            w = scope.w
            w.line(f"%fixed = bitcast ptr {scope.field('fixed', 'ptr')} to ptr")
            task, odd = scope.field("task"), w.let(f"getelementptr i64, ptr %context, i64 {FIELD['odd']}").name
            frames, stride = scope.field("frames", "ptr"), scope.field("frame_stride")
            with w.loop("0", scope.field("blocks")) as block:
                down = w.let(f"mul i64 {block}, {stride}").name
                w.line(f"%frame = getelementptr i8, ptr {frames}, i64 {down}")
                w.line(f"%block = add i64 {block}, 0")
                for flag, names in ((CONSTANTS, constants), (LENGTHS, lengths), (BEGIN, begin)):
                    chosen = w.let(f"and i64 {task}, {flag}").name
                    with w.when(w.let(f"icmp ne i64 {chosen}, 0").name):
                        self.call(w, names, "%fixed", "0")
                fine = w.let(f"icmp eq i64 {w.let(f'load i64, ptr {odd}, align 8').name}, 0").name
                with w.when(fine):
                    w.line("call void @steps(ptr %context, ptr %frame, i64 %block)")

    def _constants(self) -> list[str]:
        """Numbers of the runs, points of tables that differ between runs, and what is evaluated once a run."""
        plan = self.plan
        with self.function("enter", _ARGUMENTS) as scope:
            w = scope.w
            along = w.let(f"mul i64 %block, {plan.width}").name
            runs = scope.at(scope.field("runs", "ptr"), along)
            scope.store_whole(w.let(f"load {w.integer}, ptr {runs}, align 8"), scope.place("runs"))
            for number, region in plan.points.items():
                table = self.program.tables[number]
                for i in range(len(table.x)):
                    scope.store(scope.parameter(table.first_parameter + i), scope.at("%frame", region + i * plan.width))
        return ["enter", *self.part(plan.run, plan.lanes)]

    def _starts(self) -> list[tuple[int, str, int]]:
        states = [(state.initial, "states", i) for i, state in enumerate(self.program.states)]
        return states + [(slot.initial, "previous", i) for i, slot in enumerate(self.program.slots)]

    def _lengths(self) -> list[str]:
        """A function that finds the longest length of each pipe."""
        with self.function("lengths", _ARGUMENTS) as scope:
            w = scope.w
            for number, pipe in enumerate(self.program.pipes):
                length = self._length(scope, pipe.length)
                valid = scope.valid().select_whole(length, w.whole(1))
                most = w.let(f"call i64 @llvm.vector.reduce.smax.v{w.lanes}i64({w.integer} {valid.name})").name
                spot = scope.at(scope.field("lengths", "ptr"), 8 * number)
                old = w.let(f"load i64, ptr {spot}, align 8").name
                w.line(
                    f"store i64 {w.let(f'call i64 @llvm.smax.i64(i64 {old}, i64 {most})').name}, ptr {spot}, align 8"
                )
        return ["lengths"]

    @staticmethod
    def _length(scope: Scope, node: int) -> Value:
        """Whole number of steps, one at least."""
        w = scope.w
        value = scope.number(node)
        value = ((value >= 1.0) & (value < 2.0**62)).select(value, 1.0)
        return w.let(f"fptosi {w.number} {value.name} to {w.integer}")

    def _begin_pipes(self) -> list[str]:
        plan = self.plan
        with self.function("begin.pipes", _ARGUMENTS) as scope:
            w = scope.w
            scope.store(w.literal(0.0), scope.place("dead"))
            rings = scope.field("rings", "ptr")
            ring = scope.at(rings, w.let(f"mul i64 %block, {scope.field('ring_stride')}").name)
            w.line(f"store ptr {ring}, ptr {scope.place('head')}, align 8")
            for number, pipe in enumerate(self.program.pipes):
                scope.store_whole(w.whole(0), scope.place("position", number))
                scope.store_whole(self._length(scope, pipe.length), scope.place("length", number))
                value, base = scope.number(pipe.initial), scope.ring(number)
                most = w.let(f"load i64, ptr {scope.at(scope.field('lengths', 'ptr'), 8 * number)}, align 8").name
                with w.loop("0", most) as i:
                    scope.store(value, scope.at(base, w.let(f"mul i64 {i}, {plan.width}").name))
        return ["begin.pipes"]
