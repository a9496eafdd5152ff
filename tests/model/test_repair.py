"""Repairs: each a function of text, that changes what PySD can't read and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_sd.model import repair
from cluster_sd.model.source import read_source

CONTROL = "FINAL TIME = 2 ~~|\nINITIAL TIME = 0 ~~|\nTIME STEP = 1 ~~|\n"
PLAIN = st.from_regex(r"[a-z][a-z ]{0,8}( = | := |\()[a-z0-9+*/(), .]{0,20}", fullmatch=True)


@pytest.fixture
def ast(tmp_path):
    """PySD's expression of the variable ``y`` of a model with that entry."""

    def parsed(text, section=0):
        path = tmp_path / "m.mdl"
        path.write_text(text + "\n" + CONTROL, encoding="utf-8")
        elements = read_source(path).abstract.sections[section].elements
        return next(str(e.components[0].ast) for e in elements if e.name == "y")

    return parsed


def test_a_comment_inside_an_equation_is_no_part_of_it(ast):
    assert ast('y = 2 {per year | ~ "} * x ~~|\nx = 1 ~~|') == ast("y = 2 * x ~~|\nx = 1 ~~|")


def test_a_comment_before_an_equation_is_no_part_of_it(ast):
    assert ast("{UTF-8}\n{ a header | }\ny = 3 ~~|") == "3"


def test_braces_in_a_quoted_name_are_letters(ast):
    assert '"x_{1}"' in ast('y = 2 * "x {1}" ~~|\n"x {1}" = 1 ~~|')


@pytest.mark.parametrize("word", [":RAW:", ":raw:", ": Raw :", ":INTERPOLATE:", ":look forward:", ":HOLD BACKWARD:"])
def test_keywords_of_data_are_read_in_any_case(tmp_path, word):
    path = tmp_path / "m.mdl"
    path.write_text(f"y {word}:= GET DIRECT DATA('d.csv', ',', 'A', 'B2') ~~|\nz{word} ~~|\n{CONTROL}")
    for element in read_source(path).abstract.sections[0].elements[:2]:
        assert element.components[0].keyword == word.strip(": ").lower().replace(" ", "_")


@pytest.mark.parametrize("word", [":and:", ":And:", ": AND :", ":AND:"])
def test_logic_is_read_in_any_case(ast, word):
    assert ast(f"y = IF THEN ELSE(1 > 0 {word} :not: 2 = 3, 1, :na:) ~~|") == ast(
        "y = IF THEN ELSE(1 > 0 :AND: :NOT: 2 = 3, 1, :NA:) ~~|"
    )


def test_with_lookup_and_tabbed_array_are_read_in_any_case(ast):
    assert ast("y = with lookup(Time, ((0,1),(2,3))) ~~|") == ast("y = WITH LOOKUP(Time, ((0,1),(2,3))) ~~|")
    assert ast("d: a, b ~~|\ny[d] = Tabbed  Array(1 2) ~~|") == ast("d: a, b ~~|\ny[d] = TABBED ARRAY(1 2) ~~|")


def test_a_minus_before_a_power_negates_the_power(ast):
    assert ast("y = -2^2 ~~|") != ast("y = (-2)^2 ~~|")
    assert "negative" in ast("y = -2^2 ~~|")
    assert "negative" in ast("y = 3 * -2 ^ x ~~|\nx = 1 ~~|")
    assert "negative" in ast("y = 30 ^ - 30^-x ~~|\nx = 1 ~~|")


def test_a_minus_between_two_numbers_is_a_difference():
    assert repair.bind_powers("y = 3 -2^2") == "y = 3 -2^2"
    assert repair.bind_powers("y = (a) - 2^2") == "y = (a) - 2^2"
    assert repair.bind_powers('y = "-2^2"') == 'y = "-2^2"'


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("a :OR: b :OR: c", "a :OR: b :OR: c"),
        ("a :AND: b :AND: c", "a :AND: b :AND: c"),
        ("a :OR: b :AND: c", "a :OR: (b :AND: c)"),
        ("a :AND: (b :OR: c :AND: d)", "a :AND: (b :OR: (c :AND: d))"),
        ("f(a :AND: b :OR: c, d :OR: e) :AND: g", "f((a :AND: b) :OR: c, d :OR: e) :AND: g"),
        ('"a :AND: b" :OR: c :AND: d', '"a :AND: b" :OR: (c :AND: d)'),
        (":NOT: a :AND: b :OR: c", "(:NOT: a :AND: b) :OR: c"),
        ("(a) :AND: (b) :OR: (c)", "((a) :AND: (b)) :OR: (c)"),
    ],
)
def test_and_binds_before_or(text, bound):
    assert repair.bind_logic(text) == bound
    assert repair.bind_logic(bound) == bound


@given(
    st.recursive(
        st.sampled_from(["T", "F"]),
        lambda inner: st.tuples(
            st.lists(st.tuples(st.booleans(), inner), min_size=1, max_size=4), st.sampled_from([":AND:", ":OR:"])
        ).map(lambda made: "(" + f" {made[1]} ".join((":NOT: " if no else "") + part for no, part in made[0]) + ")"),
    )
)
def test_binding_changes_no_truth(text):
    def truth(expression):
        words = {":AND:": "and", ":OR:": "or", ":NOT:": "not", "T": "True", "F": "False"}
        for word, python in words.items():
            expression = expression.replace(word, python)
        return eval(expression)  # Python binds not, and, or as the modellers' tools do

    flat = text[1:-1] if text.startswith("(") else text
    chain = f"{flat} :OR: T :AND: {text} :AND: F :OR: {flat}"
    assert truth(repair.bind_logic(chain)) == truth(chain)


