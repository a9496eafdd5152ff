"""What methods share that need no layout (PAWN, delta, RBD-FAST): any sample does, beside a coordinate for the dummy.

These methods have an index of a parameter and none of a group, so groups are taken apart. The points are those of Sobol
sequences and no Latin hypercube, which can't be extended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cluster_sd.sensitivity.assemble import indices_of
from cluster_sd.sensitivity.bootstrap import check_level, interval
from cluster_sd.sensitivity.columns import in_threads
from cluster_sd.sensitivity.failures import usable
from cluster_sd.sensitivity.problem import Problem
from cluster_sd.sensitivity.ranking import Blocks
from cluster_sd.sensitivity.result import Indices
from cluster_sd.sensitivity.sampling import REPLICATES, Matrix, Outputs, Sample, base_points, power_of_two

__all__ = ["analyze_given", "sample_given", "with_dummy"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Parts = TypeVar("Parts")


def sample_given(method: str, problem: Problem, n: int, seed: int, least: int) -> Sample:
    """Points of `base_points`; `n` rounded up to a power of two, `least` at least."""
    size, notes = power_of_two(max(n, least) if n > 0 else n)
    replicates = min(REPLICATES, size // 2)
    alone = problem.ungrouped()
    rows = Matrix(base_points(len(alone.factors) + 1, size, replicates, seed)[:, :-1])
    return Sample(alone, method, size, seed, rows, {"replicates": replicates}, (*alone.notes, *notes))


def with_dummy(drawn: Sample) -> Floats:
    """Coordinates of a sample of `sample_given`, and one more that the model never sees; shape (runs, factor + 1)."""
    replicates = int(drawn.settings["replicates"])
    dummy = base_points(len(drawn.problem.factors) + 1, drawn.n, replicates, drawn.seed)[:, -1]
    return np.column_stack([drawn.unit(), dummy])


def analyze_given(
    drawn: Sample,
    outputs: Outputs,
    kinds: Sequence[str],
    cut: Callable[[Floats], Parts],
    prepared: Callable[[Floats, Ints, int], Callable[[Parts], tuple[Floats, Floats]]],
    *,
    level: float,
    resamples: int,
    seed: int,
) -> Indices:
    """Indices that come from cutting the runs along one parameter at a time.

    Parameters
    ----------
    drawn, outputs
        The sample and its outputs.
    kinds : sequence of str
        Kinds of index; by the first one the method ranks.
    cut : callable
        ``cut(x)`` puts runs into parts by their coordinate of a parameter.
    prepared : callable
        ``prepared(y, block, blocks)`` takes an outcome and the independent block of each run, and gives a function from
        parts to the indices, shape (kind,), and the blocks' influences on them, (kind, block).
    level, resamples, seed
        As of a method's ``analyze``.
    """
    check_level(level)
    found = usable(drawn, outputs)
    unit = with_dummy(drawn)
    blocks = int(drawn.settings["replicates"])
    value = np.full((len(kinds), unit.shape[1], len(outputs.outcomes)), np.nan)
    influence = np.full((len(kinds), blocks, *value.shape[1:]), np.nan)
    for columns, there in found.parts:
        block = (np.arange(len(unit)) % blocks)[there]
        parts = [cut(x) for x in unit[there].T]

        def one(column: int, block: Ints = block, parts: list[Parts] = parts, there=there) -> None:
            index = prepared(outputs.values[there, column], block, blocks)
            for i, own in enumerate(parts):
                value[:, i, column], influence[:, :, i, column] = index(own)

        in_threads(one, list(columns))
    names = drawn.problem.names
    made = {kind: Blocks(names, value[k, :-1], influence[k][:, :-1]) for k, kind in enumerate(kinds)}
    floor = {kind: interval(value[k, -1], influence[k][:, -1], level)[1] for k, kind in enumerate(kinds)}
    lost = int(np.count_nonzero(outputs.failed))
    return indices_of(drawn, outputs, found, made, floor, level=level, resamples=resamples, seed=seed, dropped=lost)
