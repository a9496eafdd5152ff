"""Stocks, flows and signs, read from equations."""

from __future__ import annotations

from collections import Counter

import pytest
import simlin
from diagram_models import CONTROL, banner, entry

import cluster_sd as csd
from cluster_sd.diagram import structure_of
from cluster_sd.diagram.polarity import signs_of
from cluster_sd.diagram.sectors import MOST, parts_of, sectors_of
from cluster_sd.diagram.structure import Structure
from cluster_sd.model.names import clean, split_element


def pipes(structure: Structure) -> set[tuple[str, str, str]]:
    return {(p.source, p.key if p.named else "", p.target) for p in structure.pipes}


def read(write, *equations: str) -> Structure:
    return structure_of(csd.load(write("".join(map(entry, equations)) + CONTROL)))


def test_births_and_deaths_are_pipes(write):
    structure = structure_of(csd.load(write()))
    assert {("", "births", "population"), ("population", "deaths", "")} <= pipes(structure)


def test_a_flow_from_stock_to_stock_is_one_pipe(write):
    structure = read(write, "A= INTEG(-Move, 1)", "B= INTEG(Move, 0)", "Move= A/2")
    assert pipes(structure) == {("a", "move", "b")}


def test_a_sum_over_an_array_is_a_flow(write):
    text = "k: one, two\n\t~\t\n\t~\t|\n" + entry("Use[k]= 1") + entry("Store= INTEG(-SUM(Use[k!]), 9)") + CONTROL
    assert pipes(structure_of(csd.load(write(text)))) == {("store", "use", "")}


def test_terms_without_a_name_are_unnamed_flows(write):
    structure = read(write, "S= INTEG(Goal*0.1 - S/T, 1)", "Goal= 3", "T= 4")
    assert [(p.source, p.target, p.both) for p in structure.pipes] == [("", "s", False), ("s", "", False)]
    acts = {(c.source, c.target) for c in structure.causes}
    assert {("goal", ">s"), ("t", "s>"), ("s", "s>")} <= acts


def test_an_adjustment_to_a_goal_runs_both_ways(write):
    (pipe,) = read(write, "S= INTEG((Goal - S)/T, 1)", "Goal= 3", "T= 4").pipes
    assert pipe.both and not pipe.named


def test_an_unnamed_term_that_leaves_one_stock_and_enters_another_joins_them(write):
    structure = read(write, "A= INTEG(-A/T, 1)", "B= INTEG(A/T, 0)", "T= 2")
    assert pipes(structure) == {("a", "", "b")}


def test_a_stock_that_only_counts_elsewhere_is_no_end_of_a_flow(write):
    text = (
        banner("Work") + entry("Store= INTEG(Made - Sold, 1)") + entry("Made= 2") + entry("Sold= Store/2")
        + banner("Count") + entry("All sold= INTEG(Sold, 0)") + banner("Control") + CONTROL
    )  # fmt: skip
    found = pipes(structure_of(csd.load(write(text))))
    assert ("store", "sold", "") in found and ("", "", "all_sold") in found


def test_delays_and_initial_values_are_told_apart(write):
    causes = {(c.source, c.target): c for c in structure_of(csd.load(write())).causes}
    assert causes["population", "wanted_land"].late
    assert causes["initial_population", "population"].initial
    assert not causes["birth_rate", "births"].late


def test_signs_are_those_of_derivatives(write):
    model = csd.load(write())
    structure = structure_of(model)
    signs = signs_of(model, structure).of
    assert signs["birth_rate", "births"] == 1
    assert signs["lifetime", "deaths"] == -1
    assert signs["population", "wanted_land"] == 1  # through a smooth
    assert signs["land", "crowding"] == -1  # through a table
    assert signs["population", "wave"] == 0  # changes with the population
    assert signs["wanted_land", ">land"] == 1


def test_more_outflow_is_what_raises_a_drain(write):
    model = csd.load(write("".join(map(entry, ["S= INTEG(1 - S/T, 1)", "T= 4"])) + CONTROL))
    signs = signs_of(model, structure_of(model)).of
    assert (signs["s", "s>"], signs["t", "s>"]) == (1, -1)


