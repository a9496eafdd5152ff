"""Estimates, profiles, combinations and choice, on models whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from calibration_cases import observed

import cluster_sd as csd
from cluster_sd.calibration.coordinates import Coordinates, Fitted
from cluster_sd.calibration.identifiability import choose, combinations
from cluster_sd.calibration.optimum import estimate
from cluster_sd.calibration.posterior import Posterior, posterior_of
from cluster_sd.calibration.predictive import predictive
from cluster_sd.calibration.profiles import profiles, verdict_of
from cluster_sd.distributions import KINDS, Distribution
from cluster_sd.errors import InputError

TRUE = {"rate": 0.4, "room": 100.0, "first": 5.0}
YEARS = np.arange(0.0, 21.0)


def spread(rate: float = 0.4, room: float = 100.0, first: float = 5.0) -> np.ndarray:
    """The logistic model's area in each year, by its own difference equation."""
    area, found = first, []
    for step in range(81):
        if step % 4 == 0:
            found.append(area)
        area += 0.25 * rate * area * (1 - area / room)
    return np.array(found)


def fitted(*names: str) -> list[Fitted]:
    ranges = {"rate": (0.1, 1.0), "room": (50.0, 300.0), "first": (1.0, 20.0), "idle": (0.0, 2.0)}
    return [Fitted(name, Distribution("uniform", *ranges[name]), TRUE.get(name, 1.0)) for name in names]


@pytest.fixture
def logistic(logistic_model: Path):
    model = csd.load(logistic_model)

    def make(names=("rate", "room", "first"), years=YEARS, noise=0.1, seed=1, **settings) -> Posterior:
        chosen = np.isin(YEARS, years)
        values = spread()[chosen] * np.exp(noise * np.random.default_rng(seed).standard_normal(chosen.sum()))
        data = {"Area": (YEARS[chosen].tolist(), values.tolist())}
        return posterior_of(model, fitted(*names), observed(data, scale=noise or 0.01), backend="numpy", **settings)

    return make


# ---- coordinates ----------------------------------------------------------------------------------------------------


def test_coordinates_go_back_and_forth_for_every_kind():
    coordinates = Coordinates([Fitted(kind, Distribution(kind, 2, 10), 5.0) for kind in KINDS])
    scaled = np.random.default_rng(0).uniform(0.1, 0.9, (5, len(KINDS)))
    np.testing.assert_allclose(coordinates.scaled(coordinates.natural(scaled)), scaled, rtol=1e-12)
    np.testing.assert_allclose(coordinates.from_free(coordinates.to_free(scaled))[0], scaled, rtol=1e-9)
    np.testing.assert_allclose(coordinates.natural(np.array([[0.0] * 6, [1.0] * 6])), [[2] * 6, [10] * 6], rtol=1e-12)


def test_the_prior_is_a_standard_normal_in_free_coordinates():
    free = np.linspace(-7, 7, 57)[:, None]
    for kind in KINDS:
        one = Coordinates([Fitted(kind, Distribution(kind, 2, 10), 5.0)])
        scaled, slope = one.from_free(free)
        value, _ = one.log_prior(scaled)
        expected = -0.5 * free[:, 0] ** 2 - 0.5 * np.log(2 * np.pi)
        np.testing.assert_allclose(value + np.log(slope[:, 0]), expected, atol=1e-9, err_msg=kind)
        moved = (one.from_free(free + 1e-6)[0] - one.from_free(free - 1e-6)[0]) / 2e-6
        np.testing.assert_allclose(slope, moved, rtol=1e-4, atol=1e-9, err_msg=kind)


# ---- density --------------------------------------------------------------------------------------------------------


