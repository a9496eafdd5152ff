"""Sobol indices: true values, samples that grow, constant outcomes, groups."""

from __future__ import annotations

import numpy as np
import pytest
from truths import BRATLEY, ISHIGAMI, MORRIS, SOBOL_G, cube, outputs_of

from cluster_sd.distributions import Distribution
from cluster_sd.errors import InputError
from cluster_sd.sensitivity import Factor, Group, Outcome, Outputs, Problem, find_method, sobol


@pytest.mark.parametrize("truth", [ISHIGAMI, SOBOL_G, BRATLEY, MORRIS], ids=lambda t: t.name)
def test_indices_come_close_to_the_closed_form(truth):
    drawn = sobol.sample(truth.problem, 4096, second_order=truth.dimension < 10)
    found = sobol.analyze(drawn, outputs_of(drawn, truth.evaluate), resamples=50).estimates
    np.testing.assert_allclose(found["S1"].value[:, 0], truth.s1, atol=0.03)
    np.testing.assert_allclose(found["ST"].value[:, 0], truth.st, atol=0.03)
    if "S2" in found:
        np.testing.assert_allclose(found["S2"].value[:, 0], truth.s2, atol=0.05)


def test_the_rows_of_a_base_point_are_a_then_a_with_one_of_b_then_b():
    drawn = sobol.sample(cube(3), 8, second_order=True)
    rows = drawn.unit().reshape(8, 8, 3)
    a, b = rows[:, 0], rows[:, -1]
    for j in range(3):
        np.testing.assert_array_equal(rows[:, 1 + j], np.where(np.arange(3) == j, b, a))
        np.testing.assert_array_equal(rows[:, 4 + j], np.where(np.arange(3) == j, a, b))


def test_rows_can_be_asked_for_in_any_blocks():
    drawn = sobol.sample(cube(5), 64)
    whole = drawn.unit()
    np.testing.assert_array_equal(np.concatenate([drawn.unit(i, i + 100) for i in range(0, drawn.runs, 100)]), whole)
    assert drawn.runs == 64 * 7
    assert 0 < whole.min() < whole.max() < 1


def test_each_half_of_each_input_holds_half_of_the_points():
    rows = sobol.sample(cube(4), 1024).rows
    assert isinstance(rows, sobol.SaltelliRows)
    np.testing.assert_array_equal((rows.base < 0.5).sum(axis=0), 512)


def test_a_number_that_is_no_power_of_two_is_rounded_up_and_that_is_said():
    drawn = sobol.sample(cube(2), 1000)
    assert drawn.n == 1024
    assert "1,000 base points were rounded up to 1,024" in drawn.notes[0]
    assert sobol.sample(cube(2), 1024).notes == ()
    with pytest.raises(InputError, match="1 or more"):
        sobol.sample(cube(2), 0)
    with pytest.raises(InputError, match="too many"):
        sobol.sample(cube(2), 10**9)


def test_a_larger_sample_begins_with_the_smaller_one():
    small = sobol.sample(cube(6), 128, seed=3)
    large = sobol.extend(small, 512)
    np.testing.assert_array_equal(large.unit(0, small.runs), small.unit())
    np.testing.assert_array_equal(large.hashes(0, small.runs), small.hashes())
    assert large.runs == 4 * small.runs
    with pytest.raises(InputError, match="128 base points already"):
        sobol.extend(small, 64)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_seed_gives_the_same_bytes_and_another_seed_others(seed):
    def values(s: int) -> bytes:
        drawn = sobol.sample(ISHIGAMI.problem, 64, seed=s)
        found = sobol.analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate), seed=s)
        return found.table().to_csv().encode()

    assert values(seed) == values(seed)
    assert values(seed) != values(seed + 1)


def test_a_group_has_the_index_of_its_factors_together():
    """Of Ishigami's function, x1 and x3 together explain all that x2 doesn't."""
    together = Problem(ISHIGAMI.problem.factors, (Group("group:A", (0, 2)), Group("x2", (1,))))
    drawn = sobol.sample(together, 4096)
    found = sobol.analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate), resamples=50)
    closed = ISHIGAMI.closed([0, 2]) / ISHIGAMI.variance
    np.testing.assert_allclose(found.estimates["S1"].value[:, 0], [closed, ISHIGAMI.s1[1]], atol=0.02)
    np.testing.assert_allclose(found.estimates["ST"].value[:, 0], [closed, ISHIGAMI.st[1]], atol=0.02)


def test_a_constant_outcome_has_no_indices_and_says_so():
    drawn = sobol.sample(cube(2), 64)
    found = sobol.analyze(drawn, outputs_of(drawn, lambda u: u[:, 0], lambda u: np.full(len(u), 3.2)))
    assert found.reasons == ("", "constant at 3.2")
    assert np.isnan(found.main.value[:, 1]).all() and np.isnan(found.main.rank[:, 1]).all()
    assert np.isfinite(found.main.value[:, 0]).all()


