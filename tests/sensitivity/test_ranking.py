"""Ranks, their intervals, and the probability that the first k are the right ones."""

from __future__ import annotations

import numpy as np
import pytest
from truths import ISHIGAMI, MORRIS, SOBOL_G, cube, outputs_of

from cluster_sd.sensitivity import sobol
from cluster_sd.sensitivity.ranking import Blocks, estimate, from_replicates, rank, ranks_over


def test_the_largest_is_first_and_equals_stand_in_their_order():
    np.testing.assert_array_equal(rank(np.array([[1.0, 0], [3, 0], [2, 0]])), [[3, 1], [1, 2], [2, 3]])


def test_probabilities_are_shares_of_the_resamples():
    """In three of four resamples a is first; in all of them a and b are the first two."""
    value = np.array([[3.0], [2.0], [1.0]])
    replicates = np.array([[3.0, 2, 1], [3, 2, 1], [2, 3, 1], [3, 2.5, 2]])[:, :, None]
    ranks, low, high, top = ranks_over(value, replicates)
    assert ranks[:, 0].tolist() == [1, 2, 3]
    assert low[:, 0].tolist() == [1, 1, 3] and high[:, 0].tolist() == [2, 2, 3]
    assert top[:, 0].tolist() == [0.75, 1, 1]


def test_indices_with_a_sign_are_ranked_by_their_size():
    influence = np.zeros((8, 3, 1))
    made = estimate(["a", "b", "c"], np.array([[-5.0], [1.0], [3.0]]), influence, signed=True)
    assert made.rank[:, 0].tolist() == [1, 3, 2]
    assert made.top[:, 0].tolist() == [1, 1, 1]


def test_outcomes_without_indices_have_no_ranks():
    value = np.array([[1.0, np.nan], [2.0, np.nan]])
    made = from_replicates(["a", "b"], value, value, value, np.stack([value, value]))
    assert made.rank[:, 0].tolist() == [2, 1] and np.isnan(made.rank[:, 1]).all() and np.isnan(made.top[:, 1]).all()


def test_a_ranking_among_some_takes_the_same_resamples():
    rng = np.random.default_rng(0)
    influence = rng.normal(size=(32, 4, 2))
    influence -= influence.mean(axis=0)
    whole = Blocks(("a", "b", "c", "d"), np.array([[1.0, 2], [1.1, 1], [0, 0], [1.05, 3]]), influence)
    some = whole.among([0, 3]).estimate()
    np.testing.assert_array_equal(some.low, whole.estimate().low[[0, 3]])
    assert some.rank.tolist() == [[2, 2], [1, 1]]


def test_many_outcomes_in_parts_are_ranked_as_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    value, influence = rng.normal(size=(5, 40)), rng.normal(size=(16, 5, 40))
    whole = estimate(list("abcde"), value, influence - influence.mean(axis=0))
    monkeypatch.setattr("cluster_sd.sensitivity.ranking.BLOCK", 5000)
    parts = estimate(list("abcde"), value, influence - influence.mean(axis=0))
    for field in ("rank", "rank_low", "rank_high", "top"):
        np.testing.assert_array_equal(getattr(parts, field), getattr(whole, field))


@pytest.mark.parametrize("truth", [ISHIGAMI, SOBOL_G], ids=lambda t: t.name)
def test_the_true_first_ones_are_found_with_certainty_where_they_stand_apart(truth):
    drawn = sobol.sample(truth.problem, 2048)
    found = sobol.analyze(drawn, outputs_of(drawn, truth.evaluate)).main
    assert found.rank[:2, 0].tolist() == [1, 2]
    assert (found.top[:2, 0] > 0.99).all()


def test_parameters_of_equal_influence_share_their_ranks_and_no_certainty_is_claimed():
    """x1, x2 and x4 of Morris' function have nearly the same total index."""
    drawn = sobol.sample(MORRIS.problem, 512)
    found = sobol.analyze(drawn, outputs_of(drawn, MORRIS.evaluate)).main
    equal = [0, 1, 3]
    assert (found.rank_low[equal, 0] <= 2).all() and (found.rank_high[equal, 0] >= 2).all()
    assert found.top[0, 0] < 0.95 and found.top[2, 0] > 0.95


@pytest.mark.slow
def test_intervals_of_ranks_hold_the_true_rank_and_the_certainty_is_no_overstatement():
    held, sure, right = [], [], []
    true = np.argsort(np.argsort(-SOBOL_G.st[:4])) + 1
    for seed in range(200):
        drawn = sobol.sample(SOBOL_G.problem, 64, seed=seed)
        found = sobol.analyze(drawn, outputs_of(drawn, SOBOL_G.evaluate), resamples=400).main
        held.append((found.rank_low[:4, 0] <= true) & (true <= found.rank_high[:4, 0]))
        sure.append(found.top[:3, 0])
        right.append([set(np.argsort(-found.value[:, 0])[:k]) == set(range(k)) for k in (1, 2, 3)])
    assert np.mean(held) >= 0.93
    assert np.mean(sure) <= np.mean(right) + 0.02


def test_of_those_that_do_nothing_none_is_certain_to_be_among_the_first():
    drawn = sobol.sample(cube(5), 256)
    made = sobol.analyze(drawn, outputs_of(drawn, lambda u: u[:, 1])).main
    assert made.rank[1, 0] == made.rank_high[1, 0] == 1
    assert made.rank_low[[0, 2, 3, 4], 0].tolist() == [2] * 4 and made.rank_high[[0, 2, 3, 4], 0].tolist() == [5] * 4
    assert made.top[:, 0].tolist() == [1, 0, 0, 0, 1]
