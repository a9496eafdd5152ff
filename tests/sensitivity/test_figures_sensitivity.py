"""Figures of a sensitivity analysis show its numbers: what lies beside each is what it was asked to show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cluster_sd.distributions import Distribution
from cluster_sd.report.sensitivity import figures
from cluster_sd.report.style import style
from cluster_sd.sensitivity import Estimate, Factor, Indices, Outcome, Problem
from cluster_sd.sensitivity.failures import Failures

NAMES = ("rain", "price", "trust")
TIMES = (2000.0, 2010.0, 2020.0)


def estimate(value: np.ndarray) -> Estimate:
    """An index with intervals a tenth to either side."""
    rank = np.empty_like(value)
    order = np.argsort(-value, axis=0)
    np.put_along_axis(rank, order, np.arange(1.0, len(value) + 1)[:, None], axis=0)
    top = np.full((len(value), value.shape[1]), 0.9)
    return Estimate(NAMES, value, value - 0.1, value + 0.1, rank, rank - 0.5, rank + 0.5, top)


@pytest.fixture
def indices() -> Indices:
    """A number and a series of three times, of which the first doesn't vary."""
    total = np.array([[0.2, np.nan, 0.1, 0.7], [0.6, np.nan, 0.5, 0.2], [0.01, np.nan, 0.4, 0.1]])
    first = np.array([[0.1, np.nan, 0.1, 0.5], [0.5, np.nan, 0.4, 0.1], [0.0, np.nan, 0.2, -0.05]])
    factors = tuple(Factor(name, name, Distribution("uniform", 0, 1), role="lever") for name in NAMES)
    return Indices(
        method="sobol",
        problem=Problem(factors),
        outcomes=(Outcome("final(y)"), *(Outcome("y", t) for t in TIMES)),
        estimates={"ST": estimate(total), "S1": estimate(first)},
        floor={"ST": np.full(4, 0.02)},
        level=0.95,
        n=64,
        runs=320,
        seed=0,
        failures=Failures(0, 320),
        reasons=("", "constant at 0", "", ""),
    )


def drawing(figure):
    with style():
        return figure.draw()


def test_bars_stand_in_order_with_interval_and_floor(indices):
    figure = figures.bars(indices, 0, "title", "bars")
    assert list(figure.data["parameter"]) == ["price", "rain", "trust"]
    np.testing.assert_array_equal(figure.data["value"], [0.6, 0.2, 0.01])
    np.testing.assert_allclose(figure.data["ci_high"], [0.7, 0.3, 0.11])
    np.testing.assert_array_equal(figure.data["S1"], [0.5, 0.1, 0.0])
    axes: Any = drawing(figure).axes[0]
    assert [patch.get_width() for patch in axes.patches] == [60, 20, 1]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["price", "rain", "trust"]
    assert any(np.allclose(line.get_xdata(), 2) for line in axes.lines)


def test_bars_of_some_names_leave_the_others_out(indices):
    assert list(figures.bars(indices, 0, "t", "n", ["trust", "rain"]).data["parameter"]) == ["rain", "trust"]


def test_ranks_show_how_far_a_place_is_settled(indices):
    figure = figures.ranks(indices.main, 0, "t", "n", "ST", 0.95)
    assert list(figure.data["parameter"]) == ["price", "rain", "trust"]
    np.testing.assert_array_equal(figure.data["rank_low"], [0.5, 1.5, 2.5])
    assert "95 %" in figure.caption


def test_areas_over_time_are_shares_and_leave_joint_effects_white(indices):
    figure = figures.over_time(indices, "y", "t", "n")
    assert figure is not None
    assert list(figure.data) == ["time", "rain", "price", "trust"]
    np.testing.assert_array_equal(figure.data["time"], TIMES)
    np.testing.assert_array_equal(figure.data["price"], [np.nan, 0.4, 0.1])
    np.testing.assert_array_equal(figure.data["trust"], [np.nan, 0.2, 0.0])  # below nought is nought
    total = np.sum([np.asarray(figure.data[name])[1:] for name in NAMES], axis=0)
    assert (total <= 1).all()
    assert drawing(figure).axes[0].get_ylim() == (0, 1)