def test_a_base_run_that_fails_leaves_a_reason_and_no_signs(write):
    model = csd.load(write(entry("S= INTEG(1/(S - S), 1)") + CONTROL))
    found = signs_of(model, structure_of(model))
    assert dict(found.of) == {} and "not finite" in found.reason


@pytest.mark.parametrize("name", ["orange", "lead"])
def test_signs_agree_with_pysimlin(name):
    """Its static analysis knows half of the signs; where it errs (``1 - EXP(-a/b)`` falls in b), it is named here."""
    wrong = {
        ("lead_price", "working_capacity"), ("margin_spread", "investment_appetite"), ("margin_spread", "rival_demand"),
        ("margin_spread", "working_capacity"), ("park_needed", "park_readiness"),
        ("patience_of_trees", "own_saving"),
    }  # fmt: skip
    model = csd.load(name)
    ours = signs_of(model, structure_of(model)).of
    theirs: dict[tuple[str, str], set[str]] = {}
    for link in simlin.load(model.path).get_links():
        pair = clean(split_element(link.from_var)[0]), clean(split_element(link.to_var)[0])
        theirs.setdefault(pair, set()).add(link.polarity.name)
    known = {pair: signs for pair, signs in theirs.items() if signs in ({"POSITIVE"}, {"NEGATIVE"}) and ours.get(pair)}
    differing = {p for p, signs in known.items() if (signs == {"POSITIVE"}) != (ours[p] > 0)}
    assert len(known) > 400
    assert differing <= wrong


# ---- sectors ---------------------------------------------------------------------------------------------------------


def test_groups_are_sectors(write):
    model = csd.load(write())
    found = sectors_of(model, structure_of(model))
    assert ([s.title for s in found.all], found.origin) == (["People", "Land"], "groups")


def test_without_groups_the_views_are_sectors(write):
    head = "\\\\\\---/// Sketch information\nV300  Do not\n"
    style = "$192-192-192,0,Arial|9||0-0-0|0-0-0|0-0-255|-1--1--1|-1--1--1|96,96,100,0\n"
    views = (
        f"{head}*Supply\n{style}10,1,A,9,9,9,9,3,3,0,0,0,0,0,0\n{head}*Demand 1 of 2\n{style}10,1,A,9,9,9,9,8,2,0,3\n"
    )
    views += (
        f"10,2,B,9,9,9,9,8,3,0,0,0,0,0,0\n{head}*Demand 2 of 2\n{style}10,1,C,9,9,9,9,8,3,0,0,0,0,0,0\n///---\\\\\\\n"
    )
    text = "".join(map(entry, ["A= 1", "B= A", "C= B"])) + CONTROL + views
    model = csd.load(write(text))
    found = sectors_of(model, structure_of(model))
    assert found.origin == "views"
    assert {s.title: s.keys for s in found.all} == {"Supply": ("a",), "Demand": ("b", "c")}


def test_without_either_a_small_model_is_one_sector_and_a_large_one_communities(write):
    small = csd.load(write(entry("A= 1") + CONTROL))
    assert [s.title for s in sectors_of(small, structure_of(small)).all] == ["people"]
    chains = [f"{c}{i}= {f'{c}{i - 1}' if i else 1}" for c in "ABC" for i in range(15)]
    large = csd.load(write("".join(map(entry, chains)) + CONTROL, "large.mdl"))
    found = sectors_of(large, structure_of(large))
    assert found.origin == "communities"
    assert all(len({key[0] for key in s.keys}) == 1 for s in found.all)


@pytest.mark.parametrize("name", ["orange", "lead"])
def test_every_variable_is_at_home_in_one_view_of_readable_size(atlases, name):
    atlas = atlases[name]
    parts = [part for sector in atlas.sectors.all for part in parts_of(sector, atlas.structure)]
    homes = Counter(key for part in parts for key in part)
    assert set(homes.values()) == {1}
    assert set(homes) == {k for k, t in atlas.structure.things.items() if t.kind not in ("control", "time")}
    assert max(map(len, parts)) <= MOST <= 30


def test_flows_of_a_chain_stay_in_one_view(atlases):
    for atlas in atlases.values():
        for view in atlas.views:
            own = {node.key for node in view.nodes if not node.shadow}
            named = [p for p in atlas.structure.pipes if p.named and p.key in own and p.source and p.target]
            assert sum({p.source, p.target} <= own for p in named) >= len(named) - 2
