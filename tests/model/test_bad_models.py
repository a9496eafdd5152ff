"""Vensim files that can't be used: one line that says what, where and what to do; never another kind of error."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster_sd.errors import ModelError, UnsupportedError
from cluster_sd.model.source import read_source

TIMES = "FINAL TIME = 2 ~~|\nINITIAL TIME = 0 ~~|\nTIME STEP = 1 ~~|\n"
WHOLE = "x = 1 + Time ~ kg [0,2] ~ a text |\nf((0,0),(1,1)) ~~|\n" + TIMES


@pytest.fixture
def refused(tmp_path):
    """The one line that a model's text is refused with."""

    def refused_(text, kind=ModelError):
        path = tmp_path / "m.mdl"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(kind) as caught:
            read_source(path)
        assert "\n" not in str(caught.value)
        return str(caught.value).replace(str(path), "m.mdl")

    return refused_


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"", "m.mdl: is empty"),
        (b"\n \n", "m.mdl: is empty"),
        (b"\x00\x01\x02", "m.mdl: is not a text file"),
        ("<xmile/>", "m.mdl: holds XML"),
        ("hello", "m.mdl:1: the entry that starts here has no closing '|'"),
        ("x = 1 ~~|", "m.mdl: has no INITIAL TIME and no FINAL TIME and no TIME STEP"),
        ("INITIAL TIME = 0 ~~|\nFINAL TIME = 1 ~~|", "m.mdl: has no TIME STEP"),
        (TIMES + "x = 1 ~ kg ~ cut off", "m.mdl:4: the entry that starts here has no closing '|'"),
        (TIMES + "\n\nx = 1 +\n\t~ kg ~ |", "m.mdl:6: can't read this equation at '+': x = 1 +"),
        (TIMES + "x = 1 + * 2 ~~|", "m.mdl:4: can't read this equation at"),
        (TIMES + "x = (1 ~~|", "m.mdl:4: "),
        (TIMES + "x = ~~|", "m.mdl:4: "),
        (TIMES + "x = 1 2 3 ~~|", "m.mdl:4: "),
        (TIMES + "x ~~|", "m.mdl:4: 'x' has no equation; data from a .vdf file can't be read"),
        (TIMES + " ~~|", "m.mdl:4: an entry is empty"),
        (TIMES + "\nx = A FUNCTION OF( y ) ~~|", "m.mdl:5: x has no equation yet (A FUNCTION OF): write one"),
        (TIMES + "x = 1 ~~|\nX = 2 ~~|", "m.mdl:5: X is defined a second time; the first is in line 4"),
        (TIMES + "d: a, b ~~|\nx = 1 ~~|\nx[a] = 2 ~~|", "m.mdl:6: x is defined a second time; the first is in line 5"),
        (TIMES + 'x = 1 ~~|\n"x" = 2 ~~|', 'm.mdl:5: "x" is defined a second time; the first is in line 4'),
        (TIMES + "f(1,2,3) ~~|", "m.mdl:4: can't read this equation (a table in the old form needs as many y as x)"),
        (TIMES + "f((0,0),(1,x)) ~~|", "m.mdl:4: "),
        (TIMES + "d: (a1-b3) ~~|", "m.mdl:4: "),
        (TIMES + "x = " + "(" * 5000 + "1" + ")" * 5000 + " ~~|", "m.mdl:4: this equation is nested too deeply"),
    ],
    ids=lambda value: str(value)[-40:],
)
def test_a_broken_file_is_refused_in_one_line(refused, text, line):
    assert refused(text).startswith(line)


def test_what_is_not_supported_is_refused_by_name(refused):
    found = refused(TIMES + "x = VECTOR LOOKUP(a, 1) ~~|", UnsupportedError)
    assert found == "m.mdl:4: VECTOR LOOKUP is not supported"


@pytest.mark.parametrize(
    "evil",
    [
        "f([{call}],(0,0),(1,1)) ~~|",
        "f([(0,0)-({call},1)],(0,0),(1,1)) ~~|",
        "x = WITH LOOKUP(Time, ([{call},(1,1)],(0,0),(1,1))) ~~|",
        "f((0,{call}),(1,1)) ~~|",
        "x = GET DIRECT CONSTANTS('' + {call} + '', ',', 'B2') ~~|",
        "x[{call}] = 1 ~~|",
        "d: ({call}-a3) ~~|",
    ],
)
def test_no_text_of_a_model_is_ever_run(tmp_path, evil):
    made = tmp_path / "made"
    path = tmp_path / "m.mdl"
    path.write_text(TIMES + evil.format(call=f"open('{made}', 'w')"))
    with pytest.raises(ModelError):
        read_source(path)
    assert not made.exists()


def test_no_file_cut_off_inside_its_equations_is_read_as_if_it_were_whole(tmp_path):
    path = tmp_path / "m.mdl"
    for length in range(len(WHOLE.rstrip())):
        path.write_text(WHOLE[:length])
        with pytest.raises(ModelError):
            read_source(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(text=st.text(alphabet="ab=+-*/^()[]{},;:~|\\\"'!<>$ \n\t@01.éè农MACRO:END OF", max_size=60))
def test_any_text_is_read_or_refused_as_a_model(tmp_path, text):
    path = tmp_path / "m.mdl"
    path.write_text(f"{text}\n|\n{TIMES}", encoding="utf-8")
    try:
        source = read_source(path)
    except ModelError as error:
        assert "\n" not in str(error)
    else:
        assert "final_time" in source.variables


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(data=st.binary(max_size=80))
def test_any_bytes_are_read_or_refused_as_a_model(tmp_path, data):
    path = tmp_path / "m.mdl"
    path.write_bytes(data)
    with pytest.raises(ModelError):
        read_source(path)
