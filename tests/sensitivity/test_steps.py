"""What one feasible step of each lever does, paired, and what it does for each yuan."""

from __future__ import annotations

import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.errors import InputError
from cluster_sd.sensitivity import Outcome, Outputs, problem_of
from cluster_sd.sensitivity.steps import Steps, actions_of, stepped, steps, verdicts

#: Income grows by what is spent, at a price that nobody knows; a rule costs nothing, and a fee fills the purse.
MODEL = """{UTF-8}
subsidy= 2
	~	dmnl
	~	|
rule= 0.5
	~	dmnl
	~	|
fee= 1
	~	dmnl
	~	|
idle= 0
	~	dmnl
	~	|
gain= 3
	~	dmnl
	~	|
Income= INTEG(gain*subsidy + 4*rule - fee, 100)
	~	yuan
	~	|
Spending= INTEG(10*subsidy - 5*fee, 100)
	~	yuan
	~	|
INITIAL TIME= 2000
	~	year
	~	|
FINAL TIME= 2030
	~	year
	~	|
TIME STEP= 1
	~	year
	~	|
SAVEPER= 1
	~	year
	~	|
"""
PARAMETERS = """name,value,low,high,role,from,step
subsidy,2,0,10,lever,2025,1
rule,0.5,0,0.6,lever,2025,0.2
fee,1,0,4,lever,,1
idle,0,0,1,lever,2025,0.5
gain,3,2,4,uncertain,,
"""
MEASURES = ("final(Income)", "final(Spending)")


@pytest.fixture
def model(tmp_path) -> csd.Model:
    (tmp_path / "m.mdl").write_text(MODEL)
    (tmp_path / "parameters.csv").write_text(PARAMETERS)
    (tmp_path / "scenarios.toml").write_text('["generous".set]\nsubsidy = 9.5\n')
    return csd.load(tmp_path / "m.mdl")


def found(model: csd.Model, n: int = 200, better=("high", "low"), scenario=None, spending: int | None = 1) -> Steps:
    actions = actions_of(model, problem_of(model, roles=("lever",)).factors, scenario=scenario)
    design = stepped(model, problem_of(model, roles=("uncertain",)), actions, n, scenario=scenario)
    made = model.ensemble_arrays(design.design(), MEASURES, scenario=scenario)
    values = np.column_stack([made.values[m] for m in MEASURES])
    outputs = Outputs(tuple(Outcome(m) for m in MEASURES), values, made.failed, design.hashes())
    return steps(design, outputs, actions, better, spending=spending)


def place(made: Steps, name: str) -> int:
    return [action.name for action in made.actions].index(name)


def test_a_lever_moves_by_its_step_from_its_year_on_and_no_further_than_its_range(model):
    made = found(model)
    assert [action.name for action in made.actions] == [
        "subsidy +1", "subsidy -1", "rule +0.1", "rule -0.2", "fee +1", "fee -1", "idle +0.5",
    ]  # fmt: skip
    assert [action.since for action in made.actions] == [2025, 2025, 2025, 2025, None, None, 2025]
    rule = place(made, "rule +0.1")
    assert (made.actions[rule].before, made.actions[rule].after) == (0.5, 0.6)


def test_effects_are_differences_within_each_set(model):
    made = found(model)
    up, down = place(made, "subsidy +1"), place(made, "subsidy -1")
    # five years at a gain that is uniform from 2 to 4
    assert made.effect.mean[up, 0] == pytest.approx(15, abs=0.5)
    np.testing.assert_allclose([made.effect.low[up, 0], made.effect.high[up, 0]], [10.5, 19.5], atol=0.5)
    assert made.effect.mean[down, 0] == pytest.approx(-made.effect.mean[up, 0])
    rule = place(made, "rule +0.1")
    np.testing.assert_allclose([made.effect.low[rule, 0], made.effect.high[rule, 0]], 5 * 4 * 0.1)
    assert made.effect.mean[place(made, "fee +1"), 0] == pytest.approx(-30)
    assert made.effect.mean_low[up, 0] < 15 < made.effect.mean_high[up, 0]


