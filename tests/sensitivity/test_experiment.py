"""The 2^k experiment: published effects, games with known values, and mechanisms of a model switched off and on."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.distributions import Distribution
from cluster_sd.errors import InputError
from cluster_sd.sensitivity import Factor, Outcome, Outputs, Problem
from cluster_sd.sensitivity.draws import Draws, with_draws
from cluster_sd.sensitivity.experiment import (
    Switch,
    contrasts,
    effects,
    factorial,
    shapley_weights,
    switches_of,
)
from cluster_sd.sensitivity.paired import spread

#: Filtration rate of a chemical product, Montgomery (Design and analysis of experiments), example 6.2, Yates's order
FILTRATION = [45, 71, 48, 65, 68, 60, 80, 65, 43, 100, 45, 104, 75, 86, 70, 96]
FILTRATION_EFFECTS = {
    (0,): 21.625, (1,): 3.125, (2,): 9.875, (3,): 14.625, (0, 1): 0.125, (0, 2): -18.125, (0, 3): 16.625,
    (1, 2): 2.375, (1, 3): -0.375, (2, 3): -1.125, (0, 1, 2): 1.875, (0, 1, 3): 4.125, (0, 2, 3): -1.625,
    (1, 2, 3): -2.625, (0, 1, 2, 3): 1.375,
}  # fmt: skip


def test_effects_are_those_of_the_textbook():
    subsets, matrix = contrasts(4)
    found = dict(zip(subsets, matrix @ np.array(FILTRATION, dtype=float), strict=True))
    assert found == pytest.approx(FILTRATION_EFFECTS)


def test_a_glove_game_has_shapleys_values():
    # one left glove (player 0), two right ones: a pair is worth one
    worth = np.array([1.0 if cell & 1 and cell & 6 else 0.0 for cell in range(8)])
    np.testing.assert_allclose(shapley_weights(3) @ worth, [2 / 3, 1 / 6, 1 / 6])


@pytest.mark.parametrize("k", [1, 2, 5])
def test_shapley_values_sum_to_what_all_do_together(k):
    cells = np.random.default_rng(k).normal(size=2**k)
    assert (shapley_weights(k) @ cells).sum() == pytest.approx(cells[-1] - cells[0])


def test_shapley_value_is_the_mean_over_all_orders():
    cells = np.random.default_rng(0).normal(size=8)
    added = np.zeros(3)
    for order in itertools.permutations(range(3)):
        cell = 0
        for i in order:
            added[i] += cells[cell | 1 << i] - cells[cell]
            cell |= 1 << i
    np.testing.assert_allclose(shapley_weights(3) @ cells, added / 6)


# ---- on models -------------------------------------------------------------------------------------------------------

MECHANISMS = ("a= 0.5", "b= 0.5", "c= 0.5", "u= 1", "y= 10 + 3*a + b*u + 2*a*b - c*u*u")
SWITCHES = tuple(Switch(name, {name: 0.0}, {name: 1.0}) for name in "abc")


def uncertain(*names: str, low: float = 1, high: float = 3) -> Problem:
    return Problem(tuple(Factor(name, name, Distribution("uniform", low, high)) for name in names))


def ran(model, design, *measures) -> Outputs:
    made = model.ensemble_arrays(design.design(), measures)
    values = np.column_stack([made.values[m] for m in measures])
    return Outputs(tuple(Outcome(m) for m in measures), values, made.failed, design.hashes())


def test_a_models_mechanisms_have_the_effects_of_its_equation(vensim):
    model = vensim(*MECHANISMS, stop=1, step=1)
    design = factorial(model, uncertain("u"), SWITCHES, 4000, seed=1)
    found = effects(design, ran(model, design, "final(y)"), SWITCHES)
    assert found.terms == ("a", "b", "c", "a × b", "a × c", "b × c", "a × b × c")
    # u is uniform from 1 to 3: E u = 2, E u² = 13/3; a 5 % point of u is 1.1
    np.testing.assert_allclose(found.effects.mean[:, 0], [4, 3, -13 / 3, 1, 0, 0, 0], atol=0.12)
    np.testing.assert_allclose(found.shapley.mean[:, 0], [4, 3, -13 / 3], atol=0.12)
    np.testing.assert_allclose(found.effects.low[:3, 0], [4, 2.1, -(2.9**2)], atol=0.08)
    np.testing.assert_allclose(found.effects.high[:3, 0], [4, 3.9, -(1.1**2)], atol=0.08)
    assert found.effects.positive[:4, 0].tolist() == [1, 1, 0, 1]
    np.testing.assert_allclose(found.shapley.mean.sum(axis=0), found.total.mean)


def test_sets_meet_every_cell_with_the_same_uncertain_values(vensim):
    model = vensim(*MECHANISMS, stop=1, step=1)
    design = factorial(model, uncertain("u"), SWITCHES, 5)
    assert design.columns == ("u", "a", "b", "c")
    rows = design.physical().reshape(5, 8, 4)
    assert (rows[:, :, 0] == rows[:, :1, 0]).all()
    assert rows[0, :, 1:].tolist() == [[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)]
    assert [v.name for v in design.variants][:4] == ["none", "a", "b", "a + b"]
    np.testing.assert_array_equal(np.vstack([design.physical(i, i + 3) for i in range(0, 40, 3)]), design.physical())


def test_a_mechanism_that_is_off_keeps_the_uncertain_value_of_what_it_sets(vensim):
    model = vensim(*MECHANISMS, stop=1, step=1)
    switch = Switch("high u", {}, {"u": 3.0})
    design = factorial(model, uncertain("u"), [switch], 50)
    rows = design.physical().reshape(50, 2)
    assert (rows[:, 1] == 3).all()
    assert len(np.unique(rows[:, 0])) == 50


def test_off_means_the_models_own_value_or_the_scenarios(tmp_path):
    (tmp_path / "m.mdl").write_text(
        "{UTF-8}\nrate= 2\n\t~\tdmnl\n\t~\t\n\t|\nu= 0\n\t~\tdmnl\n\t~\t\n\t|\n"
        "Level= INTEG(rate + u, 0)\n\t~\tdmnl\n\t~\t\n\t|\nINITIAL TIME= 0\n\t~\t\n\t~\t\n\t|\n"
        "FINAL TIME= 10\n\t~\t\n\t~\t\n\t|\nTIME STEP= 1\n\t~\t\n\t~\t\n\t|\nSAVEPER= 1\n\t~\t\n\t~\t\n\t|\n"
    )
    (tmp_path / "scenarios.toml").write_text('["fast".set]\nrate = 5\n["late".set]\n"rate@4" = 9\n')
    (tmp_path / "parameters.csv").write_text("name,low,high,role,from\nrate,0,10,lever,6\nu,0,1,uncertain,\n")
    model = csd.load(tmp_path / "m.mdl")
    problem = uncertain("u", low=0, high=1)
    [push] = switches_of(model, {"push": {"on": {"rate": 10}}})
    for scenario, before in ((None, 2), ("fast", 5), ("late", 9)):
        design = factorial(model, problem, [push], 3, scenario=scenario)
        assert design.columns == ("u", "rate@6")  # a scenario's change acts from the year in column `from`
        assert design.physical()[:, 1].tolist() == [before, 10] * 3
    made = model.ensemble_arrays(design.design(), ["final(Level)"], scenario="late").values["final(Level)"]
    plain = 6 * 5 + 9  # "fast" has no year: from 6 on in the file's meaning; here "late": 2 for 4 years, then 9
    plain = 4 * 2 + 6 * 9
    np.testing.assert_allclose(made[::2] - 10 * design.physical()[::2, 0], plain)
    np.testing.assert_allclose(made[1::2] - made[::2], 4)
    [named] = switches_of(model, {"late": {"on": "late"}})
    assert named.on == {"rate@4.0": 9.0}


def test_uncertain_values_can_be_draws_of_a_posterior(vensim):
    model = vensim("a= 0", "u= 1", "v= 1", "w= 1", "y= a*(u + v) + w", stop=1, step=1)
    draws = Draws(("u", "v"), np.array([[1.0, -1.0], [2.0, -2.0], [3.0, -3.0]]))
    problem = with_draws(uncertain("u", "w"), draws)
    design = factorial(model, problem, SWITCHES[:1], 60, draws=draws)
    assert design.columns == ("w", "u", "v", "a")
    w, u, v, a = design.physical().T
    np.testing.assert_array_equal(u, -v)  # a draw stays together
    assert sorted(np.unique(u)) == [1, 2, 3]
    assert len(np.unique(w)) == 60
    np.testing.assert_array_equal(a, [0, 1] * 60)
    found = effects(design, ran(model, design, "final(y)"), SWITCHES[:1])
    np.testing.assert_allclose(found.effects.mean, 0, atol=1e-12)


def test_the_confidence_interval_of_a_mean_effect_holds_in_95_of_100_experiments(vensim):
    model = vensim(*MECHANISMS, stop=1, step=1)
    design = factorial(model, uncertain("u"), SWITCHES[1:2], 40 * 200, seed=3)
    y = ran(model, design, "final(y)").values.reshape(200, 40, 2)
    found = [spread(one[:, 1] - one[:, 0]) for one in y]
    held = np.mean([s.mean_low <= 3 <= s.mean_high for s in found])  # b is 0.5 a: u + 1
    assert 0.9 <= held <= 0.99


def test_sets_with_a_failed_run_are_left_out_whole(vensim):
    model = vensim("a= 0", "u= 1", "y= SQRT(1 - a + a*(u - 1.2))", stop=1, step=1)
    design = factorial(model, uncertain("u", low=1, high=3), SWITCHES[:1], 200)
    found = effects(design, ran(model, design, "final(y)"), SWITCHES[:1])
    assert found.dropped == pytest.approx(20, abs=12)
    assert found.effects.sets == 200 - found.dropped
    with pytest.raises(InputError, match="most under 'a'"):
        narrow = factorial(model, uncertain("u", low=1, high=1.4), SWITCHES[:1], 100)
        effects(narrow, ran(model, narrow, "final(y)"), SWITCHES[:1])


def test_the_table_has_a_row_a_term_a_mechanism_and_a_cell(vensim):
    model = vensim(*MECHANISMS, stop=1, step=1)
    design = factorial(model, uncertain("u"), SWITCHES[:2], 10)
    table = effects(design, ran(model, design, "final(y)", "y@1"), SWITCHES[:2]).table()
    assert table.groupby("kind").size().to_dict() == {
        "cell": 8, "interaction": 2, "main": 4, "shapley": 4, "total": 2,
    }  # fmt: skip
    assert table.query("kind == 'cell'")["term"].tolist()[:4] == ["none", "a", "b", "a + b"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"a": {"of": {"a": 1}}}, "can have 'off' and 'on'"),
        ({"a": {}}, "the same off and on"),
        ({"a": {"on": "no such scenario"}}, "unknown scenario"),
    ],
)
def test_switches_that_are_none_are_refused(vensim, given, words):
    with pytest.raises(InputError, match=words):
        switches_of(vensim(*MECHANISMS), given)


def test_designs_that_can_not_be_are_refused(vensim):
    model = vensim(*MECHANISMS, "Stock= INTEG(a, 1)")
    problem = uncertain("u")
    with pytest.raises(InputError, match="both set 'a'"):
        factorial(model, problem, [SWITCHES[0], Switch("other", {}, {"a": 2})], 5)
    with pytest.raises(InputError, match="unknown parameter 'z'"):
        factorial(model, problem, [Switch("z", {}, {"z": 2})], 5)
    with pytest.raises(InputError, match="'Stock' is a stock"):
        factorial(model, problem, [Switch("z", {}, {"Stock": 2})], 5)
    with pytest.raises(InputError, match="1 to 10 mechanisms, not 11"):
        factorial(model, problem, [Switch(str(i), {}, {}) for i in range(11)], 5)
    with pytest.raises(InputError, match="take 2 or more"):
        factorial(model, problem, SWITCHES, 1)


def test_elements_of_an_array_are_switched_together(vensim):
    model = vensim("who: x, y ~~|", "p[who]= 1, 2", "u= 1", "total= SUM(p[who!])", stop=1, step=1)
    design = factorial(model, uncertain("u"), [Switch("p", {}, {"p": 5})], 2)
    assert design.columns == ("u", "p[x]", "p[y]")
    assert design.physical()[:2, 1:].tolist() == [[1, 2], [5, 5]]
