"""Stage ``levers``: which levers decide the outcomes, over all ranges and over time, and what one step of each does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster_sd.errors import InputError
from cluster_sd.stages.found import Found, LeftOut, columns_of
from cluster_sd.stages.mechanisms import sets_of

if TYPE_CHECKING:
    from cluster_sd.sensitivity.measures_of import Asked
    from cluster_sd.sensitivity.planning import Planned
    from cluster_sd.sensitivity.problem import Factor
    from cluster_sd.sensitivity.result import Estimate, Indices
    from cluster_sd.sensitivity.study import Study
    from cluster_sd.stages.case import Case
    from cluster_sd.stages.registry import Tell

__all__ = ["EVERY", "nothing_to_rank", "ranked", "refuse_too_many"]

#: The courses of outcomes are looked at every so many units of time.
EVERY = 5
#: Points of a Sobol sequence.
MOST_SAMPLES = 2**24
#: Leading levers that are told of.
TOLD = 3
#: Part of the work that the runs are; the rest is their analysis.
RUNNING = 0.75
INDICES = (
    "measure", "outcome", "time", "parameter", "role", "index", "value", "ci_low", "ci_high", "rank", "rank_low",
    "rank_high",
)  # fmt: skip
LEADING = ("outcome", "place", "lever", "value", "ci_low", "ci_high", "probability", "counts")
SHARES = ("outcome", "levers", "uncertain", "levers_total", "uncertain_total")
STEPS = (
    "measure", "outcome", "lever", "step", "from", "to", "since", "mean", "ci_low", "ci_high", "median", "spread_low",
    "spread_high", "improves", "best", "cost", "cost_verdict", "per_yuan", "per_yuan_low", "per_yuan_high",
)  # fmt: skip
RANGES = ("parameter", "role", "group", "distribution", "low", "high", "unit", "value", "from", "step", "index")
GROWING = ("outcome", "samples", "runs", "settled", "width", "probability", "reason")
OUTCOMES = ("outcome", "reason", "floor", "settled", "width", "probability", "today", "today_low", "today_high")


def ranked(case: Case, tell: Tell) -> Found | LeftOut:
    """The Sobol study on all levers and uncertain parameters, and the levers' steps."""
    from cluster_sd.sensitivity.planning import Asking, plan
    from cluster_sd.sensitivity.study import carry_out
    from cluster_sd.simulate.running import Settings

    reason = nothing_to_rank(case)
    if reason is not None:
        return reason
    asking = Asking("sobol", case.samples, step_sets=sets_of(case))
    planned = sparse(plan(case.model, asking, Settings(seed=case.seed, threads=case.threads)))

    def progress(done: int, total: int) -> None:
        tell(int(1000 * RUNNING * done / max(total, 1)), 1000)

    study = carry_out(planned, progress=progress)
    return Found(_tables(study), _facts(study))


def nothing_to_rank(case: Case) -> LeftOut | None:
    """Why there can be no ranking; None where there can."""
    rows = case.model.folder.parameters
    if not any(row.has_range and row.role in ("lever", "uncertain") for row in rows):
        return LeftOut("left_out.no_parameters")
    return None if case.model.folder.outcomes else LeftOut("left_out.no_outcomes")


def refuse_too_many(case: Case) -> None:
    """An error where the sample that the user asked for can't be had, before any work is done.

    Raises
    ------
    InputError
        For more base points than a Sobol sequence has, or results that don't fit into memory.
    """
    from cluster_sd.sensitivity.problem import problem_of
    from cluster_sd.simulate.outputs import check_size

    if nothing_to_rank(case) is not None:
        return
    if case.samples > MOST_SAMPLES:
        raise InputError(f"--samples {case.samples:,}: are too many; the largest number is {MOST_SAMPLES:,}")
    rows = case.samples * (len(problem_of(case.model).groups) + 2)
    check_size(float(rows * len(case.model.folder.outcomes)), "samples")


def sparse(planned: Planned) -> Planned:
    """The same with courses at every fifth year alone, and their end: what a page can show."""

    def thinned(one: Asked) -> Asked:
        if not one.measure.is_series or len(one.times) < 2 * EVERY:
            return one
        chosen = np.isclose(one.times % EVERY, 0.0)
        chosen[-1] = True
        return replace(one, times=one.times[chosen])

    return replace(planned, asked=tuple(map(thinned, planned.asked)))


def _tables(study: Study) -> dict[str, dict[str, list[Any]]]:
    numbers = [one for one in study.asked if not one.measure.is_series]
    roles = _roles(study.indices)
    steps = [] if study.steps is None else list(study.steps.rows())
    titles = {one.text: one.title for one in study.asked}
    return {
        "indices": columns_of(INDICES, _indices(study, roles)),
        "leading": columns_of(LEADING, (row for one in numbers for row in _leading(study, one, roles))),
        "shares": columns_of(SHARES, (_share(study, one, roles) for one in numbers)),
        "steps": columns_of(STEPS, (_step(row, titles) for row in steps)),
        "ranges": columns_of(RANGES, _ranges(study.indices)),
        "growing": columns_of(GROWING, _growing(study)),
        "outcomes": columns_of(OUTCOMES, (_outcome(study, one) for one in numbers)),
    }


