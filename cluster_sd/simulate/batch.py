"""Runs in blocks: memory bounded by what is kept, threads over blocks, results that depend on neither."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cluster_sd.program.ir import Program
from cluster_sd.program.kernel import Batch, Grid, Kernel
from cluster_sd.simulate.inputs import Inputs

#: Memory that one block may take, in bytes.
BLOCK_BYTES = 64 * 2**20
#: Most runs in a block: more gain nothing, and a progress bar should move.
BLOCK_RUNS = 16_384
#: Blocks that each thread should have, so that all end at about the same time; the runs that a block then has at least.
BLOCKS_A_THREAD, LEAST_RUNS = 8, 2048
#: Blocks are whole multiples of this (a multiple of every emitter's vector length).
BLOCK_ROUND = 64

_MADE = re.compile(r"(?<=.)#[a-z]+\d*$")


@dataclass(frozen=True, slots=True)
class Experiment:
    """A program, its times and its parameter values: everything that determines a result.

    Attributes
    ----------
    program : Program
    grid : Grid
    inputs : Inputs
    kept : tuple of str
        Names of the outputs that are kept, in order.
    seed : int
        Of the random numbers.
    streams : array of int, shape (run,), or None
        Which random numbers each run meets: runs of one stream meet the same. None: each run its own, by its number.
    """

    program: Program
    grid: Grid
    inputs: Inputs
    kept: tuple[str, ...]
    seed: int
    streams: NDArray[np.int64] | None = None

    def noise(self, first: int, last: int) -> NDArray[np.int64]:
        """Streams of the runs from `first` up to, not including, `last`."""
        return np.arange(first, last, dtype=np.int64) if self.streams is None else self.streams[first:last]


@dataclass(frozen=True, slots=True)
class Failures:
    """Runs that failed.

    Attributes
    ----------
    item : array of int, shape (run,)
        A position in ``program.states``, or ``len(program.states)`` plus one in ``kept``; -1 where a run did not fail.
    time : array, shape (run,)
        First time at which that item was not finite; NaN where a run did not fail.
    """

    item: NDArray[np.int64]
    time: NDArray[np.float64]

    @classmethod
    def none(cls, runs: int) -> Failures:
        """No run failed (yet)."""
        return cls(np.full(runs, -1, dtype=np.int64), np.full(runs, np.nan))


def visible_name(name: str) -> str:
    """Name in the model file of what was made for a variable (a delay's stocks are ``Name#…``).

    >>> visible_name("Perceived price#smooth1")
    'Perceived price'
    """
    return _MADE.sub("", name)


def item_name(experiment: Experiment, item: int) -> str:
    """Name of what a failure's `item` means; empty for -1."""
    states = experiment.program.states
    if item < 0:
        return ""
    return visible_name(states[item].name) if item < len(states) else experiment.kept[item - len(states)]


def usable_cores() -> int:
    """Cores that this process may use."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on macOS and Windows
        return max(1, os.cpu_count() or 1)


def block_size(experiment: Experiment, threads: int) -> int:
    """Runs in a block: few enough for memory, many enough for speed, and a block for each thread."""
    results = len(experiment.grid.saves) * len(experiment.kept)
    width = results + 2 * len(experiment.inputs.varying) + len(experiment.program.nodes)  # an emitter's own scratch
    size = min(BLOCK_BYTES // (8 * width), BLOCK_RUNS)
    if threads > 1:
        share = -(-experiment.inputs.runs // threads)
        size = min(size, share, max(-(-share // BLOCKS_A_THREAD), LEAST_RUNS))
    return max(BLOCK_ROUND, size // BLOCK_ROUND * BLOCK_ROUND)


def run_block(experiment: Experiment, kernel: Kernel, first: int, last: int) -> tuple[Batch, Failures]:
    """Run the runs from `first` up to, not including, `last`."""
    grid = experiment.grid
    segments = experiment.inputs.segments(grid, first, last)
    batch = kernel.integrate(grid, segments, experiment.seed, experiment.noise(first, last))
    failed = batch.failed_step >= 0
    time = np.where(failed, grid.start + batch.failed_step * grid.dt, np.nan)
    return batch, Failures(np.asarray(batch.failed_item, dtype=np.int64), time)


def run_blocks(
    run: Callable[[int, int], None],
    todo: Sequence[tuple[int, int]],
    threads: int,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Call ``run(first, last)`` for each block of `todo`, in threads; the first error stops the rest and is raised.

    Parameters
    ----------
    run : callable
        Safe to call from several threads.
    todo : sequence of (int, int)
        Blocks of runs.
    threads : int
    progress : callable, optional
        Called with the number of runs just done, from one thread at a time.
    """
    if threads <= 1 or len(todo) <= 1:
        for first, last in todo:
            run(first, last)
            if progress is not None:
                progress(last - first)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: dict[Future[None], tuple[int, int]] = {}
        try:
            for first, last in _finished(pool, run, iter(todo), waiting, 2 * threads):
                if progress is not None:
                    progress(last - first)
        except BaseException:  # an interrupt too: what has not begun never begins
            for future in waiting:
                future.cancel()
            raise


def _finished(
    pool: ThreadPoolExecutor,
    run: Callable[[int, int], None],
    blocks: Iterator[tuple[int, int]],
    waiting: dict[Future[None], tuple[int, int]],
    most: int,
) -> Iterator[tuple[int, int]]:
    """Blocks as they end; at most so many are in the pool at any time, so that a million wait as numbers only."""
    while True:
        for block in itertools.islice(blocks, most - len(waiting)):
            waiting[pool.submit(run, *block)] = block
        if not waiting:
            return
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            block = waiting.pop(future)
            future.result()
            yield block


class Counter:
    """Adds up what is done and tells the user's function the sum."""

    def __init__(self, total: int, done: int, tell: Callable[[int, int], object] | None) -> None:
        self.total, self.done, self._tell = total, done, tell
        if tell is not None and done:
            tell(done, total)

    def add(self, count: int) -> None:
        """Count `count` more."""
        self.done += count
        if self._tell is not None:
            self._tell(self.done, self.total)


def split(runs: int, size: int, done: NDArray[np.bool_] | None = None) -> list[tuple[int, int]]:
    """Blocks of at most `size` runs that cover all runs that are not yet `done`."""
    if done is None or not done.any():
        return [(first, min(first + size, runs)) for first in range(0, runs, size)]
    edges = np.flatnonzero(np.diff(np.concatenate([[True], done, [True]]).astype(np.int8)))
    gaps = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(first, min(first + size, stop)) for start, stop in gaps for first in range(start, stop, size)]
