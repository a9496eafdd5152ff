"""Machine code gives what the reference gives, to 1e-12, whatever the lanes, batches and threads."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llvm_programs import Case, assert_agree, case
from numpy.testing import assert_array_equal
from programs import programs, run

from cluster_sd.program import emit_llvm, emit_llvm_code, emit_llvm_plan
from cluster_sd.program.build import Builder
from cluster_sd.program.emit_llvm import LlvmKernel
from cluster_sd.program.emit_llvm_target import host
from cluster_sd.program.emit_numpy import NumpyKernel
from cluster_sd.program.ir import Control, Node, Parameter, Program, State, Table
from cluster_sd.program.kernel import Batch, Grid, Segment, Task
from cluster_sd.program.ops import OPS
from cluster_sd.program.random import uniform
from cluster_sd.solvers.tableau import EULER, FIXED_STEP, RK4

SCHEMES = ("euler", "heun", "rk4")
#: Features to leave out: none, AVX-512, and all of AVX with fused multiply-add and rounding.
MASKS = ("", "-avx512f", "-avx,-sse4.1")


#: A fixture for every test is no danger here, and drawing a program takes its time.
HEALTH = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture)


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests compile is not worth keeping."""
    monkeypatch.setenv("CLUSTER_SD_CACHE", "off")


def random_case(seed: int, **options: object) -> Case:
    return case(
        seed,
        SCHEMES[seed % 3],
        (1, 5, 37)[seed % 3],
        segments=1 + seed % 2 * 2,
        wild=seed % 4 == 3,
        special=seed % 5 == 4,
        **options,  # pyright: ignore[reportArgumentType]
    )


@pytest.mark.parametrize("mask", MASKS, ids=["all", "no avx512", "no avx"])
@pytest.mark.parametrize("seed", range(12))
def test_random_program_gives_what_numpy_gives(seed: int, mask: str) -> None:
    drawn = random_case(seed)
    kernel = LlvmKernel(drawn.task, host(mask), effort=2 if seed % 3 == 0 else 0)
    assert_agree(drawn.run(NumpyKernel(drawn.task)), drawn.run(kernel))


def assert_each_operation_is_right(program: Program, scheme: str, values: np.ndarray, seed: int) -> None:
    """Keep every node, and compare each operation with what the reference makes of the very same arguments.

    So a difference in the last place that some operation magnifies (the sine of 1e9) is no failure.
    """
    kept = tuple(range(len(program.nodes)))
    task = Task(program, FIXED_STEP[scheme], kept, tuple(range(len(values))), (False,) * len(kept))
    segment = Segment(0, np.array([p.value for p in program.parameters]), values)
    series = (
        quick(task)
        .integrate(Grid(0.0, 2.0, 0.25, 0.25, 8, np.arange(9)), [segment], seed, np.arange(values.shape[1]))
        .series
    )
    for i, node in enumerate(program.nodes):
        if not node.args:
            continue
        row = OPS[node.op]
        args = [
            series[:, a] != 0 if kind == "b" else series[:, a] for a, kind in zip(node.args, row.takes, strict=True)
        ]
        with np.errstate(all="ignore"):
            if node.op in ("table", "table_slope"):
                table, ys = table_of(program, node, values)
                wanted = [row.numpy(table, x, ys) for x in args[0]]
            else:
                wanted = row.numpy(*args)
        np.testing.assert_allclose(series[:, i], wanted, rtol=1e-14, atol=2e-323, err_msg=f"node {i}: {node}")


def table_of(program: Program, node: Node, values: np.ndarray) -> tuple[Table, np.ndarray | None]:
    table = program.tables[int(node.attr or 0)]
    first = table.first_parameter
    return table, None if first < 0 else values[first : first + len(table.x)]


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=HEALTH)
@given(
    program=programs(wild=True, size=30, random=True), scheme=st.sampled_from(SCHEMES), seed=st.integers(0, 2**64 - 1)
)
def test_each_operation_on_special_numbers(program: Program, scheme: str, seed: int) -> None:
    values = np.random.default_rng(seed).choice([0.0, -0.0, 1.0, -2.5, 3.0, np.inf, np.nan, 5e-324, 1e300], (7, 5))
    assert_each_operation_is_right(program, scheme, values, seed)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=HEALTH)
