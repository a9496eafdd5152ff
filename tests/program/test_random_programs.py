"""Laws on random programs, made by hypothesis from the table of operations: special values, ties, holds, delays.

What is claimed: the emitters agree, operation by operation even where arithmetic is at its edges; lanes and batches
never matter; derivatives forward, backward and by differences are one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from programs import KINDS, SPECIAL, grid, programs, run

from cluster_sd.program.adjoint import backward
from cluster_sd.program.build import Builder
from cluster_sd.program.derive import forward
from cluster_sd.program.emit_llvm import LlvmKernel
from cluster_sd.program.emit_numpy import NumpyKernel
from cluster_sd.program.ir import Program, Table
from cluster_sd.program.kernel import Kernel, Segment, Task
from cluster_sd.program.ops import OPS
from cluster_sd.program.tables import lookup, slope
from cluster_sd.simulate import reverse_mode
from cluster_sd.simulate.gradients import Differentiator, functional
from cluster_sd.solvers.tableau import EULER, FIXED_STEP, Tableau

Array = NDArray[np.float64]
Make = Callable[[Task], Kernel]
schemes = st.sampled_from(list(FIXED_STEP.values()))


def laws(examples: int) -> settings:
    """The same examples each time, and no clock."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    phases = [Phase.explicit, Phase.generate, Phase.shrink]
    return settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, phases=phases, suppress_health_check=slow
    )


def llvm(task: Task) -> Kernel:
    """Machine code, made quickly: how well it is made changes no bit, which has its own test."""
    return LlvmKernel(task, effort=0)


def values_for(program: Program, runs: int, *, special: bool, seed: int = 0) -> Array:
    """Parameter values, one column a run, without ties by chance; or with special numbers among them."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(len(program.parameters), runs))
    if special:
        odd = rng.random(found.shape) < 0.3
        found[odd] = rng.choice(SPECIAL, size=int(odd.sum()))
    return found


def equal(a: Array, b: Array, scale: Array | float = 0.0) -> NDArray[np.bool_]:
    """Equal within 1e-12, relative to the larger or to `scale`; NaN equals NaN, infinities equal themselves."""
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= 1e-12 * np.maximum(np.maximum(np.abs(a), np.abs(b)), scale)
        return (a == b) | (np.isnan(a) & np.isnan(b)) | near


def with_all_nodes(program: Program) -> tuple[Program, dict[int, int]]:
    """The program with every operation's value as an output, and which output (by number) is which node's."""
    b = Builder.of(program)
    shown = {i: b.as_number(i) for i, node in enumerate(program.nodes) if node.op != "literal"}
    kept = list(dict.fromkeys(shown.values()))
    outputs = {f"n{number}": node for number, node in enumerate(kept)}
    return replace(program, nodes=tuple(b.nodes), outputs=outputs), {i: kept.index(node) for i, node in shown.items()}


# -- emitters ------------------------------------------------------------------------------------------------------


@laws(40)
@given(programs(wild=False, random=True), schemes, st.booleans())
def test_the_emitters_agree_on_whole_runs(program: Program, scheme: Tableau, derived: bool) -> None:
    """Within 1e-12 of each output's size along the run; programs and derivatives of programs alike."""
    if derived:
        program = forward(program, range(len(program.parameters)))
    values = values_for(program, 19, special=False)
    a, b = (run(make, program, scheme, values, seed=3) for make in (NumpyKernel, llvm))
    np.testing.assert_array_equal(a.failed_step, b.failed_step)
    np.testing.assert_array_equal(a.failed_item, b.failed_item)
    scale = np.max(np.abs(np.where(np.isfinite(a.series), a.series, 0.0)), axis=0, keepdims=True)
    assert equal(a.series, b.series, 10 * scale + 1e-3).all()


@laws(50)
@given(programs(wild=True, random=True, size=24), schemes)
def test_the_emitters_agree_operation_by_operation_at_the_edges(program: Program, scheme: Tableau) -> None:
    """Each value that machine code computed is what the reference function makes of the values it was computed from."""
    shown, column = with_all_nodes(program)
    values = values_for(shown, 17, special=True)
    kept = tuple(shown.outputs.values())
    kernel = llvm(Task(shown, scheme, kept, tuple(range(len(values))), (False,) * len(kept)))
    segment = Segment(0, np.zeros(len(values)), values)
    found = kernel.integrate(grid(shown), [segment], 3, np.arange(17)).series

    def shown_values(position: int) -> Array:
        """Values along the runs; truth values were kept as numbers."""
        node = program.nodes[position]
        if node.op == "literal":
            return np.full(found[:, 0].shape, float(node.attr or 0.0))
        kept_values = found[:, column[position]]
        return kept_values != 0 if node.op in OPS and OPS[node.op].gives == "b" else kept_values

    for position, node in enumerate(program.nodes):
        if node.args and node.op != "hold":
            args = [shown_values(arg) for arg in node.args]
            expected, scale = _reference(program, position, args, values)
            got = np.asarray(shown_values(position), dtype=float)
            off = ~equal(got, np.broadcast_to(expected, got.shape), scale)
            assert not off.any(), (
                position,
                node,
                got[off][:3],
                np.broadcast_to(expected, got.shape)[off][:3],
                [a[off][:3] for a in args],
            )


