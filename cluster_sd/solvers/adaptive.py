"""Adaptive and stiff solvers: SciPy's, run in pieces between the times at which a right-hand side may jump.

A solver that controls its step by an error estimate knows nothing of a model's STEP, PULSE or change of policy: it
steps over a short one and wastes steps on the edge of a long one. So each piece between two breakpoints is a problem
of its own. To add a method, add a row to :data:`ADAPTIVE`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Relative tolerance of every adaptive run.
RTOL = 1e-8
#: Absolute tolerance of a stock, as a share of the largest absolute value that it has had, times `RTOL`.
ATOL_SHARE = 1e-2
#: A piece starts afresh when a stock has outgrown the size that its absolute tolerance was made for by this factor.
_OUTGROWN = 1e3
#: Steps of one piece after which a run is given up, and steps in which time must move on at all.
MAX_STEPS, STALL_STEPS = 1_000_000, 200

#: ``rhs(left, t, y)``: rate of change of the states `y`, shape (state,) or (state, column), at time `t` of the piece
#: that begins at `left`.
Rhs = Callable[[float, float, NDArray[np.float64]], NDArray[np.float64]]


class Method(NamedTuple):
    """A row of :data:`ADAPTIVE`: SciPy's class, whether it wants many columns at once, and where it is described."""

    scipy: str
    columns: bool
    source: str


