"""Integration error: what half the step and a better solver change in the outcomes.

A change is relative to the outcome's size, at least to `FLOOR` of its largest value over the worlds: an outcome that
is next to nought in one world has no relative change there. Half the step removes half the error of a scheme of first
order, so against a better solver twice as much is allowed. Worlds whose outcomes hang on random numbers are left out:
another step draws other numbers. Where equations read TIME STEP, as yearly events do, the model is written for Euler's
scheme; stages within a step see such events in part, so that another solver's change is a finding, and half the step is
the test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster_sd.model.names import clean
from cluster_sd.validation.expressions import equations, is_reference, parts
from cluster_sd.validation.result import FAIL, FINDING, PASS, SKIPPED, Row

if TYPE_CHECKING:
    from cluster_sd.validation.case import Case, World, WorldRun

__all__ = ["SOLVERS", "STEP", "check_solvers", "check_step"]

STEP, SOLVERS = "step halving", "solvers"
#: Largest relative change of an outcome.
LIMIT = 0.01
#: The same against a solver of higher order.
SOLVER_LIMIT = 0.02
#: Least size, over the largest in any world, that a change is measured against.
FLOOR = 0.01


def check_step(case: Case) -> Iterator[Row]:
    """Half the time step, in the base run and every scenario."""
    step = case.model.control.dt / 2
    worlds = _steady(case, case.scenarios)
    other = case.outcomes_with(worlds, time_step=step)
    asked = _Asked(STEP, f"time step {step:g}", LIMIT, FAIL)
    yield from _compared(case, asked, worlds[:1], other)
    if worlds[1:]:
        yield from _compared(case, asked, worlds[1:], other)


def check_solvers(case: Case) -> Iterator[Row]:
    """Other solvers at the same step, in the base run."""
    method = case.model.control.method
    others = {"euler": ("heun", "rk4"), "heun": ("rk4",)}.get(method, ("euler", "heun"))
    timed = _timed(case)
    for solver in others:
        worlds = _steady(case, case.scenarios[:1])
        other = case.outcomes_with(worlds, solver=solver)
        asked = _Asked(SOLVERS, f"{solver} for {method}", SOLVER_LIMIT, FINDING if timed else FAIL)
        yield from _compared(case, asked, worlds, other)
    if timed:
        told = f"equations that read TIME STEP and so are written for {method}: {', '.join(timed[:4])}"
        yield Row(SOLVERS, "events", FINDING, len(timed), detail=told + (" …" if len(timed) > 4 else ""))


def _steady(case: Case, worlds: Sequence[World]) -> tuple[World, ...]:
    """Worlds whose outcomes don't hang on random numbers."""
    if not case.model.program.streams:
        return tuple(worlds)
    again = case.outcomes_with(worlds, seed=1)
    return tuple(w for w in worlds if _same(again[w.name], case.explored[w.name], case.outcomes))


def _same(run: WorldRun, other: WorldRun, measures: Sequence[str]) -> bool:
    return not run.failure and all(run.measures[m] == other.measures[m] for m in measures)


def _timed(case: Case) -> list[str]:
    """Variables whose equation reads TIME STEP."""
    found = [k for k, ast in equations(case.source) for n in parts(ast)
             if is_reference(n) and clean(n.reference) == "time_step" and k != "saveper"]  # fmt: skip
    return [case.names.get(key, key) for key in dict.fromkeys(found)]


@dataclass(frozen=True)
class _Asked:
    """What is compared: test, what was changed, the limit, and what it means to be beyond it."""

    test: str
    change: str
    limit: float
    beyond: str


@dataclass(frozen=True)
class _Change:
    """How far an outcome moved, in the world in which it moved most."""

    relative: float
    measure: str
    world: str
    before: float
    after: float


def _compared(case: Case, asked: _Asked, worlds: Sequence[World], others: Mapping[str, WorldRun]) -> Iterator[Row]:
    """A row for each outcome that changes too much, at its worst, then one with the largest change of all."""
    ended = [w.name for w in worlds if not case.explored[w.name].failure]
    broken = [name for name in ended if others[name].failure]
    for name in broken:
        detail = f"ends as the model is, and with {asked.change} it doesn't: {others[name].failure}"
        yield Row(asked.test, name, asked.beyond, detail=detail)
    pairs = [(case.explored[name], others[name]) for name in ended if name not in broken]
    changes = [_largest(measure, pairs) for measure in case.outcomes] if pairs else []
    if not changes:
        detail = "no run ended, or all hang on random numbers" if case.outcomes else "the model has no outcome"
        yield Row(asked.test, asked.change, SKIPPED, detail=detail)
        return
    for change in changes:
        if change.relative > asked.limit and asked.beyond == FAIL:
            told = f"{change.before:.6g} becomes {change.after:.6g}, {asked.change}, in {change.world}"
            yield Row(asked.test, change.measure, asked.beyond, change.relative, asked.limit, told)
    worst = max(changes, key=lambda change: change.relative)
    where = worst.world if len(pairs) == 1 else f"{len(pairs)} scenarios"
    told = f"largest change of {len(changes)} outcomes, {asked.change}: {worst.measure}, {worst.world}"
    result = asked.beyond if worst.relative > asked.limit or broken else PASS
    yield Row(asked.test, where, result, worst.relative, asked.limit, told)


def _largest(measure: str, pairs: Sequence[tuple[WorldRun, WorldRun]]) -> _Change:
    """Where an outcome moved most."""
    size = max(abs(run.measures[measure]) for run, _ in pairs)
    found = []
    for run, other in pairs:
        before, after = run.measures[measure], other.measures[measure]
        scale = max(abs(after), FLOOR * size)
        found.append(_Change(abs(after - before) / scale if scale > 0 else 0.0, measure, run.name, before, after))
    return max(found, key=lambda change: change.relative)
