"""What the stages say of a county whose numbers are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from stages_county import TRUTH, course, rows_of

import cluster_sd as csd
from cluster_sd.stages import STAGES, Case, Found, LeftOut

YEARS = np.arange(2000.0, 2031.0)


def test_every_stage_is_there_in_the_order_of_the_page(results):
    assert list(results) == list(STAGES)
    assert [name for name, found in results.items() if isinstance(found, LeftOut)] == []


def test_all_columns_of_a_table_are_of_one_length_and_hold_plain_values(results):
    for found in results.values():
        for table in found.tables.values():
            assert len({len(column) for column in table.values()}) <= 1
            assert {type(value) for column in table.values() for value in column} <= {str, int, float, bool}


# --- the model --------------------------------------------------------------------------------------------------------


def test_what_stands_in_brackets_behind_a_documentation_is_its_evidence(results):
    (row,) = rows_of(results["model"], "variables", name="planting")
    assert row["documentation"] == "New orchards: neighbours follow"
    assert row["evidence"] == "C1; exogenous: nothing"
    assert (row["kind"], row["unit"]) == ("flow", "mu/year")
    (care,) = rows_of(results["model"], "variables", name="care")
    assert care["evidence"] == "yearbook"


def test_facts_of_the_model(results):
    facts = results["model"].facts
    assert facts["purpose"] == "How land fills with trees."
    assert (facts["start"], facts["stop"], facts["time_step"], facts["solver"]) == (2000, 2030, 0.25, "euler")
    assert (facts["stocks"], facts["flows"], facts["levers"], facts["uncertain"]) == (2, 1, 2, 2)


def test_names_in_all_languages_stand_side_by_side(results):
    assert rows_of(results["model"], "names", name="Land") == [{"name": "Land", "zh": "面积", "en": "Orchards"}]
    assert rows_of(results["model"], "names", name="Points") == [{"name": "Points", "zh": "得分", "en": ""}]
    assert rows_of(results["model"], "groups") == [{"group": "C1", "name": "Advice", "zh": "指导"}]


def test_a_scenario_of_mechanisms_alone_is_told_from_the_others(results):
    kinds = {row["name"]: row["kind"] for row in rows_of(results["model"], "scenarios")}
    assert kinds == {"base": "other", "no care": "mechanisms", "impossible": "other", "calibrated": "calibrated"}


# --- the base run -----------------------------------------------------------------------------------------------------


def test_the_base_run_is_eulers_course(results):
    rows = rows_of(results["base"], "course", series="Land")
    assert [row["time"] for row in rows] == YEARS.tolist()
    assert [row["base"] for row in rows] == pytest.approx(course(0.2, YEARS).tolist())


def test_the_calibrated_course_is_the_middle_of_the_posteriors_runs(results):
    rows = rows_of(results["base"], "course", series="Land")
    assert [row["calibrated"] for row in rows] == pytest.approx(course(0.15, YEARS).tolist())
    low, high = 0.14 + 0.025 * 0.02, 0.16 - 0.025 * 0.02  # quantiles of evenly spread rates
    assert [row["low"] for row in rows] == pytest.approx(course(low, YEARS).tolist(), rel=1e-4)
    assert [row["high"] for row in rows] == pytest.approx(course(high, YEARS).tolist(), rel=1e-4)
    assert results["base"].facts["draws"] == 41


def test_statistics_stand_in_the_models_unit_beside_what_the_runs_say(results):
    rows = rows_of(results["base"], "observed")
    assert [row["time"] for row in rows] == list(range(2004, 2014))
    times = np.arange(2004.0, 2014.0)
    assert [row["value"] for row in rows] == pytest.approx(course(TRUTH, times).tolist(), rel=1e-6)
    assert [row["base"] for row in rows] == pytest.approx(course(0.2, times).tolist())
    assert {(row["unit"], row["relation"], row["source"]) for row in rows} == {("mu", "=", "yearbook")}


def test_the_calibrated_run_fits_what_it_is_true_of_and_the_base_run_less(results):
    (base,), (calibrated,) = (rows_of(results["base"], "scores", run=run) for run in ("base", "calibrated"))
    assert calibrated["mae_over_mean"] < 1e-6 < 0.05 < base["mae_over_mean"]
    assert base["n"] == calibrated["n"] == 10
    assert base["theil_bias"] + base["theil_variance"] + base["theil_covariance"] == pytest.approx(1)


def test_the_shipped_calibration_belongs_to_this_model_and_data(results):
    facts = results["calibration"].facts
    assert facts["current"] and facts["scenario"] and facts["date"] == "2026-11-20"
    assert rows_of(results["calibration"], "estimates")[0]["verdict"] == "identifiable"
    fitted, held_out = rows_of(results["calibration"], "held_out")
    assert (fitted["n"], held_out["held_out"]) == (8.0, "held out")
    assert math.isnan(held_out["r2"])


def test_rows_that_nothing_answers_to_are_listed_with_the_reason(results):
    data = results["data"]
    assert {(row["place"], row["variable"]) for row in rows_of(data, "unused")} == {("A", "roads"), ("B", "Land")}
    assert sum(row["used"] for row in rows_of(data, "statistics")) == data.facts["used"] == 10
    assert [row["file"] for row in rows_of(data, "sources")] == ["county.csv"]  # not left_out.csv


# --- scenarios, levers, mechanisms ------------------------------------------------------------------------------------


def test_scenarios_stand_beside_the_base_run(results):
    found = results["scenarios"]
    (base,) = rows_of(found, "numbers", scenario="base", outcome="Points")
    (bare,) = rows_of(found, "numbers", scenario="no care", outcome="Points")
    assert (base["value"], base["change"], bare["value"], bare["change"]) == (6, 0, 4, -2)
    land = [row["value"] for row in rows_of(found, "courses", scenario="calibrated", outcome="Land at the end")]
    assert land == pytest.approx(course(0.15, YEARS).tolist())


def test_a_scenario_called_base_that_changes_nothing_is_the_base_run(results):
    assert results["scenarios"].facts["base"] == "base"
    assert len(rows_of(results["scenarios"], "courses", scenario="base", outcome="Points")) == len(YEARS)


def test_a_scenario_that_fails_is_counted_and_told(results):
    found = results["scenarios"]
    (row,) = rows_of(found, "numbers", scenario="impossible", outcome="Land at the end")
    assert math.isnan(row["value"])
    assert found.facts["failed"] == list(found.facts["failures"]) == ["impossible"]


def test_indices_of_a_sum_are_its_parts_of_the_variance(results):
    rows = rows_of(results["levers"], "indices", outcome="Points", index="ST")
    whole = {row["parameter"]: row for row in rows if math.isnan(row["time"])}
    # U(0, 2) times 4 and times 2: variances as 16 to 4
    assert whole["advice"]["value"] == pytest.approx(0.8, abs=0.1)
    assert whole["care"]["value"] == pytest.approx(0.2, abs=0.1)
    assert whole["idle"]["value"] == pytest.approx(0, abs=1e-9)
    assert {name: row["role"] for name, row in whole.items()} == {
        "advice": "lever", "idle": "lever", "care": "uncertain", "rate": "uncertain"
    }  # fmt: skip


def test_indices_over_time_stand_at_every_fifth_year(results):
    rows = rows_of(results["levers"], "indices", outcome="Land at the end", parameter="rate", index="ST")
    assert sorted(row["time"] for row in rows if row["time"] == row["time"]) == [
        2000,
        2005,
        2010,
        2015,
        2020,
        2025,
        2030,
    ]


def test_the_leading_lever_and_how_sure_that_is(results):
    first, second = rows_of(results["levers"], "leading", outcome="Points")
    assert (first["place"], first["lever"], first["counts"]) == (1, "advice", True)
    assert (second["lever"], second["counts"]) == ("idle", False)
    assert first["probability"] == second["probability"] == 1  # of two levers, the first two are these


def test_levers_and_the_rest_share_the_variance(results):
    (row,) = rows_of(results["levers"], "shares", outcome="Points")
    assert (row["levers"], row["uncertain"]) == pytest.approx((0.8, 0.2), abs=0.15)


def test_one_step_of_a_lever_does_what_the_equation_says(results):
    up, down = rows_of(results["levers"], "steps", outcome="Points", lever="advice")
    assert (up["step"], up["median"], up["improves"], up["since"]) == (0.5, 2.0, 1.0, 2020)
    assert (down["step"], down["median"], down["improves"]) == (-0.5, -2.0, 0.0)
    assert up["cost"] == pytest.approx(0.5e6 * 10)  # a step from 2020 to 2030
    assert (up["cost_verdict"], down["cost_verdict"]) == ("costs", "saves")
    assert up["per_yuan"] == pytest.approx(2 / 5e6)


def test_effects_of_mechanisms_are_those_of_the_equation(results):
    found = results["mechanisms"]
    for term, effect in (("advice", 8), ("care", 4)):
        (row,) = rows_of(found, "effects", outcome="Points", term=term, kind="shapley")
        assert row["mean"] == pytest.approx(effect)
    assert found.facts["names"] == ["advice", "care"]
    assert found.facts["runs"] == 4 * found.facts["sets"]


# --- loops and tests --------------------------------------------------------------------------------------------------


def test_the_named_loop_drives_while_it_reinforces(results):
    found = results["loops"]
    (row,) = rows_of(found, "loops", loop="R1")
    assert (row["name"], row["mechanism"], row["variables"]) == ("Neighbours follow", "C1", "Land; planting")
    assert found.facts["complete"]
    shares = rows_of(found, "shares", loop="R1")
    assert len(shares) == 30 and shares[0]["time"] == 2000


def test_validation_has_all_tests_and_counts_them(results):
    found = results["validation"]
    counts = found.facts["counts"]
    assert sum(counts.values()) == len(rows_of(found, "rows"))
    assert {"dimensions", "reproduction", "agreement with PySD"} <= {row["test"] for row in rows_of(found, "rows")}


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(county, results):
    def levers(seed):
        found = STAGES["levers"].make(Case(csd.load(county), samples=512, seed=seed, threads=2), lambda *_: None)
        assert isinstance(found, Found)
        return repr(found.tables["indices"])

    with np.errstate(all="ignore"):
        assert levers(0) == repr(results["levers"].tables["indices"])
        assert levers(1) != repr(results["levers"].tables["indices"])
