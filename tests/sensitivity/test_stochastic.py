"""The variance of a model with random functions, split into parameters, noise and their interaction."""

from __future__ import annotations

import numpy as np
import pytest

from cluster_sd.distributions import Distribution
from cluster_sd.errors import InputError
from cluster_sd.sensitivity import Factor, Outcome, Outputs, Problem, find_method
from cluster_sd.sensitivity.stochastic import (
    NOISE,
    PARTS,
    crossed,
    crossed_streams,
    is_stochastic,
    noise_split,
    returned,
    runnable,
    with_noise,
)

#: The sum of four uniform draws e has variance 4/12; p and q are uniform from 0 to 1 and to 2.
WEATHER = ("e= RANDOM UNIFORM(-0.5, 0.5, 3)", "p= 0", "q= 0", "Sum= INTEG(e, 0)", "y= 3*p + Sum + q*Sum")
E2 = 4 / 12
#: Var 3p; Var (1 + E q) Sum; Var (q - E q) Sum.
VARIANCES = np.array([9 / 12, (1 + 1) ** 2 * E2, 4 / 12 * E2])
SHARES = VARIANCES / VARIANCES.sum()


def problem() -> Problem:
    return Problem((Factor("p", "p", Distribution("uniform", 0, 1)), Factor("q", "q", Distribution("uniform", 0, 2))))


@pytest.fixture
def weather(vensim):
    return vensim(*WEATHER, stop=4, step=1)


def run(model, sample, streams, seed=0) -> Outputs:
    made = model.ensemble_arrays(sample.design(), ["final(y)", "final(p)"], streams=streams, seed=seed)
    values = np.column_stack([made.values[m] for m in made.measures])
    return Outputs(tuple(Outcome(m) for m in made.measures), values, made.failed, sample.hashes())


def test_variance_is_split_as_in_theory(weather):
    drawn = crossed(problem(), 4096)
    split = noise_split(drawn, run(weather, drawn, crossed_streams(drawn)))
    np.testing.assert_allclose(split.share[:, 0], SHARES, atol=0.03)
    assert split.share[:, 0].sum() == pytest.approx(1)
    assert split.variance[0] == pytest.approx(VARIANCES.sum(), rel=0.06)
    np.testing.assert_allclose(split.share[:, 1], [1, 0, 0], atol=1e-12)  # noise does nothing to a constant
    assert [row[2] for row in split.rows()][:3] == list(PARTS)


def test_fours_meet_two_sets_and_two_noises():
    drawn = crossed(problem(), 32)
    streams, unit = crossed_streams(drawn).reshape(32, 4), drawn.unit().reshape(32, 4, 2)
    assert (streams[:, [0, 1]] == streams[:, [2, 3]]).all()
    assert (streams[:, 0] != streams[:, 1]).all()
    np.testing.assert_array_equal(unit[:, 0], unit[:, 1])
    np.testing.assert_array_equal(unit[:, 2], unit[:, 3])
    assert (unit[:, 0] != unit[:, 2]).all()
    assert len(np.unique(streams)) == 64


def test_runs_of_one_stream_share_their_noise_whatever_their_parameters(weather):
    made = weather.ensemble_arrays({"p": [0.0, 1.0, 1.0]}, ["final(Sum)"], streams=[5, 5, 6]).values["final(Sum)"]
    assert made[0] == made[1] != made[2]


def test_noise_is_a_factor_of_any_method(weather):
    method = find_method("shapley")
    drawn = method.sample(with_noise(problem()), 2048)
    sample, streams = runnable(drawn)
    assert sample.problem.columns == ("p", "q")
    outputs = returned(drawn, sample, run(weather, sample, streams))
    found = method.analyze(drawn, outputs).main
    assert found.names == ("p", "q", NOISE)
    # q matters through noise alone: they halve what only both explain
    want = [SHARES[0], SHARES[2] / 2, SHARES[1] + SHARES[2] / 2]
    np.testing.assert_allclose(found.value[:, 0], want, atol=0.03)


def test_sobol_indices_of_noise_agree_with_the_split(weather):
    method = find_method("sobol")
    drawn = method.sample(with_noise(problem()), 1024)
    sample, streams = runnable(drawn)
    found = method.analyze(drawn, returned(drawn, sample, run(weather, sample, streams)))
    first, total = found.estimates["S1"].value[:, 0], found.estimates["ST"].value[:, 0]
    assert first[2] == pytest.approx(SHARES[1], abs=0.05)
    assert total[2] == pytest.approx(SHARES[1] + SHARES[2], abs=0.05)
    assert 1 - total[2] == pytest.approx(SHARES[0], abs=0.05)  # what the parameters explain by themselves


def test_outputs_of_other_rows_are_refused(weather):
    method = find_method("shapley")
    drawn = method.sample(with_noise(problem()), 64)
    sample, streams = runnable(drawn)
    made = run(weather, sample, streams)
    with pytest.raises(InputError, match="out of order"):
        returned(drawn, sample, Outputs(made.outcomes, made.values, made.failed, made.hashes[::-1]))
    with pytest.raises(InputError, match="no noise among its factors"):
        runnable(method.sample(problem(), 64))


def test_base_points_with_a_failed_run_are_left_out(weather):
    drawn = crossed(problem(), 4096)
    outputs = run(weather, drawn, crossed_streams(drawn))
    failed = np.zeros(drawn.runs, dtype=bool)
    failed[::100] = True
    values = np.where(failed[:, None], np.nan, outputs.values)
    split = noise_split(drawn, Outputs(outputs.outcomes, values, failed, outputs.hashes))
    assert split.dropped == 164
    assert split.n + split.dropped == 4096
    np.testing.assert_allclose(split.share[:, 0], SHARES, atol=0.04)
    with pytest.raises(InputError, match="have a run that failed"):
        noise_split(drawn, Outputs(outputs.outcomes, values, np.arange(drawn.runs) % 8 == 0, outputs.hashes))


def test_models_are_told_apart(weather, vensim):
    assert is_stochastic(weather.program)
    assert not is_stochastic(vensim("a= 1", name="plain").program)


def test_a_larger_sample_begins_with_the_smaller():
    small, large = crossed(problem(), 64), crossed(problem(), 100)
    assert large.n == 128
    np.testing.assert_array_equal(large.unit(0, small.runs), small.unit())
    np.testing.assert_array_equal(crossed_streams(large)[: small.runs], crossed_streams(small))


@pytest.mark.slow
@pytest.mark.parametrize("n", [256, 2048])
def test_intervals_hold_the_truth_in_93_to_97_of_100_samples(weather, n):
    seeds, hits = 200, np.zeros(3)
    for seed in range(seeds):
        drawn = crossed(problem(), n, seed=seed)
        split = noise_split(drawn, run(weather, drawn, crossed_streams(drawn), seed=seed))
        hits += (split.low[:, 0] <= SHARES) & (SHARES <= split.high[:, 0])
    assert 0.93 <= hits.mean() / seeds <= 0.97, hits / seeds