def _reference(program: Program, position: int, args: list[Array], values: Array) -> tuple[Array, Array | float]:
    """What the reference function gives, and the size against which a rounding is to be measured."""
    node = program.nodes[position]
    with np.errstate(all="ignore"):
        if node.op in ("table", "table_slope"):
            table = program.tables[int(node.attr or 0)]
            first = table.first_parameter
            ys = values[first : first + len(table.x)] if first >= 0 else np.array(table.y)
            function = lookup if node.op == "table" else slope
            size = 10 * np.max(np.where(np.isfinite(ys), np.abs(ys), 0), axis=0)
            return np.array([function(table, row, ys if first >= 0 else None) for row in args[0]]), size
        expected = np.asarray(OPS[node.op].numpy(*args), dtype=float)
        # a product may be fused with the sum that it goes into: then its rounding error is missing
        size = np.maximum(np.abs(args[0]), np.abs(args[1])) if node.op in ("add", "sub") else 0.0
        return expected, np.where(np.isfinite(size), size, 0.0)


@laws(12)
@given(programs(wild=True, random=True), schemes, st.integers(1, 40))
def test_how_well_code_is_compiled_changes_no_bit(program: Program, scheme: Tableau, runs: int) -> None:
    values = values_for(program, runs, special=True)
    quick = run(lambda task: LlvmKernel(task, effort=0), program, scheme, values, steps=4)
    well = run(lambda task: LlvmKernel(task, effort=2), program, scheme, values, steps=4)
    alive = _alive(quick.failed_step, 5)
    np.testing.assert_array_equal(quick.failed_step, well.failed_step)
    np.testing.assert_array_equal(np.where(alive, quick.series, 0.0), np.where(alive, well.series, 0.0))


def _alive(failed_step: NDArray[np.int64], rows: int) -> NDArray[np.bool_]:
    """Rows of a run up to where it failed, shape (row, 1, run): later values don't matter."""
    last = np.where(failed_step < 0, rows, failed_step)
    return (np.arange(rows)[:, None] <= last)[:, None, :]


# -- lanes, batches, numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [NumpyKernel, llvm], ids=["numpy", "llvm"])
@laws(18)
@given(program=programs(wild=True, random=True), scheme=schemes)
def test_a_run_does_not_depend_on_its_company(make: Make, program: Program, scheme: Tableau) -> None:
    values = values_for(program, 21, special=True)
    together = run(make, program, scheme, values, seed=8)
    alive = _alive(together.failed_step, len(together.series))
    for first, last in ((0, 1), (1, 4), (4, 21)):
        part = run(make, program, scheme, values[:, first:last], seed=8, first=first)
        here = np.broadcast_to(alive[..., first:last], part.series.shape)
        np.testing.assert_array_equal(part.failed_step, together.failed_step[first:last])
        np.testing.assert_array_equal(
            np.where(here, part.series, 0), np.where(here, together.series[..., first:last], 0)
        )


@pytest.mark.parametrize("make", [NumpyKernel, llvm], ids=["numpy", "llvm"])
@laws(14)
@given(program=programs(wild=False, random=True), scheme=schemes)
def test_a_parameter_that_is_the_same_in_all_runs_may_be_given_either_way(
    make, program: Program, scheme: Tableau
) -> None:  # type: ignore[no-untyped-def]
    values = values_for(program, 3, special=False)
    values[1] = values[1, 0]
    kept = tuple(program.outputs.values())
    rest = tuple(i for i in range(len(values)) if i != 1)
    kernel = make(Task(program, scheme, kept, rest, (True,) * len(kept)))
    fixed = kernel.integrate(grid(program), [Segment(0, values[:, 0], values[list(rest)])], 2, np.arange(3))
    varying = run(make, program, scheme, values, seed=2)
    scale = np.max(np.abs(np.where(np.isfinite(varying.series), varying.series, 0.0)), axis=0, keepdims=True)
    assert equal(fixed.series, varying.series, 10 * scale + 1e-3).all()


