r"""Link scores of the Loops That Matter method, for all times and runs of a block at once.

The score of a link x → z in a step is

.. math:: |Δ_x z / Δz| · sign(Δ_x z / Δx)

where Δ is the change over the step and Δ_x z what z would have changed by if of all its inputs x alone had moved
(Schoenberg, Davidsen and Eberlein 2020, eq. 1). Of a stock, z is the net flow: Δ_flow net / Δnet is Δflow · dt over
the change of the stock's own change (Schoenberg, Hayward and Eberlein 2023, eq. 3), so that it does not matter how
flows are split or merged, and an isolated loop scores +1 or -1 at every step, however long the step. What a fixed
delay or SAMPLE IF TRUE keeps is treated like a stock, as if its answer came at once (the "perfect mixing" of Schoenberg
and Eberlein 2020).

All changes of a score are those of one step: from its beginning, t - dt, to its end, t, by which it is named here and
in pysimlin; Stella and the papers name it by its beginning.
With Runge-Kutta schemes the states at the ends of the step are those of the scheme, and flows are what the equations
give there; the stages within a step play no part.

The partial changes come from the program's own operations, evaluated again with one input at its new value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.loops.links import Equation, Graph
from cluster_sd.program.emit_numpy import evaluate
from cluster_sd.program.ir import LEAVES, Program

#: A change smaller than this part of the largest number that was added up to give the value is rounding, and no change.
ROUNDING = 32 * float(np.finfo(float).eps)
_SUMS = frozenset({"add", "sub", "neg"})

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinkScores:
    """Scores of a graph's links.

    Attributes
    ----------
    scores : array, shape (link, time, run)
        Zero where the source or the target did not change.
    bad : array of int, shape (run,)
        First analysed time at which a variable is not finite; -1 where all are.
    worst : array of int, shape (run,)
        Which: index into ``graph.variables``; -1 where all are finite.
    """

    scores: Array
    bad: NDArray[np.int64]
    worst: NDArray[np.int64]


def link_scores(graph: Graph, before: list[Any], after: list[Any], times: int, runs: int) -> LinkScores:
    """Scores from the values of all leaves at both ends of the steps, see :meth:`Recording.leaves`.

    Parameters
    ----------
    graph : Graph
    before, after : list
        An entry a node; operations are filled in.
    times, runs : int
        Shape of the result.
    """
    inner = [i for i, node in enumerate(graph.program.nodes) if node.op not in LEAVES]
    with np.errstate(all="ignore"):
        evaluate(graph.program, inner, before)
        evaluate(graph.program, inner, after)
        bad, worst = _not_finite(graph, before, after, times, runs)
        changed = {name: _changed(graph.program, graph.node[name], None, before, after) for name in graph.variables}
        made = np.zeros((len(graph.links), times * runs))
        rows = _rows(graph)
        for name, equation in graph.equations.items():
            _score(graph.program, equation, rows[name], changed, before, after, made)
    return LinkScores(made.reshape(-1, times, runs), bad, worst)


def _rows(graph: Graph) -> Mapping[str, Sequence[tuple[str, int]]]:
    """For each variable, its sources within loops and the rows of these links."""
    rows: dict[str, list[tuple[str, int]]] = {name: [] for name in graph.variables}
    for number, link in enumerate(graph.links):
        rows[link.target].append((link.source, number))
    return rows


def _score(
    program: Program,
    equation: Equation,
    rows: Sequence[tuple[str, int]],
    changed: Mapping[str, Any],
    before: list[Any],
    after: list[Any],
    made: Array,
) -> None:
    """Fill in the scores of the links into one variable."""
    old, root = before[equation.root], equation.root
    total = after[root] - old
    moved = _changed(program, root, equation, before, after)
    size = np.abs(total)
    for source, row in rows:
        node = equation.inputs[source]
        part = _with_new(program, equation, node, before, after) - old
        score = np.abs(part) / size * np.sign(part) * np.sign(after[node] - before[node])
        np.copyto(made[row], score, where=np.broadcast_to(moved & changed[source], made[row].shape))


def _with_new(program: Program, equation: Equation, node: int, before: list[Any], after: list[Any]) -> Any:
    """The root's value with the input at `node` new and everything else old."""
    if node == equation.root:
        return after[node]
    reached = {node}
    positions = []
    for position in equation.positions:
        if not reached.isdisjoint(program.nodes[position].args):
            reached.add(position)
            positions.append(position)
    kept = [before[position] for position in positions]
    own, before[node] = before[node], after[node]
    evaluate(program, positions, before)
    found = before[equation.root]
    before[node] = own
    for position, value in zip(positions, kept, strict=True):
        before[position] = value
    return found


def _changed(program: Program, root: int, equation: Equation | None, before: list[Any], after: list[Any]) -> Any:
    """Where a value changed by more than the rounding of what was added up to give it."""
    size = np.maximum(np.abs(before[root]), np.abs(after[root]))
    inside = () if equation is None else equation.positions
    for term in _terms(program, root, frozenset(inside)):
        size = np.maximum(size, np.maximum(np.abs(before[term]), np.abs(after[term])))
    return np.abs(after[root] - before[root]) > ROUNDING * size


def _terms(program: Program, root: int, inside: frozenset[int]) -> list[int]:
    """Nodes that are added up, within an equation, to give `root`."""
    found: list[int] = []
    stack = [root]
    while stack:
        position = stack.pop()
        if position in inside and program.nodes[position].op in _SUMS:
            found.extend(program.nodes[position].args)
            stack.extend(program.nodes[position].args)
    return found


def _not_finite(
    graph: Graph, before: list[Any], after: list[Any], times: int, runs: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First analysed time, and variable, at which a value in a loop is not finite."""
    bad = np.full(runs, -1, dtype=np.int64)
    worst = np.full(runs, -1, dtype=np.int64)
    for number, name in enumerate(graph.variables):
        nodes = (graph.node[name], graph.equations[name].root)
        fine = np.isfinite(sum(before[n] + after[n] for n in nodes))
        if fine.all():
            continue
        where = np.broadcast_to(~fine, (times * runs,)).reshape(times, runs)
        first = np.where(where.any(axis=0), where.argmax(axis=0), times)
        earlier = first < np.where(bad < 0, times, bad)
        bad[earlier], worst[earlier] = first[earlier], number
    return bad, worst
