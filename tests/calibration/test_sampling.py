"""Draws from posteriors that others have published, or that are known."""

from __future__ import annotations

import numpy as np
import pytest
from calibration_cases import observed

import cluster_sd as csd
from cluster_sd.calibration.coordinates import Fitted
from cluster_sd.calibration.frame import frame_of
from cluster_sd.calibration.nuts import sample, sample_each
from cluster_sd.calibration.optimum import estimate
from cluster_sd.calibration.posterior import posterior_of
from cluster_sd.calibration.profiles import profiles
from cluster_sd.calibration.sbc import simulate_and_rank
from cluster_sd.distributions import Distribution
from cluster_sd.errors import InputError

#: Posterior means and standard deviations in Carpenter, Predator-Prey Population Dynamics (Stan case study, 2018).
PUBLISHED = {
    "alpha": (0.55, 0.07), "beta": (0.028, 0.004), "gamma": (0.80, 0.09), "delta": (0.024, 0.004),
    "Hare": (33.96, 2.9), "Lynx": (5.9, 0.5), "scale of Hare": (0.25, 0.04), "scale of Lynx": (0.25, 0.04),
}  # fmt: skip


@pytest.fixture
def simple(logistic_model):
    """One parameter with a normal posterior: its own observations and a flat prior."""
    data = observed({"Area": ([0.0, 0.0, 0.0, 0.0], [5.0, 6.0, 7.0, 6.0])}, "normal", 1.0)
    fitted = [Fitted("first", Distribution("uniform", 0, 12), 6.0)]
    return posterior_of(csd.load(logistic_model), fitted, data, backend="numpy", stop=1)


def test_draws_are_those_of_a_known_posterior(simple):
    found = sample(simple, estimate(simple, starts=2).point, draws=500, tune=200, chains=2)
    drawn = found.natural[..., 0]
    assert drawn.shape == (2, 500)
    assert drawn.mean() == pytest.approx(6, abs=0.08)
    assert drawn.std() == pytest.approx(0.5, abs=0.06)
    assert found.health().r_hat["first"] < 1.02
    assert found.health().divergences == 0


