"""Draws near the mode against densities that are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cluster_sd.calibration.approximation import draws_near
from cluster_sd.calibration.posterior import Density


@dataclass(frozen=True)
class Known:
    """A density with its gradient, in place of a model's."""

    precision: np.ndarray
    centre: np.ndarray

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(len(self.centre)), np.ones(len(self.centre))

    def density(self, x: np.ndarray) -> Density:
        away = x - self.centre
        inside = ((x >= 0) & (x <= 1)).all(axis=1)
        value = -0.5 * np.einsum("di,ij,dj->d", away, self.precision, away)
        return Density(np.where(inside, value, -np.inf), -away @ self.precision)


def near(known: Any, mode: list[float], **options: Any) -> Any:
    return draws_near(known, np.array(mode), **options)


def test_a_normal_density_gives_back_its_mean_and_covariance() -> None:
    covariance = np.array([[0.01, 0.006], [0.006, 0.02]])
    known = Known(np.linalg.inv(covariance), np.array([0.5, 0.45]))
    found = near(known, [0.5, 0.45], count=4000, candidates=8000)
    assert found.points.mean(axis=0) == pytest.approx([0.5, 0.45], abs=0.01)
    assert np.cov(found.points.T) == pytest.approx(covariance, abs=0.0012)
    assert found.effective > 0.9 * found.drawn


def test_a_parameter_that_nothing_is_known_of_keeps_its_range_even_where_the_mode_stands_at_its_end() -> None:
    known = Known(np.diag([1e-9, 400.0]), np.array([0.5, 0.5]))
    found = near(known, [1.0, 0.5], count=4000, candidates=8000)
    assert stats.kstest(found.points[::4, 0], "uniform").pvalue > 0.001
    assert found.points[:, 1].std() == pytest.approx(0.05, rel=0.1)


def test_a_density_that_presses_against_an_end_falls_off_from_it_as_it_should() -> None:
    known = Known(np.array([[4.0]]), np.array([2.5]))  # a normal far beyond the end: nearly exponential within
    found = near(known, [1.0], count=4000, candidates=8000)
    reference = stats.truncnorm((0 - 2.5) * 2, (1 - 2.5) * 2, 2.5, 0.5)
    assert stats.kstest(found.points[::4, 0], reference.cdf).pvalue > 0.001


def test_a_seed_gives_the_same_draws() -> None:
    known = Known(np.diag([9.0]), np.array([0.5]))
    first, again, other = (near(known, [0.5], seed=seed).points for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()
