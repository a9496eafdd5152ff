"""What varies: factors from parameters.csv, and the groups in which they move together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from truths import cube

import cluster_sd as csd
from cluster_sd.distributions import Distribution
from cluster_sd.errors import InputError, UnknownNameError
from cluster_sd.sensitivity import Factor, Group, Problem, problem_of

HEADER = "name,low,high,distribution,role,group,from,step\n"
ROWS = (
    "rate,0.05,0.2,uniform,lever,M1,5,0.01\n"
    "first,1,4,loguniform,uncertain,M2,,\n"
    "a,0,1,triangular,uncertain,M2,,\n"
    "b,0,1,normal,uncertain,,,\n"
    "c,0,1,uniform,fixed,M2,,\n"
)


@pytest.fixture
def model(vensim) -> csd.Model:
    return vensim("Stock= INTEG(rate*Stock + a + b + c, first)", "rate= 0.1", "first= 2", "a= 0.5", "b= 0.5", "c= 0.5")


def table(folder: Path, rows: str) -> Path:
    path = folder / "p.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    return path


def test_levers_and_uncertain_parameters_vary_and_fixed_ones_do_not(model, tmp_path):
    problem = problem_of(model, table(tmp_path, ROWS))
    assert problem.columns == ("rate@5", "first", "a", "b")
    assert problem.names == ("rate", "first", "a", "b")
    assert problem.factors[0].step == 0.01
    assert problem.factors[0].distribution == Distribution("uniform", 0.05, 0.2)


def test_roles_and_names_choose_what_varies(model, tmp_path):
    path = table(tmp_path, ROWS)
    assert problem_of(model, path, roles=["lever"]).names == ("rate",)
    assert problem_of(model, path, only=["C", "first"]).names == ("c", "first")


def test_groups_are_the_mechanisms(model, tmp_path):
    path = table(tmp_path, ROWS)
    problem = problem_of(model, path, grouping="uncertain")
    assert problem.groups == (Group("rate", (0,)), Group("group:M2", (1, 2)), Group("b", (3,)))
    assert problem_of(model, path, grouping="none").names == ("rate", "first", "a", "b")
    assert problem.ungrouped().names == ("rate", "first", "a", "b")


def test_a_mechanism_has_levers_and_uncertain_parameters_in_one_group_when_all_are_grouped(model, tmp_path):
    path = table(tmp_path, ROWS.replace("M1", "M2"))
    assert problem_of(model, path, grouping="all").groups[0] == Group("group:M2", (0, 1, 2))


def test_beyond_a_hundred_parameters_the_uncertain_ones_are_grouped_and_that_is_said():
    orange = problem_of(csd.load("orange"))
    assert len(orange.factors) > 100
    levers = [f.name for f in orange.factors if f.role == "lever"]
    assert set(levers) < set(orange.names)
    assert "group:O13" in orange.names
    assert "taken together" in orange.notes[0]
    assert problem_of(csd.load("orange"), roles=["lever"]).notes == ()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("rate,0.2,0.05,uniform,lever,,,\n", "low 0.2 must be below high 0.05"),
        ("rate,0.1,0.2,flat,lever,,,\n", "flat"),
        ("rote,0.1,0.2,uniform,lever,,,\n", "did you mean 'rate'"),
        ("rate,,,uniform,lever,,,\n", "needs low and high"),
        ("rate,-1,0.2,lognormal,lever,,,\n", "must be above 0"),
        ("rate,0.1,0.2,uniform,fixed,,,\n", "no parameter to vary"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(model, tmp_path, rows, said):
    with pytest.raises(InputError, match=said):
        problem_of(model, table(tmp_path, rows))


def test_a_parameter_that_does_not_exist_gets_close_names(model, tmp_path):
    with pytest.raises(UnknownNameError, match=r"'frist'.*did you mean 'first'"):
        problem_of(model, table(tmp_path, ROWS), only=["frist"])
    with pytest.raises(UnknownNameError, match="role 'levers'"):
        problem_of(model, table(tmp_path, ROWS), roles=["levers"])
    with pytest.raises(UnknownNameError, match="grouping 'some'"):
        problem_of(model, table(tmp_path, ROWS), grouping="some")


def test_every_factor_stands_in_exactly_one_group():
    factors = cube(3).factors
    with pytest.raises(InputError, match="exactly one group"):
        Problem(factors, (Group("a", (0, 1)), Group("b", (1, 2))))
    with pytest.raises(InputError, match="stands 2 times"):
        Problem((*factors, factors[0]))
    with pytest.raises(InputError, match="dummy"):
        Problem((Factor("dummy", "dummy", Distribution("uniform", 0, 1)),))


def test_values_are_quantiles_of_the_distributions():
    factors = (
        Factor("u", "u", Distribution("uniform", 2, 4)),
        Factor("n", "n", Distribution("normal", -1.959963984540054, 1.959963984540054)),
        Factor("l", "l", Distribution("loguniform", 1, 100)),
    )
    values = Problem(factors).physical(np.array([[0.5, 0.975, 0.5], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]))
    np.testing.assert_allclose(values[0], [3, 1.959963984540054, 10])
    assert np.isfinite(values).all()
