"""The same measurements under pytest-benchmark: ``pytest tests/benchmarks`` (they aren't part of the default run)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import compare
import pytest
from work import derivative, engine, many_equations, pysd, pysimlin

from cluster_sd.program.emit_llvm import LlvmKernel

Benchmark = Callable[..., object]


@pytest.mark.parametrize("threads", [1, 2])
def test_ensemble_of_this_engine(benchmark: Benchmark, threads: int) -> None:
    benchmark(engine(10_000, threads).job)


def test_ensemble_of_the_numpy_emitter(benchmark: Benchmark) -> None:
    benchmark(engine(400, 1, "numpy").job)


def test_ensemble_of_pysimlin(benchmark: Benchmark) -> None:
    benchmark(pysimlin(60).job)


@pytest.mark.filterwarnings("ignore")
def test_run_of_pysd(benchmark, tmp_path: Path) -> None:
    benchmark.pedantic(pysd(1, tmp_path).job, rounds=2)


def test_compiling_many_equations(benchmark, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER_SD_CACHE", "off")
    task = many_equations(20_000)
    benchmark.pedantic(lambda: LlvmKernel(task, effort=0), rounds=2)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_value_and_gradient_in_fifteen_parameters(benchmark: Benchmark, mode: str) -> None:
    both, _ = derivative(mode)
    benchmark(both)


@pytest.mark.filterwarnings("ignore")
def test_all_engines_do_the_same_work(tmp_path: Path) -> None:
    assert compare.agreement(tmp_path) < compare.TOLERANCE


@pytest.fixture(scope="session", autouse=True)
def comparison(request: pytest.FixtureRequest):
    """After all: the table of ratios, which the README shows."""
    yield
    capture: Any = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print()
        compare.report(runs=20_000, seconds=2.0, equations=20_000)
