"""Signs of causes: whether more of one makes more or less of another, over the base run.

Each equation of the flat program is differentiated in the variables that it names, constants too, at some times of the
base run (:func:`cluster_sd.loops.gains.linearised`); through a delay or smooth the signs on the way are multiplied. A
sign is given where it is the same at all times and in all elements, as far as anything passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cluster_sd.diagram.structure import Structure
from cluster_sd.errors import InputError, SimulationError
from cluster_sd.loops.gains import linearised
from cluster_sd.loops.links import Equation, Graph
from cluster_sd.loops.loop import Link
from cluster_sd.loops.record import Recording, recording
from cluster_sd.model.names import clean, split_element
from cluster_sd.program.ir import Program, Rate
from cluster_sd.simulate.batch import item_name, visible_name
from cluster_sd.simulate.running import Settings

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["Signs", "signs_of"]

#: Most times of the base run that are looked at.
TIMES = 48
_MEMORY = ("state", "previous", "pipe")


@dataclass(frozen=True)
class Signs:
    """Signs of causes.

    Attributes
    ----------
    of : mapping of (str, str) to int
        Keys of source and target (a variable, or a pipe without a name) -> 1 or -1; 0 where it is both, or nothing
        passes in the base run.
    reason : str
        Why there are none, where there are none: the base run fails.
    """

    of: Mapping[tuple[str, str], int]
    reason: str = ""


def signs_of(model: Model, structure: Structure) -> Signs:
    """Signs of all causes of a model; none where its base run fails."""
    try:
        record = recording(model, Settings(), most=TIMES)
        _refuse_failed(record)
        walk = _Walk(record.program, structure)
        gains = _gains(record, walk)
    except (SimulationError, InputError) as error:
        return Signs({}, str(error))
    fine = {link: _sign(row) for link, row in zip(walk.links, gains, strict=True)}
    found: dict[tuple[str, str], set[int]] = {}
    for (source, target), sign in _through(fine, walk).items():
        if sign is not None:
            found.setdefault((source, target), set()).add(sign)
    merged = {pair: signs.pop() if len(signs) == 1 else 0 for pair, signs in found.items()}
    return Signs(_onto_pipes(merged, structure))


def _refuse_failed(record: Recording) -> None:
    """Raise SimulationError where the base run is not finite."""
    failures = record.execute(0, 1).failures
    if int(failures.item[0]) >= 0:
        name = visible_name(item_name(record.experiment, int(failures.item[0])))
        raise SimulationError(name, float(failures.time[0]))


def _gains(record: Recording, walk: _Walk) -> np.ndarray:
    graph = Graph(record.program, walk.names, walk.node, walk.equations, walk.memories, walk.links, {}, walk.equations)
    with np.errstate(all="ignore"):
        return linearised(record, graph).gains


def _sign(gains: np.ndarray) -> int | None:
    """The sign of a link: None where nothing passes, 0 where it changes."""
    known = gains[np.isfinite(gains)]
    scale = np.abs(known).max(initial=0.0) * 1e-9
    up, down = bool((known > scale).any()), bool((known < -scale).any())
    return None if not (up or down) else int(up) - int(down)


class _Walk:
    """Equations of a program in terms of the variables that the model file's equations name."""

    def __init__(self, program: Program, structure: Structure) -> None:
        self.program, self._structure = program, structure
        self._causes: dict[str, set[str]] = {}
        for cause in structure.causes:
            self._causes.setdefault(cause.target, set()).add(cause.source)
        for pipe in structure.pipes:
            for stock in (pipe.source, pipe.target):
                named = {pipe.key} if pipe.named else self._causes.get(pipe.key, set()) | {stock}
                self._causes.setdefault(stock, set()).update(named)
        self.node, roots, self.memories = self._values()
        self._names = {}
        for name, position in self.node.items():
            self._names.setdefault(position, []).append(name)
        self.base = {name: self._base(name) for name in self.node}
        self.equations = {name: self._equation(name, root) for name, root in roots.items()}
        self.names = tuple(self.node)
        self.links = tuple(Link(source, name) for name, e in self.equations.items() for source in e.inputs)

    def _base(self, name: str) -> str:
        """Key of the variable of the model file that a name of the program is an element of, or is kept inside of."""
        for part in (name, split_element(name)[0], name.split("#")[0], split_element(name.split("#")[0])[0]):
            if clean(part) in self._structure.things:
                return clean(part)
        head = name.split("#")[0]
        while "." in head:
            head = head.rsplit(".", 1)[0]
            if clean(split_element(head)[0]) in self._structure.things:
                return clean(split_element(head)[0])
        return ""

    def hidden(self, name: str) -> bool:
        """Whether a name is something that a delay, smooth or macro keeps inside."""
        return clean(name) not in self._structure.things and (
            clean(split_element(name)[0]) not in self._structure.things
        )

    def _values(self) -> tuple[dict[str, int], dict[str, int], frozenset[str]]:
        """Nodes of values and of what gives them, by name; constants have the first alone."""
        program = self.program
        leaves = {(n.op, n.number): i for i, n in enumerate(program.nodes) if n.op in (*_MEMORY, "parameter")}
        node = {p.name: leaves["parameter", i] for i, p in enumerate(program.parameters) if ("parameter", i) in leaves}
        roots: dict[str, int] = {}
        kept = [("state", i, s.name, s.derivative) for i, s in enumerate(program.states)]
        kept += [("previous", i, s.name, s.update) for i, s in enumerate(program.slots)]
        kept += [("pipe", i, p.name, p.input) for i, p in enumerate(program.pipes)]
        for op, number, name, root in kept:
            if (op, number) in leaves:
                node[name], roots[name] = leaves[op, number], root
        memories = frozenset(roots)
        for name, position in program.outputs.items():
            if name not in node:
                node[name] = position
                if program.nodes[position].rate > Rate.LITERAL:
                    roots[name] = position
        return node, roots, memories

    def _equation(self, name: str, root: int) -> Equation:
        """Walk from `root` down to what the equation of `name` names."""
        wanted = self._causes.get(self.base[name], set())
        inputs: dict[str, int] = {}
        inner: list[int] = []
        seen: set[int] = set()
        stack = [root]
        while stack:
            position = stack.pop()
            if position in seen or self.program.nodes[position].rate is Rate.LITERAL:
                continue
            seen.add(position)
            found = self._meant(name, wanted, position)
            if found:
                inputs[found] = position
            elif self.program.nodes[position].args:
                inner.append(position)
                stack.extend(self.program.nodes[position].args)
        return Equation(root, tuple(sorted(inner)), inputs)

    def _meant(self, owner: str, wanted: set[str], position: int) -> str:
        """The variable that a node is in the equation of `owner`; empty where it is a part of it."""
        for name in self._names.get(position, ()):
            own = self.base[name] == self.base[owner]
            if own and self.hidden(name) and name != owner:
                return name
            if own and name == owner and name in self.memories:
                return name
            if self.base[name] in wanted and not self.hidden(name) and name != owner:
                return name
        return ""


