"""FAST and RBD-FAST: search curves, indices, the floor."""

from __future__ import annotations

import numpy as np
import pytest
from truths import ISHIGAMI, SOBOL_G, cube, outputs_of

from cluster_sd.errors import InputError
from cluster_sd.sensitivity import Group, Problem, fast


def test_on_its_curve_a_parameter_swings_faster_than_all_others_together():
    drawn = fast.sample(cube(3), 1028)
    rows = drawn.unit().reshape(2, 4, 515, 3)
    power = np.abs(np.fft.rfft(rows - rows.mean(axis=2, keepdims=True), axis=2)).argmax(axis=2)
    for i in range(3):
        assert (power[:, i, i] == 64).all()
        assert (np.delete(power[:, i], i, axis=1) * 2 * 4 <= 64).all()
    assert (power[:, 3] <= 8).all()  # on the dummy's, all are slow


def test_curves_fill_the_range_evenly_and_differ():
    rows = fast.sample(cube(2), 2052).unit().reshape(4, 3, -1, 2)
    np.testing.assert_allclose(np.sort(rows[0, 0, :, 0]), np.linspace(0, 1, rows.shape[2]), atol=0.02)
    assert not np.allclose(rows[0], rows[1], atol=0.01)


def test_indices_come_close_to_the_closed_form_and_noise_stays_below_the_floor():
    drawn = fast.sample(SOBOL_G.problem, 4000)
    found = fast.analyze(drawn, outputs_of(drawn, SOBOL_G.evaluate))
    np.testing.assert_allclose(found.estimates["S1"].value[:, 0], SOBOL_G.s1, atol=0.03)
    np.testing.assert_allclose(found.estimates["ST"].value[:, 0], SOBOL_G.st, atol=0.03)
    assert found.floor["ST"][0] < 0.02
    assert (found.estimates["ST"].value[4:, 0] < 2 * found.floor["ST"][0]).all()
    assert "cut after 4 harmonics" in found.notes[-1]


def test_a_thousand_points_are_enough_for_ishigami():
    drawn = fast.sample(ISHIGAMI.problem, 1000)
    found = fast.analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate))
    np.testing.assert_allclose(found.estimates["S1"].value[:, 0], ISHIGAMI.s1, atol=0.03)
    np.testing.assert_allclose(found.estimates["ST"].value[:, 0], ISHIGAMI.st, atol=0.03)


def test_the_number_of_points_is_rounded_up_to_whole_curves_and_that_is_said():
    drawn = fast.sample(cube(2), 1000)
    assert drawn.n == 2 * 501 and drawn.runs == 3 * drawn.n
    assert "1,000 points per parameter were rounded up to 1,002: 2 curves of 501" in drawn.notes[0]
    assert fast.sample(cube(2), 5).n == 130
    with pytest.raises(InputError, match="1 or more"):
        fast.sample(cube(2), 0)


def test_a_larger_sample_begins_with_the_smaller_one():
    small = fast.sample(cube(3), 500)
    large = fast.extend(small, 900)
    np.testing.assert_array_equal(large.unit(0, small.runs), small.unit())
    assert large.n == 4 * 251
    with pytest.raises(InputError, match="already"):
        fast.extend(small, 100)


def test_groups_are_taken_apart_and_that_is_said():
    problem = Problem(cube(3).factors, (Group("group:A", (0, 1)), Group("x3", (2,))))
    for draw in (fast.sample, fast.sample_rbd):
        drawn = draw(problem, 1024)
        assert drawn.problem.names == ("x1", "x2", "x3")
        assert "no index of a group" in drawn.notes[0]


def test_rbd_fast_comes_close_to_the_closed_form():
    drawn = fast.sample_rbd(ISHIGAMI.problem, 4096)
    found = fast.analyze_rbd(drawn, outputs_of(drawn, ISHIGAMI.evaluate))
    np.testing.assert_allclose(found.main.value[:, 0], ISHIGAMI.s1, atol=0.02)
    assert (found.main.low[:, 0] <= ISHIGAMI.s1).all() and (ISHIGAMI.s1 <= found.main.high[:, 0]).all()
    assert 0 < found.floor["S1"][0] < 0.03
    assert "needs a thousand" in fast.sample_rbd(ISHIGAMI.problem, 100).notes[-1]
