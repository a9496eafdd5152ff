"""ALLOCATE BY PRIORITY and ALLOCATE AVAILABLE: a scarce supply shared out among requests.

Both find the height at which what is asked above it uses up the supply. The share that a request gets is a
continuous, falling function of that height, so the height is found by bisection, unrolled, and a last secant step.
Vensim reference manual, "ALLOCATE BY PRIORITY", "ALLOCATE AVAILABLE" (profile types 1 to 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cluster_sd.model.names import clean
from cluster_sd.program.build import Expr
from cluster_sd.program.lower.randoms import normal_cdf
from cluster_sd.program.lower.scope import Frame

if TYPE_CHECKING:
    from cluster_sd.program.lower.lowering import Lowering

_HALVINGS = 40
Share = Callable[[Expr], list[Expr]]


def _along(low: Lowering, ast: Any, frame: Frame) -> tuple[str, tuple[str, ...], int]:
    """Last subscript of the request, its elements, and the place that the frame is at."""
    last = clean(ast.subscripts.subscripts[-1])
    plain = last.rstrip("!").rstrip("_")
    elements = frame.scope.subscripts.elements(plain)
    here = frame.scope.subscripts.element(plain, frame.env)
    if here not in elements:
        raise low.error(f"subscript '{plain}' of the request must stand on the left side", frame.owner)
    return last, elements, elements.index(here)


def _each(low: Lowering, ast: Any, last: str, elements: Sequence[str], frame: Frame) -> list[Expr]:
    plain = last.rstrip("!").rstrip("_")
    frames = [frame._replace(env={**frame.env, last: e, plain: e}) for e in elements]
    return [low.builder.expr(low.number(ast, f)) for f in frames]


def _total(parts: Sequence[Expr]) -> Expr:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _clear(share: Share, supply: Expr, bottom: Expr, top: Expr) -> list[Expr]:
    """What each gets at the height (between `bottom`, all, and `top`, nothing) where the shares add up to `supply`."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (bottom + top)
        above = _total(share(middle)) >= supply
        bottom, top = above.select(middle, bottom), above.select(top, middle)
    more, less = share(bottom), share(top)
    gap = _total(more) - _total(less)
    weight = (gap > 0.0).select((supply - _total(less)) / gap, 0.0)
    return [b + weight * (a - b) for a, b in zip(more, less, strict=True)]


def by_priority(low: Lowering, ast: Any, frame: Frame) -> int:
    """``ALLOCATE BY PRIORITY(request, priority, size, width, supply)``: requests are rectangles around priorities."""
    last, elements, here = _along(low, ast.request, frame)
    key = ("priority", id(ast), frame.scope, frame.start, _others(frame, last))
    if key not in low.memo:
        request = _each(low, ast.request, last, elements, frame)
        priority = _each(low, ast.priority, last, elements, frame)
        width, supply = (low.builder.expr(low.number(part, frame)) for part in (ast.width, ast.supply))

        def share(height: Expr) -> list[Expr]:
            parts = []
            for r, p in zip(request, priority, strict=True):
                parts.append(r * (((p - height) / width + 0.5).op("max", 0.0)).op("min", 1.0))
            return parts

        bottom, top = priority[0], priority[0]
        for p in priority[1:]:
            bottom, top = bottom.op("min", p), top.op("max", p)
        shares = _clear(share, supply.op("max", 0.0), bottom - width * 0.5, top + width * 0.5)
        enough = supply >= _total(request)
        low.memo[key] = [enough.select(r, s) for r, s in zip(request, shares, strict=True)]
    return low.memo[key][here].node


def _others(frame: Frame, last: str) -> tuple[tuple[str, str], ...]:
    plain = last.rstrip("!").rstrip("_")
    return tuple(sorted((k, v) for k, v in frame.env.items() if k not in (last, plain)))


