"""Draws over the ranges of the lead model's parameters, for its tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import qmc

import cluster_sd as csd


def latin_hypercube(model: csd.Model, runs: int) -> pd.DataFrame:
    """Latin hypercube over the ranges of all uncertain parameters and initial values; one row a run."""
    chosen: Any = model.parameters[model.parameters["role"].isin(["uncertain", "initial"])]
    unit = qmc.LatinHypercube(len(chosen), rng=np.random.default_rng(18)).random(runs)
    low, high = chosen["low"].to_numpy(float), chosen["high"].to_numpy(float)
    logs = (chosen["distribution"] == "loguniform").to_numpy()
    values = low + unit * (high - low)
    values[:, logs] = low[logs] * (high[logs] / low[logs]) ** unit[:, logs]
    return pd.DataFrame(values, columns=chosen["name"].to_list())
