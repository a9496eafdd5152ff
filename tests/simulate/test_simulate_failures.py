"""A run that fails is named with variable and time, and touches no other run."""

from __future__ import annotations

import numpy as np
import pytest

import cluster_sd as csd

# 1/(4 - Time) is infinite at 4 exactly; the stock is so one step later
POLE = ("Stock= INTEG(a*pole, 0)", "pole= 1/(c - Time)", "a= 1", "c= 4")


def test_a_failed_run_names_the_variable_and_the_first_time(vensim, backend):
    model = vensim(*POLE)
    with pytest.raises(csd.SimulationError) as error:
        model.run_arrays(backend=backend)
    assert (error.value.variable, error.value.time) == ("pole", 4.0)
    assert "pole is not finite at time 4" in str(error.value)


def test_a_variable_that_is_not_kept_does_not_fail_a_run_but_a_stock_always_does(vensim, backend):
    model = vensim(*POLE)
    with pytest.raises(csd.SimulationError) as error:
        model.run_arrays(variables=["a"], backend=backend)
    assert (error.value.variable, error.value.time) == ("Stock", 4.25)
    model.run_arrays(variables=["a"], stop=4, backend=backend)


def test_steps_between_saved_times_are_checked_too(vensim, backend):
    model = vensim("spike= 1/(4.25 - Time)", "Stock= INTEG(1, 0)")
    with pytest.raises(csd.SimulationError) as error:
        model.run_arrays(save_every=1, backend=backend)
    assert error.value.time == 4.25


def test_failures_stay_in_their_run(vensim, backend):
    model = vensim(*POLE)
    poles = np.array([4.0, 20.0, 4.1, 9.0, 30.0])
    runs = model.ensemble({"c": poles}, ["final(Stock)", "Stock", "max(pole)"], backend=backend)
    assert list(runs["failed"]) == [True, False, False, True, False]
    assert list(runs["failed_variable"]) == ["pole", "", "", "pole", ""]
    np.testing.assert_array_equal(runs["failed_time"], [4, np.nan, np.nan, 9, np.nan])
    for measure in ("final(Stock)", "Stock", "max(pole)"):
        assert np.isnan(runs[measure][[0, 3]]).all()
        assert np.isfinite(runs[measure][[1, 2, 4]]).all()
    alone = model.ensemble({"c": poles[[1, 2, 4]]}, ["final(Stock)"], backend=backend)
    np.testing.assert_array_equal(runs["final(Stock)"][[1, 2, 4]], alone["final(Stock)"])


def test_overflow_is_a_failure(vensim, backend):
    model = vensim("Stock= INTEG(a*Stock^2, 1)", "a= 1", stop=100)
    with pytest.raises(csd.SimulationError) as error:
        model.run_arrays(variables=["Stock"], backend=backend)
    assert error.value.variable == "Stock"
    assert 0 < error.value.time < 100


def test_zero_over_zero_and_zero_to_the_zero(vensim, backend):
    model = vensim("x= 0*Time/(0*Time)")
    with pytest.raises(csd.SimulationError):
        model.run_arrays(backend=backend)
    one = vensim("x= (0*Time)^(0*Time)", name="power").run_arrays(variables=["x"], backend=backend)
    np.testing.assert_array_equal(one.values[:, 0], 1.0)  # as in IEEE 754 and everywhere in the field


def test_a_failure_at_the_start_is_at_the_start(vensim, backend):
    model = vensim("Stock= INTEG(1, 1/zero)", "zero= 0")
    with pytest.raises(csd.SimulationError) as error:
        model.run_arrays(backend=backend)
    assert (error.value.variable, error.value.time) == ("Stock", 0.0)


def test_missing_data_are_no_failure(vensim):
    model = vensim("seen= IF THEN ELSE(Time < 5, :NA:, Time)", "Stock= INTEG(1, 0)", step=1)
    run = model.run_arrays(variables=["seen", "Stock"])
    assert np.isfinite(run.values[5:, 0]).all()
    assert np.isfinite(run.values[:, 1]).all()
