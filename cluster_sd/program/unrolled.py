"""One step of a run, all stages of its scheme unrolled, as one acyclic graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from cluster_sd.program.build import Builder, reachable
from cluster_sd.program.ir import Node, Program, Rate
from cluster_sd.solvers.tableau import Tableau

#: Leaves that have one value a run and step: what the forward run keeps.
TRAJECTORY = ("state", "previous", "pipe", "uniform", "series")
#: Operations that take longer to do again than to keep; what they gave at the beginning of a step is a series too.
KEPT = frozenset({"pow", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"})
#: Time settings of the forward run that are parameters of the backward program, in this order.
SETTINGS = ("start", "stop", "dt", "half_step", "save_step", "steps")


class Step:
    """One forward step as an acyclic graph in the backward program's builder.

    Attributes
    ----------
    stages : list of dict of int to int
        Nodes of the forward program -> nodes of the graph, for each stage of the scheme.
    series : dict of int to int
        Nodes of the forward program that come in as series -> number of the series.
    known : dict of int to Node
        Leaves of such series that are results of operations -> the operation, on nodes of the graph.
    finite : set of int
        Nodes that are neither infinite nor undefined in any run.
    """

    def __init__(self, program: Program, scheme: Tableau, extra: Iterable[int], plain: bool) -> None:
        self.program, self.scheme = program, scheme
        self.builder = builder = Builder.of(replace(program, nodes=()), plain=plain)
        count = len(program.parameters)
        self.settings = {name: builder.leaf("parameter", count + i) for i, name in enumerate(SETTINGS)}
        self.start_offset = count + len(SETTINGS)
        self.number = builder.op("sub", self.settings["steps"], builder.leaf("time"))
        self.begin = builder.op("add", self.settings["start"], builder.op("mul", self.number, self.settings["dt"]))
        self.series: dict[int, int] = {}
        self.known: dict[int, Node] = {}
        self.finite: set[int] = set()
        self.stages: list[dict[int, int]] = [{}]
        self._unroll(extra)

    def _unroll(self, extra: Iterable[int]) -> None:
        program, scheme = self.program, self.scheme
        starts = [s.initial for s in (*program.states, *program.slots, *program.pipes)]
        flows = [state.derivative for state in program.states]
        held = [slot.update for slot in program.slots]
        delayed = [node for pipe in program.pipes for node in (pipe.input, pipe.length)]
        first = self.stages[0]
        self._clone(reachable(program.nodes, [*starts, *flows, *held, *delayed, *extra]), first, self.begin)
        later = reachable(program.nodes, flows, stop=frozenset({"hold"}))
        for row, share in zip(scheme.a[1:], scheme.c[1:], strict=True):
            known = {i: first[i] for i in later if program.nodes[i].op == "hold"}
            for i in later:
                if program.nodes[i].op == "state":
                    known[i] = self.moved(i, row)
            self._clone(later, known, self.builder.op("add", self.begin, self.share(share)))
            self.stages.append(known)

    def share(self, weight: float) -> int:
        """Node of `weight` times the length of the step."""
        node = self.builder.op("mul", self.builder.literal(weight), self.settings["dt"])
        self.finite.add(node)
        return node

    def moved(self, leaf: int, weights: Sequence[float]) -> int:
        """Node of the value of the state at `leaf` after a step of the flows of the stages so far, with `weights`."""
        builder = self.builder
        derivative = self.program.states[self.program.nodes[leaf].number].derivative
        value = self.stages[0][leaf]
        for weight, stage in zip(weights, self.stages, strict=True):
            if weight:
                value = builder.op("add", value, builder.op("mul", self.share(weight), stage[derivative]))
        return value

    def _clone(self, positions: Iterable[int], known: dict[int, int], time: int) -> None:
        """Make the nodes at `positions` again, with time-dependent leaves taken at `time`."""
        for position in positions:
            if position in known:
                continue
            node = self.program.nodes[position]
            if not node.args:
                known[position] = self._leaf(position, node, time)
            elif node.op == "hold":
                known[position] = known[node.args[0]]
            elif node.op in KEPT and node.rate is Rate.STEP and known is self.stages[0]:
                known[position] = self._series(position)
                self.known[known[position]] = node._replace(args=tuple(known[arg] for arg in node.args))
            else:
                args = (known[arg] for arg in node.args)
                known[position] = self.builder.op(node.op, *args, attr=None if node.attr is None else int(node.attr))

    def _series(self, position: int) -> int:
        """Leaf of the series of the values that a node of the forward program had."""
        return self.builder.leaf("series", self.series.setdefault(position, len(self.series)))

    def _leaf(self, position: int, node: Node, time: int) -> int:
        builder = self.builder
        if node.op == "literal":
            return builder.literal(float(node.attr or 0.0))
        if node.op == "time":
            return time
        if node.op == "step_time":
            return self.begin
        if node.op in self.settings:
            return self.settings[node.op]
        if node.op == "start_parameter":
            return builder.leaf("parameter", self.start_offset + node.number)
        if node.op in TRAJECTORY:
            return self._series(position)
        return builder.leaf(node.op, None if node.attr is None else int(node.attr))
