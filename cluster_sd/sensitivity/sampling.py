"""A sample: the rows that a method wants run, and the outputs that come back for them.

Rows are made when they are asked for, block by block: the rows of 300 factors and 200,000 runs would fill half a
gigabyte, what they are made from fills two hundredths of that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.sensitivity.columns import in_threads
from cluster_sd.sensitivity.problem import Problem
from cluster_sd.sensitivity.result import Outcome

__all__ = [
    "REPLICATES",
    "Matrix",
    "Outputs",
    "Rows",
    "Sample",
    "base_points",
    "check_outputs",
    "extended",
    "larger",
    "power_of_two",
    "row_hashes",
]

Floats = NDArray[np.float64]

#: Independently randomised Sobol sequences that make a sample; half as many as points where there are fewer.
REPLICATES = 32
LEAST = 8
#: Digits of SciPy's Sobol sequence.
BITS = 30


class Rows(Protocol):
    """How the rows of a sample come from what is kept of it."""

    @property
    def runs(self) -> int:
        """Number of rows."""
        ...

    def unit(self, start: int, stop: int) -> Floats:
        """Rows from `start` to before `stop`, each coordinate from 0 to 1; shape (rows, factor)."""
        ...

    def head(self, n: int) -> Rows:
        """What a sample of the first `n` (base points, trajectories …) has; `InputError` where that is none."""
        ...


@dataclass(frozen=True, eq=False)
class Matrix:
    """Rows that are kept as they are.

    Attributes
    ----------
    values : array, shape (rows, factor)
    """

    values: Floats

    @property
    def runs(self) -> int:
        """Number of rows."""
        return len(self.values)

    def unit(self, start: int, stop: int) -> Floats:
        """Rows from `start` to before `stop`."""
        return self.values[start:stop]

    def head(self, n: int) -> Matrix:
        """The first `n` rows."""
        return Matrix(self.values[:n])


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows to run.

    Attributes
    ----------
    problem : Problem
    method : str
        Name of the method that made it.
    n : int
        What ``--samples`` counts: base points, trajectories, or points per parameter.
    seed : int
    rows : Rows
        What its rows are made from.
    settings : mapping
        What the method needs to know again for analysing or extending it (plain values).
    notes : tuple of str
        What was decided on the user's behalf, as rounding `n` up.
    """

    problem: Problem
    method: str
    n: int
    seed: int
    rows: Rows
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def runs(self) -> int:
        """Number of rows."""
        return self.rows.runs

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the design."""
        return self.problem.columns

    def unit(self, start: int = 0, stop: int | None = None) -> Floats:
        """Rows `start` to before `stop` in the unit cube, shape (rows, factor)."""
        return self.rows.unit(start, self.runs if stop is None else min(stop, self.runs))

    def physical(self, start: int = 0, stop: int | None = None) -> Floats:
        """The same rows as values of the factors, shape (rows, factor), each column contiguous."""
        return self.problem.physical(self.unit(start, stop))

    def design(self, start: int = 0, stop: int | None = None) -> dict[str, Floats]:
        """The same rows as columns for ``model.ensemble_arrays``."""
        values = self.physical(start, stop)
        return {column: values[:, i] for i, column in enumerate(self.columns)}

    def hashes(self, start: int = 0, stop: int | None = None) -> NDArray[np.uint64]:
        """A hash of each row, of the columns' names and the values; shape (rows,)."""
        return row_hashes(self.columns, self.physical(start, stop))


def row_hashes(columns: Sequence[str], values: Floats) -> NDArray[np.uint64]:
    """A hash of each row of a design: its columns' names and its values, mixed one after the other.

    The mixer is that of SplitMix64 (Steele, Lea and Flood 2014), all rows at once: a digest of bytes row by row took a
    second and a half of the half minute of a large analysis.

    Parameters
    ----------
    columns : sequence of str
    values : (rows, column) array
    """
    name = hashlib.blake2b("\0".join(columns).encode(), digest_size=8).digest()
    bits = np.asarray(values, dtype=np.float64)
    found = np.full(len(bits), int.from_bytes(name, "little"), dtype=np.uint64)
    for column in bits.T:
        found += np.ascontiguousarray(column).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        found ^= found >> np.uint64(31)
    return found


