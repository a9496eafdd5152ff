"""Derivative-based measures: closed forms as models, the bound on total indices, and jumps refused by name."""

from __future__ import annotations

import math

import numpy as np
import pytest
from truths import ISHIGAMI

from cluster_sd.distributions import Distribution
from cluster_sd.errors import InputError
from cluster_sd.sensitivity import Factor, Group, Problem, find_method
from cluster_sd.sensitivity.dgsm import analyze, derive, sample
from cluster_sd.sensitivity.measures_of import resolve
from cluster_sd.simulate.running import Settings

PI = math.pi
ISHIGAMI_MODEL = (
    "x1= 0",
    "x2= 0",
    "x3= 0",
    "f= SIN(x1) + 7*SIN(x2)^2 + 0.1*x3^4*SIN(x1)",
)
#: E[(df/dx)²] of Ishigami's function with a = 7, b = 0.1; Sobol and Kucherenko 2009 (all cosines' squares are a half)
ISHIGAMI_VI = np.array([0.5 * (1 + 0.2 * PI**4 / 5 + 0.01 * PI**8 / 9), 24.5, 8 * 0.01 * PI**6 / 7])


def box(names, low, high) -> Problem:
    return Problem(tuple(Factor(name, name, Distribution("uniform", low, high), value=0.0) for name in names))


def run(model, problem, measures, n, seed=0, jumps="refuse", level=0.95, **settings):
    drawn = sample(problem, n, seed=seed)
    times = np.arange(model.control.start, model.control.stop + 1e-9, 1.0)
    made = derive(model, drawn, resolve(model, times, measures), Settings(**settings), jumps=jumps)
    return analyze(drawn, made, level=level, resamples=50)


@pytest.fixture
def ishigami(vensim):
    return vensim(*ISHIGAMI_MODEL, stop=1, step=1)


def test_ishigamis_mean_squared_derivatives_are_those_of_the_paper(ishigami):
    found = run(ishigami, box(["x1", "x2", "x3"], -PI, PI), ["final(f)"], 1024)
    vi, bound = found.estimates["vi"], found.estimates["dgsm"]
    np.testing.assert_allclose(vi.value[:, 0], ISHIGAMI_VI, rtol=0.03)
    np.testing.assert_allclose(bound.value[:, 0], ISHIGAMI_VI * (2 * PI) ** 2 / PI**2 / ISHIGAMI.variance, rtol=0.03)
    assert np.all((vi.low[:, 0] <= ISHIGAMI_VI) & (ISHIGAMI_VI <= vi.high[:, 0]))
    assert found.ranked == "dgsm"
    assert bound.rank[:, 0].tolist() == [3, 1, 2]


def test_the_measure_bounds_the_total_index(ishigami):
    found = run(ishigami, box(["x1", "x2", "x3"], -PI, PI), ["final(f)"], 1024)
    assert np.all(found.main.low[:, 0] > ISHIGAMI.st)


def test_a_linear_models_bound_is_its_index_times_twelve_over_pi_squared(vensim):
    model = vensim("a= 0", "b= 0", "Level= INTEG(a + 2*b, 0)", stop=3)
    found = run(model, box(["a", "b"], 0, 1), ["final(Level)", "Level"], 1024)
    share = np.array([0.2, 0.8]) * 12 / PI**2
    for column in (0, 2, 4):  # the end, and the course after it has begun
        np.testing.assert_allclose(found.main.value[:, column], share, rtol=0.01)
    assert found.reasons[1] == "constant at 0"  # the course at the start
    assert np.isnan(found.main.value[:, 1]).all()
    np.testing.assert_allclose(found.estimates["vi"].value[:, 4], [9, 36], rtol=1e-9)


def test_a_parameter_with_a_year_acts_from_then_on(vensim):
    model = vensim("a= 0", "b= 0", "Level= INTEG(a + b, 0)", stop=10, step=1)
    problem = Problem(
        (
            Factor("a", "a", Distribution("uniform", 0, 1), 0.0),
            Factor("b", "b@7", Distribution("uniform", 0, 1), 0.0),
        )
    )
    found = run(model, problem, ["final(Level)", "Level@7"], 64)
    np.testing.assert_allclose(found.estimates["vi"].value, [[100, 49], [9, 0]], atol=1e-9)


