"""What link and loop scores must obey, whatever the model."""

from __future__ import annotations

from collections.abc import Callable

import loops_models as models
import numpy as np
import pytest
from loops_models import link_score, through

import cluster_sd as csd
from cluster_sd.errors import InputError, SimulationError
from cluster_sd.loops import analyse

Vensim = Callable[..., csd.Model]

GROWTH = ("S= INTEG(f, 1)", "f= 0.1*S")
DECAY = ("S= INTEG(-f, 1)", "f= 0.1*S")
GOAL = ("S= INTEG(f, 1)", "f= gap/4", "gap= 10-S")
LONG = ("S= INTEG(f, 3)", "f= 2*T", "T= INTEG(g, 2)", "g= 0.5*S")


@pytest.mark.parametrize("solver", ["euler", "heun", "rk4"])
@pytest.mark.parametrize("step", [1.0, 0.25, 1 / 64])
@pytest.mark.parametrize(("equations", "sign"), [(GROWTH, 1), (DECAY, -1), (GOAL, -1), (LONG, 1)])
def test_an_isolated_loop_scores_one_at_every_step(
    vensim: Vensim, equations: tuple[str, ...], sign: int, step: float, solver: str
) -> None:
    analysis = analyse(vensim(*equations, stop=4, step=step), solver=solver)
    assert len(analysis.loops) == 1
    np.testing.assert_allclose(analysis.scores, sign, rtol=1e-9)
    np.testing.assert_allclose(analysis.shares, sign, rtol=1e-9)
    assert len(analysis.times) == 4 / step


def test_scores_are_those_of_the_last_step_before_each_saved_time(vensim: Vensim) -> None:
    model = vensim(*models.PREDATORS, stop=20, step=0.125)
    dense, sparse = analyse(model), analyse(model, save_every=2.5)
    rows = [dense.at(time) for time in sparse.times]
    assert list(sparse.times) == [2.5 * (i + 1) for i in range(8)]
    for loop in sparse.loops:
        other = next(one for one in dense.loops if one.variables == loop.variables)
        assert (sparse.scores[:, sparse.index(loop.id)] == dense.scores[rows, dense.index(other.id)]).all()


def test_scores_converge_to_the_continuous_ones_with_the_step(vensim: Vensim) -> None:
    # Schoenberg, Hayward and Eberlein 2023, eq. 13: loop gain times |dS/dt over d2S/dt2|
    errors = []
    for step in (1 / 8, 1 / 16, 1 / 32):
        analysis = analyse(vensim(*models.LOGISTIC, stop=20, step=step, name=f"m{step}"), solver="rk4")
        r, b = through(analysis, "Population", "net birth rate"), 1 - through(analysis, "Population", "net birth rate")
        time = analysis.times[-1]
        size = 1000 / (1 + 199 * np.exp(-0.12 * time))
        gain = {r: 0.12 * (1 - size / 1000), b: -0.12 * size / 1000}
        factor = 1 / abs(0.12 * (1 - 2 * size / 1000))
        errors.append(max(abs(analysis.scores[-1, i] - gain[i] * factor) for i in (r, b)))
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.1)
    assert errors[1] / errors[2] == pytest.approx(2, abs=0.1)


def random_terms(seed: int) -> list[tuple[int, int, str]]:
    """Terms (to, from, expression) of the net flows of four stocks, at most one for each pair."""
    rng = np.random.default_rng(seed)
    forms = ("{a}*S{j}", "-{a}*S{j}", "{a}*S{j}^2/(1+S{j})", "-{a}*S{j}/(2+ABS(S{j}))", "{a}*EXP(-S{j}/5)")
    pairs = [(i, j) for i in range(4) for j in range(4) if i == j or rng.random() < 0.6]
    return [(i, j, rng.choice(forms).format(a=f"{rng.uniform(0.01, 0.2):.4f}", j=j)) for i, j in pairs]


def variants(terms: list[tuple[int, int, str]]) -> dict[str, list[str]]:
    """The same model, told in four ways."""
    stocks = sorted({i for i, _, _ in terms})
    names = {i: [f"t{a}x{b}" for a, b, _ in terms if a == i] for i in stocks}
    named = [f"t{i}x{j}= {term}" for i, j, term in terms]
    sums = {i: "+".join(f"({term})" for a, _, term in terms if a == i) for i in stocks}
    chained = [f"t{i}x{j}= half{i}x{j}*2" for i, j, _ in terms] + [f"half{i}x{j}= ({t})/2" for i, j, t in terms]
    start = {i: 2 + i for i in stocks}
    return {
        "in the stock": [f"S{i}= INTEG({sums[i]}, {start[i]})" for i in stocks],
        "net flows": [f"S{i}= INTEG(net{i}, {start[i]})" for i in stocks] + [f"net{i}= {sums[i]}" for i in stocks],
        "flows": [f"S{i}= INTEG({'+'.join(names[i])}, {start[i]})" for i in stocks] + named,
        "auxiliaries": [f"S{i}= INTEG(net{i}, {start[i]})" for i in stocks]
        + [f"net{i}= {'+'.join(names[i])}" for i in stocks]
        + chained,
    }


