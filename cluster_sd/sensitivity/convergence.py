"""Whether more runs would change the answer: indices over growing parts of a sample, and a rule to stop.

A sample's first points are a sample, so it costs no run to know what fewer would have said. Stopping is judged as in
[1]_, apart for sizes (are the intervals short?) and for ranks (is the order of those that matter sure?).

References
----------
.. [1] F. Sarrazin, F. Pianosi, T. Wagener (2016), Global sensitivity analysis of environmental models: convergence and
   validation, Environmental Modelling & Software 79:135-152.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.sensitivity.method import Method, find_method
from cluster_sd.sensitivity.problem import Problem
from cluster_sd.sensitivity.result import Estimate, Indices
from cluster_sd.sensitivity.sampling import Outputs, Sample

__all__ = ["Convergence", "Rule", "Verdict", "convergence", "first_part", "judge", "settle"]

Floats = NDArray[np.float64]

#: Kinds that are shares of something; the intervals of others are judged relative to the largest index.
SHARES = ("S1", "ST", "S2", "shapley", "median", "mean", "maximum", "minimum", "delta")
#: Parts of a sample that are looked at, from small to whole.
PARTS = (8, 4, 2)
#: Least size of a part; trajectories tell more each.
LEAST = {"morris": 4}
LEAST_POINTS = 64


@dataclass(frozen=True)
class Rule:
    """When an analysis is settled.

    Attributes
    ----------
    width : float
        Longest interval that an index may have: of a share of variance (Sobol, FAST, delta, PAWN) as it is, of other
        indices relative to the largest.
    top : int
        How many of the first must be the right set.
    certainty : float
        With which probability.
    """

    width: float = 0.1
    top: int = 3
    certainty: float = 0.95


@dataclass(frozen=True)
class Verdict:
    """Whether the indices of one outcome are settled.

    Attributes
    ----------
    sizes : bool
        Whether all intervals are short enough.
    ranks : bool
        Whether the first `Rule.top` are the right set with the certainty asked for. Where they can't be told from those
        behind them but all intervals are short, they are settled as well: they are equally important (a tie).
    width : float
        The longest interval.
    top : float
        Probability that the first ones are the right set.
    reason : str
        In a sentence; for an outcome without indices, why.
    """

    sizes: bool
    ranks: bool
    width: float
    top: float
    reason: str

    @property
    def settled(self) -> bool:
        """Both."""
        return self.sizes and self.ranks


@dataclass(frozen=True, eq=False)
class Convergence:
    """The index by which a method ranks, over growing parts of one sample.

    Attributes
    ----------
    kind : str
    columns : tuple of int
        Outcomes that were looked at, in the order of the estimates' columns and of the verdicts.
    sizes : tuple of int
        What ``--samples`` would have been; the last is the whole sample.
    runs : tuple of int
    estimates : tuple of Estimate
        One for each size.
    verdicts : tuple of tuple of Verdict
        For each size, one for each outcome.
    """

    kind: str
    columns: tuple[int, ...]
    sizes: tuple[int, ...]
    runs: tuple[int, ...]
    estimates: tuple[Estimate, ...]
    verdicts: tuple[tuple[Verdict, ...], ...]

    @property
    def settled(self) -> bool:
        """Whether every outcome that has indices is settled at the whole sample."""
        return all(v.settled for v in self.verdicts[-1] if np.isfinite(v.width))


def first_part(sample: Sample, n: int) -> Sample:
    """The sample that the first rows of a larger one are.

    Raises
    ------
    InputError
        Where they are no sample of the method.
    """
    if n < LEAST.get(sample.method, LEAST_POINTS):
        raise InputError(f"{n:,} are too few for a sample of their own")
    return replace(sample, n=n, rows=sample.rows.head(n))


def convergence(
    sample: Sample,
    outputs: Outputs,
    indices: Indices,
    *,
    columns: Sequence[int] | None = None,
    rule: Rule | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Convergence:
    """What smaller samples would have said.

    Parameters
    ----------
    sample, outputs
        The whole sample and its outputs.
    indices : Indices
        What was found from them.
    columns : sequence of int, optional
        Outcomes that are looked at; default: all. It takes about as long again as the analysis itself.
    rule : Rule, optional
    resamples, seed
        Of the ranks.

    Returns
    -------
    Convergence
        At an eighth, a quarter and half of the sample, where these are samples, and the whole.
    """
    chosen = list(range(len(outputs.outcomes)) if columns is None else columns)
    method, wanted = find_method(sample.method), rule or Rule()
    parts, estimates = [], []
    for share in PARTS:
        try:
            part = first_part(sample, sample.n // share)
        except InputError:
            continue
        made = method.analyze(
            part, outputs.part(part.runs, chosen), level=indices.level, resamples=resamples, seed=seed
        )
        parts.append(part)
        estimates.append(made.main)
    estimates.append(_of(indices.main, chosen))
    verdicts = tuple(
        tuple(judge(e, indices.ranked, j, indices.reasons[column], wanted) for j, column in enumerate(chosen))
        for e in estimates
    )
    sizes, runs = (*(part.n for part in parts), sample.n), (*(part.runs for part in parts), sample.runs)
    return Convergence(indices.ranked, tuple(chosen), sizes, runs, tuple(estimates), verdicts)


def _of(estimate: Estimate, columns: Sequence[int]) -> Estimate:
    """An estimate of some outcomes."""
    at = list(columns)
    arrays = {f: getattr(estimate, f)[:, at] for f in ("value", "low", "high", "rank", "rank_low", "rank_high", "top")}
    return Estimate(estimate.names, **arrays)


def judge(estimate: Estimate, kind: str, column: int, reason: str = "", rule: Rule | None = None) -> Verdict:
    """Whether the indices of one outcome are settled.

    Parameters
    ----------
    estimate : Estimate
    kind : str
        Of the index.
    column : int
        The outcome.
    reason : str
        Why it has no indices, if it has none.
    rule : Rule, optional
    """
    wanted = rule or Rule()
    value, low, high = estimate.value[:, column], estimate.low[:, column], estimate.high[:, column]
    if reason or not np.isfinite(value).any():
        return Verdict(False, False, np.nan, np.nan, reason or "no indices")
    scale = 1.0 if kind in SHARES else float(np.nanmax(np.abs(value))) or 1.0
    width = float(np.nanmax(high - low)) / scale
    k = max(1, min(wanted.top, len(estimate.names) - 1, len(estimate.top)))
    top = float(estimate.top[k - 1, column])
    sizes, sure = width <= wanted.width, top >= wanted.certainty
    return Verdict(sizes, sure or sizes, width, top, _words(estimate, column, k, width, top, sizes, sure, wanted))


def _words(e: Estimate, column: int, k: int, width: float, top: float, sizes: bool, sure: bool, rule: Rule) -> str:
    """The verdict in a sentence."""
    order = np.argsort(e.rank[:, column], kind="stable")
    first = "the first" if k == 1 else f"the first {k}"
    long = (
        "" if sizes else f"; the longest interval is {width:.2g}, longer than {rule.width:.2g}: more samples are needed"
    )
    if sure:
        return f"{first} are the right ones with probability {top:.2f}{long}"
    last, behind = (e.names[order[i]] for i in (k - 1, min(k, len(order) - 1)))
    if sizes:
        return f"'{last}' and '{behind}' matter about equally: which of them is among {first} is {top:.2f} sure"
    return f"{first} are the right ones with probability {top:.2f} only{long}"


def settle(
    method: Method,
    problem: Problem,
    run: Callable[[Sample, int], Outputs],
    *,
    start: int,
    most: int,
    seed: int = 0,
    rule: Rule | None = None,
    **analysis: float,
) -> tuple[Sample, Outputs, Indices]:
    """Double a sample until its indices are settled, or it is as large as it may be.

    Parameters
    ----------
    method : Method
    problem : Problem
    run : callable
        ``run(sample, first)`` gives the outputs of the rows from `first` on. Rows before it have been run already.
    start, most : int
        Smallest and largest sample, as ``--samples`` counts.
    seed : int
    rule : Rule, optional
    **analysis
        For the method's ``analyze``: ``level``, ``resamples``.

    Returns
    -------
    Sample, Outputs, Indices
        The last ones; `judge` says whether they are settled.
    """
    sample = method.sample(problem, start, seed=seed)
    outputs = run(sample, 0)
    while True:
        indices = method.analyze(sample, outputs, **analysis)
        verdicts = [
            judge(indices.main, indices.ranked, i, reason, rule)
            for i, reason in enumerate(indices.reasons)
            if not reason
        ]
        if all(v.settled for v in verdicts) or 2 * sample.n > most:
            return sample, outputs, indices
        larger = method.extend(sample, 2 * sample.n)
        outputs = _joined(outputs, run(larger, sample.runs))
        sample = larger


def _joined(old: Outputs, new: Outputs) -> Outputs:
    def both(a: Any, b: Any) -> Any:
        return None if a is None or b is None else np.concatenate([a, b])

    return Outputs(
        old.outcomes,
        np.concatenate([old.values, new.values]),
        np.concatenate([old.failed, new.failed]),
        np.concatenate([old.hashes, new.hashes]),
        both(old.failed_variable, new.failed_variable),
        both(old.failed_time, new.failed_time),
    )
