"""What a loop analysis gives: immutable arrays with their names, ready for figures, tables and other analyses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError, unknown
from cluster_sd.loops.loop import (
    OTHER,
    Grouped,
    Grouping,
    Link,
    Loop,
    Partition,
    grouped,
    leaders,
    named_shares,
)

__all__ = [
    "OTHER",
    "Agreement",
    "Bands",
    "EigenAnalysis",
    "EnsembleLoops",
    "Grouped",
    "Grouping",
    "Leads",
    "Link",
    "Loop",
    "LoopAnalysis",
    "Partition",
    "Passage",
    "PathwayAnalysis",
    "Search",
    "grouped",
    "leads_of",
]

@dataclass(frozen=True, slots=True)
class Search:
    """How the loops were found, and what may be missing.

    Attributes
    ----------
    complete : bool
        Whether every loop whose links all act at the same time, at any of the analysed times, is counted in the shares.
    method : str
        ``exact`` or ``strongest paths``.
    found : int
        Loops that the shares are relative to. The result keeps the strongest of them and all that have a name.
    kept : int
        Loops in the result.
    growth : float
        1 for an exact search. With ``strongest paths``: by what factor the sum of all absolute scores grew, in the
        median over the times, from a quarter of the search's effort to all of it. Near 1, more effort would hardly find
        more; at 2, shares are relative to a sum that may be a good deal too small.
    dropped : array, shape (time,)
        Largest part, over the partitions, of the sum of all found loops' absolute scores that is in loops that were
        found but not kept. Shares are relative to all that were found, so those kept add up to 1 less this.
    """

    complete: bool
    method: str
    found: int
    kept: int
    growth: float
    dropped: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LoopAnalysis:
    """Loops of one run.

    Attributes
    ----------
    model : str
        Name of the model.
    times : array, shape (time,)
        Ends of the steps in which the changes happened: the saved times but the first.
    loops : tuple of Loop
        Named ones and the strongest others, by mean share; loops that are alone in their partition come last.
    scores : array, shape (time, loop)
        Products of link scores; signed.
    shares : array, shape (time, loop)
        Scores relative to the sum of the absolute scores of all loops that were found in the partition; signed, zero
        where no loop of the partition acts.
    partitions : tuple of Partition
        Those with most loops first.
    links : tuple of Link
        Links that can be part of a loop.
    link_scores : array, shape (time, link)
        Signed.
    search : Search
    time_unit : str
    settings : dict
        Of the run, as in :class:`cluster_sd.api.RunArrays`.
    """

    model: str
    times: NDArray[np.float64]
    loops: tuple[Loop, ...]
    scores: NDArray[np.float64]
    shares: NDArray[np.float64]
    partitions: tuple[Partition, ...]
    links: tuple[Link, ...]
    link_scores: NDArray[np.float64]
    search: Search
    time_unit: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether no loop is missing, see :class:`Search`."""
        return self.search.complete

    def index(self, loop: str) -> int:
        """Number of the loop with this id, or name where no loop has the id.

        Raises
        ------
        UnknownNameError
            Where no loop has it.
        """
        for names in ([one.id for one in self.loops], [one.name for one in self.loops]):
            if loop and loop in names:
                return names.index(loop)
        raise unknown("loop", loop, [text for one in self.loops for text in (one.id, one.name) if text])

    def at(self, time: float) -> int:
        """Number of the analysed time nearest to `time`."""
        return int(np.argmin(np.abs(self.times - time)))

    def grouped(self, by: Grouping = "mechanism", partition: int | None = None, *, named: bool = False) -> Grouped:
        """Absolute shares summed over groups of loops, or with `named` those of :meth:`named_shares`."""
        return grouped(self.loops, self.named_shares() if named else self.shares, by, partition)

    def named_shares(self) -> NDArray[np.float64]:
        """Scores relative to those of the named loops of the partition alone, zero for other loops; (time, loop).

        Which of two loops is stronger, and by what factor, does not depend on what else was found; so neither do these.
        """
        return named_shares(self.loops, self.shares)

    def dominant(self, partition: int = 0) -> NDArray[np.int64]:
        """Number of the loop with the largest absolute share at each time, -1 where no loop of the partition acts."""
        return leaders(np.abs(self.shares) * [one.partition == partition for one in self.loops])

    def activity(self, loop: str) -> tuple[tuple[Link, float], ...]:
        """Links of a loop with the part of the times at which each acts, least first: what keeps a loop from acting."""
        number = {link: i for i, link in enumerate(self.links)}
        links = self.loops[self.index(loop)].links
        parts = [float((self.link_scores[:, number[link]] != 0).mean()) for link in links]
        return tuple(sorted(zip(links, parts, strict=True), key=lambda pair: pair[1]))

    def link_shares(self) -> NDArray[np.float64]:
        """How much runs through each link: absolute shares of the loops in the result, summed; shape (time, link)."""
        number = {link: i for i, link in enumerate(self.links)}
        through = np.zeros((len(self.times), len(self.links)))
        for i, loop in enumerate(self.loops):
            columns = [number[link] for link in loop.links if link in number]
            through[:, columns] += np.abs(self.shares[:, i : i + 1])
        return through