#: Adaptive methods by their name on the command line.
ADAPTIVE: Mapping[str, Method] = {
    "rk45": Method("RK45", False, "Dormand & Prince 1980, J. Comput. Appl. Math. 6"),
    "dop853": Method("DOP853", False, "Hairer, Norsett & Wanner 1993, Solving ODEs I, II.10"),
    "lsoda": Method("LSODA", False, "Petzold 1983, SIAM J. Sci. Stat. Comput. 4"),
    "bdf": Method("BDF", True, "Shampine & Reichelt 1997, SIAM J. Sci. Comput. 18"),
    "radau": Method("Radau", True, "Hairer & Wanner 1996, Solving ODEs II, IV.8"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """An initial-value problem whose right-hand side is smooth between `breaks`.

    Attributes
    ----------
    rhs : callable
        See :data:`Rhs`.
    initial : array, shape (state,)
        States at `start`.
    start, stop : float
        Beginning and end of the run.
    times : array, shape (save,)
        Increasing times from `start` to `stop` at which the states are wanted.
    breaks : sequence of float
        Times at which the right-hand side may jump, in any order; those outside the run are ignored.
    max_step : float
        Longest step.
    """

    rhs: Rhs
    initial: NDArray[np.float64]
    start: float
    stop: float
    times: NDArray[np.float64]
    breaks: Sequence[float]
    max_step: float


@dataclass(frozen=True, slots=True)
class Solution:
    """States at the wanted times.

    Attributes
    ----------
    states : array, shape (save, state)
        NaN from the time on at which the method gave up.
    lefts : array, shape (save,)
        Beginning of the piece that each wanted time belongs to.
    gave_up : float or None
        Time at which no further step was possible.
    last : array, shape (state,)
        States at the end, or where the method gave up.
    message : str
        The method's own words where it gave up.
    """

    states: NDArray[np.float64]
    lefts: NDArray[np.float64]
    gave_up: float | None
    last: NDArray[np.float64]
    message: str = ""


class _GaveUpError(Exception):
    """A method that can't make another step: time, states, words."""

    def __init__(self, time: float, states: NDArray[np.float64], message: str) -> None:
        super().__init__(message)
        self.time, self.states, self.message = time, states, message


def nearness(start: float, stop: float) -> float:
    """Times of a run that are closer than this are one time (year + n * step is not always what is written)."""
    return 1e-9 * max(stop - start, abs(start) * 1e-3, 1e-300)


def pieces(start: float, stop: float, breaks: Sequence[float]) -> list[tuple[float, float]]:
    """Intervals between breakpoints; breakpoints closer together than rounding are one.

    Where the run ends on a breakpoint, the last piece has no length: what happens at the end is seen in its results.
    """
    near = nearness(start, stop)
    edges = [start]
    for edge in sorted(b for b in breaks if start + near < b <= stop + near):
        if edge - edges[-1] > near:
            edges.append(min(edge, stop))
    return list(zip(edges, [*edges[1:], stop], strict=True))


def solve(problem: Problem, method: str, rtol: float = RTOL) -> Solution:
    """Integrate `problem` by the adaptive `method`.

    Parameters
    ----------
    problem : Problem
    method : str
        A key of :data:`ADAPTIVE`.
    rtol : float
        Relative tolerance of the local error.

    Returns
    -------
    Solution
    """
    states = np.full((len(problem.times), len(problem.initial)), np.nan)
    lefts = np.full(len(problem.times), problem.start)
    y = np.array(problem.initial, dtype=float)
    spans = pieces(problem.start, problem.stop, problem.breaks)
    near = nearness(problem.start, problem.stop)
    owner = np.searchsorted([a for a, _ in spans], problem.times + near, side="right") - 1
    gave_up, message = None, ""
    for number, (left, right) in enumerate(spans):
        rows = np.flatnonzero(owner == number)
        lefts[rows] = left
        if gave_up is not None:
            continue
        try:
            y = _piece(problem, method, rtol, (left, right), y, states, rows)
        except _GaveUpError as end:
            gave_up, y, message = end.time, end.states, end.message
    return Solution(states, lefts, gave_up, y, message)


def _piece(
    problem: Problem,
    method: str,
    rtol: float,
    span: tuple[float, float],
    y: NDArray[np.float64],
    states: NDArray[np.float64],
    rows: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Integrate over one piece, fill `rows` of `states`, and give the states at its end."""
    left, right = span
    if right <= left or not len(y):
        states[rows] = y
        return y
    times = np.maximum(problem.times[rows], left)
    states[rows[times == left]] = y
    end = y
    for t_old, t, dense, reached in _steps(problem, method, rtol, span, y):
        end = reached
        inside = (times > t_old) & (times <= t)
        if inside.any():
            states[rows[inside]] = dense(times[inside]).T
    states[rows[times >= right]] = end
    return end


def _steps(
    problem: Problem, method: str, rtol: float, span: tuple[float, float], y: NDArray[np.float64]
) -> Iterator[tuple[float, float, Callable[[Any], Any], NDArray[np.float64]]]:
    """Steps of a method over a piece: both ends, the interpolant between them, and the states at the end."""
    left, right = span
    flow = problem.rhs(left, left, y)
    if not np.isfinite(flow).all():
        raise _GaveUpError(left, y, "a flow is not finite")  # some of SciPy's solvers would never come back
    scale = _scale(np.abs(y), np.abs(flow) * min(problem.max_step, right - left))
    solver = _solver(problem, method, rtol, span, left, y, scale)
    behind = left
    for number in range(1, MAX_STEPS + 1):
        said = _step(solver)
        if solver.status == "failed":
            raise _GaveUpError(float(solver.t), np.array(solver.y), said)
        size = np.abs(solver.y)
        if not np.isfinite(size).all():
            raise _GaveUpError(float(solver.t), np.array(solver.y), "a stock is not finite")
        yield float(solver.t_old), float(solver.t), solver.dense_output(), np.array(solver.y)
        if solver.status == "finished":
            return
        if number % STALL_STEPS == 0:
            if solver.t - behind < 1e-9 * (right - left):
                break
            behind = float(solver.t)
        if (size > _OUTGROWN * scale).any():
            scale = np.maximum(scale, size)
            solver = _solver(problem, method, rtol, span, float(solver.t), np.array(solver.y), scale)
    raise _GaveUpError(float(solver.t), np.array(solver.y), f"{number:,} steps led no further")


def _scale(size: NDArray[np.float64], change: NDArray[np.float64]) -> NDArray[np.float64]:
    """Size of each state: what it is, or what its flow brings in a step, or at least something."""
    scale = np.maximum(size, change)
    return np.where(scale > 0, scale, 1e-3)


def _step(solver: Any) -> str:
    """One step; what the method says where it fails."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # LSODA's own, beside the status that it returns
        try:
            said = solver.step()
        except ValueError as error:  # a Jacobian that is not finite
            solver.status, said = "failed", str(error)
    return said or "no step is small enough"


def _solver(
    problem: Problem,
    method: str,
    rtol: float,
    span: tuple[float, float],
    t: float,
    y: NDArray[np.float64],
    scale: NDArray[np.float64],
) -> Any:
    """SciPy's stepper from `t` to the end of the piece."""
    import scipy.integrate

    row = ADAPTIVE[method]
    left, right = span
    before = float(np.nextafter(right, left))

    def rhs(t: float, y: NDArray[np.float64]) -> NDArray[np.float64]:
        return problem.rhs(left, min(t, before), y)  # what happens at the right end belongs to the next piece

    options: dict[str, Any] = {"vectorized": True} if row.columns else {}
    make = getattr(scipy.integrate, row.scipy)
    step = min(problem.max_step, right - left)
    return make(rhs, t, y, right, rtol=rtol, atol=rtol * ATOL_SHARE * scale, max_step=step, **options)
