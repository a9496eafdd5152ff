"""Correlated inputs: tables that make sense, and a copula that gives what the table says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cluster_sd.distributions import Distribution
from cluster_sd.errors import InputError, UnknownNameError
from cluster_sd.sensitivity.correlation import correlation_of, fitted, pairs_of, read_correlations
from cluster_sd.sensitivity.problem import Factor, Problem

UNIFORM = Distribution("uniform", 0, 1)
NORMAL = Distribution("normal", -1.959963984540054, 1.959963984540054)


def problem(*names: str, distribution: Distribution = UNIFORM) -> Problem:
    return Problem(tuple(Factor(name, name, distribution) for name in names))


def test_normal_factors_have_the_correlation_of_the_table():
    given = problem("a", "b", "c", distribution=NORMAL)
    copula = correlation_of(given, [("a", "c", 0.7), ("C", "b", -0.4)])
    x = given.physical(copula.join(np.random.default_rng(1).random((200_000, 3))))
    np.testing.assert_allclose(np.corrcoef(x.T), [[1, 0, 0.7], [0, 1, -0.4], [0.7, -0.4, 1]], atol=0.01)
    np.testing.assert_allclose(x.std(axis=0), 1, atol=0.01)


def test_uniform_factors_stay_uniform_and_have_the_rank_correlation_of_theory():
    given = problem("a", "b")
    u = correlation_of(given, [("a", "b", 0.8)]).join(np.random.default_rng(2).random((100_000, 2)))
    assert stats.kstest(u[:, 1], "uniform").statistic < 0.006
    # Kruskal 1958: Spearman's rho of a Gaussian copula
    assert np.corrcoef(stats.rankdata(u, axis=0).T)[0, 1] == pytest.approx(6 / np.pi * np.arcsin(0.4), abs=0.01)


def test_what_is_not_in_the_table_stays_as_drawn():
    unit = np.random.default_rng(3).random((50, 4))
    joined = correlation_of(problem("a", "b", "c", "d"), [("b", "d", 0.5)]).join(unit)
    np.testing.assert_array_equal(joined[:, [0, 2]], unit[:, [0, 2]])
    np.testing.assert_allclose(joined[:, 1], unit[:, 1], rtol=1e-12)  # the first of the correlated ones, too
    assert not np.allclose(joined[:, 3], unit[:, 3])


def test_any_order_gives_the_same_distribution():
    given = problem("a", "b", "c", distribution=NORMAL)
    copula = correlation_of(given, [("a", "b", 0.6), ("b", "c", 0.6), ("a", "c", 0.3)])
    unit = np.random.default_rng(4).random((2, 100_000, 3))
    joined = copula.join(unit, np.array([[0, 1, 2], [2, 0, 1]]))
    for case in joined:
        np.testing.assert_allclose(np.corrcoef(given.physical(case).T), copula.matrix, atol=0.015)


def test_later_innovations_draw_the_later_scores_given_the_earlier_ones():
    copula = correlation_of(problem("a", "b", "c"), [("a", "b", 0.6), ("b", "c", 0.6)])
    unit = np.random.default_rng(5).random((1, 2, 3))
    unit[0, 1, 2] = unit[0, 0, 2]  # c comes first and keeps its innovation
    joined = copula.join(unit, np.array([[2, 0, 1]]))[0]
    assert joined[0, 2] == joined[1, 2]
    assert np.all(joined[0, :2] != joined[1, :2])


def test_a_sample_shows_its_own_copula():
    given = problem("a", "b", "c")
    copula = correlation_of(given, [("a", "b", -0.5)])
    u = copula.join(np.random.default_rng(6).random((50_000, 3)))
    np.testing.assert_allclose(fitted(np.exp(u)).matrix, [[1, -0.5, 0], [-0.5, 1, 0], [0, 0, 1]], atol=0.015)
    assert pairs_of(given, copula) == (("a", "b", -0.5),)


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([("a", "b", 1.0)], "must lie between -1 and 1"),
        ([("a", "a", 0.5)], "correlated with itself"),
        ([("a", "b", 0.5), ("b", "A", 0.5)], "stands twice"),
        ([("a", "b", float("nan"))], "must lie between"),
    ],
)
def test_pairs_that_are_none_are_refused(pairs, words):
    with pytest.raises(InputError, match=words):
        correlation_of(problem("a", "b", "c"), pairs)


def test_correlations_that_contradict_each_other_are_refused_with_what_would_fit():
    pairs = [("a", "b", 0.9), ("b", "c", 0.9), ("a", "c", -0.9)]
    with pytest.raises(InputError, match="contradict each other") as error:
        correlation_of(problem("a", "b", "c", "d"), pairs)
    assert "multiplied by 0.55" in str(error.value)
    assert correlation_of(problem("a", "b", "c", "d"), [(a, b, 0.55 * rho) for a, b, rho in pairs]).any


def test_a_table_is_read_and_its_mistakes_have_their_place(tmp_path):
    path = tmp_path / "together.csv"
    path.write_text("a,b,rho,note\na,c,0.3,guessed\n")
    assert read_correlations(path, problem("a", "b", "c")).members == (0, 2)
    path.write_text("a,b,rho\na,cc,0.3\n")
    with pytest.raises(UnknownNameError, match="cc"):
        read_correlations(path, problem("a", "b", "c"))
    path.write_text("a,b,rho\na,b,much\n")
    with pytest.raises(InputError, match=r"together.csv:2.*'much'"):
        read_correlations(path, problem("a", "b"))


def test_no_correlation_changes_nothing():
    unit = np.random.default_rng(0).random((5, 2))
    copula = correlation_of(problem("a", "b"), [("a", "b", 0.0)])
    assert not copula.any
    assert copula.join(unit) is unit
