"""Eigenvalues and what loops have to do with them, beside closed forms and differences."""

from __future__ import annotations

from collections.abc import Callable

import loops_models as models
import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.loops import LoopAnalysis, analyse, second_opinion
from cluster_sd.loops.eigen import eigen_analysis, modes, system
from cluster_sd.loops.gains import Linear, linearised
from cluster_sd.loops.links import Graph, causal_graph
from cluster_sd.loops.record import inner_nodes, recording
from cluster_sd.loops.result import EigenAnalysis
from cluster_sd.program.derive import state_jacobian
from cluster_sd.program.emit_numpy import evaluate
from cluster_sd.simulate.running import Settings

Vensim = Callable[..., csd.Model]


def linear_of(model: csd.Model, changes: dict | None = None) -> tuple[Graph, Linear]:
    record = recording(model, Settings(), changes)
    graph = causal_graph(record.program, model.metadata)
    return graph, linearised(record, graph)


def eigen_of(model: csd.Model, analysis: LoopAnalysis, time: int, changes: dict | None = None) -> EigenAnalysis:
    inside = [i for i, loop in enumerate(analysis.loops) if loop.partition == 0]
    return eigen_analysis(*linear_of(model, changes), analysis, 0, [time], inside)


@pytest.mark.parametrize("case", ["BASS", "PREDATORS", "FAMINE", "WORKFORCE", "PENDULUM", "TANKS"])
def test_gains_of_links_make_up_the_jacobian_of_the_engine(vensim: Vensim, case: str) -> None:
    model = vensim(*getattr(models, case), stop=10, step=0.25)
    graph, linear = linear_of(model)
    record, jacobian = recording(model, Settings()), state_jacobian(model.program)
    _, values = record.leaves(record.execute(0, 1), 0, 1)
    values = [*values[:-1], *[None] * (len(jacobian.program.nodes) - len(values) + 1), values[-1]]
    for i, node in enumerate(jacobian.program.nodes):
        if node.op == "literal":
            values[i] = node.attr
    evaluate(jacobian.program, inner_nodes(jacobian.program), values)
    number = {state.name: i for i, state in enumerate(model.program.states)}
    stocks = [state.name for state in model.program.states if state.name in graph.component]
    found = system(graph, linear, stocks, 17)
    for i, row in enumerate(found.stocks):
        for j, column in enumerate(found.stocks):
            entry = jacobian.entries.get((number[row], number[column]))
            value = 0.0 if entry is None else np.broadcast_to(np.asarray(values[entry]), (len(record.ends),))[17]
            assert found.jacobian[i, j] == pytest.approx(value, rel=1e-9, abs=1e-12), (row, column)


def test_an_oscillator_has_the_eigenvalues_of_its_equation(vensim: Vensim) -> None:
    model = vensim("X= INTEG(v, 1)", "v= Y", "Y= INTEG(pull, 0)", "pull= -4*X-0.4*Y", stop=5, step=0.125)
    found = eigen_of(model, analyse(model), 10)
    exact = np.roots([1, 0.4, 4])
    np.testing.assert_allclose(sorted(found.eigenvalues[0], key=np.imag), sorted(exact, key=np.imag), rtol=1e-12)
    # lambda^2 = g1 lambda + g2: elasticities g1 lambda / ((2 lambda - g1) |lambda|), g2 / ((2 lambda - g1) |lambda|)
    rows = {frozenset(one.variables): i for i, one in enumerate(analyse(model).loops)}
    for m, value in enumerate(found.eigenvalues[0]):
        below = (2 * value + 0.4) * abs(value)
        damping, spring = (rows[frozenset(names)] for names in (("Y", "pull"), ("X", "pull", "Y", "v")))
        assert found.elasticities[0, damping, m] == pytest.approx(-0.4 * value / below)
        assert found.elasticities[0, spring, m] == pytest.approx(-4 / below)


