"""Nothing is lost or made; the model stands extremes; scale, money and the time step change nothing."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from orange_worlds import WORLDS, World, make_design

import cluster_sd as csd

MODEL = Path(__file__).parents[2] / "sd_models" / "orange"
EXTENSIVE = (
    "Planted area",
    "Output",
    "Farmer capital",
    "Member households",
    "Pool",
    "Price fund",
    "Mutual fund",
    "Trade ties",
    "Policy ties",
    "Industry ties",
    "Migrant labour",
    "Firm capital",
    "Public spending",
    "Rival area",
    "Contracted land",
    "Certified households",
    "Works stock[irrigation]",
)
INTENSIVE = (
    "Farm price",
    "Trust",
    "Reputation",
    "Mean quality",
    "Income per household",
    "Firm commitment",
    "Floor price",
)
EXTREMES = (
    "nothing",
    "everything",
    "nobody",
    "no rain",
    "worthless fruit",
    "no levy",
    "poor county",
    "all land wanted",
    "no trees at first",
    "slump before the council",
)


def spread(stock: pd.Series, balance: pd.Series) -> float:
    """The largest imbalance over the largest stock."""
    return float(balance.abs().max() / max(stock.abs().max(), 1e-12))


@pytest.mark.parametrize("name", list(WORLDS))
def test_households_area_and_money_are_conserved(world: World, name: str) -> None:
    run = world(name)
    assert spread(run["Total households"], run["Household balance error"]) < 1e-12
    assert spread(run["Planted area"], run["Area balance error"]) < 1e-12
    assert spread(run["Suitable land"], run["Land balance error"]) < 1e-12
    assert run["Money balance error"].abs().max() < 1e-11
    assert run["Chain money error"].abs().max() < 1e-11


@pytest.mark.parametrize("name", list(WORLDS))
def test_no_stock_of_things_goes_negative(orange: csd.Model, world: World, name: str) -> None:
    run = world(name)
    of_signs = {"Income trend", "Money booked", "Cumulative orchard income", "Price cycle"}
    stocks = set(orange.variables.query("kind == 'stock'")["name"]) - of_signs
    for column in run.columns:
        if column.split("[")[0] in stocks:
            assert run[column].min() >= -1e-9 * max(1.0, run[column].abs().max()), column


@pytest.mark.parametrize("name", list(WORLDS))
def test_shares_stay_between_nought_and_one(world: World, name: str) -> None:
    run = world(name)
    for share in (
        "Trust",
        "Reputation",
        "Firm commitment",
        "Firm capability",
        "Government capability",
        "Member share",
        "Digital coverage",
        "Digital skill",
        "Pest pressure",
        "Technician knowledge",
        "Insured share",
        "Certified share",
        "Adopter share",
        "Renewed share",
        "Organised share",
        "Purchase fulfilment",
        "Relief fulfilment",
        "Budget fulfilment",
        "Mean quality",
        "Drought loss",
        "Smallholder share",
        "Direct share",
        "Skill[smallholder]",
        "Grievance",
        "Relief saving",
        "Contracted share",
    ):
        assert run[share].min() >= -1e-9 and run[share].max() <= 1 + 1e-9, share


@pytest.mark.parametrize("name", EXTREMES)
def test_extremes_stay_finite(world: World, name: str) -> None:
    assert np.isfinite(world(name).to_numpy()).all()


def test_nobody_grows_nothing(world: World) -> None:
    assert world("nobody")["Output"].max() == 0


def test_worthless_fruit_is_given_up(world: World) -> None:
    run = world("worthless fruit")
    assert run["Planted area"][2040] < 0.1 * run["Planted area"][2000]


def test_a_year_without_rain_takes_fruit_that_year_and_gives_some_back_the_next(world: World) -> None:
    dry, base = world("no rain"), world("base")
    assert dry["Output"][2020] < 0.9 * base["Output"][2020]
    assert dry["Crop load"][2021] > base["Crop load"][2021]  # trees that rested bear more


def test_there_is_never_more_orchard_than_suitable_land(world: World) -> None:
    run = world("all land wanted")
    assert run["Planted area"].max() <= run["Suitable land"].max()
    assert run["Planted area"].max() > 0.8 * run["Suitable land"].max()


def test_ten_places_are_one_place_times_ten(world: World) -> None:
    one, ten = world("base"), world("ten places")
    for name in EXTENSIVE:
        assert np.allclose(ten[name], 10 * one[name], rtol=1e-9, atol=1e-6), name
    for name in INTENSIVE:
        assert np.allclose(ten[name], one[name], rtol=1e-9), name


def test_nobody_suffers_from_money_illusion(world: World) -> None:
    base, dear = world("base"), world("dear")
    for name in ("Planted area", "Member households", "Households[large grower]", "Output", "Trust", "Insured share"):
        assert (dear[name] - base[name]).abs().max() <= 0.005 * base[name].abs().max(), name
    for name in ("Pool", "Farmer capital", "Farm price", "Price fund", "Firm capital"):
        assert dear[name][2040] == pytest.approx(1.2 * base[name][2040], rel=0.005), name


@pytest.mark.parametrize(
    "scenario", ["base", "H village", "2023 drought", "price slump", "elite capture", "no governance"]
)
def test_halving_the_step_changes_no_outcome_by_a_hundredth(orange: csd.Model, scenario: str) -> None:
    measures = list(orange.outcomes["measure"])
    design = pd.DataFrame({"Replicates": [1.0]})
    runs = [
        orange.ensemble(design, measures=measures, scenario=scenario, time_step=step) for step in (0.015625, 0.0078125)
    ]
    for name in measures:
        whole, half = (float(r[name].values[0]) for r in runs)
        assert half == pytest.approx(whole, rel=0.01, abs=1e-4), name


def test_checks_of_the_folder_hold(orange: csd.Model) -> None:
    checks = tomllib.loads((MODEL / "checks.toml").read_text(encoding="utf-8"))
    design = make_design(orange, {c["id"]: c.get("set", {}) for c in checks["check"]})
    for scenario in {c.get("scenario") for c in checks["check"]}:
        rows = [i for i, c in enumerate(checks["check"]) if c.get("scenario") == scenario]
        measures = sorted({checks["check"][i]["measure"] for i in rows})
        runs = orange.ensemble(design.iloc[rows].reset_index(drop=True), measures=measures, scenario=scenario)
        for k, i in enumerate(rows):
            check = checks["check"][i]
            value = float(runs[check["measure"]].values[k])
            if check["relation"] == "<=":
                assert value <= check["value"] + check["tolerance"], check["id"]
            else:
                assert value >= check["value"] - check["tolerance"], check["id"]


def test_invariants_of_the_folder_hold(world: World) -> None:
    checks = tomllib.loads((MODEL / "checks.toml").read_text(encoding="utf-8"))
    for name in WORLDS:
        for invariant in checks["invariant"]:
            assert world(name)[invariant["expression"]].abs().max() <= invariant["tolerance"] * 10, invariant["id"]
