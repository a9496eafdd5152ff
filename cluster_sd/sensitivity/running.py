"""From a sample to outputs: rows made block by block, run here or on a cluster, kept on disk as they are finished."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cluster_sd.sensitivity.job import Engine, Job, Made, make_job
from cluster_sd.sensitivity.measures_of import Asked, outcomes_of
from cluster_sd.sensitivity.result import Outcome
from cluster_sd.sensitivity.sampling import Outputs, Sample, row_hashes
from cluster_sd.simulate.batch import Counter, block_size, run_blocks, split
from cluster_sd.simulate.checkpoint import Checkpoint, digest
from cluster_sd.simulate.outputs import check_size
from cluster_sd.simulate.running import Settings, thread_count
from cluster_sd.version import __version__

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["Here", "Place", "Ran", "run_sample"]

#: ``rows(first, last)``: the rows of a block and the numbers of their random streams.
RowsOf = Callable[[int, int], tuple[NDArray[np.float64], NDArray[np.int64]]]
#: ``store(first, last, rows, made)``: takes what a block gave.
Store = Callable[[int, int, NDArray[np.float64], Made], None]


class Place(Protocol):
    """Where blocks are run."""

    @property
    def threads(self) -> int:
        """Blocks that run at the same time."""
        ...

    def run(self, job: Job, todo: Sequence[tuple[int, int]], rows: RowsOf, store: Store) -> None:
        """Run the blocks `todo`, in any order; `store` is called once for each, when it is finished."""
        ...


@dataclass(frozen=True)
class Here:
    """The process itself, with so many threads."""

    threads: int

    def run(self, job: Job, todo: Sequence[tuple[int, int]], rows: RowsOf, store: Store) -> None:
        """See :class:`Place`."""
        engine = Engine(job)

        def run(first: int, last: int) -> None:
            values, streams = rows(first, last)
            store(first, last, values, engine.run(values, streams))

        run_blocks(run, todo, self.threads)


@dataclass(frozen=True)
class Ran:
    """Outputs with the settings that were used.

    Attributes
    ----------
    outputs : Outputs
    settings : dict
        Solver, backend, times, scenario and seed of the runs.
    restored : int
        Runs that an earlier, stopped start had finished.
    """

    outputs: Outputs
    settings: dict[str, Any]
    restored: int = 0


def run_sample(
    model: Model,
    sample: Sample,
    asked: Sequence[Asked],
    settings: Settings,
    *,
    place: Place | None = None,
    streams: NDArray[np.int64] | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> Ran:
    """Run every row of a sample.

    Parameters
    ----------
    model : Model
    sample : Sample
    asked : sequence of Asked
        What to keep of a run.
    settings : Settings
        How to run.
    place : Place, optional
        Default: this process, with the threads of `settings`. Results don't depend on it.
    streams : array of int, shape (runs,), optional
        Numbers on which the runs' random numbers depend. Default: the same for all (common random numbers), so that
        two runs differ by their parameters alone.
    checkpoint : Path, optional
        Where the results will go: finished blocks are kept in ``.NAME.partial`` beside it.
    resume : bool
        Go on from the blocks that an earlier start kept. One with fewer samples will do: what is the same row is not
        run again.
    progress : callable, optional
        Called as ``progress(done, total)``.
    """
    place = place or Here(thread_count(settings.threads))
    outcomes = outcomes_of(asked)
    check_size(float(sample.runs) * len(outcomes), "samples or measures")
    job, used = make_job(model, sample.columns, asked, settings, sample.runs)
    arrays = {
        "values": np.full((sample.runs, len(outcomes)), np.nan),
        "item": np.full(sample.runs, -1, dtype=np.int64),
        "time": np.full(sample.runs, np.nan),
        "hashes": np.zeros(sample.runs, dtype=np.uint64),
    }

    def rows(first: int, last: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        own = np.zeros(last - first, dtype=np.int64) if streams is None else streams[first:last]
        return sample.physical(first, last), own

    with _kept(checkpoint, _identity(model, sample, asked, used, streams), arrays, resume) as kept:
        done = np.zeros(sample.runs, dtype=bool) if kept is None else _still_valid(sample, arrays["hashes"], kept.done)
        counter = Counter(sample.runs, restored := int(done.sum()), progress)

        def store(first: int, last: int, values: NDArray[np.float64], made: Made) -> None:
            arrays["hashes"][first:last] = row_hashes(sample.columns, values)
            for name in ("values", "item", "time"):
                arrays[name][first:last] = getattr(made, name)
            if kept is not None:
                kept.add(first, last)
            counter.add(last - first)

        todo = split(sample.runs, _block(job, sample.runs, place.threads), done)
        if todo:
            place.run(job, todo, rows, store)
    return Ran(_outputs(job, outcomes, arrays), used, restored)


def _block(job: Job, runs: int, threads: int) -> int:
    """Runs in a block."""
    experiment = job.experiment(np.zeros((2, job.columns)))
    return block_size(replace(experiment, inputs=replace(experiment.inputs, runs=runs)), threads)


def _outputs(job: Job, outcomes: tuple[Outcome, ...], arrays: dict[str, NDArray[Any]]) -> Outputs:
    item = arrays["item"]
    names = {i: job.item_name(i) for i in np.unique(item).tolist()}
    return Outputs(
        outcomes=outcomes,
        values=arrays["values"],
        failed=item >= 0,
        hashes=arrays["hashes"],
        failed_variable=np.array([names[i] for i in item.tolist()], dtype=object),
        failed_time=arrays["time"],
    )


@contextmanager
def _kept(
    out: Path | None, belongs: dict[str, str], arrays: dict[str, NDArray[Any]], resume: bool
) -> Iterator[Checkpoint | None]:
    if out is None:
        yield None
        return
    with Checkpoint(out, belongs, arrays, resume) as kept:
        yield kept


def _still_valid(
    sample: Sample, hashes: NDArray[np.uint64], done: NDArray[np.bool_], block: int = 20_000
) -> NDArray[np.bool_]:
    """Which of the rows that were read back are still those of the sample (a larger sample begins with a smaller)."""
    valid = done.copy()
    for first in range(0, len(done), block):
        last = min(first + block, len(done))
        if done[first:last].any():
            valid[first:last] &= hashes[first:last] == sample.hashes(first, last)
    return valid


def _identity(
    model: Model, sample: Sample, asked: Sequence[Asked], used: dict[str, Any], streams: NDArray[np.int64] | None
) -> dict[str, str]:
    """Hashes of all that a kept block depends on beside its rows, which have hashes of their own."""
    columns = [[f.column, repr(f.distribution)] for f in sample.problem.factors]
    tables = model.path.parent / "scenarios.toml"
    chance = None if streams is None else hashlib.sha256(streams.tobytes()).hexdigest()
    scenario = tables.read_text(encoding="utf-8") if used["scenario"] is not None and tables.is_file() else ""
    return {
        "model": digest([model.hash, model.files, __version__]),
        "design": digest(
            [sample.method, sample.seed, sorted(sample.settings.items(), key=str), columns, scenario, chance]
        ),
        "measures": digest([[one.text, one.times.tolist()] for one in asked]),
        "settings": digest(used),
    }