@pytest.mark.parametrize("seed", range(8))
def test_scores_do_not_depend_on_how_flows_and_auxiliaries_are_split(vensim: Vensim, seed: int) -> None:
    found = {}
    for how, equations in variants(random_terms(seed)).items():
        analysis = analyse(vensim(*equations, stop=5, step=0.25, name=how.replace(" ", "")))
        stocks = [tuple(name for name in loop.variables if name.startswith("S")) for loop in analysis.loops]
        found[how] = {names: analysis.shares[:, i] for i, names in enumerate(stocks)}
        assert analysis.complete
    first = found.pop("in the stock")
    for how, others in found.items():
        assert set(others) == set(first), how
        for names, share in first.items():
            np.testing.assert_allclose(others[names], share, rtol=1e-8, atol=1e-10, err_msg=f"{how} {names}")


@pytest.mark.parametrize("case", ["SMOOTH", "SMOOTH3", "DELAY1", "DELAY3"])
def test_delays_and_smooths_act_as_the_stocks_that_they_are(vensim: Vensim, case: str) -> None:
    order, delay = (3 if case.endswith("3") else 1), case.startswith("DELAY")
    rest = ("Stock= INTEG(inflow-outflow, 10)", "inflow= 4-0.2*seen", "outflow= 0.1*Stock")
    short = vensim(*rest, f"seen= {case}(Stock, 4)", stop=20, step=0.25, name="short")
    inner = [f"L{i}" for i in range(1, order + 1)]
    if delay:
        out = [f"{order}*{name}/4" for name in inner]
        start, sources, last = f"10*4/{order}", ["Stock", *out[:-1]], out[-1]
        stages = [f"{n}= INTEG({s}-{o}, {start})" for n, s, o in zip(inner, sources, out, strict=True)]
    else:
        sources, last = ["Stock", *inner[:-1]], inner[-1]
        stages = [f"{n}= INTEG(({s}-{n})*{order}/4, 10)" for n, s in zip(inner, sources, strict=True)]
    long = vensim(*rest, f"seen= {last}", *stages, stop=20, step=0.25, name="long")
    one, other = analyse(short), analyse(long)
    plain = {name: f"seen#{'delay' if delay else 'smooth'}{i + 1}" for i, name in enumerate(inner)}
    shares = {frozenset(loop.variables): one.shares[:, i] for i, loop in enumerate(one.loops)}
    assert len(shares) == len(other.loops) == 2 + order
    for i, loop in enumerate(other.loops):
        names = frozenset(plain.get(name, name) for name in loop.variables)
        np.testing.assert_allclose(shares[names], other.shares[:, i], rtol=1e-9, atol=1e-12)


def test_a_macro_acts_as_what_it_holds(vensim: Vensim) -> None:
    macro = (
        ":MACRO: FOLLOW(input, time)\nFOLLOW= INTEG((input-FOLLOW)/time, input)\n\t~\tdmnl\n\t~\t\n\t|\n"
        ":END OF MACRO:\nseen= FOLLOW(Stock, 4)\n\t~\tdmnl\n\t~\t\n\t|"
    )
    rest = ("Stock= INTEG(inflow-outflow, 10)", "inflow= 4-0.2*seen", "outflow= 0.1*Stock")
    one = analyse(vensim(macro, *rest, stop=10, step=0.25, name="macro"))
    other = analyse(vensim(*rest, "seen= SMOOTH(Stock, 4)", stop=10, step=0.25, name="smooth"))
    assert len(one.loops) == len(other.loops) == 3
    np.testing.assert_allclose(np.sort(one.shares, axis=1), np.sort(other.shares, axis=1), rtol=1e-9, atol=1e-12)


