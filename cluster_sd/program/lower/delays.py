"""Stocks, delays, smooths, trends: what carries the past, lowered to stocks, slots and pipes.

Formulas: Vensim reference manual (DELAY N, SMOOTH N, TREND, FORECAST, NPV) and Sterman 2000, Business Dynamics, ch. 11.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cluster_sd.program.lower.scope import Frame

if TYPE_CHECKING:
    from cluster_sd.program.lower.lowering import Lowering


def integ(low: Lowering, ast: Any, frame: Frame) -> int:
    """``INTEG(flow, initial)``: a stock."""
    start = frame._replace(start=True)

    def initial() -> int:
        if low.is_exposed(frame.owner):
            default = low.probe(ast.initial, frame)
            return low.parameter(frame.owner, math.nan if default is None else default, True)
        return low.number(ast.initial, start)

    if frame.start:
        return initial()
    return low.stock(frame, frame.owner, initial, lambda: low.number(ast.flow, frame), bool(ast.non_negative))


def _order(low: Lowering, ast: Any, frame: Frame) -> int:
    order = low.structural_number(ast.order, frame)
    if order < 1 or order != int(order):
        raise low.error(f"the order of a delay or smooth must be a whole number from 1 on, not {order:g}", frame.owner)
    return int(order)


def smooth(low: Lowering, ast: Any, frame: Frame) -> int:
    """``SMOOTH``, ``SMOOTH3``, ``SMOOTH N`` and their forms with an initial value: a chain of first-order smooths."""
    start = frame._replace(start=True)
    if frame.start:
        return low.number(ast.initial, start)
    order, builder = _order(low, ast, frame), low.builder
    node = -1
    for stage in range(1, order + 1):

        def flow(source: int = node, me: int = len(low.states)) -> int:
            target = low.number(ast.input, frame) if source < 0 else source
            gap = builder.op("sub", target, builder.leaf("state", me))
            return builder.op("div", _times(low, gap, order), low.number(ast.smooth_time, frame))

        node = low.stock(frame, f"{frame.owner}#smooth{stage}", lambda: low.number(ast.initial, start), flow)
    return node


def _times(low: Lowering, node: int, factor: float) -> int:
    return low.builder.op("mul", node, low.builder.literal(factor))


def delay(low: Lowering, ast: Any, frame: Frame) -> int:
    """``DELAY1``, ``DELAY3``, ``DELAY N`` and their forms with an initial value: material through stocks in a row."""
    start, builder = frame._replace(start=True), low.builder
    if frame.start:
        return low.number(ast.initial, start)
    order = _fitting_order(low, ast, frame)

    def initial() -> int:
        time = low.number(ast.delay_time, start)
        return builder.op("div", builder.op("mul", low.number(ast.initial, start), time), builder.literal(order))

    def outflow(state: int) -> int:
        return builder.op("div", _times(low, state, order), low.number(ast.delay_time, frame))

    node = -1
    for stage in range(1, order + 1):

        def flow(source: int = node, me: int = len(low.states)) -> int:
            inflow = low.number(ast.input, frame) if source < 0 else outflow(source)
            return builder.op("sub", inflow, outflow(builder.leaf("state", me)))

        node = low.stock(frame, f"{frame.owner}#delay{stage}", initial, flow)
    return outflow(node)


def _fitting_order(low: Lowering, ast: Any, frame: Frame) -> int:
    """Order of a delay; as in Vensim, DELAY N (not DELAY3) has fewer stages where they would be shorter than a step."""
    order = _order(low, ast, frame)
    if type(ast).__name__ != "DelayNStructure" or order == 1:
        return order
    time = low.probe(ast.delay_time, frame)
    if time is None or not order * low.constants.control("dt") > time:
        return order
    low.structural_number(ast.delay_time, frame)
    return max(1, int(time / low.constants.control("dt") + 1e-9))


def delay_fixed(low: Lowering, ast: Any, frame: Frame) -> int:
    """``DELAY FIXED(input, delay time, initial)``."""
    return delay_fixed_of(low, ast.input, ast.delay_time, ast.initial, frame)


def delay_fixed_of(low: Lowering, entry: Any, time: Any, initial: Any, frame: Frame) -> int:
    """The input of a whole number of steps ago; the delay time is read at the start, as in Vensim."""
    start, builder = frame._replace(start=True), low.builder
    first = low.number(initial, start)
    if frame.start:
        return first
    steps = builder.op("div", low.number(time, start), builder.leaf("dt"))
    # half a step counts as one, and steps that a rounding makes 2.9999999 are three
    rounded = builder.op("floor", builder.op("add", steps, builder.literal(0.5 + 1e-6)))
    length = builder.op("max", rounded, builder.literal(1.0))
    return low.pipe(f"{frame.owner}#fixed", lambda: low.number(entry, frame), length, first)


def trend(low: Lowering, ast: Any, frame: Frame) -> int:
    """``TREND(input, average time, initial trend)``: fractional rate of change."""
    start, builder = frame._replace(start=True), low.builder
    time, source = low.number(ast.average_time, frame), low.number(ast.input, frame)
    if frame.start:
        average = _trend_start(low, ast, start)
    else:
        average = _average(low, ast, frame, "trend", lambda: _trend_start(low, ast, start))
    gap = builder.op("sub", source, average)
    return ratio_or(low, gap, builder.op("mul", time, builder.op("abs", average)), builder.literal(0.0))


def _trend_start(low: Lowering, ast: Any, start: Frame) -> int:
    growth = low.builder.op("mul", low.number(ast.initial_trend, start), low.number(ast.average_time, start))
    return low.builder.op("div", low.number(ast.input, start), low.builder.op("add", low.builder.literal(1.0), growth))


def _average(low: Lowering, ast: Any, frame: Frame, name: str, initial: Any) -> int:
    """Stock of the average that TREND and FORECAST compare their input with."""
    builder, me = low.builder, len(low.states)

    def flow() -> int:
        gap = builder.op("sub", low.number(ast.input, frame), builder.leaf("state", me))
        return builder.op("div", gap, low.number(ast.average_time, frame))

    return low.stock(frame, f"{frame.owner}#{name}", initial, flow)


def forecast(low: Lowering, ast: Any, frame: Frame) -> int:
    """``FORECAST(input, average time, horizon)``: the input carried on along its trend."""
    start, builder = frame._replace(start=True), low.builder

    def initial() -> int:
        growth = builder.op("add", builder.literal(1.0), low.number(ast.initial_trend, start))
        return builder.op("div", low.number(ast.input, start), growth)

    average = initial() if frame.start else _average(low, ast, frame, "forecast", initial)
    source, time = low.number(ast.input, frame), low.number(ast.average_time, frame)
    slope = ratio_or(low, builder.op("sub", source, average), builder.op("mul", time, average), builder.literal(0.0))
    ahead = builder.op("mul", slope, low.number(ast.horizon, frame))
    return builder.op("mul", source, builder.op("add", builder.literal(1.0), ahead))


def sample_if_true(low: Lowering, ast: Any, frame: Frame) -> int:
    """``SAMPLE IF TRUE(condition, input, initial)``: the input at the last step at which the condition was true."""
    builder = low.builder
    initial = low.number(ast.initial, frame._replace(start=True))
    if frame.start:
        return builder.op("select", low.expression(ast.condition, frame), low.number(ast.input, frame), initial)

    def update(previous: int) -> int:
        return builder.op("select", low.expression(ast.condition, frame), low.number(ast.input, frame), previous)

    return low.slot(f"{frame.owner}#sample", update, initial)


def ratio_or(low: Lowering, above: int, below: int, otherwise: int) -> int:
    """``XIDZ``: the ratio, or `otherwise` where the denominator is nearer to zero than Vensim tells from it (1e-6)."""
    builder = low.builder
    small = builder.op("lt", builder.op("abs", below), builder.literal(1e-6))
    return builder.op("select", small, otherwise, builder.op("div", above, below))
