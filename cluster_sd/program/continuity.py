"""Which parameters a run depends on with jumps, so that a derivative in them is not to be believed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from cluster_sd.program.derive import points_of, upstream
from cluster_sd.program.ir import Node, Program
from cluster_sd.program.ops import OPS

#: A quotient whose divisor's size is below this is guarded (ZIDZ, XIDZ); a larger threshold is a comparison of its own.
GUARD = 1e-6


def discontinuous(program: Program, outputs: Collection[int] | None = None) -> frozenset[int]:
    """Parameters whose derivative is not to be believed.

    A parameter is in here if a change of it can move the moment, or the place, at which something jumps: it reaches,
    directly or through stocks, held values and delays, a comparison, a truncation, the argument of a stepwise table or
    the length of a fixed delay; or the shape of the program itself depends on it.

    Not everything with a corner or a condition jumps. Kinks are continuous: MIN, MAX, corners of tables, stocks that
    stop at zero. So are a condition on two values whose branches meet where these are equal, and one whose jump is
    multiplied by the values' difference, where that can be seen (two times of adjustment, for up and down). The guard
    of a quotient (ZIDZ, XIDZ) doesn't count: it stands for the value of what is undefined.

    Parameters
    ----------
    program : Program
    outputs : collection of int, optional
        Nodes whose values matter; jumps that can't reach them don't count. All outputs where not given.
    """
    roots = list(program.outputs.values() if outputs is None else outputs)
    needed = upstream(program, roots)
    jumps = _Jumps(program, needed, roots)
    sources: list[int] = []
    for position in needed:
        node = program.nodes[position]
        if node.op == "pipe":
            sources.append(program.pipes[node.number].length)
        elif node.args and jumps.at(position):
            sources.extend(node.args)
    found = set(program.structural)
    for position in upstream(program, sources):
        node = program.nodes[position]
        if node.op in ("parameter", "start_parameter"):
            found.add(node.number)
        elif node.op in ("table", "table_slope"):
            found.update(points_of(program.tables[node.number]))
    return frozenset(found)


class _Jumps:
    """Says where a program jumps; `needed` are the nodes that matter."""

    def __init__(self, program: Program, needed: Collection[int], outputs: Iterable[int]) -> None:
        self.program, self.nodes = program, program.nodes
        self.users: dict[int, list[int]] = {}
        for position in needed:
            for arg in self.nodes[position].args:
                self.users.setdefault(arg, []).append(position)
        self.ends = {*outputs, *_ends(program)}

    def at(self, position: int) -> bool:
        """Whether something that matters jumps where the arguments of the node at `position` cross a threshold."""
        node = self.nodes[position]
        if node.op == "table":
            return self.program.tables[node.number].kind not in ("interpolate", "extrapolate")
        if not OPS[node.op].jumps:
            return False
        return node.op not in ("lt", "le") or self._tells(position, node.args)

    def _tells(self, condition: int, sides: Sequence[int]) -> bool:
        """Whether anything jumps where both `sides` of a condition are equal."""
        waiting, seen = [condition], {condition}
        while waiting:
            carrier = waiting.pop()
            if carrier in self.ends:
                return True
            for user in self.users.get(carrier, ()):
                if user in seen or self._settles(user, carrier, sides):
                    continue
                if self.nodes[user].op not in ("select", "number", "not", "mul", "div", "neg"):
                    return True
                seen.add(user)
                waiting.append(user)
        return False

    def _settles(self, user: int, carrier: int, sides: Sequence[int]) -> bool:
        """Whether `user` is continuous although its argument `carrier` jumps where `sides` are equal."""
        node = self.nodes[user]
        if node.op == "select" and node.args[0] == carrier:
            yes, no = node.args[1:]
            return (
                self._guards(node, sides)
                or {yes, no} == set(sides)
                or (self._zero(yes, sides) and self._zero(no, sides))
            )
        if node.op == "mul":
            return any(arg != carrier and self._zero(arg, sides) for arg in node.args)
        return node.op == "div" and node.args[0] != carrier and self._zero(node.args[0], sides)

    def _guards(self, choice: Node, sides: Sequence[int]) -> bool:
        """Whether a choice is ``abs(b) < 1e-6 ? x : a / b``."""
        size, limit = (self.nodes[side] for side in sides)
        quotient = self.nodes[choice.args[2]]
        if size.op != "abs" or limit.op != "literal" or not 0 <= float(limit.attr or 0.0) <= GUARD:
            return False
        return quotient.op == "div" and quotient.args[1] == size.args[0]

    def _zero(self, position: int, sides: Sequence[int]) -> bool:
        """Whether a value is zero, for all that can be seen, where both `sides` are equal."""
        node = self.nodes[position]
        if node.op == "literal":
            return node.attr == 0
        if set(node.args) == set(sides) and node.op == "sub":
            return True
        if position in sides and any(self.nodes[s].op == "literal" and self.nodes[s].attr == 0 for s in sides):
            return True
        if node.op == "mul":
            return any(self._zero(arg, sides) for arg in node.args)
        if node.op in ("div", "neg", "abs", "sqrt"):
            return self._zero(node.args[0], sides)
        if node.op in ("add", "sub", "min", "max", "select"):
            return all(self._zero(arg, sides) for arg in node.args[-2:])
        return False


def _ends(program: Program) -> list[int]:
    """Nodes whose values act directly on what a run carries along."""
    starts = [item.initial for item in (*program.states, *program.slots, *program.pipes)]
    flows = [state.derivative for state in program.states] + [pipe.input for pipe in program.pipes]
    return [*starts, *flows, *(slot.update for slot in program.slots)]
