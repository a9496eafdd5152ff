"""Derivatives of whole runs against closed forms, and which parameters' derivatives are not to be believed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from programs import grid, run
from scipy.linalg import expm

from cluster_sd.program.build import Builder, Expr
from cluster_sd.program.continuity import discontinuous
from cluster_sd.program.derive import forward, state_jacobian, tangent_name
from cluster_sd.program.emit_numpy import NumpyKernel
from cluster_sd.program.ir import Control, Parameter, Pipe, Program, Slot, State, Table
from cluster_sd.program.kernel import Grid, Segment, Task
from cluster_sd.program.schedule import save_steps
from cluster_sd.simulate import gradients
from cluster_sd.solvers.tableau import EULER, FIXED_STEP, HEUN, RK4, Tableau

Made = dict[str, object]


class Model:
    """Writes small programs: ``m.parameter("r", 0.3)``, ``m.stock("S", initial, flow)`` and so on."""

    def __init__(self, dt: float = 0.25) -> None:
        self.builder = Builder()
        self.parameters: list[Parameter] = []
        self.states: list[State] = []
        self.slots: list[Slot] = []
        self.pipes: list[Pipe] = []
        self.outputs: dict[str, int] = {}
        self.control = Control(0.0, 8.0, dt, dt)

    def parameter(self, name: str, value: float, *, start: bool = False) -> Expr:
        self.parameters.append(Parameter(name, value))
        number = len(self.parameters) - 1
        return self.builder.expr(self.builder.leaf("start_parameter" if start else "parameter", number))

    def leaf(self, op: str, number: int | None = None) -> Expr:
        return self.builder.expr(self.builder.leaf(op, number))

    def lit(self, value: float) -> Expr:
        return self.builder.expr(self.builder.literal(value))

    def stock(self, name: str, initial: Expr, flow: Callable[[Expr], Expr], *, nonnegative: bool = False) -> Expr:
        level = self.leaf("state", len(self.states))
        self.states.append(State(name, initial.node, initial.node, nonnegative))
        number = len(self.states) - 1
        self.states[number] = State(name, initial.node, flow(level).node, nonnegative)
        self.outputs[name] = level.node
        return level

    def program(self) -> Program:
        b = self.builder
        return Program(
            tuple(b.nodes), tuple(self.parameters), tuple(self.states), tuple(self.slots), tuple(self.pipes),
            tuple(b.tables), (), (), self.outputs, self.control,
        )  # fmt: skip


def jacobian(
    program: Program, output: str, scheme: Tableau = RK4, kind: str = "final", steps: int = 32, mode: str = "forward"
) -> np.ndarray:
    """Derivatives of one measure of one output in all parameters, by the mode asked."""
    values = np.array([p.value for p in program.parameters])
    measure = gradients.functional(kind, program.outputs[output])
    found = gradients.gradient(
        program,
        range(len(values)),
        [measure],
        scheme,
        grid(program, steps),
        [Segment(0, values, np.empty((0, 1)))],
        mode=mode,
    )
    return found.jacobian[0, :, 0]


def logistic(dt: float) -> Program:
    m = Model(dt)
    r, capacity, first = m.parameter("r", 0.3), m.parameter("K", 10.0), m.parameter("first", 1.0, start=True)
    m.stock("S", first, lambda s: r * s * (1.0 - s / capacity))
    return m.program()


def logistic_sensitivities(t: np.ndarray, r: float, k: float, s0: float) -> np.ndarray:
    """Derivatives of k / (1 + (k / s0 - 1) exp(-r t)) in r, k and s0."""
    e = np.exp(-r * t)
    below = 1 + (k / s0 - 1) * e
    in_r = k * (k / s0 - 1) * t * e / below**2
    in_k = 1 / below - k * e / s0 / below**2
    in_first = k * k * e / s0**2 / below**2
    return np.array([in_r, in_k, in_first])


def test_logistic_growth_has_the_sensitivities_of_its_closed_form() -> None:
    program = logistic(0.02)
    kept = [program.outputs["S"]]
    d = gradients.Differentiator(program, range(3), [gradients.functional("final", kept[0])], RK4)
    times = Grid(0.0, 8.0, 0.02, 1.0, 400, save_steps(8.0, 0.02, 1.0))
    found = d.sensitivities(times, [Segment(0, np.array([0.3, 10.0, 1.0]), np.empty((0, 1)))])
    expected = logistic_sensitivities(times.times, 0.3, 10.0, 1.0)
    np.testing.assert_allclose(found.tangents[:, 0, :, 0].T, expected, rtol=2e-8, atol=1e-12)


@pytest.mark.parametrize("scheme", FIXED_STEP.values(), ids=FIXED_STEP)
def test_the_derivative_converges_with_the_order_of_the_scheme(scheme: Tableau) -> None:
    exact = logistic_sensitivities(np.array(8.0), 0.3, 10.0, 1.0)
    errors = [np.abs(jacobian(logistic(dt), "S", scheme, steps=round(8 / dt)) - exact).max() for dt in (0.25, 0.125)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(scheme.order, abs=0.35)


def test_the_derivative_is_that_of_the_discretised_run() -> None:
    """Euler's S = (1 + r dt)^n has dS/dr = n dt (1 + r dt)^(n - 1), far from the differential equation's t exp(r t)."""
    m = Model(dt=0.5)
    rate = m.parameter("r", 0.3)
    m.stock("S", m.lit(1.0), lambda s: rate * s)
    assert jacobian(m.program(), "S", EULER, steps=16)[0] == pytest.approx(16 * 0.5 * 1.15**15, rel=1e-14)


def test_a_linear_system_has_the_derivative_of_its_matrix_exponential() -> None:
    rng = np.random.default_rng(3)
    a = rng.normal(size=(3, 3)) / 2
    start = np.array([1.0, -0.5, 2.0])
    m = Model(dt=0.01)
    entry = [[m.parameter(f"a{i}{j}", a[i, j]) for j in range(3)] for i in range(3)]
    levels = [m.leaf("state", i) for i in range(3)]
    for i in range(3):
        m.stock(
            f"S{i}",
            m.lit(start[i]),
            lambda _, i=i: entry[i][0] * levels[0] + entry[i][1] * levels[1] + entry[i][2] * levels[2],
        )
    found = jacobian(m.program(), "S0", RK4, steps=200)
    for number in range(9):
        moved = np.zeros((3, 3), dtype=complex)
        moved[number // 3, number % 3] = 1e-30j
        assert found[number] == pytest.approx(np.imag((expm((a + moved) * 2.0) @ start)[0]) / 1e-30, rel=1e-7)


def test_all_of_the_program_stays_in_its_place() -> None:
    program = logistic(0.25)
    tangent = forward(program, [0, 2])
    assert tangent.nodes[: len(program.nodes)] == program.nodes
    assert tangent.states[:1] == program.states
    assert [p.name for p in tangent.parameters] == ["r", "K", "first", "d(r)", "d(first)"]
    assert tangent.outputs["S"] == program.outputs["S"] and tangent_name("S") in tangent.outputs


def test_what_no_seed_reaches_has_no_tangent() -> None:
    m = Model()
    rate, other = m.parameter("r", 0.3), m.parameter("unrelated", 2.0)
    m.stock("S", m.lit(1.0), lambda s: rate * s)
    m.stock("T", m.lit(1.0), lambda s: other * s)
    program = m.program()
    tangent = forward(program, [0])
    assert [s.name for s in tangent.states] == ["S", "T", "d(S)"]
    assert "d(T)" not in tangent.outputs
    assert forward(program, []).states == program.states


def test_the_branch_not_taken_does_not_poison_the_derivative() -> None:
    """sqrt(x) and 1 / x at x = 0 are infinitely steep, but where they are not chosen nothing of that shows."""
    m = Model()
    p, x = m.parameter("p", 2.0), m.parameter("x", 0.0)
    safe = (x > 0.0).select(p / x + x.op("sqrt") + x**0.5, p)
    m.stock("S", m.lit(0.0), lambda _: safe)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(jacobian(m.program(), "S", EULER, steps=4, mode=mode), [1.0, 0.0])


def test_a_zero_factor_absorbs_an_infinite_slope() -> None:
    m = Model()
    switch, x = m.parameter("switch", 0.0), m.parameter("x", 0.0)
    m.stock("S", m.lit(0.0), lambda _: switch * x.op("sqrt"))
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(jacobian(m.program(), "S", EULER, steps=4, mode=mode), [0.0, 0.0])


def test_an_infinite_derivative_leaves_the_value_alone() -> None:
    m = Model()
    x, p = m.parameter("x", 0.0), m.parameter("p", 1.0)
    m.stock("S", m.lit(0.0), lambda _: x.op("sqrt") + p)
    program = m.program()
    for mode in ("forward", "reverse"):
        found = gradients.gradient(
            program, [0, 1], [gradients.functional("final", program.outputs["S"])], EULER, grid(program, 4),
            [Segment(0, np.array([0.0, 1.0]), np.empty((0, 1)))], mode=mode,
        )  # fmt: skip
        assert found.values[0, 0] == 1.0 and found.failed_step[0] == -1
        assert not np.isfinite(found.jacobian[0, 0, 0]) and found.jacobian[0, 1, 0] == 1.0


def test_a_stock_that_is_cut_at_zero_forgets_what_was_before() -> None:
    """A nonnegative stock runs empty; what it held at the start no longer matters once it fills again."""
    m = Model(dt=1.0)
    first, drain, fill = m.parameter("first", 2.5, start=True), m.parameter("drain", 1.0), m.parameter("fill", 3.0)
    flow = (m.leaf("time") < 4.0).select(-drain, fill)
    m.stock("S", first, lambda _: flow, nonnegative=True)
    for mode in ("forward", "reverse"):
        np.testing.assert_array_equal(jacobian(m.program(), "S", EULER, steps=2, mode=mode), [1.0, -2.0, 0.0])
        np.testing.assert_array_equal(jacobian(m.program(), "S", EULER, steps=6, mode=mode), [0.0, 0.0, 2.0])


def test_a_held_value_carries_its_derivative_over_the_steps() -> None:
    """SAMPLE IF TRUE(time < 2, p * time, q): the last sample, at time 1, stays."""
    m = Model(dt=1.0)
    p, q = m.parameter("p", 3.0), m.parameter("q", 5.0, start=True)
    held = m.leaf("previous", 0)
    update = m.builder.unique("hold", (m.leaf("step_time") < 2.0).select(p * m.leaf("step_time"), held).node, attr=0)
    m.slots.append(Slot("H", update, q.node))
    m.outputs["H"] = update
    m.stock("S", m.lit(0.0), lambda _: m.builder.expr(update))
    for scheme in (EULER, HEUN, RK4):
        for mode in ("forward", "reverse"):
            np.testing.assert_allclose(jacobian(m.program(), "H", scheme, steps=6, mode=mode), [1.0, 0.0])
            np.testing.assert_allclose(jacobian(m.program(), "S", scheme, steps=6, mode=mode), [5.0, 0.0])


def test_a_fixed_delay_carries_the_derivative_of_what_went_in_and_of_what_was_there() -> None:
    m = Model(dt=1.0)
    p, first = m.parameter("p", 3.0), m.parameter("first", 7.0, start=True)
    delayed = m.leaf("pipe", 0)
    m.pipes.append(Pipe("D", (p * m.leaf("time")).node, m.lit(3.0).node, first.node))
    m.outputs["D"] = delayed.node
    m.stock("S", m.lit(0.0), lambda _: delayed)
    for mode in ("forward", "reverse"):
        # three steps of what was there, then p * 0, p * 1, p * 2
        np.testing.assert_allclose(jacobian(m.program(), "S", EULER, steps=6, mode=mode), [0.0 + 1.0 + 2.0, 3.0])
        np.testing.assert_allclose(jacobian(m.program(), "D", EULER, steps=6, mode=mode), [3.0, 0.0])


@pytest.mark.parametrize("kind", ["interpolate", "extrapolate", "backward", "forward"])
def test_a_table_is_linear_in_its_points(kind: str) -> None:
    m = Model(dt=0.3)
    for number, y in enumerate((0.5, 2.0, -1.0)):
        m.parameter(f"y{number}", y)
    slope = m.parameter("speed", 0.4)
    table = Table("t", (0.0, 1.0, 2.5), (0.0, 0.0, 0.0), kind, 0)
    x = m.builder.table(table, (slope * m.leaf("time")).node)
    m.stock("S", m.lit(0.0), lambda _: m.builder.expr(x))
    program = m.program()
    values = np.array([p.value for p in program.parameters])
    final = run(
        NumpyKernel, program, RK4, values[:, None] + 1e-6 * np.hstack([np.eye(4), -np.eye(4)]), steps=20
    ).series[-1, 0]
    expected = (final[:4] - final[4:]) / 2e-6
    np.testing.assert_allclose(jacobian(program, "S", RK4, steps=20), expected, atol=1e-8)
    np.testing.assert_allclose(jacobian(program, "S", RK4, steps=20, mode="reverse"), expected, atol=1e-8)
    assert discontinuous(program) == (frozenset({3}) if kind in ("backward", "forward") else frozenset())


def test_a_second_derivative_is_a_derivative_of_a_derivative() -> None:
    """S(t) = exp(r t): d2S/dr2 = t^2 exp(r t), by two forward passes and by reverse over forward."""
    m = Model(dt=0.02)
    rate = m.parameter("r", 0.3)
    m.stock("S", m.lit(1.0), lambda s: rate * s)
    once = forward(m.program(), [0])
    twice = forward(once, [0], symbol="D")
    assert [p.name for p in twice.parameters] == ["r", "d(r)", "D(r)"]
    found = run(NumpyKernel, twice, RK4, np.array([[0.3], [1.0], [1.0]]), steps=100)
    second = found.series[-1, list(twice.outputs).index("D(d(S))"), 0]
    assert second == pytest.approx(4.0 * np.exp(0.6), rel=1e-6)
    measure = gradients.functional("final", once.outputs["d(S)"])
    segments = [Segment(0, np.array([0.3, 1.0]), np.empty((0, 1)))]
    reverse = gradients.gradient(once, [0], [measure], RK4, grid(once, 100), segments, mode="reverse")
    assert reverse.jacobian[0, 0, 0] == pytest.approx(second, rel=1e-12)


def flagged(write: Callable[[Model, Expr, Expr], Expr]) -> set[str]:
    """Names of the parameters that are marked in a model with a stock whose flow `write` makes of two parameters."""
    m = Model()
    p, q = m.parameter("p", 1.0), m.parameter("q", 2.0)
    m.stock("S", m.lit(1.0), lambda _: write(m, p, q))
    return {m.parameters[i].name for i in discontinuous(m.program())}


def test_a_parameter_that_decides_is_marked_and_one_that_is_chosen_is_not() -> None:
    assert flagged(lambda m, p, q: (m.leaf("time") < p).select(q, 0.0)) == {"p"}
    assert flagged(lambda m, p, q: (m.leaf("time") < 2.0).select(p, q)) == set()


def test_kinks_are_continuous_and_roundings_are_not() -> None:
    assert flagged(lambda m, p, q: p.op("min", q).op("max", 0.3).op("abs")) == set()
    assert flagged(lambda m, p, q: p.op("floor") + q) == {"p"}
    assert flagged(lambda m, p, q: p + q.op("trunc")) == {"q"}


def test_a_parameter_reaches_a_comparison_through_a_stock() -> None:
    m = Model()
    p, q = m.parameter("p", 1.0), m.parameter("q", 2.0)
    level = m.stock("S", m.lit(0.0), lambda _: p)
    m.stock("T", m.lit(0.0), lambda _: (level < 3.0).select(q, 0.0))
    assert discontinuous(m.program()) == frozenset({0})


def test_a_parameter_reaches_a_comparison_through_an_initial_value_a_delay_and_a_held_value() -> None:
    m = Model()
    first, into, sampled, length = (
        m.parameter(name, 1.0, start=name == "first") for name in ("first", "into", "sampled", "length")
    )
    level = m.stock("S", first, lambda s: -s)
    m.pipes.append(Pipe("D", into.node, length.node, m.lit(0.0).node))
    m.slots.append(Slot("H", m.builder.unique("hold", sampled.node, attr=0), m.lit(0.0).node))
    whole = level + m.leaf("pipe", 0) + m.leaf("previous", 0)
    m.stock("T", m.lit(0.0), lambda _: (whole < 3.0).select(1.0, 0.0))
    assert discontinuous(m.program()) == frozenset({0, 1, 2, 3})


def test_the_length_of_a_fixed_delay_jumps_by_itself() -> None:
    m = Model()
    into, length = m.parameter("into", 1.0), m.parameter("length", 2.0)
    m.pipes.append(Pipe("D", into.node, length.node, m.lit(0.0).node))
    m.stock("S", m.lit(0.0), lambda _: m.leaf("pipe", 0))
    assert discontinuous(m.program()) == frozenset({1})


def test_a_guarded_quotient_is_no_jump_but_another_threshold_is() -> None:
    def guarded(limit: float) -> Callable[[Model, Expr, Expr], Expr]:
        return lambda m, p, q: (q.op("abs") < limit).select(0.0, p / q)

    assert flagged(guarded(1e-6)) == set()
    assert flagged(guarded(0.1)) == {"q"}
    assert flagged(lambda m, p, q: (q.op("abs") < 1e-6).select(0.0, p * q)) == {"q"}


def test_branches_that_meet_where_the_condition_turns_do_not_jump() -> None:
    assert flagged(lambda m, p, q: (p < q).select(p, q)) == set()
    assert flagged(lambda m, p, q: (0.0 < p).select(p * q, 0.0)) == set()
    assert flagged(lambda m, p, q: (p < q).select((q - p) * 2.0, (q - p) / q)) == set()
    assert flagged(lambda m, p, q: (p < q).select(p, q + 1.0)) == {"p", "q"}
    assert flagged(lambda m, p, q: (0.0 < p).select(p * q, 1.0)) == {"p"}


def test_a_jump_that_is_multiplied_by_the_gap_is_none() -> None:
    """Two times of adjustment, for up and down: the flow is zero where they change places."""
    assert flagged(lambda m, p, q: (q - p) / (p < q).select(2.0, 5.0)) == set()
    assert flagged(lambda m, p, q: (p < q).select(2.0, 5.0) * 3.0 * (p - q)) == set()
    assert flagged(lambda m, p, q: (p < q).number() * (p - q).op("abs")) == set()
    assert flagged(lambda m, p, q: (p < q).select(2.0, 5.0) * p) == {"p", "q"}
    assert flagged(lambda m, p, q: (p < q).select(2.0, 5.0) / (p - q)) == {"p", "q"}
    assert flagged(lambda m, p, q: (p < q).select(2.0, 5.0) * (p - q) + (p < q).number()) == {"p", "q"}


def test_two_conditions_at_once_are_taken_for_a_jump() -> None:
    def both(m: Model, p: Expr, q: Expr) -> Expr:
        return (p < q).op("and", 0.0 < p).select(2.0, 5.0) * (p - q)

    assert flagged(both) == {"p", "q"}


def test_a_jump_that_cannot_reach_the_measure_does_not_count() -> None:
    m = Model()
    p = m.parameter("p", 1.0)
    m.stock("S", m.lit(0.0), lambda _: (m.leaf("time") < p).select(1.0, 0.0))
    m.stock("T", m.lit(0.0), lambda _: p)
    program = m.program()
    assert discontinuous(program, [program.outputs["T"]]) == frozenset()
    assert discontinuous(program, [program.outputs["S"]]) == frozenset({0})


def test_the_state_jacobian_of_a_predator_and_its_prey() -> None:
    m = Model(dt=0.1)
    a, b, c, d = (m.parameter(name, value) for name, value in zip("abcd", (1.1, 0.4, 0.1, 0.4), strict=True))
    prey, hunter = m.leaf("state", 0), m.leaf("state", 1)
    m.stock("prey", m.lit(10.0), lambda _: a * prey - b * prey * hunter)
    m.stock("hunter", m.lit(5.0), lambda _: c * prey * hunter - d * hunter)
    m.stock("eaten", m.lit(0.0), lambda _: b * prey * hunter)
    program = m.program()
    values = np.array([1.1, 0.4, 0.1, 0.4])
    found = gradients.state_jacobian(program, RK4, grid(program, 50), [Segment(0, values, np.empty((0, 1)))])
    path = run(NumpyKernel, program, RK4, values[:, None], steps=50).series[:, :, 0]
    x, y = path[:, 0], path[:, 1]
    zero = np.zeros_like(x)
    expected = np.array([[1.1 - 0.4 * y, -0.4 * x, zero], [0.1 * y, 0.1 * x - 0.4, zero], [0.4 * y, 0.4 * x, zero]])
    np.testing.assert_allclose(found.dense()[..., 0], np.moveaxis(expected, 2, 0), rtol=1e-14, atol=1e-14)
    assert set(zip(found.rows.tolist(), found.columns.tolist(), strict=True)) == {
        (i, j) for i in range(3) for j in range(2)
    }


def test_structural_zeros_are_no_entries_of_the_state_jacobian() -> None:
    m = Model()
    p = m.parameter("p", 1.0)
    first = m.stock("A", m.lit(1.0), lambda s: -p * s)
    m.stock("B", m.lit(1.0), lambda _: first.op("floor"))
    assert set(state_jacobian(m.program()).entries) == {(0, 0)}


def test_a_tangent_program_is_run_by_the_kernel_like_any_other() -> None:
    program = logistic(0.25)
    tangent = forward(program, [0, 1, 2])
    kept = (tangent.outputs["S"], tangent.outputs["d(S)"])
    kernel = NumpyKernel(Task(tangent, RK4, kept, (3, 4, 5), (True, True)))
    values = np.array([p.value for p in tangent.parameters])
    found = kernel.integrate(grid(program, 32), [Segment(0, values, np.eye(3))], 0, np.arange(3)).series
    np.testing.assert_array_equal(found[:, 0], found[:, :1, 0].repeat(3, axis=1))
    np.testing.assert_allclose(found[-1, 1], jacobian(program, "S"), rtol=1e-14)
