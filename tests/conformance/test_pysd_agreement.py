"""PySD runs the same files: both give the same numbers, except where PySD is known to be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cluster_sd as csd

CASES = Path(__file__).parents[3] / "shared" / "conformance" / "sdx"
FILES = sorted(p for p in CASES.glob("*/*") if p.suffix in (".mdl", ".xmile", ".stmx")) if CASES.is_dir() else []

#: Faults of PySD 3.14.3, seen against the printed output of the original tool.
FAULTS = {"arguments": "PySD lowers the order of a DELAY3 whose stages are shorter than a step; Vensim doesn't"}


@pytest.mark.slow
@pytest.mark.skipif(not FILES, reason="the SDX collection does not lie in ../shared/conformance")
@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_this_engine_and_pysd_agree(path: Path) -> None:
    try:
        ours = csd.load(path).run_arrays(backend="numpy", solver="euler")
    except csd.InputError as refused:
        pytest.skip(f"refused: {refused}")
    if path.parent.name in FAULTS:
        pytest.skip(FAULTS[path.parent.name])
    try:
        theirs = csd.load(path).run_arrays(backend="pysd", solver="euler")
    except Exception as failed:
        pytest.skip(f"PySD can't run it: {type(failed).__name__}")
    columns = {name: i for i, name in enumerate(theirs.names)}
    assert set(ours.names) <= set(columns)
    for i, name in enumerate(ours.names):
        want = theirs.values[:, columns[name]]
        scale = np.nanmax(np.abs(want), initial=0.0)
        np.testing.assert_allclose(ours.values[:, i], want, rtol=1e-9, atol=1e-9 * scale + 1e-14, err_msg=name)
