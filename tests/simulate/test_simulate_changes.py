"""What can be set, from when on, and what is refused with the right advice."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import cluster_sd as csd
from cluster_sd.simulate.design import parse_change


def final(model: csd.Model, name: str, changes=None, **options) -> float:
    return float(model.run_arrays(changes, variables=[name], **options).values[-1, 0])


def test_a_constant_set_to_its_own_value_changes_nothing(growth, backend):
    same = growth.run_arrays({"rate": 0.1}, backend=backend)
    np.testing.assert_array_equal(same.values, growth.run_arrays(backend=backend).values)


def test_a_constant_acts_from_the_start(growth, backend):
    assert final(growth, "Stock", {"RATE": 0.2}, backend=backend) == pytest.approx(2 * 1.05**40, rel=1e-13)


def test_a_constant_at_a_year_acts_from_the_first_step_at_or_after_it(growth, backend):
    # step 0.25: 4.9 is first reached at 5.0, so 20 steps at the old rate and 20 at the new one
    for when in (4.9, 5, 4.76):
        found = final(growth, "Stock", {f"rate@{when}": 0.2}, backend=backend)
        assert found == pytest.approx(2 * 1.025**20 * 1.05**20, rel=1e-13)


def test_several_changes_of_one_constant_follow_each_other(growth, backend):
    found = final(growth, "Stock", {"rate": 0.0, "rate@8": 0.4, "rate@5": 0.2}, backend=backend)
    assert found == pytest.approx(2 * 1.05**12 * 1.1**8, rel=1e-13)


def test_the_constant_itself_shows_its_course(growth, backend):
    run = growth.run_arrays({"rate@5": 0.2}, variables=["rate"], backend=backend)
    np.testing.assert_array_equal(run.values[:, 0], np.where(run.times < 5, 0.1, 0.2))


def test_a_constant_behind_an_initial_value_acts_there_at_the_start_alone(growth, backend):
    assert final(growth, "Stock", {"first": 4}, backend=backend) == pytest.approx(4 * 1.025**40)
    assert final(growth, "Stock", {"first@5": 4}, backend=backend) == pytest.approx(2 * 1.025**40)


def test_a_stocks_name_sets_its_initial_value(growth, backend):
    assert final(growth, "Stock", {"stock": 7}, backend=backend) == pytest.approx(7 * 1.025**40)


ARRAY = ("region: north, south", "Land[region]= INTEG(pace[region], 2*base)", "base= 5", "pace[region]= 1, 2")


def test_elements_of_arrays_are_set_one_by_one_or_whole(vensim, backend):
    model = vensim(*ARRAY)

    def land(changes):
        return list(model.run_arrays(changes, variables=["Land"], backend=backend).values[-1])

    assert land({"pace[south]": 3}) == [20, 40]
    assert land({"Pace[ South ]": 3, "pace[north]": 0}) == [10, 40]
    assert land({"pace": 4}) == [50, 50]
    assert land({"pace": [4, 5]}) == [50, 60]
    assert land({"Land[south]": 0}) == [20, 20]
    assert land({"Land": [1, 2]}) == [11, 22]
    assert land({"base@5": 6}) == [20, 30]


def test_points_of_a_table_are_set_one_by_one_or_whole(vensim, backend):
    model = vensim("effect((0,1),(10,2),(20,4))", "x= effect(Time)", step=1)

    def middle(changes):
        return float(model.run_arrays(changes, variables=["x"], backend=backend).values[5, 0])

    assert middle(None) == 1.5
    assert middle({"Effect(10)": 3}) == 2
    assert middle({"effect(10.0)": 3, "effect(0)": 3}) == 3
    assert middle({"effect": [0, 1, 2]}) == 0.5


def test_a_series_takes_the_place_of_an_equation(growth, vensim, backend):
    model = vensim("rain= 3*noise", "noise= 1", "Water= INTEG(rain, 0)", "seen= rain*2", step=1)
    run = model.run_arrays(series={"rain": {2: 1, 4: 3}}, backend=backend)
    rain = run.values[:, run.names.index("rain")]
    np.testing.assert_allclose(rain, [1, 1, 1, 2, 3, 3, 3, 3, 3, 3, 3])
    np.testing.assert_allclose(run.values[:, run.names.index("seen")], rain * 2)
    np.testing.assert_allclose(run.values[-1, run.names.index("Water")], rain[:-1].sum())
    assert run.values[-1, run.names.index("noise")] == 1


def test_a_series_comes_in_many_forms(vensim):
    import pandas as pd

    model = vensim("rain= Time", "Water= INTEG(rain, 0)", step=1)
    forms = [
        {0: 1.0, 10: 2.0},
        ([0, 10], [1, 2]),
        pd.Series([1.0, 2.0], index=[0, 10]),
        xr.DataArray([1.0, 2.0], dims="time", coords={"time": [0, 10]}),
    ]
    assert len({final(model, "Water", series={"rain": form}) for form in forms}) == 1


def test_a_constant_and_data_can_follow_a_series_too(growth):
    found = final(growth, "Stock", series={"rate": {0: 0.1, 10: 0.1}})
    assert found == pytest.approx(2 * 1.025**40)


def test_a_series_under_rk4_is_read_within_the_step(vensim, backend):
    # the integral of t over [0, 10] is exact for rk4 only where its middle stages see the series at half steps
    model = vensim("rain= 0*Time", "Water= INTEG(rain, 0)", step=2)
    found = final(model, "Water", series={"rain": {0: 0, 10: 10}}, solver="rk4", backend=backend)
    assert found == pytest.approx(50, rel=1e-14)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rte": 1}, "did you mean 'rate'"),
        ({"growth of it": 1}, "set what it is computed from (rate)"),
        ({"pace[east]": 1}, "unknown element 'pace[east]'"),
        ({"effect": 1}, "set the value at one of its points (0, 1), as 'effect(0)'"),
        ({"effect(0.5)": 1}, "unknown point 'effect(0.5)'"),
        ({"effect": [1, 2, 3]}, "has 3 values; 'effect' has 2"),
        ({"pace": [1, 2, 3]}, "has 3 values; 'pace' has 2"),
        ({"TIME STEP": 1}, "--time-step"),
        ({"FINAL TIME": 1}, "--stop"),
        ({"Stock@5": 1}, "leave out '@5'"),
        ({"rate@11": 1}, "after the end of the run (10)"),
        ({"rate": "much"}, "'much' is not a number"),
        ({"rate": float("nan")}, "finite number"),
        ({"rate": float("inf")}, "finite number"),
        ({"rate": 1, "RATE": 2}, "are the same"),
        ({"rate": None}, "not a number"),
        ({3: 1}, "3 is no name"),
        ({"__import__('os')": 1}, "unknown parameter"),
    ],
)
def test_what_cannot_be_set_is_refused_with_advice(vensim, changes, words):
    model = vensim(
        *ARRAY, "Stock= INTEG(growth of it, 1)", "growth of it= rate*effect(Stock)", "rate= 0.1", "effect((0,1),(1,2))"
    )
    with pytest.raises(csd.InputError) as error:
        model.run_arrays(changes)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("series", "words"),
    [
        ({"Stock": {0: 1}}, "set its initial value"),
        ({"nothing": {0: 1}}, "unknown variable 'nothing'"),
        ({"rate": {}}, "a value for each time"),
        ({"rate": ([1, 0], [1, 2])}, "must increase"),
        ({"rate": ([0, 1], [1, float("nan")])}, "finite number"),
        ({"rate": 3}, "give a dictionary"),
    ],
)
def test_a_series_that_makes_no_sense_is_refused(growth, series, words):
    with pytest.raises(csd.InputError) as error:
        growth.run_arrays(series=series)
    assert words in str(error.value)


def test_a_delays_order_belongs_to_the_structure(vensim):
    model = vensim("out= DELAY N(Time, 2, 0, order)", "order= 3")
    with pytest.raises(csd.InputError, match="order of a delay"):
        model.run_arrays({"order": 2})


def test_settings_on_the_command_line_are_read():
    assert parse_change("Price floor@2025=0.4") == ("Price floor@2025", 0.4)
    assert parse_change(" a = b = 1e3") == ("a = b", 1000.0)
    for bad in ("x", "=3", "x=", "x=nan", "x=much"):
        with pytest.raises(csd.InputError):
            parse_change(bad)


def test_a_changed_model_file_is_noticed(growth):
    growth.run_arrays({"rate": 0.2})
    growth.path.write_text(growth.path.read_text().replace("0.1", "0.3"))
    with pytest.raises(csd.InputError, match="load it again"):
        growth.run_arrays({"Stock": 3})


def test_a_constant_that_decides_a_time_setting_is_refused(vensim):
    model = vensim("Stock= INTEG(1, 0)", "horizon= 5", stop="0 + horizon")
    assert model.run_arrays().times[-1] == 5
    with pytest.raises(csd.InputError, match="'horizon' decides 'FINAL TIME'"):
        model.run_arrays({"horizon": 10})


def test_names_with_brackets_numbers_and_signs_are_only_names(vensim):
    model = vensim(
        '"Yield (2020)"= 3', '"# of people"= 2', '"a@b"= 5', '"x[1]"= 7', 'S= INTEG("Yield (2020)" + "# of people", 0)'
    )
    run = model.run_arrays({"yield (2020)": 1, '"# of people"': 1, "a@b": 6}, variables=["S", "a@b"])
    np.testing.assert_allclose(run.values[-1], [20, 6])
    with pytest.raises(csd.InputError, match=r"did you mean .*Yield \(2020\)"):
        model.run_arrays({"yield (2021)": 1})