@given(program=programs(wild=False, random=True), scheme=st.sampled_from(SCHEMES), seed=st.integers(0, 2**64 - 1))
def test_smooth_programs_give_what_numpy_gives(program: Program, scheme: str, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(7, 5))
    found = [run(make, program, FIXED_STEP[scheme], values, seed=seed) for make in (NumpyKernel, quick)]
    assert_agree(*found, rtol=1e-11)


def quick(task: Task) -> LlvmKernel:
    return LlvmKernel(task, effort=0)


@pytest.mark.parametrize("seed", range(6))
def test_a_program_cut_into_many_functions_gives_the_same_bits(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = random_case(seed)
    whole = drawn.run(LlvmKernel(drawn.task, effort=0))
    monkeypatch.setattr(emit_llvm_plan, "CHUNK", 20)
    monkeypatch.setattr(emit_llvm_plan, "WHOLE", 0)
    monkeypatch.setattr(emit_llvm_code, "COPIES", 3)
    monkeypatch.setattr(emit_llvm, "ROWS", 2000)
    kernel = LlvmKernel(drawn.task, effort=0)
    assert len(kernel.plan.step.chunks) > 3
    same_bits(whole, drawn.run(kernel))


@pytest.mark.parametrize("seed", range(0, 12, 2))
def test_lanes_effort_and_batches_never_matter(seed: int) -> None:
    drawn = case(seed, SCHEMES[seed % 3], 21, special=seed % 4 == 0, wild=seed % 4 == 2)
    batch = drawn.run(LlvmKernel(drawn.task, lanes=4, effort=0))
    for lanes, effort in ((8, 2), (16, 0), (32, 0)):
        same_bits(batch, drawn.run(LlvmKernel(drawn.task, lanes=lanes, effort=effort)))
    kernel = LlvmKernel(drawn.task)
    for keep in (slice(0, 1), slice(3, 20), slice(20, 21)):
        same_bits(take(batch, keep), drawn.run(kernel, keep))


def same_bits(a: Batch, b: Batch) -> None:
    """Same failures; same values where nothing failed."""
    assert_array_equal(a.failed_step, b.failed_step)
    assert_array_equal(a.failed_item, b.failed_item)
    live = a.failed_step < 0
    assert_array_equal(a.series[:, :, live], b.series[:, :, live])


def take(batch: Batch, keep: slice) -> Batch:
    return Batch(batch.series[:, :, keep], batch.failed_step[keep], batch.failed_item[keep])


def test_one_kernel_in_several_threads() -> None:
    drawn = case(2, "rk4", 64)
    kernel = LlvmKernel(drawn.task)
    alone = drawn.run(kernel)
    parts = [slice(start, start + 8) for start in range(0, 64, 8)]
    with ThreadPoolExecutor(4) as pool:
        for keep, batch in zip(parts, pool.map(lambda keep: drawn.run(kernel, keep), parts), strict=True):
            same_bits(take(alone, keep), batch)


def test_a_call_leaves_nothing_behind_for_the_next_one() -> None:
    drawn = case(5, "heun", 3, segments=3)
    kernel, reference = LlvmKernel(drawn.task), NumpyKernel(drawn.task)
    other = dataclasses.replace(drawn, segments=[Segment(s.first, s.values * 1.5, -s.varying) for s in drawn.segments])
    shorter = dataclasses.replace(drawn, grid=dataclasses.replace(drawn.grid, steps=20, saves=drawn.grid.saves[:5]))
    for one in (drawn, other, shorter, dataclasses.replace(drawn, seed=1), drawn):
        assert_agree(one.run(reference), one.run(kernel))


# failures


def grid(steps: int, saves: list[int] | None = None) -> Grid:
    return Grid(0.0, float(steps), 1.0, 1.0, steps, np.array(range(steps + 1) if saves is None else saves))


def test_the_first_step_of_a_failure_is_found_between_saves() -> None:
    b = Builder()
    stock = b.leaf("state", 0)
    flow = b.op("mul", stock, b.leaf("parameter", 0))
    start = b.leaf("start_parameter", 1)
    square = b.op("mul", stock, stock)
    program = Program(
        tuple(b.nodes), (Parameter("rate", 1.0), Parameter("start", 1.0)), (State("stock", start, flow),),
        (), (), (), (), (), {}, Control(0.0, 10.0, 1.0, 1.0),
    )  # fmt: skip
    task = Task(program, EULER, (stock, square), (0, 1), (True, True))
    # the square of 1e100 * 11**n passes 1.8e308 at n = 52; 1e150 * 1e200 is too much itself; 1 stays
    varying = np.array([[10.0, 1e200, 0.0], [1e100, 1e150, 1.0]])
    segment = Segment(0, np.array([1.0, 1.0]), varying)
    for make in (NumpyKernel, LlvmKernel):
        batch = make(task).integrate(grid(80, [0, 80]), [segment], 0, np.arange(3))
        assert batch.failed_step.tolist() == [52, 1, -1]
        assert batch.failed_item.tolist() == [2, 0, -1]
        assert batch.series[:, 0, 2].tolist() == [1.0, 1.0]


def test_an_output_with_gaps_does_not_fail() -> None:
    b = Builder()
    gap = b.op("log", b.op("sub", b.leaf("time"), b.literal(2.0)))
    program = Program(tuple(b.nodes), (), (), (), (), (), (), (), {}, Control(0.0, 3.0, 1.0, 1.0))
    batch = LlvmKernel(Task(program, EULER, (gap,), (), (False,))).integrate(
        grid(3), [Segment(0, np.empty(0), np.empty((0, 2)))], 0, np.arange(2)
    )
    assert batch.failed_step.tolist() == [-1, -1]
    assert np.isnan(batch.series[:2, 0]).all() and (batch.series[3, 0] == 0.0).all()


# divisions


def quotients(b: float, lanes_vary: bool) -> np.ndarray:
    """Quotients of hard numbers by `b`, a constant of the model, from both emitters."""
    builder = Builder()
    state, divisor, zero = builder.leaf("state", 0), builder.leaf("parameter", 0), builder.literal(0.0)
    start = builder.leaf("start_parameter", 1)
    quotient = builder.op("div", state, divisor)
    flow = builder.op("mul", state, zero)
    program = Program(
        tuple(builder.nodes), (Parameter("b", b), Parameter("a", 0.0)), (State("a", start, flow),),
        (), (), (), (), (), {}, Control(0.0, 0.0, 1.0, 1.0),
    )  # fmt: skip
    rng = np.random.default_rng(5)
    a = np.concatenate([[0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1.7e308], rng.normal(size=500), np.arange(500.0)])
    varying = (0, 1) if lanes_vary else (1,)
    rows = np.vstack([np.full(len(a), b), a]) if lanes_vary else a[None]
    kernel = LlvmKernel(Task(program, EULER, (quotient,), varying, (False,)))
    found = kernel.integrate(grid(0), [Segment(0, np.array([b, 0.0]), rows)], 0, np.arange(len(a))).series[0, 0]
    with np.errstate(all="ignore"):
        assert_array_equal(found, a / b)
        assert_array_equal(np.signbit(found), np.signbit(a / b))
    return found


@pytest.mark.parametrize("b", [3.0, 49.0, 0.1, 1e-8, 0.0, np.inf, -7.0, 5e-324, 1e300, -0.0, 8.0])
@pytest.mark.parametrize("lanes_vary", [False, True])
def test_division_by_a_constant_is_right_to_the_bit(b: float, lanes_vary: bool) -> None:
    quotients(b, lanes_vary)


# tables, random numbers, series


@pytest.mark.parametrize("count", [2, 5, 9, 10, 17, 18, 24, 25, 200])
@pytest.mark.parametrize("kind", ["interpolate", "extrapolate", "backward", "forward", "raw"])
def test_tables_are_those_of_the_reference_to_the_bit(count: int, kind: str) -> None:
    rng = np.random.default_rng(count)
    xs = np.cumsum(rng.uniform(0.1, 1.0, count))
    b = Builder()
    table = Table("t", tuple(xs), tuple(rng.normal(size=count)), kind)
    x = b.leaf("parameter", 0)
    at_run, at_slope = b.table(table, x), b.table(table, x, "table_slope")
    where = b.op("add", x, b.op("mul", b.leaf("time"), b.literal(0.0)))
    at_step, at_time = b.table(table, where), b.table(table, b.leaf("time"))
    program = Program(
        tuple(b.nodes), (Parameter("x", 0.0),), (), (), (), tuple(b.tables), (), (), {}, Control(0.0, 5.0, 1.0, 1.0)
    )
    task = Task(program, EULER, (at_run, at_slope, at_step, at_time), (0,), (False,) * 4)
    points = np.concatenate([xs, xs[1:] - 1e-9, (xs[1:] + xs[:-1]) / 2, [-1e3, 1e3, np.nan, np.inf, -np.inf]])
    segment = Segment(0, np.zeros(1), points[None])
    reference, found = (
        make(task).integrate(grid(5), [segment], 0, np.arange(len(points))).series for make in (NumpyKernel, LlvmKernel)
    )
    assert_array_equal(reference, found)


def test_random_numbers_have_the_bits_of_the_reference() -> None:
    b = Builder()
    now, start = b.leaf("uniform", 0xFFFFFFFF), b.leaf("uniform_start", 17)
    program = Program(tuple(b.nodes), (), (), (), (), (), ("u",), (), {}, Control(0.0, 3.0, 1.0, 1.0))
    runs, seed = np.array([0, 1, 2**33 + 5, 2**40]), 2**64 - 3
    batch = LlvmKernel(Task(program, RK4, (now, start), (), (False, False))).integrate(
        grid(3), [Segment(0, np.empty(0), np.empty((0, 4)))], seed, runs
    )
    for step in range(4):
        assert_array_equal(batch.series[step, 0], uniform(seed, runs, 0xFFFFFFFF, step))
        assert_array_equal(batch.series[step, 1], uniform(seed, runs, 17, 0))


@pytest.mark.parametrize("reverse", [False, True])
def test_series_of_the_caller_are_read_where_they_are(reverse: bool) -> None:
    b = Builder()
    first, second = b.leaf("series", 0), b.leaf("series", 1)
    total = b.op("add", first, b.op("mul", b.literal(10.0), second))
    program = Program(
        tuple(b.nodes), (), (State("s", b.literal(0.0), total),), (), (), (), (), (), {}, Control(0.0, 6.0, 1.0, 1.0),
        series=("a", "b"),
    )  # fmt: skip
    given = np.random.default_rng(1).normal(size=(4, 3, 11))[:, :2]
    given = given[::-1] if reverse else given
    for scheme in ("euler", "rk4"):
        task = Task(program, FIXED_STEP[scheme], (total, b.leaf("series", 0)), (), (True, True))
        task = dataclasses.replace(task, program=dataclasses.replace(program, nodes=tuple(b.nodes)))
        call = (grid(6), [Segment(0, np.empty(0), np.empty((0, 11)))], 0, np.arange(11), given)
        assert_agree(NumpyKernel(task).integrate(*call), LlvmKernel(task).integrate(*call))


def test_no_runs_are_no_problem() -> None:
    drawn = case(1, "euler", 0)
    batch = drawn.run(LlvmKernel(drawn.task, effort=0))
    assert batch.series.shape[1:] == (8, 0) and len(batch.failed_step) == 0
