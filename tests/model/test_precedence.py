"""Expressions mean what they mean to the modeller's tool: precedence and association, against Python's own."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster_sd.model.source import read_source

VALUES = {"a": 0.5, "b_c": 3.0, "notable": 2.0, "order": 1.5, "iffy": -1.25}
SIGN = st.sampled_from(["", "", "", "-", "- ", "+"])
NUMBER = st.sampled_from(["2", "3", "0.5", ".25", "1.", "1e1", "1.5E-1"])
ATOM = st.one_of(NUMBER, st.sampled_from(list(VALUES)))


def signed(sign, part):
    return part if part[0] in "+-" else sign + part


ARITHMETIC = st.recursive(
    ATOM,
    lambda inner: st.lists(
        st.tuples(st.sampled_from([" + ", "-", "*", " / ", "^", " ^ "]), SIGN, inner | inner.map("({})".format)),
        min_size=2,
        max_size=4,
    ).map(lambda parts: "".join(op + signed(sign, part) for op, sign, part in parts)[len(parts[0][0]) :]),
    max_leaves=8,
)
COMPARISON = st.tuples(ATOM, st.sampled_from(["<", "<=", ">", ">=", "=", "<>"]), ATOM).map(" ".join)
LOGIC = st.recursive(
    COMPARISON,
    lambda inner: st.lists(
        st.tuples(
            st.sampled_from([" AND ", " OR "]), st.sampled_from(["", "", "NOT "]), inner.map("({})".format) | COMPARISON
        ),
        min_size=2,
        max_size=4,
    ).map(lambda parts: "".join(op + no + part for op, no, part in parts)[len(parts[0][0]) :]),
    max_leaves=6,
)


def value(ast):
    """An expression of PySD's abstract model, by the book: powers from the right, everything else from the left."""
    if isinstance(ast, int | float):
        return float(ast)
    kind = type(ast).__name__
    if kind == "ReferenceStructure":
        return VALUES[ast.reference]
    if kind == "CallStructure":
        assert ast.function.reference == "if_then_else"
        return value(ast.arguments[1]) if value(ast.arguments[0]) else value(ast.arguments[2])
    arguments, operators = [value(a) for a in ast.arguments], list(ast.operators)
    if operators in (["negative"], [":NOT:"]):
        return -arguments[0] if operators == ["negative"] else not arguments[0]
    assert len(set(operators) & {":AND:", ":OR:"}) < 2, "and and or in one chain"
    if operators[0] == "^":
        total = arguments.pop()
        while arguments:
            total = power(arguments.pop(), total)
        return total
    total = arguments[0]
    for operator, argument in zip(operators, arguments[1:], strict=True):
        total = OPERATIONS[operator](total, argument)
    return total


def power(x, y):
    try:
        found = x**y
    except (OverflowError, ZeroDivisionError):
        return math.nan
    return found if isinstance(found, float) else math.nan


OPERATIONS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y if y else math.nan,
    "=": lambda x, y: x == y,
    "<>": lambda x, y: x != y,
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
    ":AND:": lambda x, y: x and y,
    ":OR:": lambda x, y: x or y,
}


def expected(text):
    """The same by Python, whose precedence is the modellers': ``^`` before a minus, from the right."""
    for word, python in {"<>": "!=", "^": "**", " AND ": " and ", " OR ": " or ", "NOT ": "not "}.items():
        text = text.replace(word, python)
    text = text.replace(" = ", " == ")
    try:
        found = eval(text, {}, dict(VALUES))
    except (ZeroDivisionError, OverflowError):
        return math.nan
    return float(found) if isinstance(found, int | float) else math.nan


def vensim(tmp_path, text):
    for word in ("AND", "OR", "NOT"):
        text = text.replace(f"{word} ", f":{word}: ")
    path = tmp_path / "m.mdl"
    path.write_text(f"y = {text} ~~|\nFINAL TIME = 2 ~~|\nINITIAL TIME = 0 ~~|\nTIME STEP = 1 ~~|\n")
    return read_source(path)


def xmile(tmp_path, text):
    text = text.replace("<", "&lt;").replace(">", "&gt;")
    path = tmp_path / "m.xmile"
    path.write_text(
        '<xmile xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0">'
        "<sim_specs><start>0</start><stop>1</stop><dt>1</dt></sim_specs>"
        f'<model><variables><aux name="y"><eqn>{text}</eqn></aux></variables></model></xmile>'
    )
    return read_source(path)


def of_y(source):
    return value(next(e for e in source.abstract.sections[0].elements if e.name == "y").components[0].ast)


QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


@pytest.mark.parametrize("write", [vensim, xmile])
@QUIET
@given(text=ARITHMETIC)
def test_arithmetic_is_that_of_the_tool(tmp_path, write, text):
    truth = expected(text)
    if math.isfinite(truth):
        assert of_y(write(tmp_path, text)) == pytest.approx(truth, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize(
    ("write", "condition"),
    [(vensim, "IF THEN ELSE({}, 1, 0)"), (xmile, "IF {} THEN 1 ELSE 0")],
    ids=["vensim", "xmile"],
)
@QUIET
@given(text=LOGIC)
def test_logic_is_that_of_the_tool(tmp_path, write, condition, text):
    assert of_y(write(tmp_path, condition.format(text))) == expected(text)
