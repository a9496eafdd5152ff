"""The functions that an equation may call, by name: one row a function.

A row takes the walk, the call and its place, and gives a node. What has no row is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cluster_sd.program.lower import arrays, events, randoms
from cluster_sd.program.lower.delays import delay_fixed_of, ratio_or
from cluster_sd.program.lower.scope import Frame

if TYPE_CHECKING:
    from cluster_sd.program.lower.lowering import Lowering

Function = Callable[["Lowering", Any, Frame], int]


def _arguments(low: Lowering, ast: Any, frame: Frame, *counts: int) -> list[int]:
    if counts and len(ast.arguments) not in counts:
        name = ast.function.reference.replace("_", " ").upper()
        wanted = " or ".join(map(str, counts))
        raise low.error(f"{name} takes {wanted} arguments, not {len(ast.arguments)}", frame.owner)
    return [low.number(arg, frame) for arg in ast.arguments]


def _plain(op: str, count: int) -> Function:
    """A function that is one operation."""

    def lowered(low: Lowering, ast: Any, frame: Frame) -> int:
        return low.builder.op(op, *_arguments(low, ast, frame, count))

    return lowered


def _if_then_else(low: Lowering, ast: Any, frame: Frame) -> int:
    if len(ast.arguments) != 3:
        raise low.error(f"IF THEN ELSE takes 3 arguments, not {len(ast.arguments)}", frame.owner)
    condition = low.expression(ast.arguments[0], frame)
    known = low.builder.known_truth(condition) if low.builder.kind(condition) == "b" else None
    if known is not None:  # the branch not taken need not even be defined
        return low.number(ast.arguments[1 if known else 2], frame)
    return low.builder.op("select", condition, *(low.number(arg, frame) for arg in ast.arguments[1:]))


def _log(low: Lowering, ast: Any, frame: Frame) -> int:
    x, base = _arguments(low, ast, frame, 2)
    return low.builder.op("div", low.builder.op("log", x), low.builder.op("log", base))


def _log10(low: Lowering, ast: Any, frame: Frame) -> int:
    (x,) = _arguments(low, ast, frame, 1)
    return low.builder.op("div", low.builder.op("log", x), low.builder.literal(math.log(10.0)))


def _quantum_node(low: Lowering, x: int, unit: int) -> int:
    """Largest whole multiple of `unit` towards zero; `x` itself for a unit that is not positive (as Vensim says)."""
    builder = low.builder
    whole = builder.op("mul", unit, builder.op("trunc", builder.op("div", x, unit)))
    return builder.op("select", builder.op("lt", unit, builder.literal(1e-6)), x, whole)


def _quantum(low: Lowering, ast: Any, frame: Frame) -> int:
    return _quantum_node(low, *_arguments(low, ast, frame, 2))


def _modulo(low: Lowering, ast: Any, frame: Frame) -> int:
    x, unit = _arguments(low, ast, frame, 2)
    return low.builder.op("sub", x, _quantum_node(low, x, unit))


def _xidz(low: Lowering, ast: Any, frame: Frame) -> int:
    return ratio_or(low, *_arguments(low, ast, frame, 3))


def _zidz(low: Lowering, ast: Any, frame: Frame) -> int:
    above, below = _arguments(low, ast, frame, 2)
    return ratio_or(low, above, below, low.builder.literal(0.0))


def _active_initial(low: Lowering, ast: Any, frame: Frame) -> int:
    return low.number(ast.arguments[1 if frame.start else 0], frame)


def _pi(low: Lowering, ast: Any, frame: Frame) -> int:
    return low.builder.literal(math.pi)


def _round(low: Lowering, ast: Any, frame: Frame) -> int:
    (x,) = _arguments(low, ast, frame, 1)
    return low.builder.op("floor", low.builder.op("add", x, low.builder.literal(0.5)))


def _time_value(low: Lowering, ast: Any, frame: Frame) -> int:
    numbers = [low.structural_number(arg, frame) for arg in (ast.arguments[0], ast.arguments[2])]
    if numbers != [0.0, 0.0]:
        raise low.unsupported("GET TIME VALUE with a calendar or the computer's clock", frame)
    now = low.now(frame)
    return low.builder.op("add", now, low.number(ast.arguments[1], frame))


def _npv(low: Lowering, ast: Any, frame: Frame) -> int:
    """``NPV(stream, discount rate, initial, factor)`` with its two stocks, as Vensim's manual writes them out."""
    builder, start = low.builder, frame._replace(start=True)
    stream, rate, initial, factor = ast.arguments
    dt, one = builder.leaf("dt"), builder.literal(1.0)
    if frame.start:
        discount, total = one, low.number(initial, frame)
    else:
        me = len(low.states)

        def shrink() -> int:
            r = low.number(rate, frame)
            fall = builder.op("div", r, builder.op("add", one, builder.op("mul", r, dt)))
            return builder.op("neg", builder.op("mul", builder.leaf("state", me), fall))

        discount = low.stock(frame, f"{frame.owner}#discount", lambda: one, shrink)
        total = low.stock(
            frame,
            f"{frame.owner}#npv",
            lambda: low.number(initial, start),
            lambda: builder.op("mul", low.number(stream, frame), discount),
        )
    now = builder.op("mul", builder.op("mul", low.number(stream, frame), dt), discount)
    return builder.op("mul", builder.op("add", total, now), low.number(factor, frame))


