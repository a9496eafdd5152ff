"""Over its ranges the model neither fails nor goes absurd, and the known numbers lie within what it allows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import cluster_sd as csd

RUNS = 1000
# county figures of area (mu) and harvest (kg), data/county.csv
AREA = {2018: 250e3, 2020: 268e3, 2021: 285e3, 2023: 280e3, 2024: 285e3, 2025: 285e3}
HARVEST = {2018: 400e6, 2020: 493e6, 2021: 468e6, 2024: 528e6, 2025: 530.1e6}


def over_ranges(orange: csd.Model, runs: int, seed: int, leave_out: tuple[str, ...] = ()) -> pd.DataFrame:
    """Parameter sets from a Latin hypercube over the ranges of what nobody knows."""
    rows = orange.parameters.query("role == 'uncertain'").dropna(subset=["low", "high"])
    rows = rows[[name not in set(leave_out) for name in rows["name"]]]
    low, high = (np.asarray(rows[end], dtype=float) for end in ("low", "high"))
    rng = np.random.default_rng(seed)
    strata = rng.permuted(np.tile(np.arange(runs), (len(rows), 1)), axis=1).T
    u = (strata + rng.random((runs, len(rows)))) / runs
    log = np.asarray(rows["distribution"] == "loguniform")
    x = low + u * (high - low)
    x[:, log] = np.exp(np.log(low[log]) + u[:, log] * np.log(high[log] / low[log]))
    return pd.DataFrame(x, columns=list(rows["name"]))


@pytest.fixture(scope="module")
def county(orange: csd.Model) -> Callable[[str], np.ndarray]:
    """Values of a measure over the ranges, one a run."""
    measures = [f"Planted area@{y}" for y in AREA] + [f"Output@{y}" for y in HARVEST]
    measures += [
        "Premium farm price@2023",
        "min(Farmer capital)",
        "min(Pool)",
        "max(Trust)",
        "max(Planted area)",
        "min(Planted area)",
        "max(Premium farm price)",
        "max(Income per household)",
        "min(Income per household)",
        "min(Suitable land left)",
        "max(Member share)",
        "min(Households outside)",
        "max(Price gain)",
    ]
    runs = orange.ensemble(over_ranges(orange, RUNS, 1), measures=measures)
    assert int(runs["failed"].sum()) == 0
    return lambda measure: np.asarray(runs[measure].values)


@pytest.mark.parametrize("year", AREA)
def test_O20_area_lies_within_what_the_ranges_allow(county: Callable[[str], np.ndarray], year: int) -> None:
    low, high = np.quantile(county(f"Planted area@{year}"), [0.05, 0.95])
    assert low <= AREA[year] <= high


@pytest.mark.parametrize("year", HARVEST)
def test_O20_harvest_lies_within_what_the_ranges_allow(county: Callable[[str], np.ndarray], year: int) -> None:
    low, high = np.quantile(county(f"Output@{year}"), [0.05, 0.95])
    assert low <= HARVEST[year] <= high


def test_O8_price_of_2023_lies_within_what_the_ranges_allow(county: Callable[[str], np.ndarray]) -> None:
    low, high = np.quantile(county("Premium farm price@2023"), [0.05, 0.95])
    assert low <= 4.4 <= high


def test_O16_village_income_of_2009_lies_within_what_the_ranges_allow(orange: csd.Model) -> None:
    design = over_ranges(orange, RUNS, 2, leave_out=tuple(village_names()))
    income = orange.ensemble(design, measures=["Income per household@2009"], scenario="H village")
    assert int(income["failed"].sum()) == 0
    low, high = np.quantile(income["Income per household@2009"].values, [0.05, 0.95])
    assert low <= 20_000 <= high


def village_names() -> list[str]:
    """What the village's scenario sets, and the ranges must leave alone."""
    import tomllib
    from pathlib import Path

    text = (Path(__file__).parents[2] / "sd_models" / "orange" / "scenarios.toml").read_text(encoding="utf-8")
    return list(tomllib.loads(text)["H village"]["set"])


def test_at_most_one_run_in_a_hundred_is_absurd(county: Callable[[str], np.ndarray]) -> None:
    absurd = np.zeros(RUNS, bool)
    absurd |= county("min(Farmer capital)") < 0
    absurd |= county("min(Pool)") < 0
    absurd |= county("min(Households outside)") < 0
    absurd |= county("min(Suitable land left)") < 0
    absurd |= (county("max(Trust)") > 1) | (county("max(Member share)") > 1)
    absurd |= county("min(Planted area)") < 1_000  # the county's orchards all but gone
    absurd |= county("max(Premium farm price)") > 25  # yuan/kg: five times any price on record
    absurd |= (county("max(Income per household)") > 500e3) | (county("min(Income per household)") < 0)
    absurd |= county("max(Price gain)") > 2
    assert absurd.mean() <= 0.01
