"""Units of yearbooks against what everybody knows of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cluster_sd as csd
from cluster_sd.calibration.units import UnitError, Units

KNOWN = Units()


@pytest.mark.parametrize(
    ("unit", "wanted", "factor"),
    [
        ("万亩", "mu", 1e4),
        ("公顷", "mu", 15),
        ("千公顷", "mu", 15_000),
        ("10^4 ha", "mu", 150_000),
        ("hm²", "mu", 15),
        ("平方公里", "mu", 1500),
        ("斤", "kg", 0.5),
        ("万吨", "kg", 1e7),
        ("万 t", "kg", 1e7),
        ("元/斤", "yuan/kg", 2),
        ("元／公斤", "yuan/kg", 1),
        ("元每公斤", "yuan/kg", 1),
        ("yuan per kg", "yuan/kg", 1),
        ("亿元", "yuan", 1e8),
        ("million yuan", "yuan", 1e6),
        ("元/户/年", "yuan/household/year", 1),
        ("%", "dmnl", 0.01),
        ("成", "dmnl", 0.1),
        ("万人", "person", 1e4),
        ("万只", "unit", 1e4),
        ("ug/m3", "mg/m3", 1e-3),
        ("t/ha", "kg/mu", 1000 / 15),
    ],
)
def test_units_of_yearbooks(unit: str, wanted: str, factor: float) -> None:
    found = KNOWN.conversion(unit, wanted)
    assert found.factor == pytest.approx(factor, rel=1e-12)
    assert not found.remark


def test_the_amount_of_a_year_is_a_yearly_rate_and_says_so() -> None:
    found = KNOWN.conversion("万吨", "kg/year")
    assert found.factor == pytest.approx(1e7)
    assert "amount of a year" in found.remark


def test_a_yearly_rate_is_no_amount() -> None:
    with pytest.raises(UnitError, match="doesn't fit"):
        KNOWN.conversion("kg/year", "kg")


@pytest.mark.parametrize(
    ("unit", "wanted", "says"),
    [
        ("furlong", "mu", "unknown unit 'furlong'"),
        ("hecatre", "mu", "did you mean 'hectare"),
        ("mu", "kg", "doesn't fit"),
        ("household", "person", "doesn't fit"),
        ("usd", "yuan", "exchange rate"),
        ("", "mu", "is empty; the model's unit is mu"),
        ("10^10^10", "mu", "can't be read"),
        ("mu**(2", "mu", "can't be read"),
        ("__import__('os')", "mu", "can't be read"),
    ],
)
def test_a_unit_that_is_wrong_is_named(unit: str, wanted: str, says: str) -> None:
    with pytest.raises(UnitError) as error:
        KNOWN.conversion(unit, wanted)
    assert says in str(error.value)


def test_a_unit_of_the_model_alone_is_a_dimension_of_its_own() -> None:
    units = Units(["Widget/Month", "Lynx"])
    assert units.conversion("widgets/year", "Widget/Month").factor == pytest.approx(1 / 12)
    with pytest.raises(UnitError):
        units.conversion("Lynx", "Widget/Month")


def test_where_the_model_gives_no_unit_the_number_is_taken_as_printed() -> None:
    found = KNOWN.conversion("万吨", "")
    assert found.factor == 1 and "as printed" in found.remark


@pytest.mark.parametrize("name", ["orange", "lead"])
def test_every_unit_of_the_shipped_models_is_understood(name: str) -> None:
    own = {v.unit for v in csd.load(name).metadata.variables if v.unit}
    units = Units(own)
    assert all(units.conversion(text, text).factor == 1 for text in own)


AREAS = ("mu", "亩", "万亩", "ha", "公顷", "千公顷", "km2", "平方公里")


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(AREAS), st.sampled_from(AREAS), st.sampled_from(AREAS))
def test_conversions_go_there_and_back_and_along(a: str, b: str, c: str) -> None:
    def factor(x: str, y: str) -> float:
        return KNOWN.conversion(x, y).factor

    assert factor(a, b) * factor(b, a) == pytest.approx(1)
    assert factor(a, b) * factor(b, c) == pytest.approx(factor(a, c))


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="kgmut亩万吨元/年*^()0123456789 .%·每", max_size=14))
def test_no_text_breaks_the_units(text: str) -> None:
    try:
        KNOWN.conversion(text, "mu")
    except UnitError:
        pass
