"""Time in periods that a reader thinks in: means over years, who leads in each, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Periods", "Spell", "periods", "spells"]

#: Most whole units of time that become a period each, and how many periods there are otherwise.
MOST, OTHERWISE = 120, 60


@dataclass(frozen=True)
class Periods:
    """Periods of a run.

    Attributes
    ----------
    starts, ends : array, shape (period,)
        A period holds what happened after its start and up to its end.
    of : array, shape (time,)
        Period of each time.
    """

    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    of: NDArray[np.int64]

    def mean(self, values: NDArray[np.float64], axis: int = 0) -> NDArray[np.float64]:
        """Means over the times of each period, along `axis`."""
        moved = np.moveaxis(np.asarray(values, dtype=float), axis, 0)
        total = np.zeros((len(self.starts), *moved.shape[1:]))
        np.add.at(total, self.of, moved)
        count = np.bincount(self.of, minlength=len(self.starts)).reshape(-1, *[1] * (moved.ndim - 1))
        return np.moveaxis(total / count, 0, axis)

    @property
    def labels(self) -> list[str]:
        """A word for each period: the year that it is."""
        whole = bool(np.allclose(self.starts, np.round(self.starts)))
        return [f"{start:.0f}" if whole else f"{start:.4g}" for start in self.starts]


def periods(times: NDArray[np.float64], start: float) -> Periods:
    """Whole units of time (years), or sixty equal parts where there would be too many or too few units.

    Parameters
    ----------
    times : array
        Ends of the steps in which something happened.
    start : float
        When the run starts.
    """
    times = np.asarray(times, dtype=float)
    stop = float(times[-1])
    first, last = np.floor(start + 1e-9), np.ceil(stop - 1e-9)
    if 8 <= last - first <= MOST:
        edges = np.arange(first, last + 1)
    else:
        edges = np.linspace(start, stop, min(OTHERWISE, len(times)) + 1)
    of = np.clip(np.searchsorted(edges, times - 1e-9, side="left") - 1, 0, len(edges) - 2)
    kept, of = np.unique(of, return_inverse=True)
    return Periods(edges[kept], edges[kept + 1], of)


class Spell(NamedTuple):
    """Periods in a row with the same leader: its first and last period, and the leader's number (-1: nobody)."""

    first: int
    last: int
    leader: int


def spells(leaders: Sequence[int] | NDArray[np.int64], least: int = 1) -> list[Spell]:
    """Periods in a row with one leader; what is shorter than `least` belongs to the spell before it."""
    found: list[Spell] = []
    for period, leader in enumerate(int(one) for one in leaders):
        if found and found[-1].leader == leader:
            found[-1] = Spell(found[-1].first, period, leader)
        else:
            found.append(Spell(period, period, leader))
    merged: list[Spell] = []
    for spell in found:
        short = spell.last - spell.first + 1 < least
        if merged and (short or merged[-1].leader == spell.leader):
            merged[-1] = Spell(merged[-1].first, spell.last, merged[-1].leader)
        else:
            merged.append(spell)
    return merged
