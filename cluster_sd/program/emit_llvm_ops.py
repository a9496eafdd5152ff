"""How each operation is written in LLVM's language: the column ``llvm`` of :data:`cluster_sd.program.ops.OPS`.

Every function takes values and gives one, over plain numbers and over vectors alike. What NumPy's function of the
same row gives, these give: arithmetic, comparisons and rounding to the bit, elementary functions to about one unit in
the last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from cluster_sd.program.emit_llvm_text import Value


def called(name: str) -> Callable[..., Value]:
    """An operation that is a function of :mod:`cluster_sd.program.vecmath`."""

    def rule(*args: Value) -> Value:
        return args[0].w.call(name, *args)

    return rule


def rounded(name: str) -> Callable[[Value], Value]:
    """``floor`` or ``trunc``: an instruction where the processor has one."""

    def rule(a: Value) -> Value:
        return a.w.intrinsic(name, a) if a.w.machine.rounds else a.w.call(name, a)

    return rule


def absorb(partial: Value, tangent: Value) -> Value:
    """Product in which a zero wins, on either side."""
    return (tangent.same(0.0) | partial.same(0.0)).select(0.0, partial * tangent)


def power(a: Value, b: Value) -> Value:
    """Power; the usual literal exponents need no logarithm."""
    if b.known == 2.0:
        return a * a
    if b.known == 3.0:
        return a * a * a
    if b.known == -1.0:
        return 1.0 / a
    if b.known == 0.5:  # a square root, but for 0.0 and infinity with a minus
        return a.same(-math.inf).select(math.inf, sqrt(a + 0.0))
    return a.w.call("pow", a, b)


def sqrt(a: Value) -> Value:
    """Square root."""
    return a.w.intrinsic("sqrt", a)


def minimum(a: Value, b: Value) -> Value:
    """The smaller one, or NaN where either is NaN."""
    return _extreme("olt", a, b)


def maximum(a: Value, b: Value) -> Value:
    """The larger one, or NaN where either is NaN."""
    return _extreme("ogt", a, b)


def _extreme(predicate: str, a: Value, b: Value) -> Value:
    """`a` where the comparison holds, else `b`; a NaN in `b` gets through by itself, one in `a` is looked for."""
    if b.known is not None and b.known == b.known:
        a, b = b, a
    best = a.compare(predicate, b).select(a, b)
    return best if a.known is not None and a.known == a.known else a.undefined().select(a, best)


def number(c: Value) -> Value:
    """Truth value as 0 or 1."""
    return c.select(1.0, 0.0)


def truth(a: Value) -> Value:
    """Whether not zero (NaN isn't)."""
    return a.differs(0.0)


def quotient(a: Value, b: Value, inverse: Value) -> Value:
    """``a / b`` by the rounded `inverse` of `b`, to the bit what a division gives (Markstein 1990).

    The remainder corrects the product to the right rounding; where that is no number (the dividend was infinite, or the
    quotient is) the product itself is right. Only for processors with fused multiply-add, and for a positive `b` well
    inside the range of exponents, or zero, infinite or NaN.
    """
    estimate = a * inverse
    excess = estimate.fma(b, -a)
    better = (-excess).fma(inverse, estimate)
    return better.same(better).select(better, estimate)


def equal(a: Value, b: Value) -> Value:
    """Whether equal."""
    return a.same(b)


def differs(a: Value, b: Value) -> Value:
    """Whether different."""
    return a.differs(b)


def select(c: Value, a: Value, b: Value) -> Value:
    """`a` where `c`, else `b`."""
    return c.select(a, b)


def same(a: Value) -> Value:
    """The value itself."""
    return a
