"""Regional sensitivity: distances as SciPy's, p-values that hold their level, and ranges that are where success is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from truths import SOBOL_G, cube, outputs_of

from cluster_sd.errors import InputError, UnknownNameError
from cluster_sd.sensitivity import Outcome, Sample, find_method
from cluster_sd.sensitivity.regional import (
    best_share,
    distance,
    holm,
    independent_rows,
    p_value,
    read_condition,
    regional,
    worst_share,
)
from cluster_sd.sensitivity.sampling import Matrix

OUTCOME = Outcome("f0")


def random_sample(dimension: int, n: int, seed: int = 0) -> Sample:
    return Sample(cube(dimension), "random", n, seed, Matrix(np.random.default_rng(seed).random((n, dimension))))


def test_distances_and_p_values_are_those_of_scipy():
    rng = np.random.default_rng(1)
    unit, success = rng.random((500, 6)), rng.random(500) < 0.3
    unit[success, 0] **= 2
    unit[:, 1] = np.round(unit[:, 1], 1)  # with ties
    want = np.array([tuple(stats.ks_2samp(unit[success, i], unit[~success, i], method="exact")) for i in range(6)])
    found = distance(unit, success)
    np.testing.assert_allclose(found, want[:, 0], rtol=1e-12)
    p = p_value(found, int(success.sum()), int((~success).sum()))
    continuous = [0, 2, 3, 4, 5]
    np.testing.assert_allclose(p[continuous], want[continuous, 1], rtol=0.1)


def test_holm_gives_the_textbook_values():
    # Holm 1979: the smallest times 4, the next times 3, and never less than the one before
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


def test_parameters_without_influence_are_taken_for_none_in_95_of_100_samples():
    wrong = 0
    for seed in range(200):
        sample = random_sample(6, 300, seed)
        outputs = outputs_of(sample, lambda u, s=seed: np.random.default_rng([s, 9]).random(len(u)))
        found = regional(sample, outputs, [best_share(OUTCOME, "high")])[0]
        wrong += bool((found.p_value < 0.05).any())
    assert 0.005 <= wrong / 200 <= 0.096  # 5 % within three standard errors


def test_the_range_of_success_is_found_and_its_share_is_honest():
    sample = random_sample(3, 20_000, 2)

    def inside(u):
        return ((u[:, 1] > 0.3) & (u[:, 1] < 0.6)) * (0.5 + u[:, 0] > 0.75)

    found = regional(sample, outputs_of(sample, lambda u: inside(u).astype(float)), [read_condition("f0 > 0.5")])[0]
    np.testing.assert_allclose([found.low[1], found.high[1]], [0.3, 0.6], atol=0.005)
    assert found.inside_low[1] < 0.75 < found.inside_high[1]
    assert found.outside[1] == pytest.approx(0, abs=0.01)
    np.testing.assert_allclose([found.low[0], found.high[0]], [0.25, 1.0], atol=0.02)
    assert found.p_value[2] > 0.05
    assert np.isnan(found.low[2])
    rows = list(found.rows())
    assert [row[3] for row in rows] == ["x2", "x1", "x3"]


def test_the_share_inside_holds_its_interval():
    hits = 0
    for seed in range(200):
        sample = random_sample(1, 400, seed)
        noise = np.random.default_rng([seed, 5]).random(400)
        outputs = outputs_of(sample, lambda u, e=noise: (u[:, 0] > 0.5) * (e < 0.6) + 0.0)
        found = regional(sample, outputs, [read_condition("f0 > 0.5")])[0]
        # successes are 60 of 100 wherever u > 0.5; a range that is wider by a bit holds fewer
        true = 0.6 * (1 - max(found.low[0], 0.5)) / (1 - found.low[0])
        hits += found.inside_low[0] <= true <= found.inside_high[0]
    assert 0.9 <= hits / 200 <= 0.99


@pytest.mark.parametrize(("method", "share"), [("sobol", 2 / 10), ("shapley", 2 / 9), ("dgsm", 1)])
def test_only_rows_that_are_draws_of_their_own_are_compared(method, share):
    sample = find_method(method).sample(SOBOL_G.problem, 256)
    rows = independent_rows(sample)
    assert len(rows) == pytest.approx(share * sample.runs)
    unit = sample.unit()[rows]
    assert len(np.unique(unit[:, 0])) > 0.99 * len(rows)
    found = regional(sample, outputs_of(sample, SOBOL_G.evaluate), [best_share(OUTCOME, "low")])[0]
    assert found.runs == len(rows)
    assert found.p_value[0] < 1e-4 < found.p_value[4:].min()


def test_best_and_worst_are_told_by_what_is_better():
    sample = random_sample(2, 1000)
    outputs = outputs_of(sample, lambda u: u[:, 0])
    best, worst = regional(sample, outputs, [best_share(OUTCOME, "low"), worst_share(OUTCOME, "low")])
    assert (best.condition, worst.condition) == ("best 20% of f0", "worst 20% of f0")
    assert best.high[0] == pytest.approx(0.2, abs=0.02)
    assert worst.low[0] == pytest.approx(0.8, abs=0.02)
    assert best.succeeded == worst.succeeded == 200


def test_runs_that_failed_are_left_out():
    sample = random_sample(2, 1000)
    failed = sample.unit()[:, 1] > 0.9
    found = regional(sample, outputs_of(sample, lambda u: u[:, 0], failed=failed), [best_share(OUTCOME, "high")])[0]
    assert found.runs == int((~failed).sum())


def test_too_few_successes_say_so():
    sample = random_sample(2, 100)
    found = regional(sample, outputs_of(sample, lambda u: u[:, 0]), [read_condition("f0 > 2")])[0]
    assert found.reason == "0 of 100 runs meet the condition; 20 must, and 20 must not"
    assert np.isnan(found.distance).all()


@pytest.mark.parametrize("text", ["final(Pool)", "> 3", "final(Pool) > much", "final(Pool) = 3"])
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(InputError, match="is no condition"):
        read_condition(text)


def test_bad_input_is_named():
    sample = random_sample(2, 100)
    outputs = outputs_of(sample, lambda u: u[:, 0])
    with pytest.raises(UnknownNameError, match="unknown outcome 'f9'"):
        regional(sample, outputs, [read_condition("f9 > 0")])
    with pytest.raises(InputError, match="no independent draws"):
        regional(Sample(cube(2), "morris", 100, 0, sample.rows), outputs, [read_condition("f0 > 0")])
    with pytest.raises(InputError, match="whether high or low is better"):
        best_share(OUTCOME, "")