@dataclass(frozen=True, eq=False)
class Outputs:
    """What came back for the rows of a sample, in their order.

    Attributes
    ----------
    outcomes : tuple of Outcome
        A measure, or a measure at one saved time, each.
    values : array, shape (runs, outcome)
    failed : array of bool, shape (runs,)
    hashes : array of uint64, shape (runs,)
        Of the rows that were run, as `Sample.hashes` gives them, computed from the rows that were handed to the model.
    failed_variable : array of str, shape (runs,), optional
        Where a run failed: the first variable that was not finite.
    failed_time : array, shape (runs,), optional
    """

    outcomes: tuple[Outcome, ...]
    values: Floats
    failed: NDArray[np.bool_]
    hashes: NDArray[np.uint64]
    failed_variable: NDArray[np.object_] | None = None
    failed_time: Floats | None = None

    @property
    def runs(self) -> int:
        """Number of rows."""
        return len(self.values)

    def part(self, runs: int, columns: Sequence[int]) -> Outputs:
        """Outputs of the first runs and of some outcomes."""
        variable, time = self.failed_variable, self.failed_time
        return Outputs(
            tuple(self.outcomes[i] for i in columns),
            self.values[:runs, list(columns)],
            self.failed[:runs],
            self.hashes[:runs],
            None if variable is None else variable[:runs],
            None if time is None else time[:runs],
        )


def check_outputs(sample: Sample, outputs: Outputs, block: int = 20_000) -> None:
    """See that outputs belong to the rows of a sample, one by one.

    Raises
    ------
    InputError
        Where there are more or fewer than rows, or a row's hash is another's: the outputs are out of order, or from
        another design.
    """
    if outputs.runs != sample.runs:
        raise InputError(f"the sample has {sample.runs:,} runs and there are outputs of {outputs.runs:,}")
    if outputs.values.shape != (sample.runs, len(outputs.outcomes)):
        raise InputError(
            f"outputs need the shape (runs, outcomes) = ({sample.runs}, {len(outputs.outcomes)}), "
            f"not {outputs.values.shape}"
        )

    def wrong(start: int) -> NDArray[np.intp]:
        stop = min(start + block, sample.runs)
        return start + np.flatnonzero(sample.hashes(start, stop) != outputs.hashes[start:stop])

    for found in in_threads(wrong, range(0, sample.runs, block)):
        if found.size:
            raise InputError(
                f"the outputs of run {found[0]} are not those of the sample's row: they are out of order, or "
                "from another design; run the sample again"
            )


def base_points(dimension: int, n: int, replicates: int, seed: int) -> Floats:
    """Points of independently randomised Sobol sequences, by turns.

    One sequence with a random linear scrambling is shifted (digit by digit, modulo 2) by a random vector for each
    replicate. Point i is point ``i // replicates`` of sequence ``i % replicates``: a larger `n` adds points and
    changes none.

    Returns
    -------
    array, shape (n, dimension), above 0 and below 1
    """
    from scipy.stats import qmc

    rng = np.random.default_rng([seed, dimension, replicates])
    points = qmc.Sobol(dimension, scramble=True, bits=BITS, rng=rng).random(n // replicates)
    whole = (points * 2.0**BITS).astype(np.uint32)
    shift = rng.integers(0, 2**BITS, size=(replicates, dimension), dtype=np.uint32)
    shifted = (whole[:, None] ^ shift).reshape(n, dimension)
    return (shifted.astype(np.float64) + 0.5) / 2.0**BITS


def power_of_two(n: int) -> tuple[int, tuple[str, ...]]:
    """The number of points, rounded up to a power of two, and a note where that changed it.

    Raises
    ------
    InputError
        Below 1, and beyond what the sequence has.
    """
    if n < 1:
        raise InputError(f"the number of base points must be 1 or more, not {n}")
    size = max(LEAST, 1 << (int(n) - 1).bit_length())
    if size > 2**24:
        raise InputError(f"{n:,} base points are too many; the largest number is {2**24:,}")
    if size == n:
        return size, ()
    return size, (f"{n:,} base points were rounded up to {size:,}: a Sobol sequence is balanced at powers of two",)


def extended(sample: Callable[..., Sample], counted: str, *settings: str) -> Callable[[Sample, int], Sample]:
    """How a sample grows of which a larger one begins with the smaller: it is drawn again, with the same `settings`.

    What it has so many of is `counted` in messages.
    """

    def extend(old: Sample, n: int) -> Sample:
        """The same sample, larger; `InputError` where `n` is smaller than what there is."""
        kept = {name: old.settings[name] for name in settings}
        return larger(old, sample(old.problem, n, seed=old.seed, **kept), n, counted)

    return extend


def larger(old: Sample, new: Sample, n: int, counted: str) -> Sample:
    """The sample `new`, whose size is `n` rounded up; `InputError` where that is fewer than there are."""
    if new.n < old.n or 2 * n <= old.n:
        raise InputError(f"the sample has {old.n:,} {counted} already; {n:,} are fewer")
    return new
