"""The same model by outside engines: PySD (Euler) through its backend here, and pysimlin (Euler and RK4)."""

from __future__ import annotations

import os

import numpy as np
import pytest

import cluster_sd as csd

#: Stocks, feedback, a table, a smooth, a delay, events, an array: what most models are made of.
MODEL = (
    "Susceptible= INTEG(-infection, 990)",
    "Infected= INTEG(infection - recovery + arrival, 10)",
    "Recovered= INTEG(recovery, 0)",
    "infection= contacts*caution(seen/100)*Susceptible*Infected/population*risk",
    "population= Susceptible + Infected + Recovered",
    "seen= SMOOTH(Infected, time to see)",
    "recovery= DELAY1(infection, 4.5)",
    "arrival= PULSE(3, 1)*5 + STEP(0.5, 6)",
    "caution((0,1),(1,0.7),(3,0.2),(9,0.1))",
    "contacts= 6",
    "risk= 0.15",
    "time to see= 2.5",
    "region: north, south, west",
    "Beds[region]= INTEG(building[region] - Beds[region]/20, 5*share[region])",
    "building[region]= share[region]*MAX(0, seen/10 - Beds[region])",
    "share[region]= 0.5, 0.3, 0.2",
    "all beds= SUM(Beds[region!])",
)


@pytest.fixture
def model(vensim) -> csd.Model:
    return vensim(*MODEL, stop=20, step=0.125)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"contacts": 9.0},
        {"contacts@5": 2.0, "time to see": 1.0},
        {"Susceptible": 900.0, "Infected": 20.0},
        {"share[south]": 0.4, "Beds[west]": 7.0},
        {"caution(1)": 0.5},
    ],
    ids=str,
)
def test_pysd_gives_the_same(model, changes):
    theirs = model.run_arrays(changes, backend="pysd")
    for backend in ("numpy", "llvm"):
        ours = model.run_arrays(changes, backend=backend)
        assert ours.names == theirs.names
        np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-9, atol=1e-12)
    assert theirs.settings["backend"] == "pysd"


def test_pysd_gives_the_same_with_other_times_and_series(model):
    options = {"start": 1.0, "stop": 9.0, "time_step": 0.25, "save_every": 0.6, "series": {"risk": {0: 0.1, 10: 0.3}}}
    ours, theirs = (model.run_arrays(backend=backend, **options) for backend in ("numpy", "pysd"))
    np.testing.assert_array_equal(ours.times, theirs.times)
    np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-9, atol=1e-12)


def test_pysd_runs_ensembles_of_the_same_form(model):
    design = {"contacts": [5.0, 8.0], "risk@4": [0.1, 0.2]}
    ours, theirs = (model.ensemble(design, ["final(Infected)", "seen"], backend=b) for b in ("numpy", "pysd"))
    for name in ("final(Infected)", "seen"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-9)


def test_pysd_leaves_nothing_beside_the_model(model):
    before = sorted(os.listdir(model.path.parent))
    model.run_arrays(backend="pysd")
    assert sorted(os.listdir(model.path.parent)) == before


def test_pysd_knows_no_other_solver(model):
    with pytest.raises(csd.InputError, match="euler alone"):
        model.run_arrays(backend="pysd", solver="rk4")


def test_a_failure_in_pysd_is_a_failure_here(vensim):
    model = vensim("Stock= INTEG(1/(c - Time), 0)", "c= 4")
    with pytest.raises(csd.SimulationError) as error:
        model.run_arrays(backend="pysd")
    assert error.value.time == pytest.approx(4, abs=0.25)
    runs = model.ensemble({"c": [4.0, 40.0]}, ["final(Stock)"], backend="pysd")
    assert list(runs["failed"].values) == [True, False]


@pytest.mark.parametrize("solver", ["euler", "rk4"])
def test_pysimlin_gives_the_same(vensim, backend, solver):
    simlin = pytest.importorskip("simlin", reason="pysimlin is not installed")
    # no events: pysimlin lets a later stage of RK4 see the next step's event
    plain = [e.replace("PULSE(3, 1)*5 + STEP(0.5, 6)", "0.3") for e in MODEL]
    model = vensim(*plain, stop=20, step=0.125)
    other = simlin.load(str(model.path))
    other.project.set_sim_specs(sim_method=solver)
    theirs = other.run(analyze_loops=False).results
    ours = model.run_arrays(solver=solver, backend=backend)
    compared = 0
    for name, values in zip(ours.names, ours.values.T, strict=True):
        key = name.lower().replace(" ", "_")
        if key in theirs:
            np.testing.assert_allclose(values, theirs[key], rtol=1e-9, err_msg=name)
            compared += 1
    assert compared > 20
