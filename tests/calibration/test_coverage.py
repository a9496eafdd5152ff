"""Intervals hold the truth as often as they say, over made-up counties whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from calibration_cases import observed
from scipy import stats

import cluster_sd as csd
from cluster_sd.calibration.coordinates import Fitted
from cluster_sd.calibration.importance import draw
from cluster_sd.calibration.optimum import estimate
from cluster_sd.calibration.posterior import Posterior, posterior_of
from cluster_sd.calibration.profiles import profiles
from cluster_sd.distributions import Distribution

COUNTIES = 100
#: Profiles are quick: more counties, so that 93 to 97 % is no luck.
MANY = 400
RANGES = {"rate": (0.1, 1.0), "room": (40.0, 400.0), "first": (0.5, 25.0)}
TRUTH = {"rate": 0.4, "room": 100.0, "first": 5.0}


def spread(path: Path, scale: float | None, kind: str = "loguniform") -> Posterior:
    """How a crop spreads, seen each year for twenty years."""
    fitted = [Fitted(name, Distribution(kind, *ends), TRUTH[name]) for name, ends in RANGES.items()]
    data = observed({"Area": (np.arange(21.0).tolist(), [1.0] * 21)}, scale=scale)
    return posterior_of(csd.load(path), fitted, data, backend="llvm")


@pytest.mark.slow
def test_profile_intervals_hold_a_fixed_truth_in_95_of_100_made_up_counties(logistic_model: Path) -> None:
    posterior = spread(logistic_model, 0.1)
    expected = posterior.rows(posterior.coordinates.scaled(np.array([list(TRUTH.values())])))
    inside = []
    for county in range(MANY):
        values = posterior.observations.simulate(expected, np.zeros((1, 0)), np.random.default_rng([11, county]))[0]
        made = posterior.with_values(values)
        best = estimate(made, starts=1, prior=False)
        inside += [p.low <= TRUTH[p.name] <= p.high for p in profiles(made, best.point)]
    print(f"profiles: {np.mean(inside):.3f} of {len(inside)}")
    assert 0.93 <= np.mean(inside) <= 0.97


@pytest.mark.slow
def test_posterior_intervals_hold_truths_from_the_prior_in_95_of_100_counties(logistic_model: Path) -> None:
    posterior = spread(logistic_model, None, "lognormal")
    truths = posterior.prior_draws(COUNTIES, 3)
    expected, k = posterior.rows(truths[:, :3]), 3
    values = posterior.observations.simulate(expected, truths[:, k:], np.random.default_rng(3))
    free = posterior.to_free(truths)
    inside, ranks, well = [], [], []
    for county in range(COUNTIES):
        made = posterior.with_values(values[county])
        drawn = draw(made.free_values, made.size, seed=county)
        low, high = np.quantile(drawn.points, [0.025, 0.975], axis=0)
        inside.append((low <= free[county]) & (free[county] <= high))
        ranks.append((drawn.points < free[county]).mean(axis=0))
        well.append(drawn.well)
    print(f"posteriors: {np.mean(inside):.3f} of {np.size(inside)}, {np.mean(well):.2f} well")
    assert 0.93 <= np.mean(inside) <= 0.97
    assert np.mean(well) > 0.9
    for column in np.array(ranks).T:  # uniform ranks: more than coverage asks
        assert stats.kstest(column, "uniform").pvalue > 0.005
