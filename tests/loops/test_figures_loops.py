"""Figures of a loop analysis, by the numbers that they plot; periods and spells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from loops_world import QUESTION, analysis, view

from cluster_sd.loops import Agreement
from cluster_sd.loops.periods import Spell, periods, spells
from cluster_sd.report.loops.figures import beside_figure, every_figure, groups_figure, shares_figure
from cluster_sd.report.loops.opinion import opinion_figure
from cluster_sd.report.loops.pictures import Pictures


def test_a_step_belongs_to_the_year_in_which_its_change_happened():
    made = periods(np.arange(1990.25, 2000.01, 0.25), 1990.0)
    assert made.labels == [str(year) for year in range(1990, 2000)]
    assert np.bincount(made.of).tolist() == [4] * 10
    assert made.mean(np.arange(40.0)).tolist() == [1.5 + 4 * i for i in range(10)]


def test_a_run_of_thousand_days_is_shown_in_sixty_parts():
    made = periods(np.arange(1.0, 1001.0), 0.0)
    assert len(made.starts) == 60
    assert made.starts[0] == 0 and made.ends[-1] == 1000
    assert np.ptp(np.bincount(made.of)) <= 1


def test_a_run_of_a_few_hours_is_shown_in_parts_of_an_hour():
    made = periods(np.array([0.5, 1.0, 1.5, 2.0]), 0.0)
    assert made.labels == ["0", "0.5", "1", "1.5"]


def test_a_spell_that_is_too_short_belongs_to_the_one_before():
    assert spells([1, 1, 2, 1, 3, 3], least=2) == [Spell(0, 3, 1), Spell(4, 5, 3)]
    assert spells([-1, 0, 0]) == [Spell(0, 0, -1), Spell(1, 2, 0)]


NOT_LAYERS = ("from", "to", "drives", "holds back", "leads", "loops with a name")


def layers(figure):
    return {name: np.asarray(values) for name, values in figure.data.items() if name not in NOT_LAYERS}


def test_shares_of_the_loops_with_a_name_add_up_to_one():
    assert np.abs(list(layers(shares_figure(view())).values())).sum(axis=0) == pytest.approx(np.ones(20))


def test_shares_of_all_loops_add_up_to_the_change_that_the_kept_ones_hold():
    assert np.abs(list(layers(every_figure(view())).values())).sum(axis=0) == pytest.approx(np.full(20, 0.9))


def test_named_loops_compare_with_each_other_as_they_do_among_all():
    made = view()
    named = made.shares[:, 0] / made.shares[:, 1]
    every = made.analysis.shares[:, 0] / made.analysis.shares[:, 1]
    assert np.corrcoef(np.log(named), np.log(made.periods.mean(every)))[0, 1] > 0.99
    assert made.values[:, 0] / made.values[:, 1] == pytest.approx(every)
    assert not made.values[:, 3].any()


def test_balancing_loops_stand_below_the_line():
    data = shares_figure(view()).data
    assert max(data["B1 Sites run out"]) < 0
    assert min(data["R2 A name sells"]) > 0


def test_the_strips_name_who_drives_who_holds_back_and_who_leads_beside_each_year():
    data = shares_figure(view(replace(QUESTION, drives=()))).data
    drives = list(data["drives"])
    assert drives[0] == "R1 Output <teaches>" and drives[12] == "R2 A name sells"
    assert set(data["holds back"]) == {"", "B1 Sites run out"} and data["holds back"][-1]
    assert list(data["leads"]) == ["a"] * 10 + ["b"] * 10


def test_a_loop_without_a_name_is_told_by_its_stocks():
    made = view()
    assert made.title(3) == "R3 (Capacity)"


def test_groups_hold_what_their_loops_hold():
    made = view()
    data = groups_figure(made).data
    assert data["by network: trade"] == pytest.approx(made.shares[:, 0])
    assert data["by network: policy"] == pytest.approx(made.shares[:, 1])
    assert data["by kind: balancing"] == pytest.approx(made.shares[:, 2])


def test_the_question_is_about_loops_through_its_variables():
    made = view()
    assert [made.loop(i).id for i in made.asked] == ["R2"]
    assert set(made.shown) == {0, 1, 2} and set(made.every) == {0, 1, 2, 3}


def test_figures_are_drawn_and_the_same_bytes_twice():
    made = view()
    for again in range(2):
        figures = [shares_figure(made), beside_figure(made.beside[0], made, 1), Pictures(made).figure(3)]
        drawn = [figure.svg for figure in figures]
        assert all(svg.startswith(b"<?xml") and len(svg) < 400_000 for svg in drawn)
        assert again == 0 or drawn == first  # noqa: F821
        first = drawn  # noqa: F841


def test_a_picture_tells_which_way_each_arrow_acts_and_how_much_runs_through_it():
    made = view()
    data = Pictures(made).figure(10).data
    rows = list(zip(data["from"], data["to"], data["polarity"], data["share"], data["loops"], strict=True))
    assert sum(polarity < 0 for _, _, polarity, _, _ in rows) == 1
    for source, target, polarity, share, loops in rows:
        held = sum(made.sizes[10, made.analysis.index(one)] for one in loops.split("; "))
        assert share == pytest.approx(held), (source, target, polarity)


def test_disagreement_of_the_methods_is_shown_time_by_time():
    made = view()
    size = len(made.analysis.times)
    ltm = ["R1"] * (size // 2) + ["B1"] * (size - size // 2)
    agree = np.array([one == "R1" for one in ltm])
    opinion = Agreement(made.analysis.times, 0, "Capacity", tuple(ltm), ("R1",) * size, ("",) * size, agree, agree)
    figure = opinion_figure(made, opinion)
    assert "pathway participation" not in figure.data
    assert list(figure.data["all together"]) == ["same loop"] * (size // 2) + ["disagree"] * (size - size // 2)
    assert figure.svg


def test_a_run_in_which_nothing_moves_can_be_drawn():
    still = analysis()
    still = replace(still, shares=still.shares * 0, loops=tuple(one._replace(mean_share=0.0) for one in still.loops))
    made = replace(view(), analysis=still)
    assert set(shares_figure(made).data["drives"]) == {""}
    assert shares_figure(made).svg
