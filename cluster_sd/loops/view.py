"""A loop analysis as a reader sees it: shares by period, the loops of the question, what stands beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cluster_sd.loops.loop import Link, Loop
from cluster_sd.loops.periods import Periods, periods
from cluster_sd.loops.question import Question
from cluster_sd.loops.result import LoopAnalysis

__all__ = ["Beside", "LoopView", "running"]

#: A smaller mean share is that of a loop that doesn't act.
LEAST = 1e-4


@dataclass(frozen=True, eq=False)
class Beside:
    """Series shown beside the loops: label -> values at the analysed times, and what leading in them means."""

    name: str
    leads: str
    series: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class LoopView:
    """A loop analysis as a reader sees it.

    Parameters
    ----------
    analysis : LoopAnalysis
    question : Question
    start : float
        When the run starts.
    stocks : frozenset of str
        Names of the model's stocks.
    beside : sequence of Beside
    """

    analysis: LoopAnalysis
    question: Question
    start: float
    stocks: frozenset[str]
    beside: Sequence[Beside] = ()

    @cached_property
    def periods(self) -> Periods:
        """The run in years."""
        return periods(self.analysis.times, self.start)

    @cached_property
    def partition(self) -> int:
        """The cycle partition of the question: that of most of the strength of its loops; the largest without them."""
        loops = self.analysis.loops
        asked = [i for i, loop in enumerate(loops) if set(self.question.drives) & set(loop.shown)]
        weight: dict[int, float] = {}
        for i in asked:
            weight[loops[i].partition] = weight.get(loops[i].partition, 0.0) + loops[i].mean_share
        return max(weight, key=lambda p: (weight[p], -p)) if weight else 0

    @cached_property
    def named(self) -> bool:
        """Whether the answer is about the loops with a name, relative to each other: where two of them or more act.

        A partition of dozens of stocks has millions of loops, and no list of them is whole; how named loops compare
        doesn't depend on the others.
        """
        return sum(bool(self.loop(i).name) for i in self.every) > 1

    @cached_property
    def every(self) -> tuple[int, ...]:
        """The partition's loops that act at all, the strongest first."""
        loops = self.analysis.loops
        inside = [i for i, loop in enumerate(loops) if loop.partition == self.partition and loop.mean_share > 0]
        return tuple(sorted(inside, key=lambda i: (-loops[i].mean_share, i)))

    @cached_property
    def shown(self) -> tuple[int, ...]:
        """Loops that the answer is about, the strongest first."""
        if not self.named:
            return self.every
        chosen = [i for i in self.every if self.loop(i).name]
        weight = self.sizes.mean(axis=0)
        return tuple(sorted(chosen, key=lambda i: (-weight[i], i)))

    @cached_property
    def asked(self) -> tuple[int, ...]:
        """Those of `shown` that run through a variable of the question; all of them where it names none."""
        drives = set(self.question.drives)
        through = tuple(i for i in self.shown if drives & set(self.analysis.loops[i].shown))
        return through if drives and through else self.shown

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Signed shares, shape (time, loop), of the loops of the answer: relative to each other, see `named`."""
        return self.analysis.named_shares() if self.named else self.analysis.shares

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """Mean of `values` in each period, shape (period, loop): one for every loop of the analysis."""
        return self.periods.mean(self.values)

    @cached_property
    def sizes(self) -> NDArray[np.float64]:
        """Mean of the size of `values` in each period, shape (period, loop)."""
        return self.periods.mean(np.abs(self.values))

    @cached_property
    def held(self) -> NDArray[np.float64]:
        """Part of the change in the whole partition that is in loops with a name, by period."""
        columns = [i for i in self.every if self.loop(i).name]
        return self.periods.mean(np.abs(self.analysis.shares[:, columns]).sum(axis=1))

    def group_of(self, loop: Loop) -> str:
        """The network (or mechanism) of a loop; empty for a loop without a name."""
        return self.question.group_of(loop.mechanism) if loop.name else ""

    def driving(self, loop: Loop) -> str:
        """The same for loops that don't balance by what the model's folder says; empty for those that do."""
        return "" if loop.kind == "balancing" else self.group_of(loop)

    def phase(self, loop: Loop) -> str:
        """Inward or outward; empty for all other loops."""
        return {"inward": "inward integration", "outward": "outward expansion"}.get(loop.kind, "")

    def title(self, number: int) -> str:
        """A loop's id and name; one without a name is told by its stocks, at most three."""
        loop = self.loop(number)
        if loop.name:
            return loop.label
        known = [name for name in loop.shown if name in self.stocks] or list(loop.shown)
        told = " – ".join(known[:3]) + (" – …" if len(known) > 3 else "")
        return f"{loop.id} ({told})"

    def loop(self, number: int) -> Loop:
        """A loop by its number in the analysis."""
        return self.analysis.loops[number]

    def part(self, sign: int) -> NDArray[np.float64]:
        """Mean size of what each loop reinforces (1), balances (-1) or does (0), by period; shape (period, loop)."""
        return self.periods.mean(np.maximum(sign * self.values, 0.0)) if sign else self.sizes

    def leaders(self, among: Sequence[int], sign: int = 0, over: int = 1) -> NDArray[np.int64]:
        """Number of the loop that is largest in each period, of those given; -1 where none acts.

        Parameters
        ----------
        among : sequence of int
        sign : {1, -1, 0}
            Largest in what it reinforces, in what it balances, or in size.
        over : int
            Periods of the running mean that is looked at.
        """
        if not among:
            return np.full(len(self.periods.starts), -1, dtype=np.int64)
        chosen = running(self.part(sign)[:, list(among)], over)
        best = np.asarray(among)[chosen.argmax(axis=1)]
        return np.where(chosen.max(axis=1) > LEAST, best, -1).astype(np.int64)

    def first(self, beside: Beside) -> NDArray[np.int64]:
        """Number of the largest of the series beside in each period; -1 where all are zero."""
        values = np.nan_to_num(np.column_stack([self.periods.mean(one) for one in beside.series.values()]))
        return np.where(values.max(axis=1) > 0, values.argmax(axis=1), -1).astype(np.int64)

    @property
    def over(self) -> int:
        """Periods over which a sentence takes means, so that it tells of spells: 5 of 60 years."""
        return max(1, 2 * round(len(self.periods.starts) / 24) + 1) if len(self.periods.starts) > 12 else 1

    def signs(self) -> dict[Link, NDArray[np.float64]]:
        """Polarity of each link by period: the sign of its mean score, 0 where nothing passes."""
        means = np.sign(self.periods.mean(np.sign(self.analysis.link_scores)).round(9))
        return {link: means[:, i] for i, link in enumerate(self.analysis.links)}


def running(values: NDArray[np.float64], over: int) -> NDArray[np.float64]:
    """Means over `over` periods around each, fewer at the ends; along the first axis."""
    half = over // 2
    total = np.cumsum(np.concatenate([np.zeros((1, *values.shape[1:])), values]), axis=0)
    at = np.arange(len(values))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    return (total[high] - total[low]) / (high - low).reshape(-1, *[1] * (values.ndim - 1))
