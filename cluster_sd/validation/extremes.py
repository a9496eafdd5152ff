"""Extreme conditions and conservation: what the model's folder declares in ``checks.toml``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cluster_sd.model.names import clean, split_element
from cluster_sd.validation.case import CHECKS_FILE
from cluster_sd.validation.result import FAIL, PASS, SKIPPED, Row

if TYPE_CHECKING:
    from cluster_sd.validation.case import Case, WorldRun

__all__ = ["CONSERVATION", "EXTREMES", "RUNS", "check_conservation", "check_extremes", "check_runs"]

RUNS, EXTREMES, CONSERVATION = "runs", "extreme conditions", "conservation"


def check_runs(case: Case) -> Iterator[Row]:
    """Whether the base run, every scenario and every extreme condition stays finite to its end."""
    runs = case.explored
    failed = [run for run in runs.values() if run.failure]
    for run in failed:
        yield Row(RUNS, run.name, FAIL, detail=run.failure)
    detail = f"of {len(runs)} runs fail: the base run, {len(case.scenarios) - 1} scenarios, {len(case.extremes)} checks"
    yield Row(RUNS, "all worlds", FAIL if failed else PASS, len(failed), 0, detail)


def check_extremes(case: Case) -> Iterator[Row]:
    """A row for each extreme condition (direct extreme-condition tests of Forrester and Senge 1980)."""
    if not case.declared.checks:
        yield Row(EXTREMES, "model", SKIPPED, detail=f"no [[check]] in a {CHECKS_FILE} beside the model")
    for check, world in zip(case.declared.checks, case.extremes, strict=True):
        run = case.explored[world.name]
        value = run.measures[check.measure]
        if run.failure:
            yield Row(EXTREMES, check.id, FAIL, limit=check.value, detail=run.failure)
            continue
        told = f"{check.measure} {check.relation} {check.value:g}: {check.description or check.id}"
        yield Row(EXTREMES, check.id, PASS if check.holds(value) else FAIL, value, check.value, told)


def check_conservation(case: Case) -> Iterator[Row]:
    """A row for each balance: its largest error over the base run, scenarios and extreme conditions."""
    if not case.declared.invariants:
        yield Row(CONSERVATION, "model", SKIPPED, detail=f"no [[invariant]] in a {CHECKS_FILE} beside the model")
    runs = [run for run in case.explored.values() if not run.failure]
    for invariant in case.declared.invariants:
        errors = [(_largest(run, invariant.variable), run.name) for run in runs]
        if not errors:
            yield Row(CONSERVATION, invariant.id, FAIL, limit=invariant.tolerance, detail="every run failed")
            continue
        worst, where = max(errors)
        result = PASS if worst <= invariant.tolerance else FAIL
        told = f"largest |{invariant.variable}|, in {where}: {invariant.description or invariant.id}"
        yield Row(CONSERVATION, invariant.id, result, worst, invariant.tolerance, told)


def _largest(run: WorldRun, variable: str) -> float:
    """Largest absolute value of a variable, of all its elements."""
    key = clean(variable)
    found = [n for n in run.low if clean(n) == key or clean(split_element(n)[0]) == key]
    return max(max(abs(run.low[n]), abs(run.high[n])) for n in found)
