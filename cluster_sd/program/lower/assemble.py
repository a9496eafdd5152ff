"""The end of the walk: what is needed of all that was built, as a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cluster_sd.program.build import reachable
from cluster_sd.program.ir import Control, Event, Node, Pipe, Program, Slot, State

if TYPE_CHECKING:
    from cluster_sd.program.lower.lowering import Lowering


def assemble(low: Lowering, outputs: Mapping[str, int]) -> Program:
    """Program with `outputs`, of the nodes that something in it needs."""
    _events_of_conditions(low)
    nodes = low.builder.nodes
    roots = [*outputs.values()]
    roots += [n for s in low.states for n in (s.initial, s.derivative)]
    roots += [n for s in low.slots for n in (s.update, s.initial)]
    roots += [n for p in low.pipes for n in (p.input, p.length, p.initial)]
    roots += [n for e in low.events for n in e if n >= 0]
    keep = reachable(nodes, roots)
    to = {old: new for new, old in enumerate(keep)} | {-1: -1}
    return Program(
        nodes=tuple([Node(n.op, tuple([to[a] for a in n.args]), n.attr, n.rate) for n in (nodes[i] for i in keep)]),
        parameters=tuple(low.constants.parameters),
        states=tuple(State(s.name, to[s.initial], to[s.derivative], s.nonnegative) for s in low.states),
        slots=tuple(Slot(s.name, to[s.update], to[s.initial]) for s in low.slots),
        pipes=tuple(Pipe(p.name, to[p.input], to[p.length], to[p.initial]) for p in low.pipes),
        tables=tuple(low.builder.tables),
        streams=tuple(owner for owner, _ in low.streams.values()),
        events=tuple(dict.fromkeys(Event(to[e.first], to[e.period], to[e.last]) for e in low.events)),
        outputs={name: to[node] for name, node in outputs.items()},
        control=Control(
            low.constants.control("start"),
            low.constants.control("stop"),
            low.constants.control("dt"),
            low.constants.control("save_step"),
            low.source.method,
        ),
        structural=tuple(sorted(low.constants.structural)),
    )


def _events_of_conditions(low: Lowering) -> None:
    """Conditions on time itself are events too."""
    nodes = low.builder.nodes
    for node in list(nodes):
        if node.op in ("lt", "le"):
            for this, other in (node.args, node.args[::-1]):
                if nodes[this].op == "time":
                    low.event(other)
