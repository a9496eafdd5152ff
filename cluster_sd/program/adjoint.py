"""Reverse mode over time: the gradient of a run in any number of parameters for the price of a few runs.

The backward sweep of a run is itself a run of a program, so every emitter that runs programs runs it as it is:

- one step of the forward run, all stages of its scheme unrolled, is one acyclic graph from the values at the beginning
  of the step (stocks, held values, outflows of fixed delays) to those at its end; its vector-Jacobian product follows
  by reverse accumulation with the rules in :data:`cluster_sd.program.ops.OPS`;
- the adjoints of stocks are the backward program's states, those of held values its slots, and the adjoint of a fixed
  delay is a fixed delay of the same length; sums over steps are states as well;
- what the forward run met at the beginning of its steps (the trajectory) comes in as series, in reverse order, as do
  the derivatives of the measure in the outputs.

Step `m` of the backward run goes back over step `n = steps - m` of the forward one; the first, ``n = steps``, is the
evaluation of the outputs after the last step. What depends on constants alone is gone back over once, at the end.
The adjoint is that of the discretised run: Griewank & Walther 2008, Evaluating Derivatives, chapters 3 and 12.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cluster_sd.program.build import reachable
from cluster_sd.program.derive import active_nodes, activity, partials, points_of, product, total, upstream
from cluster_sd.program.ir import Node, Parameter, Pipe, Program, Rate, Slot, State
from cluster_sd.program.kernel import Grid, Segment
from cluster_sd.program.unrolled import SETTINGS, Step
from cluster_sd.solvers.tableau import Tableau


@dataclass(frozen=True, slots=True)
class Backward:
    """A backward sweep.

    Attributes
    ----------
    program : Program
        Its parameters are the forward program's, then :data:`SETTINGS`, then the forward program's again (values at the
        start of the run), then one a parameter that is derived in (1 where it moves in a segment, 0 where not).
        Its series are the values of `trajectory`, then the cotangents of the outputs.
    trajectory : tuple of int
        Nodes of the forward program whose values at every step the sweep needs.
    outputs : int
        Number of outputs whose cotangents it takes.
    gradient : tuple of int
        Nodes of `program`: after the last step, the derivative in each of the parameters that it was made for.
    parameters : tuple of int
        Which parameters these are.
    several : bool
        Whether it is for runs of several segments.
    """

    program: Program
    trajectory: tuple[int, ...]
    outputs: int
    gradient: tuple[int, ...]
    parameters: tuple[int, ...]
    several: bool

    def grid(self, steps: int) -> Grid:
        """Steps of the sweep over a run of `steps` steps: one for each, and one for the evaluation at the end."""
        count = steps + 1
        return Grid(0.0, float(count), 1.0, 1.0, count, np.array([count], dtype=np.int64))

    def segments(self, grid: Grid, segments: Sequence[Segment], moves: NDArray[np.bool_]) -> list[Segment]:
        """Constants of the sweep over a run with `segments`, in the order in which it meets them.

        Parameters
        ----------
        grid : Grid
            Of the forward run.
        segments : sequence of Segment
            Of the forward run.
        moves : array of bool, shape (segment, parameter, run)
            Whether each of `parameters` is the one derived in, in each segment.

        Returns
        -------
        list of Segment
            With rows for the parameters that :meth:`varying` names.
        """
        settings = [grid.start, grid.stop, grid.dt, grid.dt / 2, grid.save_step, float(grid.steps)]
        begin = segments[0]
        ends = [segment.first for segment in segments[1:]] + [grid.steps + 1]
        found = []
        for number in reversed(range(len(segments))):
            if segments[number].first <= grid.steps:
                values = np.concatenate(
                    [segments[number].values, settings, begin.values, np.ones(len(self.parameters))]
                )
                moving = moves[number].astype(float)[: len(self.parameters) if self.several else 0]
                rows = np.concatenate([segments[number].varying, begin.varying, moving])
                first = max(grid.steps - ends[number] + 1, 0)
                found.append(Segment(first if found else 0, values, rows))
        return found

    def varying(self, varying: Sequence[int]) -> tuple[int, ...]:
        """Parameters of the backward program that vary between runs where `varying` do in the forward one."""
        count = len(self.program.parameters)
        moving = range(count - len(self.parameters), count)
        offset = (moving.start - len(SETTINGS)) // 2 + len(SETTINGS)
        return (*varying, *(offset + parameter for parameter in varying), *(moving if self.several else ()))


def backward(
    program: Program,
    scheme: Tableau,
    outputs: Sequence[int],
    parameters: Sequence[int],
    *,
    segments: bool = False,
    plain: bool = False,
) -> Backward:
    """Make the backward sweep of runs of `program`.

    Parameters
    ----------
    program : Program
    scheme : Tableau
        Scheme of the forward run.
    outputs : sequence of int
        Nodes on whose values at the steps the measures depend.
    parameters : sequence of int
        Parameters to derive in.
    segments : bool
        Whether constants change in the middle of runs. (Where they don't, what hangs on constants alone is gone back
        over once.)
    plain : bool
        As for :func:`cluster_sd.program.derive.forward`.
    """
    step = Step(program, scheme, outputs, plain)
    return _Sweep(step, tuple(outputs), tuple(parameters), not segments).build()


Cotangents = dict[int, list[int]]


class _Sweep:
    """Builds a backward program from the graph of a forward step."""

    def __init__(self, step: Step, outputs: tuple[int, ...], parameters: tuple[int, ...], constant: bool) -> None:
        self.step, self.outputs, self.parameters, self.constant = step, outputs, parameters, constant
        self.program = program = step.program
        self.builder = step.builder
        self.first = self.step.stages[0]
        self.leaves = {(node.op, node.attr): i for i, node in enumerate(program.nodes) if i in self.step.series}
        self.now = {p: self.builder.leaf("parameter", p) for p in parameters}
        self.begun = {p: self.builder.leaf("parameter", self.step.start_offset + p) for p in parameters}
        self.top = len(self.builder.nodes)
        found = activity(program, parameters)
        upstream_ = upstream(program, outputs)
        self.carried = {
            op: [i for i in sorted(active) if self.leaves.get((op, i), -1) in upstream_]
            for op, active in (("state", found.states), ("previous", found.slots), ("pipe", found.pipes))
        }
        self.active = self._activity()
        self.states: list[State] = []

    def build(self) -> Backward:
        builder, program, first = self.builder, self.program, self.first
        adjoints = {i: self._state(program.states[i].name) for i in self.carried["state"]}
        held = {i: builder.leaf("previous", k) for k, i in enumerate(self.carried["previous"])}
        delayed = {i: builder.leaf("pipe", k) for k, i in enumerate(self.carried["pipe"])}
        cut = {i: self._cut(i) for i in adjoints}
        seeds: Cotangents = {}
        for i, adjoint in adjoints.items():
            self._seed_flows(seeds, i, adjoint, cut[i])
        for i, adjoint in held.items():
            seeds.setdefault(first[program.slots[i].update], []).append(adjoint)
        for i, adjoint in delayed.items():
            seeds.setdefault(first[program.pipes[i].input], []).append(adjoint)
        for number, output in enumerate(self.outputs):
            given = builder.leaf("series", len(self.step.series) + number)
            seeds.setdefault(first[output], []).append(given)
        ended = self._accumulate(seeds, self.constant)
        starts: Cotangents = {}
        for i, adjoint in adjoints.items():
            self._set_flow(adjoint, cut[i], self._taken(ended, "state", i))
            starts.setdefault(first[program.states[i].initial], []).append(adjoint)
        slots = [self._slot(starts, held[i], i, self._taken(ended, "previous", i)) for i in held]
        pipes = [self._pipe(starts, i, self._taken(ended, "pipe", i)) for i in delayed]
        for position, terms in ended.items():
            starts.setdefault(position, []).append(self._integral(position, total(builder, terms)))
        ended = self._accumulate(starts, False)
        gradient = tuple(
            self._sum([*ended.get(self.now[p], []), *ended.get(self.begun[p], [])]) for p in self.parameters
        )
        return self._result(gradient, slots, pipes)

    def _activity(self) -> bytearray:
        """Flag of each node of the step: whether it depends, differentiably, on a parameter or on what carries one."""
        tables = [any(p in self.now for p in points_of(table)) for table in self.program.tables]
        carriers = [self.first[self.leaves[op, i]] for op, many in self.carried.items() for i in many]
        nodes = [self.step.known.get(position, node) for position, node in enumerate(self.builder.nodes)]
        return active_nodes(nodes, {*self.now.values(), *self.begun.values(), *carriers}, tables)

    def _state(self, name: str) -> int:
        """Leaf of a new state, 0 at first, whose flow is set later."""
        zero = self.builder.literal(0.0)
        self.states.append(State(f"adjoint({name})", zero, zero))
        return self.builder.leaf("state", len(self.states) - 1)

    def _set_flow(self, leaf: int, cut: int | None, flow: int) -> None:
        builder = self.builder
        if cut is not None:
            gone = builder.op("select", cut, builder.op("neg", leaf), builder.literal(0.0))
            flow = builder.op("add", gone, flow)
        number = builder.nodes[leaf].number
        self.states[number] = self.states[number]._replace(derivative=flow)

    def _cut(self, state: int) -> int | None:
        """Condition under which the step ends with `state` cut at zero; None where it never does."""
        which = state if self.program.states[state].nonnegative else self.program.states[state].cut_with
        if which < 0:
            return None
        value = self.step.moved(self.leaves["state", which], self.step.scheme.b)
        return self.builder.op("lt", value, self.builder.literal(0.0))

    def _seed_flows(self, seeds: Cotangents, state: int, adjoint: int, cut: int | None) -> None:
        """Cotangents of the flows into `state` at all stages."""
        builder = self.builder
        if cut is not None:
            adjoint = builder.op("select", cut, builder.literal(0.0), adjoint)
        for weight, stage in zip(self.step.scheme.b, self.step.stages, strict=True):
            if weight:
                flow = stage[self.program.states[state].derivative]
                seeds.setdefault(flow, []).append(builder.op("mul", self.step.share(weight), adjoint))

    def _accumulate(self, cotangents: Cotangents, constant: bool) -> Cotangents:
        """Follow the chain rule back through the step.

        Returns
        -------
        dict of int to list of int
            Terms of the adjoints of the leaves; where `constant`, of the first nodes met that change with constants
            alone.
        """
        builder, ended = self.builder, {}
        for position in range(self.top - 1, -1, -1):
            terms = cotangents.get(position)
            if not terms or not self.active[position]:
                continue
            node = self.step.known.get(position, builder.nodes[position])
            if not node.args or (constant and node.rate <= Rate.RUN):
                ended.setdefault(position, []).extend(terms)
                continue
            adjoint = total(builder, terms)
            if node.op == "table":
                self._points(ended, node, adjoint)
            for arg, partial in zip(node.args, partials(builder, position, node), strict=True):
                if partial is not None and self.active[arg]:
                    cotangents.setdefault(arg, []).append(product(builder, partial, adjoint, self.step.finite))
        return ended

    def _points(self, ended: Cotangents, node: Node, adjoint: int) -> None:
        """What an adjoint of a table gives those of its points that are parameters: it is linear in each."""
        builder = self.builder
        table = builder.tables[node.number]
        for number, parameter in enumerate(points_of(table)):
            if parameter in self.now:
                unit = tuple(float(i == number) for i in range(len(table.x)))
                weight = builder.table(table._replace(y=unit, first_parameter=-1), node.args[0])
                ended.setdefault(self.now[parameter], []).append(product(builder, weight, adjoint))

    def _taken(self, ended: Cotangents, op: str, number: int) -> int:
        return self._sum(ended.pop(self.first[self.leaves[op, number]], []))

    def _sum(self, terms: Sequence[int]) -> int:
        return total(self.builder, terms) if terms else self.builder.literal(0.0)

    def _slot(self, starts: Cotangents, leaf: int, slot: int, adjoint: int) -> Slot:
        number = self.builder.nodes[leaf].number
        starts.setdefault(self.first[self.program.slots[slot].initial], []).append(leaf)
        name = f"adjoint({self.program.slots[slot].name})"
        return Slot(name, self.builder.unique("hold", adjoint, attr=number), self.builder.literal(0.0))

    def _pipe(self, starts: Cotangents, pipe: int, adjoint: int) -> Pipe:
        """Adjoint of a fixed delay: what flows out here came in `length` steps ago, or was there from the beginning."""
        builder, source = self.builder, self.program.pipes[pipe]
        name, zero = f"adjoint({source.name})", builder.literal(0.0)
        length, initial = self.first[source.length], self.first[source.initial]
        if self.active[initial]:
            whole = builder.op("max", builder.op("trunc", length), builder.literal(1.0))
            filled = self._state(f"initial {source.name}")
            there = builder.op("lt", self.step.number, whole)
            self._set_flow(filled, None, builder.op("select", there, adjoint, zero))
            starts.setdefault(initial, []).append(filled)
        return Pipe(name, adjoint, length, zero)

    def _integral(self, position: int, adjoint: int) -> int:
        """Leaf of a state that sums the adjoint of the constant at `position` over the steps."""
        node = self.builder.nodes[position]
        number = node.number if node.op == "parameter" else -1
        leaf = self._state(f"constant {position}")
        if not self.constant and number in self.now:
            moves = self.builder.leaf("parameter", self._moves_offset + self.parameters.index(number))
            adjoint = self.builder.op("mul", moves, adjoint)
        self._set_flow(leaf, None, adjoint)
        return leaf

    @property
    def _moves_offset(self) -> int:
        return self.step.start_offset + len(self.program.parameters)

    def _result(self, gradient: tuple[int, ...], slots: list[Slot], pipes: list[Pipe]) -> Backward:
        program = self.program
        parameters = [
            *program.parameters,
            *(Parameter(name, 0.0) for name in SETTINGS),
            *(Parameter(f"start({p.name})", p.value) for p in program.parameters),
            *(Parameter(f"moves({program.parameters[p].name})", 1.0) for p in self.parameters),
        ]
        made = Program(
            nodes=tuple(self.builder.nodes),
            parameters=tuple(parameters),
            states=tuple(self.states),
            slots=tuple(slots),
            pipes=tuple(pipes),
            tables=tuple(self.builder.tables),
            streams=program.streams,
            events=(),
            outputs={
                f"d/d({program.parameters[p].name})": node for p, node in zip(self.parameters, gradient, strict=True)
            },
            control=program.control,
        )
        return _trimmed(made, gradient, list(self.step.series), len(self.outputs), self.parameters, not self.constant)


def _trimmed(
    program: Program,
    gradient: tuple[int, ...],
    trajectory: list[int],
    outputs: int,
    parameters: tuple[int, ...],
    several: bool,
) -> Backward:
    """Drop the nodes and series that nothing needs."""
    starts = [s.initial for s in (*program.states, *program.slots, *program.pipes)]
    flows = [s.derivative for s in program.states] + [s.update for s in program.slots]
    delayed = [node for pipe in program.pipes for node in (pipe.input, pipe.length)]
    kept = reachable(program.nodes, [*starts, *flows, *delayed, *gradient])
    used = sorted(program.nodes[i].number for i in kept if program.nodes[i].op == "series")
    numbers = {old: new for new, old in enumerate(i for i in used if i < len(trajectory))}
    count = len(numbers)
    numbers |= {len(trajectory) + i: count + i for i in range(outputs)}
    names = [f"node {trajectory[old]}" for old in numbers if old < len(trajectory)]
    names += [f"cotangent {i}" for i in range(outputs)]
    trimmed, at = keep_nodes(program, kept, {"series": numbers})
    gradient = tuple(at[node] for node in gradient)
    series = tuple(trajectory[old] for old in numbers if old < len(trajectory))
    return Backward(replace(trimmed, series=tuple(names)), series, outputs, gradient, parameters, several)


def keep_nodes(
    program: Program, kept: Iterable[int], renumbered: Mapping[str, Mapping[int, int]]
) -> tuple[Program, dict[int, int]]:
    """Program of the nodes at `kept` alone, and their new positions; leaves in `renumbered` get new attributes."""
    at: dict[int, int] = {}
    nodes: list[Node] = []
    for position in kept:
        node = program.nodes[position]
        attr = renumbered[node.op][node.number] if node.op in renumbered else node.attr
        at[position] = len(nodes)
        nodes.append(Node(node.op, tuple(at[arg] for arg in node.args), attr, node.rate))
    made = replace(
        program,
        nodes=tuple(nodes),
        states=tuple(s._replace(initial=at[s.initial], derivative=at[s.derivative]) for s in program.states),
        slots=tuple(s._replace(update=at[s.update], initial=at[s.initial]) for s in program.slots),
        pipes=tuple(p._replace(input=at[p.input], length=at[p.length], initial=at[p.initial]) for p in program.pipes),
        outputs={name: at[node] for name, node in program.outputs.items() if node in at},
    )
    return made, at
