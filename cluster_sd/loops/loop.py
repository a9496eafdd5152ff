"""Loops, partitions and groups of loops: the words of the method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import unknown

#: How loops can be grouped, see :meth:`LoopAnalysis.grouped`.
GROUPINGS = ("mechanism", "kind", "polarity", "loop")
#: Name of the group of loops that have no such mark.
OTHER = "other"


class Link(NamedTuple):
    """A causal link between two variables of the model (elements of arrays as ``Name[a]``).

    A stock within a delay, smooth or macro is a variable too, named ``Name#smooth1``, ``Name#delay1`` and so on.
    """

    source: str
    target: str


class Loop(NamedTuple):
    """A feedback loop.

    Attributes
    ----------
    id : str
        As in the model's ``loops.csv``; else ``R``, ``B`` or ``U`` and a number that no named loop has.
    name : str
        What ``loops.csv`` calls it; empty for a loop without a name.
    polarity : str
        ``R`` where the score is never negative, ``B`` where it is never positive, ``U`` where it is both at different
        times (pysimlin tells ``Rux`` and ``Bux``, mostly reinforcing or balancing, from ``U``; :attr:`confidence` says
        how much) and where it is always zero.
    confidence : float
        ``|r - b| / (r + b)`` of the sums r of positive and b of negative shares over the times: 1 for a clean ``R`` or
        ``B``, 0 where both are equal or the loop never acts.
    variables : tuple of str
        In the order of the causal links; the last one acts on the first.
    partition : int
        Number in :attr:`LoopAnalysis.partitions`.
    mean_share : float
        Mean over the times of the share without its sign.
    mechanism, kind : str
        As ``loops.csv`` has them; empty for a loop without a name.
    """

    id: str
    name: str
    polarity: str
    confidence: float
    variables: tuple[str, ...]
    partition: int
    mean_share: float
    mechanism: str = ""
    kind: str = ""

    @property
    def length(self) -> int:
        """Number of variables, which is that of links."""
        return len(self.variables)

    @property
    def links(self) -> tuple[Link, ...]:
        """Its links, the one from the first variable first."""
        return tuple(map(Link, self.variables, (*self.variables[1:], self.variables[0])))

    @property
    def shown(self) -> tuple[str, ...]:
        """Its variables without what delays, smooths and macros keep inside: those that the model file names."""
        return tuple(name for name in self.variables if "#" not in name) or self.variables

    @property
    def label(self) -> str:
        """Its name with its id, or the id alone."""
        return f"{self.id} {self.name}" if self.name not in ("", self.id) else self.id


class Partition(NamedTuple):
    """A set of stocks that share loops; shares of loops are comparable within one alone.

    Attributes
    ----------
    stocks : tuple of str
    loops : int
        How many loops that were found run through them. A loop that is alone has a share of 1 whenever it acts.
    """

    stocks: tuple[str, ...]
    loops: int


#: One of :data:`GROUPINGS`, or what gives a loop the name of its group.
Grouping = str | Callable[[Loop], str]


@dataclass(frozen=True, slots=True)
class Grouped:
    """Shares of groups of loops.

    Attributes
    ----------
    by : str
        One of :data:`GROUPINGS`, or ``group``.
    names : tuple of str
        Groups, in the order of the first loop of each; loops without a mark are :data:`OTHER`, at the end.
    shares : array, shape (..., time, group)
        Sums of absolute shares. What is missing to 1 is in loops that were found but not kept.
    net : array, shape (..., time, group)
        Sums of signed shares: what reinforces less what balances.
    """

    by: str
    names: tuple[str, ...]
    shares: NDArray[np.float64]
    net: NDArray[np.float64]

    def leader(self, others: bool = False) -> NDArray[np.int64]:
        """Number of the group with the largest share at each time, -1 where all are zero; `others`: counting OTHER."""
        shares = self.shares.copy()
        if not others and OTHER in self.names:
            shares[..., self.names.index(OTHER)] = 0.0
        return leaders(shares)


def mark(loop: Loop, by: Grouping) -> str:
    """The group that a loop belongs to; :data:`OTHER` where it has no such mark."""
    if callable(by):
        return by(loop) or OTHER
    found = {"mechanism": loop.mechanism, "kind": loop.kind, "polarity": loop.polarity, "loop": loop.id}
    return found[by] or OTHER


def grouped(
    loops: tuple[Loop, ...], shares: NDArray[np.float64], by: Grouping, partition: int | None = None
) -> Grouped:
    """Sum shares, the last axis of which is that of `loops`, over the groups of them.

    Parameters
    ----------
    loops : tuple of Loop
    shares : array, shape (..., loop)
    by : str or callable
        One of :data:`GROUPINGS`, or what gives each loop the name of its group (empty: none).
    partition : int, optional
        Loops of other partitions count nothing.

    Raises
    ------
    UnknownNameError
        Where `by` is none of :data:`GROUPINGS`.
    """
    if not callable(by) and by not in GROUPINGS:
        raise unknown("grouping", by, GROUPINGS)
    marks = [mark(loop, by) for loop in loops]
    inside = np.array([partition is None or loop.partition == partition for loop in loops], dtype=float)
    names = [name for name in dict.fromkeys(marks) if name != OTHER] + [OTHER] * (OTHER in marks)
    membership = np.array([[m == name for name in names] for m in marks], dtype=float).reshape(len(loops), len(names))
    membership *= inside[:, None]
    kind = by if isinstance(by, str) else "group"
    return Grouped(kind, tuple(names), np.abs(shares) @ membership, shares @ membership)


def named_shares(loops: tuple[Loop, ...], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares, the last axis of which is that of `loops`, relative to the named loops of each partition alone."""
    made = np.zeros_like(shares)
    for partition in {loop.partition for loop in loops}:
        columns = [i for i, loop in enumerate(loops) if loop.name and loop.partition == partition]
        total = np.abs(shares[..., columns]).sum(axis=-1, keepdims=True)
        made[..., columns] = np.divide(
            shares[..., columns], total, out=np.zeros_like(shares[..., columns]), where=total > 0
        )
    made[np.isnan(shares)] = np.nan
    return made


def leaders(shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Index of the largest along the last axis, -1 where none is above zero (or all are NaN)."""
    if not shares.shape[-1]:
        return np.full(shares.shape[:-1], -1, dtype=np.int64)
    clean = np.nan_to_num(shares, nan=0.0)
    return np.where(clean.max(axis=-1) > 0, clean.argmax(axis=-1), -1)
