"""Tables of every kind against numpy.interp and what the kinds mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_sd.program.ir import Table
from cluster_sd.program.tables import lookup, slope

KINDS = ("interpolate", "extrapolate", "backward", "forward", "raw")
X, Y = (-1.0, 0.0, 0.5, 4.0), (2.0, -1.0, 3.0, 3.5)


def table(kind: str, x: tuple[float, ...] = X, y: tuple[float, ...] = Y) -> Table:
    return Table("t", x, y, kind)


@st.composite
def points(draw: st.DrawFn) -> tuple[tuple[float, ...], tuple[float, ...]]:
    count = draw(st.integers(1, 12))
    steps = draw(st.lists(st.floats(1e-3, 10), min_size=count, max_size=count))
    x = np.cumsum(steps) - draw(st.floats(-20, 20))
    y = draw(st.lists(st.floats(-100, 100), min_size=count, max_size=count))
    return tuple(float(v) for v in x), tuple(y)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(points(), st.lists(st.floats(-150, 150), min_size=1, max_size=20))
def test_interpolation_is_numpys(found: tuple[tuple[float, ...], tuple[float, ...]], at: list[float]) -> None:
    x, y = found
    np.testing.assert_allclose(lookup(table("interpolate", x, y), at), np.interp(at, x, y), rtol=1e-11, atol=1e-9)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(points(), st.sampled_from(KINDS))
def test_every_kind_goes_through_its_points(found: tuple[tuple[float, ...], tuple[float, ...]], kind: str) -> None:
    x, y = found
    values = lookup(table(kind, x, y), np.array(x))
    if kind == "extrapolate":
        np.testing.assert_allclose(values, y, rtol=1e-12, atol=1e-12)
    else:
        np.testing.assert_array_equal(values, y)


def test_beyond_the_ends_interpolation_holds_and_extrapolation_goes_on() -> None:
    assert lookup(table("interpolate"), [-9.0, 9.0]).tolist() == [2.0, 3.5]
    # slopes of the outer segments: -3 and 0.5 / 3.5
    np.testing.assert_allclose(lookup(table("extrapolate"), [-3.0, 11.0]), [2.0 + 6.0, 3.5 + 1.0])


def test_stepwise_kinds_hold_the_last_or_take_the_next_point() -> None:
    at = [-2.0, -1.0, -0.5, 0.0, 0.1, 0.5, 3.9, 4.0, 9.0]
    assert lookup(table("backward"), at).tolist() == [2.0, 2.0, 2.0, -1.0, -1.0, 3.0, 3.0, 3.5, 3.5]
    assert lookup(table("forward"), at).tolist() == [2.0, 2.0, -1.0, -1.0, 3.0, 3.0, 3.5, 3.5, 3.5]


def test_raw_data_has_no_value_off_its_points() -> None:
    found = lookup(table("raw"), [-1.0, 0.5, 4.0, -0.5, 5.0, -9.0])
    assert found[:3].tolist() == [2.0, 3.0, 3.5] and np.isnan(found[3:]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_a_number_is_nowhere(kind: str) -> None:
    assert np.isnan(lookup(table(kind), np.nan))


@pytest.mark.parametrize("kind", ["interpolate", "backward", "forward"])
def test_infinity_lies_beyond_the_ends(kind: str) -> None:
    assert lookup(table(kind), [-np.inf, np.inf]).tolist() == [2.0, 3.5]


@pytest.mark.parametrize("kind", KINDS)
def test_one_point_is_a_constant_and_flat(kind: str) -> None:
    one = table(kind, (1.0,), (7.0,))
    assert lookup(one, [1.0]).tolist() == [7.0]
    if kind != "raw":
        assert lookup(one, [-3.0, 8.0]).tolist() == [7.0, 7.0]
    assert slope(one, [0.0, 1.0]).tolist() == [0.0, 0.0]


def test_steep_and_far_apart_points_lose_no_digits() -> None:
    x = (0.0, 1e-9, 1.0, 1e9)
    y = (0.0, 1e6, -1e6, 1e-3)
    at = np.array([5e-10, 0.25, 0.5, 1e8, 1e9])
    np.testing.assert_allclose(lookup(table("interpolate", x, y), at), np.interp(at, x, y), rtol=1e-13)


@pytest.mark.parametrize("kind", ["interpolate", "extrapolate"])
def test_slopes_are_those_of_the_segments_and_at_a_point_the_right_ones(kind: str) -> None:
    found = slope(table(kind), [-2.0, -1.0, -0.5, 0.0, 0.25, 0.5, 2.0, 4.0, 9.0])
    beyond = (0.0, 0.0) if kind == "interpolate" else (-3.0, 0.5 / 3.5)
    np.testing.assert_allclose(found, [beyond[0], -3, -3, 8, 8, 0.5 / 3.5, 0.5 / 3.5, beyond[1], beyond[1]])


@pytest.mark.parametrize("kind", ["backward", "forward", "raw"])
def test_stepwise_kinds_are_flat(kind: str) -> None:
    assert not slope(table(kind), np.linspace(-2, 6, 9)).any()


@settings(deadline=None, derandomize=True, max_examples=100)
@given(points(), st.sampled_from(["interpolate", "extrapolate"]), st.floats(0.05, 0.95), st.integers(0, 10))
def test_slopes_are_differences(
    found: tuple[tuple[float, ...], tuple[float, ...]], kind: str, share: float, segment: int
) -> None:
    x, y = found
    if len(x) < 2:
        return
    left = min(segment, len(x) - 2)
    at = x[left] + share * (x[left + 1] - x[left])
    h = min(at - x[left], x[left + 1] - at) / 2
    made = table(kind, x, y)
    expected = (lookup(made, at + h) - lookup(made, at - h)) / (2 * h)
    np.testing.assert_allclose(slope(made, at), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_each_run_may_have_points_of_its_own(kind: str) -> None:
    rng = np.random.default_rng(0)
    own = rng.normal(size=(len(X), 5))
    at = rng.choice(X, 5) if kind == "raw" else rng.uniform(-2, 6, 5)
    together = lookup(table(kind), at, own)
    steep = slope(table(kind), at, own)
    for run in range(5):
        one = table(kind, y=tuple(own[:, run]))
        assert together[run] == lookup(one, at[run])
        assert steep[run] == slope(one, at[run])
    shared = lookup(table(kind), at[0], own)
    assert shared.shape == (5,) and shared[0] == together[0]
