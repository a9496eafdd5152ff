"""A sensitivity analysis as tables and plain values: what stands in ``indices.csv`` and ``summary.json``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster_sd.report.sensitivity.words import headline, lever_names
from cluster_sd.sensitivity.result import COLUMNS

if TYPE_CHECKING:
    from cluster_sd.sensitivity.result import Estimate, Indices
    from cluster_sd.sensitivity.study import Study

__all__ = ["indices_table", "summary"]


#: Parameters of which is told where runs fail.
MOST_WHERE = 20


def indices_table(indices: Indices) -> tuple[list[str], Iterator[list[np.ndarray]]]:
    """Columns of ``indices.csv``, and its rows: a block an outcome and kind of index."""
    return list(COLUMNS), (
        _block(indices, i, kind, found)
        for i in range(len(indices.outcomes))
        for kind, found in indices.estimates.items()
    )


def _block(indices: Indices, i: int, kind: str, found: Estimate) -> list[np.ndarray]:
    outcome, count = indices.outcomes[i], len(found.names)
    time = "" if outcome.time is None else repr(outcome.time)
    texts = [indices.method, outcome.measure, time]
    numbers = (found.value, found.low, found.high)
    places = (found.rank, found.rank_low, found.rank_high)
    return [
        *(np.array([text] * count, dtype=object) for text in texts),
        np.array(found.names, dtype=object),
        np.array([kind] * count, dtype=object),
        *(array[:, i] for array in numbers),
        *(np.array([_place(x) for x in array[:, i].tolist()], dtype=object) for array in places),
    ]


def _place(rank: float) -> str:
    return "nan" if math.isnan(rank) else f"{rank:.0f}"


def summary(study: Study) -> dict[str, Any]:
    """What ``summary.json`` says."""
    indices = study.indices
    failures = indices.failures
    return {
        "model": study.model,
        "scenario": study.scenario or None,
        "method": indices.method,
        "samples": indices.n,
        "parameters": len(indices.problem.factors),
        "names": list(indices.problem.names),
        "levers": lever_names(indices),
        "runs": study.runs,
        "failed": study.failed,
        "failures": {
            "share": failures.share,
            "left_out": failures.dropped,
            "variables": dict(failures.variables),
            "where": [_plain(vars(row)) for row in failures.where[:MOST_WHERE]],
        },
        "ranked_by": indices.ranked,
        "level": indices.level,
        "outcomes": [_outcome(study, one) for one in study.asked if not one.measure.is_series],
        "without_indices": {str(o): r for o, r in zip(indices.outcomes, indices.reasons, strict=True) if r},
        "convergence": _convergence(study),
        "notes": list(study.notes),
    }


def _outcome(study: Study, asked: Any) -> dict[str, Any]:
    found = headline(study, asked)
    main = study.indices.main
    return {
        "name": asked.title,
        "measure": asked.text,
        "reason": found.reason or None,
        "levers": [_plain(vars(place)) for place in found.first] if found.are_levers else None,
        "probability_of_these_levers": _number(found.probability) if found.are_levers else None,
        "first": [main.names[i] for i in np.argsort(main.rank[:, found.outcome], kind="stable")[: len(main.top)]]
        if not found.reason
        else [],
        "probability_of_the_first_k": [_number(float(p)) for p in main.top[:, found.outcome]],
        "noise_floor": {kind: _number(float(floor[found.outcome])) for kind, floor in study.indices.floor.items()},
    }


def _convergence(study: Study) -> dict[str, Any] | None:
    """What growing samples show, as plain values; None where it wasn't looked at."""
    grown = study.convergence
    if grown is None:
        return None
    outcomes = {}
    for j, column in enumerate(grown.columns):
        verdict = grown.verdicts[-1][j]
        outcomes[str(study.indices.outcomes[column])] = {
            "settled": verdict.settled,
            "reason": verdict.reason,
            "longest_interval": [_number(v[j].width) for v in grown.verdicts],
            "probability_of_the_top": [_number(v[j].top) for v in grown.verdicts],
        }
    return {"index": grown.kind, "samples": list(grown.sizes), "runs": list(grown.runs), "outcomes": outcomes}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: _number(value) if isinstance(value, float) else value for key, value in values.items()}


def _number(value: float) -> float | None:
    """JSON knows no NaN."""
    return value if math.isfinite(value) else None
