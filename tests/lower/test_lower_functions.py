"""What each function of an equation means, against its definition."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cluster_sd as csd

Make = Callable[..., csd.Model]
T = np.arange(0, 4.01, 0.25)


def series(model: csd.Model, name: str, **settings: Any) -> np.ndarray:
    run = model.run_arrays(backend="numpy", **settings)
    return run.values[:, list(run.names).index(name)]


@pytest.mark.parametrize(
    ("equation", "expected"),
    [
        ("MODULO(Time, 1)", T % 1),
        ("MODULO(-Time, 1.5)", -np.fmod(T, 1.5)),
        ("INTEGER(-Time)", -np.floor(T)),
        ("QUANTUM(Time, 0.6)", 0.6 * np.floor(T / 0.6)),
        ("QUANTUM(Time, 0)", T),
        ("LOG(Time + 1, 10)", np.log10(T + 1)),
        ("LN(Time + 1) + EXP(-Time) * SQRT(Time)", np.log(T + 1) + np.exp(-T) * np.sqrt(T)),
        ("POWER(Time, 1.5)", T**1.5),
        ("SIN(Time) * COS(Time) + TAN(Time / 4)", np.sin(T) * np.cos(T) + np.tan(T / 4)),
        ("ARCSIN(Time / 4) + ARCCOS(Time / 4) + ARCTAN(Time)", math.pi / 2 + np.arctan(T)),
        ("COSH(Time) - SINH(Time) + TANH(Time)", np.exp(-T) + np.tanh(T)),
        ("MIN(Time, 2) + MAX(Time, 3)", np.minimum(T, 2) + np.maximum(T, 3)),
        ("XIDZ(1, Time - 1, 7)", np.where(T == 1, 7.0, 1 / np.where(T == 1, 1, T - 1))),
        ("ZIDZ(1, Time - 1)", np.where(T == 1, 0.0, 1 / np.where(T == 1, 1, T - 1))),
        ("ABS(Time - 2)", np.abs(T - 2)),
        ("IF THEN ELSE(Time > 1 :AND: Time <= 2, 5, -5)", np.where((T > 1) & (T <= 2), 5.0, -5.0)),
        ("IF THEN ELSE(:NOT: (Time = 1 :OR: Time <> 2), 1, 0)", np.where(T == 2, 1.0, 0.0)),
        ("(Time > 2) * 3", (T > 2) * 3.0),
        ("2 - 1 - Time / 2 / 2 * 4", 1 - T),
        ("2 ^ 3 ^ 0", np.full_like(T, 2.0)),
        ("0 ^ 0", np.ones_like(T)),
        ("STEP(3, 1)", np.where(T >= 1, 3.0, 0.0)),
        ("STEP(3, 1.1)", np.where(T >= 1.0, 3.0, 0.0)),  # the step nearest to the event
        ("RAMP(2, 1, 3)", 2 * np.clip(T - 1, 0, 2)),
        ("PULSE(1, 0.5)", np.where((T >= 1) & (T < 1.5), 1.0, 0.0)),
        ("PULSE(1, 0)", np.where(T == 1, 1.0, 0.0)),  # at least for one step
        ("PULSE TRAIN(1, 0.25, 1, 3.5)", np.where((T >= 1) & (T < 3.5) & (T % 1 == 0), 1.0, 0.0)),
        ("WITH LOOKUP(Time, ((1, 10), (2, 20), (3, 10)))", np.interp(T, [1, 2, 3], [10, 20, 10])),
        ("GAME(Time)", T),
        ("IF THEN ELSE(Time = :NA:, 1, 0) + IF THEN ELSE(:NA: = :NA:, 2, 0)", np.full_like(T, 2.0)),
        ("INITIAL(Time + 5)", np.full_like(T, 5.0)),
        ("ACTIVE INITIAL(Time, 100)", T),
        ("DELAY FIXED(Time, 1, -1)", np.where(T >= 1, T - 1, -1.0)),
        ("SAMPLE IF TRUE(MODULO(Time, 1) = 0, Time, -1)", np.floor(T)),
    ],
)
def test_a_function_is_what_it_is_defined_to_be(vensim: Make, equation: str, expected: np.ndarray) -> None:
    np.testing.assert_allclose(series(vensim(f"x = {equation}"), "x"), expected, rtol=1e-12, atol=1e-12)


def test_a_first_order_smooth_is_an_exponential_average(vensim: Make) -> None:
    model = vensim("x = SMOOTHI(10, 2, 0)", step=0.001)
    assert series(model, "x", save_every=1)[-1] == pytest.approx(10 * (1 - math.exp(-4 / 2)), rel=1e-3)


@pytest.mark.parametrize(("call", "order"), [("DELAY1I", 1), ("DELAY3I", 3)])
def test_a_delay_gives_the_erlang_response_and_loses_nothing(vensim: Make, call: str, order: int) -> None:
    model = vensim(f"out = {call}(PULSE(0, 0.01) / 0.01, 2, 0)\npassed = INTEG(out, 0)", stop=20, step=0.01)
    passed = series(model, "passed", save_every=1)
    times = np.arange(0, 21)
    rate = times * order / 2
    erlang = 1 - sum(rate**k * np.exp(-rate) / math.factorial(k) for k in range(order))
    np.testing.assert_allclose(passed, erlang, atol=0.01)
    assert passed[-1] == pytest.approx(1, abs=1e-3)


def test_npv_of_a_constant_stream_is_the_annuity(vensim: Make) -> None:
    model = vensim("x = NPV(10, 0.05, 0, 1)", stop=30, step=0.0625)
    exact = 10 * (1 - math.exp(-0.05 * 30)) / 0.05
    assert series(model, "x", save_every=30)[-1] == pytest.approx(exact, rel=0.01)


def test_trend_finds_the_growth_rate_and_forecast_carries_it_on(vensim: Make) -> None:
    model = vensim(
        """
        x = EXP(0.1 * Time)
        growth = TREND(x, 2, 0.1)
        ahead = FORECAST(x, 2, 5)
        """,
        stop=60,
        step=0.03125,
    )
    growth, x = series(model, "growth", save_every=60)[-1], series(model, "x", save_every=60)[-1]
    # x follows its own average at a distance of growth x averaging time, so TREND settles at the growth rate
    assert growth == pytest.approx(0.1, rel=0.01)
    assert series(model, "ahead", save_every=60)[-1] == pytest.approx(x * (1 + 5 * growth), rel=1e-9)


def test_array_functions_go_over_the_marked_subscript(vensim: Make) -> None:
    model = vensim(
        """
        R: a, b, c
        v[R] = 3, 1, 2
        total = SUM(v[R!])
        product = PROD(v[R!])
        least = VMIN(v[R!])
        most = VMAX(v[R!])
        count = ELMCOUNT(R)
        share[R] = v[R] / SUM(v[R!])
        order[R] = VECTOR SORT ORDER(v[R], 1)
        rank[R] = VECTOR RANK(v[R], 1)
        sorted[R] = VECTOR REORDER(v[R], order[R])
        """
    )
    run = model.run_arrays(backend="numpy")
    first = dict(zip(run.names, run.values[0], strict=True))
    assert [first[n] for n in ("total", "product", "least", "most", "count")] == [6, 6, 1, 3, 3]
    assert first["share[b]"] == pytest.approx(1 / 6)
    assert [first[f"order[{e}]"] for e in "abc"] == [1, 2, 0]
    assert [first[f"rank[{e}]"] for e in "abc"] == [3, 1, 2]
    assert [first[f"sorted[{e}]"] for e in "abc"] == [1, 2, 3]


def test_a_matrix_times_its_inverse_is_one_even_with_a_zero_pivot(vensim: Make) -> None:
    model = vensim(
        """
        R: a, b
        C: a, b
        M[R, C] = 0, 2; 4, 1;
        I[R, C] = INVERT MATRIX(M[R, C], 2)
        """
    )
    run = model.run_arrays(backend="numpy")
    at = dict(zip(run.names, run.values[0], strict=True))
    inverse = np.array([[at[f"I[{r},{c}]"] for c in "ab"] for r in "ab"])
    np.testing.assert_allclose(inverse, np.linalg.inv(np.array([[0.0, 2.0], [4.0, 1.0]])), rtol=1e-14)


def test_lookup_functions_look_forward_backward_and_beyond(vensim: Make) -> None:
    model = vensim(
        """
        f((0, 0), (1, 10), (3, 50))
        plain = f(Time)
        beyond = LOOKUP EXTRAPOLATE(f, Time)
        back = LOOKUP BACKWARD(f, Time)
        fore = LOOKUP FORWARD(f, Time)
        """
    )
    xs, ys = [0, 1, 3], [0, 10, 50]
    np.testing.assert_allclose(series(model, "plain"), np.interp(T, xs, ys), rtol=1e-14)
    np.testing.assert_allclose(series(model, "beyond"), np.where(T > 3, 50 + 20 * (T - 3), np.interp(T, xs, ys)))
    np.testing.assert_allclose(series(model, "back"), np.where(T < 1, 0, np.where(T < 3, 10, 50)))
    np.testing.assert_allclose(series(model, "fore"), np.where(T <= 0, 0, np.where(T <= 1, 10, 50)))


def test_a_supply_is_shared_by_priority_and_nothing_is_lost(vensim: Make) -> None:
    model = vensim(
        """
        D: high, middle, low
        request[D] = 3, 4, 5
        priority[D] = 3, 2, 1
        supply = Time * 4
        got[D] = ALLOCATE BY PRIORITY(request[D], priority[D], ELMCOUNT(D), 0.5, supply)
        total = SUM(got[D!])
        """
    )
    run = model.run_arrays(backend="numpy")
    got = np.array([run.values[:, list(run.names).index(f"got[{d}]")] for d in ("high", "middle", "low")])
    np.testing.assert_allclose(got.sum(axis=0), np.minimum(T * 4, 12), atol=1e-9)
    # the priorities lie further apart than the width: the lower gets nothing before the higher has all
    np.testing.assert_allclose(got[0], np.clip(T * 4, 0, 3), atol=1e-9)
    np.testing.assert_allclose(got[1], np.clip(T * 4 - 3, 0, 4), atol=1e-9)


def test_mapped_ranges_correspond_by_position(vensim: Make) -> None:
    model = vensim(
        """
        A: a1, a2 -> B
        B: b1, b2
        v[B] = 10, 20
        w[A] = v[B] + 1
        """
    )
    run = model.run_arrays(backend="numpy")
    at = dict(zip(run.names, run.values[0], strict=True))
    assert (at["w[a1]"], at["w[a2]"]) == (11, 21)


def test_a_mapping_may_list_elements_and_subranges(vensim: Make) -> None:
    model = vensim(
        """
        A: a1, a2 -> (B: b2, b1)
        B: b1, b2, b3
        C: c1, c2 -> (B: first, b3)
        first: b1, b2
        v[B] = 10, 20, 30
        w[A] = v[B]
        q[C] = 1, 2
        u[B] = q[C]
        """
    )
    run = model.run_arrays(backend="numpy")
    at = dict(zip(run.names, run.values[0], strict=True))
    assert [at["w[a1]"], at["w[a2]"]] == [20, 10]
    assert [at[f"u[b{i}]"] for i in (1, 2, 3)] == [1, 1, 2]


def test_a_macro_has_stocks_of_its_own_in_each_use(tmp_path: object, vensim: Make) -> None:
    model = vensim(
        """
        one = 1
        two = 2
        """
    )
    path = model.path.with_name("macro.mdl")
    text = model.path.read_text(encoding="utf-8").replace("{UTF-8}\n", "")
    macro = ":MACRO: GROW(rate)\nGROW = INTEG(rate, 0)\n\t~\trate\n\t~\t|\n:END OF MACRO:\n"
    uses = "a = GROW(one)\n\t~\t~|\nb = GROW(two) + GROW(one)\n\t~\t~|\n"
    path.write_text("{UTF-8}\n" + macro + uses + text, encoding="utf-8")
    model = csd.load(path)
    np.testing.assert_allclose(series(model, "a"), T)
    np.testing.assert_allclose(series(model, "b"), 3 * T)


def test_random_numbers_keep_to_their_distribution(vensim: Make) -> None:
    model = vensim(
        """
        u = RANDOM UNIFORM(2, 4, 0)
        n = RANDOM NORMAL(-10, 10, 1, 2, 0)
        cut = RANDOM NORMAL(0, 1, 0, 2, 0)
        e = RANDOM EXPONENTIAL(0, 1000, 0, 3, 0)
        z = RANDOM 0 1()
        t = RANDOM TRIANGULAR(0, 10, 1, 2, 5, 0)
        w = RANDOM WEIBULL(0, 100, 2, 0, 3, 0)
        """,
        stop=600,
        step=1,
    )
    from scipy import stats

    a, b = (-10 - 1) / 2, (10 - 1) / 2
    laws = {
        "u": stats.uniform(2, 2),
        "n": stats.truncnorm(a, b, 1, 2),
        "cut": stats.truncnorm(0, 0.5, 0, 2),
        "e": stats.expon(0, 3),
        "z": stats.uniform(0, 1),
        "t": stats.triang(0.25, 1, 4),
        "w": stats.weibull_min(2, 0, 3),
    }
    for name, law in laws.items():
        assert stats.kstest(series(model, name), law.cdf).pvalue > 1e-3, name


@pytest.mark.parametrize("call", ["RANDOM POISSON(0, 9, 3, 0, 1, 0)", "VECTOR LOOKUP(a, b, 1, 2)", "FIND ZERO(1, 2)"])
def test_what_is_not_supported_is_refused_by_name_and_place(vensim: Make, call: str) -> None:
    with pytest.raises(csd.UnsupportedError, match=rf"model\.mdl:\d+.*{call.split('(')[0]}"):
        vensim(f"a = 1\nb = 2\nx = {call}").run_arrays()


def test_a_circular_definition_names_its_cycle(vensim: Make) -> None:
    with pytest.raises(csd.ModelError, match=r"a <- .*b <- .*a|b <- .*a <- .*b"):
        vensim("a = b + 1\nb = c * 2\nc = a").run_arrays()


def test_an_undefined_variable_is_named_with_what_was_meant(vensim: Make) -> None:
    with pytest.raises(csd.ModelError, match=r"model\.mdl:\d+.*farmer capitl.*did you mean 'Farmer capital'"):
        vensim("Farmer capital = 1\nx = Farmer capitl * 2").run_arrays()


def test_a_name_that_looks_like_code_is_only_a_name(vensim: Make) -> None:
    model = vensim('"__import__(\'os\').system(\'false\')" = 3\nx = "__import__(\'os\').system(\'false\')" * 2')
    assert series(model, "x")[0] == 6
