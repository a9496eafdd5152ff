"""Gains of links: exact derivatives of each variable in each of its inputs, along a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.loops.links import Equation, Graph
from cluster_sd.loops.loop import Link
from cluster_sd.loops.record import Recording, inner_nodes
from cluster_sd.program.build import Builder
from cluster_sd.program.derive import propagate
from cluster_sd.program.emit_numpy import evaluate
from cluster_sd.program.ir import Program, Rate
from cluster_sd.program.ops import OPS

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Linear:
    """A model linearised along a run.

    Attributes
    ----------
    gains : array, shape (link, time)
        Derivative of the target in the source, for a stock that of its net flow.
    values : array, shape (variable, time)
        Of ``graph.variables``.
    rates : array, shape (variable, time)
        Net flows of stocks; zero for other variables.
    """

    gains: Array
    values: Array
    rates: Array


def linearised(record: Recording, graph: Graph, run: int = 0) -> Linear:
    """Derivatives at the ends of the analysed steps of one run.

    At a kink the derivative is that of one of the pieces, see :mod:`cluster_sd.program.derive`; across a jump it is
    that of the piece the run is on, and not what the jump does.
    """
    block = record.execute(run, run + 1)
    _, values = record.leaves(block, run, run + 1)
    program = graph.program
    times = len(record.ends)
    with np.errstate(all="ignore"):
        evaluate(program, inner_nodes(program), values)
        rows = {link: i for i, link in enumerate(graph.links)}
        gains = np.zeros((len(graph.links), times))
        for name, equation in graph.equations.items():
            wanted = [source for source in equation.inputs if Link(source, name) in rows]
            for source, gain in _local(program, equation, wanted, values).items():
                gains[rows[Link(source, name)]] = np.broadcast_to(gain, (times,))
    stocks = {state.name for state in program.states}

    def series(position: int) -> Array:
        return np.broadcast_to(np.asarray(values[position], dtype=float), (times,))

    return Linear(
        gains,
        np.array([series(graph.node[name]) for name in graph.variables]),
        np.array(
            [series(graph.equations[name].root) if name in stocks else np.zeros(times) for name in graph.variables]
        ),
    )


def _local(program: Program, equation: Equation, wanted: list[str], values: list[Any]) -> dict[str, Any]:
    """Derivatives of one equation in its inputs `wanted`."""
    builder = Builder()
    number = {source: i for i, source in enumerate(wanted)}
    at = {equation.inputs[source]: builder.leaf("state", i) for source, i in number.items()}
    known: dict[int, Any] = {at[equation.inputs[source]]: values[equation.inputs[source]] for source in wanted}
    for position in equation.positions:
        node = program.nodes[position]
        args = [_argument(program, builder, at, known, arg, values) for arg in node.args]
        if node.op == "table":
            at[position] = builder.table(program.tables[node.number], args[0])
        elif node.op == "hold":
            at[position] = args[0]
        else:
            at[position] = builder.op(node.op, *args)
    one = builder.literal(1.0)
    nodes = builder.nodes
    tangents = propagate(builder, range(len(nodes)), lambda i: {nodes[i].number: one} if nodes[i].op == "state" else {})
    found = tangents[at[equation.root]] if equation.root in at else {}
    made: list[Any] = [known.get(i, n.attr if n.op == "literal" else None) for i, n in enumerate(builder.nodes)]
    made.append(values[len(program.nodes)])
    part = replace(program, nodes=tuple(builder.nodes), tables=tuple(builder.tables))
    evaluate(part, [i for i, node in enumerate(builder.nodes) if node.args], made)
    return {source: made[found[i]] for source, i in number.items() if i in found}


def _argument(
    program: Program, builder: Builder, at: dict[int, int], known: dict[int, Any], position: int, values: list[Any]
) -> int:
    """Node of an argument in the equation's own program; what is not differentiated comes in as a parameter."""
    if position not in at:
        node = program.nodes[position]
        if node.op == "literal":
            at[position] = builder.literal(float(node.attr or 0.0))
        elif _is_truth(program, position):
            leaf = builder.leaf("parameter", position, Rate.STEP)
            known[leaf] = np.multiply(values[position], 1.0)
            at[position] = builder.op("truth", leaf)
        else:
            at[position] = builder.leaf("parameter", position, Rate.STEP)
            known[at[position]] = values[position]
    return at[position]


def _is_truth(program: Program, position: int) -> bool:
    op = program.nodes[position].op
    return op in OPS and OPS[op].gives == "b"
