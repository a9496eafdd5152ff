"""When things are evaluated, and at which steps results are saved."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_sd.program.build import Builder
from cluster_sd.program.ir import Control, Parameter, Program, Rate, Slot, State, Table, join
from cluster_sd.program.schedule import save_steps, schedule


@pytest.mark.parametrize(
    ("span", "dt", "save_step", "expected"),
    [
        (10.0, 1.0, 1.0, range(11)),
        (1.0, 0.25, 1.0, [0, 4]),
        (1.0, 0.25, 0.5, [0, 2, 4]),
        (1.0, 0.1, 0.25, [0, 3, 5, 8, 10]),  # 0.25 and 0.75 fall between steps: the first step at or after them
        (1.0, 0.3, 0.3, [0, 1, 2, 3]),  # a step that does not divide the span leaves the last tenth out
        (1.0, 0.3, 0.5, [0, 2]),  # 1.0 is beyond the last whole step, 0.9
        (100.0, 0.1, 0.1, range(1001)),
        (0.3, 0.1, 0.1, range(4)),  # 0.3 / 0.1 is 2.9999999999999996
        (20.0, 1 / 3, 1.0, range(0, 61, 3)),
        (5.0, 1.0, 1.5, [0, 2, 3, 5]),  # 0, 1.5, 3, 4.5
        (5.0, 1.0, 10.0, [0]),
        (0.0, 1.0, 1.0, [0]),
        (0.5, 1.0, 1.0, [0]),
        (10.0, 0.5, 3.25, [0, 7, 13, 20]),
    ],
)
def test_results_are_saved_at_the_first_step_at_or_after_each_save_time(
    span: float, dt: float, save_step: float, expected: object
) -> None:
    np.testing.assert_array_equal(save_steps(span, dt, save_step), list(expected))  # type: ignore[call-overload]


@settings(deadline=None, derandomize=True, max_examples=200)
@given(
    st.integers(0, 5000),
    st.sampled_from([1.0, 0.5, 0.125, 0.1, 0.01, 1 / 3, 1 / 12, 1 / 365, 0.7]),
    st.integers(1, 400),
)
def test_a_save_step_of_whole_steps_saves_every_so_many(steps: int, dt: float, every: int) -> None:
    np.testing.assert_array_equal(save_steps(steps * dt, dt, every * dt), np.arange(0, steps + 1, every))


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.floats(0.01, 500), st.floats(0.01, 5), st.floats(0.005, 50))
def test_saves_begin_at_zero_increase_and_stay_within_the_run(span: float, dt: float, save_step: float) -> None:
    saves = save_steps(span, dt, save_step)
    assert saves[0] == 0
    assert np.all(np.diff(saves) > 0)
    assert saves[-1] * dt <= span * (1 + 1e-6) + 1e-6 * dt
    # each save lies within one step after a multiple of the save step
    late = saves * dt - np.floor(saves * dt / save_step + 1e-9) * save_step
    assert np.all(late < dt * (1 + 1e-5) + 1e-9)


def test_rates_join_to_what_changes_with_either() -> None:
    for rate in Rate:
        assert join(rate, rate) is rate
        assert join(rate, Rate.LITERAL) is join(Rate.LITERAL, rate) is rate
        assert join(rate, Rate.STEP) is Rate.STEP
    assert join(Rate.RUN, Rate.TIME) is join(Rate.TIME, Rate.RUN) is Rate.STEP
    assert join(Rate.FIXED, Rate.RUN) is Rate.RUN
    assert join(Rate.FIXED, Rate.TIME) is Rate.TIME


def program() -> tuple[Program, dict[str, int]]:
    """A program with a value of every rate and every part."""
    b = Builder()
    made = {
        "p": b.leaf("parameter", 0),
        "q": b.leaf("parameter", 1),
        "time": b.leaf("time"),
        "state": b.leaf("state", 0),
    }
    made["fixed"] = b.op("exp", made["q"])
    made["run"] = b.op("mul", made["p"], made["fixed"])
    made["clock"] = b.op("sin", made["time"])
    made["driver"] = b.op("mul", made["run"], made["clock"])
    made["drawn"] = b.op("mul", b.leaf("previous", 0), made["state"])
    made["hold"] = b.unique("hold", made["drawn"], attr=0)
    made["flow"] = b.op("add", made["driver"], b.op("add", made["hold"], made["state"]))
    made["shown"] = b.op("sqrt", made["state"])
    made["idle"] = b.op("cos", made["state"])
    made["start"] = b.leaf("start_parameter", 0)
    made["x"] = b.table(Table("t", (0.0, 1.0), (0.0, 0.0), first_parameter=0), made["clock"])
    states = (State("S", made["start"], made["flow"]),)
    slots = (Slot("H", made["hold"], made["start"]),)
    parameters = (Parameter("p", 1.0), Parameter("q", 2.0))
    control = Control(0.0, 1.0, 0.5, 0.5)
    return Program(tuple(b.nodes), parameters, states, slots, (), tuple(b.tables), (), (), {}, control), made


def test_each_value_is_evaluated_as_seldom_as_it_changes() -> None:
    made, at = program()
    found = schedule(made, [at["shown"]], varying=[0])
    assert at["fixed"] in found.fixed and at["run"] in found.run and at["clock"] in found.time
    assert {at["driver"], at["drawn"], at["hold"], at["flow"]} <= set(found.step)
    assert at["shown"] in found.save and at["shown"] not in found.step
    everything = {*found.fixed, *found.run, *found.time, *found.step, *found.stage, *found.save}
    assert at["idle"] not in everything


def test_a_parameter_that_no_run_has_of_its_own_is_one_number() -> None:
    made, at = program()
    assert schedule(made, [], varying=[]).rates[at["run"]] is Rate.FIXED
    assert schedule(made, [], varying=[0]).rates[at["run"]] is Rate.RUN
    assert schedule(made, [], varying=[]).rates[at["driver"]] is Rate.TIME
    assert schedule(made, [], varying=[0]).rates[at["driver"]] is Rate.STEP


def test_later_stages_do_not_look_behind_what_is_held() -> None:
    made, at = program()
    stage = schedule(made, [], varying=[0]).stage
    assert at["hold"] in stage and at["flow"] in stage
    assert at["drawn"] not in stage


def test_a_table_changes_with_the_parameters_that_are_its_points() -> None:
    made, at = program()
    assert schedule(made, [at["x"]], varying=[]).rates[at["x"]] is Rate.TIME
    assert schedule(made, [at["x"]], varying=[1]).rates[at["x"]] is Rate.STEP


def test_parts_are_in_the_order_in_which_values_depend_on_each_other() -> None:
    made, at = program()
    found = schedule(made, [at["shown"]], varying=[0])
    for part in (found.fixed, found.run, found.time, found.step, found.stage, found.save):
        assert list(part) == sorted(part)
