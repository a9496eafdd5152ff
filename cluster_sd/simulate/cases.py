"""A block of runs to be derived, whatever the mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cluster_sd.program.kernel import Grid, Segment

#: Runs side by side in one block of vector lanes: below this, a lane more costs next to nothing.
LANES = 16


@dataclass(frozen=True, slots=True)
class Case:
    """One block of runs."""

    grid: Grid
    segments: list[Segment]
    moves: NDArray[np.bool_]
    seed: int
    runs: NDArray[np.int64]

    def only(self, runs: NDArray[np.int64]) -> Case:
        """The case with some of its runs, by position."""
        return replace(self, segments=cut(self.segments, runs), moves=self.moves[:, :, runs], runs=self.runs[runs])

    def repeated(self, times: int) -> Case:
        """The case with all its runs so many times, one after the other."""
        segments = [Segment(s.first, s.values, np.tile(s.varying, (1, times))) for s in self.segments]
        moves = np.tile(self.moves, (1, 1, times))
        return replace(self, segments=segments, moves=moves, runs=np.tile(self.runs, times))


def cut(segments: Sequence[Segment], block: slice | NDArray[np.int64]) -> list[Segment]:
    """Segments of some of the runs."""
    return [Segment(s.first, s.values, s.varying[:, block]) for s in segments]
