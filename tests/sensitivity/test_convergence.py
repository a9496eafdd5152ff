"""Whether more runs would change the answer."""

from __future__ import annotations

import numpy as np
import pytest
from truths import BRATLEY, ISHIGAMI, MORRIS, SOBOL_G, outputs_of

from cluster_sd.errors import InputError
from cluster_sd.sensitivity import Outcome, Outputs, find_method, sobol
from cluster_sd.sensitivity.convergence import Rule, convergence, first_part, judge, settle


@pytest.mark.parametrize(
    ("name", "n", "sizes"),
    [
        ("sobol", 1024, (128, 256, 512, 1024)),
        ("sobol", 64, (64,)),
        ("morris", 40, (5, 10, 20, 40)),
        ("fast", 2052, (1026, 2052)),
        ("rbd", 1024, (128, 256, 512, 1024)),
        ("pawn", 512, (64, 128, 256, 512)),
        ("delta", 256, (64, 128, 256)),
    ],
)
def test_parts_of_a_sample_are_what_smaller_samples_would_have_been(name, n, sizes):
    method = find_method(name)
    drawn = method.sample(ISHIGAMI.problem, n)
    outputs = outputs_of(drawn, ISHIGAMI.evaluate)
    found = method.analyze(drawn, outputs, resamples=50)
    over = convergence(drawn, outputs, found, resamples=50)
    assert over.sizes == sizes
    assert over.runs[-1] == drawn.runs and over.kind == found.ranked
    np.testing.assert_array_equal(over.estimates[-1].value, found.main.value)
    if name in ("sobol", "morris") and len(sizes) > 1:
        small = method.sample(ISHIGAMI.problem, sizes[0])
        alone = method.analyze(small, outputs_of(small, ISHIGAMI.evaluate), resamples=50).main
        np.testing.assert_array_equal(over.estimates[0].low, alone.low)
        np.testing.assert_array_equal(first_part(drawn, sizes[0]).hashes(), small.hashes())


def test_intervals_become_shorter_with_more_runs():
    drawn = sobol.sample(BRATLEY.problem, 4096)
    outputs = outputs_of(drawn, BRATLEY.evaluate)
    over = convergence(drawn, outputs, sobol.analyze(drawn, outputs, resamples=50), resamples=50)
    widths = [one[0].width for one in over.verdicts]
    assert widths == sorted(widths, reverse=True) and widths[-1] < widths[0] / 2
    assert over.settled and over.verdicts[-1][0].settled


def test_only_the_outcomes_that_are_asked_for_are_looked_at():
    drawn = sobol.sample(ISHIGAMI.problem, 256)
    outputs = outputs_of(drawn, ISHIGAMI.evaluate, lambda u: u[:, 0] * 0, lambda u: u[:, 0])
    over = convergence(drawn, outputs, sobol.analyze(drawn, outputs), columns=[2, 1], rule=Rule(width=1))
    assert over.columns == (2, 1) and over.estimates[0].value.shape == (3, 2)
    assert over.verdicts[-1][1].reason == "constant at 0" and not over.verdicts[-1][1].settled
    assert over.settled  # the constant outcome has nothing to settle


def test_a_verdict_says_what_is_missing_and_whose_order_is_open():
    drawn = sobol.sample(MORRIS.problem, 128)
    few = sobol.analyze(drawn, outputs_of(drawn, MORRIS.evaluate)).main
    verdict = judge(few, "ST", 0, rule=Rule(top=2))
    assert not verdict.settled and "more samples are needed" in verdict.reason
    wide = judge(few, "ST", 0, rule=Rule(top=2, width=10))
    assert wide.settled and "matter about equally" in wide.reason
    assert judge(few, "ST", 0, rule=Rule(top=3, width=10, certainty=0.5)).reason.startswith("the first 3 are the right")
    assert judge(few, "mu_star", 0).width == pytest.approx(judge(few, "ST", 0).width / few.value.max())


def test_a_sample_grows_until_it_is_settled_and_no_row_is_run_twice():
    ran: list[int] = []

    def run(sample, first):
        ran.extend(range(first, sample.runs))
        values = SOBOL_G.evaluate(sample.unit(first))[:, None]
        return Outputs((Outcome("y"),), values, np.zeros(len(values), dtype=bool), sample.hashes(first))

    rule = Rule(width=0.15, top=2)
    drawn, outputs, found = settle(sobol.METHOD, SOBOL_G.problem, run, start=32, most=8192, rule=rule, resamples=200)
    assert 32 < drawn.n < 8192
    assert ran == list(range(drawn.runs)) and outputs.runs == drawn.runs
    assert judge(found.main, "ST", 0, rule=rule).settled
    drawn, _, _ = settle(sobol.METHOD, SOBOL_G.problem, run, start=32, most=64, rule=Rule(width=1e-6), resamples=20)
    assert drawn.n == 64


def test_too_few_points_are_no_sample():
    with pytest.raises(InputError, match="too few"):
        first_part(sobol.sample(ISHIGAMI.problem, 64), 32)
