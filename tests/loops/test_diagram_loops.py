"""The causal loop diagram: what it shows, what it merges, and that it can be read."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_sd.loops import Link
from cluster_sd.report.loops.diagram import causal_diagram, label
from cluster_sd.report.loops.svg import curves


def links(loop):
    return list(map(Link, loop, (*loop[1:], loop[0])))


def diagram(loops, stocks=(), keep=(), most=22, less=()):
    shares = np.ones((2, len(loops))) / len(loops)
    signs = {link: np.full(2, -1.0 if link in less else 1.0) for loop in loops for link in links(loop)}
    return causal_diagram(loops, shares, signs, frozenset(stocks), keep, most)


def arrows(made):
    return {(made.boxes[a.source].name, made.boxes[a.target].name): a for a in made.arrows}


def test_a_chain_that_only_hands_a_change_on_is_one_arrow_with_the_chains_polarity():
    made = diagram([("Skill", "a", "b", "Output", "c")], stocks={"Skill"}, keep={"Output"}, less={("a", "b")})
    found = arrows(made)
    assert set(found) == {("Skill", "Output"), ("Output", "Skill")}
    assert found["Skill", "Output"].through == ("a", "b")
    assert found["Skill", "Output"].sign.tolist() == [-1, -1]
    assert found["Output", "Skill"].sign.tolist() == [1, 1]


def test_two_ways_from_one_variable_to_another_stay_two_ways():
    made = diagram([("X", "short", "Y", "back"), ("X", "long", "Y", "back")], less={("X", "long")})
    signs = {pair: int(a.sign[0]) for pair, a in arrows(made).items()}
    ways = [pair for pair in signs if pair[0] == "X"]
    assert len(ways) == 2
    assert sorted(np.prod([signs[w], signs.get((w[1], "Y"), 1)]) for w in ways) == [-1, 1]


def test_an_arrows_weight_is_the_sum_of_the_sizes_of_the_shares_that_run_through_it():
    loops = [("X", "Y"), ("X", "Y", "Z")]
    shares = np.array([[0.2, -0.5]])
    signs = {link: np.ones(1) for loop in loops for link in links(loop)}
    found = arrows(causal_diagram(loops, shares, signs, frozenset({"X", "Y", "Z"})))
    assert found["X", "Y"].weight.tolist() == pytest.approx([0.7])
    assert found["Y", "X"].weight.tolist() == pytest.approx([0.2])
    assert found["Z", "X"].weight.tolist() == pytest.approx([0.5])


def test_a_stock_that_acts_on_itself_has_an_arrow_to_itself():
    made = diagram([("Stock",)], stocks={"Stock"})
    assert [(a.source, a.target) for a in made.arrows] == [(0, 0)]
    assert curves(made)[0].path.startswith("M")


def test_loops_are_added_as_long_as_there_is_room():
    loops = [(f"S{i}", f"T{i}") for i in range(20)]
    made = diagram(loops, most=10)
    assert len(made.boxes) == 10
    assert made.loops == (0, 1, 2, 3, 4)


def test_a_loop_that_is_too_large_gives_way_to_a_smaller_one():
    made = diagram([("X", "Y"), tuple("XABCDEF"), ("X", "Z")], most=4, keep=set("ABCDEF"))
    assert made.loops == (0, 2)


names = st.sampled_from([f"Variable {letter}" for letter in "ABCDEFGHIJKL"])
cycles = st.lists(names, min_size=1, max_size=7, unique=True).map(tuple)


@settings(max_examples=30, deadline=None)
@given(st.lists(cycles, min_size=1, max_size=8, unique=True), st.sets(names), st.data())
def test_every_loop_that_is_shown_keeps_its_polarity_and_no_label_covers_another(loops, stocks, data):
    every = sorted({link for loop in loops for link in links(loop)})
    less = set(data.draw(st.lists(st.sampled_from(every), unique=True)))
    made = diagram(loops, stocks, less=less)
    for position, number in enumerate(made.loops):
        own = [a for a in made.arrows if position in a.loops]
        true = np.prod([-1 if link in less else 1 for link in links(loops[number])])
        assert np.prod([a.sign[0] for a in own]) == true
        shown = {made.boxes[a.source].name for a in own} | {name for a in own for name in a.through}
        assert shown == set(loops[number])
    for a, b in itertools.combinations(made.boxes, 2):
        apart = abs(a.x - b.x) >= (a.width + b.width) / 2 or abs(a.y - b.y) >= (a.height + b.height) / 2
        assert apart, (a, b)


def test_the_same_loops_are_laid_out_the_same_way_twice():
    loops = [("A", "B", "C"), ("B", "D"), ("C", "E", "A")]
    assert diagram(loops, "ABCDE").boxes == diagram(loops, "ABCDE").boxes


def test_a_long_name_is_broken_into_lines_and_its_element_begins_one():
    assert label("Tie formation[county government,ministries]")[0] == "Tie formation"
    assert label("Trust") == ("Trust",)
    assert all(len(line) <= 24 for line in label("Perceived relative income of all households"))
