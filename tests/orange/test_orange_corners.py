"""Corners of the ranges: every lever and unknown at one of its ends, at random; nothing fails, nothing is overdrawn."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

import cluster_sd as csd

SCENARIOS = Path(__file__).parents[2] / "sd_models" / "orange" / "scenarios.toml"
#: Rounding of a sum of flows in yuan that cancel, over the money that goes through the stock.
ROUNDING = 1e-6
#: Logarithms and sums of gains and losses: they have a sign.
SIGNED = {"Price cycle", "Income trend", "Cumulative orchard income", "Money booked"}


def corners(orange: csd.Model, runs: int, seed: int, leave_out: set[str]) -> dict[str, np.ndarray]:
    """Each parameter at the low or the high end of its range."""
    rows = orange.parameters.query("role in ('lever', 'uncertain')").dropna(subset=["low", "high"])
    rng = np.random.default_rng(seed)
    ends = zip(rows["name"], rows["low"].astype(float), rows["high"].astype(float), strict=True)
    drawn = {name: np.where(rng.random(runs) < 0.5, low, high) for name, low, high in ends}
    return {name: values for name, values in drawn.items() if name not in leave_out}


@pytest.mark.parametrize("scenario", [None, "H village"])
def test_nothing_fails_and_nothing_is_overdrawn_at_the_corners_of_the_ranges(
    orange: csd.Model, scenario: str | None
) -> None:
    fixed = tomllib.loads(SCENARIOS.read_text(encoding="utf-8"))[scenario]["set"] if scenario else {}
    stocks = [name for name in orange.variables.query("kind == 'stock'")["name"] if name not in SIGNED]
    elements = [str(name) for name in orange.run(variables=stocks, stop=2000).data_vars]
    measures = [f"min({name})" for name in elements]
    runs = orange.ensemble_arrays(corners(orange, 1000, 11, set(fixed)), measures, scenario=scenario)
    assert not runs.failed.any()
    lowest = {measure: float(np.min(runs.values[measure])) for measure in measures}
    assert {m: v for m, v in lowest.items() if v < -ROUNDING} == {}