def _through(fine: Mapping[Link, int | None], walk: _Walk) -> dict[tuple[str, str], int | None]:
    """Signs between variables of the model file: over hidden memories, the product along each way."""
    before: dict[str, list[tuple[str, int | None]]] = {}
    for (source, target), sign in fine.items():
        before.setdefault(target, []).append((source, sign))
    made: dict[tuple[str, str], set[int]] = {}
    for target in before:
        if walk.hidden(target):
            continue
        waiting = [(source, sign, frozenset([target])) for source, sign in before[target]]
        while waiting:
            at, sign, seen = waiting.pop()
            if sign is None or at in seen:
                continue
            if walk.hidden(at):
                waiting += [(s, None if g is None else sign * g, seen | {at}) for s, g in before.get(at, ())]
            else:
                made.setdefault((walk.base[at], walk.base[target]), set()).add(sign)
    return {pair: signs.pop() if len(signs) == 1 else 0 for pair, signs in made.items()}


def _onto_pipes(signs: Mapping[tuple[str, str], int], structure: Structure) -> dict[tuple[str, str], int]:
    """Signs of what acts on a stock's unnamed flows: on what leaves it, more means less of the stock."""
    made = dict(signs)
    unnamed = {pipe.key: pipe for pipe in structure.pipes if not pipe.named}
    for cause in structure.causes:
        pipe = unnamed.get(cause.target)
        if pipe is None:
            continue
        stock, way = (pipe.target, 1) if pipe.target else (pipe.source, -1)
        made[cause.source, pipe.key] = cause.sign or way * signs.get((cause.source, stock), 0)
    return made
