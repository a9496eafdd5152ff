"""How long loop analyses take, and what the search of the strongest loops finds.

``python tests/benchmarks/loops.py`` times one run and 1,000 runs of the shipped models;
``python tests/benchmarks/loops.py WRLD3-03.mdl`` says, of a model whose loops can be counted, what the search finds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

import cluster_sd as csd
from cluster_sd.loops import analyse, analyse_ensemble


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long something takes."""
    wall, work = time.perf_counter(), time.process_time()
    yield
    print(f"{what}: {time.perf_counter() - wall:.1f} s ({time.process_time() - work:.1f} s of work)")


def design(model: csd.Model, runs: int) -> dict[str, np.ndarray]:
    """Levers and uncertain constants, uniform over their ranges."""
    rng = np.random.default_rng(0)
    found = {}
    for row in model.folder.parameters:
        if row.role in ("lever", "uncertain") and row.low is not None and row.high is not None and row.low < row.high:
            found[row.name] = rng.uniform(row.low, row.high, runs)
    return found


def shipped(name: str, runs: int = 1000) -> None:
    """One run and many of a shipped model."""
    with timed(f"{name}, read"):
        model = csd.load(name)
    with timed(f"{name}, one run"):
        one = analyse(model)
    found = one.search
    print(f"  {found.method}, {found.found:,} loops, growth {found.growth:.2f}, dropped {found.dropped.mean():.2f}")
    with timed(f"{name}, {runs:,} runs"):
        many = analyse_ensemble(model, design(model, runs))
    print(f"  {many.shares.shape}, failed {many.failed.sum()}, missed {many.missed:.2f}")


def counted(path: str) -> None:
    """All loops of a model, and what part of their scores the search finds with how many paths."""
    model = csd.load(path)
    with timed(f"{model.name}, all loops"):
        exact = analyse(model, keep=1)
    print(f"  complete {exact.complete}, {exact.search.found:,} loops")
    for paths in (40, 80, 160, 320, 640, 1280):
        with timed(f"{model.name}, {paths} paths"):
            found = analyse(model, limit=0, paths=paths, keep=1)
        loop = exact.loops[0]
        twin = next((i for i, other in enumerate(found.loops) if other.variables == loop.variables), None)
        if twin is not None:
            acts = found.shares[:, twin] != 0
            part = np.abs(exact.shares[acts, 0] / found.shares[acts, twin])
            print(f"  found {found.search.found:,}, of all scores {np.nanquantile(part, [0.05, 0.5, 0.95])}")


if __name__ == "__main__":
    for file in sys.argv[1:]:
        counted(file)
    if len(sys.argv) == 1:
        for shipped_model in ("lead", "orange"):
            shipped(shipped_model)
