"""The pathway participation metric."""

from __future__ import annotations

from collections.abc import Callable

import loops_models as models
import numpy as np
import pytest
from loops_models import through

import cluster_sd as csd
from cluster_sd.errors import InputError, UnknownNameError
from cluster_sd.loops import analyse, second_opinion

Vensim = Callable[..., csd.Model]


def test_one_stock_alone_has_its_patterns_and_its_loops(vensim: Vensim) -> None:
    model = vensim(*models.LOGISTIC, stop=100, step=0.25)
    analysis = analyse(model)
    found = second_opinion(model, analysis, times=40).pathway
    half = np.log(199) / 0.12
    assert {p for t, p in zip(found.times, found.pattern, strict=True) if t < half - 2} == {"growth, faster"}
    assert {p for t, p in zip(found.times, found.pattern, strict=True) if t > half + 2} == {"growth, slower"}
    assert found.sources == ("Population",)
    early, late = set(found.loops[2]), set(found.loops[-1])
    assert early == {"Population", "net birth rate"}
    assert late == {"Population", "fraction used", "fractional growth rate", "net birth rate"}


def test_it_is_the_loop_score_where_there_is_one_stock(vensim: Vensim) -> None:
    # Schoenberg, Hayward and Eberlein 2023: relative loop scores are the participations of a single stock's loops
    model = vensim(*models.LOGISTIC, stop=100, step=1 / 64)
    analysis = analyse(model, save_every=5)
    reinforcing = through(analysis, "Population", "net birth rate")
    size = model.run_arrays(save_every=5, variables=["Population"]).values[1:, 0]
    participation = (1 - size / 1000) / (1 - size / 1000 + size / 1000)
    np.testing.assert_allclose(np.abs(analysis.shares[:, reinforcing]), participation, atol=2e-3)


def test_participation_is_that_of_the_net_flow_by_hand(vensim: Vensim) -> None:
    model = vensim(*models.PREDATORS, stop=10, step=0.125)
    analysis = analyse(model)
    found = second_opinion(model, analysis, stock="Hares", times=len(analysis.times)).pathway
    run = model.run_arrays(variables=["Hares", "Lynxes"])
    hares, lynxes = run.values[1:].T
    moves = 0.5 * hares - 0.1 * hares * lynxes, 0.05 * hares * lynxes - 0.4 * lynxes
    parts = np.stack([0.5 - 0.1 * lynxes, -0.1 * hares * moves[1] / moves[0]], axis=1)
    order = [found.sources.index(name) for name in ("Hares", "Lynxes")]
    expected = parts / np.abs(parts).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.participation[:, order], expected, rtol=1e-9)


def test_pathways_are_traced_back_until_a_stock_comes_twice(vensim: Vensim) -> None:
    chain = ("A= INTEG(0.3*C, 1)", "B= INTEG(0.4*A, 1)", "C= INTEG(0.2*B, 1)")
    model = vensim(*chain, stop=10, step=0.25)
    found = second_opinion(model, analyse(model), stock="A", times=5).pathway
    assert all(set(loop) == {"A", "B", "C"} for loop in found.loops)
    assert set(found.pattern) == {"growth, faster"}


def test_what_is_no_stock_and_no_partition_is_refused(vensim: Vensim) -> None:
    model = vensim(*models.PREDATORS, stop=10, step=0.125)
    analysis = analyse(model)
    with pytest.raises(UnknownNameError, match="did you mean 'Hares'"):
        second_opinion(model, analysis, stock="Hare")
    with pytest.raises(InputError, match="no partition 3"):
        second_opinion(model, analysis, partition=3)
