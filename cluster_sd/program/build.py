"""Building programs: one node for one expression, literals folded, rates given on the way.

:class:`Builder` works with node positions (plain integers, fast enough for a hundred thousand nodes);
:class:`Expr` wraps a position with Python's operators, for derivative rules and tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from cluster_sd.program.ir import LEAVES, Node, Program, Rate, Table, join
from cluster_sd.program.ops import OPS
from cluster_sd.program.tables import lookup, slope

# not MIN and MAX: which of two equal arguments comes first decides the sign of a zero and the side of a derivative
_COMMUTE = frozenset({"add", "mul", "eq", "ne", "and", "or"})
_KINDS = {name: op.gives for name, op in OPS.items()}


class Builder:
    """Collects nodes.

    Equal expressions become one node (hash-consing), operations on literals are evaluated with the reference
    function of their row, and the few identities that hold in IEEE arithmetic are applied. Kinds are minded: a truth
    value that is used as a number becomes ``number(x)``, a number that is used as a condition becomes ``truth(x)``.

    A `plain` builder makes ``absorb`` an ordinary product: several times cheaper, and the same wherever it is not NaN.
    """

    def __init__(self, *, plain: bool = False) -> None:
        self.plain = plain
        self.nodes: list[Node] = []
        self.tables: list[Table] = []
        self._seen: dict[tuple[str, tuple[int, ...], object], int] = {}
        self._table_numbers: dict[Table, int] = {}

    @classmethod
    def of(cls, program: Program, *, plain: bool = False) -> Builder:
        """Builder that goes on where `program` ends: nodes and tables keep their positions."""
        builder = cls(plain=plain)
        for table in program.tables:
            builder._table_numbers.setdefault(table, len(builder.tables))
            builder.tables.append(table)
        for position, node in enumerate(program.nodes):
            key = _literal_key(float(node.attr or 0.0)) if node.op == "literal" else (node.op, node.args, node.attr)
            builder._seen.setdefault(key, position)
            builder.nodes.append(node)
        return builder

    def literal(self, value: float) -> int:
        """Node of the number `value`."""
        value = float(value)
        return self._add(_literal_key(value), Node("literal", (), value, Rate.LITERAL))

    def leaf(self, op: str, attr: int | None = None, rate: Rate | None = None) -> int:
        """Node of a leaf of :data:`~cluster_sd.program.ir.LEAVES`; `rate` overrides the leaf's usual one."""
        return self._add((op, (), attr), Node(op, (), attr, LEAVES[op] if rate is None else rate))

    def table(self, table: Table, x: int, op: str = "table") -> int:
        """Node of `table` looked up at `x` (or, with ``op="table_slope"``, of its slope there)."""
        return self.op(op, x, attr=self.add_table(table))

    def add_table(self, table: Table) -> int:
        """Number of `table`."""
        number = self._table_numbers.setdefault(table, len(self.tables))
        if number == len(self.tables):
            self.tables.append(table)
        return number

    def op(self, op: str, *args: int, attr: int | None = None) -> int:
        """Node of operation `op` on the nodes `args`."""
        takes = OPS[op].takes
        if len(args) != len(takes):
            raise TypeError(f"operation {op} takes {len(takes)} arguments, not {len(args)}")
        args = tuple([self._as_kind(arg, kind) for arg, kind in zip(args, takes, strict=False)])
        if op in _COMMUTE and args[0] > args[1]:
            args = (args[1], args[0])
        simpler = self._simplify(op, args, attr)
        if simpler is not None:
            return simpler
        rate = Rate.LITERAL
        for arg in args:
            rate = join(rate, self.nodes[arg].rate)
        if attr is not None and op in ("table", "table_slope") and self.tables[attr].first_parameter >= 0:
            rate = join(rate, Rate.RUN)
        return self._add((op, args, attr), Node(op, args, attr, rate))

    def unique(self, op: str, *args: int, attr: int) -> int:
        """Node of `op` that is told from others by `attr` and never folded (``hold``)."""
        rate = Rate.STEP
        return self._add((op, args, attr), Node(op, args, attr, rate))

    def kind(self, node: int) -> str:
        """``b`` for a truth value, ``f`` for a number."""
        return _KINDS.get(self.nodes[node].op, "f")

    def as_number(self, node: int) -> int:
        """`node` as a number (0 or 1 for a truth value)."""
        return self._as_kind(node, "f")

    def is_literal(self, node: int, value: float | None = None) -> bool:
        """Whether `node` is a literal (and equals `value`, where given)."""
        found = self.nodes[node]
        return found.op == "literal" and (value is None or found.attr == value)

    def expr(self, node: int) -> Expr:
        """`node` wrapped with operators."""
        return Expr(self, node)

    def _add(self, key: tuple[str, tuple[int, ...], object], node: Node) -> int:
        found = self._seen.get(key)
        if found is None:
            found = self._seen[key] = len(self.nodes)
            self.nodes.append(node)
        return found

    def _as_kind(self, node: int, kind: str) -> int:
        op = self.nodes[node].op
        if _KINDS.get(op, "f") == kind:
            return node
        if kind == "b":
            if op == "number":
                return self.nodes[node].args[0]
            if op == "literal":
                return self._truth_literal(self.nodes[node].attr != 0)
            return self.op("truth", node)
        return self.op("number", node)

    def _truth_literal(self, value: bool) -> int:
        """Node of a known truth value: a comparison of literals, since the representation has literal numbers only."""
        a, b = self.literal(0.0), self.literal(1.0)
        args = (a, b) if value else (b, a)
        return self._add(("lt", args, None), Node("lt", args, None, Rate.LITERAL))

    def known_truth(self, node: int) -> bool | None:
        """Value of a condition that is known when the program is built, else None."""
        found = self.nodes[node]
        if found.rate is not Rate.LITERAL:
            return None
        return bool(self.value(node))

    def value(self, node: int) -> float:
        """Number of a node of rate ``LITERAL``."""
        found = self.nodes[node]
        if found.op == "literal":
            assert found.attr is not None
            return float(found.attr)
        with np.errstate(all="ignore"):
            return OPS[found.op].numpy(*(self.value(arg) for arg in found.args))

    def _simplify(self, op: str, args: tuple[int, ...], attr: int | None) -> int | None:
        nodes = self.nodes
        if op == "select":
            known = self.known_truth(args[0])
            if known is not None:
                return args[1] if known else args[2]
            return args[1] if args[1] == args[2] else None
        if op in ("table", "table_slope"):
            return self._fold_table(op, args[0], attr)
        if all([nodes[arg].rate is Rate.LITERAL for arg in args]) and OPS[op].gives == "f":
            with np.errstate(all="ignore"):
                return self.literal(OPS[op].numpy(*(self.value(arg) for arg in args)))
        rule = _IDENTITIES.get(op)
        return None if rule is None else rule(self, *args)

    def _fold_table(self, op: str, x: int, attr: int | None) -> int | None:
        assert attr is not None
        table = self.tables[attr]
        if self.nodes[x].op != "literal" or table.first_parameter >= 0:
            return None
        with np.errstate(all="ignore"):
            return self.literal(float((lookup if op == "table" else slope)(table, self.value(x))))


