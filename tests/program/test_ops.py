"""Every row of the table of operations against truth from outside: complex step, closed forms, IEEE arithmetic."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from cluster_sd.program.build import Builder
from cluster_sd.program.derive import partials
from cluster_sd.program.ir import LEAVES
from cluster_sd.program.ops import OPS

#: Analytic continuations, for the complex step; domain of each argument.
SMOOTH: dict[str, tuple[Callable[..., complex], tuple[tuple[float, float], ...]]] = {
    "neg": (lambda a: -a, ((-3, 3),)),
    "add": (lambda a, b: a + b, ((-3, 3), (-3, 3))),
    "sub": (lambda a, b: a - b, ((-3, 3), (-3, 3))),
    "mul": (lambda a, b: a * b, ((-3, 3), (-3, 3))),
    "absorb": (lambda a, b: a * b, ((-3, 3), (-3, 3))),
    "div": (lambda a, b: a / b, ((-3, 3), (0.2, 3))),
    "pow": (lambda a, b: a**b, ((0.1, 4), (-3, 3))),
    "exp": (np.exp, ((-5, 5),)),
    "log": (np.log, ((0.05, 9),)),
    "sqrt": (np.sqrt, ((0.05, 9),)),
    "sin": (np.sin, ((-7, 7),)),
    "cos": (np.cos, ((-7, 7),)),
    "tan": (np.tan, ((-1.4, 1.4),)),
    "asin": (np.arcsin, ((-0.999, 0.999),)),
    "acos": (np.arccos, ((-0.999, 0.999),)),
    "atan": (np.arctan, ((-5, 5),)),
    "sinh": (np.sinh, ((-4, 4),)),
    "cosh": (np.cosh, ((-4, 4),)),
    "tanh": (np.tanh, ((-4, 4),)),
    "hold": (lambda a: 1.0 * a, ((-3, 3),)),
}
#: Continuous, with kinks: compared with central differences away from these.
KINKED = ("abs", "min", "max")
#: No derivative flows through them.
FLAT = ("trunc", "floor", "lt", "le", "eq", "ne", "and", "or", "not", "number", "truth", "table_slope")


@pytest.fixture(autouse=True)
def _plain_arithmetic() -> Iterator[None]:
    """Infinities and NaN come silently, as in the emitters."""
    with np.errstate(all="ignore"):
        yield


def evaluate(builder: Builder, node: int, *args: object) -> np.ndarray:
    """Value of a node by the reference functions; the arguments are the leaves ``state 0``, ``state 1`` and so on."""
    values: list[object] = []
    for found in builder.nodes[: node + 1]:
        if found.op == "literal":
            values.append(found.attr)
        elif found.op == "state":
            values.append(args[int(found.attr or 0)])
        else:
            values.append(OPS[found.op].numpy(*(values[arg] for arg in found.args)))
    return np.asarray(values[node])


def slopes(op: str, *args: object) -> list[np.ndarray | None]:
    """Partial derivatives of operation `op` at `args` by the table's rule."""
    builder = Builder()
    leaves = [builder.leaf("state", i) for i in range(len(args))]
    node = builder.unique(op, *leaves, attr=0) if op == "hold" else builder.op(op, *leaves)
    return [None if p is None else evaluate(builder, p, *args) for p in partials(builder, node)]


def test_every_operation_is_under_test_here() -> None:
    assert set(OPS) == {*SMOOTH, *KINKED, *FLAT, "select", "table"}


def test_no_operation_is_named_like_a_leaf() -> None:
    assert not set(OPS) & set(LEAVES)


@pytest.mark.parametrize("op", SMOOTH)
def test_a_derivative_is_that_of_the_complex_step(op: str) -> None:
    function, domain = SMOOTH[op]
    rng = np.random.default_rng(0)
    args = [rng.uniform(low, high, 200) for low, high in domain]
    for place, slope in enumerate(slopes(op, *args)):
        assert slope is not None
        moved = [arg + (1e-30j if i == place else 0j) for i, arg in enumerate(args)]
        expected = np.imag(function(*moved)) / 1e-30
        np.testing.assert_allclose(np.broadcast_to(slope, np.shape(expected)), expected, rtol=4e-14, atol=1e-15)


@pytest.mark.parametrize("op", KINKED)
def test_a_kinked_operation_has_the_derivative_of_the_piece_that_it_is_on(op: str) -> None:
    rng = np.random.default_rng(1)
    args = [rng.uniform(-2, 2, 200) for _ in OPS[op].takes]
    for place, slope in enumerate(slopes(op, *args)):
        ahead, behind = ([a + (h if i == place else 0) for i, a in enumerate(args)] for h in (1e-7, -1e-7))
        expected = (OPS[op].numpy(*ahead) - OPS[op].numpy(*behind)) / 2e-7
        np.testing.assert_allclose(np.broadcast_to(np.asarray(slope), expected.shape), expected, atol=1e-6)


