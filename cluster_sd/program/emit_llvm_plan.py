"""What the LLVM emitter evaluates where, and where in memory a value waits for those who need it.

A program is cut into *chunks*, functions of a few hundred operations, since a compiler's time grows faster than the
length of a function. Inside a chunk a value is a register; what another chunk needs is *stored*: plain numbers in two
rows (fixed ones, and one row for each stage of each step), vectors in the *frame* of a block of runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cluster_sd.program.emit_llvm_tables import CHAIN
from cluster_sd.program.emit_llvm_text import Machine
from cluster_sd.program.ir import LEAVES, Node, Rate
from cluster_sd.program.kernel import Task
from cluster_sd.program.ops import OPS
from cluster_sd.program.schedule import schedule

#: Operations in a chunk, about; and in a program that is one function.
CHUNK, WHOLE = 800, 3000
#: Cost of an operation in plain instructions, where it is not one.
_COST = {
    "exp": 20, "log": 25, "pow": 70, "sin": 50, "cos": 50, "tan": 50, "asin": 35, "acos": 35, "atan": 35, "sinh": 50,
    "cosh": 40, "tanh": 60, "uniform": 150, "uniform_start": 150, "pipe": 20, "div": 4, "quotient": 6, "min": 2,
    "max": 2,
}  # fmt: skip
#: Cycles until the result of an operation is there, about, where it takes long.
_LATENCY = {"exp": 60, "log": 60, "pow": 120, "sqrt": 25, "div": 20, "quotient": 18, "table": 30}
#: Leaves that are read where they are needed.
_DIRECT = frozenset({"state", "previous", "time", "step_time", "start", "stop", "dt", "half_step", "save_step"})
#: The fixed row: time settings, then every parameter's value now, then at the start, then what is computed from them.
FIXED_LEAVES = {"start": 0, "stop": 1, "dt": 2, "half_step": 3, "save_step": 4}
PARAMETERS = 8
#: A stage's row: the time, the time at which the step began, then what is computed from them.
TIME_LEAVES = {"time": 0, "step_time": 1}


@dataclass(frozen=True, slots=True)
class Part:
    """Nodes that are evaluated together, in chunks."""

    name: str
    chunks: tuple[tuple[int, ...], ...]


class Plan:
    """Rates, parts and places of a task's values.

    Attributes
    ----------
    nodes : list of Node
        The program's, then reciprocals of divisors that change less often than their dividends.
    inverse : dict of int to int
        Node of the reciprocal of a divisor.
    fused : bool
        Whether a step is one piece of code.
    """

    def __init__(self, task: Task, machine: Machine, lanes: int | None = None, *, reciprocals: bool = True) -> None:
        program = task.program
        self.task, self.machine = task, machine
        found = schedule(program, task.kept, task.varying)
        self.nodes: list[Node] = list(program.nodes)
        self.rates: list[Rate] = list(found.rates)
        self.inverse: dict[int, int] = {}
        step, save = list(found.step), list(found.save)
        if any(task.checked):
            step, save = self._with_checked(step, save)
        if reciprocals and machine.fma:
            self._invert([*step, *save])
        inverses = self.inverse.values()
        fixed, run = (
            [*old, *(i for i in inverses if self.rates[i] is rate)]
            for old, rate in ((found.fixed, Rate.FIXED), (found.run, Rate.RUN))
        )
        stage = [i for i in found.stage if self.nodes[i].args and self.nodes[i].op != "hold"]
        self.stages = len(task.scheme.b)
        self.fused = self.stages == 1 and self._cost([*step, *save]) <= WHOLE
        self.fixed, self.run, self.time = (
            self._cut("fixed", fixed),
            self._cut("run", run),
            self._cut("time", found.time),
        )
        if self.fused:
            self.step, self.save = Part("step", (tuple(self._late(step)),)), Part("save", (tuple(save),))
        else:
            self.step, self.save = self._cut("step", step), self._cut("save", save)
        self.stage = self._cut("stage", stage if self.stages > 1 else [])
        # two native vectors, so that one works while the other waits; one where a block's values fill the nearest cache
        self.lanes = machine.vector * (2 if self.fused else 1) if lanes is None else lanes
        self.width = 8 * self.lanes
        self._place()

    def kind(self, i: int) -> str:
        """``b`` for a truth value, ``f`` for a number."""
        op = OPS.get(self.nodes[i].op)
        return op.gives if op else "f"

    def _with_checked(self, step: list[int], save: list[int]) -> tuple[list[int], list[int]]:
        """Move what a checked output needs from `save` to `step`: it is wanted at every step."""
        wanted = {node for node, checked in zip(self.task.kept, self.task.checked, strict=True) if checked}
        for i in reversed(save):
            if i in wanted:
                wanted.update(self.nodes[i].args)
        moved = {i for i in save if i in wanted}
        return sorted([*step, *moved]), [i for i in save if i not in moved]

    def _invert(self, positions: Iterable[int]) -> None:
        """Make reciprocals of divisors that don't change in the steps (those that do may pass through zero)."""
        for i in positions:
            node = self.nodes[i]
            if node.op != "div" or self.rates[i] is not Rate.STEP:
                continue
            divisor = node.args[1]
            rate = self.rates[divisor]
            if rate is Rate.LITERAL and 2.0**-900 < float(self.nodes[divisor].attr or 0) < 2.0**900:
                self.nodes[i] = Node("quotient", node.args, None, node.rate)
            elif rate in (Rate.FIXED, Rate.RUN):
                if divisor not in self.inverse:
                    self.inverse[divisor] = len(self.nodes)
                    self.nodes.append(Node("inverse", (divisor,), None, rate))
                    self.rates.append(rate)
                self.nodes[i] = Node("quotient", (*node.args, self.inverse[divisor]), None, node.rate)

    def _late(self, positions: Sequence[int]) -> list[int]:
        """Order in which each operation comes as late as the critical path allows.

        Operations on different paths, which needn't wait for each other, then stand side by side.
        """
        after = dict.fromkeys(positions, 0)
        for i in reversed(positions):
            node = self.nodes[i]
            for arg in node.args:
                if arg in after:
                    after[arg] = max(after[arg], after[i] + _LATENCY.get(self.nodes[arg].op, 4))
        return sorted(positions, key=lambda i: (-after[i], i))

    def cost(self, i: int) -> int:
        """Instructions of node `i`, about."""
        node = self.nodes[i]
        if node.op in ("table", "table_slope"):
            return 6 + 4 * min(len(self.task.program.tables[node.number].x), CHAIN)
        return _COST.get(node.op, 1)

    def _cost(self, positions: Iterable[int]) -> int:
        return sum(map(self.cost, positions))

    def _cut(self, name: str, positions: Sequence[int]) -> Part:
        chunks: list[tuple[int, ...]] = []
        start, cost = 0, 0
        for place, i in enumerate(positions):
            cost += self.cost(i)
            if cost >= CHUNK:
                chunks.append(tuple(self._late(positions[start : place + 1])))
                start, cost = place + 1, 0
        if start < len(positions):
            chunks.append(tuple(self._late(positions[start:])))
        return Part(name, tuple(chunks))

    # places

    def _place(self) -> None:
        program = self.task.program
        count = len(program.parameters)
        self.stored = self._shared()
        self.place: dict[int, int] = {}
        numbers = {Rate.FIXED: PARAMETERS + 2 * count, Rate.TIME: len(TIME_LEAVES)}
        self.frame = 0
        self.offset: dict[str, int] = {}
        kept, states = len(self.task.kept), len(program.states)
        for name, size in {
            "head": 1, "dead": 1, "runs": 1, "states": states, "work": states if self.stages > 1 else 0,
            "slopes": 0 if self.fused else self.stages * states, "previous": len(program.slots),
            "position": len(program.pipes), "length": len(program.pipes), "kept": kept,
        }.items():  # fmt: skip
            self.offset[name] = self.room(size)
        self.points = self._point_places()
        for i in sorted(self.stored):
            if self.rates[i] in numbers:
                self.place[i] = numbers[self.rates[i]]
                numbers[self.rates[i]] += 1
            else:
                self.place[i] = self.room(1)
        self.fixed_size, self.row_size = numbers[Rate.FIXED], numbers[Rate.TIME]

    def room(self, vectors: int) -> int:
        """Offset in the frame of so many new vectors."""
        offset, self.frame = self.frame, self.frame + vectors * self.width
        return offset

    def _point_places(self) -> dict[int, int]:
        """Offset in the frame of the values of each table that differ between runs."""
        varying = set(self.task.varying)
        places: dict[int, int] = {}
        for number, table in enumerate(self.task.program.tables):
            first = table.first_parameter
            if first >= 0 and any(first + i in varying for i in range(len(table.x))):
                places[number] = self.room(len(table.x))
        return places

    def direct(self, i: int) -> bool:
        """Whether node `i` is read from its own place wherever it is needed."""
        node, rate = self.nodes[i], self.rates[i]
        if rate is Rate.LITERAL or node.op in _DIRECT:
            return True
        return rate is Rate.FIXED and node.op in LEAVES

    def _shared(self) -> set[int]:
        """Nodes that are needed outside the chunk in which they are evaluated."""
        shared: set[int] = set()
        for part in (self.fixed, self.run, self.time, self.step, self.save, self.stage):
            for chunk in part.chunks:
                inside = set(chunk)
                if self.fused and part.name == "save":
                    inside |= set(self.step.chunks[0])
                for i in chunk:
                    shared.update(arg for arg in self.nodes[i].args if arg not in inside)
        inside = set(self.step.chunks[0]) if self.fused and self.step.chunks else set()
        if self.fused and self.save.chunks:
            inside |= set(self.save.chunks[0])
        shared.update(i for i in self.sinks() if i not in inside)
        return {i for i in shared if not self.direct(i)}

    def sinks(self) -> list[int]:
        """Nodes that something other than a node needs."""
        program = self.task.program
        starts = [item.initial for item in (*program.states, *program.slots, *program.pipes)]
        ends = [pipe.length for pipe in program.pipes] + [pipe.input for pipe in program.pipes]
        flows = [state.derivative for state in program.states]
        return [*starts, *ends, *flows, *(slot.update for slot in program.slots), *self.task.kept]


def literal(nodes: Sequence[Node], i: int) -> float | bool:
    """Value of a node of rate ``LITERAL``."""
    node = nodes[i]
    if node.op == "literal":
        return math.nan if node.attr is None else float(node.attr)
    return OPS[node.op].numpy(*(literal(nodes, arg) for arg in node.args))
