"""Every solver against closed forms: order of convergence, across events too; adaptive ones to tolerance."""

from __future__ import annotations

import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.solvers.adaptive import ADAPTIVE
from cluster_sd.solvers.tableau import FIXED_STEP

LOGISTIC = ("Stock= INTEG(r*Stock*(1 - Stock/k), 1)", "r= 1", "k= 10")
# a linear chain with a turn: x' = y, y' = -x
CIRCLE = ("X= INTEG(Y, 1)", "Y= INTEG(-X, 0)")
# an inflow that begins at 3, is doubled at 5, and ends at 8: dS/dt = in - S/tau
EVENTS = (
    "Stock= INTEG(inflow - Stock/tau, 4)",
    "inflow= STEP(2, 3) + STEP(height, 5) - PULSE(8, 100)*(2 + height)",
    "height= 2",
    "tau= 2",
)


def logistic(t):
    return 10 / (1 + 9 * np.exp(-t))


def relaxed(t):
    """Closed form of EVENTS, piece by piece."""
    t = np.asarray(t, dtype=float)
    value = np.full(t.shape, 4.0)
    stock, out = 4.0, np.empty(t.shape)
    for left, right, inflow in ((0, 3, 0), (3, 5, 2), (5, 8, 4), (8, np.inf, 0)):
        inside = (t >= left) & (t < right)
        out[inside] = inflow * 2 + (stock - inflow * 2) * np.exp(-(t[inside] - left) / 2)
        stock = inflow * 2 + (stock - inflow * 2) * np.exp(-(right - left) / 2)
    return out + 0 * value


def error(model: csd.Model, solver: str, exact, step: float, name: str = "Stock", **options) -> float:
    run = model.run_arrays(solver=solver, time_step=step, save_every=1, variables=[name], **options)
    return float(np.abs(run.values[:, 0] - exact(run.times)).max())