def test_an_outcome_far_from_zero_is_no_harder_than_one_at_zero():
    drawn = sobol.sample(ISHIGAMI.problem, 256)
    found = sobol.analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate, lambda u: ISHIGAMI.evaluate(u) + 1e6)).main
    np.testing.assert_allclose(found.value[:, 1], found.value[:, 0], atol=1e-8)


def test_what_has_no_influence_gets_exactly_nothing():
    drawn = sobol.sample(cube(3), 256)
    found = sobol.analyze(drawn, outputs_of(drawn, lambda u: u[:, 0] ** 2 + u[:, 1]))
    for kind in ("S1", "ST"):
        assert found.estimates[kind].value[2, 0] == 0
        assert found.estimates[kind].low[2, 0] == found.estimates[kind].high[2, 0] == 0
    assert found.floor["ST"][0] == 0
    assert 0 < found.floor["S1"][0] < 0.2


def test_many_outcomes_at_once_are_each_as_alone():
    drawn = sobol.sample(cube(4), 128, second_order=True)
    weights = np.random.default_rng(1).normal(size=(4, 37))
    unit = drawn.unit()
    values = np.sin(3 * unit @ weights) + unit @ weights**2
    many = sobol.analyze(drawn, Outputs(tuple(Outcome("y", float(i)) for i in range(37)), values, *_fine(drawn)))
    one = sobol.analyze(drawn, Outputs((Outcome("y", 5.0),), values[:, 5:6], *_fine(drawn)))
    for kind in ("S1", "ST", "S2"):
        for field in ("value", "low", "high", "rank", "rank_low", "rank_high", "top"):
            left, right = getattr(many.estimates[kind], field)[:, 5], getattr(one.estimates[kind], field)[:, 0]
            np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-14)
    assert many.outcome("y", 5.0) == 5


def _fine(drawn):
    return np.zeros(drawn.runs, dtype=bool), drawn.hashes()


def test_the_table_has_the_columns_of_indices_csv():
    drawn = sobol.sample(ISHIGAMI.problem, 64, second_order=True)
    table = sobol.analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate)).table()
    assert list(table.columns) == [
        *("method", "measure", "time", "parameter", "index", "value", "ci_low", "ci_high"),
        *("rank", "rank_low", "rank_high"),
    ]
    assert "x1 × x3" in set(table.parameter)
    assert (table.ci_low <= table.value).all() and (table.value <= table.ci_high).all()
    assert (table.rank_low <= table["rank"]).all() and (table["rank"] <= table.rank_high).all()


def test_levers_are_ranked_among_themselves():
    parts = [("a", "lever"), ("b", "uncertain"), ("c", "lever")]
    problem = Problem(tuple(Factor(n, n, Distribution("uniform", 0, 1), role=role) for n, role in parts))
    drawn = sobol.sample(problem, 256)
    found = sobol.analyze(drawn, outputs_of(drawn, lambda u: u @ np.array([1.0, 5.0, 2.0])))
    assert found.levers is not None and found.levers.names == ("a", "c")
    assert found.levers.rank[:, 0].tolist() == [2, 1]
    assert found.main.rank[:, 0].tolist() == [3, 1, 2]
    assert found.levers.top[0, 0] == 1


def test_a_method_is_found_by_its_name():
    assert find_method("sobol") is sobol.METHOD
    with pytest.raises(InputError, match="did you mean 'sobol'"):
        find_method("sobel")
    with pytest.raises(InputError, match="between 0 and 1"):
        sobol.analyze(sobol.sample(cube(2), 8), outputs_of(sobol.sample(cube(2), 8), lambda u: u[:, 0]), level=95)


def test_an_outcome_that_varies_in_too_few_rows_has_no_index_and_says_so():
    """The same in all rows of A and B: its variance is nought there, and a share of nought is no number."""
    drawn = sobol.sample(cube(3), 64, seed=1)
    values = np.full((drawn.runs, 2), 3.3)
    values[1, 0] = 4.0  # one row of AB_1
    values[:, 1] = drawn.unit()[:, 0]
    outputs = Outputs((Outcome("rare"), Outcome("usual")), values, np.zeros(drawn.runs, dtype=bool), drawn.hashes())
    found = sobol.analyze(drawn, outputs)
    assert found.reasons == ("varies in too few of the runs for an index; take a larger sample", "")
    assert np.isnan(found.estimates["ST"].value[:, 0]).all() and np.isnan(found.estimates["S1"].value[:, 0]).all()
    assert np.isfinite(found.estimates["ST"].value[:, 1]).all()
