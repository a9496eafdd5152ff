"""Runs that fail are counted, located and left out; outputs of other rows are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from truths import ISHIGAMI, cube, outputs_of

from cluster_sd.distributions import Distribution
from cluster_sd.errors import InputError
from cluster_sd.sensitivity import Factor, Problem, delta, fast, find_method, morris, pawn, sobol
from cluster_sd.sensitivity.failures import failures_of

METHODS = [("sobol", 256), ("morris", 40), ("fast", 1600), ("rbd", 1024), ("pawn", 512), ("delta", 256)]


def test_runs_that_fail_by_chance_change_the_indices_by_no_more_than_chance():
    drawn = sobol.sample(ISHIGAMI.problem, 2048, second_order=True)
    failed = np.random.default_rng(0).random(drawn.runs) < 0.02
    found = sobol.analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate, failed=failed))
    np.testing.assert_allclose(found.estimates["S1"].value[:, 0], ISHIGAMI.s1, atol=0.04)
    np.testing.assert_allclose(found.estimates["ST"].value[:, 0], ISHIGAMI.st, atol=0.04)
    np.testing.assert_allclose(found.estimates["S2"].value[:, 0], ISHIGAMI.s2, atol=0.06)
    assert found.failures.failed == failed.sum()
    assert found.failures.dropped == failed.reshape(2048, -1).any(axis=1).sum()


def test_where_a_part_of_a_range_fails_the_indices_are_those_of_the_rest():
    """Half a per cent of noise apart: a sample of the whole range without its upper tenth is one of the rest."""
    rest = Problem(tuple(Factor(f"x{i}", f"x{i}", Distribution("uniform", 0, 0.9 if i == 1 else 1)) for i in (1, 2, 3)))
    small = sobol.sample(rest, 8192, seed=1)
    outputs = replace(outputs_of(small, lambda u: ISHIGAMI.evaluate(u * np.array([0.9, 1, 1]))), hashes=small.hashes())
    expected = sobol.analyze(small, outputs, resamples=20).estimates
    drawn = sobol.sample(ISHIGAMI.problem, 8192)
    lost = drawn.unit()[:, 0] > 0.9
    found = sobol.analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate, failed=lost), resamples=20).estimates
    for kind in ("S1", "ST"):
        np.testing.assert_allclose(found[kind].value, expected[kind].value, atol=0.02)


def test_without_failures_leaving_out_changes_nothing():
    """The sums with weights of one are the sums without weights."""
    drawn = sobol.sample(ISHIGAMI.problem, 128, second_order=True)
    outputs = outputs_of(drawn, ISHIGAMI.evaluate, ISHIGAMI.evaluate)
    one = outputs.values.copy()
    one[np.arange(8) + 8 * 17, 1] = np.nan  # a whole base point
    whole = sobol.analyze(drawn, outputs).estimates
    less = sobol.analyze(drawn, replace(outputs, values=one)).estimates
    for kind in ("S1", "ST", "S2"):
        np.testing.assert_array_equal(less[kind].value[:, 0], whole[kind].value[:, 0])
        np.testing.assert_allclose(less[kind].value[:, 1], whole[kind].value[:, 1], atol=0.05)
        np.testing.assert_allclose(less[kind].high[:, 1], whole[kind].high[:, 1], atol=0.1)


@pytest.mark.parametrize(("name", "n"), METHODS)
def test_every_method_goes_on_with_a_failed_run_and_tells_of_it(name, n):
    method = find_method(name)
    drawn = method.sample(ISHIGAMI.problem, n)
    failed = np.zeros(drawn.runs, dtype=bool)
    failed[[3, 77]] = True
    found = method.analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate, failed=failed), resamples=50)
    assert np.isfinite(found.main.value).all() and np.isfinite(found.main.low).all()
    assert found.failures.failed == 2 and 1 <= found.failures.dropped <= 2
    whole = method.analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate), resamples=50)
    assert whole.failures.failed == whole.failures.dropped == 0 and whole.failures.where == ()
    np.testing.assert_allclose(
        found.main.value / whole.main.value.max(), whole.main.value / whole.main.value.max(), atol=0.25
    )


@pytest.mark.parametrize(("name", "n"), METHODS)
def test_every_method_refuses_where_too_many_runs_fail_and_says_where(name, n):
    method = find_method(name)
    drawn = method.sample(ISHIGAMI.problem, n)
    failed = drawn.unit()[:, 1] > 0.6
    with pytest.raises(InputError, match=r"of .* runs failed .* 'x2' lies from 0\.6"):
        method.analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate, failed=failed))


@pytest.mark.parametrize(("name", "n"), METHODS)
def test_every_method_refuses_outputs_that_are_out_of_order(name, n):
    method = find_method(name)
    drawn = method.sample(ISHIGAMI.problem, n)
    outputs = outputs_of(drawn, ISHIGAMI.evaluate)
    order = np.arange(drawn.runs)
    order[[10, 11]] = 11, 10
    with pytest.raises(InputError, match="run 10 are not those of the sample's row"):
        method.analyze(drawn, replace(outputs, values=outputs.values[order], hashes=outputs.hashes[order]))
    with pytest.raises(InputError, match="outputs of"):
        method.analyze(method.extend(drawn, 2 * n), outputs)


def test_failures_are_located_by_factor_and_by_variable():
    drawn = sobol.sample(cube(4), 512)
    failed = (drawn.unit()[:, 2] < 0.15) & (drawn.unit()[:, 0] > 0.5)
    outputs = replace(
        outputs_of(drawn, lambda u: u[:, 1], failed=failed),
        failed_variable=np.where(failed, "Stock", "").astype(object),
    )
    found = failures_of(drawn, outputs)
    assert {row.parameter for row in found.where[:2]} == {"x1", "x3"}
    x3 = next(row for row in found.where if row.parameter == "x3")
    assert (x3.low, x3.high) == (0, pytest.approx(1 / 3))
    assert x3.share > 0.2 and x3.share_elsewhere == 0 and x3.p_value < 1e-6
    assert found.where[-1].p_value > 0.01
    assert found.variables == (("Stock", failed.sum()),)
    assert 0 < found.share < 0.2


def test_one_base_point_whose_runs_fail_says_nothing_of_where():
    drawn = sobol.sample(cube(12), 256)
    failed = np.zeros(drawn.runs, dtype=bool)
    failed[14 * 7 : 14 * 8] = True  # all rows of the eighth base point
    where = failures_of(drawn, outputs_of(drawn, lambda u: u[:, 0], failed=failed)).where
    assert min(row.p_value for row in where) > 0.5


def test_a_value_that_is_missing_in_one_outcome_costs_no_other_outcome():
    drawn = sobol.sample(ISHIGAMI.problem, 256)
    outputs = outputs_of(drawn, ISHIGAMI.evaluate, ISHIGAMI.evaluate, ISHIGAMI.evaluate)
    values = outputs.values.copy()
    values[5, 1] = np.inf
    values[: drawn.runs // 2, 2] = np.nan
    found = sobol.analyze(drawn, replace(outputs, values=values))
    whole = sobol.analyze(drawn, outputs).main
    np.testing.assert_array_equal(found.main.value[:, 0], whole.value[:, 0])
    np.testing.assert_allclose(found.main.value[:, 1], whole.value[:, 1], atol=0.05)
    assert np.isnan(found.main.value[:, 2]).all()
    assert found.reasons == ("", "", "no value in 640 of 1,280 runs")


def test_a_search_curve_with_a_failed_run_is_left_out_and_too_few_curves_are_said():
    drawn = fast.sample(ISHIGAMI.problem, 300)
    failed = np.zeros(drawn.runs, dtype=bool)
    failed[:: drawn.settings["points"]] = True
    found = fast.analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate, failed=failed))
    assert "left too little of the sample" in found.reasons[0]
    assert np.isnan(found.main.value).all()


def test_an_elementary_effect_with_a_failed_run_is_left_out():
    drawn = morris.sample(cube(3), 10)
    failed = np.zeros(drawn.runs, dtype=bool)
    failed[1] = True
    found = morris.analyze(drawn, outputs_of(drawn, lambda u: u @ np.array([1.0, 2.0, -3.0]), failed=failed))
    np.testing.assert_allclose(found.main.value[:, 0], [1, 2, 3])
    np.testing.assert_allclose(found.estimates["mu"].value[:, 0], [1, 2, -3])


def test_given_data_methods_leave_the_run_out():
    for method in (pawn, delta):
        drawn = method.sample(ISHIGAMI.problem, 256)
        failed = np.arange(drawn.runs) == 9
        assert method.analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate, failed=failed)).failures.dropped == 1


def test_an_outcome_of_which_too_little_is_left_says_so():
    """Each trajectory has one failed run, always after the same parameter moved."""
    drawn = morris.sample(cube(6), 10)
    assert isinstance(drawn.rows, morris.Trajectories)
    failed = np.zeros((10, 7), dtype=bool)
    failed[np.arange(10), drawn.rows.turn[:, 2] + 1] = True
    found = morris.analyze(drawn, outputs_of(drawn, lambda u: u.sum(axis=1), failed=failed.ravel()))
    assert "left too little of the sample" in found.reasons[0]
    assert np.isnan(found.main.rank).all()
    points = sobol.sample(cube(6), 8)
    failed = (np.arange(points.runs) % 8 == 3) & (np.arange(points.runs) // 8 < 6)
    found = sobol.analyze(points, outputs_of(points, lambda u: u.sum(axis=1), failed=failed))
    assert "left too little of the sample" in found.reasons[0]