def _literal_key(value: float) -> tuple[str, tuple[int, ...], object]:
    """Key that tells -0.0 from 0.0 and lets NaN equal itself."""
    return ("literal", (), f"{value:g}" if value == 0 or value != value else value)


def _drop(value: float, *, left: bool = True) -> Callable[..., int | None]:
    """Rule `x op value -> x` (and `value op x -> x` where `left`)."""

    def rule(builder: Builder, a: int, b: int) -> int | None:
        if builder.is_literal(b, value):
            return a
        return b if left and builder.is_literal(a, value) else None

    return rule


def _absorb(builder: Builder, a: int, b: int) -> int | None:
    """A product that has nothing to absorb is a plain one."""
    for factor, other in ((a, b), (b, a)):
        node = builder.nodes[factor]
        if node.op == "literal" and math.isfinite(float(node.attr or 0.0)):
            value = float(node.attr or 0.0)
            if value in (0.0, 1.0):
                return other if value else builder.literal(0.0)
            return builder.op("neg", other) if value == -1.0 else builder.op("mul", factor, other)
    return builder.op("mul", a, b) if builder.plain else None


def _negate(builder: Builder, a: int) -> int | None:
    return builder.nodes[a].args[0] if builder.nodes[a].op == "neg" else None


def _same(builder: Builder, a: int, b: int) -> int | None:
    return a if a == b else None


