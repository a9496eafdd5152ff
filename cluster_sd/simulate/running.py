"""One run and many runs of a loaded model: from what is asked to result arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError, SimulationError, unknown
from cluster_sd.measures import Measure, evaluate, needs, parse
from cluster_sd.model.names import clean, split_element
from cluster_sd.program.ir import Program
from cluster_sd.program.kernel import Grid
from cluster_sd.simulate.batch import Counter, Experiment, block_size, item_name, run_blocks, split, usable_cores
from cluster_sd.simulate.checkpoint import Checkpoint, identity
from cluster_sd.simulate.dataset import EnsembleArrays, RunArrays
from cluster_sd.simulate.design import Change, Design, Series
from cluster_sd.simulate.execute import Block, Execute, executor, solver_name
from cluster_sd.simulate.grid import make_grid
from cluster_sd.simulate.kernels import check_backend
from cluster_sd.simulate.metadata import Metadata
from cluster_sd.simulate.plan import Planner, key_of

#: Results larger than this share of the machine's memory are refused with advice, rather than left to the operating
#: system.
MEMORY_SHARE = 0.8
_UNKNOWN_MEMORY = 16 * 2**30
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
    _check_size(len(names) * len(ready.experiment.grid.saves), "variables")
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
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> EnsembleArrays:
    """One run for each row of `design`, with only the measures kept; `base` holds for all runs."""
    ready = prepare(planner, settings, (*base, *design.changes), design.series, design.runs)
    experiment, picked = _narrowed(ready.experiment, planner.metadata, measures)
    threads = thread_count(settings.threads)
    results = _Results.empty(experiment, picked, ready.experiment.grid)
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


def thread_count(threads: int | None) -> int:
    """Threads to use: those asked for, else the cores that this process may use."""
    if threads is None:
        return usable_cores()
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
        raise InputError(f"threads is {threads!r}; it must be a whole number from 1")
    return int(threads)


def time_unit(metadata: Metadata) -> str:
    """The model's unit of time, empty where it has none."""
    for name in ("time", "time_step", "initial_time", "final_time"):
        found = metadata.by_name.get(name)
        if found is not None and found.unit:
            return found.unit
    return ""


def pick_variables(program: Program, metadata: Metadata, variables: Iterable[str] | None) -> tuple[str, ...]:
    """Outputs that `variables` name, all elements of an array that is named whole; all outputs for None."""
    if variables is None:
        return tuple(program.outputs)
    asked = [variables] if isinstance(variables, str) else list(variables)
    if not asked:
        raise InputError("no variables are asked for; name some, or leave the option out for all")
    scalars = {key_of(name): name for name in program.outputs}
    arrays: dict[str, list[str]] = {}
    for name in program.outputs:
        base, subscripts = split_element(name)
        if subscripts:
            arrays.setdefault(clean(base), []).append(name)
    found: dict[str, None] = {}
    for name in asked:
        key = key_of(str(name))
        if key in scalars:
            found[scalars[key]] = None
        elif key in arrays:
            found.update(dict.fromkeys(arrays[key]))
        else:
            raise _no_output(str(name), metadata, program)
    return tuple(found)


def _no_output(name: str, metadata: Metadata, program: Program) -> InputError:
    variable = metadata.find(name)
    if variable is not None and variable.kind == "table":
        return InputError(f"'{variable.name}' is a table, which has no course over time; name a variable that uses it")
    if variable is not None:
        elements = [n for n in program.outputs if clean(split_element(n)[0]) == clean(variable.name)]
        return unknown("element", name, elements)
    bases = dict.fromkeys(split_element(n)[0] for n in program.outputs)
    return unknown("variable", name, [*bases, *program.outputs])


def _raise_failure(experiment: Experiment, block: Block, run: int) -> None:
    item = int(block.failures.item[run])
    if item >= 0:
        raise SimulationError(item_name(experiment, item), float(block.failures.time[run]), block.detail)


def _memory() -> float:
    try:
        return float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not on Windows
        return _UNKNOWN_MEMORY


def _check_size(numbers: float, what: str) -> None:
    if numbers * 8 > MEMORY_SHARE * _memory():
        raise InputError(
            f"the results would take {numbers * 8 / 2**30:,.0f} GiB; keep fewer {what}, save less often, or ask for "
            f"measures that are numbers, as final(Name)"
        )


# --- measures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Picked:
    """A measure with its place in the kept outputs."""

    text: str
    measure: Measure
    output: str
    column: int


