"""The report of a model in a browser: what its readers open, in both languages, on a desk, on a phone and on paper."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from browser_world import NASTY

from cluster_sd.cli import main

COUNTY = Path(__file__).parents[1] / "stages" / "stages_county.py"


@pytest.fixture(scope="session")
def path(tmp_path_factory, session_cache):
    """The report of a small county whose texts would do harm."""
    spec = importlib.util.spec_from_file_location("stages_county", COUNTY)
    assert spec is not None and spec.loader is not None
    county = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(county)
    folder = tmp_path_factory.mktemp("report")
    model = county.write_county(folder)
    outcomes = folder / "outcomes.csv"
    outcomes.write_text(outcomes.read_text("utf-8").replace("The sum at the end", NASTY.replace(",", "")), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLUSTER_SD_CACHE", str(session_cache))
        status = main(
            ["report", str(model), "--samples", "16", "--threads", "1", "--quiet", "--out", str(folder / "r")]
        )
    assert not status
    return folder / "r" / "index.html"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_report_is_whole_and_its_texts_stay_texts(visit, path, language):
    reader = visit(path).ready().choose(language).through()
    own = reader.page.locator(f".page[lang={language}]")
    charts = own.locator("figure.chart:not(.heat):visible")
    assert charts.count() >= 5
    assert own.locator("figure.drawn .plot:has(svg.main-svg)").count() == charts.count()
    assert own.locator("section").count() >= 9 and own.locator("h1").inner_text()
    assert reader.page.evaluate("document.documentElement.lang") == language
    ids = reader.page.evaluate("[...document.querySelectorAll('[id]:not(.plot [id])')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
    targets = reader.page.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].map((one) => one.hash.slice(1))")
    assert set(targets) <= set(ids)
    assert NASTY in own.inner_text()


def test_the_report_is_readable_on_a_phone(visit, path):
    reader = visit(path, width=360).ready().through()
    assert reader.page.evaluate("document.documentElement.scrollWidth") == 360
    reader.choose("zh").through()
    assert reader.page.evaluate("document.documentElement.scrollWidth") == 360


def test_the_report_prints(visit, path):
    reader = visit(path)
    pdf = reader.page.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF") and pdf.count(b"/Type /Page\n") >= 4
    own = reader.page.locator(".page[lang=en] figure.chart:not(.heat)")
    assert own.count() == reader.page.locator(".page[lang=en] figure.drawn").count()
