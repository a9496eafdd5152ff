"""The work that the benchmarks time: one model, one set of parameters and outputs, for every engine."""

from __future__ import annotations

import contextlib
import io
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cluster_sd as csd
from cluster_sd.program.build import Builder
from cluster_sd.program.ir import Control, Parameter, Program, State, Table
from cluster_sd.program.kernel import Grid, Segment, Task
from cluster_sd.program.schedule import save_steps
from cluster_sd.solvers.tableau import EULER

MODEL = Path(__file__).with_name("midsize.mdl")
PARAMETERS = (
    "birth rate", "years of youth", "normal emigration", "capital share", "time to see demand", "time to trust prices",
    "time to adjust stocks", "elasticity", "price response", "time to build", "life of capital", "learning rate",
    "tax rate", "wage response", "fashion growth",
)  # fmt: skip
OUTPUTS = ("population", "sales", "income per head")
STEPS, DT = 400, 0.25


@cache
def model() -> csd.Model:
    """The model, read."""
    return csd.load(MODEL)


@cache
def design(runs: int) -> dict[str, NDArray[np.float64]]:
    """Values of the parameters, up to a tenth off the model's own."""
    rng = np.random.default_rng(0)
    own = {p.name: p.value for p in model().program.parameters}
    return {name: own[name] * rng.uniform(0.9, 1.1, runs) for name in PARAMETERS}


def fastest(job: Callable[[], object], seconds: float, repeats: int = 3) -> float:
    """Shortest time of `job` in at least `repeats` repetitions and about `seconds` in all."""
    best, began = np.inf, time.perf_counter()
    done = 0
    while done < repeats or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        job()
        best = min(best, time.perf_counter() - start)
        done += 1
    return float(best)


@dataclass(frozen=True)
class Entrant:
    """Something that makes ensembles.

    Attributes
    ----------
    name : str
    runs : int
        How many are timed at once.
    job : callable
        Makes them; this is timed.
    read : callable
        Takes what `job` gave and gives the outputs, shape (output, save, run).
    """

    name: str
    runs: int
    job: Callable[[], Any]
    read: Callable[[Any], NDArray[np.float64]]

    def outputs(self) -> NDArray[np.float64]:
        """Make the runs and read them."""
        return self.read(self.job())


def engine(runs: int, threads: int, backend: str = "llvm") -> Entrant:
    """Our engine through its public interface; failure checks are always on."""
    asked = list(OUTPUTS)

    def job() -> csd.EnsembleArrays:
        return model().ensemble_arrays(design(runs), asked, threads=threads, backend=backend)

    def read(made: csd.EnsembleArrays) -> NDArray[np.float64]:
        return np.array([made.values[name].T for name in asked])

    name = {"llvm": "cluster_sd", "numpy": "cluster_sd, NumPy"}[backend]
    return Entrant(f"{name}, {threads} thread{'s' * (threads > 1)}", runs, job, read)


def pysimlin(runs: int) -> Entrant:
    """The virtual machine of pysimlin, one compiled simulation set and reset, which is its fastest way."""
    import simlin

    simulation = simlin.load(MODEL).simulate()
    names = [name.replace(" ", "_") for name in PARAMETERS]
    outputs = [name.replace(" ", "_") for name in OUTPUTS]
    columns = np.array([design(runs)[name] for name in PARAMETERS])

    def job() -> list[Any]:
        found = []
        for run in range(runs):
            simulation.reset()
            for name, value in zip(names, columns[:, run], strict=True):
                simulation.set_value(name, float(value))
            simulation.run_to_end()
            found.append([simulation.get_series(name) for name in outputs])
        return found

    return Entrant("pysimlin, 1 thread", runs, job, _runs_last)


def _runs_last(found: list[Any]) -> NDArray[np.float64]:
    return np.moveaxis(np.array(found), 0, -1)


