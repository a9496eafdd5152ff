"""Runs that cannot differ yet are one run: they branch where their constants begin to differ.

A lever that acts from 2025 on leaves the years before as they are. So rows of a design that differ in such levers
alone, as most rows of Saltelli's layout and all variants of a parameter set do, have one history, which is run once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cluster_sd.program.kernel import Segment

__all__ = ["Stretch", "stretches"]

#: Steps of all runs that branching must save: it costs about as much as some steps to copy what a run has come to.
WORTH = 8
#: Odd numbers of the mixer, see :func:`_mixed`.
_ODD, _MIXER = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


class Stretch(NamedTuple):
    """Segments through which the same runs go.

    Attributes
    ----------
    begin, end : int
        Numbers of the first segment, and of the one before which the stretch ends.
    members : array of int, shape (member,)
        The runs that are run, one of each kind.
    of : array of int, shape (run,)
        Which of the members each run is like.
    """

    begin: int
    end: int
    members: NDArray[np.intp]
    of: NDArray[np.intp]

    def segment(self, segment: Segment) -> Segment:
        """A segment of the members alone."""
        return Segment(segment.first, segment.values, np.ascontiguousarray(segment.varying[:, self.members]))


def stretches(
    segments: Sequence[Segment], steps: int, lanes: int, streams: NDArray[np.int64] | None
) -> tuple[Stretch, ...]:
    """How to run runs that are partly the same; none where each had better be run by itself.

    Parameters
    ----------
    segments : sequence of Segment
    steps : int
        Of the whole run.
    lanes : int
        Runs that cost as much as one.
    streams : array of int, shape (run,), or None
        What the runs' random numbers depend on; None where the program draws none.
    """
    begins = [segment.first for segment in segments if segment.first <= steps]
    count = segments[0].varying.shape[1]
    if len(begins) < 2 or count <= lanes:
        return ()
    kinds = _kinds(segments[: len(begins)], streams)
    if kinds is None:
        return ()
    found: list[Stretch] = []
    end, now = len(begins), kinds[-1]
    for number in range(len(begins) - 2, -1, -1):
        many, few = (-(-len(members) // lanes) for members, _ in (now, kinds[number]))
        if (many - few) * (begins[number + 1] - begins[number]) > WORTH * many:
            found.append(Stretch(number + 1, end, *now))
            end, now = number + 1, kinds[number]
    if not found and len(now[0]) == count:
        return ()
    return (Stretch(0, end, *now), *reversed(found))


def _kinds(
    segments: Sequence[Segment], streams: NDArray[np.int64] | None
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]] | None:
    """For each segment, one run of each kind up to its end, and the kind of every run; None if a hash misleads."""
    count = segments[0].varying.shape[1]
    same = np.zeros(count, np.uint64) if streams is None else _bits(streams)
    key, found = same.copy(), []
    for segment in segments:
        if found and len(found[-1][0]) == count:
            found.append(found[-1])
            continue
        _mix(key, segment.varying)
        _, members, of = np.unique(key, return_index=True, return_inverse=True)
        own, bits = members[of], _bits(segment.varying)
        if not (np.array_equal(bits[:, own], bits) and np.array_equal(same[own], same)):
            return None
        order = np.argsort(members)
        members, of = members[order], np.argsort(order)[of]  # as they come
        found.append((members, of))
        same = of
    return found


def _bits(values: NDArray[np.generic]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(values).view(np.uint64)


def _mix(key: NDArray[np.uint64], rows: NDArray[np.float64]) -> None:
    """Mix rows of numbers into the runs' keys."""
    for row in _bits(rows):
        key += row + _ODD
        key ^= key >> np.uint64(31)
        key *= _MIXER
