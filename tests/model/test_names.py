"""When two names are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_sd.model.names import clean, same, spelled, split_element, split_time, unquote

NAMES = st.text(
    alphabet=st.one_of(st.sampled_from(list(' _\t\n"\\nN[],@.aBß农')), st.characters(codec="utf-8")), max_size=20
)
WORDS = st.from_regex(r"[A-Za-z农][A-Za-z农]{0,6}", fullmatch=True)


@given(NAMES)
def test_cleaning_twice_changes_nothing(name):
    assert clean(clean(name)) == clean(name)


@given(st.lists(WORDS, min_size=1, max_size=4), st.data())
def test_case_blanks_and_quotes_do_not_count(words, data):
    blank = st.sampled_from([" ", "_", "\t", "\n", "  ", " _ ", "\\n", "\u3000", "\xa0"])
    written = words[0] + "".join(data.draw(blank) + word.swapcase() for word in words[1:])
    assert same(written, " ".join(words))
    assert same(f' "{written}" ', "_".join(words))


def test_letters_count():
    assert not same("Farmer capital", "Farmers capital")
    assert not same("a b", "ab")
    assert not same("_x", "x")


def test_an_escaped_quote_belongs_to_the_name():
    assert unquote('"say \\"hi\\""') == 'say \\"hi\\"'
    assert clean('"say \\"hi\\""') == 'say_\\"hi\\"'


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Stock", ("Stock", ())),
        ("Stock[north]", ("Stock", ("north",))),
        ("Stock[north, old one]", ("Stock", ("north", "old one"))),
        ('Stock["a, b",c]', ("Stock", ('"a, b"', "c"))),
        ('"yield [kg/mu]"', ('"yield [kg/mu]"', ())),
        ('"yield [kg/mu]"[north]', ('"yield [kg/mu]"', ("north",))),
        ("[north]", ("[north]", ())),
    ],
)
def test_an_element_is_a_name_and_its_subscripts(text, parts):
    assert split_element(text) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Premium share@2025", ("Premium share", 2025.0)),
        ("Premium share @ 2025.5", ("Premium share", 2025.5)),
        ("Premium share", ("Premium share", None)),
        ("mail@home", ("mail@home", None)),
        ("mail@home@-3", ("mail@home", -3.0)),
        ("Stock[a]@1e3", ("Stock[a]", 1000.0)),
    ],
)
def test_a_time_stands_after_the_last_at_sign(text, parts):
    assert split_time(text) == parts


def test_a_name_that_ends_like_a_time_is_a_name_if_the_model_has_it():
    assert split_time("price@2020", lambda name: name == "price@2020") == ("price@2020", None)


def test_names_come_back_in_the_models_spelling():
    known = {"farmer_capital": "Farmer capital"}
    assert spelled("FARMER_CAPITAL", known) == "Farmer capital"
    assert spelled("farmer capital[ north,old ]", known) == "Farmer capital[north,old]"
    assert spelled("farm capital", known) is None
