"""Stage ``mechanisms``: each mechanism off and on in all combinations, over the uncertain parameters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster_sd.stages.found import Found, LeftOut, columns_of
from cluster_sd.stages.kinds import mechanisms_of

if TYPE_CHECKING:
    from cluster_sd.sensitivity.experiment import Experiment
    from cluster_sd.stages.case import Case
    from cluster_sd.stages.registry import Tell

__all__ = ["sets_of", "switched"]

#: Most parameter sets, and how many base points of the Sobol sample there are to one of them.
MOST_SETS, LEAST_SETS, POINTS_A_SET = 256, 16, 8
COLUMNS = (
    "outcome", "term", "kind", "mean", "ci_low", "ci_high", "median", "spread_low", "spread_high", "positive",
)  # fmt: skip


def switched(case: Case, tell: Tell) -> Found | LeftOut:
    """The 2^k experiment on the mechanisms of the model's folder."""
    from cluster_sd.model.names import clean
    from cluster_sd.sensitivity.experiment import effects, factorial
    from cluster_sd.sensitivity.measures_of import resolve
    from cluster_sd.sensitivity.problem import problem_of
    from cluster_sd.sensitivity.running import run_sample
    from cluster_sd.simulate.running import Settings

    model = case.model
    switches = mechanisms_of(case)
    if not switches:
        return LeftOut("left_out.no_mechanisms")
    if not model.folder.outcomes:
        return LeftOut("left_out.no_outcomes")
    names = {clean(name.partition("@")[0]) for s in switches for name in (*s.off, *s.on)}
    rows = [p for p in model.folder.parameters if p.role == "uncertain" and p.has_range and clean(p.name) not in names]
    if not rows:
        return LeftOut("left_out.no_parameters")
    sets = sets_of(case)
    design = factorial(
        model, problem_of(model, rows, roles=("uncertain",), grouping="none"), switches, sets, seed=case.seed
    )
    asked = resolve(model, np.array([math.nan]), list(dict.fromkeys(o.measure for o in model.folder.outcomes)))
    asked = tuple(one for one in asked if not one.measure.is_series)
    ran = run_sample(
        model,
        design,
        asked,
        Settings(seed=case.seed, threads=case.threads),
        streams=np.arange(design.runs) // len(design.variants),
        progress=tell,
    )
    found = effects(design, ran.outputs, switches)
    titles = {one.text: one.title for one in asked}
    facts: dict[str, Any] = {
        "names": [switch.name for switch in switches],
        "sets": sets,
        "left_out": found.dropped,
        "runs": design.runs,
        "failed": int(ran.outputs.failed.sum()),
        "seed": case.seed,
    }
    return Found({"effects": columns_of(COLUMNS, _rows(found, titles))}, facts)


def sets_of(case: Case) -> int:
    """Parameter sets over which a step or a mechanism is looked at."""
    return min(max(case.samples // POINTS_A_SET, LEAST_SETS), MOST_SETS)


def _rows(found: Experiment, titles: dict[str, str]) -> list[tuple[Any, ...]]:
    return [(titles[measure], term, kind, *numbers) for measure, _time, term, kind, *numbers in found.rows()]
