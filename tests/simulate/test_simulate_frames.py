"""A model as tables; its folder: scenarios, outcomes, what is known of its constants."""

from __future__ import annotations

import numpy as np
import pytest

import cluster_sd as csd

MODEL = (
    "Stock= INTEG(rate*Stock*effect(Time) + gift[south], 2)\n\t~\tkg\n\t~\tWhat grows\n\t|",
    "rate= 0.1\n\t~\t1/year [0,1]\n\t~\t\n\t|",
    "effect((0,1),(100,1))",
    "region: south, north",
    "gift[region]= 0, 1",
    "half= Stock/2",
)
PARAMETERS = """name,value,unit,low,high,distribution,role,group,from,step,evidence,confidence,note
rate,0.1,1/year,0.05,0.2,uniform,lever,O1,5,0.01,O1,assumed,how fast
"""
SCENARIOS = """
["fast"]
description = "Grows fast"
set = { "rate" = 0.2 }

["faster"]
description = "Grows faster, and with a gift"
based_on = "fast"
set = { "gift[south]" = 1, "rate@8" = 0.4 }
"""
OUTCOMES = """name,measure,unit,better,description
Size,final(Stock),kg,high,what is there
Half,half@5,kg,,half of it then
"""


@pytest.fixture
def model(vensim, tmp_path) -> csd.Model:
    (tmp_path / "parameters.csv").write_text(PARAMETERS)
    (tmp_path / "scenarios.toml").write_text(SCENARIOS)
    (tmp_path / "outcomes.csv").write_text(OUTCOMES)
    return vensim(*MODEL)


def test_parameters_are_every_constant_with_the_columns_of_the_file(model):
    found = model.parameters
    assert ",".join(found.columns) == PARAMETERS.splitlines()[0]
    assert list(found["name"]) == ["rate", "gift[south]", "gift[north]"]
    assert list(found["role"]) == ["lever", "", ""]
    rate = found.set_index("name").loc["rate"]
    assert (rate["low"], rate["high"], rate["from"], rate["value"]) == (0.05, 0.2, 5, 0.1)
    assert np.isnan(found["low"][1])


def test_variables_and_equations_are_described(model):
    found = model.variables.set_index("name")
    assert list(model.variables.columns) == ["name", "kind", "unit", "documentation", "subscripts"]
    kinds = {
        "Stock": "stock",
        "rate": "constant",
        "effect": "table",
        "gift": "constant",
        "half": "auxiliary",
        "TIME STEP": "control",
    }
    assert {name: found["kind"][name] for name in kinds} == kinds
    assert found["documentation"]["Stock"] == "What grows"
    assert found["subscripts"]["gift"] == "region"
    assert model.equations.set_index("name")["equation"]["half"] == "Stock/2"


def test_a_scenario_changes_what_it_says_from_the_year_that_its_lever_acts(model):
    names = list(model.scenarios["name"])
    assert names == ["fast", "faster"]
    fast = model.run(scenario="Fast")["Stock"][-1]
    assert float(fast) == pytest.approx(2 * 1.025**20 * 1.05**20)
    assert float(model.run({"rate@5": 0.2})["Stock"][-1]) == float(fast)
    # what the user sets comes after the scenario
    assert float(model.run({"rate@5": 0.1}, scenario="fast")["Stock"][-1]) == pytest.approx(2 * 1.025**40)
    faster = model.run_arrays({"gift[south]": 0}, scenario="faster", variables=["rate"])
    assert [faster.values[i, 0] for i in (0, 20, 32)] == [0.1, 0.2, 0.4]


def test_a_scenario_may_be_run_to_an_earlier_end(model):
    assert model.run(scenario="faster", stop=6)["time"][-1] == 6


def test_a_scenario_holds_for_all_runs_of_an_ensemble(model):
    runs = model.ensemble({"Stock": [2.0, 4.0]}, ["final(Stock)"], scenario="fast")
    np.testing.assert_allclose(runs["final(Stock)"], [2 * 1.025**20 * 1.05**20, 4 * 1.025**20 * 1.05**20])
    assert runs.attrs["scenario"] == "fast"


def test_outcomes_are_what_an_ensemble_measures_by_itself(model):
    assert list(model.outcomes["better"]) == ["high", ""]
    assert model.ensemble_arrays({"rate": [0.1]}).measures == ("final(Stock)", "half@5")


def test_an_unknown_scenario_is_suggested_a_close_one(model):
    with pytest.raises(csd.InputError, match="did you mean 'faster'"):
        model.run_arrays(scenario="fastest")


def test_a_model_without_a_folder_of_its_own_has_empty_tables(growth):
    assert len(growth.scenarios) == 0
    assert len(growth.outcomes) == 0
    assert list(growth.parameters["name"]) == ["rate", "first"]


def test_a_model_is_immutable_and_says_what_it_is(growth):
    with pytest.raises(AttributeError):
        growth.path = "other"
    assert growth.name == "model"
    assert growth.control.dt == 0.25
    assert len(growth.hash) == 64
    assert growth.files == ()


def test_data_files_are_named_with_their_hashes_and_watched(vensim, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rain.csv").write_text("0,1\n10,3\n")
    equations = (r"rain:= GET DIRECT DATA('data\rain.csv', ',', 'A', 'B1')", "Water= INTEG(rain, 0)")
    model = vensim(*equations, step=1)
    assert [name for name, _ in model.files] == [r"data\rain.csv"]
    first = model.run_arrays(variables=["Water"]).values[-1, 0]
    (tmp_path / "data" / "rain.csv").write_text("0,2\n10,6\n")
    assert csd.load(model.path).run_arrays(variables=["Water"]).values[-1, 0] == 2 * first


def test_models_run_from_several_threads(growth):
    from concurrent.futures import ThreadPoolExecutor

    def run(i: int) -> float:
        name = ("rate", "Stock", "first")[i % 3]
        return float(growth.run_arrays({name: 1 + i % 5}, variables=["Stock"]).values[-1, 0])

    alone = [run(i) for i in range(30)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(run, range(30))) == alone
