"""Units multiply as numbers do, and a unit has one meaning under all its names."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_sd.validation.units import DIMENSIONLESS, Unit, Units, UnitTextError, declared_equivalents

READ = Units().read
powers = st.dictionaries(st.sampled_from(["kg", "mu", "yuan", "year"]), st.fractions(-3, 3, max_denominator=4))
units = st.builds(Unit.of, powers)


@given(units, units, units)
def test_products_are_commutative_and_associative_and_quotients_undo_them(a: Unit, b: Unit, c: Unit) -> None:
    assert a * b == b * a
    assert (a * b) * c == a * (b * c)
    assert (a * b) / b == a
    assert a / a == DIMENSIONLESS


@given(units, st.fractions(-2, 2, max_denominator=3).filter(bool))
def test_a_power_and_its_root_give_the_unit_back(a: Unit, n: Fraction) -> None:
    assert (a**n) ** (1 / n) == a


@given(
    st.builds(Unit.of, st.dictionaries(st.sampled_from(["kg", "mu", "yuan", "year"]), st.integers(-3, 3).map(Fraction)))
)
def test_a_unit_reads_back_from_how_it_is_shown(a: Unit) -> None:
    assert READ(str(a)) == a


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("year", "Years"),
        ("yr", "annum"),
        ("dmnl", ""),
        ("dmnl", "1"),
        ("fraction", "Dimensionless"),
        ("yuan/household/year", "Yuan/(year*households)"),
        ("person", "people"),
        ("companies", "company"),
        ("boxes", "box"),
        ("元/亩/年", "yuan/mu/year"),
        ("kg*m^2/s^2", "kg * m**2 / (s*s)"),
        ("1/year", "year^-1"),
        ("people per year", "person/yr"),
        ("rock sugar orange", "Rock_Sugar_Oranges"),
        ("square metre", "square_metres"),
    ],
)
def test_one_unit_under_two_names(one: str, other: str) -> None:
    assert READ(one) == READ(other)


@pytest.mark.parametrize(
    ("one", "other"), [("kg", "t"), ("year", "month"), ("mu", "ha"), ("yuan", "1000 yuan"), ("household", "person")]
)
def test_units_of_another_size_or_thing_are_others(one: str, other: str) -> None:
    assert READ(one) != READ(other)


@pytest.mark.parametrize("text", ["yuan/", "(yuan", "yuan)", "*mu", "mu^x", "/year"])
def test_what_is_no_unit_is_refused(text: str) -> None:
    with pytest.raises(UnitTextError):
        READ(text)


def test_a_vensim_file_may_declare_units_to_be_the_same() -> None:
    text = "A = 1 ~ Widget ~ |\n\\\\\\---/// Sketch information\n///---\\\\\\\n:L<%^E!@\n22:Widget,Gadget,件\n15:0\n"
    groups, derived = declared_equivalents(text, "vensim")
    assert derived == {} and groups == (("Widget", "Gadget", "件"),)
    assert Units(groups).read("gadgets/year") == Units(groups).read("件/yr")
    assert READ("gadgets") != READ("widgets")


def test_an_xmile_file_may_name_aliases_and_products() -> None:
    text = '<model_units><unit name="joule"><eqn>kg*m^2/s^2</eqn><alias>J</alias></unit></model_units>'
    groups, derived = declared_equivalents(text, "xmile")
    assert Units(groups, derived).read("J/s") == READ("kg*m^2/s^3")
    circle = Units((), {"a": "b*c", "b": "a"})
    assert str(circle.read("a"))  # ends
