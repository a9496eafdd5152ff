"""Reverse mode over time against closed forms and forward mode; checkpoints; segments; runs in parts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from programs import grid, run
from scipy.linalg import expm

from cluster_sd.errors import UnsupportedError
from cluster_sd.program.adjoint import backward
from cluster_sd.program.build import Builder, Expr
from cluster_sd.program.emit_numpy import NumpyKernel
from cluster_sd.program.ir import Control, Parameter, Pipe, Program, Slot, State, Table
from cluster_sd.program.kernel import Grid, Segment, Task
from cluster_sd.program.resume import Parts
from cluster_sd.program.schedule import save_steps
from cluster_sd.simulate import gradients, reverse_mode
from cluster_sd.simulate.gradients import Differentiator, Functional, functional
from cluster_sd.solvers.tableau import EULER, FIXED_STEP, RK4, Tableau

SCHEMES = pytest.mark.parametrize("scheme", FIXED_STEP.values(), ids=FIXED_STEP)
Array = NDArray[np.float64]


def town(*, random: bool = False) -> Program:
    """All that carries a derivative: stocks, a nonnegative one, a held value, a delay, a table of parameters."""
    b = Builder()
    birth, death, _, p, q = (b.expr(b.leaf("parameter", i)) for i in range(5))
    people, food, purse = (b.expr(b.leaf("state", i)) for i in range(3))
    late, seen = b.expr(b.leaf("pipe", 0)), b.expr(b.leaf("previous", 0))
    crowding = b.expr(b.table(Table("crowding", (0.0, 0.85, 0.95, 1.3), (0.0,) * 4, first_parameter=5), people.node))
    season = b.expr(b.leaf("time")).op("sin")
    noise = b.expr(b.leaf("uniform", 77)) if random else b.expr(b.literal(0.5))
    growth = people * (birth * crowding - death * (1.0 + seen * seen))
    eating = (people * food).op("sqrt").op("min", food * p)
    flows = [growth, q * season + late - eating + noise, eating - birth * purse - 0.4]
    hold = b.unique("hold", ((people > 1.0537).select(food, seen)).node, attr=0)
    flows[0] = flows[0] + 0.1 * b.expr(hold)
    start = b.leaf("start_parameter", 2)
    states = (
        State("people", start, flows[0].node),
        State("food", (b.expr(start) * 2.0 + p.builder.expr(b.leaf("start_parameter", 3))).node, flows[1].node),
        State("purse", b.literal(0.3), flows[2].node, nonnegative=True),
    )
    slots = (Slot("seen", hold, start),)
    pipes = (Pipe("late", eating.node, b.literal(3.0), b.leaf("start_parameter", 4)),)
    values = (0.6, 0.3, 0.8, 1.2, 0.5, 1.0, 1.3, 0.7, 0.2)
    names = ("birth", "death", "first", "p", "q", "c0", "c1", "c2", "c3")
    return Program(
        nodes=tuple(b.nodes),
        parameters=tuple(Parameter(name, value) for name, value in zip(names, values, strict=True)),
        states=states,
        slots=slots,
        pipes=pipes,
        tables=tuple(b.tables),
        streams=("noise",),
        events=(),
        outputs={
            "people": people.node,
            "food": food.node,
            "purse": purse.node,
            "eating": eating.node,
            "late": late.node,
        },
        control=Control(0.0, 5.0, 0.125, 0.5),
    )


def case(program: Program, steps: int = 40, runs: int = 1) -> tuple[Grid, list[Segment], tuple[int, ...]]:
    """Grid, segments in which every parameter differs between runs, and which vary."""
    rng = np.random.default_rng(1)
    base = np.array([p.value for p in program.parameters])
    spread = np.ones((1, 1)) if runs == 1 else rng.uniform(0.9, 1.1, (len(base), runs))
    control = program.control
    times = Grid(
        0.0,
        steps * control.dt,
        control.dt,
        control.save_step,
        steps,
        save_steps(steps * control.dt, control.dt, control.save_step),
    )
    return times, [Segment(0, base, base[:, None] * spread)], tuple(range(len(base)))


def measures(program: Program) -> list[Functional]:
    out = program.outputs
    return [
        functional("final", out["people"]),
        functional("at", out["food"], 2.0),
        functional("mean", out["eating"]),
        functional("sum", out["late"]),
        functional("min", out["food"]),
        functional("max", out["people"]),
        functional("time_above", out["food"], 1.9),
        functional("final", out["purse"]),
    ]


@SCHEMES
@pytest.mark.parametrize("runs", [1, 5, 40])
def test_going_back_gives_what_going_forward_gives(scheme: Tableau, runs: int) -> None:
    program = town(random=True)
    times, segments, varying = case(program, runs=runs)
    both = [
        Differentiator(program, varying, measures(program), scheme, varying, mode=mode)(times, segments, seed=4)
        for mode in ("forward", "reverse")
    ]
    np.testing.assert_array_equal(both[0].values, both[1].values)
    np.testing.assert_allclose(both[0].jacobian, both[1].jacobian, rtol=1e-11, atol=1e-12)
    assert (both[0].jacobian != 0).any(axis=(0, 2)).all()


@SCHEMES
def test_both_are_what_moving_the_parameters_gives(scheme: Tableau) -> None:
    program = town()
    times, segments, varying = case(program)
    made = Differentiator(program, varying, measures(program), scheme, varying, mode="reverse")
    found = made(times, segments)
    count, h = len(varying), 1e-6
    moved = segments[0].varying + h * np.hstack([np.eye(count), -np.eye(count)])
    values = made(times, [Segment(0, segments[0].values, moved)]).values
    np.testing.assert_allclose(
        found.jacobian[..., 0], (values[:, :count] - values[:, count:]) / (2 * h), rtol=1e-5, atol=1e-7
    )


def test_a_linear_system_goes_back_by_its_transpose() -> None:
    """The derivative of w . s(T) in s(0) where s' = A s is expm(A^T T) w, and (I + A^T dt)^n w for Euler."""
    rng = np.random.default_rng(5)
    a, w = rng.normal(size=(4, 4)) / 2, rng.normal(size=4)
    b = Builder()
    levels = [b.expr(b.leaf("state", i)) for i in range(4)]

    def weighted(row: Array) -> Expr:
        return sum((float(row[j]) * levels[j] for j in range(1, 4)), float(row[0]) * levels[0])

    flows, total = [weighted(row) for row in a], weighted(w)
    states = tuple(State(f"S{i}", b.leaf("start_parameter", i), flows[i].node) for i in range(4))
    parameters = tuple(Parameter(f"s{i}", 1.0) for i in range(4))
    control = Control(0.0, 2.0, 0.02, 0.02)
    program = Program(tuple(b.nodes), parameters, states, (), (), (), (), (), {"y": total.node}, control)
    segments = [Segment(0, np.ones(4), np.empty((0, 1)))]

    def gradient(scheme: Tableau) -> Array:
        final = [functional("final", total.node)]
        return gradients.gradient(
            program, range(4), final, scheme, grid(program, 100), segments, mode="reverse"
        ).jacobian[0, :, 0]

    step = np.eye(4) + 0.02 * a.T
    np.testing.assert_allclose(gradient(EULER), np.linalg.matrix_power(step, 100) @ w, rtol=1e-12)
    np.testing.assert_allclose(gradient(RK4), expm(2.0 * a.T) @ w, rtol=1e-7)


