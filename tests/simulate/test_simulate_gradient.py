"""Derivatives by name, against closed forms and differences of runs."""

from __future__ import annotations

import numpy as np
import pytest

import cluster_sd as csd


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_the_gradient_of_growth(growth, backend, mode):
    found = growth.gradient(["rate", "first"], ["final(Stock)", "mean(rate)"], mode=mode, backend=backend)
    expected = [[2 * 40 * 0.25 * 1.025**39, 1.025**40], [1, 0]]
    np.testing.assert_allclose(found["gradient"], expected, rtol=1e-12)
    np.testing.assert_allclose(found["value"], [2 * 1.025**40, 0.1])
    assert not found["discontinuous"].any()
    assert found["gradient"].sel(measure="final(Stock)", parameter="first") == pytest.approx(1.025**40)


def test_initial_values_and_points_of_tables_are_derived_in_by_name(vensim):
    model = vensim("effect((0,1),(10,2),(20,4))", "Stock= INTEG(effect(Time), 3)", step=1)
    found = model.gradient(["Stock", "effect(10)", "effect(0)"], ["final(Stock)"])
    weights = np.arange(10) / 10  # of the point at 10 in each step
    np.testing.assert_allclose(found["gradient"][0], [1, weights.sum(), (1 - weights).sum()], rtol=1e-12)


def test_it_is_the_slope_of_runs_at_changed_values(vensim):
    model = vensim("S= INTEG(a*S*(1 - S/k) - SIN(Time)*b, 1)", "a= 0.5", "b= 0.1", "k= 10")
    changes = {"a": 0.7, "b@5": 0.2}
    found = model.gradient(["a", "k", "S"], ["S@8", "max(S)"], changes, solver="rk4")
    for name, value in (("a", 0.7), ("k", 10.0), ("S", 1.0)):
        runs = model.ensemble(
            {name: [value - 1e-5, value + 1e-5], "b@5": [0.2, 0.2], **({"a": [0.7, 0.7]} if name != "a" else {})},
            ["S@8", "max(S)"],
            solver="rk4",
        )
        for measure in ("S@8", "max(S)"):
            slope = float(np.diff(runs[measure])[0]) / 2e-5
            assert float(found["gradient"].sel(measure=measure, parameter=name)) == pytest.approx(slope, rel=1e-6)


def test_a_parameter_that_moves_an_event_is_marked(vensim):
    model = vensim("S= INTEG(STEP(height, when), 0)", "height= 1", "when= 5")
    found = model.gradient(["height", "when"], ["final(S)"])
    assert list(found["discontinuous"][0].values) == [False, True]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((["rte"], ["final(Stock)"]), "did you mean 'rate'"),
        ((["rate"], ["Stock"]), "is a series"),
        (([], ["final(Stock)"]), "no parameter"),
        ((["rate"], []), "no measure"),
    ],
)
def test_what_has_no_gradient_is_refused(growth, arguments, words):
    with pytest.raises(csd.InputError) as error:
        growth.gradient(*arguments)
    assert words in str(error.value)


def test_settings_that_have_no_gradient_are_refused(growth):
    for option, words in (
        ({"solver": "rk45"}, "fixed-step"),
        ({"mode": "sideways"}, "mode"),
        ({"backend": "pysd"}, "pysd"),
    ):
        with pytest.raises(csd.InputError, match=words):
            growth.gradient(["rate"], ["final(Stock)"], **option)


def test_a_run_that_fails_has_no_gradient(vensim):
    model = vensim("Stock= INTEG(1/(c - Time), 0)", "c= 4")
    with pytest.raises(csd.SimulationError) as error:
        model.gradient(["c"], ["final(Stock)"])
    assert error.value.variable == "Stock"
