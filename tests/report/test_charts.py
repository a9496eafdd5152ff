"""What a chart says as data, and what the page carries for it."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re

import numpy as np
import pytest

from cluster_sd.report import fonts
from cluster_sd.report.charts import BarPanel, ChartBlock, Panel, Row, Series, bars, heat, lines
from cluster_sd.report.page import Page, Section, TableBlock, Text, render

NASTY = "</script><!-- <script>alert(1)</script> -->"
X = [2000.0, 2001.0, 2002.0]


def chart(name="course", label="", y=(1.0, np.nan, 3.25)):
    series = Series(NASTY, X, list(y), [0.5, np.nan, 3.0], [1.5, np.nan, 4.0], note=["a", "", "c"])
    return lines(name, NASTY, "It rises.", [Panel(label, [series, Series("b", X, X)], "yuan")])


def page(*charts, language="en"):
    return Page(
        "A page", "?", [Text("yes")], [Section("One", [ChartBlock(one) for one in charts], "one")], (), language
    )


def parts(html):
    """The numbers of a page, and what each chart wants of them."""
    numbers = re.findall(r'id="chart-numbers">(.*?)</script>', html, re.DOTALL)
    specs = re.findall(r'class="spec">(.*?)</script>', html, re.DOTALL)
    return json.loads(numbers[0]), [json.loads(spec) for spec in specs]


def test_data_has_a_row_a_point_with_its_interval_and_note():
    data = chart().data
    assert list(data) == ["series", "x", "y", "low", "high", "note"]
    assert data["series"] == [NASTY] * 3 + ["b"] * 3
    assert data["y"][0] == 1.0 and np.isnan(data["y"][1]) and data["high"][2] == 4.0
    assert data["note"][:3] == ["a", "", "c"]


def test_data_of_bars_names_what_the_reader_chose():
    panels = [BarPanel((o, y), [Row("a", 1.0, role="lever")], "share") for o in ("A", "B") for y in ("2010", "2020")]
    data = bars("b", "t", "c", panels, ("Outcome", "Year")).data
    assert data["Outcome"] == ["A", "A", "B", "B"] and data["Year"] == ["2010", "2020"] * 2
    assert data["role"] == ["lever"] * 4 and "low" not in data


def test_data_of_a_heat_map_is_its_table():
    data = heat("h", "t", "c", ["r"], ["p", "q"], np.array([[0.5, -0.25]]), "share").data
    assert data == {"item": ["r"], "p": [0.5], "q": [-0.25]}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Series("s", X, [1.0]), "series 's': columns of lengths 1, 3"),
        (lambda: heat("h", "t", "c", ["r"], ["p"], np.zeros((2, 1)), "v"), r"values of shape \(2, 1\), not \(1, 1\)"),
        (lambda: lines("c", "t", "c", [Panel(("a", "b"), [], "y")] * 2), "1 selections, but the panel"),
        (
            lambda: lines(
                "c", "t", "c", [Panel("a", [Series("s", X, X), Series("r", X[1:], X[1:])], "y")], stacked=True
            ),
            "need the same times",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_page_carries_each_column_of_numbers_once_for_all_languages():
    both = render(page(chart()), page(chart(), language="zh"))
    numbers, specs = parts(both)
    assert [len(specs), specs[0]["panels"][0]["series"][0]["y"]] == [2, specs[1]["panels"][0]["series"][0]["y"]]
    assert len({tuple(column) for column in numbers}) == len(numbers) == 4  # x, y, low, high; b is drawn over x
    first = specs[0]["panels"][0]["series"][0]
    assert numbers[first["y"]] == [1.0, None, 3.25] and numbers[first["x"]] == X


def test_no_text_of_a_chart_can_end_its_script():
    html = render(page(chart()))
    scripts = re.findall(r"<script\b[^>]*>", html)
    assert len(scripts) == html.count("</script>") == 6  # head, spec, numbers, settings, plotly.js, what draws
    (spec,) = parts(html)[1]
    assert spec["panels"][0]["series"][0]["name"] == NASTY
    assert NASTY not in html


def test_a_page_without_charts_has_no_script_and_no_library():
    html = render(Page("A page", "?", [Text("yes")], [Section("One", [], "one")]))
    assert "<script" not in html and len(html) < 20_000


def test_plotly_is_packed_whole_with_its_licence():
    html = render(page(chart()))
    (packed,) = re.findall(r'<script type="text/plain" id="plotly">(.*?)</script>', html, re.DOTALL)
    source = gzip.decompress(base64.b64decode(packed)).decode()
    assert "plotly.js v" in source[:100] and "window.Plotly = Plotly" in source[-200:]
    (notice,) = re.findall(r"<!--(.*?)-->", html, re.DOTALL)
    assert "Copyright" in notice and "Permission is hereby granted" in notice and "plotly.js v" in notice


def test_what_the_reader_sees_without_a_script_is_the_first_table():
    html = render(page(chart()))
    (table,) = re.findall(r"<noscript>(.*?)</noscript>", html, re.DOTALL)
    cells = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)]
    assert cells[1:] == [["2000", "1 (0.5 to 1.5)", "2,000"], ["2001", "", "2,001"], ["2002", "3.25 (3 to 4)", "2,002"]]


def test_two_pages_of_one_language_are_refused():
    with pytest.raises(ValueError, match="two pages of one language"):
        render(page(), page())


def test_ids_are_unique_over_languages_and_equal_names():
    same = [Section("One", [ChartBlock(chart("c")), ChartBlock(chart("c"))]), Section("One", []), Section("!", [])]
    html = render(*(Page("A page", "?", [], same, (), language) for language in ("en", "zh")))
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    targets = re.findall(r'href="#([^"]*)"', html)
    assert targets and set(targets) <= set(ids)


def test_tables_are_in_the_pages_language():
    table = TableBlock("t", {"a": [True, False], "n": [1.5, -2.0]})
    html = render(Page("题", "?", [table], [], (), "zh"))
    assert "<td>是</td>" in html and "−2" in html and 'lang="zh"' in html


def test_a_table_with_chinese_letters_opens_in_excel():
    assert TableBlock("t", {"a": ["x"]}).source == "data:text/csv;charset=utf-8,a%0Ax%0A"
    coded = TableBlock("t", {"县": ["x"]}).source.split("base64,")[1]
    assert base64.b64decode(coded).decode("utf-8-sig") == "县\nx\n" != base64.b64decode(coded).decode("utf-8")


# --- the font ---------------------------------------------------------------------------------------------------------


def test_a_page_brings_the_letters_that_it_needs_and_no_more():
    from fontTools.ttLib import TTFont

    html = render(Page("治理与集群", "?", [Text("砂糖橘。")], [], (), "zh"))
    (data,) = re.findall(r"url\(data:font/woff;base64,([^)]*)\)", html)
    font = TTFont(io.BytesIO(base64.b64decode(data)))
    known = set(map(chr, font.getBestCmap() or {}))
    assert set("治理与集群砂糖橘。") <= known and "铅" not in known
    assert len(data) < 20_000
    assert "data:font" not in render(Page("Governance", "?", [], []))


def test_the_font_is_the_same_bytes_each_time_and_keeps_its_licence():
    from fontTools.ttLib import TTFont

    letters = frozenset("县域产业")
    first = fonts.subset(letters)
    fonts.subset.cache_clear()
    assert fonts.subset(letters) == first
    names = TTFont(io.BytesIO(first))["name"]
    assert "Open Font License" in str(names.getDebugName(13)) and "Adobe" in str(names.getDebugName(0))
    assert names.getDebugName(1) == fonts.FAMILY
    assert "SIL OPEN FONT LICENSE" in (fonts.path().parent / "OFL.txt").read_text("utf-8")


def test_the_font_has_the_letters_of_the_shipped_models_and_of_all_texts():
    from importlib.resources import files

    from fontTools.ttLib import TTFont

    from cluster_sd.report.words import catalogue, units

    known = set(TTFont(fonts.path()).getBestCmap() or {})
    models = files("sd_models")
    text = "".join(said["zh"] for said in catalogue().values()) + "".join(units().values())
    for name in ("orange", "lead"):
        text += models.joinpath(name, "names_zh.csv").read_text("utf-8")
    assert {c for c in text if ord(c) >= 0x2E80 and ord(c) not in known} == set()


def test_figures_write_chinese_without_an_installed_font(recwarn):
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties, findfont

    from cluster_sd.report.style import style

    with style():
        drawing = Figure(figsize=(2, 1))
        drawing.text(0.1, 0.5, "砂糖橘 −1", weight="bold")
        drawing.savefig(io.BytesIO(), format="svg")  # a letter that no font has would be a warning
        assert findfont(FontProperties(family=fonts.FAMILY)) == str(fonts.path())
