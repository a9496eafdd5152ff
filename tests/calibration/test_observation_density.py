"""The density of observations against scipy.stats, closed forms and finite differences."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cluster_sd.calibration.observation import Nuisance, Observation, ObservationModel, Series, as_terms
from cluster_sd.calibration.statistics import Statistic

ROW = Statistic("a county", "v", 2000, 2000, 1, 1, "kg")


def model(series: Series, rows: list[Observation], *nuisances: Nuisance) -> ObservationModel:
    parts = (series,), tuple(rows), nuisances
    names = tuple(f"m{k}" for k in range(len(rows)))
    return ObservationModel(*parts[:2], names, np.eye(len(rows)), nuisances, as_terms(*parts))


def series(error: str, scale: float | None = 0.2, **more: Any) -> Series:
    return Series("v", "V", "V", "kg", error, scale, **more)


def exact(value: float, time: float = 2000, **more: Any) -> Observation:
    return Observation(0, ROW, time, "exact", value, value, **more)


def value_of(made: ObservationModel, *predicted: float, nuisance: tuple[float, ...] = ()) -> float:
    found = made.log_likelihood(np.array([predicted]), np.array([nuisance]).reshape(1, len(nuisance)))
    return float(found.value[0])


DENSITIES: dict[str, Any] = {
    "normal": lambda y, p, s: stats.norm.logpdf(y, p, s),
    "lognormal": lambda y, p, s: stats.lognorm.logpdf(y, s, scale=p),
    "student_t": lambda y, p, s: stats.t.logpdf(y, 4, p, s),
}
DISTRIBUTIONS: dict[str, Any] = {
    "normal": lambda p, s: stats.norm(p, s),
    "lognormal": lambda p, s: stats.lognorm(s, scale=p),
    "student_t": lambda p, s: stats.t(4, p, s),
}


@pytest.mark.parametrize("error", DENSITIES)
def test_an_exact_value_has_the_density_of_its_error(error: str) -> None:
    made = model(series(error), [exact(3.0), exact(5.0)])
    assert value_of(made, 2.5, 5.5) == pytest.approx(DENSITIES[error](3, 2.5, 0.2) + DENSITIES[error](5, 5.5, 0.2))


@pytest.mark.parametrize("error", DISTRIBUTIONS)
def test_a_bound_counts_the_probability_of_lying_beyond_it(error: str) -> None:
    least = replace(exact(3.0), kind="at least", high=math.inf)
    most = replace(exact(3.0), kind="at most", low=-math.inf)
    known = DISTRIBUTIONS[error](2.5, 0.2)
    assert value_of(model(series(error), [least]), 2.5) == pytest.approx(known.logsf(3))
    assert value_of(model(series(error), [most]), 2.5) == pytest.approx(known.logcdf(3))


@pytest.mark.parametrize("error", DISTRIBUTIONS)
@pytest.mark.parametrize("predicted", [2.4, 3.5, 5.2])
def test_a_range_counts_the_probability_of_lying_within(error: str, predicted: float) -> None:
    within = replace(exact(3.0), kind="interval", high=4.0)
    known = DISTRIBUTIONS[error](predicted, 0.2)
    inside = known.cdf(4) - known.cdf(3) if predicted > 3 else known.sf(3) - known.sf(4)
    assert value_of(model(series(error), [within]), predicted) == pytest.approx(math.log(inside), rel=1e-6)


def test_a_range_far_off_keeps_its_digits() -> None:
    within = replace(exact(3.0), kind="interval", high=4.0)
    found = value_of(model(series("normal", 0.01), [within]), 5.0)
    assert found == pytest.approx(stats.norm.logsf(100), rel=1e-9)  # the nearer end decides


def test_a_scope_factor_multiplies_the_prediction_given_or_estimated() -> None:
    plain = value_of(model(series("lognormal"), [exact(3.0)]), 2.0)
    assert value_of(model(series("lognormal", scope=2.0), [exact(3.0)]), 1.0) == pytest.approx(plain)
    estimated = model(series("lognormal", scope="estimated"), [exact(3.0)], Nuisance("f", "scope", 0, 0, 0.5))
    assert value_of(estimated, 1.0, nuisance=(math.log(2),)) == pytest.approx(plain)


def test_an_estimated_scale_adds_to_the_floor_of_a_row() -> None:
    made = model(series("lognormal", None), [exact(3.0, floor=0.3)], Nuisance("s", "scale", 0, -1, 1))
    assert value_of(made, 2.5, nuisance=(math.log(0.4),)) == pytest.approx(DENSITIES["lognormal"](3, 2.5, 0.5))


def test_several_sources_of_one_number_weigh_as_one() -> None:
    one = model(series("normal"), [exact(3.0)])
    three = model(series("normal"), [exact(3.0, copies=3)] * 3)

    def curvature(made: ObservationModel, rows: int) -> float:
        points = np.array([[2.9] * rows, [3.0] * rows, [3.1] * rows])
        found = made.log_likelihood(points, np.zeros((3, 0))).value
        return float(found[0] - 2 * found[1] + found[2])

    assert curvature(three, 3) == pytest.approx(curvature(one, 1))


def test_autocorrelated_residuals_have_the_density_of_an_ar1_process_with_gaps() -> None:
    rho, s, times = 0.7, 0.3, np.array([2000.0, 2001, 2003, 2007.5])
    y, p = np.array([1.0, 1.4, 0.8, 1.1]), np.array([1.1, 1.1, 1.0, 1.3])
    made = model(series("normal", s, rho=rho), [exact(v, t) for v, t in zip(y, times, strict=True)])
    covariance: Any = s**2 * rho ** np.abs(times[:, None] - times)
    assert value_of(made, *p) == pytest.approx(stats.multivariate_normal.logpdf(y, p, covariance))


def test_a_held_out_row_counts_for_nothing_and_has_its_own_density() -> None:
    made = model(series("normal"), [exact(3.0), exact(5.0, held_out=True)])
    found = made.log_likelihood(np.array([[2.5, 1.0]]), np.zeros((1, 0)))
    assert found.value[0] == pytest.approx(DENSITIES["normal"](3, 2.5, 0.2))
    assert found.predicted[0, 1] == 0
    assert made.pointwise(np.array([[2.5, 1.0]]), np.zeros((1, 0)))[0, 1] == pytest.approx(
        DENSITIES["normal"](5, 1, 0.2)
    )


@pytest.mark.parametrize(("error", "bad"), [("normal", math.nan), ("lognormal", 0.0), ("lognormal", -1.0)])
def test_a_prediction_that_cannot_be_has_no_chance_and_no_slope(error: str, bad: float) -> None:
    made = model(series(error), [exact(3.0), exact(3.0)])
    found = made.log_likelihood(np.array([[bad, 3.0], [3.0, 3.0]]), np.zeros((2, 0)))
    assert found.value[0] == -math.inf and np.isfinite(found.value[1])
    assert not found.predicted[0].any() and np.isfinite(found.predicted).all()


POSITIVE = st.floats(0.5, 4.0)


@settings(max_examples=40, deadline=None)
@given(
    error=st.sampled_from(sorted(DENSITIES)),
    values=st.lists(POSITIVE, min_size=6, max_size=6),
    predicted=st.lists(POSITIVE, min_size=6, max_size=6),
    nuisance=st.tuples(st.floats(-2, 0.5), st.floats(-0.7, 0.7), st.floats(-2, 2)),
)
def test_slopes_are_those_of_finite_differences(
    error: str, values: list[float], predicted: list[float], nuisance: tuple[float, float, float]
) -> None:
    times = [2000.0, 2001.0, 2001.0, 2003.5]
    rows = [exact(v, t, floor=0.1, copies=1 + (t == 2001)) for v, t in zip(values[:4], times, strict=True)]
    rows.append(replace(exact(values[4], 2004), kind="at least", high=math.inf))
    rows.append(replace(exact(values[5], 2005), kind="interval", high=values[5] + 0.5))
    nuisances = tuple(Nuisance(kind, kind, 0, 0, 1) for kind in ("scale", "scope", "rho"))
    made = model(series(error, None, scope="estimated", rho="estimated"), rows, *nuisances)
    at = np.concatenate([predicted, nuisance])
    step = 1e-6 * np.eye(9)
    found = made.log_likelihood(at[None, :6], at[None, 6:])
    ends = [made.log_likelihood((at + sign * step)[:, :6], (at + sign * step)[:, 6:]).value for sign in (1, -1)]
    slopes = np.concatenate([found.predicted[0], found.nuisance[0]])
    np.testing.assert_allclose(slopes, (ends[0] - ends[1]) / 2e-6, rtol=2e-4, atol=2e-4)
    assert found.rows.sum() == pytest.approx(found.value[0])


@pytest.mark.parametrize("error", DISTRIBUTIONS)
def test_simulated_observations_follow_the_density(error: str) -> None:
    made = model(series(error), [exact(3.0)])
    drawn = made.simulate(np.full((20_000, 1), 2.5), np.zeros((20_000, 0)), np.random.default_rng(1))
    assert stats.kstest(drawn[:, 0], DISTRIBUTIONS[error](2.5, 0.2).cdf).pvalue > 0.001


def test_simulated_residuals_have_the_autocorrelation_asked() -> None:
    made = model(series("normal", 1.0, rho=0.8), [exact(0.0, 2000), exact(0.0, 2002)])
    drawn = made.simulate(np.zeros((40_000, 2)), np.zeros((40_000, 0)), np.random.default_rng(1))
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(0.64, abs=0.015)
    assert drawn.std(axis=0) == pytest.approx([1, 1], abs=0.02)


def test_other_numbers_censor_as_the_first_did() -> None:
    bound = replace(exact(3.0), kind="at least", high=math.inf)
    made = model(series("lognormal"), [bound, exact(2.0)])
    above, below = made.with_values(np.array([3.5, 2.2])), made.with_values(np.array([2.5, 2.2]))
    assert value_of(above, 2.5, 2.0) == pytest.approx(
        stats.lognorm.logsf(3, 0.2, scale=2.5) + DENSITIES["lognormal"](2.2, 2, 0.2)
    )
    assert value_of(below, 2.5, 2.0) == pytest.approx(
        DENSITIES["lognormal"](2.5, 2.5, 0.2) + DENSITIES["lognormal"](2.2, 2, 0.2)
    )


def test_the_prior_of_the_errors_is_normal_on_the_scale_without_bounds() -> None:
    made = model(series("normal", None), [exact(1.0)], Nuisance("s", "scale", 0, -1, 2))
    value, slope = made.log_prior(np.array([[0.5]]))
    assert value[0] == pytest.approx(stats.norm.logpdf(0.5, -1, 2))
    assert slope[0, 0] == pytest.approx(-1.5 / 4)


def test_fewer_observations_than_parameters_is_a_warning() -> None:
    made = model(series("normal"), [exact(1.0), exact(2.0)])
    assert made.too_few(2) is None
    assert "2 observations for 3 fitted parameters" in str(made.too_few(3))