@pytest.mark.parametrize("solver", sorted(FIXED_STEP))
@pytest.mark.parametrize(
    ("equations", "exact", "name"),
    [(LOGISTIC, logistic, "Stock"), (CIRCLE, np.cos, "X"), (EVENTS, relaxed, "Stock")],
    ids=["logistic", "circle", "events"],
)
def test_order_of_convergence(vensim, backend, solver, equations, exact, name):
    model = vensim(*equations)
    errors = [error(model, solver, exact, step, name, backend=backend) for step in (1 / 16, 1 / 32, 1 / 64)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders == pytest.approx(FIXED_STEP[solver].order, abs=0.15)


@pytest.mark.parametrize("solver", sorted(ADAPTIVE))
@pytest.mark.parametrize(
    ("equations", "exact", "name"),
    [(LOGISTIC, logistic, "Stock"), (CIRCLE, np.cos, "X"), (EVENTS, relaxed, "Stock")],
    ids=["logistic", "circle", "events"],
)
def test_adaptive_solvers_reach_their_tolerance(vensim, backend, solver, equations, exact, name):
    model = vensim(*equations)
    # the step of the model is coarse on purpose: an adaptive solver must not depend on it
    assert error(model, solver, exact, 1, name, backend=backend) < 2e-6


@pytest.mark.parametrize("solver", ["rk45", "radau"])
def test_an_event_between_two_saved_times_is_not_stepped_over(vensim, solver):
    model = vensim("Stock= INTEG(PULSE(4.3, 0.01)*1000, 0)", step=0.001)
    run = model.run_arrays(solver=solver, save_every=5, variables=["Stock"])
    np.testing.assert_allclose(run.values[:, 0], [0, 10, 10], rtol=1e-9)


@pytest.mark.parametrize("solver", ["dop853", "bdf"])
def test_repeated_pulses_are_all_met(vensim, solver):
    model = vensim("Stock= INTEG(PULSE TRAIN(1, 0.5, 2, 8)*2, 0)", step=0.125)
    run = model.run_arrays(solver=solver, save_every=2, variables=["Stock"])
    np.testing.assert_allclose(run.values[:, 0], [0, 1, 2, 3, 4, 4], rtol=1e-9)


def test_saved_times_at_an_event_show_what_holds_from_then_on(vensim):
    model = vensim("inflow= STEP(2, 3)", "Stock= INTEG(inflow, 0)", step=1)
    fixed = model.run_arrays(variables=["inflow"])
    adaptive = model.run_arrays(variables=["inflow"], solver="rk45")
    np.testing.assert_array_equal(fixed.values, adaptive.values)


def test_an_event_at_the_very_end_is_seen(vensim):
    model = vensim("inflow= STEP(2, 10)", "Stock= INTEG(inflow, 0)", step=1)
    assert model.run_arrays(variables=["inflow"], solver="lsoda").values[-1, 0] == 2


@pytest.mark.parametrize("solver", sorted(ADAPTIVE))
def test_constants_that_change_are_breakpoints(vensim, solver):
    model = vensim("Stock= INTEG(-Stock/tau, 1)", "tau= 2", step=1)
    run = model.run_arrays({"tau@4.5": 1.0}, solver=solver, save_every=5, variables=["Stock", "tau"])
    np.testing.assert_allclose(run.values[1:, 0], np.exp([-2.25 - 0.5, -2.25 - 5.5]), rtol=1e-6)
    np.testing.assert_array_equal(run.values[:, 1], [2, 1, 1])


def test_stiff_solvers_take_a_stiff_model(vensim):
    # a perception that takes an hour beside a stock that takes years
    model = vensim("Slow= INTEG(-Fast/10, 1)", "Fast= INTEG((Slow - Fast)*10000, 0)", step=1)
    exact = np.exp(-np.arange(11) / 10)  # to 1e-5, the share of the hour in the years
    for solver in ("bdf", "radau", "lsoda"):
        run = model.run_arrays(solver=solver, variables=["Slow"])
        np.testing.assert_allclose(run.values[:, 0], exact, rtol=3e-5)


def test_a_model_without_stocks_runs_by_any_solver(vensim):
    model = vensim("x= Time*2", step=1)
    for solver in ("rk4", "rk45"):
        np.testing.assert_array_equal(model.run_arrays(solver=solver, variables=["x"]).values[:, 0], np.arange(11) * 2)


def test_a_series_is_followed_by_adaptive_solvers(vensim):
    model = vensim("rain= 0*Time", "Water= INTEG(rain, 0)", step=1)
    run = model.run_arrays(series={"rain": {0: 0, 10: 10}}, solver="dop853", variables=["Water"])
    np.testing.assert_allclose(run.values[:, 0], run.times**2 / 2, rtol=1e-8, atol=1e-8)


def test_adaptive_ensembles_run_row_by_row(vensim):
    model = vensim(*LOGISTIC, step=1)
    rates = [0.5, 1.0, 2.0]
    runs = model.ensemble({"r": rates}, ["final(Stock)"], solver="dop853")
    expected = [10 / (1 + 9 * np.exp(-rate * 10)) for rate in rates]
    np.testing.assert_allclose(runs["final(Stock)"], expected, rtol=1e-7)


def test_many_runs_by_an_adaptive_solver_are_warned_of(vensim):
    model = vensim("Stock= INTEG(-a, 1)", "a= 1", step=5)
    with pytest.warns(UserWarning, match="101 runs by the adaptive solver"):
        model.ensemble_arrays({"a": np.linspace(0, 1, 101)}, ["final(Stock)"], solver="rk45")


@pytest.mark.parametrize(
    ("equation", "word"),
    [
        ("x= RANDOM UNIFORM(0, 1, 1)", "'x'"),
        ("x= SAMPLE IF TRUE(Time > 3, Time, 0)", "'x'"),
        ("x= DELAY FIXED(Time, 2, 0)", "'x'"),
    ],
)
@pytest.mark.parametrize("solver", ["rk45", "lsoda"])
def test_what_advances_once_a_step_is_refused_by_name(vensim, solver, equation, word):
    model = vensim(equation, "Stock= INTEG(x, 0)")
    with pytest.raises(csd.InputError) as refusal:
        model.run_arrays(solver=solver)
    assert word in str(refusal.value)
    assert "euler, heun or rk4" in str(refusal.value)


@pytest.mark.parametrize("solver", sorted(ADAPTIVE))
def test_a_solver_that_gives_up_names_stock_and_time(vensim, solver):
    model = vensim("Stock= INTEG(Stock^2, 0.25)", "Other= INTEG(1, 0)", step=0.5)  # infinite at 4
    with pytest.raises(csd.SimulationError) as failure:
        model.run_arrays(solver=solver, variables=["Stock"])
    assert failure.value.variable == "Stock"
    assert failure.value.time == pytest.approx(4, abs=0.01)


@pytest.mark.parametrize("solver", sorted(ADAPTIVE))
def test_a_flow_that_is_undefined_names_its_stock(vensim, solver):
    model = vensim("Stock= INTEG(SQRT(3 - Time), 0)", step=0.5)
    with pytest.raises(csd.SimulationError) as failure:
        model.run_arrays(solver=solver, variables=["Stock"])
    assert failure.value.variable == "Stock"
    assert failure.value.time == pytest.approx(3, abs=0.2)


def test_failures_stay_in_their_run_by_adaptive_solvers_too(vensim):
    model = vensim("Stock= INTEG(a*Stock^2, 1)", "a= 0", step=0.5)
    runs = model.ensemble({"a": [0.0, 1.0, -1.0]}, ["final(Stock)"], solver="rk45")
    assert list(runs["failed"]) == [False, True, False]
    np.testing.assert_allclose(runs["final(Stock)"], [1, np.nan, 1 / 11], rtol=1e-7)
