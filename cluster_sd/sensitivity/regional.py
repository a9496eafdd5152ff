"""Regional sensitivity: which parameters tell runs that do what is wanted from those that don't, and where they lie.

Runs are split by a condition on an outcome (its best fifth, or ``final(Pool) > 0``). A parameter that matters for it
is distributed otherwise in one part than in the other: the distance is Kolmogorov and Smirnov's (Hornberger and Spear
1981; Saltelli et al. 2008), its p-value is adjusted for the number of parameters (Holm 1979). The range of a parameter
in which success is likely is the one that holds most of the successful runs beyond its part of the others; it is found
on one half of the runs, and how likely success is in it is counted on the other half, since a range that was chosen for
its successes flatters itself.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError, unknown
from cluster_sd.sensitivity.problem import Problem
from cluster_sd.sensitivity.result import Outcome
from cluster_sd.sensitivity.sampling import Matrix, Outputs, Sample, check_outputs
from cluster_sd.sensitivity.shapley import Walks
from cluster_sd.sensitivity.sobol import SaltelliRows

if TYPE_CHECKING:
    import pandas

__all__ = [
    "Condition", "Regional", "best_share", "distance", "holm", "independent_rows", "p_value", "read_condition",
    "regional", "worst_share",
]  # fmt: skip

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Runs that each part must have.
FEWEST = 20
#: A range is told for parameters whose adjusted p-value is below this.
TOLD = 0.05
#: Columns of the table.
COLUMNS = (
    "condition", "runs", "succeeded", "parameter", "distance", "p_value", "low", "high", "inside", "inside_low",
    "inside_high", "outside",
)  # fmt: skip
_OPERATORS: Mapping[str, Callable[[Floats, float], Any]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_WRITTEN = re.compile(rf"(.+?)\s*(>=|<=|>|<)\s*({_NUMBER})\s*", re.DOTALL)


@dataclass(frozen=True)
class Condition:
    """What a run must do to count as a success.

    Attributes
    ----------
    name : str
        For people.
    measure : str
    time : float or None
        Of a series.
    test : callable
        ``test(values)`` of all runs that ended well gives whether each is a success.
    """

    name: str
    measure: str
    time: float | None
    test: Callable[[Floats], Bools]

    def column(self, outcomes: Sequence[Outcome]) -> int:
        """Which of the outcomes it looks at."""
        for i, one in enumerate(outcomes):
            if (one.measure, one.time) == (self.measure, self.time):
                return i
        raise unknown("outcome", self.measure, [one.measure for one in outcomes], f"condition '{self.name}'")


def read_condition(text: str, time: float | None = None) -> Condition:
    """A condition as it is written: a measure, ``>``, ``>=``, ``<`` or ``<=``, and a number.

    Raises
    ------
    InputError
        For a text that isn't one.

    Examples
    --------
    >>> read_condition("final(Pool) > 0").measure
    'final(Pool)'
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise InputError(
            f"'{text}' is no condition; write a measure, one of >, >=, <, <=, and a number: final(Pool) > 0"
        )
    measure, sign, number = found.groups()
    compare, level = _OPERATORS[sign], float(number)
    return Condition(text.strip(), measure.strip(), time, lambda values: np.asarray(compare(values, level)))


def best_share(outcome: Outcome, better: str, share: float = 0.2) -> Condition:
    """The best `share` of the runs, ``high`` or ``low`` being better."""
    return _extreme(outcome, better, share, "best")


def worst_share(outcome: Outcome, better: str, share: float = 0.2) -> Condition:
    """The worst `share` of the runs, ``high`` or ``low`` being better."""
    return _extreme(outcome, {"high": "low", "low": "high"}.get(better, better), share, "worst")


def _extreme(outcome: Outcome, side: str, share: float, word: str) -> Condition:
    if side not in ("high", "low"):
        raise InputError(f"'{outcome}': outcomes.csv must say in its column 'better' whether high or low is better")
    if not 0 < share < 1:
        raise InputError(f"the share of the {word} runs is {share:.10g}; it must lie between 0 and 1")

    def test(values: Floats) -> Bools:
        if side == "high":
            return np.asarray(values >= np.quantile(values, 1 - share))
        return np.asarray(values <= np.quantile(values, share))

    return Condition(f"{word} {share:.0%} of {outcome}", outcome.measure, outcome.time, test)


