"""The county's stages, carried out once."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from stages_county import write_county

import cluster_sd as csd
from cluster_sd.stages import Carried, Case, Keep, carry_out

SAMPLES = 512


@pytest.fixture(scope="session")
def county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_county(tmp_path_factory.mktemp("county"))


@pytest.fixture(scope="session")
def keep(tmp_path_factory: pytest.TempPathFactory) -> Keep:
    return Keep(tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="session")
def carried(county: Path, keep: Keep) -> Carried:
    """All stages of the county."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return carry_out(Case(csd.load(county), samples=SAMPLES, threads=1), keep=keep)


@pytest.fixture
def results(carried: Carried):
    return carried.results
