"""Parameter sets over the ranges of what nobody knows, and the worlds in which each set is run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

import cluster_sd as csd

Change = float | Callable[[Any], Any]  # a value, or what becomes of the sampled columns


@dataclass(frozen=True)
class World:
    """A counterfactual: what differs from the sampled parameter set, in every run alike or as a function of it."""

    name: str
    changes: Mapping[str, Change]


def over_ranges(parameters: pd.DataFrame, runs: int, seed: int, leave_out: Iterable[str] = ()) -> pd.DataFrame:
    """A Latin hypercube over the ranges of the parameters of role ``uncertain``, one row a run."""
    rows = parameters.query("role == 'uncertain'").dropna(subset=["low", "high"])
    rows = rows[[name not in set(leave_out) for name in rows["name"]]]
    low, high = (np.asarray(rows[end], dtype=float) for end in ("low", "high"))
    rng = np.random.default_rng(seed)
    strata = rng.permuted(np.tile(np.arange(runs), (len(rows), 1)), axis=1).T
    u = (strata + rng.random((runs, len(rows)))) / runs
    log = np.asarray(rows["distribution"] == "loguniform")
    values = low + u * (high - low)
    values[:, log] = low[log] * (high[log] / low[log]) ** u[:, log]
    return pd.DataFrame(values, columns=list(rows["name"]))


def in_world(sample: pd.DataFrame, world: World, columns: Iterable[str], base: Mapping[str, float]) -> pd.DataFrame:
    """The sample with a world's changes; every world has the same columns, so that one compiled program serves all."""
    design = sample.copy()
    for column in columns:
        # "Name@2025": what the sample has from the start goes on unless the world changes it
        name = column.split("@")[0]
        if column not in design:
            design[column] = sample[name] if name in sample else base[name]
    for column, change in world.changes.items():
        design[column] = change(sample) if callable(change) else change
        for later in (c for c in columns if c.startswith(f"{column}@") and c not in world.changes):
            design[later] = design[column]
    return design.copy()


def run_worlds(
    model: csd.Model,
    sample: pd.DataFrame,
    worlds: Iterable[World],
    measures: list[str],
    scenario: str,
    fixed: Mapping[str, float],
) -> dict[str, pd.DataFrame]:
    """The measures of every run in every world; runs that fail are rows of NaN."""
    worlds = list(worlds)
    base = dict(zip(model.parameters["name"], model.parameters["value"].astype(float), strict=True)) | dict(fixed)
    columns = sorted({c for w in worlds for c in w.changes})
    found = {}
    for world in tqdm(worlds, desc=scenario, disable=not sys.stderr.isatty()):
        runs = model.ensemble(in_world(sample, world, columns, base), measures=measures, scenario=scenario)
        table = pd.DataFrame({m: np.asarray(runs[m].values) for m in measures})
        table[np.asarray(runs["failed"].values)] = np.nan
        found[world.name] = table
    return found