def _delay_material(low: Lowering, ast: Any, frame: Frame) -> int:
    """``DELAY MATERIAL(input, delay time, initial, missing)``: as DELAY FIXED where the delay time does not change."""
    entry, time, initial, *_ = ast.arguments
    node = low.number(time, frame)
    if low.builder.nodes[node].rate > 2:  # beyond Rate.RUN
        raise low.unsupported("DELAY MATERIAL with a delay time that changes", frame)
    return delay_fixed_of(low, entry, time, initial, frame)


def _previous(low: Lowering, ast: Any, frame: Frame) -> int:
    """XMILE's ``PREVIOUS(x, initial)``: the value of one step ago."""
    entry, *initial = ast.arguments
    return delay_fixed_of(low, entry, 0, initial[0] if initial else 0, frame)


def _wave(op: str) -> Function:
    """Stella's ``SINWAVE(amplitude, period)`` and ``COSWAVE``."""

    def lowered(low: Lowering, ast: Any, frame: Frame) -> int:
        builder = low.builder
        amplitude, period = _arguments(low, ast, frame, 2)
        turn = builder.op("div", builder.op("mul", low.now(frame), builder.literal(2 * math.pi)), period)
        return builder.op("mul", amplitude, builder.op(op, turn))

    return lowered


#: Name of the function, clean -> how a call is lowered.
FUNCTIONS: dict[str, Function] = {
    "abs": _plain("abs", 1),
    "exp": _plain("exp", 1),
    "ln": _plain("log", 1),
    "log": _log,
    "log10": _log10,
    "sqrt": _plain("sqrt", 1),
    "power": _plain("pow", 2),
    "sin": _plain("sin", 1),
    "cos": _plain("cos", 1),
    "tan": _plain("tan", 1),
    "arcsin": _plain("asin", 1),
    "arccos": _plain("acos", 1),
    "arctan": _plain("atan", 1),
    "sinh": _plain("sinh", 1),
    "cosh": _plain("cosh", 1),
    "tanh": _plain("tanh", 1),
    "min": _plain("min", 2),
    "max": _plain("max", 2),
    "integer": _plain("trunc", 1),
    "round": _round,
    "pi": _pi,
    "quantum": _quantum,
    "modulo": _modulo,
    "if_then_else": _if_then_else,
    "xidz": _xidz,
    "zidz": _zidz,
    "active_initial": _active_initial,
    "get_time_value": _time_value,
    "npv": _npv,
    "previous": _previous,
    "inf": lambda low, ast, frame: low.builder.literal(math.inf),
    "sinwave": _wave("sin"),
    "coswave": _wave("cos"),
    "delay_material": _delay_material,
    "step": events.step,
    "ramp": events.ramp,
    "xramp": events.ramp,
    "pulse": events.pulse,
    "pulse_train": events.pulse_train,
    "xpulse": events.xmile_pulse,
    "xpulse_train": events.xmile_pulse_train,
    "sum": arrays.total,
    "prod": arrays.product,
    "vmin": arrays.smallest,
    "vmax": arrays.largest,
    "vmin_xmile": arrays.smallest,
    "vmax_xmile": arrays.largest,
    "mean": arrays.mean,
    "elmcount": arrays.count,
    "size": arrays.count,
    "vector_select": arrays.vector_select,
    "vector_sort_order": arrays.sort_order,
    "vector_rank": arrays.rank,
    "vector_reorder": arrays.reorder,
    "invert_matrix": arrays.invert_matrix,
    "random_uniform": randoms.uniform,
    "random_0_1": randoms.unit,
    "random_normal": randoms.normal,
    "random_exponential": randoms.exponential,
    "random_triangular": randoms.triangular,
    "random_weibull": randoms.weibull,
    "lognormal": randoms.xmile_lognormal,
    "uniform": randoms.xmile_uniform,
    "random": randoms.xmile_uniform,
    "normal": randoms.xmile_normal,
    "exprnd": randoms.xmile_exponential,
}

#: Functions that look a table up in another way than its own.
TABLE_FUNCTIONS = {"lookup_extrapolate": "extrapolate", "lookup_forward": "forward", "lookup_backward": "backward"}