def test_a_series_that_never_varies_has_no_areas(indices):
    assert figures.over_time(indices, "final(y)", "t", "n") is None


def test_the_heat_map_writes_each_number_in_its_field():
    table = np.array([[0.5, np.nan], [0.001, 0.25]])
    figure = figures.heat_map(table, ["a", "b"], ["c", "d"], "t", "n", "caption", "label")
    assert list(zip(figure.data["row"], figure.data["column"], strict=True)) == [
        ("a", "c"),
        ("a", "d"),
        ("b", "c"),
        ("b", "d"),
    ]
    np.testing.assert_array_equal(figure.data["value"], [0.5, np.nan, 0.001, 0.25])
    assert sorted(text.get_text() for text in drawing(figure).axes[0].texts) == ["25", "50"]


def test_a_conditional_mean_is_that_of_the_runs_in_each_bin():
    x = np.linspace(0, 1, 2001)
    y = 3 * x + np.where(np.arange(2001) % 2, 0.5, -0.5)
    y[7] = np.nan  # a failed run
    figure = figures.conditional_means([x], y, ["x"], ["kg"], "outcome", "t", "n")
    np.testing.assert_allclose(figure.data["mean"], 3 * np.asarray(figure.data["value"]), atol=0.03)
    assert len(figure.data["mean"]) == 20
    assert (np.asarray(figure.data["mean_low"]) < np.asarray(figure.data["mean_high"])).all()
    assert drawing(figure).axes[0].get_xlabel() == "x [kg]"


def test_morris_plane_holds_size_and_spread(indices):
    size = np.array([[1.0], [3.0], [0.1]])
    morris = Indices(
        "morris", indices.problem, (Outcome("final(y)"),), {"mu_star": estimate(size), "sigma": estimate(size / 2)},
        {}, 0.95, 10, 40, 0, Failures(0, 40), ("",),
    )  # fmt: skip
    figure = figures.morris_plane(morris, 0, "t", "n")
    assert list(figure.data["parameter"]) == ["price", "rain", "trust"]
    np.testing.assert_array_equal(figure.data["sigma"], [1.5, 0.5, 0.05])
    assert {"price", "rain", "trust"} <= {text.get_text() for text in drawing(figure).axes[0].texts}


def test_morris_plane_leaves_groups_out(indices):
    """The factors of a group move to different sides, so that it has no sigma."""
    size, alone = estimate(np.array([[1.0], [3.0], [0.1]])), estimate(np.array([[7.0], [8.0]]))
    morris = Indices(
        "morris", indices.problem, (Outcome("final(y)"),),
        {"mu_star": size, "sigma": replace(alone, names=(size.names[2], size.names[0]))},
        {}, 0.95, 10, 40, 0, Failures(0, 40), ("",),
    )  # fmt: skip
    data = figures.morris_plane(morris, 0, "t", "n").data
    assert list(data["parameter"]) == [size.names[0], size.names[2]]
    np.testing.assert_array_equal(data["sigma"], [8.0, 7.0])


def test_convergence_has_a_line_a_parameter_over_growing_samples():
    value = np.array([[0.5, 0.2], [0.55, 0.18], [0.56, 0.17]])
    figure = figures.convergence([64, 128, 256], ["a", "b"], value, value - 0.1, value + 0.1, "ST", "t", "n")
    np.testing.assert_array_equal(figure.data["value"], value.reshape(-1))
    axes: Any = drawing(figure).axes[0]
    assert [line.get_label() for line in axes.lines] == ["a", "b"]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), 100 * value[:, 0])


def test_figures_are_told_apart_without_colour(indices):
    """Layers have hatches, lines have markers: nothing hangs on colour alone."""
    figure = figures.over_time(indices, "y", "t", "n")
    assert figure is not None
    hatches = [c.get_hatch() for c in drawing(figure).axes[0].collections]
    assert len(set(hatches)) == len(hatches)
    value = np.ones((2, 5)) * np.arange(5)
    lines = drawing(figures.convergence([1, 2], list("abcde"), value, value, value, "ST", "t", "n")).axes[0].lines
    assert len({str(line.get_marker()) for line in lines}) == 5
