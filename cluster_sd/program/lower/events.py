"""STEP, RAMP, PULSE, PULSE TRAIN: what happens at given times.

Whether an event has begun is asked once a step (``step_time``) with half a step's tolerance, as Vensim does, so the
steps at which it acts don't depend on rounding, and a Runge-Kutta stage at the end of a step doesn't see the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster_sd.program.lower.scope import Frame

if TYPE_CHECKING:
    from cluster_sd.program.lower.lowering import Lowering


def _clock(low: Lowering, frame: Frame) -> int:
    """Time of the step plus the tolerance."""
    builder = low.builder
    return builder.op("add", builder.leaf("start" if frame.start else "step_time"), builder.leaf("half_step"))


def _begun(low: Lowering, frame: Frame, time: int) -> int:
    return low.builder.op("lt", time, _clock(low, frame))


def step(low: Lowering, ast: Any, frame: Frame) -> int:
    """``STEP(height, time)``."""
    height, time = (low.number(arg, frame) for arg in ast.arguments[:2])
    low.event(time)
    return low.builder.op("select", _begun(low, frame, time), height, low.builder.literal(0.0))


def ramp(low: Lowering, ast: Any, frame: Frame) -> int:
    """``RAMP(slope, start, end)``; without an end it goes on."""
    builder = low.builder
    slope, begin, *end = [low.number(arg, frame) for arg in ast.arguments]
    now = low.now(frame)
    low.event(begin)
    if end:
        low.event(end[0])
        now = builder.op("min", now, end[0])
    passed = builder.op("max", builder.op("sub", now, begin), builder.literal(0.0))
    return builder.op("mul", slope, passed)


def _within(low: Lowering, frame: Frame, begin: int, width: int) -> int:
    """Whether the step lies in ``begin .. begin + width``, and at least one step does."""
    builder = low.builder
    end = builder.op("add", begin, builder.op("max", width, builder.leaf("dt")))
    low.event(begin)
    low.event(builder.op("add", begin, width))
    return builder.op("and", _begun(low, frame, begin), builder.op("not", _begun(low, frame, end)))


def pulse(low: Lowering, ast: Any, frame: Frame) -> int:
    """Vensim's ``PULSE(start, duration)``: 1 in it, at least for a step."""
    begin, width = (low.number(arg, frame) for arg in ast.arguments)
    return low.builder.as_number(_within(low, frame, begin, width))


def pulse_train(low: Lowering, ast: Any, frame: Frame) -> int:
    """Vensim's ``PULSE TRAIN(start, duration, repeat time, end)`` (PySD's order: start, repeat, duration, end)."""
    builder = low.builder
    begin, repeat, width, end = (low.number(arg, frame) for arg in ast.arguments)
    low.event(begin, repeat, end)
    low.event(builder.op("add", begin, width), repeat, end)
    low.event(end)
    beats = builder.op("lt", _phase(low, frame, begin, repeat), builder.op("max", width, builder.leaf("dt")))
    going = builder.op("and", _begun(low, frame, begin), builder.op("not", _begun(low, frame, end)))
    return builder.as_number(builder.op("and", going, beats))


def _phase(low: Lowering, frame: Frame, begin: int, repeat: int) -> int:
    """Time since the last repetition began, plus the tolerance."""
    builder = low.builder
    passed = builder.op("sub", _clock(low, frame), begin)
    return builder.op("sub", passed, builder.op("mul", repeat, builder.op("floor", builder.op("div", passed, repeat))))


def xmile_pulse(low: Lowering, ast: Any, frame: Frame) -> int:
    """XMILE's ``PULSE(magnitude, start)``: the magnitude within one step (PySD's order: start, magnitude)."""
    builder = low.builder
    begin, size = (low.number(arg, frame) for arg in ast.arguments)
    one = _within(low, frame, begin, builder.leaf("dt"))
    return builder.op("select", one, builder.op("div", size, builder.leaf("dt")), builder.literal(0.0))


def xmile_pulse_train(low: Lowering, ast: Any, frame: Frame) -> int:
    """XMILE's ``PULSE(magnitude, start, interval)`` (PySD's order: start, interval, magnitude); interval 0: once."""
    builder = low.builder
    begin, repeat, size = (low.number(arg, frame) for arg in ast.arguments)
    low.event(begin, repeat)
    low.event(builder.op("add", begin, builder.leaf("dt")), repeat)
    again = builder.op("lt", _phase(low, frame, begin, repeat), builder.leaf("dt"))
    once = _within(low, frame, begin, builder.leaf("dt"))
    repeats = builder.op("lt", builder.literal(0.0), repeat)
    on = builder.op("or", builder.op("and", repeats, builder.op("and", _begun(low, frame, begin), again)),
                    builder.op("and", builder.op("not", repeats), once))
    return builder.op("select", on, builder.op("div", size, builder.leaf("dt")), builder.literal(0.0))
