"""On the same outputs, values are SALib's to rounding where the estimator is the same."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.stats import qmc
from truths import BRATLEY, ISHIGAMI, MORRIS, SOBOL_G, Truth, cube, outputs_of

from cluster_sd.sensitivity import Group, Problem, delta, fast, morris, pawn, sobol

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from SALib.analyze import delta as salib_delta
    from SALib.analyze import fast as salib_fast
    from SALib.analyze import morris as salib_morris
    from SALib.analyze import pawn as salib_pawn
    from SALib.analyze import rbd_fast as salib_rbd
    from SALib.analyze import sobol as salib_sobol
    from SALib.sample import sobol as salib_sample

pytestmark = pytest.mark.filterwarnings("ignore")
TRUTHS = [ISHIGAMI, SOBOL_G, BRATLEY, MORRIS]
truths = pytest.mark.parametrize("truth", TRUTHS, ids=lambda t: t.name)


def problem(truth: Truth) -> dict:
    names = list(truth.problem.names)
    return {"num_vars": len(names), "names": names, "bounds": [[0, 1]] * len(names)}


@truths
@pytest.mark.parametrize("second_order", [False, True])
def test_sobol(truth, second_order):
    drawn = sobol.sample(truth.problem, 256, second_order=second_order)
    outputs = outputs_of(drawn, truth.evaluate, lambda u: np.exp(truth.evaluate(u) / 50))
    found = sobol.analyze(drawn, outputs, resamples=20).estimates
    for column in range(2):
        theirs = salib_sobol.analyze(problem(truth), outputs.values[:, column], second_order, num_resamples=2)
        np.testing.assert_allclose(found["S1"].value[:, column], theirs["S1"], rtol=0, atol=1e-12)
        np.testing.assert_allclose(found["ST"].value[:, column], theirs["ST"], rtol=0, atol=1e-12)
        if second_order:
            pairs = theirs["S2"][np.triu_indices(truth.dimension, 1)]
            np.testing.assert_allclose(found["S2"].value[:, column], pairs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("second_order", [False, True])
@pytest.mark.parametrize("groups", [["a", "b", "c", "d"], ["a", "b", "a", "c"]], ids=["single", "grouped"])
def test_the_rows_of_a_sobol_sequence(second_order, groups):
    names = list(dict.fromkeys(groups))
    members = tuple(Group(name, tuple(i for i, g in enumerate(groups) if g == name)) for name in names)
    asked = {"num_vars": 4, "names": list("abcd"), "bounds": [[0, 1]] * 4, "groups": groups}
    theirs = salib_sample.sample(asked, 64, calc_second_order=second_order, seed=np.random.default_rng(5))
    base = qmc.Sobol(8, scramble=True, rng=np.random.default_rng(5)).random(64)
    membership = Problem(cube(4).factors, members).membership
    rows = sobol.SaltelliRows(base, membership, second_order)
    np.testing.assert_array_equal(rows.unit(0, rows.runs), theirs)


def test_sobol_of_groups():
    groups = (Group("group:A", (0, 2)), Group("x2", (1,)))
    drawn = sobol.sample(Problem(ISHIGAMI.problem.factors, groups), 256)
    outputs = outputs_of(drawn, ISHIGAMI.evaluate)
    found = sobol.analyze(drawn, outputs).estimates
    theirs = salib_sobol.analyze(
        problem(ISHIGAMI) | {"groups": ["A", "x2", "A"]}, outputs.values[:, 0], False, num_resamples=2
    )
    np.testing.assert_allclose(found["S1"].value[:, 0], theirs["S1"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["ST"].value[:, 0], theirs["ST"], rtol=0, atol=1e-12)


@truths
def test_morris(truth):
    drawn = morris.sample(truth.problem, 20)
    outputs = outputs_of(drawn, truth.evaluate)
    found = morris.analyze(drawn, outputs, resamples=20).estimates
    theirs = salib_morris.analyze(problem(truth), drawn.unit(), outputs.values[:, 0], num_levels=4, seed=1)
    for kind in ("mu", "mu_star", "sigma"):
        np.testing.assert_allclose(found[kind].value[:, 0], theirs[kind], rtol=1e-12, atol=1e-12)


def test_mu_star_of_groups():
    groups = (Group("group:A", (0, 2)), Group("x2", (1,)))
    drawn = morris.sample(Problem(ISHIGAMI.problem.factors, groups), 20)
    outputs = outputs_of(drawn, ISHIGAMI.evaluate)
    asked = problem(ISHIGAMI) | {"groups": ["A", "x2", "A"]}
    theirs = salib_morris.analyze(asked, drawn.unit(), outputs.values[:, 0], num_levels=4, seed=1)
    found = morris.analyze(drawn, outputs).estimates
    np.testing.assert_allclose(found["mu_star"].value[:, 0], theirs["mu_star"], rtol=1e-12)
    assert found["mu"].names == ("x2",)


@truths
def test_fast_is_the_mean_over_search_curves(truth):
    drawn = fast.sample(truth.problem, 1000)
    outputs = outputs_of(drawn, truth.evaluate)
    found = fast.analyze(drawn, outputs, resamples=20).estimates
    curves = outputs.values[:, 0].reshape(-1, truth.dimension + 1, drawn.settings["points"])[:, :-1]
    theirs = [salib_fast.analyze(problem(truth), curve.reshape(-1), num_resamples=2) for curve in curves]
    for kind in ("S1", "ST"):
        expected = np.mean([one[kind] for one in theirs], axis=0)
        np.testing.assert_allclose(found[kind].value[:, 0], expected, rtol=0, atol=1e-12)


@truths
def test_rbd_fast(truth):
    drawn = fast.sample_rbd(truth.problem, 1024)
    outputs = outputs_of(drawn, truth.evaluate)
    theirs = salib_rbd.analyze(problem(truth), drawn.unit(), outputs.values[:, 0], num_resamples=2)
    found = fast.analyze_rbd(drawn, outputs, resamples=20).main
    np.testing.assert_allclose(found.value[:, 0], theirs["S1"], rtol=0, atol=1e-12)


@truths
@pytest.mark.parametrize("digits", [14, 1], ids=["smooth", "with ties"])
def test_pawn(truth, digits):
    drawn = pawn.sample(truth.problem, 512)
    outputs = outputs_of(drawn, lambda u: np.round(truth.evaluate(u), digits))
    found = pawn.analyze(drawn, outputs, resamples=20).estimates
    theirs = salib_pawn.analyze(problem(truth), drawn.unit(), outputs.values[:, 0])
    for kind in ("median", "mean", "maximum", "minimum"):
        np.testing.assert_allclose(found[kind].value[:, 0], theirs[kind], rtol=0, atol=1e-12)


def test_delta_before_its_bias_is_reduced_and_the_first_order_beside_it():
    drawn = delta.sample(ISHIGAMI.problem, 256)
    outputs = outputs_of(drawn, ISHIGAMI.evaluate)
    y, unit = outputs.values[:, 0], drawn.unit()
    first = delta.analyze(drawn, outputs).estimates["S1"].value[:, 0]
    edges = np.linspace(0, 256, len(delta.classes(unit[:, 0])) + 1)
    grid = np.linspace(y.min(), y.max(), 100)
    for i in range(3):
        theirs = salib_delta.calc_delta(y, grid, unit[:, i], edges)
        assert abs(delta.plain_delta(y, delta.classes(unit[:, i])) - theirs) < 1e-12
        assert abs(first[i] - salib_delta.sobol_first(y, unit[:, i], edges)) < 1e-12