def _facts(study: Study) -> dict[str, Any]:
    indices = study.indices
    floor = {str(o): float(x) for o, x in zip(indices.outcomes, indices.floor.get("ST", ()), strict=False)}
    return {
        "method": indices.method,
        "ranked": indices.ranked,
        "level": indices.level,
        "samples": indices.n,
        "runs": study.runs,
        "failed": study.failed,
        "dropped": indices.failures.dropped,
        "seed": indices.seed,
        "notes": list(study.notes),
        "floor": floor,
        "parameters": len(indices.problem.factors),
        "levers": sum(f.role == "lever" for f in indices.problem.factors),
        "sets": 0 if study.steps is None else study.steps.effect.sets,
        "share": 0.0 if study.steps is None else study.steps.effect.share,
        "spending": study.steps is not None and study.steps.cost is not None,
    }


# --- indices ----------------------------------------------------------------------------------------------------------


def _roles(indices: Indices) -> dict[str, str]:
    """Role of each name: lever, uncertain, or a group of several."""
    factors = indices.problem.factors
    return {g.name: factors[g.members[0]].role if g.is_single else "group" for g in indices.problem.groups}


def _title(one: Asked, study: Study) -> str:
    """The outcome that a measure is, or whose variable's course it is."""
    if not one.measure.is_series:
        return one.title
    return next((a.title for a in study.asked if not a.measure.is_series and a.variable == one.variable), one.title)


def _indices(study: Study, roles: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    titles = {one.text: _title(one, study) for one in study.asked}
    for _method, measure, time, name, kind, *numbers in study.indices.rows():
        if name in roles:  # not the dummy
            yield measure, titles[measure], math.nan if time is None else time, name, roles[name], kind, *numbers


def _leading(study: Study, one: Asked, roles: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """The first three levers of an outcome, and the probability that these are they."""
    indices, outcome = study.indices, study.indices.outcome(one.text)
    main, floor = indices.main, float(indices.floor[indices.ranked][outcome])
    places = [i for i, name in enumerate(main.names) if roles.get(name) == "lever"]
    places = [i for i in places if math.isfinite(main.value[i, outcome])]
    places = sorted(places, key=lambda i: -main.value[i, outcome])[:TOLD]
    ranking = _among_levers(indices)
    known = ranking is not None and 0 < len(places) <= len(ranking.top)
    sure = float(ranking.top[len(places) - 1, outcome]) if ranking is not None and known else math.nan
    for place, i in enumerate(places, 1):
        value, low, high = (float(a[i, outcome]) for a in (main.value, main.low, main.high))
        yield one.title, place, main.names[i], value, low, high, sure, value > floor and low > 0


def _among_levers(indices: Indices) -> Estimate | None:
    """The ranking among levers alone; the whole one where nothing else varies."""
    if indices.levers is not None:
        return indices.levers
    return indices.main if all(f.role == "lever" for f in indices.problem.factors) else None


def _share(study: Study, one: Asked, roles: dict[str, str]) -> tuple[Any, ...]:
    """Sums of first-order indices, and of total ones, of the levers and of all else; not below nought."""
    outcome = study.indices.outcome(one.text)
    sums = []
    for kind in ("S1", "ST"):
        e = study.indices.estimates[kind]
        for levers in (True, False):
            chosen = [i for i, name in enumerate(e.names) if name in roles and (roles[name] == "lever") == levers]
            sums.append(float(np.maximum(e.value[chosen, outcome].sum(), 0.0)))
    return one.title, *sums


def _ranges(indices: Indices) -> Iterator[tuple[Any, ...]]:
    names = {i: group.name for group in indices.problem.groups for i in group.members}
    for i, factor in enumerate(indices.problem.factors):
        found = factor.distribution
        yield (
            factor.name, factor.role, factor.group, found.kind, found.low, found.high, factor.unit,
            math.nan if factor.value is None else factor.value, _since(factor),
            math.nan if factor.step is None else factor.step, names[i],
        )  # fmt: skip


def _since(factor: Factor) -> float:
    _, at, year = factor.column.rpartition("@")
    return float(year) if at else math.nan


# --- how sure ---------------------------------------------------------------------------------------------------------


def _growing(study: Study) -> Iterator[tuple[Any, ...]]:
    """Verdicts on growing samples, for the first outcomes."""
    grown = study.convergence
    if grown is None:
        return
    titles = {one.text: one.title for one in study.asked}
    for j, column in enumerate(grown.columns):
        for size, runs, verdicts in zip(grown.sizes, grown.runs, grown.verdicts, strict=True):
            v = verdicts[j]
            title = titles[study.indices.outcomes[column].measure]
            yield title, size, runs, v.settled, v.width, v.top, study.indices.reasons[column]


def _outcome(study: Study, one: Asked) -> tuple[Any, ...]:
    """Whether an outcome's indices are settled at the whole sample, and the outcome as things are today."""
    from cluster_sd.sensitivity.convergence import judge

    indices = study.indices
    i = indices.outcome(one.text)
    verdict = judge(indices.main, indices.ranked, i, indices.reasons[i])
    today = (math.nan, math.nan, math.nan)
    if study.steps is not None:
        column = next((k for k, o in enumerate(study.steps.outcomes) if o.measure == one.text), None)
        if column is not None:
            found = study.steps.today
            today = tuple(float(a[column]) for a in (found.median, found.low, found.high))
    floor = float(indices.floor[indices.ranked][i])
    return one.title, indices.reasons[i], floor, verdict.settled, verdict.width, verdict.top, *today


def _step(row: tuple[Any, ...], titles: dict[str, str]) -> tuple[Any, ...]:
    """A row of ``steps.csv`` with the outcome's name, numbers where there is none as NaN."""
    measure, _time, lever, step, before, after, since, *rest = row
    return (
        measure,
        titles.get(measure, measure),
        lever,
        step,
        before,
        after,
        math.nan if since is None else since,
        *rest,
    )