@SCHEMES
def test_any_linear_functional_of_the_saved_series_is_derived(scheme: Tableau) -> None:
    program = town()
    times, segments, varying = case(program, runs=3)
    rng = np.random.default_rng(2)
    nodes = tuple(program.outputs.values())
    weights = rng.normal(size=(len(times.saves), len(nodes), 1))

    def evaluate(_: Array, series: Array) -> tuple[Array, Array]:
        return (weights * series).sum(axis=(0, 1)), np.broadcast_to(weights, series.shape)

    whole = Functional("weighted", nodes, evaluate)
    back = Differentiator(program, varying, [whole], scheme, varying, mode="reverse")
    along = back.sensitivities(times, segments)
    found = back(times, segments)
    expected = (weights[:, :, None] * along.tangents).sum(axis=(0, 1))
    np.testing.assert_allclose(found.jacobian[0], expected, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(found.values[0], (weights * along.series).sum(axis=(0, 1)), rtol=1e-13)


@SCHEMES
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_dictated_change_does_not_move_with_the_base_value(scheme: Tableau, mode: str) -> None:
    """From step 13 on `birth` is set to 0.9 and `q` moves on; an initial value counts at the start, come what may."""
    program = town()
    times, segments, varying = case(program, runs=2)
    rows = segments[0].varying.copy()
    rows[0], rows[2] = 0.9, 123.0

    def changed(values: Array) -> list[Segment]:
        later = values.copy()
        later[0], later[2] = 0.9, 123.0
        return [Segment(0, segments[0].values, values), Segment(13, segments[0].values, later)]

    made = Differentiator(program, varying, measures(program), scheme, varying, mode=mode)
    found = made(times, changed(segments[0].varying))
    count, h = len(varying), 1e-6
    moves = np.repeat(
        h * np.hstack([np.eye(count), -np.eye(count)]), 2, axis=1
    )  # both runs, each parameter, up and down
    alone = Differentiator(program, [], measures(program), scheme, varying, mode="forward")
    values = alone(times, changed(np.tile(segments[0].varying, 2 * count) + moves)).values.reshape(-1, 2, count, 2)
    slopes = (values[:, 0] - values[:, 1]) / (2 * h)
    np.testing.assert_allclose(found.jacobian, slopes, rtol=1e-5, atol=1e-7)


def test_a_change_may_be_said_to_move() -> None:
    program = town()
    times, segments, varying = case(program)
    later = segments[0].varying.copy()
    later[0] = 0.9
    both = [Segment(0, segments[0].values, segments[0].varying), Segment(13, segments[0].values, later)]
    still, moving = np.ones((2, len(varying)), dtype=bool), np.ones((2, len(varying)), dtype=bool)
    still[1, 0] = False
    for mode in ("forward", "reverse"):
        made = Differentiator(program, varying, measures(program), RK4, varying, mode=mode)
        np.testing.assert_array_equal(made(times, both).jacobian, made(times, both, moves=still).jacobian)
        h = 1e-5
        moved = [
            [Segment(s.first, s.values, s.varying + np.eye(len(varying))[:, :1] * x) for s in both] for x in (h, -h)
        ]
        slope = (made(times, moved[0]).values - made(times, moved[1]).values) / (2 * h)
        np.testing.assert_allclose(made(times, both, moves=moving).jacobian[:, 0], slope, rtol=1e-6, atol=1e-7)


@SCHEMES
def test_checkpoints_change_nothing(scheme: Tableau, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trajectory too long to keep is run again in parts: noise, delays, held values and times are the same."""
    program = town(random=True)
    times, segments, varying = case(program, steps=50, runs=4)
    made = Differentiator(program, varying, measures(program), scheme, varying, mode="reverse")
    whole = made(times, segments, seed=9)
    monkeypatch.setattr(reverse_mode, "CHECKPOINT_BYTES", 0)
    parts = made(times, segments, seed=9)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-14)
    np.testing.assert_allclose(parts.jacobian, whole.jacobian, rtol=1e-12, atol=1e-13)


def test_checkpoints_keep_segments_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    program = town()
    times, segments, varying = case(program, steps=37, runs=2)
    later = [
        Segment(first, segments[0].values, segments[0].varying * factor)
        for first, factor in ((0, 1.0), (10, 1.1), (11, 1.2), (36, 0.9))
    ]
    made = Differentiator(program, varying, measures(program), RK4, varying, mode="reverse")
    whole = made(times, later)
    monkeypatch.setattr(reverse_mode, "CHECKPOINT_BYTES", 0)
    np.testing.assert_allclose(made(times, later).jacobian, whole.jacobian, rtol=1e-12, atol=1e-13)


@SCHEMES
@pytest.mark.parametrize("cut", [1, 2, 3, 7, 20])
def test_a_run_in_parts_is_the_run(scheme: Tableau, cut: int) -> None:
    program = town(random=True)
    times, segments, varying = case(program, steps=20, runs=3)
    kept = tuple(program.outputs.values())
    task = Task(program, scheme, kept, varying, (True,) * len(kept))
    every = Grid(times.start, times.stop, times.dt, times.save_step, 20, np.arange(21))
    expected = NumpyKernel(task).integrate(every, segments, 5, np.arange(3)).series
    whole = Parts(task, NumpyKernel).begin(times, segments, 5, np.arange(3))
    snapshot = whole.snapshot
    for first in range(0, 20, cut):
        last = min(first + cut, 20)
        batch, snapshot = whole.run(snapshot, first, last)
        np.testing.assert_allclose(batch.series, expected[first : last + 1], rtol=1e-14, atol=1e-15)


def test_lanes_and_batches_do_not_matter() -> None:
    program = town(random=True)
    times, segments, varying = case(program, runs=7)
    for mode in ("forward", "reverse"):
        made = Differentiator(program, varying, measures(program), RK4, varying, mode=mode)
        together = made(times, segments, seed=2)
        for number in range(7):
            one = [Segment(0, segments[0].values, segments[0].varying[:, [number]])]
            alone = made(times, one, seed=2, runs=np.array([number]))
            np.testing.assert_allclose(alone.values[:, 0], together.values[:, number], rtol=1e-14)
            np.testing.assert_allclose(alone.jacobian[..., 0], together.jacobian[..., number], rtol=1e-12, atol=1e-13)


def test_small_blocks_give_what_one_block_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    program = town()
    times, segments, varying = case(program, runs=50)
    whole = [
        Differentiator(program, varying, measures(program), EULER, varying, mode=mode)(times, segments)
        for mode in ("forward", "reverse")
    ]
    monkeypatch.setattr(gradients, "BLOCK_BYTES", 1)
    for before, mode in zip(whole, ("forward", "reverse"), strict=True):
        after = Differentiator(program, varying, measures(program), EULER, varying, mode=mode)(times, segments)
        np.testing.assert_array_equal(after.values, before.values)
        np.testing.assert_allclose(after.jacobian, before.jacobian, rtol=1e-12, atol=1e-13)


def test_a_parameter_need_not_vary_to_be_derived_in() -> None:
    program = town()
    times, segments, varying = case(program, runs=1)
    for mode in ("forward", "reverse"):
        some = Differentiator(program, [4, 0], measures(program), RK4, mode=mode)
        found = some(times, [Segment(0, segments[0].values, np.empty((0, 1)))])
        every = Differentiator(program, varying, measures(program), RK4, varying, mode=mode)(times, segments)
        assert found.parameters == ("q", "birth")
        np.testing.assert_allclose(found.jacobian, every.jacobian[:, [4, 0]], rtol=1e-12)


def test_a_run_that_fails_has_no_derivative_and_says_where() -> None:
    b = Builder()
    p = b.expr(b.leaf("parameter", 0))
    level = b.expr(b.leaf("state", 0))
    states = (State("S", b.literal(1.0), (p * level * level * level).node),)
    control = Control(0.0, 8.0, 1.0, 1.0)
    program = Program(tuple(b.nodes), (Parameter("p", 1.0),), states, (), (), (), (), (), {"S": level.node}, control)
    segments = [Segment(0, np.array([0.0]), np.array([[0.0, 1.0, -0.5]]))]
    for mode in ("forward", "reverse"):
        made = Differentiator(program, [0], [functional("final", level.node)], EULER, (0,), mode=mode)
        found = made(grid(program, 12), segments)
        plain = run(NumpyKernel, program, EULER, segments[0].varying, steps=12)
        np.testing.assert_array_equal(found.failed_step, plain.failed_step)
        np.testing.assert_array_equal(found.failed_item, plain.failed_item)
        assert found.failed_step[1] > 0 and np.isnan(found.jacobian[0, 0, 1])
        assert np.isfinite(found.jacobian[0, 0, [0, 2]]).all() and found.values[0, 0] == 1.0


def test_a_mode_or_measure_that_there_is_not_is_refused_with_the_choices() -> None:
    program = town()
    with pytest.raises(UnsupportedError, match="auto, forward, reverse"):
        Differentiator(program, [0], [], RK4, mode="backwards")
    with pytest.raises(UnsupportedError, match="final"):
        functional("median", 0)


def test_what_jumps_is_flagged_in_its_measure_alone() -> None:
    program = town()
    times, segments, varying = case(program)
    both = [functional("final", program.outputs["people"]), functional("time_of_max", program.outputs["people"])]
    found = Differentiator(program, varying, both, EULER, varying)(times, segments)
    # people > 1.0537 decides what is held, and everything here moves people
    assert found.discontinuous.all()
    assert not found.jacobian[1].any()


def test_the_sweep_is_an_ordinary_program() -> None:
    """It has the forward program's parameters first, a series for each leaf of the trajectory, a gradient each."""
    program = town()
    sweep = backward(program, RK4, [program.outputs["people"]], range(9))
    assert sweep.program.parameters[:9] == program.parameters
    assert len(sweep.program.series) == len(sweep.trajectory) + 1
    assert {program.nodes[i].op for i in sweep.trajectory} <= {"state", "previous", "pipe", "uniform"}
    assert len(sweep.gradient) == 9 and list(sweep.program.outputs) == [f"d/d({p.name})" for p in program.parameters]
    assert sweep.grid(10).steps == 11


def test_what_no_parameter_reaches_is_not_gone_back_over() -> None:
    program = town()
    everything = backward(program, EULER, [program.outputs["people"]], range(9))
    one = backward(program, EULER, [program.outputs["late"]], [])
    assert not one.program.states and not one.trajectory
    assert len(one.program.nodes) < len(everything.program.nodes) / 10


def test_what_takes_long_to_do_again_is_kept_with_the_trajectory() -> None:
    """A power comes back as the number that it was, and its derivative is exact all the same."""
    b = Builder()
    p = b.expr(b.leaf("parameter", 0))
    level = b.expr(b.leaf("state", 0))
    states = (State("S", b.literal(2.0), (-0.1 * level**p).node),)
    control = Control(0.0, 4.0, 0.125, 0.125)
    program = Program(tuple(b.nodes), (Parameter("p", 1.5),), states, (), (), (), (), (), {"S": level.node}, control)
    sweep = backward(program, RK4, [level.node], [0])
    assert sorted(program.nodes[i].op for i in sweep.trajectory) == ["pow", "state"]
    both = [
        gradients.gradient(
            program, [0], [functional("final", level.node)], RK4, grid(program, 32),
            [Segment(0, np.array([1.5]), np.empty((0, 1)))], mode=mode,
        ).jacobian[0, 0, 0]
        for mode in ("forward", "reverse")
    ]  # fmt: skip
    assert both[0] == pytest.approx(both[1], rel=1e-13)
    # S' = -S^p / 10 has S^(1 - p) = 2^(1 - p) + (p - 1) t / 10
    h = 1e-6
    exact = [(2.0 ** (1 - q) + (q - 1) * 0.4) ** (1 / (1 - q)) for q in (1.5 + h, 1.5 - h)]
    assert both[0] == pytest.approx((exact[0] - exact[1]) / (2 * h), rel=1e-6)
