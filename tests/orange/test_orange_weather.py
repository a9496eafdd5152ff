"""Weather and prices as inputs: history until 2025, its expectation after, and a generator for ensembles."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import cluster_sd as csd

GENERATED = "random weather since 2000"
YEARS = [f"{{}}@{y + 0.5}" for y in range(2000, 2040)]


def yearly(runs: object, name: str) -> np.ndarray:
    """A variable in the middle of each year: run by year."""
    return np.stack([np.asarray(runs[y.format(name)].values) for y in YEARS], axis=1)  # type: ignore[index]


@pytest.fixture(scope="module")
def skies(orange: csd.Model) -> dict[str, np.ndarray]:
    """A hundred generated histories of forty years."""
    names = ("Rain anomaly", "Station anomaly", "Frost severity", "Price cycle", "Drought loss", "Index payout share")
    measures = [y.format(n) for n in names for y in YEARS]
    runs = orange.ensemble(pd.DataFrame({"Replicates": np.ones(100)}), measures=measures, scenario=GENERATED, seed=3)
    return {n: yearly(runs, n) for n in names}


def test_O11_generated_rain_is_standard_normal_and_stations_share_most_of_it(skies: dict[str, np.ndarray]) -> None:
    rain, station = skies["Rain anomaly"].ravel(), skies["Station anomaly"].ravel()
    assert abs(rain.mean()) < 0.06 and abs(rain.std() - 1) < 0.05
    assert np.corrcoef(rain, station)[0, 1] == pytest.approx(0.8, abs=0.03)
    assert abs(station.std() - 1) < 0.05


def test_O13_generated_freezes_come_as_often_as_recorded(skies: dict[str, np.ndarray]) -> None:
    assert skies["Frost severity"].mean() == pytest.approx(0.1, abs=0.02)


def test_O11_basis_risk_occurs_in_most_histories(skies: dict[str, np.ndarray]) -> None:
    lost, paid = skies["Drought loss"] > 0.05, skies["Index payout share"] > 0
    assert ((lost & ~paid).any(axis=1)).mean() > 0.5
    assert ((paid & ~lost).any(axis=1)).mean() > 0.5


def test_O18_generated_price_cycle_has_the_spread_asked_for(skies: dict[str, np.ndarray]) -> None:
    assert abs(skies["Price cycle"].mean()) < 0.03
    assert 0.05 < skies["Price cycle"].std() < 0.25


def test_expected_weather_is_the_mean_of_the_climate(orange: csd.Model) -> None:
    future = orange.run(variables=["Expected dry shortfall", "Wet shortfall", "Index shortfall"]).sel(time=2030)

    def shortfall(threshold: float) -> float:
        density = math.exp(-(threshold**2) / 2) / math.sqrt(2 * math.pi)
        return density - threshold * 0.5 * math.erfc(threshold / math.sqrt(2))

    assert float(future["Expected dry shortfall"]) == pytest.approx(shortfall(0.7), rel=0.01)
    assert float(future["Wet shortfall"]) == pytest.approx(shortfall(1.0), rel=0.01)
    assert float(future["Index shortfall"]) == pytest.approx(shortfall(1.0), rel=0.01)


def test_same_seed_same_weather_and_worlds_share_it(orange: csd.Model) -> None:
    measures = ["Rain anomaly", "Planted area"]

    def play(levy: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        runs = orange.ensemble(
            pd.DataFrame({"Levy rate": np.full(5, levy)}), measures=measures, scenario=GENERATED, seed=seed
        )
        rain, area = (np.asarray(runs[m].values) for m in measures)
        return rain, area

    first, again, other, elsewhere = play(0.2, 7), play(0.2, 7), play(0.4, 7), play(0.2, 8)
    assert (first[0] == again[0]).all() and (first[1] == again[1]).all()
    assert (first[0] == other[0]).all() and (first[1] != other[1]).any()
    assert (first[0] != elsewhere[0]).any()
    assert (first[0][0] != first[0][1]).any()


def test_history_holds_until_2025_in_the_generators_scenario(orange: csd.Model) -> None:
    base = orange.run(variables=["Rain anomaly", "Output"])
    random = orange.run(scenario="random weather", variables=["Rain anomaly", "Output"], seed=5)
    until = {"time": slice(2000, 2025.75)}
    assert (base["Output"].sel(until) == random["Output"].sel(until)).all()
    assert (base["Rain anomaly"].sel(time=slice(2026, 2040)) == 0).all()
    assert float(random["Rain anomaly"].sel(time=slice(2026, 2039)).std()) > 0.4


def test_O13_drying_raises_the_expected_loss(orange: csd.Model) -> None:
    dry = orange.run(scenario="climate drying", variables=["Drought loss", "Index payout share"]).sel(time=2038)
    base = orange.run(variables=["Drought loss", "Index payout share"]).sel(time=2038)
    assert float(dry["Drought loss"]) > 1.5 * float(base["Drought loss"])
    assert float(dry["Index payout share"]) > 1.5 * float(base["Index payout share"])


def test_O1_village_holdings_of_2009_are_one_to_three_mu(orange: csd.Model) -> None:
    village = orange.run(scenario="H village", variables=["Mean holding", "Total households", "Stage reached"])
    assert 1 <= float(village["Mean holding"].sel(time=2009)) <= 3
    assert (village["Total households"] == 454).all()
