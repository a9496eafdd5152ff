"""Whole models: both emitters give the same, on the collection of small models and on the benchmarks' mid-size one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from llvm_programs import assert_agree

import cluster_sd as csd
from cluster_sd.program.emit_llvm import LlvmKernel
from cluster_sd.program.emit_numpy import NumpyKernel
from cluster_sd.program.kernel import Grid, Segment, Task
from cluster_sd.solvers.tableau import FIXED_STEP

CASES = Path(__file__).parents[3] / "shared" / "conformance" / "sdx"
FILES = sorted(p for p in CASES.glob("*/*") if p.suffix in (".mdl", ".xmile")) if CASES.is_dir() else []
MIDSIZE = Path(__file__).parents[1] / "benchmarks" / "midsize.mdl"


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER_SD_CACHE", "off")


def agree(path: Path, scheme: str, most: int, runs: int = 3) -> None:
    """Run all of a model's variables both ways for at most so many steps, from constants that are a little off."""
    program = csd.load(path).program
    control = program.control
    steps = min(most, round((control.stop - control.start) / control.dt))
    grid = Grid(control.start, control.stop, control.dt, control.save_step, steps, np.arange(steps + 1))
    outputs = tuple(program.outputs.values())
    varying = tuple(i for i in range(0, len(program.parameters), 2) if i not in program.structural)
    own = np.array([p.value for p in program.parameters])
    values = own[list(varying), None] * np.random.default_rng(1).uniform(0.99, 1.01, (len(varying), runs))
    task = Task(program, FIXED_STEP[scheme], outputs, varying, (False,) * len(outputs))
    call = (grid, [Segment(0, own, values)], 3, np.arange(runs))
    assert_agree(NumpyKernel(task).integrate(*call), LlvmKernel(task, effort=0).integrate(*call), rtol=1e-11)


@pytest.mark.slow
@pytest.mark.skipif(not FILES, reason="the SDX collection does not lie in ../shared/conformance")
@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_small_models(path: Path) -> None:
    try:
        csd.load(path)
    except csd.InputError as refused:
        pytest.skip(f"refused: {refused}")
    for scheme in ("euler", "rk4"):
        agree(path, scheme, 50)


@pytest.mark.parametrize("scheme", ["euler", "heun", "rk4"])
def test_the_midsize_model(scheme: str) -> None:
    agree(MIDSIZE, scheme, 100)
