"""The causal graph: which variable acts on which."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cluster_sd as csd
from cluster_sd.loops import analyse
from cluster_sd.loops.links import Graph, causal_graph

Vensim = Callable[..., csd.Model]


def graph(model: csd.Model) -> Graph:
    return causal_graph(model.program, model.metadata)


def pairs(model: csd.Model) -> set[tuple[str, str]]:
    return {(link.source, link.target) for link in graph(model).links}


def test_links_are_those_of_the_equations(vensim: Vensim) -> None:
    model = vensim("S= INTEG(f-g, 1)", "f= S*k", "k= 0.1", "g= S*h/2", "h= f+Time")
    assert pairs(model) == {("S", "f"), ("f", "S"), ("g", "S"), ("S", "g"), ("h", "g"), ("f", "h")}


def test_initial_values_and_constants_are_no_links(vensim: Vensim) -> None:
    model = vensim("S= INTEG(0.1*S, T)", "T= INTEG(-0.1*T, k)", "k= 3", "first= INITIAL(S)", "U= INTEG(first-U, S)")
    assert pairs(model) == {("S", "S"), ("T", "T"), ("U", "U")}


def test_a_variable_that_repeats_another_is_told_from_it_by_the_equation(vensim: Vensim) -> None:
    # copy and S are one node of the program; so are product and the first part of flow
    model = vensim("S= INTEG(flow, 1)", "copy= S", "product= copy*2", "flow= S*2+product+copy")
    found = pairs(model)
    assert {("S", "copy"), ("copy", "product"), ("product", "flow"), ("flow", "S")} <= found
    assert len(found & {("S", "flow"), ("copy", "flow")}) == 1  # the two can't be told apart, and need not be


def test_an_equation_does_not_borrow_the_name_of_an_equal_part(vensim: Vensim) -> None:
    model = vensim("S= INTEG(f-g, 1)", "T= INTEG(g, 1)", "part= S*T", "f= part", "g= S*T+1")
    assert ("part", "g") not in pairs(model)
    assert {("S", "g"), ("T", "g"), ("part", "f")} <= pairs(model)


def test_elements_of_arrays_are_variables(vensim: Vensim) -> None:
    model = vensim(
        "place: north, south\n\t~\t\n\t~\t\n\t|",
        "S[place]= INTEG(f[place], 1)",
        "f[place]= 0.1*S[place]+0.01*total",
        "total= SUM(S[place!])",
    )
    found = pairs(model)
    assert ("S[north]", "f[north]") in found
    assert ("S[north]", "f[south]") not in found
    assert ("S[south]", "total") in found


def test_what_a_smooth_keeps_is_a_variable_of_its_own(vensim: Vensim) -> None:
    model = vensim("S= INTEG(f, 1)", "f= 1-seen", "seen= SMOOTH3(S, 2)")
    found = graph(model)
    assert {"seen#smooth1", "seen#smooth2", "seen#smooth3", "S"} == set(found.memories)
    assert {("S", "seen#smooth1"), ("seen#smooth1", "seen#smooth2"), ("seen#smooth3", "seen")} <= pairs(model)


def test_what_is_in_no_loop_is_left_out(vensim: Vensim) -> None:
    model = vensim("S= INTEG(f, 1)", "f= 0.1*S", "twice= 2*S", "T= INTEG(twice, 0)", "driver= SIN(Time)")
    assert set(graph(model).variables) == {"S", "f"}
    assert {"twice", "T"} <= set(graph(model).everything)


XMILE = """<?xml version="1.0" encoding="utf-8"?>
<xmile version="1.0" xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0">
  <header><vendor>x</vendor><product version="1">x</product></header>
  <sim_specs method="euler"><start>0</start><stop>10</stop><dt>0.5</dt></sim_specs>
  <model><variables>
    <stock name="Fish"><eqn>50</eqn><inflow>births</inflow><outflow>catch</outflow></stock>
    <flow name="births"><eqn>growth * Fish * (1 - used)</eqn></flow>
    <flow name="catch"><eqn>0.05 * Fish</eqn></flow>
    <aux name="used"><eqn>Fish / 100</eqn></aux>
    <aux name="growth"><eqn>0.3</eqn></aux>
  </variables></model>
</xmile>
"""


def test_flows_of_an_xmile_stock_are_its_causes(tmp_path: Path) -> None:
    path = tmp_path / "fish.xmile"
    path.write_text(XMILE, encoding="utf-8")
    model = csd.load(path)
    assert pairs(model) == {
        ("births", "Fish"),
        ("catch", "Fish"),
        ("Fish", "births"),
        ("used", "births"),
        ("Fish", "catch"),
        ("Fish", "used"),
    }
    assert sorted(loop.polarity for loop in analyse(model).loops) == ["B", "B", "R"]
