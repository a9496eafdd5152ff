"""The model, and one ensemble with a run a world, made once a session."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from orange_worlds import WORLDS, World, make_design

import cluster_sd as csd


@pytest.fixture(scope="session")
def orange() -> csd.Model:
    """The shipped model."""
    return csd.load("orange")


@pytest.fixture(scope="session")
def world(orange: csd.Model) -> World:
    """A world's series by name: columns are variables, rows are years."""
    names = [v for v in orange.run(variables=None).data_vars]
    constants = set(orange.variables.query("kind in ['constant', 'control']")["name"])
    names = [str(n) for n in names if str(n).split("[")[0] not in constants]
    runs = orange.ensemble(make_design(orange, WORLDS), measures=names, save_every=0.25)
    assert not runs["failed"].any(), runs["failed_variable"].values[runs["failed"].values]
    values = {n: runs[n].values for n in names}
    order = {name: i for i, name in enumerate(WORLDS)}
    times = np.asarray(runs["time"].values)
    return lambda name: pd.DataFrame({n: v[order[name]] for n, v in values.items()}, index=times)