@laws(20)
@given(program=programs(wild=False), scheme=schemes, steps=st.integers(1, 7))
def test_a_segment_that_changes_nothing_changes_nothing(program: Program, scheme: Tableau, steps: int) -> None:
    values = values_for(program, 5, special=False)
    kept = tuple(program.outputs.values())
    for make in (NumpyKernel, llvm):
        kernel = make(Task(program, scheme, kept, tuple(range(len(values))), (True,) * len(kept)))
        one = Segment(0, np.zeros(len(values)), values)
        whole = kernel.integrate(grid(program), [one], 0, np.arange(5))
        cut = kernel.integrate(grid(program), [one, replace(one, first=steps)], 0, np.arange(5))
        np.testing.assert_array_equal(whole.series, cut.series)


# -- derivatives -----------------------------------------------------------------------------------------------------


def _differentiators(program: Program, scheme: Tableau, make: Make) -> list[Differentiator]:
    every = tuple(range(len(program.parameters)))
    measures = [functional("sum", node, name=name) for name, node in program.outputs.items()]
    return [
        Differentiator(program, every, measures, scheme, every, mode=mode, make=make) for mode in ("forward", "reverse")
    ]


def _ties(program: Program) -> Array:
    """Values at which much is equal to much: parameters like literals, times and corners of tables."""
    count = len(program.parameters)
    return np.stack(
        [np.array([0.5, 1.0, 0.25, 0.0, 2.0, 0.5, -0.75])[:count], np.zeros(count), np.full(count, 0.5)], axis=1
    )


@pytest.mark.parametrize("make", [NumpyKernel, llvm], ids=["numpy", "llvm"])
@laws(22)
@given(program=programs(wild=False), scheme=schemes)
def test_forward_and_reverse_derivatives_are_one_at_ties_too(make: Make, program: Program, scheme: Tableau) -> None:
    values = np.hstack([values_for(program, 4, special=False), _ties(program)])
    segments = [Segment(0, np.zeros(len(values)), values)]
    there, back = (d(grid(program), segments) for d in _differentiators(program, scheme, make))
    np.testing.assert_allclose(there.values, back.values, rtol=1e-11, atol=1e-12)
    size = np.abs(there.jacobian).max(axis=(0, 1), initial=1.0)
    assert (np.abs(there.jacobian - back.jacobian) <= 1e-11 * size).all()


@laws(35)
@given(programs(wild=True), schemes)
def test_forward_and_reverse_derivatives_are_one_wherever_both_are_numbers(program: Program, scheme: Tableau) -> None:
    """With infinities, NaN and branches not taken about, in runs that don't fail."""
    values = values_for(program, 12, special=True)
    segments = [Segment(0, np.zeros(len(values)), values)]
    there, back = (d(grid(program), segments) for d in _differentiators(program, scheme, NumpyKernel))
    np.testing.assert_array_equal(there.failed_step, back.failed_step)
    with np.errstate(all="ignore"):
        both = np.isfinite(there.jacobian) & np.isfinite(back.jacobian)
        # a sum of huge terms that cancel is not the same number in another order
        tame = both & (np.abs(there.jacobian) < 1e6) & (np.abs(back.jacobian) < 1e6)
        apart = np.abs(there.jacobian - back.jacobian) > 1e-6 * (1 + np.abs(there.jacobian))
    assert not (tame & apart).any()


@pytest.mark.parametrize("number", range(4))
def test_derivatives_are_what_moving_the_parameters_gives(number: int) -> None:
    """Central differences, where two step sizes agree that there is no kink or jump nearby: in most places."""
    compared = trusted = 0

    @laws(9)
    @given(programs(wild=False, size=10 + 5 * number), schemes)
    def check(program: Program, scheme: Tableau) -> None:
        nonlocal compared, trusted
        base = 0.3 * np.arange(len(program.parameters)) + 0.2137 * np.sqrt(2 + np.arange(len(program.parameters)))
        count = len(base)
        there, _ = _differentiators(program, scheme, llvm)
        found = there(grid(program), [Segment(0, base, base[:, None])]).jacobian[..., 0]

        def difference(h: float) -> Array:
            moved = base[:, None] + h * np.hstack([np.eye(count), -np.eye(count)])
            values = there(grid(program), [Segment(0, base, moved)]).values
            return (values[:, :count] - values[:, count:]) / (2 * h)

        wide, narrow = difference(1e-4), difference(2e-5)
        agree = np.isclose(wide, narrow, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found[agree], narrow[agree], rtol=1e-4, atol=1e-5)
        compared, trusted = compared + agree.size, trusted + int(agree.sum())

    check()
    assert trusted > 0.97 * compared > 100