def test_a_group_is_bounded_by_the_sum_of_its_parameters(ishigami):
    single = box(["x1", "x2", "x3"], -PI, PI)
    both = Problem(single.factors, (Group("group:odd", (0, 2)), Group("x2", (1,))))
    one, other = (run(ishigami, p, ["final(f)"], 256) for p in (single, both))
    assert other.main.value[0, 0] == pytest.approx(one.main.value[[0, 2], 0].sum(), rel=1e-12)
    assert other.estimates["vi"].names == ("x2",)


JUMPS = ("limit= 0.5", "rate= 0", "extra= 0", "Level= INTEG(rate + IF THEN ELSE(Time > limit*10, 1, 0)*extra, 0)")


def test_a_parameter_that_moves_a_jump_is_refused_by_name(vensim):
    model = vensim(*JUMPS)
    problem = box(["limit", "rate", "extra"], 0, 1)
    with pytest.raises(
        InputError, match="derivatives in 'limit' can't be believed, because a change moves a jump"
    ) as error:
        run(model, problem, ["final(Level)"], 64)
    assert "rate" not in str(error.value)


def test_a_parameter_that_moves_a_jump_can_be_left_out_with_a_note(vensim):
    found = run(
        vensim(*JUMPS), box(["limit", "rate", "extra"], 0, 1), ["final(Level)", "final(rate)"], 64, jumps="omit"
    )
    assert found.notes[-1] == "derivatives in parameters that move a jump are left out: 'limit'"
    assert np.isnan(found.main.value[0, 0])
    assert np.isfinite(found.main.value[1:, 0]).all()
    assert sorted(found.main.rank[1:, 0].tolist()) == [1, 2]
    assert np.isnan(found.main.rank[0, 0])


def test_a_measure_that_jumps_by_itself_is_named(vensim):
    model = vensim("a= 1", "b= 1", "Level= INTEG(a*(5 - Time)*b, 0)")
    with pytest.raises(InputError, match=r"'time_of_max\(Level\)' can jump whichever parameter moves"):
        run(model, box(["a", "b"], 0.5, 1), ["time_of_max(Level)"], 64)


def test_distributions_that_are_not_uniform_are_refused_by_name():
    problem = Problem(
        (Factor("a", "a", Distribution("uniform", 0, 1)), Factor("b", "b", Distribution("loguniform", 1, 10)))
    )
    with pytest.raises(InputError, match=r"uniform parameters alone; 'b' \(loguniform\) is not"):
        sample(problem, 64)


def test_runs_that_fail_are_counted_and_left_out(vensim):
    model = vensim("a= 1", "b= 1", "Level= INTEG(SQRT(a - 0.1) + b, 0)", stop=2, step=1)
    found = run(model, box(["a", "b"], 0, 1), ["final(Level)"], 256)
    assert found.failures.failed == pytest.approx(25, abs=4)
    assert found.estimates["vi"].value[1, 0] == pytest.approx(4, rel=1e-9)


def test_a_larger_sample_begins_with_the_smaller():
    method, problem = find_method("dgsm"), box(["a", "b"], 0, 1)
    small = method.sample(problem, 64, seed=0)
    np.testing.assert_array_equal(method.extend(small, 200).unit()[:64], small.unit())
    assert method.extend(small, 200).n == 256
    assert "rounded up to 256" in " ".join(method.extend(small, 200).notes)
    with pytest.raises(InputError, match="are fewer"):
        method.extend(method.sample(problem, 256), 64)


@pytest.mark.slow
@pytest.mark.parametrize("n", [256, 1024])
def test_intervals_hold_the_truth_in_93_to_97_of_100_samples(ishigami, n):
    problem, hits, seeds = box(["x1", "x2", "x3"], -PI, PI), np.zeros((2, 3)), 200
    truth = {"vi": ISHIGAMI_VI, "dgsm": ISHIGAMI_VI * 4 / ISHIGAMI.variance}
    for seed in range(seeds):
        found = run(ishigami, problem, ["final(f)"], n, seed=seed)
        for row, (kind, true) in enumerate(truth.items()):
            e = found.estimates[kind]
            hits[row] += (e.low[:, 0] <= true) & (true <= e.high[:, 0])
    assert 0.93 <= hits.mean() / seeds <= 0.97, hits / seeds