def _narrowed(experiment: Experiment, metadata: Metadata, texts: Sequence[str]) -> tuple[Experiment, list[_Picked]]:
    """The experiment with only those outputs and saved times that the measures need."""
    asked = measured(texts, experiment.program, metadata)
    kept = tuple(dict.fromkeys(name for _, name in asked))
    picked = [_Picked(text, m, name, kept.index(name)) for text, (m, name) in zip(texts, asked, strict=True)]
    times = experiment.grid.times
    rows = np.unique(np.concatenate([needs(measure, times) for measure, _ in asked]))
    grid = experiment.grid if len(rows) == len(times) else replace(experiment.grid, saves=experiment.grid.saves[rows])
    return replace(experiment, kept=kept, grid=grid), picked


def measured(texts: Sequence[str], program: Program, metadata: Metadata) -> list[tuple[Measure, str]]:
    """Measures with the outputs that they are taken of.

    Raises
    ------
    InputError
        Where there is none, one can't be read, or one names no scalar variable.
    """
    if not texts:
        raise InputError("no measure is asked for; name some, as final(Name), Name@2024 or Name")
    names = {key_of(name) for name in program.outputs}
    asked = [parse(text, lambda name: key_of(name) in names) for text in texts]
    return [(measure, _measured(measure, program, metadata)) for measure in asked]


def _measured(measure: Measure, program: Program, metadata: Metadata) -> str:
    found, *more = pick_variables(program, metadata, [measure.variable])
    if more or key_of(measure.variable) != key_of(found):
        raise InputError(f"measure '{measure.text}': '{measure.variable}' is an array; name an element, as '{found}'")
    return found


def _unit(measure: Measure, unit: str, clock: str) -> str:
    """Unit of a measure of a variable of that unit."""
    return clock if measure.kind in ("time_of_max", "time_above") else unit


@dataclass(frozen=True, slots=True)
class _Results:
    """Result arrays, runs along the first axis, filled block by block."""

    experiment: Experiment
    picked: Sequence[_Picked]
    times: NDArray[np.float64]
    values: Mapping[str, NDArray[np.float64]]
    item: NDArray[np.int64]
    time: NDArray[np.float64]

    @classmethod
    def empty(cls, experiment: Experiment, picked: Sequence[_Picked], grid: Grid) -> _Results:
        """Arrays for an experiment whose full grid is `grid`."""
        runs, series = experiment.inputs.runs, len(grid.saves)
        width = sum(series if one.measure.is_series else 1 for one in picked)
        _check_size(float(runs) * width, "runs or measures")
        values = {one.text: np.full((runs, series) if one.measure.is_series else runs, np.nan) for one in picked}
        return cls(experiment, picked, grid.times, values, np.full(runs, -1, dtype=np.int64), np.full(runs, np.nan))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays, for a checkpoint."""
        return {**{f"value {name}": array for name, array in self.values.items()}, "item": self.item, "time": self.time}

    def fill(self, first: int, last: int, block: Block) -> None:
        """Measure the runs of a block."""
        good = block.failures.item < 0
        times = self.experiment.grid.times
        for one in self.picked:
            rows = needs(one.measure, times)
            with np.errstate(all="ignore"):
                made = evaluate(one.measure, times[rows], block.series[rows, one.column, :])
            self.values[one.text][first:last] = np.where(good, made, np.nan).T
        self.item[first:last] = block.failures.item
        self.time[first:last] = block.failures.time

    def finished(self, metadata: Metadata, settings: Mapping[str, Any]) -> EnsembleArrays:
        """The results with names and units."""
        experiment, clock = self.experiment, time_unit(metadata)
        names = [item_name(experiment, i) for i in range(len(experiment.program.states) + len(experiment.kept))]
        about = [metadata.find(one.output) for one in self.picked]
        return EnsembleArrays(
            measures=tuple(one.text for one in self.picked),
            values=self.values,
            times=self.times,
            failed=self.item >= 0,
            failed_variable=np.array([*names, ""], dtype=object)[self.item],
            failed_time=self.time,
            units=tuple(_unit(o.measure, v.unit if v else "", clock) for o, v in zip(self.picked, about, strict=True)),
            documentation=tuple("" if v is None else v.documentation for v in about),
            time_unit=clock,
            settings=settings,
        )


def _fill(execute: Execute, results: _Results, keep: Callable[[int, int], None] | None) -> Callable[[int, int], None]:
    def run(first: int, last: int) -> None:
        results.fill(first, last, execute(first, last))
        if keep is not None:
            keep(first, last)

    return run