@laws(20)
@given(programs(wild=False, random=True), schemes)
def test_plain_products_and_absorbing_ones_give_one_derivative(program: Program, scheme: Tableau) -> None:
    every = range(len(program.parameters))
    values = values_for(program, 6, special=False)
    careful, plain = (forward(program, every, plain=flag) for flag in (False, True))
    seeds = np.ones((len(careful.parameters) - len(values), 6))
    a, b = (run(NumpyKernel, made, scheme, np.vstack([values, seeds])).series for made in (careful, plain))
    np.testing.assert_array_equal(a, b)


@laws(20)
@given(programs(wild=False, random=True), schemes)
def test_a_sweep_cut_by_checkpoints_is_the_sweep(program: Program, scheme: Tableau) -> None:
    values = values_for(program, 3, special=False)
    _, back = _differentiators(program, scheme, NumpyKernel)
    segments = [Segment(0, np.zeros(len(values)), values)]
    whole = back(grid(program, 9), segments, seed=1)
    limit, reverse_mode.CHECKPOINT_BYTES = reverse_mode.CHECKPOINT_BYTES, 0
    try:
        parts = back(grid(program, 9), segments, seed=1)
    finally:
        reverse_mode.CHECKPOINT_BYTES = limit
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(parts.jacobian, whole.jacobian, rtol=1e-10, atol=1e-12)


@laws(15)
@given(programs(wild=True, random=True))
def test_a_backward_program_agrees_on_both_emitters(program: Program) -> None:
    """It is a program like any other, with series handed over in reverse order."""
    outputs = list(program.outputs.values())
    sweep = backward(program, EULER, outputs, range(len(program.parameters)))
    rng = np.random.default_rng(0)
    given_rows = rng.normal(size=(6, max(1, len(sweep.program.series)), 5))
    count = len(sweep.program.parameters)
    segment = Segment(0, rng.uniform(0.1, 1.0, count), np.empty((0, 5)))
    task = Task(sweep.program, EULER, sweep.gradient, (), (False,) * len(sweep.gradient))
    a, b = (
        make(task).integrate(sweep.grid(5), [segment], 0, np.arange(5), given_rows[::-1])
        for make in (NumpyKernel, llvm)
    )
    with np.errstate(all="ignore"):
        fine = np.isfinite(a.series) & (a.failed_step < 0)
        scale = np.max(np.abs(np.where(fine, a.series, 0.0)), initial=1.0)
    assert equal(np.where(fine, a.series, 0.0), np.where(fine, b.series, 0.0), 1e3 * scale).all()


@laws(60)
@given(
    st.sampled_from(KINDS),
    st.lists(st.floats(-5, 5).map(lambda v: round(v, 2)), min_size=1, max_size=30, unique=True),
    st.booleans(),
)
def test_tables_are_the_same_in_machine_code(kind: str, x: list[float], own: bool) -> None:
    """At the points, between and beyond them, at both infinities and at what is not a number; few points and many."""
    points = tuple(sorted(x))
    rng = np.random.default_rng(len(points))
    heights = rng.normal(size=len(points))
    table = Table("t", points, tuple(heights.tolist()), kind, 1 if own else -1)
    b = Builder()
    at = b.leaf("parameter", 0)
    outputs = {"value": b.table(table, at), "slope": b.table(table, at, "table_slope")}
    base = _empty_program(b, outputs, 1 + len(points))
    places = np.array([*points, *rng.uniform(-6, 6, 9), np.inf, -np.inf, np.nan, -0.0])
    values = np.vstack([places, np.repeat(heights[:, None], len(places), axis=1)])
    found, expected = (run(make, base, EULER, values, steps=0).series[0] for make in (llvm, NumpyKernel))
    assert equal(found[0], expected[0], np.abs(heights).max()).all()
    assert equal(found[1], expected[1], np.nanmax(np.abs(expected[1]), initial=0.0)).all()


def _empty_program(b: Builder, outputs: dict[str, int], parameters: int) -> Program:
    from cluster_sd.program.ir import Control, Parameter

    named = tuple(Parameter(f"p{i}", 0.0) for i in range(parameters))
    return Program(tuple(b.nodes), named, (), (), (), tuple(b.tables), (), (), outputs, Control(0.0, 1.0, 1.0, 1.0))
