"""The builder: one node for one expression, and nothing that it simplifies changes a number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_sd.program.build import Builder, reachable
from cluster_sd.program.ir import LEAVES, Node, Rate, Table
from cluster_sd.program.ops import OPS

SPECIAL = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -2.5, 5e-324, 1e300, np.inf, -np.inf, np.nan)
PLAIN = [op for op in OPS if op not in ("hold", "table", "table_slope")]
numbers = st.one_of(st.sampled_from(SPECIAL), st.floats(allow_nan=True, allow_infinity=True))


def same(a: float, b: float) -> bool:
    """Equal to the bit, NaN counting as one number."""
    return (a != a and b != b) or (a == b and math.copysign(1, a) == math.copysign(1, b))


def test_equal_expressions_are_one_node() -> None:
    b = Builder()
    x, y = b.leaf("state", 0), b.leaf("state", 1)
    assert b.op("sub", x, y) == b.op("sub", x, y) != b.op("sub", y, x)
    assert b.leaf("state", 0) == x
    assert b.op("exp", b.op("sub", x, y)) == b.op("exp", b.op("sub", x, y))


@pytest.mark.parametrize("op", ["add", "mul", "eq", "ne"])
def test_order_does_not_matter_where_it_changes_no_bit(op: str) -> None:
    b = Builder()
    x, y = b.leaf("state", 0), b.leaf("state", 1)
    assert b.op(op, x, y) == b.op(op, y, x)


@pytest.mark.parametrize("op", ["min", "max"])
def test_order_matters_in_minimum_and_maximum(op: str) -> None:
    """Of -0 and 0 the first is kept, and of two that are equal the first has the derivative."""
    b = Builder()
    x, y = b.leaf("state", 0), b.leaf("state", 1)
    assert b.op(op, x, y) != b.op(op, y, x)
    assert b.op(op, x, x) == x


def test_zeros_of_both_signs_are_two_literals_and_nan_is_one() -> None:
    b = Builder()
    assert b.literal(0.0) != b.literal(-0.0)
    assert b.literal(np.nan) == b.literal(float("nan"))
    assert b.literal(np.nan) != b.literal(0.0)
    assert b.literal(1.0) == b.literal(np.float64(1.0))


@settings(deadline=None, derandomize=True, max_examples=400)
@given(st.sampled_from(PLAIN), numbers, numbers, numbers)
def test_an_operation_on_literals_is_what_the_reference_function_gives(op: str, x: float, y: float, z: float) -> None:
    row = OPS[op]
    args = (x, y, z)[: len(row.takes)]
    b = Builder()
    node = b.op(op, *(b.literal(arg) for arg in args))
    given_args = [arg != 0 if kind == "b" else arg for arg, kind in zip(args, row.takes, strict=True)]
    with np.errstate(all="ignore"):
        expected = row.numpy(*given_args)
    assert b.nodes[node].rate is Rate.LITERAL
    if row.gives == "b":
        assert b.known_truth(node) is bool(expected)
    else:
        found = float(b.value(node))
        # -0 + 0 and 0 * -1 may lose the sign of a zero where a product absorbs
        assert same(found, float(expected)) or (op == "absorb" and found == expected)


@settings(deadline=None, derandomize=True, max_examples=400)
@given(
    st.sampled_from([op for op in PLAIN if len(OPS[op].takes) == 2 and OPS[op].takes == "ff"]),
    numbers,
    numbers,
    st.booleans(),
)
def test_a_simplification_with_a_literal_changes_no_number(op: str, known: float, value: float, first: bool) -> None:
    """X + 0, x * 1, x / 1, x ** 1 …: what is left gives what the operation would have given, for any x."""
    b = Builder()
    x = b.leaf("state", 0)
    node = b.op(op, b.literal(known), x) if first else b.op(op, x, b.literal(known))
    with np.errstate(all="ignore"):
        expected = OPS[op].numpy(*((known, value) if first else (value, known)))
        values: list[object] = []
        for found in b.nodes[: node + 1]:
            if found.op == "literal":
                values.append(found.attr)
            elif found.op == "state":
                values.append(value)
            else:
                values.append(OPS[found.op].numpy(*(values[arg] for arg in found.args)))
    found_value = float(values[node])  # type: ignore[arg-type]
    # `x + 0` is taken for x though -0 + 0 is 0
    assert same(found_value, float(expected)) or found_value == float(expected) == 0


def test_identities_leave_the_argument_itself() -> None:
    b = Builder()
    x = b.leaf("state", 0)
    zero, one = b.literal(0.0), b.literal(1.0)
    assert b.op("add", x, zero) == b.op("add", zero, x) == b.op("sub", x, zero) == x
    assert b.op("mul", x, one) == b.op("mul", one, x) == b.op("div", x, one) == b.op("pow", x, one) == x
    assert b.op("neg", b.op("neg", x)) == x
    assert b.op("sub", zero, x) != x and b.op("div", one, x) != x


def test_a_product_with_zero_is_not_folded_but_absorption_is() -> None:
    """0 * x is NaN for an infinite x; a derivative's absorbing product is 0 whatever x."""
    b = Builder()
    x, zero = b.leaf("state", 0), b.literal(0.0)
    assert b.nodes[b.op("mul", x, zero)].op == "mul"
    assert b.op("absorb", x, zero) == b.op("absorb", zero, x) == zero
    assert b.op("absorb", b.literal(1.0), x) == x
    assert b.nodes[b.op("absorb", b.literal(3.0), x)].op == "mul"
    assert b.nodes[b.op("absorb", b.literal(np.inf), x)].op == "absorb"


