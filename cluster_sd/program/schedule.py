"""What an emitter evaluates when: a program's nodes sorted into parts by how often they change."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from cluster_sd.program.build import reachable
from cluster_sd.program.ir import LEAVES, Node, Program, Rate, join


@dataclass(frozen=True, slots=True)
class Schedule:
    """Positions of nodes, in the order in which they are to be evaluated.

    Attributes
    ----------
    rates : tuple of Rate
        Rate of every node of the program, given which parameters vary between runs.
    fixed, run : tuple of int
        Evaluated when a batch starts, and again where a constant changes.
    time : tuple of int
        Evaluated once a stage, one number for all runs.
    step : tuple of int
        Needed at the first stage of every step: for derivatives, slots and pipes.
    stage : tuple of int
        Needed at a later stage, where ``hold`` nodes already have their value (they stand here without arguments).
    save : tuple of int
        Needed in addition to `step` where results are saved.
    """

    rates: tuple[Rate, ...]
    fixed: tuple[int, ...]
    run: tuple[int, ...]
    time: tuple[int, ...]
    step: tuple[int, ...]
    stage: tuple[int, ...]
    save: tuple[int, ...]


def rates(nodes: Sequence[Node], program: Program, varying: Collection[int]) -> tuple[Rate, ...]:
    """Rate of every node where only the parameters in `varying` differ between runs."""
    found: list[Rate] = []
    for node in nodes:
        if node.op in LEAVES:
            rate = node.rate
            if node.op in ("parameter", "start_parameter") and node.attr not in varying:
                rate = Rate.FIXED
        elif node.op == "hold":
            rate = Rate.STEP
        else:
            rate = Rate.LITERAL
            for arg in node.args:
                rate = join(rate, found[arg])
            if node.op in ("table", "table_slope"):
                rate = join(rate, _table_rate(program, node, varying))
        found.append(rate)
    return tuple(found)


def _table_rate(program: Program, node: Node, varying: Collection[int]) -> Rate:
    """Rate of a table's values: literal, or that of the parameters that they are."""
    table = program.tables[node.number]
    first = table.first_parameter
    if first < 0:
        return Rate.LITERAL
    return Rate.RUN if any(first + i in varying for i in range(len(table.x))) else Rate.FIXED


def schedule(program: Program, kept: Collection[int], varying: Collection[int]) -> Schedule:
    """Sort the nodes that a run needs into parts.

    Parameters
    ----------
    program : Program
    kept : collection of int
        Nodes whose values are to be saved.
    varying : collection of int
        Indices of the parameters that may differ between runs.
    """
    nodes = program.nodes
    found = rates(nodes, program, varying)
    starts = [s.initial for s in (*program.states, *program.slots, *program.pipes)] + [p.length for p in program.pipes]
    flows = [state.derivative for state in program.states]
    held = [slot.update for slot in program.slots] + [pipe.input for pipe in program.pipes]
    everything = reachable(nodes, [*starts, *flows, *held, *kept])
    step = set(reachable(nodes, [*flows, *held]))
    stage = reachable(nodes, flows, stop=frozenset({"hold"}))

    def of(rate: Rate, among: Collection[int]) -> tuple[int, ...]:
        return tuple(i for i in sorted(among) if found[i] is rate)

    return Schedule(
        rates=found,
        fixed=of(Rate.FIXED, everything),
        run=of(Rate.RUN, everything),
        time=of(Rate.TIME, everything),
        step=of(Rate.STEP, step),
        stage=of(Rate.STEP, stage),
        save=tuple(i for i in of(Rate.STEP, everything) if i not in step),
    )


def save_steps(span: float, dt: float, save_step: float) -> np.ndarray:
    """Numbers of the steps after which results are saved.

    The first and every first step at or after a multiple of `save_step`; a run has as many whole steps as fit into
    `span` (a step that does not divide the span leaves the rest of it out).
    """
    slack = 1e-6
    steps = int(np.floor(span / dt + slack))
    count = int(np.floor(steps * dt / save_step + slack)) + 1
    return np.unique(np.ceil(np.arange(count) * (save_step / dt) - slack).astype(np.int64))
