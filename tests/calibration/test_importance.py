"""Importance sampling against densities that are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cluster_sd.calibration.importance import draw


def normal(centre: np.ndarray, covariance: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    spread: Any = covariance  # SciPy's own types say int
    return lambda x: np.atleast_1d(stats.multivariate_normal.logpdf(x, centre, spread))


@pytest.mark.parametrize("size", [1, 3, 8])
@pytest.mark.parametrize("known", [True, False])
def test_a_narrow_tilted_normal_gives_back_its_mean_and_covariance(size: int, known: bool) -> None:
    rng = np.random.default_rng(size)
    root = 0.2 * rng.standard_normal((size, size)) + 0.05 * np.eye(size)
    covariance, centre = root @ root.T + 0.003 * np.eye(size), rng.uniform(-1, 1, size)
    found = draw(normal(centre, covariance), size, centre + 0.05 if known else None, count=4000)
    deviation = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((found.points.mean(axis=0) - centre) / deviation, 0, atol=0.12)
    np.testing.assert_allclose(found.points.std(axis=0) / deviation, 1, atol=0.1)
    assert found.well


def test_two_modes_keep_their_shares() -> None:
    spread: Any = 0.04

    def two(x: np.ndarray) -> np.ndarray:
        first, second = (stats.multivariate_normal.logpdf(x, [m, m], spread) for m in (-0.8, 0.8))
        return np.logaddexp(np.log(0.3) + first, np.log(0.7) + second)

    found = draw(two, 2, np.array([0.8, 0.8]), count=4000)
    assert (found.points[:, 0] > 0).mean() == pytest.approx(0.7, abs=0.05)


def test_a_density_with_a_cliff_is_sampled_as_one() -> None:
    def cliff(x: np.ndarray) -> np.ndarray:
        return np.where(x[:, 0] > 0.5, stats.norm.logpdf(x[:, 0]), -np.inf)

    found = draw(cliff, 1, count=4000)
    reference = stats.truncnorm(0.5, np.inf)
    assert found.points.min() > 0.5
    assert stats.kstest(found.points[::8, 0], reference.cdf).pvalue > 0.001


def test_what_nothing_is_known_of_keeps_its_prior() -> None:
    found = draw(lambda x: stats.norm.logpdf(x[:, 0], 1, 0.1) + stats.norm.logpdf(x[:, 1]), 2, count=4000)
    assert stats.kstest(found.points[::8, 1], "norm").pvalue > 0.001


def test_weights_that_cannot_be_believed_are_told() -> None:
    found = draw(lambda x: -1e5 * (np.abs(x) ** 0.5).sum(axis=1), 6, np.full(6, 2.0))
    assert not found.well


def test_a_seed_gives_the_same_draws() -> None:
    density = normal(np.zeros(2), np.eye(2) / 9)
    first, again, other = (draw(density, 2, seed=seed).points for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()