def test_a_chain_of_and_and_or_is_parsed_as_bound(ast):
    assert ast("y = IF THEN ELSE(1=2 :and: 1=1 :or: 3=3, 1, 0) ~~|") == ast(
        "y = IF THEN ELSE((1=2 :AND: 1=1) :OR: 3=3, 1, 0) ~~|"
    )


def test_the_old_form_of_a_table_is_its_points(ast):
    assert ast("y(0, 1, 2, -5, .6, 7e1) ~~|") == ast("y((0,-5),(1,.6),(2,70.0)) ~~|")
    assert ast("y([(0,0)-(10,10)], 0, 1, 5, 6) ~~|") == ast("y((0,5),(1,6)) ~~|")


def test_calls_are_no_tables():
    for text in ("y = f(1, 2, 3, 4)", "y[a, b] = 1, 2", "y = MAX(1, 2)"):
        assert repair.pair_points(text) == text


def test_a_macro_may_stand_first_and_use_the_models_own_time_step(ast):
    text = ":MACRO: TWICE(x)\ny = x / {} + local$ ~~|\nlocal = 3 ~~|\n:END OF MACRO:\na = TWICE(1) ~~|"
    assert ast(text.format("TIME STEP$"), section=1) == ast(text.format("TIME STEP"), section=1)
    assert "local$" in ast(text.format("TIME STEP$"), section=1)


def test_a_macro_has_its_parameters_returns_and_lines(tmp_path):
    path = tmp_path / "m.mdl"
    path.write_text(
        f":MACRO: Two  words(in, by : out)\nTwo words = in*by ~ kg ~ |\nout = in ~~|\n:END OF MACRO:\n{CONTROL}"
    )
    source = read_source(path)
    macro = source.abstract.sections[1]
    assert (macro.name, macro.type, macro.params, macro.returns) == ("two_words", "macro", ["in", "by"], ["out"])
    assert source.macros["two_words"]["out"].line == 3
    assert source.place("out", macro="Two Words") == f"{path}:3"
    assert "out" not in source.variables


def test_leading_zeros_do_not_count(ast):
    assert ast("y = 007 + 010.5 ~~|") == ast("y = 7 + 10.5 ~~|")
    assert ast("y((00, 01), (02, 3)) ~~|") == ast("y((0, 1), (2, 3)) ~~|")


def test_a_backslash_in_a_file_name_is_a_backslash(ast):
    assert "'data\\new.csv'" in ast("y = GET DIRECT CONSTANTS('data\\new.csv', ',', 'B2') ~~|")


def test_a_mapping_that_lists_elements_adds_none_to_its_range(tmp_path):
    path = tmp_path / "m.mdl"
    path.write_text(
        "A: a1, a2 -> (B: b1, b2), C ~~|\nB: b1, b2 -> (A: a2, a1) ~~|\nC: c1, c2 ~~|\n"
        "all: a1, a2, b1 ~~|\nhalf: a1, a2 -> (all: A, b1) ~~|\n" + CONTROL
    )
    source = read_source(path)
    ranges = {r.name: (r.subscripts, r.mapping) for r in source.abstract.sections[0].subscripts}
    assert ranges["A"] == (["a1", "a2"], ["B", "C"])
    assert ranges["B"] == (["b1", "b2"], [])
    assert ranges["half"] == (["a1", "a2"], [])
    assert source.mappings == {("a", "b"): ("b1", "b2"), ("b", "a"): ("a2", "a1"), ("half", "all"): ("a", "b1")}


@given(PLAIN)
def test_repairs_leave_plain_equations_alone(text):
    assert repair.raise_keywords(text) == text
    assert repair.bind_powers(text) == text
    assert repair.drop_comments(text) == text
    assert repair.split_mappings(text) == (text, {})
    assert repair.continue_lines(text) == " ".join(text.split())


@given(st.text(alphabet="ab {}\"'\\\n:()[],;^-+1.0=~$", max_size=30))
def test_repairing_twice_is_repairing_once(text):
    for function in (repair.continue_lines, repair.raise_keywords, repair.bind_powers, repair.bind_logic):
        once = function(text)
        assert function(once) == once


@pytest.mark.parametrize(
    ("text", "nested"),
    [
        ("if a then b else c", "IF a THEN b ELSE c"),
        ("IF a THEN IF b THEN 1 ELSE 2 ELSE 3", "IF a THEN (IF b THEN 1 ELSE 2) ELSE 3"),
        (
            "IF a THEN 1 ELSE IF b THEN 2 ELSE IF c THEN 3 ELSE 4",
            "IF a THEN 1 ELSE (IF b THEN 2 ELSE (IF c THEN 3 ELSE 4))",
        ),
        ("MAX(if a then 1 else 2, if b then 3 else 4)", "MAX(IF a THEN 1 ELSE 2, (IF b THEN 3 ELSE 4))"),
        ("(if a then 1 else 2) + 1", "(IF a THEN 1 ELSE 2) + 1"),
        ('"if" + iffy + then_x', '"if" + iffy + then_x'),
    ],
)
def test_conditions_of_xmile_nest_without_parentheses(text, nested):
    assert repair.nest_conditions(text).removeprefix("(").removesuffix(")") == nested.removeprefix("(").removesuffix(
        ")"
    )


def test_a_forgotten_closing_tag_is_put_where_the_next_variable_begins():
    text = '<variables><aux name="a"><eqn>1</eqn><flow name="b"/><stock name="c"><eqn>2</eqn></variables>'
    assert repair.close_variables(text) == (
        '<variables><aux name="a"><eqn>1</eqn></aux><flow name="b"/><stock name="c"><eqn>2</eqn></stock></variables>'
    )
    whole = repair.close_variables(text)
    assert repair.close_variables(whole) == whole