@pytest.mark.parametrize("op", ("min", "max"))
def test_of_equal_arguments_the_first_has_the_derivative(op: str) -> None:
    """At a tie one of the two passes its derivative on, never both and never neither."""
    ties = np.array([0.0, -0.0, 1.5, -3.0, 5e-324, np.inf])
    first, second = slopes(op, ties, ties)
    np.testing.assert_array_equal(first, 1.0)
    np.testing.assert_array_equal(second, 0.0)


@pytest.mark.parametrize("op", FLAT)
def test_nothing_flows_through_what_is_flat_or_jumps(op: str) -> None:
    assert OPS[op].partials is None


def test_only_the_branch_taken_has_a_derivative() -> None:
    builder = Builder()
    c, a, b = (builder.leaf("state", i) for i in range(3))
    node = builder.op("select", builder.op("lt", c, builder.literal(0.0)), a, b)
    none, yes, no = partials(builder, node)
    assert none is None and yes is not None and no is not None
    where = np.array([-1.0, 1.0, np.nan])
    np.testing.assert_array_equal(evaluate(builder, yes, where, 5.0, 6.0), [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(evaluate(builder, no, where, 5.0, 6.0), [0.0, 1.0, 1.0])


def test_what_jumps_says_so() -> None:
    jumping = {op for op, row in OPS.items() if row.jumps}
    assert jumping == {"trunc", "floor", "lt", "le", "eq", "ne", "truth", "table_slope"}


def test_zero_absorbs_whatever_it_meets() -> None:
    odd = np.array([np.inf, -np.inf, np.nan, 1e308, -0.0, 0.0])
    for zero in (0.0, -0.0):
        np.testing.assert_array_equal(OPS["absorb"].numpy(odd, zero), np.zeros(6))
        np.testing.assert_array_equal(OPS["absorb"].numpy(np.full(6, zero), odd), np.zeros(6))
    np.testing.assert_array_equal(OPS["absorb"].numpy(odd[:3], 2.0), [np.inf, -np.inf, np.nan])


@pytest.mark.parametrize(
    ("base", "exponent", "in_base", "in_exponent"),
    [
        (0.0, 0.0, 0.0, 0.0),  # x**0 is 1 everywhere, and so is its value here
        (0.0, 1.0, 1.0, 0.0),
        (0.0, 2.0, 0.0, 0.0),
        (0.0, 0.5, np.inf, 0.0),
        (-0.0, 3.0, 0.0, 0.0),
        (-2.0, 2.0, -4.0, 0.0),
        (-2.0, 3.0, 12.0, 0.0),
        (-2.0, -1.0, -0.25, 0.0),
        (1.0, 7.0, 7.0, 0.0),
        (np.inf, -1.0, 0.0, 0.0),
    ],
)
def test_powers_have_their_limits_at_the_edges(
    base: float, exponent: float, in_base: float, in_exponent: float
) -> None:
    found = slopes("pow", np.array([base]), np.array([exponent]))
    np.testing.assert_allclose(
        np.concatenate([np.atleast_1d(np.asarray(s)) for s in found]), [in_base, in_exponent], atol=0
    )


def test_a_square_root_is_infinitely_steep_at_zero() -> None:
    assert slopes("sqrt", np.array([0.0]))[0] == np.inf


@pytest.mark.parametrize("op", ("asin", "acos"))
def test_inverse_sines_are_infinitely_steep_at_their_ends_and_exact_beside_them(op: str) -> None:
    sign = 1.0 if op == "asin" else -1.0
    near = 1.0 - 2.0**-50
    slope = slopes(op, np.array([1.0, -1.0, near]))[0]
    assert slope is not None
    np.testing.assert_array_equal(slope[:2], sign * np.inf)
    # 1 - near**2 = (1 - near)(1 + near), both factors exact
    assert slope[2] == pytest.approx(sign / np.sqrt(2.0**-50 * (1.0 + near)), rel=1e-15)


@pytest.mark.parametrize("op", ("min", "max"))
def test_minimum_and_maximum_keep_what_is_not_a_number(op: str) -> None:
    assert np.isnan(OPS[op].numpy(np.nan, 1.0)) and np.isnan(OPS[op].numpy(1.0, np.nan))


def test_comparisons_with_what_is_not_a_number_are_false_except_inequality() -> None:
    for op, other in itertools.product(("lt", "le", "eq"), (0.0, np.inf, np.nan)):
        assert not OPS[op].numpy(np.nan, other)
    assert OPS["ne"].numpy(np.nan, np.nan)


@pytest.mark.parametrize(
    ("x", "truth"), [(0.0, False), (-0.0, False), (1.0, True), (-0.5, True), (np.nan, True), (5e-324, True)]
)
def test_any_number_but_zero_is_true(x: float, truth: bool) -> None:
    assert bool(OPS["truth"].numpy(x)) is truth


def test_kinds_of_arguments_are_as_many_as_the_function_takes() -> None:
    for op, row in OPS.items():
        if op in ("table", "table_slope"):
            continue
        args = [np.array([True]) if kind == "b" else np.array([0.5]) for kind in row.takes]
        result = np.asarray(row.numpy(*args))
        assert (result.dtype == bool) is (row.gives == "b"), op
