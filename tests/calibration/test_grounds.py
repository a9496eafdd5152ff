"""What conclusions rest on: a linear model of known variances, and the reporting items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from cluster_sd.calibration.grounds import RESTS, grounds, rests_on
from cluster_sd.calibration.reporting import LEVELS, PARTS, Facts, report_items


def normal(name: str, sd: float):
    return lambda n, rng: {name: sd * rng.standard_normal(n)}


def known(p: Mapping[str, Any]) -> np.ndarray:
    x, z = p["x"], p["z"]
    return np.stack([x + 0.1 * z, 0.1 * x + z, x + z, np.full_like(x, 7.0)], axis=1)


def test_the_shares_of_a_linear_model_are_those_of_its_variances() -> None:
    names = ["numbers", "ranges", "half", "constant"]
    found = grounds(known, names, normal("x", 1.0), normal("x", 0.2), normal("z", 1.0), runs=20_000, seed=1)
    by_name = {ground.outcome: ground for ground in found}
    left = 0.04 + 0.01
    assert by_name["numbers"].taught == pytest.approx(1 - left / 1.01, abs=0.02)
    assert by_name["numbers"].from_numbers == pytest.approx(0.04 / left, abs=0.03)
    assert by_name["numbers"].from_ranges == pytest.approx(0.01 / left, abs=0.03)
    assert by_name["half"].taught == pytest.approx(0.48, abs=0.02)
    assert [by_name[name].rests_on for name in names[:3]] == [RESTS[0], RESTS[2], RESTS[1]]
    assert by_name["ranges"].after == pytest.approx((-1.645, 0, 1.645), abs=0.05)


def test_failed_runs_are_counted_and_left_out() -> None:
    def failing(p: Mapping[str, Any]) -> np.ndarray:
        y = (p["x"] + p["z"])[:, None]
        return np.where(p["z"][:, None] > 2, np.nan, y)

    (found,) = grounds(failing, ["y"], normal("x", 1.0), normal("x", 0.5), normal("z", 1.0), runs=2000)
    assert found.runs == 8000 and 100 < found.failed < 300
    assert np.isfinite(found.taught)


def test_where_all_runs_fail_nothing_is_said() -> None:
    def broken(p: Mapping[str, Any]) -> np.ndarray:
        return np.full((len(p["x"]), 1), np.nan)

    (found,) = grounds(broken, ["y"], normal("x", 1.0), normal("x", 0.5), normal("z", 1.0), runs=50)
    assert found.failed == 200 and np.isnan(found.taught)
    assert rests_on(float("nan")) == "both"


FACTS = Facts(
    model="orange", model_file="orange.mdl", model_hash="ab", variables=10, equations_with_unit=9, documented=8,
    kinds={"stock": 2, "flow": 1}, random=False, start=2000, stop=2040, time_step=1 / 64, save_every=0.25,
    solver="euler", data=[("county.csv", "cd")], place="M county", observations=7, held_out=2, unused=3,
    holdout="2024-", errors=["lognormal"], series=["area: Planted area (mu), lognormal, scale estimated"],
    fitted=["Yield: 1500 to 2900, uniform"], not_fitted=200, search="newton", starts=20, agreeing=0.9, value=-3.2,
    iterations="until nothing moves", intervals="profile likelihood, 95 %", seed=0, threads=2,
    versions={"cluster_sd": "1"}, seconds=12, command="cluster-sd calibrate orange",
)  # fmt: skip


def test_every_reporting_item_has_an_answer_from_the_run() -> None:
    items = report_items(FACTS)
    assert {item.part for item in items} == set(PARTS) and {item.level for item in items} == set(LEVELS)
    assert all(item.answer for item in items)
    text = " ".join(item.answer for item in items)
    for told in (
        "orange.mdl",
        "ab",
        "county.csv",
        "0.015625",
        "Yield: 1500",
        "20 starts",
        "90%",
        "log y ~ Normal",
        "2024-",
    ):
        assert told in text, told
