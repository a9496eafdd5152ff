"""Noise depends on seed, run and variable, and on nothing else."""

from __future__ import annotations

import numpy as np
import pytest

NOISE = ("x= RANDOM UNIFORM(0, a, 7)", "y= RANDOM UNIFORM(0, 1, 7)", "Walk= INTEG(x - 0.5, 0)", "a= 1")


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_the_same_seed_gives_the_same_bytes(vensim, backend, seed):
    model = vensim(*NOISE)
    one, two = (model.run_arrays(seed=seed, backend=backend).values.tobytes() for _ in range(2))
    assert one == two


def test_seeds_differ_zero_too(vensim, backend):
    model = vensim(*NOISE)
    runs = {model.run_arrays(seed=seed, backend=backend, variables=["x"]).values.tobytes() for seed in range(5)}
    assert len(runs) == 5


def test_runs_and_variables_have_noise_of_their_own(vensim):
    model = vensim(*NOISE, step=0.01)
    runs = model.ensemble_arrays({"a": np.ones(4)}, ["x", "y"])
    rows = np.vstack([runs.values["x"], runs.values["y"]])
    correlation = np.corrcoef(rows) - np.eye(8)
    assert np.abs(correlation).max() < 0.15  # 1,001 numbers each: five standard deviations


def test_the_noise_is_uniform(vensim):
    model = vensim(*NOISE, step=0.01)
    x = np.sort(model.ensemble_arrays({"a": np.ones(20)}, ["x"]).values["x"].ravel())
    ranks = (np.arange(len(x)) + 0.5) / len(x)
    assert np.abs(x - ranks).max() < 1.63 / np.sqrt(len(x))  # Kolmogorov-Smirnov, one in a hundred


def test_designs_meet_common_random_numbers(vensim, backend):
    model = vensim(*NOISE)
    one = model.ensemble_arrays({"a": [1.0, 1.0, 1.0]}, ["x"], seed=3, backend=backend)
    two = model.ensemble_arrays({"a": [2.0, 4.0]}, ["x"], seed=3, backend=backend)
    np.testing.assert_allclose(two.values["x"], one.values["x"][:2] * [[2], [4]], rtol=1e-14)


def test_a_single_run_is_the_first_of_an_ensemble(vensim):
    model = vensim(*NOISE)
    run = model.run_arrays(seed=9, variables=["x"])
    np.testing.assert_array_equal(
        model.ensemble_arrays({"a": [1.0, 1.0]}, ["x"], seed=9).values["x"][0], run.values[:, 0]
    )


def test_a_new_variable_leaves_the_others_noise_alone(vensim):
    plain = vensim(*NOISE).run_arrays(variables=["x"], seed=4)
    more = vensim("fresh= RANDOM UNIFORM(0, 1, 3)", *NOISE, name="more").run_arrays(variables=["x"], seed=4)
    np.testing.assert_array_equal(plain.values, more.values)


def test_both_emitters_draw_the_same_numbers(vensim):
    model = vensim(*NOISE)
    numpy, llvm = (model.run_arrays(seed=8, backend=backend, variables=["x", "y"]) for backend in ("numpy", "llvm"))
    np.testing.assert_allclose(numpy.values, llvm.values, rtol=1e-14)


def test_noise_holds_over_the_stages_of_a_step(vensim):
    # with the noise held, every scheme adds step * x each step
    model = vensim(*NOISE)
    walks = [model.run_arrays(solver=s, seed=2, variables=["Walk"]).values for s in ("euler", "heun", "rk4")]
    np.testing.assert_allclose(walks[1], walks[0], rtol=1e-12)
    np.testing.assert_allclose(walks[2], walks[0], rtol=1e-12)
