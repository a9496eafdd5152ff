"""Time settings: what the model file says, what the user says instead, and the refusal of what can't be."""

from __future__ import annotations

import math

from cluster_sd.errors import InputError
from cluster_sd.program.ir import Control
from cluster_sd.program.kernel import Grid
from cluster_sd.program.schedule import save_steps

#: More steps than this are taken for a mistake in the time settings.
MAX_STEPS = 50_000_000
#: More saved times than this, likewise.
MAX_SAVES = 5_000_000


def make_grid(
    control: Control,
    *,
    start: float | None = None,
    stop: float | None = None,
    time_step: float | None = None,
    save_every: float | None = None,
    saves_steps: bool = False,
    file: str = "",
) -> Grid:
    """Times of a run.

    Parameters
    ----------
    control : Control
        The model file's own settings, which hold where nothing else is said.
    start, stop, time_step, save_every : float, optional
        In the model's unit of time. A save step that the user does not give is the model's, and no shorter than the
        time step.
    saves_steps : bool
        Whether the model's save step is its time step, whatever that is (``SAVEPER = TIME STEP``).
    file : str
        The model file, for messages about its own settings.

    Returns
    -------
    Grid

    Raises
    ------
    InputError
        Where a setting is impossible: which, its value and what would be right.
    """
    own = f"{file}: " if file else ""
    begin = _number(*_either("start", start, f"{own}INITIAL TIME", control.start))
    end = _number(*_either("stop", stop, f"{own}FINAL TIME", control.stop))
    dt = _positive(*_either("time step", time_step, f"{own}TIME STEP", control.dt))
    if end < begin:
        raise InputError(f"stop {end:.10g} lies before start {begin:.10g}; the run must end at or after its start")
    every = dt if saves_steps and save_every is None else _save_step(control, dt, save_every)
    span = end - begin
    if not span < float("inf"):
        raise InputError(f"from {begin:.10g} to {end:.10g} is no time that can be run")
    if dt > span > 0:
        raise InputError(f"time step {dt:.10g} is longer than the run, {span:.10g}; take a shorter one")
    if span / dt > MAX_STEPS:
        raise InputError(
            f"time step {dt:.10g} makes {span / dt:,.0f} steps from {begin:.10g} to {end:.10g}; at most {MAX_STEPS:,} "
            f"are run: take a time step of {span / MAX_STEPS:.1g} or more"
        )
    if span / every > MAX_SAVES:
        raise InputError(
            f"save step {every:.10g} makes {span / every:,.0f} saved times; at most {MAX_SAVES:,} are kept: save every "
            f"{span / MAX_SAVES:.1g} or more"
        )
    if begin + dt == begin or end - dt == end:
        raise InputError(
            f"time step {dt:.10g} is lost in the rounding of time {max(abs(begin), abs(end)):.10g}; take a longer one"
        )
    saves = save_steps(span, dt, every)
    return Grid(begin, end, dt, every, math.floor(span / dt + 1e-6), saves)


def _either(name: str, given: float | None, own: str, value: float) -> tuple[str, float]:
    """What the user gives, or the model's own setting, each with its name."""
    return (own, value) if given is None else (name, given)


def _save_step(control: Control, dt: float, save_every: float | None) -> float:
    if save_every is None:
        own = control.save_step
        return own if math.isfinite(own) and own >= dt * (1 - 1e-9) else dt
    every = _positive("save step", save_every)
    if every < dt * (1 - 1e-9):
        raise InputError(
            f"save step {every:.10g} is shorter than the time step {dt:.10g}; save every {dt:.10g} or more"
        )
    return every


def _number(name: str, value: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} is {value!r}, not a number") from None
    if not math.isfinite(number):
        raise InputError(f"{name} is {number}; it must be a finite number")
    return number


def _positive(name: str, value: float) -> float:
    number = _number(name, value)
    if number <= 0:
        raise InputError(f"{name} is {number:.10g}; it must be greater than zero")
    return number
