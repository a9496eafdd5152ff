"""A design's runs as plain data: the program, its times, and how rows of the design become rows of outputs.

A job knows nothing of files or of the model's folder. It can be turned into bytes and back, nothing is pickled; so
the same job gives the same numbers in this process, in a thread, or on another machine with the same kind of processor.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.measures import Measure, evaluate, needs, time_index
from cluster_sd.program.ir import Program
from cluster_sd.program.kernel import Grid, Kernel
from cluster_sd.program.store import Entry, pack, unpack
from cluster_sd.simulate.batch import Experiment, item_name, run_block
from cluster_sd.simulate.design import as_design
from cluster_sd.simulate.execute import adaptive, checked, kernel_of
from cluster_sd.simulate.executor import Block
from cluster_sd.simulate.inputs import Column, Inputs
from cluster_sd.simulate.running import Settings, prepare
from cluster_sd.solvers.tableau import FIXED_STEP

if TYPE_CHECKING:
    from cluster_sd.api import Model
    from cluster_sd.sensitivity.measures_of import Asked

__all__ = ["Engine", "Job", "Made", "engine_of", "make_job"]

#: Engines that a process keeps for whoever sends the same job again.
KEPT = 4


class Fed(NamedTuple):
    """A parameter's value from a time on: a column of the design, or (column -1) one number for all runs."""

    parameter: int
    time: float
    column: int
    value: float


class Taken(NamedTuple):
    """A measure, the kept output that it looks at, and which of the saved times."""

    measure: Measure
    output: int
    rows: tuple[int, ...]

    @property
    def width(self) -> int:
        """Columns of outputs."""
        return len(self.rows) if self.measure.is_series else 1


class Made(NamedTuple):
    """Results of some runs.

    Attributes
    ----------
    values : array, shape (run, output)
        NaN in runs that failed.
    item : array of int, shape (run,)
        What was not finite, see :class:`cluster_sd.simulate.batch.Failures`; -1 where a run did not fail.
    time : array, shape (run,)
        When; NaN where a run did not fail.
    """

    values: NDArray[np.float64]
    item: NDArray[np.int64]
    time: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that runs and their measures depend on, beside the rows of the design.

    Attributes
    ----------
    program : Program
    grid : Grid
        With the saved times that the measures need, and no others.
    solver : str
    backend : {"llvm", "numpy"} or None
    base : array, shape (parameter,)
    fed : tuple of Fed
    kept : tuple of str
        Outputs of the program that the measures look at.
    checked : tuple of bool
        Whether a value that is not finite in one of these fails a run.
    taken : tuple of Taken
    columns : int
        Of the design.
    runs : int
        About how many there will be; the engine chooses by it how well to compile.
    seed : int
    """

    program: Program
    grid: Grid
    solver: str
    backend: str | None
    base: NDArray[np.float64]
    fed: tuple[Fed, ...]
    kept: tuple[str, ...]
    checked: tuple[bool, ...]
    taken: tuple[Taken, ...]
    columns: int
    runs: int
    seed: int

    @property
    def width(self) -> int:
        """Columns of outputs."""
        return sum(one.width for one in self.taken)

    def inputs(self, rows: NDArray[np.float64]) -> Inputs:
        """Parameter values of the runs in `rows`, shape (run, column)."""
        columns = (
            Column(one.parameter, one.time, np.asarray(one.value if one.column < 0 else rows[:, one.column], float))
            for one in self.fed
        )
        return Inputs(self.base, tuple(columns), len(rows))

    def experiment(self, rows: NDArray[np.float64], streams: NDArray[np.int64] | None = None) -> Experiment:
        """Those runs, as the simulating layer takes them."""
        return Experiment(self.program, self.grid, self.inputs(rows), self.kept, self.seed, streams)

    def item_name(self, item: int) -> str:
        """The variable that a failure's `item` means."""
        return item_name(self.experiment(np.zeros((1, self.columns))), item)

    def to_bytes(self) -> bytes:
        """The job as a file's bytes: arrays and JSON."""
        grid = self.grid
        rest = {
            "grid": [grid.start, grid.stop, grid.dt, grid.save_step, grid.steps, grid.saves.tolist()],
            "base": self.base.tolist(),
            "fed": [list(one) for one in self.fed],
            "taken": [[[m.text, m.kind, m.variable, m.argument], output, list(rows)] for m, output, rows in self.taken],
            "kept": list(self.kept),
            "checked": list(self.checked),
            **{name: getattr(self, name) for name in ("solver", "backend", "columns", "runs", "seed")},
        }
        return pack(Entry(self.program, rest))

    @classmethod
    def from_bytes(cls, content: bytes) -> Job:
        """Inverse of :meth:`to_bytes`."""
        program, rest = (entry := unpack(content)).program, entry.metadata
        start, stop, dt, save_step, steps, saves = rest["grid"]
        return cls(
            program=program,
            grid=Grid(start, stop, dt, save_step, steps, np.array(saves, dtype=np.int64)),
            base=np.array(rest["base"], dtype=float),
            fed=tuple(Fed(*one) for one in rest["fed"]),
            taken=tuple(Taken(Measure(*m), output, tuple(rows)) for m, output, rows in rest["taken"]),
            kept=tuple(rest["kept"]),
            checked=tuple(rest["checked"]),
            **{name: rest[name] for name in ("solver", "backend", "columns", "runs", "seed")},
        )