class Passage(NamedTuple):
    """Dominance passes from one group or loop to another.

    Attributes
    ----------
    time : float
        When; between two analysed times by linear interpolation of the two shares.
    before, after : str
        Groups or loops.
    """

    time: float
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class EnsembleLoops:
    """Loops of many runs, with one common list.

    Attributes
    ----------
    base : LoopAnalysis
        The run that the named and strongest loops come from (with those of some more runs).
    times : array, shape (time,)
    loops : tuple of Loop
        Marks as over all runs: `mean_share` is the mean over runs and times.
    shares : array, shape (run, time, loop)
        Signed, relative to all loops of the common list in the partition; NaN in runs that failed.
    failed : array of bool, shape (run,)
    failed_variable : array of str, shape (run,)
    failed_time : array, shape (run,)
    checked : tuple of int
        Runs whose own loops were searched for in full, besides the base run.
    missed : float
        Over those runs, the largest part of the sum of absolute scores (mean over the times) that is in loops that a
        search in that run finds and the list does not have; NaN where none was checked.
    complete : bool
        Whether the list holds all loops of the base run and of the runs checked.
    """

    base: LoopAnalysis
    times: NDArray[np.float64]
    loops: tuple[Loop, ...]
    shares: NDArray[np.float64]
    failed: NDArray[np.bool_]
    failed_variable: NDArray[np.object_]
    failed_time: NDArray[np.float64]
    checked: tuple[int, ...] = ()
    missed: float = float("nan")
    complete: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        """Number of runs."""
        return len(self.failed)

    def named_shares(self) -> NDArray[np.float64]:
        """As :meth:`LoopAnalysis.named_shares`; shape (run, time, loop)."""
        return named_shares(self.loops, self.shares)

    def grouped(self, by: Grouping = "mechanism", partition: int | None = None, *, named: bool = False) -> Grouped:
        """Absolute shares summed over groups of loops, shape (run, time, group), or with `named` those among them."""
        return grouped(self.loops, self.named_shares() if named else self.shares, by, partition)

    def bands(
        self, levels: tuple[float, ...] = (0.05, 0.5, 0.95), *, by: Grouping = "loop", named: bool = False
    ) -> Bands:
        """Quantiles over the runs that did not fail of the absolute shares of groups (or loops)."""
        made = self.grouped(by, named=named)
        good = made.shares[~self.failed]
        if not len(good):
            raise InputError("all runs failed; there are no shares to take bands of")
        return Bands(made.by, made.names, levels, self.times, np.quantile(good, levels, axis=0), good.mean(axis=0))

    def leads(self, by: Grouping = "mechanism", partition: int | None = None, *, named: bool = True) -> Leads:
        """When each group (or loop) leads, run by run; arrays for a sensitivity analysis. See :class:`Leads`."""
        return leads_of(self.grouped(by, partition, named=named), self.times, self.failed)


@dataclass(frozen=True, slots=True)
class Bands:
    """Quantiles over runs.

    Attributes
    ----------
    by : str
    names : tuple of str
        Groups or loop ids.
    levels : tuple of float
    times : array, shape (time,)
    values : array, shape (level, time, group)
    mean : array, shape (time, group)
    """

    by: str
    names: tuple[str, ...]
    levels: tuple[float, ...]
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    mean: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Leads:
    """Which group (or loop) leads when, over runs; NaN where it never does, and in runs that failed.

    Attributes
    ----------
    by : str
    names : tuple of str
    times : array, shape (time,)
    probability : array, shape (time, group)
        Part of the good runs in which the group leads.
    first, last, part : array, shape (run, group)
        First and last time at which it leads, and the part of the times.
    mean_share : array, shape (run, group)
        Mean absolute share over the times.
    mean_time : array, shape (run, group)
        Times weighted with the share: the centre of the group's rule, which exists without a lead.
    passing : array, shape (run, group, group)
        ``[r, a, b]``: first time from which the share of b stays above that of a to the end; NaN where it never does.
    """

    by: str
    names: tuple[str, ...]
    times: NDArray[np.float64]
    probability: NDArray[np.float64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]
    part: NDArray[np.float64]
    mean_share: NDArray[np.float64]
    mean_time: NDArray[np.float64]
    passing: NDArray[np.float64]

    def outputs(self) -> dict[str, NDArray[np.float64]]:
        """Named outputs of shape (run,), for a sensitivity analysis: ``mean share of L7``, ``centre of L7``."""
        named = [(i, name) for i, name in enumerate(self.names) if name != OTHER]
        shares = {f"mean share of {name}": self.mean_share[:, i] for i, name in named}
        return shares | {f"centre of {name}": self.mean_time[:, i] for i, name in named}


