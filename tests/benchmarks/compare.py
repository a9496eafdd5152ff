"""Time this engine, PySD and pysimlin on the same work and print the ratios: ``python tests/benchmarks/compare.py``.

Every number is the shortest of several repetitions. Before anything is timed, all engines make the same runs, and their
results are compared.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from work import MODEL, Entrant, derivative, design, engine, fastest, many_equations, pysd, pysimlin

#: Agreement with the others, relative.
TOLERANCE = 1e-9
FEATURES = "CLUSTER_SD_CPU_FEATURES"


def rate(entrant: Entrant, seconds: float) -> float:
    """Runs a second."""
    entrant.job()
    return entrant.runs / fastest(entrant.job, seconds, 2)


def agreement(folder: Path) -> float:
    """Greatest relative difference between this engine's results and the others', over two runs."""
    own = engine(2, 1).outputs()
    return max(
        float(np.max(np.abs(other.outputs() / own - 1)))
        for other in (pysimlin(2), pysd(2, folder), engine(2, 1, "numpy"))
    )


def ensembles(runs: int, seconds: float) -> list[tuple[str, float]]:
    """Runs a second of each."""
    design(runs)
    with tempfile.TemporaryDirectory() as folder:
        difference = agreement(Path(folder))
        print(f"greatest relative difference between the engines' results: {difference:.1e}")
        if difference > TOLERANCE:
            raise SystemExit("the engines don't do the same work")
        found = [
            (entrant.name, rate(entrant, seconds))
            for entrant in (engine(runs, 1), engine(runs, 2), engine(runs // 50, 1, "numpy"), pysimlin(60))
        ]
        return [*found, (pysd(1, Path(folder)).name, rate(pysd(1, Path(folder)), 0.0))]


def narrower(runs: int, seconds: float) -> float:
    """Runs a second of this engine on one thread without AVX-512, in a process of its own."""
    code = f"from work import engine; from compare import rate; print(rate(engine({runs}, 1), {seconds}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, env=os.environ | {FEATURES: "-avx512f"}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return float(done.stdout)


def compiling(equations: int) -> tuple[float, float]:
    """Seconds to compile so many equations quickly, and the mid-size model for speed, without a cache."""
    from work import model

    from cluster_sd.program.emit_llvm import LlvmKernel
    from cluster_sd.program.emit_llvm_target import host
    from cluster_sd.program.kernel import Task
    from cluster_sd.solvers.tableau import EULER

    host()
    kept = os.environ.get("CLUSTER_SD_CACHE")
    os.environ["CLUSTER_SD_CACHE"] = "off"
    try:
        task = many_equations(equations)
        big = fastest(lambda: LlvmKernel(task, effort=0), 0, 2)
        program = model().program
        small = Task(program, EULER, tuple(program.outputs.values()), (), (True,) * len(program.outputs))
        return big, fastest(lambda: LlvmKernel(small), 0, 2)
    finally:
        del os.environ["CLUSTER_SD_CACHE"]
        if kept is not None:
            os.environ["CLUSTER_SD_CACHE"] = kept


def derivatives(seconds: float) -> list[tuple[str, float]]:
    """Seconds of one run, and of value and gradient of one measure in 15 parameters either way."""
    found = []
    for mode in ("forward", "reverse"):
        both, alone = derivative(mode)
        both()
        alone()
        if not found:
            found.append(("one run", fastest(alone, seconds)))
        found.append((f"value and gradient, {mode}", fastest(both, seconds)))
    return found


def process(arguments: Sequence[str], cache: Path, repeats: int, prepare: Callable[[], object] = lambda: None) -> float:
    """Seconds of a whole process."""
    best = np.inf
    for _ in range(repeats):
        prepare()
        start = time.perf_counter()
        subprocess.run(arguments, check=True, capture_output=True, env=os.environ | {"CLUSTER_SD_CACHE": str(cache)})
        best = min(best, time.perf_counter() - start)
    return float(best)


def processes(repeats: int) -> list[tuple[str, float]]:
    """Seconds of ``cluster-sd run`` with an empty and a filled cache, and of importing PySD."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = [sys.executable, "-m", "cluster_sd", "run", str(MODEL), "--out", str(folder / "x.csv")]
        number = iter(range(repeats))

        def fresh() -> Path:
            return folder / f"cache{next(number)}"

        cold = min(process(run, fresh(), 1) for _ in range(repeats))
        warm = process(run, folder / "cache0", repeats)
        other = process([sys.executable, "-c", "import pysd"], folder / "cache0", repeats)
    return [("cluster-sd run, first time", cold), ("cluster-sd run, again", warm), ("python -c 'import pysd'", other)]


def table(rows: Sequence[tuple[str, float]], unit: float) -> None:
    """Print runs a second, and how many times as fast as `unit`."""
    print("\n| engine | runs a second | × pysimlin |\n|---|---:|---:|")
    for name, value in rows:
        print(f"| {name} | {value:,.{0 if value > 10 else 2}f} | {value / unit:,.{1 if value > unit / 10 else 5}f} |")


def report(runs: int, seconds: float, equations: int) -> None:
    """Measure and print everything."""
    rows = ensembles(runs, seconds)
    rows.insert(2, ("cluster_sd, 1 thread, without AVX-512", narrower(runs, seconds)))
    table(rows, dict(rows)["pysimlin, 1 thread"])
    print(f"\ntwo threads: {rows[1][1] / rows[0][1]:.2f} × one")
    big, small = compiling(equations)
    print(f"compiling {equations:,} equations: {big:.1f} s; this model, for speed: {small:.2f} s")
    for name, took in derivatives(min(1.0, seconds)):
        print(f"{name}: {took * 1e3:.2f} ms")
    for name, took in processes(3):
        print(f"{name}: {took:.2f} s")


def main() -> None:
    """Take the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=20_000, help="runs of an ensemble (default 20,000)")
    parser.add_argument("--seconds", type=float, default=3.0, help="about how long each is timed (default 3)")
    parser.add_argument("--equations", type=int, default=20_000, help="equations of the big model (default 20,000)")
    options = parser.parse_args()
    report(options.runs, options.seconds, options.equations)


if __name__ == "__main__":
    main()