def test_a_step_that_never_helps_has_no_chance_and_the_best_one_has_all(model):
    made = found(model)
    best = made.best[:, 0]
    assert best[place(made, "fee -1")] == 1  # 30 years of one yuan
    assert best.sum() == pytest.approx(1)
    assert made.improves[place(made, "subsidy +1"), 0] == 1
    assert made.improves[place(made, "subsidy -1"), 0] == 0
    assert made.improves[place(made, "idle +0.5"), 0] == 0.5  # it does nothing


def test_low_can_be_better(model):
    made = found(model)
    assert made.best[place(made, "fee +1"), 1] == 1  # saves 150, a subsidy less saves 50
    assert made.improves[place(made, "subsidy +1"), 1] == 0


def test_without_a_better_direction_nothing_is_best(model):
    made = found(model, better=("", "low"))
    assert np.isnan(made.best[:, 0]).all()
    assert np.isnan(made.improves[:, 0]).all()
    assert np.isfinite(made.best[:, 1]).all()


def test_money_is_counted_only_where_it_is_spent(model):
    made = found(model)
    verdict = dict(zip([a.name for a in made.actions], made.verdict, strict=True))
    assert verdict == {
        "subsidy +1": "costs", "subsidy -1": "saves", "rule +0.1": "free", "rule -0.2": "free", "fee +1": "saves",
        "fee -1": "costs", "idle +0.5": "free",
    }  # fmt: skip
    up = place(made, "subsidy +1")
    # fifty yuan of subsidy bring from 10 to 20 yuan of income
    np.testing.assert_allclose(made.per_yuan[:, up, 0], [0.3, 0.21, 0.39], atol=0.01)
    assert made.per_yuan[0, place(made, "fee -1"), 0] == pytest.approx(30 / 150)
    assert np.isnan(made.per_yuan[:, place(made, "rule +0.1")]).all()
    assert np.isnan(made.per_yuan[:, place(made, "fee +1")]).all()


def test_spending_that_goes_either_way_is_unclear_and_has_no_ratio():
    rng = np.random.default_rng(0)
    cost = np.column_stack([rng.normal(0, 1, 500), rng.normal(5, 1, 500), 1e-6 * rng.normal(size=500), -np.ones(500)])
    assert verdicts(cost, 100.0) == ("unclear", "costs", "free", "saves")


def test_nothing_measures_spending_where_nobody_says_so(model):
    made = found(model, spending=None)
    assert made.cost is None
    assert set(made.verdict) == {""}
    assert np.isnan(made.per_yuan).all()


def test_in_a_scenario_the_step_goes_from_its_value(model):
    made = found(model, scenario="generous")
    assert [a.name for a in made.actions][:2] == ["subsidy +0.5", "subsidy -1"]
    assert made.today.median[1] == pytest.approx(100 + 25 * 20 + 5 * 95 - 30 * 5)


def test_the_table_has_a_row_for_each_step_and_outcome(model):
    table = found(model).table()
    assert len(table) == 2 * 7
    row = table.iloc[0]
    assert (row["lever"], row["step"], row["since"], row["cost_verdict"]) == ("subsidy", 1, 2025, "costs")
    assert row["median"] / row["cost"] == pytest.approx(row["per_yuan"], rel=0.01)


def test_a_lever_can_not_be_drawn_and_stepped_at_once(model):
    actions = actions_of(model, problem_of(model, roles=("lever",)).factors)
    with pytest.raises(InputError, match="can't both be drawn at random and take a step"):
        stepped(model, problem_of(model), actions, 10)


def test_levers_without_a_step_are_said_to_have_none(model):
    with pytest.raises(InputError, match="no lever has a step"):
        actions_of(model, problem_of(model, roles=("uncertain",)).factors)