@dataclass(frozen=True, slots=True)
class EigenAnalysis:
    """Eigenvalues of the linearised model along a run, and what each loop has to do with them.

    Attributes
    ----------
    times : array, shape (time,)
        Ends of the steps, as in :class:`LoopAnalysis`.
    states : tuple of str
    eigenvalues : complex array, shape (time, state)
        Sorted by real part, largest first.
    weights : array, shape (time, state)
        How much of the change of the stocks each mode carries at that time: absolute parts, summing to 1.
    loops : tuple of str
        Ids.
    elasticities : complex array, shape (time, loop, state)
        (gain / |eigenvalue|) · d eigenvalue / d gain of each loop (Kampmann and Oliva 2006).
    influence : array, shape (time, loop)
        |elasticity| weighted over modes; relative over the loops, with the sign of the real part.
    gains : array, shape (time, loop)
        Product of the links' derivatives; unit 1 / time^number of stocks.
    """

    times: NDArray[np.float64]
    states: tuple[str, ...]
    eigenvalues: NDArray[np.complex128]
    weights: NDArray[np.float64]
    loops: tuple[str, ...]
    elasticities: NDArray[np.complex128]
    influence: NDArray[np.float64]
    gains: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PathwayAnalysis:
    """Pathway participation metric of a stock (Mojtahedzadeh, Andersen and Richardson 2004).

    Attributes
    ----------
    stock : str
    times : array, shape (time,)
    pattern : tuple of str
        Behaviour of the stock at each time, by the signs of its first and second derivative: ``growth, faster`` and
        so on.
    sources : tuple of str
        Stocks that the net flow depends on.
    participation : array, shape (time, source)
        Parts of the second derivative over the first that come through each of them, relative to the sum of absolute
        values; signed.
    loops : tuple of tuple of str
        Variables of the loop that the most influential pathways close, traced back from the stock, at each time; empty
        where they close none.
    """

    stock: str
    times: NDArray[np.float64]
    pattern: tuple[str, ...]
    sources: tuple[str, ...]
    participation: NDArray[np.float64]
    loops: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Which loop each of the three methods holds for dominant, and where they disagree.

    Attributes
    ----------
    times : array, shape (time,)
    partition : int
    stock : str
        Stock of the pathway participation metric.
    ltm, eigen, pathway : tuple of str
        Id of the dominant loop by each method; empty where a method has none at that time.
    agree : array of bool, shape (time,)
        Whether all methods that name a loop name the same one.
    polarity_agree : array of bool, shape (time,)
        Whether those loops all reinforce or all balance.
    others : dict of str to tuple of str
        Variables of loops that the pathway metric names and the list of the analysis does not have; their ids begin
        with ``P``.
    """

    times: NDArray[np.float64]
    partition: int
    stock: str
    ltm: tuple[str, ...]
    eigen: tuple[str, ...]
    pathway: tuple[str, ...]
    agree: NDArray[np.bool_]
    polarity_agree: NDArray[np.bool_]
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def spells(self) -> tuple[tuple[float, float, str, str, str], ...]:
        """First and last time of each spell without a change, with the three dominant loops."""
        rows = list(zip(self.ltm, self.eigen, self.pathway, strict=True))
        starts = [i for i, row in enumerate(rows) if i == 0 or row != rows[i - 1]]
        ends = [*(start - 1 for start in starts[1:]), len(rows) - 1]
        return tuple(
            (float(self.times[a]), float(self.times[b]), *rows[a]) for a, b in zip(starts, ends, strict=True) if rows
        )


def leads_of(groups: Grouped, times: NDArray[np.float64], failed: NDArray[np.bool_]) -> Leads:
    """When each group leads, see :class:`Leads`; `groups` has runs along its first axis."""
    shares = np.where(failed[:, None, None], np.nan, groups.shares)
    leader = groups.leader()
    leading = leader[:, :, None] == np.arange(len(groups.names))
    ever = leading.any(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        first = np.where(ever, times[leading.argmax(axis=1)], np.nan)
        last = np.where(ever, times[len(times) - 1 - leading[:, ::-1].argmax(axis=1)], np.nan)
        centre = (shares * times[:, None]).sum(axis=1) / shares.sum(axis=1)
    good = ~failed
    part = np.where(failed[:, None], np.nan, leading.mean(axis=1))
    probability = leading[good].mean(axis=0) if good.any() else np.full(leading.shape[1:], np.nan)
    passing = _passing(shares, times)
    return Leads(groups.by, groups.names, times, probability, first, last, part, shares.mean(axis=1), centre, passing)


def _passing(shares: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """First time from which the share of b stays above that of a to the end, shape (run, a, b)."""
    runs, _, count = shares.shape
    made = np.full((runs, count, count), np.nan)
    for a in range(count):
        ahead = shares > shares[:, :, a : a + 1]
        tail = ahead[:, ::-1].argmin(axis=1)  # how many of the last times b is ahead
        tail = np.where(ahead.all(axis=1), len(times), tail)
        held = (tail > 0) & (tail < len(times))
        made[:, a][held] = times[len(times) - tail[held]]
    return made
