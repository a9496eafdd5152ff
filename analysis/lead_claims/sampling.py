"""Latin hypercube over the ranges that ``parameters.csv`` states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import qmc


def draw(
    parameters: pd.DataFrame, runs: int, seed: int, roles: Sequence[str] = ("uncertain", "initial")
) -> pd.DataFrame:
    """Draw parameter values; one row a run, one column a parameter.

    Parameters
    ----------
    parameters : pandas.DataFrame
        As ``model.parameters``: columns ``name, low, high, distribution, role``.
    runs : int
        Number of rows.
    seed : int
        Of the Latin hypercube.
    roles : sequence of str
        Which parameters vary; the others keep their values.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    ValueError
        For a distribution other than ``uniform`` and ``loguniform``, the two that the lead model uses.
    """
    chosen: Any = parameters[parameters["role"].isin(roles)]
    unknown = set(chosen["distribution"]) - {"uniform", "loguniform"}
    if unknown:
        raise ValueError(f"distributions {sorted(unknown)} are not drawn here; use uniform or loguniform")
    unit = qmc.LatinHypercube(len(chosen), rng=np.random.default_rng(seed)).random(runs)
    low = chosen["low"].to_numpy(float)
    high = chosen["high"].to_numpy(float)
    logs = (chosen["distribution"] == "loguniform").to_numpy()
    values = low + unit * (high - low)
    values[:, logs] = low[logs] * (high[logs] / low[logs]) ** unit[:, logs]
    return pd.DataFrame(values, columns=chosen["name"].to_list())


def fixed(design: pd.DataFrame, values: Mapping[str, Any]) -> pd.DataFrame:
    """Return the design with columns set to values, in one piece.

    Parameters
    ----------
    design : pandas.DataFrame
        Parameter sets, one row a run.
    values : mapping of str to number or series
        What every run gets in place of what was drawn.

    Returns
    -------
    pandas.DataFrame
    """
    kept = design.drop(columns=[name for name in values if name in design])
    return pd.concat([kept, pd.DataFrame(dict(values), index=design.index)], axis=1)
