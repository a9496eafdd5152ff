"""What low, high and value of a parameter mean."""

from __future__ import annotations

import numpy as np
import pytest

from cluster_sd.distributions import BOUNDED, KINDS, Distribution
from cluster_sd.errors import InputError

CASES = [Distribution(kind, 2.0, 10.0, 3.5 if kind in ("triangular", "beta") else None) for kind in KINDS]


@pytest.fixture(params=CASES, ids=lambda d: d.kind)
def distribution(request):
    return request.param


def test_as_much_lies_below_as_of_a_standard_normal(distribution):
    from scipy.stats import norm

    z = np.linspace(-6, 6, 49)
    x = distribution.from_normal(z)
    np.testing.assert_allclose(x, distribution.ppf(norm.cdf(z)), rtol=1e-7)
    np.testing.assert_allclose(distribution.to_normal(x), z, rtol=1e-4, atol=1e-9)
    low, high = distribution.support
    assert low <= distribution.from_normal(np.array([-40.0]))[0]
    assert distribution.from_normal(np.array([40.0]))[0] <= high


def test_probabilities_and_values_go_back_and_forth(distribution):
    u = np.linspace(0.001, 0.999, 37)
    assert distribution.cdf(distribution.ppf(u)) == pytest.approx(u, rel=1e-9)


def test_the_density_integrates_to_the_probability(distribution):
    from scipy.integrate import quad

    low, high = distribution.ppf(np.array([0.1, 0.9]))
    assert quad(lambda x: float(np.exp(distribution.logpdf(np.array(x)))), low, high)[0] == pytest.approx(0.8, rel=1e-7)


def test_the_slope_is_the_derivative_of_the_log_density(distribution):
    x = distribution.ppf(np.array([0.05, 0.3, 0.62, 0.9]))
    step = 1e-6
    numeric = (distribution.logpdf(x + step) - distribution.logpdf(x - step)) / (2 * step)
    assert distribution.slope(x) == pytest.approx(numeric, rel=1e-5, abs=1e-8)


def test_the_log_density_is_scipys(distribution):
    x = np.concatenate([distribution.ppf(np.linspace(0.01, 0.99, 9)), [-1.0, 0.0, 1.9, 30.0]])
    np.testing.assert_allclose(distribution.logpdf(x), distribution._scipy.logpdf(x), rtol=1e-12)


def test_low_and_high_are_the_ends_or_the_95_percent_interval(distribution):
    ends = [0.0, 1.0] if distribution.kind in BOUNDED else [0.025, 0.975]
    assert distribution.ppf(np.array(ends)) == pytest.approx([2, 10], rel=1e-12)


def test_pert_has_the_mean_that_its_authors_gave_it():
    assert Distribution("beta", 2, 10, 3.5).mean == pytest.approx((2 + 4 * 3.5 + 10) / 6)


def test_a_triangle_rises_to_its_mode():
    triangle = Distribution("triangular", 2, 10, 3.5)
    assert triangle.cdf(np.array(3.5)) == pytest.approx((3.5 - 2) / (10 - 2))


def test_beyond_its_ends_a_bounded_parameter_is_impossible():
    assert np.isneginf(Distribution("beta", 2, 10).logpdf(np.array([1.9, 10.1]))).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("uniform", 3, 3), "low 3 below high 3"),
        (("uniform", 1, np.inf), "low 1 below high inf"),
        (("loguniform", 0, 3), "low 0 above 0"),
        (("lognormal", -1, 3), "low -1 above 0"),
        (("triangular", 1, 3, 4), "mode 4 of a triangular"),
        (("unifrom", 1, 3), "did you mean 'uniform'"),
    ],
)
def test_a_distribution_that_cannot_be_says_why(arguments, said):
    with pytest.raises(InputError, match=said):
        Distribution(*arguments)