def test_a_fixed_delay_and_a_sample_carry_a_loop(vensim: Vensim) -> None:
    fixed = analyse(vensim("S= INTEG(f, 1)", "f= DELAY FIXED(0.1*S, 1, 0.1)", stop=10, step=0.25, name="fixed"))
    assert [loop.shown for loop in fixed.loops] == [("S", "f")]
    assert (fixed.scores[fixed.at(3) :, 0] == 1).all()
    held = "f= 0.1*SAMPLE IF TRUE(MODULO(Time, 4) < 2, S, 1)"
    sampled = analyse(vensim("S= INTEG(f, 1)", held, stop=10, step=0.25, name="sampled"))
    assert any({"S", "f"} <= set(loop.variables) for loop in sampled.loops)
    assert set(np.unique(sampled.scores)) <= {0.0, 1.0}


def test_other_inputs_are_at_their_old_values_when_a_constant_changes(vensim: Vensim) -> None:
    model = vensim("S= INTEG(f, 10)", "f= k*S", "k= 0.1", stop=4, step=1)
    analysis = analyse(model, {"k@3": 0.2})
    stock = [10 * 1.1**t for t in range(4)]
    change = 0.1 * (stock[3] - stock[2]) / (0.2 * stock[3] - 0.1 * stock[2])
    assert link_score(analysis, "S", "f")[:3] == pytest.approx([1, 1, change])


def test_a_variable_that_follows_a_series_is_in_no_loop(vensim: Vensim) -> None:
    model = vensim(*models.PREDATORS, stop=10, step=0.25)
    analysis = analyse(model, series={"hare deaths": {0: 1.0, 10: 3.0}})
    assert not any("hare deaths" in loop.variables for loop in analysis.loops)
    assert {"hare births", "lynx births"} <= {name for loop in analysis.loops for name in loop.variables}


def test_points_of_a_table_can_be_changed(vensim: Vensim) -> None:
    model = vensim(*models.FAMINE, stop=60, step=0.25)
    flat = analyse(model, {f"effect of food({x})": 0.1 for x in ("0", "0.5", "1", "2", "4")})
    assert any("mortality" in loop.variables for loop in analyse(model).loops)
    assert not any("mortality" in loop.variables for loop in flat.loops)


@pytest.mark.parametrize("solver", ["rk45", "lsoda"])
def test_adaptive_solvers_are_looked_at_on_the_grid_of_the_step(vensim: Vensim, solver: str) -> None:
    model = vensim(*models.LOGISTIC, stop=50, step=0.125)
    one, other = analyse(model, solver=solver), analyse(model, solver="rk4")
    np.testing.assert_allclose(one.shares, other.shares, atol=1e-4)


def test_nothing_scores_where_nothing_changes(vensim: Vensim) -> None:
    still = analyse(vensim("S= INTEG(a-b, 10)", "a= 0.1*S", "b= 0.1*S", stop=5, step=1))
    assert not still.scores.any()
    assert still.loops == ()
    assert still.complete


def test_rounding_is_no_change(vensim: Vensim) -> None:
    # the population is the same all along, to rounding, which must not make a loop through it
    analysis = analyse(vensim(*models.EPIDEMIC, stop=30, step=0.125))
    assert not link_score(analysis, "population", "infection").any()
    assert not any("population" in loop.variables for loop in analysis.loops)


def test_both_emitters_give_the_same_scores(vensim: Vensim) -> None:
    model = vensim(*models.FAMINE, stop=60, step=0.25)
    one, other = (analyse(model, backend=backend) for backend in ("numpy", "llvm"))
    assert [loop.variables for loop in one.loops] == [loop.variables for loop in other.loops]
    np.testing.assert_allclose(one.shares, other.shares, rtol=1e-6, atol=1e-8)


def test_a_model_without_loops_says_so(vensim: Vensim) -> None:
    with pytest.raises(InputError, match="no feedback loop"):
        analyse(vensim("S= INTEG(f, 1)", "f= 2*Time", stop=5, step=1))
    with pytest.raises(InputError, match="no feedback loop"):
        analyse(vensim("a= 2*Time", stop=5, step=1, name="flat"))


def test_a_run_that_is_not_finite_says_where(vensim: Vensim) -> None:
    with pytest.raises(SimulationError, match="S is not finite at time"):
        analyse(vensim("S= INTEG(f, 1)", "f= S*S*S", stop=20, step=1))
    hole = ("S= INTEG(f, 1)", "f= IF THEN ELSE(z > 0, 0.1*S, 0.1)", "z= LN(2-S)", "y= z*2")
    with pytest.raises(SimulationError, match="z is not finite at time 10"):
        analyse(vensim(*hole, stop=20, step=1, name="hole"))


def test_a_run_without_a_step_is_refused(vensim: Vensim) -> None:
    with pytest.raises(InputError, match="no step"):
        analyse(vensim(*GROWTH, stop=4, step=1), stop=0)
