"""The page of a loop analysis: what it answers, and that it stands alone."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from loops_world import view

from cluster_sd.report.loops import LoopReport, loops_table
from cluster_sd.report.loops import text as words
from cluster_sd.report.page import render


@pytest.fixture(scope="module")
def report():
    return LoopReport(view(), footer=["made by hand"])


@pytest.fixture(scope="module")
def html(report):
    return render(report.page())


def slider(html):
    (found,) = re.findall(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
    return json.loads(found)


def test_the_page_says_first_which_loop_drives_it_and_who_leads(html):
    answer = html[html.index('class="answer"') : html.index("<section")]
    assert "R2 A name sells" in answer
    assert re.search(r"The a leads 1990–1999 \(70\W% ?\), then the b 2000–2009", answer.replace("\u00a0", ""))


def test_the_page_loads_nothing_from_elsewhere(html):
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', html)


def test_names_of_loops_cannot_break_the_page(html):
    assert "<teaches>" not in html and "<output>" not in html
    assert "Output &lt;teaches&gt;" in html


def test_the_slider_has_each_years_arrows_shares_and_series(html, report):
    data = slider(html)
    assert data["years"] == [str(year) for year in range(1990, 2010)]
    assert all(len(one["widths"]) == len(one["signs"]) == 20 for one in data["arrows"])
    assert len(data["arrows"]) == len(report.pictures.diagram.arrows) == html.count('<g class="arrow ')
    shares = report.view.shares[:, report.pictures.loops]
    assert np.array(data["loops"]).T == pytest.approx(shares, abs=1e-4)
    assert data["beside"][0][0][0] == 0.7 and data["beside"][0][1][-1] == 0.7


def test_the_pictures_are_of_the_years_that_were_asked_for():
    report = LoopReport(view(), years=(1995, 2003.5, 2030))
    assert [figure.name for figure in report.diagrams] == ["diagram-1995", "diagram-2003", "diagram-2009"]


def test_the_summary_is_plain_json_and_says_when_the_lead_passes(report):
    made = json.loads(json.dumps(report.summary(), allow_nan=False))
    assert made["complete"] is False and made["found"] == 40
    assert [spell["loop"] for spell in made["dominant"]] == ["R1", "R2", "B1"]
    assert made["dominant"][0]["from"] == 1990 and made["dominant"][-1]["to"] == 2010
    assert {spell["loop"] for spell in made["driving"]} == {"R2"} and made["holding_back"] == []
    (passed,) = made["beside"][0]["passes"]
    assert (passed["from"], passed["to"]) == ("a", "b") and 2000 <= passed["time"] <= 2000.25


def test_loops_table_holds_the_contracts_columns(report):
    table = loops_table(report.view)
    assert list(table) == ["loop", "name", "polarity", "length", "variables", "mean_share"]
    assert table["variables"][1] == "Name; Orders; Output"
    assert table["mean_share"][2] < 0 < table["mean_share"][0]


def test_an_incomplete_list_is_called_so(report):
    assert "not complete" in words.completeness(report.view)
    search = replace(report.view.analysis.search, complete=True)
    whole = replace(report.view, analysis=replace(report.view.analysis, search=search))
    assert "all that ever act" in words.completeness(whole)


def test_without_a_question_the_answer_is_about_all_loops():
    from cluster_sd.loops import Question

    made = view(Question())
    assert "R1 Output" in words.driven(made)[0] and not words.elsewhere(made)
    assert render(LoopReport(made).page())
