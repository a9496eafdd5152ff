"""The same text gives the same series in this engine, in simlin and in PySD."""

from __future__ import annotations

import re
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cluster_sd as csd

MODEL = Path(__file__).parents[2] / "sd_models" / "orange" / "orange.mdl"
DRAWS = ("Drawn ", "Final time", "FINAL TIME", "SAVEPER", "TIME STEP")


def by_pysd(folder: Path, stop: float) -> pd.DataFrame:
    """The model's series to a year, by PySD."""
    import pysd

    shutil.copy(MODEL, folder / "orange.mdl")  # PySD writes its translation beside the model
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pysd.read_vensim(folder / "orange.mdl").run(final_time=stop)
    finally:
        sys.setrecursionlimit(limit)


def compare(orange: csd.Model, theirs: pd.DataFrame, stop: float) -> int:
    """How many series agree; the first that does not fails."""
    ours = orange.run(stop=stop)
    columns = {c.lower().replace(", ", ","): c for c in theirs.columns}
    seen = 0
    for name in (str(n) for n in ours.data_vars):
        if name.startswith(DRAWS) or name.lower() not in columns or "balance error" in name or "money error" in name:
            continue
        expected = theirs[columns[name.lower()]].to_numpy(dtype=float)
        scale = max(np.abs(expected).max(), 1e-9)
        assert np.allclose(ours[name].values, expected, rtol=1e-9, atol=1e-10 * scale), name
        seen += 1
    return seen


def by_simlin(folder: Path) -> pd.DataFrame:
    """The model's series by simlin, which has no random functions: the draws, which the base run ignores, are held."""
    import simlin

    text = MODEL.read_text(encoding="utf-8").replace("\\\n\t\t", "")
    held = re.sub(r"SAMPLE IF TRUE\(Year start = 1,\s*RANDOM[^)]*\),\s*([01])\)", r"\1", text)
    assert held.count("RANDOM") == 0
    (folder / "held.mdl").write_text(held, encoding="utf-8")
    with simlin.load(str(folder / "held.mdl")).simulate({}) as run:
        run.run_to_end()
        series = {n.replace("_", " "): np.asarray(run.get_series(n)) for n in run.get_var_names()}
    return pd.DataFrame({n: v for n, v in series.items() if np.ndim(v) == 1})


def test_simlin_agrees_over_the_whole_run(orange: csd.Model, tmp_path: Path) -> None:
    assert compare(orange, by_simlin(tmp_path), 2040.0) > 900


@pytest.mark.slow
def test_pysd_agrees_over_the_first_year(orange: csd.Model, tmp_path: Path) -> None:
    assert compare(orange, by_pysd(tmp_path, 2001.0), 2001.0) > 900


@pytest.mark.slow
def test_pysd_agrees_to_the_first_drought_relief(orange: csd.Model, tmp_path: Path) -> None:
    assert compare(orange, by_pysd(tmp_path, 2024.0), 2024.0) > 900
