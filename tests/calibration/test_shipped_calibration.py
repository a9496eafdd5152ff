"""The calibrations that are shipped: the base run with them passes through the county's figures of 2024."""

from __future__ import annotations

from pathlib import Path

import pytest

import cluster_sd as csd

POSTERIOR = Path("sd_models/orange/posterior.csv")


@pytest.mark.skipif(not POSTERIOR.is_file(), reason="analysis.calibrated has not been run")
def test_the_calibrated_orange_passes_through_area_and_harvest_of_2024() -> None:
    model = csd.load("orange")
    found = model.ensemble_arrays({"Replicates": [1.0]}, ["Planted area@2024", "Output@2024"], scenario="calibrated")
    assert found.values["Planted area@2024"][0] == pytest.approx(285_000, rel=0.05)
    assert found.values["Output@2024"][0] == pytest.approx(528_000_000, rel=0.05)


@pytest.mark.skipif(not POSTERIOR.is_file(), reason="analysis.calibrated has not been run")
def test_the_shipped_draws_are_of_parameters_of_the_model_and_small() -> None:
    from cluster_sd.sensitivity.draws import find_posterior, read_draws

    model = csd.load("orange")
    draws = read_draws(model, find_posterior(model, "posterior"))
    assert draws.values.shape == (400, 6)
    assert POSTERIOR.stat().st_size < 100_000