def test_a_plain_builder_makes_ordinary_products() -> None:
    b = Builder(plain=True)
    x, y = b.leaf("state", 0), b.leaf("state", 1)
    assert b.nodes[b.op("absorb", x, y)].op == "mul"
    assert b.op("absorb", x, b.literal(0.0)) == b.literal(0.0)


def test_a_choice_that_is_known_is_made() -> None:
    b = Builder()
    x, y = b.leaf("state", 0), b.leaf("state", 1)
    assert b.op("select", b.literal(1.0), x, y) == x
    assert b.op("select", b.literal(0.0), x, y) == y
    assert b.op("select", b.op("lt", b.literal(2.0), b.literal(1.0)), x, y) == y
    assert b.op("select", b.op("lt", x, y), x, x) == x


def test_kinds_are_changed_where_needed_and_only_there() -> None:
    b = Builder()
    x, y = b.leaf("state", 0), b.leaf("state", 1)
    less = b.op("lt", x, y)
    assert b.kind(less) == "b" and b.kind(x) == "f"
    total = b.op("add", less, x)
    assert [b.nodes[arg].op for arg in b.nodes[total].args if arg != x] == ["number"]
    choice = b.op("select", x, y, x)
    assert b.nodes[b.nodes[choice].args[0]].op == "truth"
    assert b.op("and", b.as_number(less), less) == b.op("and", less, less)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.lists(st.sampled_from(sorted(LEAVES)), min_size=2, max_size=2))
def test_a_value_changes_as_often_as_what_it_is_made_of(leaves: list[str]) -> None:
    b = Builder()
    x, y = (b.literal(2.5) if op == "literal" else b.leaf(op, 0) for op in leaves)
    rates = {b.nodes[x].rate, b.nodes[y].rate}
    found = b.nodes[b.op("sub", x, b.op("exp", y))].rate
    assert found is (Rate.STEP if rates == {Rate.RUN, Rate.TIME} else max(rates))


def test_a_table_at_a_literal_is_looked_up_when_built() -> None:
    b = Builder()
    table = Table("t", (0.0, 1.0, 3.0), (1.0, 2.0, -2.0))
    assert b.value(b.table(table, b.literal(2.0))) == 0.0
    assert b.value(b.table(table, b.literal(2.0), "table_slope")) == -2.0
    assert b.nodes[b.table(table._replace(first_parameter=0), b.literal(2.0))].rate is Rate.RUN


def test_equal_tables_are_one() -> None:
    b = Builder()
    x = b.leaf("state", 0)
    table = Table("t", (0.0, 1.0), (1.0, 2.0))
    assert b.table(table, x) == b.table(Table("t", (0.0, 1.0), (1.0, 2.0)), x)
    assert b.table(table._replace(kind="forward"), x) != b.table(table, x)
    assert len(b.tables) == 2


def test_only_what_is_needed_is_reached() -> None:
    nodes = [Node("state", (), 0, Rate.STEP), Node("exp", (0,), None, Rate.STEP), Node("hold", (1,), 0, Rate.STEP)]
    nodes += [Node("neg", (2,), None, Rate.STEP), Node("cos", (0,), None, Rate.STEP)]
    assert reachable(nodes, [3]) == [0, 1, 2, 3]
    assert reachable(nodes, [3], stop=frozenset({"hold"})) == [2, 3]
    assert reachable(nodes, []) == []


def test_a_held_value_is_told_by_its_slot() -> None:
    b = Builder()
    x = b.leaf("state", 0)
    assert b.unique("hold", x, attr=0) != b.unique("hold", x, attr=1)
