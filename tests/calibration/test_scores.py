"""Scores of a fit against closed forms, and the autocorrelation of what it leaves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cluster_sd.calibration.autocorrelation import autocorrelations, lag_one
from cluster_sd.calibration.observation import Observation, ObservationModel, Series, as_terms
from cluster_sd.calibration.scores import bounds_kept, naive_trend, score, scores
from cluster_sd.calibration.statistics import Statistic

ROW = Statistic("a county", "v", 2000, 2000, 1, 1, "kg")


def made(values: list[float], held: int = 0, bounds: tuple[Observation, ...] = ()) -> ObservationModel:
    n = len(values)
    rows = [Observation(0, ROW, 2000.0 + k, "exact", v, v, held_out=k >= n - held) for k, v in enumerate(values)]
    parts = (Series("v", "V", "V", "kg", "normal", 1.0),), (*rows, *bounds), ()
    return ObservationModel(
        *parts[:2], tuple("abcdefghijklmnop"[: len(parts[1])]), np.eye(len(parts[1])), (), as_terms(*parts)
    )


def test_the_figures_of_three_numbers_by_hand() -> None:
    observed, fitted = np.array([1.0, 2, 3]), np.array([2.0, 2, 2])
    found = score(observed, fitted, np.array([1.0, 1, 1]))
    assert found.rmse == pytest.approx(math.sqrt(2 / 3))
    assert found.mae_over_mean == pytest.approx((2 / 3) / 2)
    assert found.r2 == pytest.approx(0)  # as good as the mean
    assert found.naive_rmse == pytest.approx(math.sqrt(5 / 3))
    assert (found.theil_bias, found.theil_variance, found.theil_covariance) == pytest.approx((0, 1, 0))


def test_a_constant_shift_is_all_bias_and_counts_against_r2() -> None:
    observed = np.array([1.0, 2, 3])
    found = score(observed, observed + 5, observed)
    assert (found.theil_bias, found.theil_variance, found.theil_covariance) == pytest.approx((1, 0, 0))
    assert found.r2 == pytest.approx(1 - 25 / (2 / 3))


PAIRS = arrays(float, (2, 6), elements=st.floats(0.1, 1e3, allow_subnormal=False))


@settings(max_examples=50, deadline=None)
@given(PAIRS)
def test_theils_parts_add_up_to_one(pair: np.ndarray) -> None:
    found = score(pair[0], pair[1], pair[0])
    parts = (found.theil_bias, found.theil_variance, found.theil_covariance)
    if math.isnan(parts[0]):
        assert found.rmse < 1e-9 * np.abs(pair[0]).max()
    else:
        assert sum(parts) == pytest.approx(1, rel=1e-6)
        assert min(parts) >= 0


def test_a_perfect_fit_has_no_error_to_split_and_one_value_has_no_r2() -> None:
    one = np.array([2.0])
    perfect = score(one, one, one)
    assert perfect.rmse == 0 and math.isnan(perfect.theil_bias) and math.isnan(perfect.r2)


def test_the_naive_trend_is_the_line_through_the_fitted_years() -> None:
    times, values = np.array([2018.0, 2020, 2021]), np.array([10.0, 14, 16])
    assert naive_trend(times, values, np.array([2024.0])) == pytest.approx(22)
    assert naive_trend(times[:1], values[:1], np.array([2024.0])) == pytest.approx(10)
    reference = np.polynomial.Polynomial.fit(times, values**2, 1)(2030.0)
    assert naive_trend(times, values**2, np.array([2030.0])) == pytest.approx(reference)


def test_held_out_years_are_scored_apart_against_the_trend_of_the_fitted() -> None:
    observations = made([1, 2, 3, 5, 9], held=2)
    fitted, held = scores(observations, np.array([1.0, 2, 3, 5, 8]))
    assert (fitted.held_out, fitted.n, fitted.rmse) == ("fitted", 3, 0)
    assert (held.held_out, held.n) == ("held out", 2)
    assert held.naive_rmse == pytest.approx(math.sqrt((1 + 16) / 2))
    assert held.rmse == pytest.approx(math.sqrt(0.5))


def test_bounds_are_kept_or_not_and_never_scored() -> None:
    above = Observation(0, ROW, 2009, "at least", 5.0, math.inf)
    below = Observation(0, ROW, 2010, "at most", -math.inf, 5.0, held_out=True)
    observations = made([1, 2], bounds=(above, below))
    values = np.array([1.0, 2, 4, 4])
    assert [found.n for found in scores(observations, values)] == [2]
    kept = bounds_kept(observations, values)
    assert [(b.relation, b.bound, b.kept) for b in kept] == [(">=", 5, False), ("<=", 5, True)]


def test_autocorrelation_of_known_residuals() -> None:
    assert lag_one(np.array([1.0, -1, 1, -1])) == pytest.approx(-3 / 4)
    e = np.arange(6.0) - 2.5
    (found,) = autocorrelations(made([0.0] * 6), e)
    assert found.lag_one == pytest.approx(lag_one(e))
    assert found.durbin_watson == pytest.approx(5 / (e**2).sum())
    assert found.bound == pytest.approx(1.96 / math.sqrt(6))


def test_too_few_residuals_say_nothing_of_autocorrelation() -> None:
    (found,) = autocorrelations(made([0.0] * 4), np.array([1.0, 1, 1, 1]))
    assert math.isnan(found.lag_one) and not found.strong


def test_independent_residuals_are_rarely_called_autocorrelated() -> None:
    rng = np.random.default_rng(0)
    found = [autocorrelations(made([0.0] * 12), rng.standard_normal(12))[0].strong for _ in range(400)]
    assert np.mean(found) < 0.08
