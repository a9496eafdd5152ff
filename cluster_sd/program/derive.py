"""Derivatives of a program as another program.

Forward mode follows the chain rule from the parameters on: every value that depends on a seeded parameter gets a
companion, its tangent, and every state, slot and pipe one that carries it through time. The result is an ordinary
:class:`~cluster_sd.program.ir.Program`, so the derivative is that of the discretised run, and whoever can run a program
can run its derivative. Rules of single operations stand in :data:`cluster_sd.program.ops.OPS` and nowhere else.

Two laws hold in here and in :mod:`cluster_sd.program.adjoint`. A zero absorbs: 0 * inf = 0 in every product, or the
branch not taken would poison the result. (``plain`` programs leave that out: what comes out of them and is not NaN met
no such product.) And what is zero by structure (a literal zero, or no path from a seed) is
not computed at all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from cluster_sd.program.build import Builder
from cluster_sd.program.ir import Node, Parameter, Pipe, Program, Slot, State, Table
from cluster_sd.program.ops import OPS

#: Tangents of one node: direction -> node of the derivative in it.
Tangents = Mapping[Hashable, int]
_NONE: Tangents = MappingProxyType({})
_SEED = "seed"


def tangent_name(name: str, symbol: str = "d") -> str:
    """Name of the tangent of `name` in a program that :func:`forward` made."""
    return f"{symbol}({name})"


def forward(program: Program, parameters: Sequence[int], *, symbol: str = "d", plain: bool = False) -> Program:
    """Tangent program: `program` and, beside it, its derivative in one direction of parameter space.

    Parameters
    ----------
    program : Program
    parameters : sequence of int
        Parameters that may be seeded.
    symbol : str
        Goes before the names of tangents; another one for the derivative of a derivative.
    plain : bool
        Let products be ordinary ones, in which 0 * inf is NaN and nothing is absorbed. Faster, and wherever the
        derivative does not come out NaN it is the same: who asks for it looks, and takes the careful program for the
        runs where it does.

    Returns
    -------
    Program
        All of `program` in its place (same positions, parameters, states, outputs), followed by the tangents. Each of
        `parameters` (and every point of a table of which one is a point) has a new parameter, its seed, named
        ``d(name)`` (`symbol` and name) and 0 by itself. Outputs that depend on a seed have an output ``d(Name)``; the
        derivative of an
        output without one is zero.

    Notes
    -----
    Directions ride in lanes: for a whole Jacobian, run one column a parameter, each with one seed set to 1. A run of a
    single design point so fills vector lanes that would be idle. The seed counts for ``start_parameter`` as well.

    At a kink that is hit exactly (MIN of two equal numbers, a table at one of its points) the derivative is that of one
    of the pieces: of the first argument, of the segment to the right. Halves of both would suit a central difference
    at a single kink, but be wrong at one inside another (MIN(0, MAX(0, x)) at 0).
    """
    seeds = _seeds(program, parameters)
    names = {parameter: len(program.parameters) + number for number, parameter in enumerate(seeds)}
    return _Forward(program, names, symbol, plain).build()


def _seeds(program: Program, parameters: Iterable[int]) -> list[int]:
    """Parameters that get a seed, sorted: tables need those of all their points side by side."""
    wanted = set(parameters)
    for table in program.tables:
        points = points_of(table)
        if wanted.intersection(points):
            wanted.update(points)
    return sorted(wanted)


def points_of(table: Table) -> range:
    """Indices of the parameters that are the points of `table` (empty where it has its own)."""
    first = table.first_parameter
    return range(first, first + len(table.x)) if first >= 0 else range(0)


class _Forward:
    """Builds a tangent program; companions come after all the originals, in the same order."""

    def __init__(self, program: Program, names: Mapping[int, int], symbol: str, plain: bool) -> None:
        self.program = program
        self.symbol = symbol
        self.names = names
        self.builder = Builder.of(program, plain=plain)
        active = activity(program, names)
        self.states = _companions(active.states, len(program.states))
        self.slots = _companions(active.slots, len(program.slots))
        self.pipes = _companions(active.pipes, len(program.pipes))

    def build(self) -> Program:
        program, builder = self.program, self.builder
        found = propagate(builder, range(len(program.nodes)), self._leaf, self._hold, self._points)

        def tangent(node: int) -> int:
            return found[node].get(_SEED, builder.literal(0.0))

        outputs = dict(program.outputs)
        for name, node in program.outputs.items():
            if found[node]:
                outputs[self._name(name)] = tangent(node)
        seeds = (Parameter(self._name(program.parameters[old].name), 0.0) for old in self.names)
        return replace(
            program,
            parameters=(*program.parameters, *seeds),
            states=(*program.states, *(self._state(old, tangent) for old in self.states)),
            slots=(*program.slots, *(self._slot(old, tangent) for old in self.slots)),
            pipes=(*program.pipes, *(self._pipe(old, tangent) for old in self.pipes)),
            outputs=outputs,
            nodes=tuple(builder.nodes),
            tables=tuple(builder.tables),
        )

    def _state(self, old: int, tangent: Callable[[int], int]) -> State:
        state = self.program.states[old]
        cut_with = old if state.nonnegative else state.cut_with
        return State(self._name(state.name), tangent(state.initial), tangent(state.derivative), False, cut_with)

    def _slot(self, old: int, tangent: Callable[[int], int]) -> Slot:
        slot = self.program.slots[old]
        update = tangent(slot.update)
        if self.builder.nodes[update].op != "hold":
            update = self.builder.unique("hold", update, attr=self.slots[old])
        return Slot(self._name(slot.name), update, tangent(slot.initial))

    def _pipe(self, old: int, tangent: Callable[[int], int]) -> Pipe:
        pipe = self.program.pipes[old]
        return Pipe(self._name(pipe.name), tangent(pipe.input), pipe.length, tangent(pipe.initial))

    def _name(self, name: str) -> str:
        return tangent_name(name, self.symbol)

    def _leaf(self, position: int) -> Tangents:
        node = self.builder.nodes[position]
        companions = {
            "parameter": self.names,
            "start_parameter": self.names,
            "state": self.states,
            "previous": self.slots,
            "pipe": self.pipes,
        }
        if node.op not in companions:
            return _NONE
        companion = companions[node.op].get(node.number)
        return _NONE if companion is None else {_SEED: self.builder.leaf(node.op, companion)}

    def _hold(self, position: int, tangents: Tangents) -> Tangents:
        slot = self.builder.nodes[position].number
        return {key: self.builder.unique("hold", t, attr=self.slots[slot]) for key, t in tangents.items()}

    def _points(self, position: int, table: Table) -> Tangents:
        if table.first_parameter not in self.names:
            return _NONE
        moved = table._replace(name=self._name(table.name), first_parameter=self.names[table.first_parameter])
        return {_SEED: self.builder.table(moved, self.builder.nodes[position].args[0])}


def _companions(active: Iterable[int], count: int) -> dict[int, int]:
    """Old index -> index of its companion, numbered on from `count`."""
    return {old: count + number for number, old in enumerate(sorted(active))}


@dataclass(frozen=True, slots=True)
class StateJacobian:
    """How net flows depend on stocks.

    Attributes
    ----------
    program : Program
        The program, and after its nodes those of the entries.
    entries : dict of (int, int) to int
        (row, column) to node: derivative of the net flow of state `row` in the value of state `column`, other stocks,
        held values and the contents of fixed delays kept. Pairs that aren't here are zero.
    """

    program: Program
    entries: Mapping[tuple[int, int], int]


def state_jacobian(program: Program) -> StateJacobian:
    """Program that also computes the Jacobian of the net flows in the stocks, sparse and exact."""
    builder = Builder.of(program)

    def leaf(position: int) -> Tangents:
        node = builder.nodes[position]
        return {node.number: position} if node.op == "state" else _NONE

    one = builder.literal(1.0)
    found = propagate(builder, range(len(program.nodes)), lambda i: dict.fromkeys(leaf(i), one))
    entries = {
        (row, int(column)): node  # type: ignore[call-overload]
        for row, state in enumerate(program.states)
        for column, node in found[state.derivative].items()
    }
    entries = {pair: node for pair, node in entries.items() if not builder.is_literal(node, 0.0)}
    return StateJacobian(replace(program, nodes=tuple(builder.nodes), tables=tuple(builder.tables)), entries)


def propagate(
    builder: Builder,
    positions: Iterable[int],
    leaf: Callable[[int], Tangents],
    hold: Callable[[int, Tangents], Tangents] = lambda position, tangents: tangents,
    points: Callable[[int, Table], Tangents] = lambda position, table: _NONE,
) -> dict[int, Tangents]:
    """Tangents of the nodes at `positions`, in order, by the chain rule.

    Parameters
    ----------
    builder : Builder
        Has the nodes; the tangents are added to it.
    positions : iterable of int
    leaf : callable
        Tangents of the leaf at a position.
    hold : callable
        Tangents of a ``hold`` node, given those of its argument; passes them through by itself.
    points : callable
        What the values of a table whose points are parameters add to its tangents.
    """
    found: dict[int, Tangents] = {}
    for position in positions:
        node = builder.nodes[position]
        if not node.args:
            found[position] = leaf(position)
            continue
        inner = [found[arg] for arg in node.args]
        added = _NONE
        if node.op == "table" and builder.tables[node.number].first_parameter >= 0:
            added = points(position, builder.tables[node.number])
        if not any(inner):
            found[position] = added
        elif node.op == "hold":
            found[position] = hold(position, inner[0])
        else:
            found[position] = _chain(builder, position, node, inner, added)
    return found


def _chain(builder: Builder, position: int, node: Node, inner: Sequence[Tangents], added: Tangents) -> Tangents:
    """Sum over the arguments of partial times tangent, in each direction."""
    terms: dict[Hashable, list[int]] = {key: [tangent] for key, tangent in added.items()}
    if node.op == "select":
        return _choose(builder, node, inner)
    for partial, tangents in zip(partials(builder, position), inner, strict=True):
        if partial is not None:
            for key, tangent in tangents.items():
                terms.setdefault(key, []).append(product(builder, partial, tangent))
    return {key: total(builder, parts) for key, parts in terms.items()}


def _choose(builder: Builder, node: Node, inner: Sequence[Tangents]) -> Tangents:
    """Tangents of ``select``: those of the branch taken. As a sum of products it would be two selections."""
    zero = builder.literal(0.0)
    _, yes, no = inner
    keys = dict.fromkeys((*yes, *no))
    return {key: builder.op("select", node.args[0], yes.get(key, zero), no.get(key, zero)) for key in keys}


def partials(builder: Builder, position: int, operation: Node | None = None) -> tuple[int | None, ...]:
    """Nodes of the partial derivatives of the operation at `position` in its arguments; None where nothing flows.

    `operation` says which one it is where the node at `position` only holds its result.
    """
    node = builder.nodes[position] if operation is None else operation
    rule = OPS[node.op].partials
    if rule is None:
        return (None,) * len(node.args)
    return tuple(
        None if partial is None else partial.node
        for partial in rule(builder.expr(position), *(builder.expr(arg) for arg in node.args))
    )


def product(builder: Builder, partial: int, tangent: int, finite: Collection[int] = ()) -> int:
    """Node of partial times tangent in which a zero absorbs, in the cheapest form that is sure to.

    `finite` are nodes that are known never to be infinite or undefined.
    """
    node, other = builder.nodes[partial], builder.nodes[tangent]
    if node.op == "neg" or other.op == "neg":  # signs go outwards, where a sum takes them up
        factors = (node.args[0], tangent) if node.op == "neg" else (partial, other.args[0])
        return builder.op("neg", product(builder, *factors, finite))
    if node.op == "number":
        return builder.op("select", node.args[0], tangent, builder.literal(0.0))
    if node.op == "select" and all(builder.is_literal(arg) for arg in node.args[1:]):
        return builder.op("select", node.args[0], *(product(builder, arg, tangent) for arg in node.args[1:]))
    if partial in finite:
        return builder.op("mul", partial, tangent)
    return builder.op("absorb", partial, tangent)


def total(builder: Builder, terms: Sequence[int]) -> int:
    """Node of the sum of `terms`; a negated term is subtracted."""
    found = terms[0]
    for term in terms[1:]:
        if builder.nodes[term].op == "neg":
            found = builder.op("sub", found, builder.nodes[term].args[0])
        elif builder.nodes[found].op == "neg":
            found = builder.op("sub", term, builder.nodes[found].args[0])
        else:
            found = builder.op("add", found, term)
    return found


@dataclass(frozen=True, slots=True)
class Activity:
    """What depends, differentiably, on some parameters: flag of every node; states, slots and pipes by index."""

    nodes: Sequence[int]
    states: frozenset[int]
    slots: frozenset[int]
    pipes: frozenset[int]


def activity(program: Program, parameters: Collection[int]) -> Activity:
    """Find what a change of `parameters` can reach on a path along which derivatives flow."""
    seeded = frozenset(parameters)
    states: set[int] = set()
    slots: set[int] = set()
    pipes: set[int] = set()
    leaves: dict[str, Collection[int]] = {
        "parameter": seeded,
        "start_parameter": seeded,
        "state": states,
        "previous": slots,
        "pipe": pipes,
    }
    tables = [bool(seeded.intersection(points_of(table))) for table in program.tables]
    while True:
        sources = {i for i, node in enumerate(program.nodes) if node.attr in leaves.get(node.op, ())}
        active = active_nodes(program.nodes, sources, tables)
        before = len(states) + len(slots) + len(pipes)
        states.update(i for i, s in enumerate(program.states) if active[s.initial] or active[s.derivative])
        slots.update(i for i, s in enumerate(program.slots) if active[s.initial] or active[s.update])
        pipes.update(i for i, p in enumerate(program.pipes) if active[p.initial] or active[p.input])
        if len(states) + len(slots) + len(pipes) == before:
            return Activity(active, frozenset(states), frozenset(slots), frozenset(pipes))


def active_nodes(nodes: Sequence[Node], sources: Collection[int], tables: Sequence[bool]) -> bytearray:
    """Flag of every node: whether a derivative flows to it from the leaves `sources` or the points of `tables`."""
    active = bytearray(len(nodes))
    for position, node in enumerate(nodes):
        if not node.args:
            active[position] = position in sources
        elif node.op == "table" and tables[node.number]:
            active[position] = 1
        else:
            active[position] = any(
                flows and active[arg] for flows, arg in zip(conducts(node.op), node.args, strict=True)
            )
    return active


@functools.cache
def conducts(op: str) -> tuple[bool, ...]:
    """For each argument of operation `op`, whether derivatives flow through it."""
    row = OPS[op]
    if row.partials is None:
        return (False,) * len(row.takes)
    if op == "table":
        return (True,)
    builder = Builder()
    args = [builder.leaf("state", number) for number in range(len(row.takes))]
    position = builder.op(op, *args) if op != "hold" else builder.unique(op, *args, attr=0)
    return tuple(partial is not None for partial in partials(builder, position))


def upstream(program: Program, roots: Iterable[int]) -> set[int]:
    """All nodes that `roots` depend on, through time as well."""
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        position = waiting.pop()
        if position in found:
            continue
        found.add(position)
        node = program.nodes[position]
        number = node.number if node.op in ("state", "previous", "pipe") else 0
        if node.op == "state":
            waiting += program.states[number].initial, program.states[number].derivative
        elif node.op == "previous":
            waiting += program.slots[number].initial, program.slots[number].update
        elif node.op == "pipe":
            waiting += program.pipes[number].initial, program.pipes[number].input, program.pipes[number].length
        else:
            waiting.extend(node.args)
    return found