@dataclass(frozen=True, eq=False)
class Regional:
    """What tells success from the rest, for one condition.

    Attributes
    ----------
    condition : str
    parameters : tuple of str
        Every factor by itself.
    runs, succeeded : int
        Runs that were looked at: independent ones that ended well.
    distance : array, shape (parameter,)
        Largest difference between the two distribution functions, from 0 to 1.
    p_value : array, shape (parameter,)
        Chance of such a distance if the parameter had nothing to do with it, adjusted for the number of parameters.
    low, high : array, shape (parameter,)
        The range in which success is most likely; NaN where the p-value is `TOLD` or more.
    inside, inside_low, inside_high : array, shape (parameter,)
        Share of successes among the runs within that range, with its 95 % interval (Wilson 1927).
    outside : array, shape (parameter,)
        The same beyond it.
    reason : str
        Why nothing is told, or empty.
    """

    condition: str
    parameters: tuple[str, ...]
    runs: int
    succeeded: int
    distance: Floats
    p_value: Floats
    low: Floats
    high: Floats
    inside: Floats
    inside_low: Floats
    inside_high: Floats
    outside: Floats
    reason: str = ""

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows of the table, columns as `COLUMNS`, those that matter most first."""
        arrays = (
            self.distance, self.p_value, self.low, self.high, self.inside, self.inside_low, self.inside_high,
            self.outside,
        )  # fmt: skip
        for i in np.argsort(-np.nan_to_num(self.distance), kind="stable").tolist():
            yield self.condition, self.runs, self.succeeded, self.parameters[i], *(float(a[i]) for a in arrays)

    def table(self) -> pandas.DataFrame:
        """The rows as a table."""
        import pandas as pd

        return pd.DataFrame(list(self.rows()), columns=list(COLUMNS))


def independent_rows(sample: Sample) -> NDArray[np.intp]:
    """The rows of a sample that are draws of their own, not neighbours of another.

    Raises
    ------
    InputError
        Where the method has none (Morris, FAST).
    """
    rows, every = sample.rows, np.arange(sample.runs)
    if isinstance(rows, SaltelliRows):
        return every[(every % rows.step == 0) | (every % rows.step == rows.step - 1)]
    if isinstance(rows, Walks):
        return every[(every % rows.length == 0) | (every % rows.length == rows.length - 1)]
    if isinstance(rows, Matrix) and sample.method != "morris":
        return every
    raise InputError(
        f"the runs of the method {sample.method} are no independent draws, so that they can't be split by a condition; "
        "take sobol, pawn, delta, shapley or dgsm"
    )


def regional(sample: Sample, outputs: Outputs, conditions: Sequence[Condition]) -> tuple[Regional, ...]:
    """What tells success from the rest, for each condition.

    Parameters
    ----------
    sample : Sample
        Of any method whose sample holds independent draws; of others than random ones (Sobol sequences) p-values come
        out rather too large than too small.
    outputs : Outputs
    conditions : sequence of Condition

    Raises
    ------
    InputError
        Where outputs aren't those of the sample, or a condition looks at none of them.
    """
    check_outputs(sample, outputs)
    rows = independent_rows(sample)
    rows = rows[~outputs.failed[rows]]
    unit = _picked(sample, rows)
    return tuple(
        _one(sample.problem, unit, outputs.values[rows, condition.column(outputs.outcomes)], condition)
        for condition in conditions
    )


def _picked(sample: Sample, rows: NDArray[np.intp], block: int = 20_000) -> Floats:
    """Coordinates of some rows, made block by block."""
    parts = []
    for start in range(0, sample.runs, block):
        first, last = np.searchsorted(rows, [start, start + block])
        parts.append(sample.unit(start, start + block)[rows[first:last] - start])
    return np.concatenate(parts)


def _one(problem: Problem, unit: Floats, values: Floats, condition: Condition) -> Regional:
    there = np.isfinite(values)
    unit, values = unit[there], values[there]
    success = condition.test(values) if len(values) else np.zeros(0, dtype=bool)
    names = tuple(factor.name for factor in problem.factors)
    count, good = len(values), int(np.count_nonzero(success))
    if min(good, count - good) < FEWEST:
        reason = f"{good:,} of {count:,} runs meet the condition; {FEWEST} must, and {FEWEST} must not"
        nothing = np.full(len(names), np.nan)
        return Regional(
            condition.name, names, count, good, nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing,
            reason,
        )  # fmt: skip
    found = distance(unit, success)
    adjusted = holm(p_value(found, good, count - good))
    return Regional(
        condition.name, names, count, good, found, adjusted, *_ranges(problem, unit, success, adjusted < TOLD)
    )


def distance(unit: Floats, success: Bools) -> Floats:
    """Kolmogorov and Smirnov's distance of each column between the rows that succeed and the others."""
    return np.abs(_difference(np.sort(unit, axis=0), np.argsort(unit, axis=0), success)).max(axis=0)


