"""Shapley effects against closed forms, with independent and with correlated inputs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from truths import _MORRIS_ANOVA, BRATLEY, ISHIGAMI, MORRIS, SOBOL_G, cube, outputs_of

from cluster_sd.distributions import Distribution
from cluster_sd.errors import InputError
from cluster_sd.sensitivity import Factor, Group, Outcome, Outputs, Problem, find_method
from cluster_sd.sensitivity.convergence import convergence
from cluster_sd.sensitivity.correlation import correlation_of
from cluster_sd.sensitivity.shapley import Walks, analyze, contributions, extend, sample

Z = 1.959963984540054


def shapley_values(worth, players: int) -> np.ndarray:
    """By definition, from the worth of every coalition."""
    found = np.zeros(players)
    for i in range(players):
        others = [j for j in range(players) if j != i]
        for size in range(players):
            weight = 1 / (players * math.comb(players - 1, size))
            for team in itertools.combinations(others, size):
                found[i] += weight * (worth([*team, i]) - worth(list(team)))
    return found


def effects(truth) -> np.ndarray:
    if truth is MORRIS:  # a million coalitions; but each interaction is shared equally (Owen 2014, theorem 1)
        parts = [(u, v / len(u)) for u, v in _MORRIS_ANOVA.items()]
        return np.array([sum(v for u, v in parts if i in u) for i in range(20)]) / truth.variance
    return shapley_values(truth.closed, truth.dimension) / truth.variance


# a linear model of five normal inputs, three and two of which go together; Owen and Prieur 2017, section 4
BETA = np.array([1.0, 2.0, -1.0, 0.5, 0.0])
DEVIATION = np.array([1.0, 0.5, 2.0, 1.0, 1.0])
PAIRS = (("x1", "x2", 0.6), ("x2", "x3", -0.5), ("x4", "x5", 0.8))


def linear_problem() -> Problem:
    spreads = [Distribution("normal", -Z * s, Z * s) for s in DEVIATION]
    return Problem(tuple(Factor(f"x{i + 1}", f"x{i + 1}", d) for i, d in enumerate(spreads)))


def covariance() -> np.ndarray:
    matrix = np.eye(5)
    for a, b, rho in PAIRS:
        i, j = int(a[1]) - 1, int(b[1]) - 1
        matrix[i, j] = matrix[j, i] = rho
    return matrix * np.outer(DEVIATION, DEVIATION)


def explained(team: list[int]) -> float:
    """Variance of the linear model that is explained by knowing some of its inputs."""
    if not team:
        return 0.0
    s = covariance()
    return float(BETA @ s[:, team] @ np.linalg.solve(s[np.ix_(team, team)], s[team]) @ BETA)


LINEAR_EFFECTS = shapley_values(explained, 5) / explained(list(range(5)))


def linear_outputs(drawn) -> Outputs:
    return Outputs(
        (Outcome("y"),), (drawn.physical() @ BETA)[:, None], np.zeros(drawn.runs, dtype=bool), drawn.hashes()
    )


def test_two_correlated_inputs_share_as_owen_and_prieur_say():
    # y = x1 + x2, both with variance one: each has (1 + rho) / (2 + 2 rho), a half, whatever the correlation
    problem = Problem(linear_problem().factors[:2])
    drawn = sample(problem, 8192, correlation=[("x1", "x2", 0.9)])
    y = drawn.physical() / DEVIATION[:2]
    values = y.sum(axis=1)[:, None]
    found = analyze(drawn, Outputs((Outcome("y"),), values, np.zeros(len(values), dtype=bool), drawn.hashes()))
    np.testing.assert_allclose(found.main.value[:, 0], 0.5, atol=0.02)


def test_correlated_inputs_have_the_effects_of_the_closed_form():
    drawn = sample(linear_problem(), 8192, correlation=PAIRS)
    found = analyze(drawn, linear_outputs(drawn)).main
    np.testing.assert_allclose(found.value[:, 0], LINEAR_EFFECTS, atol=0.012)
    # the fifth has no coefficient at all and matters by what it tells of the fourth
    assert found.low[4, 0] > 0
    assert LINEAR_EFFECTS[4] == pytest.approx(0.0085, abs=0.0001)


@pytest.mark.parametrize("truth", [ISHIGAMI, SOBOL_G, BRATLEY], ids=lambda truth: truth.name)
def test_independent_inputs_have_the_effects_of_the_closed_form(truth):
    drawn = sample(truth.problem, 4096, seed=1)
    found = analyze(drawn, outputs_of(drawn, truth.evaluate))
    np.testing.assert_allclose(found.main.value[:, 0], effects(truth), atol=0.02)
    assert found.main.value[:, 0].sum() == pytest.approx(1, abs=1e-12)
    top = np.argsort(-effects(truth))[:2]
    assert found.main.rank[top, 0].tolist() == [1, 2]
    assert found.runs == 4096 * (truth.dimension + 1)


def test_effects_lie_between_first_and_total_order():
    # Owen 2014: for independent inputs
    drawn = sample(ISHIGAMI.problem, 4096)
    value = analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate)).main.value[:, 0]
    assert np.all(value > ISHIGAMI.s1 - 0.02)
    assert np.all(value < ISHIGAMI.st + 0.02)


def test_an_input_without_influence_has_exactly_nothing():
    drawn = sample(cube(3), 64)
    found = analyze(drawn, outputs_of(drawn, lambda u: u[:, 0] + u[:, 1]))
    assert found.main.value[2, 0] == found.main.low[2, 0] == found.main.high[2, 0] == found.floor["shapley"][0] == 0


def test_a_group_is_one_player():
    problem = Problem(cube(3).factors, (Group("group:odd", (0, 2)), Group("x2", (1,))))
    drawn = sample(problem, 4096, seed=2)
    found = analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate))
    both = ISHIGAMI.closed([0, 2]) / ISHIGAMI.variance  # additive in the two groups
    np.testing.assert_allclose(found.main.value[:, 0], [both, 1 - both], atol=0.01)
    assert drawn.runs == 3 * 4096


def test_a_correlated_group_is_one_player():
    factors = linear_problem().factors
    problem = Problem(factors, (Group("group:a", (0, 1, 2)), Group("group:b", (3, 4))))
    drawn = sample(problem, 2048, correlation=PAIRS)
    value = analyze(drawn, linear_outputs(drawn)).main.value[:, 0]
    first = explained([0, 1, 2]) / explained(list(range(5)))  # the groups are independent of each other
    np.testing.assert_allclose(value, [first, 1 - first], atol=0.01)


def test_both_readings_of_independent_walks_have_the_same_mean():
    drawn = sample(ISHIGAMI.problem, 8192, seed=3)
    along = ISHIGAMI.evaluate(drawn.unit()).reshape(8192, 4, 1)
    assert isinstance(drawn.rows, Walks)
    order = drawn.rows.order
    one, other = (contributions(along, order, correlated) for correlated in (False, True))
    np.testing.assert_allclose(one.mean(axis=0), other.mean(axis=0), atol=0.4)
    np.testing.assert_allclose(one.sum(axis=1), other.sum(axis=1), rtol=1e-9)  # the variance, whatever the reading
    assert one.var() < other.var()


def test_rows_come_the_same_in_any_blocks():
    drawn = sample(linear_problem(), 64, correlation=PAIRS)
    whole = drawn.unit()
    np.testing.assert_array_equal(np.concatenate([drawn.unit(i, i + 7) for i in range(0, drawn.runs, 7)]), whole)
    steps = np.diff(whole.reshape(64, 6, 5), axis=1)
    assert (np.abs(steps).max(axis=2) > 0).all()


def test_walks_with_a_failed_run_are_left_out_whole():
    drawn = sample(ISHIGAMI.problem, 4096)
    failed = np.zeros(drawn.runs, dtype=bool)
    failed[np.random.default_rng(0).choice(drawn.runs, 40, replace=False)] = True
    found = analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate, failed=failed))
    np.testing.assert_allclose(found.main.value[:, 0], effects(ISHIGAMI), atol=0.03)
    assert found.failures.failed == 40
    assert 35 <= found.failures.dropped <= 40
    assert found.main.value[:, 0].sum() == pytest.approx(1, abs=1e-12)


def test_a_constant_outcome_says_so():
    drawn = sample(cube(2), 64)
    found = analyze(drawn, outputs_of(drawn, lambda u: 0 * u[:, 0] + 3.0, lambda u: u[:, 0]))
    assert found.reasons == ("constant at 3", "")
    assert np.isnan(found.main.value[:, 0]).all()
    np.testing.assert_allclose(found.main.value[:, 1], [1, 0], atol=1e-12)


def test_outcomes_are_worked_on_one_by_one_or_together_alike(monkeypatch):
    drawn = sample(ISHIGAMI.problem, 256)
    outputs = outputs_of(drawn, ISHIGAMI.evaluate, lambda u: u[:, 0], lambda u: u[:, 1] * u[:, 2])
    together = analyze(drawn, outputs).main.value
    monkeypatch.setattr("cluster_sd.sensitivity.shapley.BLOCK", 1)
    np.testing.assert_allclose(analyze(drawn, outputs).main.value, together, rtol=1e-12)


def test_a_larger_sample_begins_with_the_smaller():
    small = sample(linear_problem(), 64, seed=0, correlation=PAIRS)
    larger = extend(small, 200)
    assert larger.n == 256
    np.testing.assert_array_equal(larger.unit(0, small.runs), small.unit())
    np.testing.assert_array_equal(larger.hashes(0, small.runs), small.hashes())
    with pytest.raises(InputError, match="64 are fewer"):
        extend(larger, 64)


def test_the_same_seed_gives_the_same_rows_and_another_others():
    one, two, three = (sample(cube(3), 64, seed=seed).unit() for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, three)


def test_a_part_of_a_sample_is_a_sample():
    drawn = sample(ISHIGAMI.problem, 256)
    outputs = outputs_of(drawn, ISHIGAMI.evaluate)
    found = convergence(drawn, outputs, analyze(drawn, outputs))
    assert found.sizes == (64, 128, 256)
    small = sample(ISHIGAMI.problem, 64)
    want = analyze(small, outputs_of(small, ISHIGAMI.evaluate)).main.value
    np.testing.assert_array_equal(found.estimates[0].value, want)


def test_outputs_in_another_order_are_refused():
    drawn = sample(cube(2), 64)
    good = outputs_of(drawn, lambda u: u[:, 0])
    with pytest.raises(InputError, match="out of order"):
        analyze(drawn, Outputs(good.outcomes, good.values[::-1], good.failed, good.hashes[::-1]))


def test_it_is_a_method_by_name():
    method = find_method("shapley")
    assert (method.name, method.counts) == ("shapley", "base points")


def test_a_copula_can_be_given_as_it_is():
    problem = linear_problem()
    one = sample(problem, 64, correlation=correlation_of(problem, PAIRS)).unit()
    np.testing.assert_array_equal(one, sample(problem, 64, correlation=PAIRS).unit())


@pytest.mark.slow
@pytest.mark.parametrize("n", [512, 2048])
@pytest.mark.parametrize("name", ["Ishigami", "Sobol-G", "Bratley", "Morris", "correlated linear"])
def test_intervals_hold_the_truth_in_93_to_97_of_100_samples(name, n):
    seeds, truths = 200, {"Ishigami": ISHIGAMI, "Sobol-G": SOBOL_G, "Bratley": BRATLEY, "Morris": MORRIS}
    want = effects(truths[name]) if name in truths else LINEAR_EFFECTS
    hits = np.zeros(len(want))
    for seed in range(seeds):
        if name in truths:
            drawn = sample(truths[name].problem, n, seed=seed)
            outputs = outputs_of(drawn, truths[name].evaluate)
        else:
            drawn = sample(linear_problem(), n, seed=seed, correlation=PAIRS)
            outputs = linear_outputs(drawn)
        found = analyze(drawn, outputs, resamples=20).main
        hits += (found.low[:, 0] <= want) & (want <= found.high[:, 0])
    assert 0.93 <= hits.mean() / seeds <= 0.97, hits / seeds
    assert (hits / seeds > 0.89).all(), hits / seeds
