"""The ways to run an experiment, all of one form: a block of runs in, series and failures out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from cluster_sd.errors import InputError
from cluster_sd.program.ir import Program
from cluster_sd.program.kernel import Kernel, Task
from cluster_sd.simulate.batch import Experiment, Failures, run_block
from cluster_sd.simulate.executor import Block, Executor
from cluster_sd.simulate.kernels import backend_name, maker
from cluster_sd.simulate.metadata import Metadata
from cluster_sd.solvers.adaptive import ADAPTIVE
from cluster_sd.solvers.tableau import FIXED_STEP

#: More runs than this by an adaptive solver are warned of.
MANY_ADAPTIVE = 100


def solver_name(solver: str | None, default: str) -> str:
    """`solver` in lower case, or the model's own; InputError where there is none of that name."""
    name = (default if solver is None else str(solver)).lower()
    if name not in FIXED_STEP and name not in ADAPTIVE:
        raise InputError(f"unknown solver '{solver}'; it can be {', '.join((*FIXED_STEP, *ADAPTIVE))}")
    return name


def checked(program: Program, metadata: Metadata, kept: Sequence[str]) -> tuple[bool, ...]:
    """Which of the outputs `kept` fail a run when they are not finite: all but data and what follows from its gaps."""
    gaps = _gaps(program, any(":NA:" in v.equation.upper() for v in metadata.variables))
    kinds = ((metadata.find(name), program.outputs[name]) for name in kept)
    return tuple(not gaps[node] and (variable is None or variable.kind != "data") for variable, node in kinds)


def _gaps(program: Program, written: bool) -> list[bool]:
    """For each node, whether a missing value (``:NA:``) in data may be what makes it not finite."""
    missing = [any(y != y for y in table.y) and table.first_parameter < 0 for table in program.tables]
    found: list[bool] = []
    for node in program.nodes:
        own = node.op == "table" and missing[node.number]
        own = own or (written and node.op == "literal" and node.attr != node.attr)
        found.append(own or any(found[arg] for arg in node.args))
    return found


def kernel_of(experiment: Experiment, solver: str, backend: str | None, check: Sequence[bool], runs: int) -> Kernel:
    """What runs the experiment's program by a fixed-step scheme; how well it is compiled depends on how many `runs`."""
    program = experiment.program
    kept = tuple(program.outputs[name] for name in experiment.kept)
    scheme = FIXED_STEP[solver]
    task = Task(program, scheme, kept, experiment.inputs.varying, tuple(check))
    return maker(backend, float(runs) * (experiment.grid.steps + 1) * len(scheme.b), float(runs))(task)


def fixed_step(experiment: Experiment, solver: str, backend: str | None, check: Sequence[bool]) -> Executor:
    """Runs by a fixed-step scheme in an emitter's loop."""
    kernel = kernel_of(experiment, solver, backend, check, experiment.inputs.runs)

    def execute(first: int, last: int) -> Block:
        batch, failures = run_block(experiment, kernel, first, last)
        return Block(batch.series, failures)

    return Executor(execute, backend_name(kernel))


def adaptive(experiment: Experiment, solver: str, backend: str | None, check: Sequence[bool]) -> Executor:
    """Runs by one of SciPy's solvers, one after another."""
    from cluster_sd.simulate.continuous import AdaptiveRunner

    runs = experiment.inputs.runs
    if runs > MANY_ADAPTIVE:
        warnings.warn(
            f"{runs:,} runs by the adaptive solver {solver} go one by one and take long; rk4 runs them together",
            UserWarning,
            stacklevel=4,
        )
    make = maker(backend, float(runs) * len(experiment.grid.saves) * 20, 1)
    runner = AdaptiveRunner(experiment, solver, make, check)

    def execute(first: int, last: int) -> Block:
        made = [runner.run(number) for number in range(first, last)]
        item = np.concatenate([one.failures.item for one in made])
        time = np.concatenate([one.failures.time for one in made])
        return Block(np.stack([one.series for one in made], axis=-1), Failures(item, time), made[0].detail)

    return Executor(execute, runner.backend, threads=1, block=8)


def executor(experiment: Experiment, metadata: Metadata, solver: str, backend: str | None) -> Executor:
    """The executor for a solver and backend."""
    check = checked(experiment.program, metadata, experiment.kept)
    if backend == "pysd":
        from cluster_sd.simulate.pysd_backend import pysd_executor

        return pysd_executor(experiment, metadata, solver, check)
    if solver in ADAPTIVE:
        return adaptive(experiment, solver, backend, check)
    return fixed_step(experiment, solver, backend, check)
