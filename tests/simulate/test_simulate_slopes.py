"""Derivatives at many points, compiled once: the same as one by one."""

from __future__ import annotations

import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.errors import InputError

MODEL = ("S= INTEG(a*S*(1 - S/k) - STEP(b, 5), 1)", "a= 0.5", "b= 0.1", "k= 10")


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_many_points_are_as_each_by_itself(vensim, backend, mode):
    model = vensim(*MODEL)
    points = np.array([[0.3, 10.0, 1.0], [0.7, 8.0, 2.0], [0.5, 12.0, 0.5]])
    measures = ["S@8", "mean(S)"]
    made = model.slopes(["a", "k", "S"], measures, backend=backend, mode=mode)(points)
    for row, point in enumerate(points):
        alone = model.gradient(["a", "k", "S"], measures, dict(zip(["a", "k", "S"], point, strict=True)))
        np.testing.assert_allclose(made.values[row], alone["value"], rtol=1e-12)
        np.testing.assert_allclose(made.gradient[row], alone["gradient"], rtol=1e-11)
    assert not made.failed.any()


def test_threads_and_blocks_change_nothing(vensim):
    points = np.random.default_rng(0).uniform([0.2, 5], [0.8, 15], (333, 2))
    one, two = (vensim(*MODEL).slopes(["a", "k"], ["final(S)"], threads=n)(points) for n in (1, 2))
    np.testing.assert_array_equal(one.gradient, two.gradient)


def test_a_value_from_a_year_on_moves_only_what_follows(vensim):
    model = vensim("S= INTEG(rate, 0)", "rate= 2", start=0, stop=10, step=0.5)
    made = model.slopes(["rate@4"], ["S@3", "S@10"])(np.array([[5.0]]))
    np.testing.assert_allclose(made.values, [[6, 4 * 2 + 6 * 5]])
    np.testing.assert_allclose(made.gradient[0, :, 0], [0, 6])


def test_a_scenario_that_dictates_a_value_later_ends_a_parameters_reach(vensim):
    model = vensim("S= INTEG(rate, 0)", "rate= 2", start=0, stop=10, step=0.5)
    made = model.slopes(["rate"], ["S@10"], {"rate@6": 1.0})(np.array([[5.0]]))
    np.testing.assert_allclose([made.values[0, 0], made.gradient[0, 0, 0]], [6 * 5 + 4, 6])


def test_an_array_moves_as_a_whole(vensim):
    model = vensim("part: north, south", "S[part]= INTEG(rate[part]*weight[part], 0)", "rate[part]= 1, 1",
                   "weight[part]= 2, 3", "total= SUM(S[part!])", start=0, stop=10)  # fmt: skip
    made = model.slopes(["rate"], ["final(total)"])(np.array([[1.5]]))
    np.testing.assert_allclose([made.values[0, 0], made.gradient[0, 0, 0]], [75, 50])


def test_a_point_that_fails_is_marked_and_holds_no_number(vensim):
    model = vensim("S= INTEG(1/(a - 2), 0)", "a= 1")
    made = model.slopes(["a"], ["final(S)"])(np.array([[1.0], [2.0]]))
    assert made.failed.tolist() == [False, True]
    assert np.isnan(made.values[1]).all()
    assert np.isnan(made.gradient[1]).all()


def test_jumps_are_marked(vensim):
    slopes = vensim("S= INTEG(STEP(height, when), 0)", "height= 1", "when= 5").slopes(["height", "when"], ["final(S)"])
    assert slopes.discontinuous.tolist() == [[False, True]]


def test_mistakes_are_said(vensim):
    model = vensim("part: north, south", "S[part]= INTEG(rate[part], 0)", "rate[part]= 1, 1", start=0, stop=10)
    with pytest.raises(InputError, match="twice"):
        model.slopes(["rate", "rate[north]"], ["final(S[north])"])
    with pytest.raises(InputError, match="is a series"):
        model.slopes(["rate"], ["S[north]"])
    with pytest.raises(csd.UnknownNameError, match="it can be 'rate"):
        model.slopes(["rates"], ["final(S[north])"])
    with pytest.raises(InputError, match="a row a point"):
        model.slopes(["rate"], ["final(S[north])"])(np.zeros(3))


@pytest.mark.parametrize("later", [False, True])
def test_one_sweep_back_gives_the_derivative_of_a_number_of_all_measures(vensim, backend, later):
    model = vensim(*MODEL)
    points = np.array([[0.3, 10.0, 1.0], [0.7, 8.0, 2.0], [0.5, 12.0, 0.5]])
    measures = ["S@8", "mean(S)", "final(S)", "S@8"]
    slopes = model.slopes(["a@3" if later else "a", "k", "S"], measures, backend=backend)
    full = slopes(points)
    given = []

    def weigh(values):  # of the sum of squares
        given.append(values.copy())
        return 2 * values

    pulled = slopes.pull(points, weigh)
    assert len(given) == 1
    np.testing.assert_allclose(given[0], full.values, rtol=1e-12)
    np.testing.assert_allclose(pulled.values, full.values, rtol=1e-12)
    expected = np.einsum("dm,dmk->dk", 2 * full.values, full.gradient)
    np.testing.assert_allclose(pulled.gradient, expected, rtol=1e-10)


def test_a_run_that_fails_has_no_sweep_and_harms_no_other(vensim, backend):
    model = vensim("S= INTEG(LN(a - Time), 1)", "a= 50", start=0, stop=10, step=1)
    pulled = model.slopes(["a"], ["final(S)"], backend=backend).pull(
        np.array([[20.0], [5.0], [30.0]]), lambda values: np.ones_like(values)
    )
    np.testing.assert_array_equal(pulled.failed, [False, True, False])
    assert np.isnan(pulled.values[1]).all()
    assert np.isnan(pulled.gradient[1]).all()
    slope = [sum(1 / (a - t) for t in range(10)) for a in (20, 30)]
    np.testing.assert_allclose(pulled.gradient[[0, 2], 0], slope, rtol=1e-12)