def available(low: Lowering, ast: Any, frame: Frame) -> int:
    """``ALLOCATE AVAILABLE(request, priority profile, available)`` for profiles of types 1 to 4."""
    last, elements, here = _along(low, ast.request, frame)
    key = ("available", id(ast), frame.scope, frame.start, _others(frame, last))
    if key not in low.memo:
        request = _each(low, ast.request, last, elements, frame)
        profiles = [_profile(low, ast.pp, last, e, frame) for e in elements]
        supply = low.builder.expr(low.number(ast.avail, frame))
        bottom, top = profiles[0][1], profiles[0][2]
        for _, lo, hi in profiles[1:]:
            bottom, top = bottom.op("min", lo), top.op("max", hi)

        def share(height: Expr) -> list[Expr]:
            return [r * above(height) for r, (above, _, _) in zip(request, profiles, strict=True)]

        shares = _clear(share, supply.op("max", 0.0), bottom, top)
        enough = supply >= _total(request)
        low.memo[key] = [enough.select(r, s) for r, s in zip(request, shares, strict=True)]
    return low.memo[key][here].node


def _profile(
    low: Lowering, ast: Any, last: str, element: str, frame: Frame
) -> tuple[Callable[[Expr], Expr], Expr, Expr]:
    """Share of a request that lies above a height, and the heights between which it falls from 1 to 0."""
    plain = last.rstrip("!").rstrip("_")
    inner = frame._replace(env={**frame.env, last: element, plain: element})
    names = frame.scope.subscripts
    home = clean(ast.subscripts.subscripts[-1])
    fields = names.elements(home) if names.is_range(home) else _siblings(low, home, frame)
    parts = []
    for name in fields[:3]:
        subscripts = (*ast.subscripts.subscripts[:-1], name)
        parts.append(low.builder.expr(low.builder.as_number(low.reference(low.key(ast.reference), subscripts, inner))))
    start = inner._replace(start=True)
    subscripts = (*ast.subscripts.subscripts[:-1], fields[0])
    kind = low.constants.structural_value(low.reference(low.key(ast.reference), subscripts, start), frame.owner)
    if kind not in _SHAPES:
        raise low.unsupported(f"ALLOCATE AVAILABLE with a profile of type {kind:g}", frame)
    return _SHAPES[int(kind)](parts[1], parts[2])


def _siblings(low: Lowering, element: str, frame: Frame) -> tuple[str, ...]:
    for elements in frame.scope.subscripts.ranges.values():
        if elements and elements[0] == element:
            return elements
    raise low.error("the priority profile needs a last subscript with ptype, ppriority, pwidth, pextra", frame.owner)


def _rectangle(centre: Expr, width: Expr) -> tuple[Any, Expr, Expr]:
    def above(x: Expr) -> Expr:
        return ((centre - x) / width + 0.5).op("max", 0.0).op("min", 1.0)

    return above, centre - width * 0.5, centre + width * 0.5


def _triangle(centre: Expr, width: Expr) -> tuple[Any, Expr, Expr]:
    def above(x: Expr) -> Expr:
        u = ((x - centre) / width).op("max", -0.5).op("min", 0.5)
        return (u <= 0.0).select(1.0 - 2.0 * (u + 0.5) * (u + 0.5), 2.0 * (0.5 - u) * (0.5 - u))

    return above, centre - width * 0.5, centre + width * 0.5


def _normal(centre: Expr, width: Expr) -> tuple[Any, Expr, Expr]:
    def above(x: Expr) -> Expr:
        return normal_cdf((centre - x) / width)

    return above, centre - width * 40.0, centre + width * 40.0


def _exponential(centre: Expr, width: Expr) -> tuple[Any, Expr, Expr]:
    def above(x: Expr) -> Expr:
        u = (x - centre) / width
        return (u <= 0.0).select(1.0 - 0.5 * u.op("min", 0.0).op("exp"), 0.5 * (-(u.op("max", 0.0))).op("exp"))

    return above, centre - width * 700.0, centre + width * 700.0


_SHAPES = {1: _rectangle, 2: _triangle, 3: _normal, 4: _exponential}
