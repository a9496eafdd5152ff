"""What the page says in words follows from the numbers, and says no more than they do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.model.parameters import Parameter
from cluster_sd.report.sensitivity import report
from cluster_sd.report.sensitivity.members import Members
from cluster_sd.report.sensitivity.words import Place, amount, headline, quantity, said, step_words, sure_words
from cluster_sd.sensitivity.planning import Asking, plan
from cluster_sd.sensitivity.study import Study, carry_out
from cluster_sd.simulate.running import Settings

FARM = (
    "strong= 1",
    "weak= 1",
    "idle= 1",
    "wind= 1",
    "sun= 1",
    "Income= INTEG(10*strong + 2*weak + 0*idle + 20*wind + sun, 5)",
)


@pytest.fixture
def farm(vensim) -> csd.Model:
    return vensim(*FARM, stop=2, step=0.5)


def row(model: csd.Model, name: str, role: str, group: str = "", step: float | None = None) -> Parameter:
    return Parameter(name, 1.0, "", 0, 2, "uniform", role, group, None, step, "", "assumed", "", model.path, 1)


@pytest.fixture
def study(farm) -> Study:
    rows = [row(farm, name, "lever", step=0.1) for name in ("strong", "weak", "idle")]
    rows += [row(farm, name, "uncertain", "N1") for name in ("wind", "sun")]
    asking = Asking("sobol", 256, ["final(Income)", "Income"], rows, grouping="uncertain")
    return carry_out(plan(farm, asking, Settings()))


def test_the_leading_levers_are_told_with_how_sure_that_is(study):
    found = headline(study, study.asked[0])
    assert [place.name for place in found.first] == ["strong", "weak", "idle"]
    assert (found.among, found.are_levers) == (3, True)
    assert found.other is not None and found.other.name == "group:N1"
    variance = np.array([10, 2, 0, 20, 1]) ** 2  # times that of a uniform parameter
    assert found.first[0].value == pytest.approx(variance[0] / variance.sum(), abs=0.02)
    assert found.share == pytest.approx((100 + 4) / variance.sum(), abs=0.03)


def test_a_group_is_told_with_the_members_that_stand_behind_it(study):
    words = said(study, headline(study, study.asked[0]), Members(study))
    assert "two of 3 levers matter most: strong, " in words and "; and weak, " in words
    assert "The other levers can't be told from chance." in words
    assert "Of what nobody decides, group:N1 (above all wind" in words
    assert "All levers together explain 22 % at most." in words


def test_a_step_is_told_in_the_outcomes_own_terms(study):
    words = step_words(study, headline(study, study.asked[0]))
    assert "strong from 1 to 1.1 gives +2 " in words  # 0.1 * 10 over two years, whatever the weather
    assert "+2 to +2 in 90 % of them" in words


def test_an_outcome_that_never_moves_says_so(farm):
    rows = [row(farm, "strong", "lever"), row(farm, "wind", "uncertain")]
    made = carry_out(plan(farm, Asking("sobol", 64, ["Income@0"], rows), Settings()))
    page = report(made).page
    assert "constant at 5, so nothing matters for it here" in getattr(page.lead[0], "text", "")


def test_the_page_has_its_parts_and_every_figure_its_data(study):
    made = report(study, "cluster-sd sensitivity farm", ["how it was made"])
    titles = [section.title for section in made.page.sections]
    assert titles[0] == "What matters most" and titles[-1] == "How to repeat it"
    assert {"Over time", "What one step does", "How sure this is"} <= set(titles)
    names = [figure.name for figure in made.figures]
    assert len(set(names)) == len(names)
    for figure in made.figures:
        lengths = {len(column) for column in figure.data.values()}
        assert len(lengths) == 1 and lengths != {0}, figure.name


def test_a_name_that_looks_like_html_stays_a_name(study, monkeypatch):
    monkeypatch.setattr("cluster_sd.report.figures.Figure._rendered", lambda *_: b"<svg/>")
    from cluster_sd.report.page import render

    evil = replace(study, asked=tuple(replace(one, title="<script>alert(1)</script>") for one in study.asked))
    assert "<script>alert(1)" not in render(report(evil).page)


# --- numbers in words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, unit, text",
    [
        (0.0, "", "0"),
        (12345.6, "yuan", "12,346 yuan"),
        (1234.0, "", "1,230"),
        (0.05, "dmnl", "0.05"),
        (np.nan, "kg", "–"),
    ],
)
def test_quantities_have_three_digits_and_a_unit(value, unit, text):
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    "probability, verdict",
    [
        (0.999, "more than 99 %: that is settled"),
        (0.8, "80 %: that is likely"),
        (0.3, "30 %: that is not settled"),
        (0.0, "less than 1 %"),
        (1.0, "more than 99 %"),
    ],
)
def test_probabilities_never_pretend_to_be_certain(probability, verdict):
    assert verdict in sure_words(probability, 3)


def test_an_index_without_an_interval_is_told_without_one():
    assert amount("ST", Place("a", 0.3, np.nan, np.nan, 0.0)) == "30 % of the variance"
