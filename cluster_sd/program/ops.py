"""The table of operations: what each computes and its derivative.

A row is the whole truth about an operation. ``numpy`` evaluates it over arrays (the reference); ``llvm`` emits it for
vectors of runs; ``partials`` gives its derivative as expressions of operations, in terms of the arguments and of the
result `y`. No emitter knows derivatives, and no derivative knows an emitter.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cluster_sd.program import emit_llvm_ops as text
from cluster_sd.program.tables import lookup, slope

if TYPE_CHECKING:
    from cluster_sd.program.build import Expr

Partials = Callable[..., "tuple[Expr | None, ...]"]


class Op(NamedTuple):
    """One operation.

    Attributes
    ----------
    numpy : callable
        Elementwise over arrays; comparisons give booleans.
    partials : callable or None
        ``partials(y, *args)`` gives one expression an argument (None: no derivative flows), or is None where the
        operation has none at all.
    takes, gives : str
        Kinds of arguments and result, ``f`` (number) or ``b`` (truth); `takes` has a letter for each argument.
    jumps : bool
        The result jumps where an argument crosses a threshold: a parameter that gets here is ``discontinuous``.
    llvm : callable or None
        Takes and gives :class:`cluster_sd.program.emit_llvm_text.Value`; None for tables, which need their points.
    """

    numpy: Callable[..., Any]
    partials: Partials | None = None
    takes: str = "f"
    gives: str = "f"
    jumps: bool = False
    llvm: Callable[..., Any] | None = None


def _select(c: Any, a: Any, b: Any) -> Any:
    return np.where(c, a, b)


def _absorb(partial: Any, tangent: Any) -> Any:
    """Product in which a zero wins over what is infinite or undefined (0 * inf = 0), on either side.

    On either side, because the chain rule may be followed from both ends: the partial there is the tangent here.
    """
    return np.where((tangent == 0) | (partial == 0), 0.0, partial * tangent)


def _as_number(x: Any) -> Any:
    return np.multiply(x, 1.0)


def _as_truth(x: Any) -> Any:
    return np.not_equal(x, 0.0)


def _div_partials(y: Expr, a: Expr, b: Expr) -> tuple[Expr, Expr]:
    """Partials of a/b with one division for both."""
    inverse = 1.0 / b
    return inverse, -y.op("absorb", inverse)


def _cathetus(a: Expr) -> Expr:
    """Square root of 1 - a**2, without the cancellation near 1."""
    return ((1.0 - a) * (1.0 + a)).op("sqrt")


def _pow_partials(y: Expr, a: Expr, b: Expr) -> tuple[Expr, Expr]:
    """Partials of a**b without a second power; the limit from the right at a = 0, where 0 * inf = 0 keeps a**0 flat."""
    at_zero = (b > 1.0).select(0.0, b.op("eq", 1.0).select(1.0, b.op("absorb", math.inf)))
    log = (a > 0.0).select(a.log(), 0.0)
    return a.op("eq", 0.0).select(at_zero, b * y / a), log.op("absorb", y)


OPS: dict[str, Op] = {
    "neg": Op(np.negative, lambda y, a: (y.lit(-1.0),), llvm=operator.neg),
    "add": Op(np.add, lambda y, a, b: (y.lit(1.0), y.lit(1.0)), "ff", llvm=operator.add),
    "sub": Op(np.subtract, lambda y, a, b: (y.lit(1.0), y.lit(-1.0)), "ff", llvm=operator.sub),
    "mul": Op(np.multiply, lambda y, a, b: (b, a), "ff", llvm=operator.mul),
    "div": Op(np.divide, _div_partials, "ff", llvm=operator.truediv),
    "absorb": Op(_absorb, lambda y, a, b: (b, a), "ff", llvm=text.absorb),
    "pow": Op(np.power, _pow_partials, "ff", llvm=text.power),
    "exp": Op(np.exp, lambda y, a: (y,), llvm=text.called("exp")),
    "log": Op(np.log, lambda y, a: (1.0 / a,), llvm=text.called("log")),
    "sqrt": Op(np.sqrt, lambda y, a: (0.5 / y,), llvm=text.sqrt),
    "sin": Op(np.sin, lambda y, a: (a.op("cos"),), llvm=text.called("sin")),
    "cos": Op(np.cos, lambda y, a: (-a.op("sin"),), llvm=text.called("cos")),
    "tan": Op(np.tan, lambda y, a: (1.0 + y * y,), llvm=text.called("tan")),
    "asin": Op(np.arcsin, lambda y, a: (1.0 / _cathetus(a),), llvm=text.called("asin")),
    "acos": Op(np.arccos, lambda y, a: (-1.0 / _cathetus(a),), llvm=text.called("acos")),
    "atan": Op(np.arctan, lambda y, a: (1.0 / (1.0 + a * a),), llvm=text.called("atan")),
    "sinh": Op(np.sinh, lambda y, a: (a.op("cosh"),), llvm=text.called("sinh")),
    "cosh": Op(np.cosh, lambda y, a: (a.op("sinh"),), llvm=text.called("cosh")),
    "tanh": Op(np.tanh, lambda y, a: ((1.0 - y) * (1.0 + y),), llvm=text.called("tanh")),
    "abs": Op(np.abs, lambda y, a: ((a < 0.0).select(-1.0, 1.0),), llvm=operator.abs),
    "trunc": Op(np.trunc, None, jumps=True, llvm=text.rounded("trunc")),
    "floor": Op(np.floor, None, jumps=True, llvm=text.rounded("floor")),
    "min": Op(np.minimum, lambda y, a, b: ((a <= b).number(), (a <= b).select(0.0, 1.0)), "ff", llvm=text.minimum),
    "max": Op(np.maximum, lambda y, a, b: ((b <= a).number(), (b <= a).select(0.0, 1.0)), "ff", llvm=text.maximum),
    "lt": Op(np.less, None, "ff", "b", jumps=True, llvm=operator.lt),
    "le": Op(np.less_equal, None, "ff", "b", jumps=True, llvm=operator.le),
    "eq": Op(np.equal, None, "ff", "b", jumps=True, llvm=text.equal),
    "ne": Op(np.not_equal, None, "ff", "b", jumps=True, llvm=text.differs),
    "and": Op(np.logical_and, None, "bb", "b", llvm=operator.and_),
    "or": Op(np.logical_or, None, "bb", "b", llvm=operator.or_),
    "not": Op(np.logical_not, None, "b", "b", llvm=operator.invert),
    "number": Op(_as_number, None, "b", "f", llvm=text.number),
    "truth": Op(_as_truth, None, "f", "b", jumps=True, llvm=text.truth),
    "select": Op(_select, lambda y, c, a, b: (None, c.number(), c.select(0.0, 1.0)), "bff", llvm=text.select),
    # `hold` keeps its argument over the stages of a step; `table` looks its argument up in the table of its attribute
    "hold": Op(_as_number, lambda y, a: (y.lit(1.0),), llvm=text.same),
    "table": Op(lookup, lambda y, x: (x.op("table_slope", attr=y.attr),)),
    "table_slope": Op(slope, None, jumps=True),
}
