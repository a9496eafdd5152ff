"""From the indices that a method computed to the result that everybody reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cluster_sd.sensitivity.failures import Usable, failures_of
from cluster_sd.sensitivity.ranking import Blocks, Replicates, levers_among
from cluster_sd.sensitivity.result import Indices
from cluster_sd.sensitivity.sampling import Outputs, Sample

__all__ = ["indices_of"]

#: Resamples on which ranks are counted where there are hundreds of names (pairs).
FEW_RESAMPLES = 200
MANY_NAMES = 100


def indices_of(
    drawn: Sample,
    outputs: Outputs,
    found: Usable,
    kinds: Mapping[str, Blocks | Replicates],
    floor: Mapping[str, NDArray[np.float64]],
    *,
    level: float,
    resamples: int,
    seed: int,
    dropped: int = 0,
    notes: Sequence[str] = (),
) -> Indices:
    """Intervals, ranks, ranks among the levers, failures and notes around what a method computed.

    Parameters
    ----------
    drawn, outputs, found
        The sample, its outputs, and what of them was usable.
    kinds : mapping of str to Blocks or Replicates
        By kind of index; by the first one the method ranks.
    floor : mapping of str to array, shape (outcome,)
        As `Indices.floor`.
    level, resamples, seed
        Confidence level; resamples that ranks are counted on, and their seed.
    dropped : int
        As `Failures.dropped`.
    notes : sequence of str
        Beyond those of the sample.
    """

    def estimated(kind: Blocks | Replicates):
        few = min(resamples, FEW_RESAMPLES) if len(kind.names) > MANY_NAMES else resamples
        return kind.estimate(level, few, seed)

    levers = levers_among(drawn.problem)
    return Indices(
        method=drawn.method,
        problem=drawn.problem,
        outcomes=outputs.outcomes,
        estimates={name: estimated(kind) for name, kind in kinds.items()},
        floor=floor,
        level=level,
        n=drawn.n,
        runs=drawn.runs,
        seed=drawn.seed,
        failures=failures_of(drawn, outputs, dropped),
        reasons=found.reasons,
        levers=estimated(next(iter(kinds.values())).among(levers)) if levers else None,
        notes=(*drawn.notes, *notes),
        settings={**drawn.settings, "resamples": resamples},
    )