def test_loops_on_one_stock_share_out_its_eigenvalue(vensim: Vensim) -> None:
    model = vensim(*models.LOGISTIC, stop=60, step=0.5)
    analysis = analyse(model)
    found = eigen_of(model, analysis, 100)
    size = found.gains[0].sum()
    assert found.eigenvalues[0, 0] == pytest.approx(size)
    np.testing.assert_allclose(found.elasticities[0, :, 0].real, found.gains[0] / abs(size), rtol=1e-9)
    np.testing.assert_allclose(found.influence[0], found.gains[0] / np.abs(found.gains[0]).sum(), rtol=1e-9)


THREE = (
    "A= INTEG(fa, 5)",
    "B= INTEG(fb, 3)",
    "C= INTEG(fc, 1)",
    "fa= 0.2*C-0.1*A*A/9",
    "fb= 0.4*A-0.15*B",
    "fc= 0.3*B*B/5-0.25*C",
)


@pytest.mark.parametrize(
    ("link", "stocks"), [(("A", "fa"), "A"), (("B", "fb"), "B"), (("C", "fc"), "C"), (("C", "fa"), "ABC")]
)
def test_elasticities_are_differences_of_eigenvalues(vensim: Vensim, link: tuple[str, str], stocks: str) -> None:
    # each link is in one loop alone: that of a stock on itself, or the long one
    model = vensim(*THREE, stop=5, step=0.25)
    analysis = analyse(model)
    graph, linear = linear_of(model)
    loop = next(i for i, one in enumerate(analysis.loops) if {n for n in one.variables if n in "ABC"} == set(stocks))
    found = eigen_analysis(graph, linear, analysis, 0, [8], range(len(analysis.loops)))
    row = [tuple(one) for one in graph.links].index(link)

    def at(factor: float) -> np.ndarray:
        gains = linear.gains.copy()
        gains[row] *= factor
        scaled = Linear(gains, linear.values, linear.rates)
        return modes(system(graph, scaled, ["A"], 8).jacobian, np.ones(3))[0]

    slope = (at(1 + 1e-5) - at(1 - 1e-5)) / 2e-5
    weighty = np.flatnonzero(found.elasticities[0, loop])
    expected = (slope / np.abs(found.eigenvalues[0]))[weighty]
    assert len(weighty)
    np.testing.assert_allclose(found.elasticities[0, loop, weighty], expected, rtol=1e-6)


def test_weights_are_the_parts_of_the_change_that_modes_carry() -> None:
    values, weights = modes(np.diag([-1.0, -2.0, 3.0]), np.array([0.0, 5.0, 0.0]))
    assert values.real.tolist() == [3, -1, -2]
    assert weights == pytest.approx([0, 0, 1])
    assert modes(np.diag([1.0, 2.0]), np.zeros(2))[1].tolist() == [0, 0]


def test_three_methods_agree_where_one_stock_is_all(vensim: Vensim) -> None:
    model = vensim(*models.LOGISTIC, stop=100, step=0.125)
    found = second_opinion(model, analyse(model, solver="rk4"), times=30).agreement
    apart = [t for t, same in zip(found.times, found.agree, strict=True) if not same]
    assert all(abs(t - np.log(199) / 0.12) < 4 for t in apart)
    spells = found.spells()
    assert spells[0][2:] == ("R1", "R1", "R1") or spells[0][2:] == ("R2", "R2", "R2")
    assert spells[-1][2][0] == spells[-1][3][0] == spells[-1][4][0] == "B"
    assert found.polarity_agree[found.agree].all()


def test_disagreement_is_said_by_time(vensim: Vensim) -> None:
    model = vensim(*models.PREDATORS, stop=40, step=0.125)
    found = second_opinion(model, analyse(model), stock="Hares", times=20)
    assert found.agreement.stock == found.pathway.stock == "Hares"
    assert len(found.agreement.times) == len(found.agreement.agree) == 20
    assert not found.agreement.agree.all()
    assert sum(1 for _ in found.agreement.spells()) > 1
    assert found.eigen.weights.sum(axis=1) == pytest.approx(1)
