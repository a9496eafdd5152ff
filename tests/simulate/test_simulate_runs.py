"""One run: closed forms, names and units, time settings."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import cluster_sd as csd


def test_euler_growth_is_compound_interest(growth, backend):
    run = growth.run(backend=backend)
    expected = 2 * (1 + 0.1 * 0.25) ** np.arange(41)
    np.testing.assert_allclose(run["Stock"], expected, rtol=1e-13)
    np.testing.assert_array_equal(run["time"], np.arange(41) * 0.25)


def test_rk4_growth_is_its_own_polynomial(growth, backend):
    z = 0.1 * 0.25
    factor = 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24
    run = growth.run(solver="rk4", backend=backend)
    np.testing.assert_allclose(run["Stock"], 2 * factor ** np.arange(41), rtol=1e-13)


def test_a_dataset_has_the_models_names_units_and_words(growth):
    run = growth.run()
    assert run["Stock"].attrs == {"units": "kg", "documentation": "What grows"}
    assert run["rate"].attrs["units"] == "1/year"
    assert set(run.data_vars) == {
        "Stock", "rate", "first", "INITIAL TIME", "FINAL TIME", "TIME STEP", "SAVEPER",
    }  # fmt: skip
    assert run.attrs["solver"] == "euler" and run.attrs["seed"] == 0


def test_only_asked_variables_are_kept_and_case_does_not_count(growth):
    run = growth.run_arrays(variables=["STOCK"])
    assert run.names == ("Stock",)
    assert run.values.shape == (41, 1)


def test_an_array_asked_whole_gives_its_elements_in_the_files_order(vensim):
    model = vensim("region: south, north", "Land[region]= INTEG(pace[region], 1)", "pace[south]= 1", "pace[north]= 2")
    run = model.run(variables=["land"])
    assert list(run.data_vars) == ["Land[south]", "Land[north]"]
    np.testing.assert_allclose([run["Land[south]"][-1], run["Land[north]"][-1]], [11, 21])
    assert list(model.run(variables=["Land[ North ]"]).data_vars) == ["Land[north]"]


def test_settings_given_win_over_the_models(growth):
    run = growth.run_arrays(start=1, stop=3, time_step=0.5, save_every=1)
    np.testing.assert_array_equal(run.times, [1, 2, 3])
    np.testing.assert_allclose(run.values[:, run.names.index("Stock")], 2 * 1.05 ** np.array([0, 2, 4]))
    assert run.values[0, run.names.index("TIME STEP")] == 0.5


def test_a_step_that_does_not_divide_the_span_leaves_the_rest_out(growth, backend):
    run = growth.run_arrays(time_step=0.3, stop=1, backend=backend)
    np.testing.assert_allclose(run.times, [0, 0.3, 0.6, 0.9])
    np.testing.assert_allclose(run.values[:, run.names.index("Stock")], 2 * 1.03 ** np.arange(4))


def test_a_save_step_that_is_no_multiple_of_the_step_saves_at_the_first_step_after(growth):
    run = growth.run_arrays(time_step=0.25, save_every=0.4, stop=2)
    np.testing.assert_allclose(run.times, [0, 0.5, 1.0, 1.25, 1.75, 2.0])


def test_time_is_start_plus_number_times_step_without_drift(vensim):
    model = vensim("Stock= INTEG(1, 0)", stop=1000, step=0.1)
    np.testing.assert_array_equal(model.run_arrays().times, np.arange(10001) * 0.1)


def test_the_save_step_follows_the_time_step_where_the_model_says_so(growth, vensim):
    assert list(growth.run_arrays(time_step=5).times) == [0, 5, 10]
    assert len(growth.run_arrays(time_step=0.1).times) == 101
    yearly = vensim("Stock= INTEG(1, 0)", save="1", name="yearly")
    assert list(yearly.run_arrays(time_step=0.1, stop=3).times) == [0, 1, 2, 3]
    assert list(yearly.run_arrays(time_step=5).times) == [0, 5, 10]


def test_a_run_without_length_gives_its_start(growth):
    run = growth.run_arrays(stop=0)
    assert list(run.times) == [0]
    assert run.values[0, run.names.index("Stock")] == 2


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"time_step": 0}, "time step is 0"),
        ({"time_step": -1}, "time step is -1"),
        ({"time_step": float("nan")}, "time step is nan"),
        ({"time_step": 1e300}, "longer than the run"),
        ({"start": -1e308, "stop": 1e308}, "no time that can be run"),
        ({"time_step": "x"}, "time step is 'x', not a number"),
        ({"stop": -1}, "stop -1 lies before start 0"),
        ({"start": float("inf")}, "start is inf"),
        ({"save_every": 0.1}, "save step 0.1 is shorter than the time step 0.25"),
        ({"save_every": 0}, "save step is 0"),
        ({"time_step": 1e-9}, "steps"),
        ({"start": 1e18, "stop": 1e18 + 1024, "time_step": 1}, "rounding"),
        ({"solver": "rk5"}, "unknown solver 'rk5'"),
        ({"backend": "fortran"}, "unknown backend 'fortran'"),
        ({"seed": -1}, "seed"),
        ({"seed": 0.5}, "seed"),
        ({"variables": []}, "no variables"),
        ({"variables": ["Stok"]}, "did you mean 'Stock'"),
        ({"scenario": "drought"}, "unknown scenario 'drought'"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(growth, setting, words):
    with pytest.raises(csd.InputError) as error:
        growth.run_arrays(**setting)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_table_has_no_course_over_time(vensim):
    model = vensim("effect((0,0),(1,1))", "x= effect(Time)")
    with pytest.raises(csd.InputError, match="is a table"):
        model.run_arrays(variables=["effect"])


def test_x_outside_a_table_holds_its_ends(vensim, backend):
    model = vensim("effect((2,1),(4,5))", "x= effect(Time)", step=1, stop=6)
    run = model.run_arrays(variables=["x"], backend=backend)
    np.testing.assert_allclose(run.values[:, 0], [1, 1, 1, 3, 5, 5, 5])


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, cluster_sd\n"
        "heavy = {'numpy', 'xarray', 'pandas', 'scipy', 'pysd', 'llvmlite'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_warm_run_imports_neither_pysd_nor_xarray_nor_pandas(growth):
    code = (
        "import sys, cluster_sd as csd\n"
        f"csd.load({str(growth.path)!r}).run_arrays({{'rate': 0.2}}, backend='numpy')\n"
        "heavy = {'xarray', 'pandas', 'scipy', 'pysd', 'llvmlite'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there():
    for name in csd.__all__:
        assert getattr(csd, name) is not None
    assert dir(csd) == sorted(csd.__all__)
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        _ = csd.laod  # pyright: ignore
