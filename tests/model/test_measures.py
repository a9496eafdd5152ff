"""Measures: how they are written, and what they give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cluster_sd.errors import InputError
from cluster_sd.measures import KINDS, Measure, evaluate, needs, parse, time_index

TIMES = np.arange(2000, 2011, dtype=float)
FINITE = st.floats(-1e6, 1e6)
SERIES = hnp.arrays(float, st.tuples(st.just(len(TIMES)), st.integers(1, 5)), elements=FINITE)
NAMES = st.from_regex(r"[A-Za-z农][A-Za-z农 (),@\[\]/%]{0,15}", fullmatch=True).map(str.strip)
ALL = [*(f"{kind}(x)" for kind in KINDS if kind != "time_above"), "time_above(x, 0.5)", "x@2004"]


@pytest.mark.parametrize(
    ("text", "kind", "variable", "argument"),
    [
        ("Price", "series", "Price", None),
        ("Price@2024", "at", "Price", 2024.0),
        ("Price @ -1.5e1", "at", "Price", -15.0),
        ("Price[a,b]@2024", "at", "Price[a,b]", 2024.0),
        ("mail@home", "series", "mail@home", None),
        ("mail@home@2024", "at", "mail@home", 2024.0),
        ("final(Price)", "final", "Price", None),
        ("FINAL( Price )", "final", "Price", None),
        ("final(Capital (yuan))", "final", "Capital (yuan)", None),
        ("mean(Capital (yuan, 2020))", "mean", "Capital (yuan, 2020)", None),
        ("time_above(Share, 0.3)", "time_above", "Share", 0.3),
        ("time_above(Share[north, old], -2)", "time_above", "Share[north, old]", -2.0),
        ("time_above(Yield, kg, 100,1e3)", "time_above", "Yield, kg, 100", 1000.0),
        ("finals(Price)", "series", "finals(Price)", None),
        ("max temperature", "series", "max temperature", None),
        ("max(a) price", "series", "max(a) price", None),
    ],
)
def test_measures_are_read_to_the_letter(text, kind, variable, argument):
    assert parse(text) == Measure(text, kind, variable, argument)


@given(NAMES, st.sampled_from([k for k in KINDS if k != "time_above"]))
def test_any_name_can_stand_in_a_measure(name, kind):
    found = parse(f"{kind}({name})")
    assert (found.kind, found.variable) == (kind, name)


@given(NAMES, FINITE)
def test_any_name_can_have_a_level_and_a_time(name, number):
    found = parse(f"time_above({name}, {number!r})")
    assert (found.variable, found.argument) == (name, number)
    found = parse(f"{name}@{number!r}", is_name=lambda text: False)
    assert (found.variable, found.argument) == (name, number)


def test_a_variable_that_looks_like_a_measure_is_a_variable():
    assert parse("max(a)", lambda name: name == "max(a)").kind == "series"
    assert parse("a@2020", lambda name: name == "a@2020").kind == "series"


@pytest.mark.parametrize(
    "text", ["", "  ", "final()", "time_above(Share)", "time_above(, 3)", "time_above(Share, high)"]
)
def test_what_is_no_measure_is_refused(text):
    with pytest.raises(InputError):
        parse(text)


def test_an_unknown_function_is_named_with_close_ones():
    with pytest.raises(InputError, match=r"unknown measure 'finl' .* did you mean 'final'"):
        parse("finl(Price)", lambda name: False)


def test_measures_of_a_line_are_those_of_a_line():
    line = np.column_stack([TIMES - 2000, 10 - (TIMES - 2000)])
    given_ = {kind: evaluate(parse(f"{kind}(x)"), TIMES, line).tolist() for kind in KINDS if kind != "time_above"}
    assert given_ == {
        "final": [10, 0],
        "mean": [5, 5],
        "min": [0, 0],
        "max": [10, 10],
        "sum": [55, 55],
        "time_of_max": [2010, 2000],
    }
    assert evaluate(parse("x@2003"), TIMES, line).tolist() == [3, 7]
    assert evaluate(parse("time_above(x, 2.5)"), TIMES, line).tolist() == [7.5, 7.5]


@pytest.mark.parametrize(
    ("series", "level", "years"),
    [([0, 1, 0], 0.5, 1.0), ([1, 1, 1], 1, 0.0), ([2, 2, 2], 1, 2.0), ([1, 3, 1], 1, 2.0), ([0, 4, 0], 3, 0.5)],
)
def test_time_above_interpolates_the_crossings(series, level, years):
    assert evaluate(parse(f"time_above(x, {level})"), [0, 1, 2], series) == pytest.approx(years, abs=1e-15)


@given(SERIES, st.floats(-1e6, 1e6).map(lambda level: level + 1 / 3))
def test_time_above_agrees_with_a_fine_grid(series, level):
    fine = np.linspace(2000, 2010, 20001)
    for run, found in zip(series.T, evaluate(Measure("m", "time_above", "x", level), TIMES, series), strict=True):
        dense = np.mean(np.interp(fine, TIMES, run) > level) * 10
        assert abs(found - dense) <= 11 * 2 * 10 / 20000


@given(SERIES)
def test_bounds_hold(series):
    low, mean, high = (evaluate(parse(f"{kind}(x)"), TIMES, series) for kind in ("min", "mean", "max"))
    slack = 1e-9 * (1 + np.abs(series).max())
    assert (low <= mean + slack).all() and (mean <= high + slack).all()


@given(SERIES, st.sampled_from(ALL))
def test_the_kept_times_are_enough(series, text):
    measure = parse(text)
    index = needs(measure, TIMES)
    np.testing.assert_array_equal(
        evaluate(measure, TIMES[index], series[index]), evaluate(measure, TIMES, series), strict=True
    )


@given(SERIES, st.sampled_from(ALL))
def test_a_run_does_not_depend_on_its_neighbours(series, text):
    together = evaluate(parse(text), TIMES, series)
    alone = [evaluate(parse(text), TIMES, series[:, [i]])[0] for i in range(series.shape[1])]
    single = [float(evaluate(parse(text), TIMES, series[:, i])) for i in range(series.shape[1])]
    assert together.tolist() == alone == single


@pytest.mark.parametrize("text", [t for t in ALL if "final" not in t and "@" not in t])
def test_one_nan_makes_the_measure_of_its_run_nan_and_of_no_other(text):
    series = np.ones((len(TIMES), 2))
    series[4, 0] = np.nan
    found = evaluate(parse(text), TIMES, series)
    assert np.isnan(found[0]) and np.isfinite(found[1])


def test_only_what_is_looked_at_is_needed():
    assert needs(parse("final(x)"), TIMES).tolist() == [10]
    assert needs(parse("x@2003"), TIMES).tolist() == [3]
    assert needs(parse("mean(x)"), TIMES).tolist() == list(range(11))


def test_times_outside_or_between_saved_times_are_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"outside the saved times, 2000 to 2010"):
        needs(parse("x@1999"), TIMES)
    with pytest.raises(InputError, match=r"2003\.4 is no saved time; the nearest are 2003 and 2004"):
        evaluate(parse("x@2003.4"), TIMES, TIMES)


def test_rounding_of_a_step_is_forgiven():
    grid = 0.1 * np.arange(100)
    assert time_index(grid, 0.3) == 3
    assert time_index([5.0], 5.0) == 0
