"""Numbers and times as yearbooks and newspapers print them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_sd.calibration.values import parse_relation, parse_time, parse_value


@pytest.mark.parametrize(
    ("text", "low", "high", "relation"),
    [
        ("28.5", 28.5, 28.5, "="),
        ("285,000", 285000, 285000, "="),
        ("２８．５", 28.5, 28.5, "="),
        ("28.5万", 285000, 285000, "="),
        ("1.67亿", 1.67e8, 1.67e8, "="),
        ("近10万", 100000, 100000, "~"),
        ("约28万亩", 280000, 280000, "~"),
        ("1.2万余户", 12000, 12000, ">="),
        ("18亿元以上", 1.8e9, 1.8e9, ">="),
        ("超过40", 40, 40, ">="),
        ("不足3", 3, 3, "<="),
        ("35-45", 35, 45, "="),
        ("1.6～1.9", 1.6, 1.9, "="),
        ("2-3万", 20000, 30000, "="),
        ("−5", -5, -5, "="),
        ("1.0112e+10", 1.0112e10, 1.0112e10, "="),
        ("at least 100", 100, 100, ">="),
    ],
)
def test_a_printed_number_is_read(text: str, low: float, high: float, relation: str) -> None:
    found = parse_value(text)
    assert found is not None
    assert (found.low, found.high, found.relation) == (pytest.approx(low), pytest.approx(high), relation)


@pytest.mark.parametrize("text", ["", "-", "…", "——", "NA", "无"])
def test_what_tables_print_for_no_number_is_a_gap(text: str) -> None:
    assert parse_value(text) is None


@pytest.mark.parametrize("text", ["2o18", "1955;1969", "28,5", "12-", "45-35", "many", "1e999", "5 6"])
def test_a_text_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"no number|range|finite"):
        parse_value(text)


@pytest.mark.parametrize(
    ("text", "digit"), [("28.5", 0.1), ("28", 1), ("28.5万", 1000), ("2.50", 0.01), ("1.01e3", 10)]
)
def test_the_last_printed_digit_is_known(text: str, digit: float) -> None:
    found = parse_value(text)
    assert found is not None and found.digit == pytest.approx(digit)


@given(st.floats(-1e12, 1e12))
def test_any_number_that_python_prints_reads_back(value: float) -> None:
    found = parse_value(repr(value))
    assert found is not None and found.low == found.high == value


@given(st.text(max_size=20))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        parse_value(text)
    except ValueError:
        pass
    parse_time(text)
    parse_relation(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2018", (2018, 2018)),
        ("2018年", (2018, 2018)),
        ("2012—2016年", (2012, 2016)),
        ("2018-07-02", (2018.5, 2018.5)),
        ("2018年6月", (2018.46, 2018.46)),
        ("2018Q3", (2018.625, 2018.625)),
        ("12.5", (12.5, 12.5)),
        ("n.d.", None),
        ("2016-2012", None),
        ("2018-13-01", None),
        ("2018-02-30", None),
    ],
)
def test_a_time_is_a_year_a_date_or_a_span(text: str, expected: tuple[float, float] | None) -> None:
    assert parse_time(text) == expected