def make_job(
    model: Model, names: Sequence[str], asked: Sequence[Asked], settings: Settings, runs: int
) -> tuple[Job, dict[str, Any]]:
    """The job of running designs with the columns `names`, and the settings that were used, for the record.

    Raises
    ------
    InputError
        For names and settings that can't be used.
    """
    if (settings.backend or "").lower() == "pysd":
        raise InputError("--backend pysd makes one run at a time; a sensitivity analysis needs llvm or numpy")
    changes = as_design({name: np.array([0.0, 1.0]) for name in names}).changes if names else ()
    ready = prepare(model._planner, settings, (*model._scenario(settings.scenario), *changes), (), 2)
    experiment = ready.experiment
    source = {id(change.values): column for column, change in enumerate(changes)}
    fed = [
        Fed(one.parameter, one.time, source.get(id(one.values), -1), 0.0 if one.values.ndim else float(one.values))
        for one in experiment.inputs.columns
    ]
    kept = tuple(dict.fromkeys(one.variable for one in asked))
    grid, taken = _narrowed(experiment.grid, asked, kept)
    job = Job(
        program=experiment.program,
        grid=grid,
        solver=ready.solver,
        backend=ready.backend,
        base=experiment.inputs.base,
        fed=tuple(fed),
        kept=kept,
        checked=checked(experiment.program, model.metadata, kept),
        taken=taken,
        columns=len(names),
        runs=runs,
        seed=experiment.seed,
    )
    return job, dict(ready.settings)


def _narrowed(grid: Grid, asked: Sequence[Asked], kept: Sequence[str]) -> tuple[Grid, tuple[Taken, ...]]:
    """The saved times that the measures need, and the measures with their places in them."""
    times = grid.times
    rows = [
        np.array([time_index(times, t) for t in one.times]) if one.measure.is_series else needs(one.measure, times)
        for one in asked
    ]
    used = np.unique(np.concatenate(rows))
    taken = [
        Taken(one.measure, kept.index(one.variable), tuple(np.searchsorted(used, own).tolist()))
        for one, own in zip(asked, rows, strict=True)
    ]
    return replace(grid, saves=grid.saves[used]), tuple(taken)


class Engine:
    """A job made ready to run; safe to use from several threads."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._kernel: Kernel | None = None
        if job.solver in FIXED_STEP:
            two = job.experiment(np.zeros((2, job.columns)))
            self._kernel = kernel_of(two, job.solver, job.backend, job.checked, job.runs)

    def run(self, rows: NDArray[np.float64], streams: NDArray[np.int64]) -> Made:
        """Run the rows of a design.

        Parameters
        ----------
        rows : array, shape (run, column)
        streams : array of int, shape (run,)
            Numbers of the runs, on which their random numbers depend.
        """
        experiment = self.job.experiment(rows, streams)
        if self._kernel is None:
            block = adaptive(experiment, self.job.solver, self.job.backend, self.job.checked).execute(0, len(rows))
            return self._measure(block)
        batch, failures = run_block(experiment, self._kernel, 0, len(rows))
        return self._measure(Block(batch.series, failures))

    def _measure(self, block: Block) -> Made:
        failed = block.failures.item >= 0
        times = self.job.grid.times
        values = np.empty((len(failed), self.job.width))
        place = 0
        for one in self.job.taken:
            rows = _span(one.rows)
            with np.errstate(all="ignore"):
                made = evaluate(one.measure, times[rows], block.series[rows, one.output, :])
            values[:, place : place + one.width] = made.reshape(one.width, -1).T
            place += one.width
        values[failed] = np.nan
        return Made(values, block.failures.item, block.failures.time)


def _span(rows: tuple[int, ...]) -> slice | list[int]:
    """Rows as a slice, of which no copy is made, where they follow each other."""
    first, last = rows[0], rows[-1]
    return slice(first, last + 1) if last - first + 1 == len(rows) else list(rows)


_engines: OrderedDict[str, Engine] = OrderedDict()
_lock = threading.Lock()


def engine_of(content: bytes) -> Engine:
    """The engine of a job's bytes, made once in a process."""
    digest = hashlib.sha256(content).hexdigest()
    with _lock:
        if digest not in _engines:
            _engines[digest] = Engine(Job.from_bytes(content))
            while len(_engines) > KEPT:
                _engines.popitem(last=False)
        return _engines[digest]
