"""Runs that failed: how many, where in parameter space, and which outcomes can be analysed without them.

A run that failed has no outputs, and an index of what is left describes the runs that work. Every method leaves out as
little as it can (Sobol: a base point of one parameter's index; Morris: one elementary effect; the others: the run) and
tells how much that was; beyond `MOST_FAILED` of all runs it refuses, because the indices would describe another model.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.sensitivity.sampling import Outputs, Sample, check_outputs

__all__ = [
    "MOST_FAILED",
    "FailureRow",
    "Failures",
    "Usable",
    "failures_of",
    "parts_lost",
    "too_few",
    "usable",
]

Floats = NDArray[np.float64]

#: Share of failed runs beyond which an analysis refuses.
MOST_FAILED = 0.2
#: Largest spread of an outcome, relative to its size, that is taken for rounding.
ROUNDING = 1e-12
#: Parts of equal probability of a factor's range, over which failures are counted.
PARTS = 3
#: Values that are looked through at a time.
BLOCK = 500_000


@dataclass(frozen=True)
class FailureRow:
    """How failures depend on one factor.

    Attributes
    ----------
    parameter : str
    low, high : float
        The third of the factor's range (by probability) with the largest share of failures.
    share : float
        Share of the runs in it that failed.
    share_elsewhere : float
        Share of the other runs.
    p_value : float
        Chance that failures spread over the thirds as unevenly as this if the factor had nothing to do with them
        (chi-square over thirds, times the number of factors: Bonferroni). Runs of one base point share most of their
        values and fail together, so chi-square is divided by the number of failed runs in a base point that has any
        (Rao and Scott 1981); it is a guide to where to look and no more.
    """

    parameter: str
    low: float
    high: float
    share: float
    share_elsewhere: float
    p_value: float


@dataclass(frozen=True)
class Failures:
    """Runs that failed.

    Attributes
    ----------
    failed, runs : int
    dropped : int
        Units of the design (base points, trajectories, runs) of which something was left out because a run of theirs
        failed.
    where : tuple of FailureRow
        A row a factor, smallest p first; empty where nothing failed.
    variables : tuple of (str, int)
        Variables that were the first not to be finite, with the number of runs, most frequent first.
    """

    failed: int
    runs: int
    dropped: int = 0
    where: tuple[FailureRow, ...] = ()
    variables: tuple[tuple[str, int], ...] = ()

    @property
    def share(self) -> float:
        """Share of the runs that failed."""
        return self.failed / self.runs if self.runs else 0.0


@dataclass(frozen=True, eq=False)
class Usable:
    """What of the outputs can be analysed.

    Attributes
    ----------
    parts : tuple of (array of int, array of bool)
        Outcomes that have a value in the same runs, and those runs.
    reasons : tuple of str
        For each outcome, why it can't be analysed, or empty.
    """

    parts: tuple[tuple[NDArray[np.intp], NDArray[np.bool_]], ...]
    reasons: tuple[str, ...]

    def tasks(self, width: int) -> list[tuple[NDArray[np.intp], NDArray[np.bool_]]]:
        """The parts with at most `width` outcomes each."""
        return [(columns[i : i + width], there) for columns, there in self.parts for i in range(0, len(columns), width)]


def usable(sample: Sample, outputs: Outputs) -> Usable:
    """Check outputs, and sort the outcomes by the runs in which they have a value.

    Raises
    ------
    InputError
        Where outputs are not those of the sample, or too many runs failed.
    """
    check_outputs(sample, outputs)
    failed = int(np.count_nonzero(outputs.failed))
    if failed > MOST_FAILED * outputs.runs:
        raise InputError(
            f"{failed:,} of {outputs.runs:,} runs failed ({failed / outputs.runs:.0%}); beyond {MOST_FAILED:.0%} the "
            f"indices would describe another model. {_hint(sample, outputs)}"
        )
    low, high = _extremes(outputs)
    reasons, patterns = [], {}
    for i in range(len(outputs.outcomes)):
        there = ~outputs.failed
        if not np.isfinite(low[i]) or not np.isfinite(high[i]):
            there = there & np.isfinite(outputs.values[:, i])
            found = outputs.values[there, i]
            low[i], high[i] = (found.min(), found.max()) if found.size else (np.nan, np.nan)
        reasons.append(_reason(float(low[i]), float(high[i]), int(np.count_nonzero(there)), failed, outputs.runs))
        if not reasons[-1]:
            patterns.setdefault(there.tobytes(), []).append(i)
    parts = tuple((np.array(columns), np.frombuffer(key, dtype=bool)) for key, columns in patterns.items())
    return Usable(parts, tuple(reasons))


def _extremes(outputs: Outputs) -> tuple[Floats, Floats]:
    """Least and largest value of each outcome over the runs that did not fail; NaN or infinite where one is."""
    count = len(outputs.outcomes)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    size = max(1, BLOCK // max(1, count))
    for start in range(0, outputs.runs, size):
        block, lost = outputs.values[start : start + size], outputs.failed[start : start + size]
        block = block[~lost] if lost.any() else block
        if len(block):
            low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
    return low, high


def _reason(low: float, high: float, there: int, failed: int, runs: int) -> str:
    """Why an outcome with this least and largest value in so many runs can't be analysed."""
    missing = runs - there - failed
    if missing > MOST_FAILED * runs or not there:
        return f"no value in {missing:,} of {runs:,} runs"
    if high - low <= ROUNDING * max(abs(low), abs(high)):
        return f"constant at {low:.6g}"
    return ""


