"""Delta: areas between densities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from truths import cube, outputs_of

from cluster_sd.errors import InputError
from cluster_sd.sensitivity import delta


def gaussian_delta(share: float) -> float:
    """Of a normal outcome, for a normal input that explains this share of its variance (numerically)."""
    x = norm.ppf((np.arange(400) + 0.5) / 400)
    y = np.linspace(-8, 8, 4001)
    given = norm.pdf(y, np.sqrt(share) * x[:, None], np.sqrt(1 - share))
    return float(0.5 * np.trapezoid(np.abs(given - norm.pdf(y)), y, axis=1).mean())


def test_of_a_normal_outcome_it_comes_close_to_the_integral():
    """Kernels smooth the densities of the classes, so that it comes out a little too small."""
    drawn = delta.sample(cube(2), 2048)
    made = delta.analyze(drawn, outputs_of(drawn, lambda u: norm.ppf(u) @ np.sqrt([0.7, 0.3]))).main
    np.testing.assert_allclose(made.value[:, 0], [gaussian_delta(0.7), gaussian_delta(0.3)], atol=0.04)
    assert made.rank[:, 0].tolist() == [1, 2]


def test_reducing_the_bias_brings_what_has_no_influence_nearer_to_nothing():
    drawn = delta.sample(cube(3), 512)
    y = drawn.unit()[:, 0]
    found = delta.analyze(drawn, outputs_of(drawn, lambda u: u[:, 0]))
    plain = delta.plain_delta(y, delta.classes(drawn.unit()[:, 2]))
    assert abs(found.main.value[2, 0]) < plain / 2
    assert found.main.value[2, 0] < found.floor["delta"][0] < found.main.low[0, 0]


def test_the_interval_is_about_as_long_as_samples_differ():
    values, halves = [], []
    for seed in range(20):
        drawn = delta.sample(cube(2), 256, seed=seed)
        made = delta.analyze(drawn, outputs_of(drawn, lambda u: u[:, 0] + 0.5 * u[:, 1]), resamples=2).main
        values.append(made.value[:, 0])
        halves.append((made.value - made.low)[:, 0] / 2.04)
    ratio = np.mean(halves, axis=0) / np.std(values, axis=0)
    assert (0.7 < ratio).all() and (ratio < 2).all()


def test_a_larger_sample_begins_with_the_smaller_one():
    small = delta.sample(cube(3), 128)
    np.testing.assert_array_equal(delta.extend(small, 512).unit(0, 128), small.unit())
    with pytest.raises(InputError, match="already"):
        delta.extend(small, 64)
