"""How often intervals hold the truth: 93 to 97 % of 200 seeds for intervals of 95 %."""

from __future__ import annotations

import numpy as np
import pytest
from truths import BRATLEY, ISHIGAMI, MORRIS, SOBOL_G, TRUTHS, Truth, outputs_of

from cluster_sd.sensitivity import morris, pawn, sobol
from cluster_sd.sensitivity.bootstrap import interval, resampled, weights

SEEDS = 200


def held(truth: Truth, n: int, *, second_order: bool = False, lost: float = 0.0) -> dict[str, np.ndarray]:
    """For each kind of index, whether each interval holds the closed form; shape (seed, name)."""
    true = {"ST": truth.st, "S1": truth.s1, "S2": truth.s2 if second_order else None}
    out: dict[str, list[np.ndarray]] = {}
    for seed in range(SEEDS):
        drawn = sobol.sample(truth.problem, n, seed=seed, second_order=second_order)
        failed = np.random.default_rng(seed).random(drawn.runs) < lost
        found = sobol.analyze(drawn, outputs_of(drawn, truth.evaluate, failed=failed), resamples=2)
        for kind, e in found.estimates.items():
            out.setdefault(kind, []).append((e.low[:, 0] <= true[kind]) & (true[kind] <= e.high[:, 0]))
    return {kind: np.array(hits) for kind, hits in out.items()}


@pytest.mark.parametrize("truth", [ISHIGAMI, BRATLEY], ids=lambda t: t.name)
def test_sobol_intervals_hold_the_truth_at_their_level(truth):
    hits = held(truth, 256)
    assert 0.93 <= np.mean([hits["ST"].mean(), hits["S1"].mean()]) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("n", [256, 1024, 4096])
@pytest.mark.parametrize("truth", TRUTHS, ids=lambda t: t.name)
def test_sobol_intervals_hold_the_truth_at_their_level_for_each_kind_and_size(truth, n):
    for kind, hits in held(truth, n).items():
        assert 0.93 <= hits.mean() <= 0.97, (kind, hits.mean(axis=0))
        assert hits.mean(axis=0).min() >= 0.87, (kind, hits.mean(axis=0))


@pytest.mark.slow
@pytest.mark.parametrize("truth", [ISHIGAMI, SOBOL_G, BRATLEY, MORRIS], ids=lambda t: t.name)
def test_intervals_of_pairs_hold_the_truth_at_their_level(truth):
    assert 0.93 <= held(truth, 512, second_order=True)["S2"].mean() <= 0.97


@pytest.mark.slow
def test_intervals_hold_the_truth_where_runs_fail_by_chance():
    hits = held(ISHIGAMI, 512, lost=0.03)
    assert 0.93 <= np.mean([hits["ST"].mean(), hits["S1"].mean()]) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("truth", [ISHIGAMI, SOBOL_G, BRATLEY], ids=lambda t: t.name)
def test_intervals_of_mu_star_hold_what_many_trajectories_give(truth):
    """Somewhat more often than they need: effects on a grid take few values."""
    many = morris.sample(truth.problem, 20_000, seed=99)
    true = morris.analyze(many, outputs_of(many, truth.evaluate), resamples=2).main.value
    hits = []
    for seed in range(SEEDS):
        drawn = morris.sample(truth.problem, 50, seed=seed)
        found = morris.analyze(drawn, outputs_of(drawn, truth.evaluate), resamples=2).main
        rounding = 1e-9 * true  # all effects of Ishigami's second are of one size
        hits.append((found.low <= true + rounding) & (true <= found.high + rounding))
    assert 0.93 <= np.mean(hits) <= 0.99


@pytest.mark.slow
def test_intervals_of_pawn_hold_what_a_large_sample_gives_well_above_the_floor():
    many = pawn.sample(ISHIGAMI.problem, 2**17, seed=99)
    true = pawn.analyze(many, outputs_of(many, ISHIGAMI.evaluate), resamples=2).main.value[:2]
    hits = []
    for seed in range(SEEDS):
        drawn = pawn.sample(ISHIGAMI.problem, 1024, seed=seed)
        found = pawn.analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate), resamples=2).main
        hits.append((found.low[:2] <= true) & (true <= found.high[:2]))
    assert 0.93 <= np.mean(hits) <= 0.995


def test_the_interval_of_a_mean_of_normal_terms_is_students():
    terms = np.random.default_rng(0).normal(3.0, 2.0, size=(20, 4000))
    low, high = interval(terms.mean(axis=0), terms - terms.mean(axis=0), 0.9)
    assert 0.89 <= np.mean((low <= 3) & (high >= 3)) <= 0.93


def test_an_interval_reaches_further_to_the_side_of_a_long_tail_and_so_holds_the_truth_where_students_does_not():
    terms = np.random.default_rng(0).lognormal(0, 1.5, size=(200, 2000))
    mean, true = terms.mean(axis=0), np.exp(1.5**2 / 2)
    low, high = interval(mean, terms - mean, 0.95)
    assert (high - mean > mean - low).all()
    half = mean - low  # Student's
    assert np.mean(np.abs(mean - true) <= half) < 0.88
    assert 0.93 <= np.mean((low <= true) & (true <= high)) <= 0.97


def test_resamples_spread_as_the_standard_error_says():
    influence = np.random.default_rng(1).normal(size=(32, 3, 1))
    influence -= influence.mean(axis=0)
    drawn = resampled(np.zeros((3, 1)), influence, weights(32, 20_000, 0))
    expected = influence.std(axis=0, ddof=1) / np.sqrt(32) * 1.0406
    np.testing.assert_allclose(drawn.std(axis=0), expected, rtol=0.03)
    np.testing.assert_array_equal(weights(32, 5, 0), weights(32, 5, 0))