def too_few(found: Usable, value: Floats) -> Usable:
    """The same, with a reason for outcomes of which too little is left or varies: NaN in `value`, (name, outcome)."""
    reasons = list(found.reasons)
    for columns, there in found.parts:
        why = "varies in too few of the runs for an index; take a larger sample"
        if not there.all():
            why = "failed runs left too little of the sample for an index; narrow the ranges, or take a larger sample"
        for i in columns[~np.isfinite(value[:, columns]).all(axis=0)].tolist():
            reasons[i] = reasons[i] or why
    return replace(found, reasons=tuple(reasons))


def parts_lost(failed: NDArray[np.bool_], step: int) -> int:
    """How many parts of the sample of `step` rows each (base points, trajectories, curves) hold a run that failed."""
    whole = len(failed) // step * step
    return int(np.count_nonzero(failed[:whole].reshape(-1, step).any(axis=1)) + np.any(failed[whole:]))


def failures_of(sample: Sample, outputs: Outputs, dropped: int = 0) -> Failures:
    """Count and locate the runs that failed.

    Parameters
    ----------
    sample, outputs
    dropped : int
        As `Failures.dropped`.
    """
    failed = int(np.count_nonzero(outputs.failed))
    if not failed:
        return Failures(0, outputs.runs, dropped)
    variables: tuple[tuple[str, int], ...] = ()
    if outputs.failed_variable is not None:
        variables = tuple(Counter(str(v) for v in outputs.failed_variable[outputs.failed]).most_common())
    return Failures(failed, outputs.runs, dropped, _where(sample, outputs.failed), variables)


def _where(sample: Sample, failed: NDArray[np.bool_]) -> tuple[FailureRow, ...]:
    from scipy.stats import chi2

    counts = np.zeros((2, PARTS, len(sample.problem.factors)))
    size = max(1, BLOCK // len(sample.problem.factors))
    for start in range(0, sample.runs, size):
        stop = min(start + size, sample.runs)
        part = np.minimum((sample.unit(start, stop) * PARTS).astype(np.int8), PARTS - 1)
        for k in range(PARTS):
            counts[0, k] += np.count_nonzero(part == k, axis=0)
            counts[1, k] += np.count_nonzero((part == k) & failed[start:stop, None], axis=0)
    runs, lost = counts
    expected = runs * lost.sum(axis=0) / runs.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.nansum((lost - expected) ** 2 / expected / (1 - lost.sum(axis=0) / runs.sum(axis=0)), axis=0)
    spread /= failed.sum() / parts_lost(failed, max(sample.runs // max(sample.n, 1), 1))
    p_values = np.minimum(1.0, chi2.sf(spread, PARTS - 1) * len(sample.problem.factors))
    rows = [_row(sample, i, runs[:, i], lost[:, i], float(p)) for i, p in enumerate(p_values)]
    return tuple(sorted(rows, key=lambda row: (row.p_value, row.share_elsewhere - row.share)))


def _row(sample: Sample, i: int, runs: Floats, lost: Floats, p_value: float) -> FailureRow:
    factor = sample.problem.factors[i]
    with np.errstate(divide="ignore", invalid="ignore"):
        worst = int(np.nanargmax(np.where(runs > 0, lost / runs, -1.0)))
    ends = factor.distribution.ppf(np.clip(np.array([worst, worst + 1]) / PARTS, 1e-6, 1 - 1e-6))
    low = factor.distribution.low if worst == 0 else ends[0]
    high = factor.distribution.high if worst == PARTS - 1 else ends[1]
    rest = runs.sum() - runs[worst]
    return FailureRow(
        factor.name,
        float(low),
        float(high),
        float(lost[worst] / runs[worst]),
        float((lost.sum() - lost[worst]) / rest) if rest else 0.0,
        p_value,
    )


def _hint(sample: Sample, outputs: Outputs) -> str:
    """Where the failures are, for the error."""
    where = _where(sample, outputs.failed)
    if where and where[0].p_value < 0.01:
        row = where[0]
        return (
            f"Most fail where '{row.parameter}' lies from {row.low:.4g} to {row.high:.4g} ({row.share:.0%} there, "
            f"{row.share_elsewhere:.0%} elsewhere): narrow its range"
        )
    return "They lie all over the ranges: run a few of them singly to see what is wrong"