def test_the_density_is_the_closed_form(logistic):
    posterior = logistic(noise=0.2)
    point = posterior.coordinates.scaled(np.array([[0.5, 120.0, 4.0]]))
    z = (np.log(posterior.observations.observed) - np.log(spread(0.5, 120.0, 4.0))) / 0.2
    expected = (-0.5 * z**2 - np.log(0.2 * np.sqrt(2 * np.pi)) - np.log(posterior.observations.observed)).sum()
    assert posterior.likelihood(point).value[0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("density", ["likelihood", "density", "free_density"])
def test_the_gradient_is_the_slope_of_the_density(lynx_hare, density):
    function = getattr(lynx_hare, density)
    scaled = lynx_hare.coordinates.scaled(np.array([[0.5, 0.03, 0.85, 0.022, 33.0, 6.0]]))
    first = scaled if density != "free_density" else lynx_hare.coordinates.to_free(scaled)
    point = np.concatenate([first, [[-1.2, -0.8]]], axis=1)
    steps = 1e-5 * np.eye(8)
    slopes = (function(point + steps).value - function(point - steps).value) / 2e-5
    np.testing.assert_allclose(function(point).gradient[0], slopes, rtol=1e-5, atol=1e-5)


# ---- estimates ------------------------------------------------------------------------------------------------------


def test_exact_data_give_back_the_parameters_from_every_start(logistic):
    found = estimate(logistic(noise=0.0), starts=6)
    posterior = logistic(noise=0.0)
    np.testing.assert_allclose(posterior.natural(found.point[None])[0], [0.4, 100, 5], rtol=1e-4)
    assert found.search == "newton"
    assert found.agreeing == 1.0


def test_the_estimate_is_that_of_a_well_kept_least_squares(logistic):
    from scipy.optimize import least_squares

    posterior = logistic()
    found = posterior.natural(estimate(posterior, starts=3).point[None])[0]
    seen = np.log(posterior.observations.observed)
    reference = least_squares(lambda p: np.log(spread(*p)) - seen, [0.5, 90, 4], xtol=1e-14, ftol=1e-14).x
    np.testing.assert_allclose(found, reference, rtol=2e-4)


def test_seeds_and_threads_reproduce(logistic):
    posterior = logistic()
    a, b = (estimate(posterior, starts=4, seed=0, threads=n) for n in (1, 2))
    np.testing.assert_array_equal(a.point, b.point)


def test_where_a_parameter_moves_a_jump_the_search_is_global(tmp_path):
    path = tmp_path / "jump.mdl"
    lines = ["Area= INTEG(IF THEN ELSE(Area > level, 2, 1), 1)", "level= 5", "INITIAL TIME= 0", "FINAL TIME= 20"]
    lines += ["TIME STEP= 0.25", "SAVEPER= 1"]
    path.write_text("{UTF-8}\n" + "\n".join(f"{line}\n\t~\t\n\t~\t\n\t|" for line in lines) + "\n", encoding="utf-8")
    area = np.where(YEARS <= 9, 1 + YEARS, 10 + 2 * (YEARS - 9))
    posterior = posterior_of(
        csd.load(path), [Fitted("level", Distribution("uniform", 2, 18), 5.0)],
        observed({"Area": (YEARS.tolist(), area.tolist())}, "normal", 0.5), backend="numpy",
    )  # fmt: skip
    assert posterior.doubtful == ("level",)
    found = estimate(posterior, starts=10)
    assert found.search == "global"
    assert posterior.natural(found.point[None])[0, 0] == pytest.approx(10, abs=0.3)


def test_data_that_no_run_could_give_are_an_error(logistic_model):
    data = observed({"Area": ([5.0], [1.0])})
    impossible = [Fitted("first", Distribution("uniform", -9, -1), -5.0)]
    with pytest.raises(InputError, match="none of 3 starts leads to a run"):
        estimate(posterior_of(csd.load(logistic_model), impossible, data, backend="numpy"), starts=3)


# ---- what the data tell ---------------------------------------------------------------------------------------------


def test_a_profile_is_the_parabola_of_a_linear_model(logistic_model):
    """Only the initial value is fitted, with normal errors: the likelihood of its own observation is a parabola."""
    posterior = posterior_of(
        csd.load(logistic_model), fitted("first"), observed({"Area": ([0.0], [6.0])}, "normal", 1.0), backend="numpy"
    )
    (profile,) = profiles(posterior, estimate(posterior, starts=2, prior=False).point)
    assert (profile.low, profile.high) == pytest.approx((6 - 1.959964, 6 + 1.959964), rel=1e-3)
    assert profile.verdict == "identifiable"
    np.testing.assert_allclose(profile.falls, (profile.values - 6) ** 2 / 2, atol=1e-6)


def test_verdicts_say_what_the_data_can(logistic):
    late = logistic(("rate", "room", "first", "idle"), years=YEARS)
    found = {p.name: p for p in profiles(late, estimate(late, starts=3, prior=False).point)}
    assert [found[name].verdict for name in ("rate", "room", "first")] == ["identifiable"] * 3
    assert found["idle"].verdict == "not identifiable"
    assert (found["idle"].low, found["idle"].high) == (0, 2)
    early = logistic(years=np.arange(0.0, 5.0))  # long before the room is filled
    (room,) = profiles(early, estimate(early, starts=3, prior=False).point, [1])
    assert room.verdict in ("weak", "not identifiable", "bound-limited")
    assert room.high == 300


@pytest.mark.parametrize(
    ("crossed", "largest", "place", "verdict"),
    [
        ((True, True), 3.0, 0.4, "identifiable"),
        ((False, True), 3.0, 0.0, "bound-limited"),
        ((True, False), 3.0, 1.0, "bound-limited"),
        ((False, True), 3.0, 0.3, "weak"),
        ((False, False), 1.0, 0.3, "weak"),
        ((False, False), 0.2, 0.3, "not identifiable"),
    ],
)
def test_a_verdict_for_every_shape_of_profile(crossed, largest, place, verdict):
    assert verdict_of(crossed, largest, place) == verdict


def test_parameters_that_only_their_product_shows_are_told_as_a_combination(tmp_path):
    path = tmp_path / "product.mdl"
    lines = ["S= INTEG(a*b, 1)", "a= 2", "b= 3", "INITIAL TIME= 0", "FINAL TIME= 10", "TIME STEP= 1", "SAVEPER= 1"]
    path.write_text("{UTF-8}\n" + "\n".join(f"{line}\n\t~\t\n\t~\t\n\t|" for line in lines) + "\n", encoding="utf-8")
    both = [Fitted(name, Distribution("loguniform", 1, 10), value) for name, value in (("a", 2.0), ("b", 3.0))]
    data = observed({"S": ([5.0, 10.0], [31.0, 61.0])}, scale=0.05)
    posterior = posterior_of(csd.load(path), both, data, backend="numpy")
    best, worst = combinations(posterior, estimate(posterior, starts=2).point)
    np.testing.assert_allclose(best.weights, [np.sqrt(0.5)] * 2, atol=1e-3)
    assert worst.deviation > 1e3 * best.deviation
    chosen = choose(posterior, posterior.prior_draws(5, 0))
    assert len(chosen.chosen) == 1


def test_the_choice_takes_what_the_data_see_and_leaves_the_rest(logistic):
    posterior = logistic(("idle", "rate", "room", "first"))
    chosen = choose(posterior, posterior.prior_draws(8, 0))
    assert sorted(chosen.chosen) == [1, 2, 3]
    assert chosen.seen[0] == 0
    assert list(choose(posterior, posterior.prior_draws(8, 0), most=1).chosen) == [chosen.chosen[0]]


# ---- predictions ----------------------------------------------------------------------------------------------------


def test_predictive_intervals_hold_the_noise_that_was_put_in(logistic):
    posterior = logistic(noise=0.1)
    point = posterior.coordinates.scaled(np.array([[0.4, 100.0, 5.0]]))
    found = predictive(posterior, np.repeat(point, 4000, axis=0))
    low, high = found.interval()
    np.testing.assert_allclose(np.log(high / low), 2 * 1.96 * 0.1, rtol=0.06)
    np.testing.assert_allclose(found.median(), spread(), rtol=1e-9)
    assert found.failed == 0
