"""Charts and languages of a page, as a reader with a browser has them."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from browser_world import LAST, NASTY, SAID, YEARS

DRAWN = ("scenarios", "nasty", "statistics", "loops", "levers")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_chart_is_drawn(visit, path, language):
    reader = visit(path).ready().choose(language).through()
    for name in DRAWN:
        plot = reader.page.locator(f"#{language}-chart-{name} .plot")
        plot.locator("svg.main-svg").first.wait_for()
        assert plot.locator("svg.main-svg").count() >= 1, name
        assert plot.get_attribute("role") == "img"
        assert (NASTY if name == "nasty" else "A caption.") in plot.get_attribute("aria-label")
    assert reader.page.locator(f"#{language}-chart-heat td").count() == 6


def test_ids_are_unique_over_both_languages(visit, path):
    reader = visit(path).ready().through().choose("zh").through()
    ids = reader.page.evaluate("[...document.querySelectorAll('[id]:not(svg [id])')].map((one) => one.id)")
    assert len(ids) == len(set(ids))


def test_the_switch_keeps_the_place_and_the_choice(visit, path):
    reader = visit(path).ready()
    assert reader.page.locator("h1 >> visible=true").inner_text() == SAID["en"]["title"]
    reader.page.locator("#en-chart-levers").scroll_into_view_if_needed()
    reader.page.locator("#en-chart-scenarios select").select_option("Output value")
    reader.page.evaluate("document.getElementById('en-levers').scrollIntoView()")
    reader.page.wait_for_timeout(100)
    before = reader.page.locator("#en-levers").bounding_box()["y"]
    reader.choose("zh")
    assert reader.page.evaluate("[document.documentElement.lang, document.title]") == ["zh", SAID["zh"]["title"]]
    assert reader.page.locator("#zh-levers").bounding_box()["y"] == pytest.approx(before, abs=3)
    assert reader.page.locator("#zh-chart-scenarios select").input_value() == "产值"
    assert not reader.page.locator("#en-levers").is_visible()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_phone_shows_it_without_scrolling_sideways(visit, path, language):
    reader = visit(path, width=360).ready().choose(language).through()
    assert reader.page.evaluate("document.documentElement.scrollWidth") == 360
    widths = reader.page.evaluate(
        "[...document.querySelectorAll('.drawn .plot svg.main-svg')].map((one) => one.getBoundingClientRect().right)"
    )
    assert widths and max(widths) <= 361


def test_a_chart_follows_the_width_of_its_window(visit, path):
    reader = visit(path).ready().through()
    reader.page.set_viewport_size({"width": 700, "height": 900})
    reader.page.wait_for_selector("#en-chart-scenarios .main-svg[width='660']", state="attached")


def test_choosing_draws_another_panel(desk):
    chart = desk.locator("#en-chart-scenarios")
    chart.scroll_into_view_if_needed()
    chart.locator("select").select_option("Income")
    ticks = chart.locator(".ytick text")
    ticks.first.wait_for()
    assert [text for text in ticks.all_text_contents() if text != "0"] == ["200", "400", "600", "800", "1,000", "1,200"]
    chart.locator("select").select_option("Output value")
    assert [text for text in ticks.all_text_contents() if text != "0"] == ["0.2B", "0.4B", "0.6B", "0.8B", "1B", "1.2B"]


def test_a_choice_that_has_no_panel_leads_to_the_nearest(desk):
    outcome, year = desk.locator("#en-chart-levers select").all()
    outcome.select_option("Output value")
    assert year.input_value() == "2020"
    year.select_option("2010")
    assert outcome.input_value() == "Income"


@pytest.mark.parametrize(("language", "said"), [("en", "1.23 billion"), ("zh", "12.3 亿")])
def test_what_the_pointer_reads_has_the_pages_numbers_and_unit(visit, path, language, said):
    reader = visit(path).ready().choose(language)
    chart = reader.page.locator(f"#{language}-chart-scenarios")
    chart.scroll_into_view_if_needed()
    chart.locator("select").select_option(SAID[language]["outcomes"][1])
    area = chart.locator(".nsewdrag")
    area.wait_for(state="attached")
    box = area.bounding_box()
    for x in (10, 3):  # a pointer that moves
        reader.page.mouse.move(box["x"] + box["width"] - x, box["y"] + 50)
        reader.page.wait_for_timeout(120)
    hover = chart.locator(".hoverlayer .legend")
    hover.wait_for(state="attached")
    text = hover.text_content().replace("\u00a0", " ")
    assert "2020" in text and "2,020" not in text
    assert SAID[language]["unit"] in text
    assert text.count("−") == 1 and "-" not in text
    assert said in text


def test_series_are_told_apart_without_colour(desk):
    chart = desk.locator("#en-chart-scenarios")
    chart.scroll_into_view_if_needed()
    chart.locator(".js-line").first.wait_for(state="attached")
    dashes = chart.locator(".js-line").evaluate_all("(all) => all.map((one) => one.style.strokeDasharray || 'none')")
    assert len(set(dashes)) == len(dashes) == 3
    names = chart.locator(".annotation-text").all_text_contents()
    assert set(SAID["en"]["series"]) <= set(names)  # each line has its name at its end
    desk.locator("#en-chart-levers").scroll_into_view_if_needed()
    for choice, word in zip(desk.locator("#en-chart-levers select").all(), ("Income", "2010"), strict=True):
        choice.select_option(word)
    desk.locator("#en-chart-levers .bars .point").first.wait_for(state="attached")
    fills = desk.locator("#en-chart-levers .bars .point path").evaluate_all("(all) => all.map((one) => one.style.fill)")
    assert [fill.startswith("url(") for fill in fills] == [False, False, True]


def test_the_data_can_be_saved_and_shown_as_a_table(desk):
    chart = desk.locator("#en-chart-scenarios")
    chart.locator("select").select_option("Income")
    with desk.expect_download() as download:
        chart.locator("button[data-do=csv]").click()
    assert download.value.suggested_filename == "scenarios.csv"
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    assert len(rows) == 2 * 3 * len(YEARS)
    last = [row for row in rows if row["year"] == "2020" and row["Outcome"] == "Income"]
    assert [float(row["value"]) for row in last] == LAST
    assert not chart.locator("table").is_visible()
    chart.locator("button[data-do=table]").click()
    shown = [cell.strip() for cell in chart.locator("table tr").last.locator("td").all_inner_texts()]
    assert shown == ["2020", "−9.5", "1,230", "3"]
    chart.locator("select").select_option("Output value")
    shown = [cell.replace("\u00a0", " ") for cell in chart.locator("table tr").last.locator("td").all_inner_texts()]
    assert shown == ["2020", "−9.5 million", "1.23 billion", "3 million"]


def test_the_picture_can_be_saved(desk):
    with desk.expect_download() as download:
        desk.locator("#en-chart-statistics button[data-do=picture]").click()
    text = download.value.path().read_text("utf-8")
    assert text.startswith("<svg") and "Base run" in text


def test_texts_are_never_markup_or_formulas(desk):
    chart = desk.locator("#en-chart-nasty")
    chart.scroll_into_view_if_needed()
    chart.locator(".nsewdrag").wait_for(state="attached")
    assert chart.locator("h3").inner_text() == NASTY
    assert chart.locator("option").first.inner_text() == NASTY
    labels = " ".join(chart.locator(".annotation-text, .xtitle").all_text_contents())
    assert "<script>alert(1)</script>" in labels and "%{x}" in labels and "$x$" in labels and "<b>b</b>" in labels
    box = chart.locator(".nsewdrag").bounding_box()
    for x in (10, 3):
        desk.mouse.move(box["x"] + box["width"] - x, box["y"] + 50)
        desk.wait_for_timeout(120)
    chart.locator("button[data-do=table]").click()
    assert NASTY in chart.locator(".as-table").inner_text()


def test_without_a_script_there_are_tables_and_the_switch(visit, path):
    reader = visit(path, java_script_enabled=False)
    table = reader.page.locator("#en-chart-scenarios table")
    assert table.locator("tbody tr").count() == len(YEARS)
    assert not reader.page.locator("#en-chart-scenarios button").first.is_visible()
    reader.choose("zh")
    assert reader.page.locator("#zh-chart-scenarios table").is_visible() and not table.is_visible()


def test_printing_has_all_charts_even_those_never_seen(visit, path):
    reader = visit(path)
    # a command that prints waits for nothing but the page's load
    assert reader.page.evaluate("typeof Plotly") == "object"
    pdf = reader.page.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF") and reader.page.locator("#en-top figure.drawn").count() == len(DRAWN)
    box = [float(x) for x in pdf.split(b"/MediaBox [")[1].split(b"]")[0].split()]
    assert np.allclose(box[2:], [595, 842], atol=1)  # A4


def test_it_brings_its_own_chinese_letters(desk):
    loaded = desk.evaluate(
        "document.fonts.load('16px \"Cluster CJK\"', '治理').then((all) => all.map((one) => one.status))"
    )
    assert loaded == ["loaded"]


def test_it_is_usable_within_two_seconds(visit, path, chromium):
    reader = visit(path).ready()
    watch = reader.context.new_cdp_session(reader.page)
    watch.send("Performance.enable", {"timeDomain": "threadTicks"})  # processor time: what others do doesn't count
    reader.page.reload()
    reader.ready()
    found = {one["name"]: one["value"] for one in watch.send("Performance.getMetrics")["metrics"]}
    assert 0 < found["TaskDuration"] < 2