def test_the_same_seed_gives_the_same_draws_nought_included(simple):
    a, b, c = (sample(simple, draws=20, tune=20, chains=2, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a.natural, b.natural)
    assert not np.array_equal(a.natural, c.natural)


def test_no_gradient_no_nuts(tmp_path):
    path = tmp_path / "jump.mdl"
    lines = ["S= INTEG(STEP(1, when), 1)", "when= 5", "INITIAL TIME= 0", "FINAL TIME= 9", "TIME STEP= 1", "SAVEPER= 1"]
    path.write_text("{UTF-8}\n" + "\n".join(f"{line}\n\t~\t\n\t~\t\n\t|" for line in lines) + "\n", encoding="utf-8")
    fitted = [Fitted("when", Distribution("uniform", 1, 8), 5.0)]
    posterior = posterior_of(csd.load(path), fitted, observed({"S": ([9.0], [4.0])}, "normal", 1.0), backend="numpy")
    with pytest.raises(InputError, match="'when' moves a jump"):
        sample(posterior)


def test_a_chain_draws_the_same_alone_and_beside_others(simple):
    other = simple.with_values(np.array([1.0, 2.0, 1.0, 3.0]))
    starts = np.array([[0.5], [0.2]])
    both = sample_each([simple, other], starts, draws=20, tune=20, seeds=[3, 4])
    (alone,) = sample_each([simple], starts[:1], draws=20, tune=20, seeds=[3])
    np.testing.assert_allclose(both[0].natural, alone.natural, rtol=1e-9)
    assert abs(both[0].natural.mean() - 6) < 1 < abs(both[1].natural.mean() - 6)


def test_a_failure_stops_all_chains(simple, monkeypatch):
    def fail(posteriors, free):
        raise MemoryError("no room")

    monkeypatch.setattr("cluster_sd.calibration.nuts.free_densities", fail)
    with pytest.raises(MemoryError, match="no room"):
        sample(simple, draws=20, tune=20, chains=3)


def test_progress_counts_all_draws(simple):
    told: list[tuple[int, int]] = []
    sample(simple, draws=20, tune=20, chains=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(20, 80), (40, 80), (60, 80), (80, 80)]


# ---- the frame ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def banana():
    """Draws of a bend within a funnel: the second is 0.1 + x² wide in the first, the third as wide as exp(x)."""
    z = np.random.default_rng(0).standard_normal((4000, 3))
    return np.stack([z[:, 0], 0.3 * z[:, 1] + z[:, 0] ** 2, z[:, 2] * np.exp(0.5 * z[:, 0])], axis=1)


def test_bends_and_funnels_are_straight_in_the_frame(banana):
    white = frame_of(banana[:, [1, 2, 0]], first=1).white(banana[:, [1, 2, 0]])
    np.testing.assert_allclose(np.cov(white.T), np.eye(3), atol=0.05)
    assert abs(np.corrcoef(white[:, 0] ** 2, white[:, 1])[0, 1]) < 0.05
    assert abs(np.corrcoef(white[:, 0], white[:, 2] ** 2)[0, 1]) < 0.05


def test_a_frame_goes_back_and_forth_and_keeps_densities(banana):
    frame = frame_of(banana)
    white = np.random.default_rng(1).standard_normal((5, 3))
    np.testing.assert_allclose(frame.white(frame.free(white)), white, atol=1e-9)

    def density(one):  # of a standard normal in free coordinates
        free = frame.free(one[None])[0]
        return frame.pulled(one, -0.5 * free @ free, -free)

    steps = 1e-6 * np.eye(3)
    slopes = [(density(white[0] + step)[0] - density(white[0] - step)[0]) / 2e-6 for step in steps]
    np.testing.assert_allclose(density(white[0])[1], slopes, rtol=1e-6)
    volume = np.linalg.det([(frame.free(white[:1] + s) - frame.free(white[:1] - s))[0] / 2e-6 for s in steps])
    free = frame.free(white[:1])[0]
    assert density(white[0])[0] + 0.5 * free @ free - np.log(abs(volume)) == pytest.approx(
        np.log(abs(np.linalg.det(frame.axes))) * -1, abs=1e-6
    )


# ---- published, and simulated ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_hares_and_lynxes_are_as_published(lynx_hare):
    found = sample(lynx_hare, estimate(lynx_hare, starts=8).point)
    health = found.health()
    assert health.well, health
    assert max(health.r_hat.values()) < 1.005
    for name, column in zip(found.names, found.flat_natural.T, strict=True):
        mean, deviation = PUBLISHED[name]
        assert column.mean() == pytest.approx(mean, abs=0.2 * deviation), name
        assert column.std() == pytest.approx(deviation, rel=0.15), name


@pytest.mark.slow
def test_simulated_data_give_back_what_they_were_made_from(logistic_model):
    years = [float(t) for t in range(0, 21, 2)]
    ranges = {"rate": (0.2, 0.8), "room": (60, 200), "first": (2, 10)}
    fitted = [Fitted(name, Distribution("uniform", *ends), np.mean(ends)) for name, ends in ranges.items()]
    posterior = posterior_of(csd.load(logistic_model), fitted, observed({"Area": (years, [1.0] * 11)}), backend="llvm")
    found = simulate_and_rank(posterior, 100, threads=2)
    assert min(found.p_values().values()) > 0.01 / len(found.names)
    assert min(found.coverage().values()) >= 0.89


@pytest.mark.slow
def test_profile_intervals_cover_as_they_say_over_made_up_counties(logistic_model):
    years = [float(t) for t in range(0, 21)]
    ranges = {"rate": (0.1, 1.0), "room": (40, 400), "first": (0.5, 25)}
    truth = {"rate": 0.4, "room": 100.0, "first": 5.0}
    fitted = [Fitted(name, Distribution("loguniform", *ends), truth[name]) for name, ends in ranges.items()]
    posterior = posterior_of(
        csd.load(logistic_model), fitted, observed({"Area": (years, [1.0] * 21)}, scale=0.1), backend="llvm"
    )
    point = posterior.coordinates.scaled(np.array([list(truth.values())]))
    expected = posterior.predict(point).rows
    inside = []
    for county in range(400):  # of 100, chance alone moves the share by 1.5 points
        rng = np.random.default_rng([7, county])
        made = posterior.with_values(posterior.observations.simulate(expected, np.zeros((1, 0)), rng)[0])
        best = estimate(made, starts=1, prior=False)
        inside += [p.low <= truth[p.name] <= p.high for p in profiles(made, best.point)]
    assert 0.93 <= np.mean(inside) <= 0.97