def _difference(ordered: Floats, order: NDArray[np.intp], success: Bools) -> Floats:
    """Distribution function of the successes less that of the others, at each column's values; (rows, factor)."""
    step = np.where(success, 1 / np.count_nonzero(success), -1 / np.count_nonzero(~success))
    raised = np.cumsum(step[order], axis=0)
    last = np.broadcast_to(np.arange(len(ordered))[:, None], ordered.shape).copy()
    last[:-1][ordered[1:] == ordered[:-1]] = len(ordered)
    last = np.minimum.accumulate(last[::-1], axis=0)[::-1]  # equal values have the number of the last of them
    return np.take_along_axis(raised, last, axis=0)


def p_value(distances: Floats, successes: int, others: int) -> Floats:
    """Chance of a distance at least as large between two samples of one distribution.

    The limit (Kolmogorov 1933, Smirnov 1939) with Stephens's correction for finite samples (1970).
    """
    from scipy.special import kolmogorov

    root = np.sqrt(successes * others / (successes + others))
    return np.asarray(kolmogorov((root + 0.12 + 0.11 / root) * distances))


def holm(p_values: Floats) -> Floats:
    """P-values adjusted for their number (Holm 1979): the chance that any of them is as small by chance."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _ranges(
    problem: Problem, unit: Floats, success: Bools, told: Bools
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Range, share of successes in it with its interval, and the share beyond it, of the factors that are told."""
    low, high, inside, inside_low, inside_high, outside = np.full((6, unit.shape[1]), np.nan)
    half = np.arange(len(unit)) % 2 == 0
    for i in np.flatnonzero(told).tolist():
        least, most = _likely(unit[half, i], success[half])
        within = (unit[~half, i] >= least) & (unit[~half, i] <= most)
        won = success[~half]
        if not within.any() or within.all():
            continue
        ends = np.full((2, unit.shape[1]), 0.5)
        ends[:, i] = max(least, 1e-6), min(most, 1 - 1e-6)
        low[i], high[i] = problem.physical(ends)[:, i]
        inside[i], inside_low[i], inside_high[i] = _wilson(int(won[within].sum()), int(within.sum()))
        outside[i] = won[~within].mean()
    return low, high, inside, inside_low, inside_high, outside


def _likely(u: Floats, success: Bools) -> tuple[float, float]:
    """The interval that holds most of the successes beyond its part of the others; its ends are 0 and 1 where open."""
    if success.all() or not success.any():
        return 0.0, 1.0
    order = np.argsort(u)
    raised = np.concatenate([[0.0], _difference(u[order][:, None], order[:, None], success)[:, 0]])
    last = int(np.argmax(raised - np.minimum.accumulate(raised)))
    first = int(np.argmin(raised[: last + 1]))
    ordered = u[order]
    least = 0.0 if first == 0 else float(ordered[first])
    most = 1.0 if last == len(u) else float(ordered[last - 1])
    return least, most


def _wilson(good: int, count: int, z: float = 1.959963984540054) -> tuple[float, float, float]:
    """A share and its 95 % interval."""
    share = good / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return share, float(middle - half), float(middle + half)
