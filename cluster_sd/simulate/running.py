"""One run and many runs of a loaded model: from what is asked to result arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError, SimulationError
from cluster_sd.model.names import clean
from cluster_sd.simulate.batch import Counter, Experiment, block_size, item_name, run_blocks, split, usable_cores
from cluster_sd.simulate.checkpoint import Checkpoint, identity
from cluster_sd.simulate.dataset import EnsembleArrays, RunArrays
from cluster_sd.simulate.design import Change, Design, Series
from cluster_sd.simulate.execute import executor, solver_name
from cluster_sd.simulate.executor import Block, Execute
from cluster_sd.simulate.grid import make_grid
from cluster_sd.simulate.kernels import check_backend
from cluster_sd.simulate.measuring import Results, narrowed
from cluster_sd.simulate.metadata import Metadata
from cluster_sd.simulate.outputs import check_size, pick_variables, time_unit
from cluster_sd.simulate.plan import Planner

_MAX_SEED = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Settings:
    """How runs are to be made; None is what the model file says.

    Attributes
    ----------
    scenario : str or None
        For the record; its changes are given apart.
    solver, backend : str or None
    time_step, start, stop, save_every : float or None
    seed : int
    threads : int or None
    """

    scenario: str | None = None
    solver: str | None = None
    backend: str | None = None
    time_step: float | None = None
    start: float | None = None
    stop: float | None = None
    save_every: float | None = None
    seed: int = 0
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """An experiment with its solver: ready to be executed."""

    experiment: Experiment
    metadata: Metadata
    solver: str
    backend: str | None
    settings: Mapping[str, Any]


def run_one(
    planner: Planner,
    settings: Settings,
    changes: Sequence[Change],
    series: Sequence[Series],
    variables: Iterable[str] | None,
) -> RunArrays:
    """One run with all its variables, or those in `variables`.

    Raises
    ------
    SimulationError
        Where a stock or a kept variable is not finite: which, and when.
    """
    ready = prepare(planner, settings, changes, series, 1)
    names = pick_variables(ready.experiment.program, planner.metadata, variables)
    check_size(len(names) * len(ready.experiment.grid.saves), "variables")
    experiment = replace(ready.experiment, kept=names)
    how = executor(experiment, ready.metadata, ready.solver, ready.backend)
    block = how.execute(0, 1)
    _raise_failure(experiment, block, 0)
    about = [planner.metadata.find(name) for name in names]
    return RunArrays(
        times=experiment.grid.times,
        names=names,
        values=np.ascontiguousarray(block.series[:, :, 0]),
        units=tuple("" if v is None else v.unit for v in about),
        documentation=tuple("" if v is None else v.documentation for v in about),
        time_unit=time_unit(planner.metadata),
        settings={**ready.settings, "backend": how.backend},
    )


def run_many(
    planner: Planner,
    settings: Settings,
    base: Sequence[Change],
    design: Design,
    measures: Sequence[str],
    *,
    streams: Any = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> EnsembleArrays:
    """One run for each row of `design`, with only the measures kept; `base` holds for all runs."""
    ready = prepare(planner, settings, (*base, *design.changes), design.series, design.runs)
    experiment, picked = narrowed(ready.experiment, planner.metadata, measures)
    if streams is not None:
        experiment = replace(experiment, streams=check_streams(streams, design.runs, ready.backend))
    threads = thread_count(settings.threads)
    results = Results.empty(experiment, picked, ready.experiment.grid)
    how = executor(experiment, ready.metadata, ready.solver, ready.backend)
    size = how.block or block_size(experiment, threads)
    used = {**ready.settings, "backend": how.backend}
    with ExitStack() as stack:
        kept = None
        if checkpoint is not None:
            files = "".join(digest for _, digest in planner.metadata.files)
            belongs = identity(experiment, planner.metadata.hash + files, tuple(measures), used)
            kept = stack.enter_context(Checkpoint(checkpoint, belongs, results.arrays(), resume))
        done = None if kept is None else kept.done
        counter = Counter(design.runs, 0 if done is None else int(done.sum()), progress)
        run = _fill(how.execute, results, None if kept is None else kept.add)
        run_blocks(run, split(design.runs, size, done), min(threads, how.threads or threads), counter.add)
    return results.finished(planner.metadata, {**used, "threads": threads})


def prepare(
    planner: Planner,
    settings: Settings,
    changes: Sequence[Change],
    series: Sequence[Series],
    runs: int,
    wanted: Sequence[Change] = (),
) -> Prepared:
    """Resolve names, check time settings, solver, backend and seed; `wanted` is laid open and not changed."""
    program, inputs = planner.plan(changes, series, runs, wanted)
    control = program.control
    saveper = planner.metadata.by_name.get("saveper")
    grid = make_grid(
        control,
        start=settings.start,
        stop=settings.stop,
        time_step=settings.time_step,
        save_every=settings.save_every,
        file=planner.metadata.path,
        saves_steps=saveper is not None and clean(saveper.equation) in ("time_step", "dt"),
    )
    for change in changes:
        if grid.stop < change.time and not change.lenient:
            raise InputError(
                f"{change.where}: '{change.name}' would change at {change.time:.10g}, after the end of the run "
                f"({grid.stop:.10g})"
            )
    solver, backend = solver_name(settings.solver, control.method), check_backend(settings.backend)
    seed = check_seed(settings.seed)
    used = {
        "solver": solver,
        "backend": backend,
        "time_step": grid.dt,
        "start": grid.start,
        "stop": grid.stop,
        "save_every": grid.save_step,
        "scenario": settings.scenario,
        "seed": seed,
    }
    experiment = Experiment(program, grid, inputs, (), seed)
    return Prepared(experiment, planner.metadata, solver, backend, used)


def check_seed(seed: int) -> int:
    """`seed`, or InputError where it is no whole number from 0 to 2**64 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed <= _MAX_SEED:
        raise InputError(f"seed is {seed!r}; it must be a whole number from 0 to 2^64 - 1")
    return int(seed)


def check_streams(streams: Any, runs: int, backend: str | None = None) -> NDArray[np.int64]:
    """Streams of `runs` runs; InputError where they are no whole numbers from 0, or the backend has none."""
    if backend == "pysd":
        raise InputError(
            "backend pysd draws random numbers of its own, so that runs have no streams; take llvm or numpy"
        )
    array = np.asarray(streams)
    if array.shape != (runs,) or array.dtype.kind not in "iu":
        raise InputError(f"streams: {runs} whole numbers belong here, one a run, not {array.dtype} of {array.shape}")
    if runs and not 0 <= int(array.min()) <= int(array.max()) < 2**63:
        raise InputError(f"streams: {array.min()} to {array.max()} can't be used; they go from 0 to 2^63 - 1")
    return array.astype(np.int64)


def thread_count(threads: int | None) -> int:
    """Threads to use: those asked for, else the cores that this process may use."""
    if threads is None:
        return usable_cores()
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
        raise InputError(f"threads is {threads!r}; it must be a whole number from 1")
    return int(threads)


def _raise_failure(experiment: Experiment, block: Block, run: int) -> None:
    item = int(block.failures.item[run])
    if item >= 0:
        raise SimulationError(item_name(experiment, item), float(block.failures.time[run]), block.detail)


def _fill(execute: Execute, results: Results, keep: Callable[[int, int], None] | None) -> Callable[[int, int], None]:
    def run(first: int, last: int) -> None:
        results.fill(first, last, execute(first, last))
        if keep is not None:
            keep(first, last)

    return run
