"""Morris' trajectories and elementary effects."""

from __future__ import annotations

import numpy as np
import pytest
from truths import MORRIS, cube, outputs_of

from cluster_sd.distributions import Distribution
from cluster_sd.errors import InputError
from cluster_sd.sensitivity import Factor, Group, Problem, morris


def test_each_group_moves_once_by_two_thirds_of_the_range():
    problem = Problem(cube(4).factors, (Group("a", (0, 2)), Group("x2", (1,)), Group("x4", (3,))))
    rows = morris.sample(problem, 50).unit().reshape(50, 4, 4)
    moves = np.diff(rows, axis=1)
    moved = np.abs(moves) > 1e-12
    np.testing.assert_allclose(np.abs(moves[moved]), 2 / 3)
    np.testing.assert_array_equal(moved.sum(axis=1), 1)
    np.testing.assert_array_equal(moved[:, :, 0], moved[:, :, 2])
    assert set(np.round(rows * 3).astype(int).ravel()) == {0, 1, 2, 3}
    np.testing.assert_allclose(rows * 3, np.round(rows * 3), atol=1e-12)


def test_groups_move_in_all_orders_and_to_both_sides():
    moves = np.diff(morris.sample(cube(3), 600).unit().reshape(600, 4, 3), axis=1)
    orders = [tuple(np.argmax(np.abs(m), axis=1)) for m in moves]
    assert all(60 < orders.count(order) < 140 for order in set(orders)) and len(set(orders)) == 6
    assert 0.45 < (moves.sum(axis=1) > 0).mean() < 0.55


def test_the_effects_of_a_straight_line_are_its_slopes():
    drawn = morris.sample(cube(3), 10)
    found = morris.analyze(drawn, outputs_of(drawn, lambda u: u @ np.array([1.0, -2.0, 0.0]))).estimates
    np.testing.assert_allclose(found["mu"].value[:, 0], [1, -2, 0], atol=1e-12)
    np.testing.assert_allclose(found["mu_star"].value[:, 0], [1, 2, 0], atol=1e-12)
    np.testing.assert_allclose(found["sigma"].value[:, 0], 0, atol=1e-12)
    assert found["mu"].rank[:, 0].tolist() == [2, 1, 3]


def test_screening_finds_the_ten_that_matter_of_morris_twenty():
    drawn = morris.sample(MORRIS.problem, 50)
    found = morris.analyze(drawn, outputs_of(drawn, MORRIS.evaluate)).main
    assert set(np.flatnonzero(found.rank[:, 0] <= 10)) == set(range(10))
    assert found.top[9, 0] > 0.99


def test_unbounded_parameters_move_between_low_and_high():
    problem = Problem((Factor("n", "n", Distribution("normal", 10, 20)), *cube(1).factors))
    values = morris.sample(problem, 20).physical()[:, 0]
    np.testing.assert_allclose([values.min(), values.max()], [10, 20])


def test_a_larger_sample_begins_with_the_smaller_one():
    small = morris.sample(cube(5), 10, seed=0)
    np.testing.assert_array_equal(morris.extend(small, 25).unit(0, small.runs), small.unit())
    with pytest.raises(InputError, match="10 trajectories already"):
        morris.extend(small, 5)


def test_hundreds_of_trajectories_are_put_together_without_changing_the_interval_much():
    drawn = morris.sample(MORRIS.problem, 300)
    outputs = outputs_of(drawn, MORRIS.evaluate)
    found = morris.analyze(drawn, outputs).main
    effects = np.diff(outputs.values[:, 0].reshape(300, 21), axis=1)
    assert isinstance(drawn.rows, morris.Trajectories)
    turn = drawn.rows.turn
    effect = np.abs(np.take_along_axis(effects, turn, axis=1)) * 1.5
    np.testing.assert_allclose(found.value[:, 0], effect.mean(axis=0))
    error = effect.std(axis=0, ddof=1) / np.sqrt(300)
    np.testing.assert_allclose((found.value - found.low)[:, 0], 1.98 * error, rtol=0.25)


@pytest.mark.parametrize(("n", "levels", "said"), [(3, 4, "4 trajectories"), (10, 5, "even"), (10, 0, "even")])
def test_what_is_no_design_is_refused(n, levels, said):
    with pytest.raises(InputError, match=said):
        morris.sample(cube(2), n, levels=levels)
