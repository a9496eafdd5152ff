"""What the tests of the lead model share: the model, its base run, and an ensemble over the parameters' ranges."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from lead_draws import latin_hypercube

import cluster_sd as csd

FOLDER = Path(__file__).parents[2] / "sd_models" / "lead"
RUNS = 300
SERIES = (
    "Industry state",
    "Lead output",
    "Market share",
    "Capacity share",
    "Battery share",
    "Scrap trade share",
    "Reputation",
    "Government capability",
    "Firm capability",
    "Recognition",
    "Commitment",
    "Enforcement",
    "Compliant share",
    "Park readiness",
    "Pressure from above",
    "Threat of a ban",
    "Ban intensity",
    "Visible harm",
    "Awareness",
    "Exposure",
    "Network density",
    "Network variety",
    "Outside ownership",
    "Fiscal dependence",
    "Licence",
    "Sold share",
    "Scrap payable share",
    "Modern drive",
    "Smelting technique",
    "County attention",
    "Willingness to join",
    "Specialisation",
    "Rivalry",
    "Standing",
    "Voice",
    "Bridging share[capable person]",
    "Bridging share[county government]",
    "Bridging share[park alliance]",
    "Bridging share[ordinary firms]",
)


@pytest.fixture(scope="session")
def folder() -> Path:
    """Folder of the model."""
    return FOLDER


@pytest.fixture(scope="session")
def model() -> csd.Model:
    """The lead model."""
    return csd.load("lead")


@pytest.fixture(scope="session")
def base(model: csd.Model) -> pd.DataFrame:
    """Base run: time by variable."""
    return model.run().to_dataframe()


@pytest.fixture(scope="session")
def draws(model: csd.Model) -> pd.DataFrame:
    """Latin hypercube over the ranges of all uncertain parameters."""
    return latin_hypercube(model, RUNS)


@pytest.fixture(scope="session")
def ensemble(model: csd.Model, draws: pd.DataFrame):
    """Series of what has bounds, over the ranges, yearly."""
    return model.ensemble(draws, measures=list(SERIES), save_every=1.0)