def pysd(runs: int, folder: Path) -> Entrant:
    """PySD; it writes a translated model beside the file, so it gets a copy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pysd as package

        copy = folder / MODEL.name
        copy.write_bytes(MODEL.read_bytes())
        with contextlib.redirect_stdout(io.StringIO()):
            loaded = package.read_vensim(str(copy))

    def job() -> list[Any]:
        found = []
        for run in range(runs):
            values: Mapping[str, Any] = {name: float(design(runs)[name][run]) for name in PARAMETERS}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                table = loaded.run(params=values, return_columns=list(OUTPUTS))
            found.append(table[list(OUTPUTS)].to_numpy(float).T)
        return found

    return Entrant("PySD, 1 thread", runs, job, _runs_last)


# derivatives


def derivative(
    mode: str, parameters: tuple[str, ...] = PARAMETERS
) -> tuple[Callable[[], object], Callable[[], object]]:
    """Value and gradient of one measure of one run, and the run alone, both ready to be timed."""
    from cluster_sd.program.emit_llvm import LlvmKernel
    from cluster_sd.simulate.gradients import Differentiator, functional

    program = model().program
    names = [p.name for p in program.parameters]
    chosen = [names.index(name) for name in parameters]
    measure = functional("final", program.outputs["sales"])
    derive = Differentiator(program, chosen, [measure], EULER, mode=mode, make=LlvmKernel)
    segment = Segment(0, np.array([p.value for p in program.parameters]), np.empty((0, 1)))
    alone = LlvmKernel(Task(program, EULER, measure.outputs, (), (True,)))
    call = (grid(), [segment], 0, np.arange(1))
    return lambda: derive(*call), lambda: alone.integrate(*call)


def grid() -> Grid:
    """The model's own times."""
    return Grid(0.0, STEPS * DT, DT, 1.0, STEPS, save_steps(STEPS * DT, DT, 1.0))


# a big model


def many_equations(count: int, seed: int = 0) -> Task:
    """A program of `count` scalar equations, a quarter of them stocks, of the operations that models use."""
    rng, b = np.random.default_rng(seed), Builder()
    stocks, constants = count // 4, count // 5
    parameters = [b.leaf("parameter", i) for i in range(constants)]
    states = [b.leaf("state", i) for i in range(stocks)]
    table = Table("table", tuple(np.arange(11.0)), tuple(np.sin(np.arange(11.0))))
    values = states[:50]
    for _ in range(count - stocks):
        a, c = values[-int(rng.integers(1, 50))], states[int(rng.integers(stocks))]
        values.append(_equation(b, rng.random(), a, c, parameters[int(rng.integers(constants))], table))
    flows = [b.op("sub", values[int(rng.integers(len(values)))], state) for state in states]
    starts = [b.leaf("start_parameter", i % constants) for i in range(stocks)]
    program = Program(
        nodes=tuple(b.nodes),
        parameters=tuple(Parameter(f"p{i}", float(rng.uniform(0.5, 1.5))) for i in range(constants)),
        states=tuple(State(f"s{i}", *both) for i, both in enumerate(zip(starts, flows, strict=True))),
        slots=(), pipes=(), tables=tuple(b.tables), streams=(), events=(), outputs={},
        control=Control(0.0, 10.0, DT, 1.0),
    )  # fmt: skip
    return Task(program, EULER, tuple(values[-3:]), tuple(range(15)), (True,) * 3)


def _equation(b: Builder, chance: float, a: int, c: int, p: int, table: Table) -> int:
    if chance < 0.3:
        return b.op("div", b.op("mul", a, p), b.op("add", c, p))
    if chance < 0.6:
        return b.op("sub", b.op("mul", a, c), b.op("div", c, p))
    if chance < 0.75:
        return b.op("max", b.op("add", a, c), b.op("mul", p, b.literal(0.5)))
    if chance < 0.85:
        return b.op("select", b.op("lt", a, c), b.op("mul", a, p), c)
    if chance < 0.93:
        return b.table(table, a)
    return b.op("exp", b.op("neg", b.op("abs", a))) if chance < 0.97 else b.op("pow", b.op("abs", a), p)