_IDENTITIES: dict[str, Callable[..., int | None]] = {
    "add": _drop(0.0),
    "sub": _drop(0.0, left=False),
    "mul": _drop(1.0),
    "div": _drop(1.0, left=False),
    "pow": _drop(1.0, left=False),
    "absorb": _absorb,
    "neg": _negate,
    "not": lambda builder, a: builder.nodes[a].args[0] if builder.nodes[a].op == "not" else None,
    "min": _same,
    "max": _same,
}


class Expr(NamedTuple):
    """A node with Python's operators, so that a derivative rule reads like its formula."""

    builder: Builder
    node: int

    @property
    def attr(self) -> float | int | None:
        """Attribute of the node."""
        return self.builder.nodes[self.node].attr

    def lit(self, value: float) -> Expr:
        """A literal."""
        return Expr(self.builder, self.builder.literal(value))

    def op(self, op: str, *args: Any, attr: Any = None) -> Expr:
        """Operation `op` on this and `args`."""
        nodes = (self.node, *(self._node(arg) for arg in args))
        return Expr(self.builder, self.builder.op(op, *nodes, attr=attr))

    def number(self) -> Expr:
        """A truth value as 0 or 1."""
        return Expr(self.builder, self.builder.as_number(self.node))

    def select(self, a: Any, b: Any) -> Expr:
        """`a` where this is true, else `b`."""
        return self.op("select", a, b)

    def log(self) -> Expr:
        """Natural logarithm."""
        return self.op("log")

    def _node(self, other: Any) -> int:
        return other.node if isinstance(other, Expr) else self.builder.literal(other)

    def _swap(self, op: str, other: Any) -> Expr:
        return Expr(self.builder, self.builder.op(op, self._node(other), self.node))

    def __add__(self, other: Any) -> Expr:
        return self.op("add", other)

    def __radd__(self, other: Any) -> Expr:
        return self._swap("add", other)

    def __sub__(self, other: Any) -> Expr:
        return self.op("sub", other)

    def __rsub__(self, other: Any) -> Expr:
        return self._swap("sub", other)

    def __mul__(self, other: Any) -> Expr:
        return self.op("mul", other)

    def __rmul__(self, other: Any) -> Expr:
        return self._swap("mul", other)

    def __truediv__(self, other: Any) -> Expr:
        return self.op("div", other)

    def __rtruediv__(self, other: Any) -> Expr:
        return self._swap("div", other)

    def __pow__(self, other: Any) -> Expr:
        return self.op("pow", other)

    def __neg__(self) -> Expr:
        return self.op("neg")

    def __lt__(self, other: Any) -> Expr:
        return self.op("lt", other)

    def __le__(self, other: Any) -> Expr:
        return self.op("le", other)

    def __gt__(self, other: Any) -> Expr:
        return self._swap("lt", other)

    def __ge__(self, other: Any) -> Expr:
        return self._swap("le", other)


def reachable(nodes: Sequence[Node], roots: Iterable[int], stop: frozenset[str] = frozenset()) -> list[int]:
    """Positions of all nodes that `roots` need, in order; arguments of operations in `stop` are not followed."""
    wanted = bytearray(len(nodes))
    for root in roots:
        wanted[root] = 1
    for position in range(len(nodes) - 1, -1, -1):
        if wanted[position] and nodes[position].op not in stop:
            for arg in nodes[position].args:
                wanted[arg] = 1
    return [position for position, flag in enumerate(wanted) if flag]
