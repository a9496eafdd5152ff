"""The causal graph of a model at the level of its variables, with what each equation needs to be evaluated in parts.

A variable is a scalar of the model file (``Name``, or ``Name[a]`` for an element), or a *memory*: a stock, or what a
delay, smooth, macro, SAMPLE IF TRUE or DELAY FIXED keeps inside (``Name#smooth1``). An equation's intermediate results
have no name and belong to it. What depends on the start of the run alone (initial values) is no link: it hangs on other
leaves of the program, see :mod:`cluster_sd.program.ir`.

The program keeps equal expressions once, so a node may belong to several variables, or to none that the equation at
hand names. Therefore a node is taken for a variable only where the equation's text mentions it; else it is part of the
equation itself. Link scores do not depend on such choices, names in loops do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.loops.loop import Link
from cluster_sd.model.names import split_element
from cluster_sd.program.ir import Program, Rate
from cluster_sd.simulate.metadata import Metadata
from cluster_sd.simulate.plan import mentions


@dataclass(frozen=True, slots=True)
class Equation:
    """What is evaluated to give a variable, or the change of a memory, from the variables in its equation.

    Attributes
    ----------
    root : int
        Node of the variable's value; of a memory, node of its net flow, or of what it takes up next.
    positions : tuple of int
        Nodes between the inputs and the root, in order.
    inputs : dict of str to int
        Variable to node.
    """

    root: int
    positions: tuple[int, ...]
    inputs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Graph:
    """Variables, links and equations of a model that can be part of a feedback loop.

    Attributes
    ----------
    program : Program
    variables : tuple of str
    node : dict of str to int
        Node of a variable's value; of a memory, its leaf.
    equations : dict of str to Equation
        With all inputs, those outside loops included.
    memories : frozenset of str
        Stocks and what acts like one. Every loop has at least one.
    links : tuple of Link
        Between variables of one strongly connected component.
    component : dict of str to int
        Number of each variable's strongly connected component.
    everything : dict of str to Equation
        Equations of all variables that change within a run, in loops or not.
    """

    program: Program
    variables: tuple[str, ...]
    node: Mapping[str, int]
    equations: Mapping[str, Equation]
    memories: frozenset[str]
    links: tuple[Link, ...]
    component: Mapping[str, int]
    everything: Mapping[str, Equation]


def causal_graph(program: Program, metadata: Metadata) -> Graph:
    """The graph of everything that can be part of a loop.

    Raises
    ------
    InputError
        Where the model has no loop.
    """
    node, roots = _variables(program)
    names = _Names(program, metadata, node)
    equations = {name: _equation(program, names, name, root) for name, root in roots.items()}
    links = [Link(source, name) for name, equation in equations.items() for source in equation.inputs]
    component = components(list(equations), links)
    inside = [link for link in links if component.get(link.source, -1) == component[link.target]]
    looped = {name for link in inside for name in link}
    if not inside:
        raise InputError(
            f"{metadata.path}: the model has no feedback loop: no stock depends, through its flows, on itself"
        )
    order = [name for name in equations if name in looped]
    return Graph(
        program=program,
        variables=tuple(order),
        node={name: node[name] for name in order},
        equations={name: equations[name] for name in order},
        memories=names.memories.intersection(order),
        links=tuple(inside),
        component={name: component[name] for name in order},
        everything=equations,
    )


_MEMORY = ("state", "previous", "pipe")


def _kept(program: Program) -> dict[str, tuple[str, int, int]]:
    """Memories: name to operation and number of the leaf, and node of what changes it."""
    found = {state.name: ("state", i, state.derivative) for i, state in enumerate(program.states)}
    found |= {slot.name: ("previous", i, slot.update) for i, slot in enumerate(program.slots)}
    return found | {pipe.name: ("pipe", i, pipe.input) for i, pipe in enumerate(program.pipes)}


def _variables(program: Program) -> tuple[dict[str, int], dict[str, int]]:
    """Nodes of values and of equations' results, by name; what never changes within a run is left out."""
    leaves = {(n.op, n.number): i for i, n in enumerate(program.nodes) if n.op in _MEMORY}
    node: dict[str, int] = {}
    roots: dict[str, int] = {}
    for name, (op, number, root) in _kept(program).items():
        if (op, number) in leaves:
            node[name], roots[name] = leaves[op, number], root
    for name, position in program.outputs.items():
        if name not in roots and program.nodes[position].rate is Rate.STEP:
            node[name] = roots[name] = position
    return node, roots


class _Names:
    """Which variable a node means in the equation of another one."""

    def __init__(self, program: Program, metadata: Metadata, node: Mapping[str, int]) -> None:
        self.program = program
        self.metadata = metadata
        self.memories = frozenset(_kept(program))
        self.at: dict[int, list[str]] = {}
        for name, position in node.items():
            self.at.setdefault(position, []).append(name)
        self._hidden = frozenset(name for name in node if metadata.find(name) is None)
        self._bases = {name: self._base(name) for name in node}
        self._seen: dict[tuple[str, str], bool] = {}

    def _base(self, name: str) -> str:
        """Variable of the model file whose equation holds `name` (``Name#smooth1``, or ``Name.Inner`` of a macro)."""
        if self.metadata.find(name) is None:
            name = name.split("#")[0]
            while self.metadata.find(name) is None and "." in name:
                name = name.rsplit(".", 1)[0]
        found = self.metadata.find(name)
        return split_element(name)[0] if found is None else found.name

    def meant(self, owner: str, position: int) -> str | None:
        """Variable that the node at `position` is in the equation of `owner`; None where it is a part of it."""
        names = self.at.get(position, ())
        if owner in names and owner in self.memories:
            return owner
        candidates = sorted((name for name in names if name != owner), key=lambda name: name in self._hidden)
        for name in candidates:
            if self._mentioned(owner, name):
                return name
        return candidates[0] if candidates and self.program.nodes[position].op in _MEMORY else None

    def _mentioned(self, owner: str, name: str) -> bool:
        base, inner = self._bases[owner], self._bases[name]
        if base == inner and name in self._hidden:  # another stock of the same delay
            return True
        key = (base, inner)
        if key not in self._seen:
            of, what = self.metadata.find(base), self.metadata.find(inner)
            text = "" if of is None else of.equation
            flows = of is not None and of.kind == "stock" and what is not None and what.kind == "flow"
            self._seen[key] = flows or mentions(text, inner)
        return self._seen[key]


def _equation(program: Program, names: _Names, name: str, root: int) -> Equation:
    """Walk from `root` down to the variables that the equation names."""
    inputs: dict[str, int] = {}
    seen: set[int] = set()
    inner: list[int] = []
    stack = [root]
    while stack:
        position = stack.pop()
        if position in seen:
            continue
        seen.add(position)
        if program.nodes[position].rate is not Rate.STEP:
            continue
        found = names.meant(name, position)
        if found is not None:
            inputs[found] = position
        elif program.nodes[position].args:
            inner.append(position)
            stack.extend(program.nodes[position].args)
    return Equation(root, tuple(sorted(inner)), inputs)


def components(names: Sequence[str], links: Iterable[Link]) -> dict[str, int]:
    """Number of the strongly connected component of each variable."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    number = {name: i for i, name in enumerate(names)}
    pairs = [(number[a], number[b]) for a, b in links if a in number]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(names), len(names)))
    labels: NDArray[np.int32] = connected_components(graph, directed=True, connection="strong")[1]
    return dict(zip(names, labels.tolist(), strict=True))
