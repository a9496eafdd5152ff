"""Where things stand, and the pictures as text."""

from __future__ import annotations

import itertools
import random
import re
import xml.etree.ElementTree as ET

import pytest
from diagram_models import CONTROL, entry

import cluster_sd as csd
from cluster_sd.diagram import diagram_of
from cluster_sd.diagram.blocks import blocks_of
from cluster_sd.diagram.structure import Pipe
from cluster_sd.diagram.text import broken, width
from cluster_sd.report.diagram import diagrams, diagrams_in, pictures

SVG = "{http://www.w3.org/2000/svg}"


def meet(a, b, air=0.0):
    return a[0] < b[2] - air and b[0] < a[2] - air and a[1] < b[3] - air and b[1] < a[3] - air


def of(svg: str) -> ET.Element:
    return ET.fromstring(svg)


# ---- layout ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["orange", "lead"])
def test_no_name_covers_another(atlases, name):
    for view in atlases[name].views:
        for a, b in itertools.combinations([n for n in view.nodes if n.lines], 2):
            assert not meet(a.box, b.box, 1.0), (view.title, a.key, b.key)


@pytest.mark.parametrize("name", ["orange", "lead"])
def test_views_fit_a_page_and_hold_all_they_show(atlases, name):
    for view in atlases[name].views:
        assert view.width <= 1100
        for node in view.nodes:
            assert node.box[0] >= 0 and node.box[1] >= 0 and node.box[2] <= view.width and node.box[3] <= view.height
        for arrow in view.arrows:
            assert all(0 <= x <= view.width and 0 <= y <= view.height for x, y in arrow.curve.along)


def test_most_arrows_miss_the_names_of_others(atlases):
    hits = total = 0
    for atlas in atlases.values():
        for view in atlas.views:
            for arrow in view.arrows:
                total += 1
                others = [n.box for i, n in enumerate(view.nodes) if i not in (arrow.source, arrow.target) and n.lines]
                hits += any(meet((x, y, x, y), box, 2.0) for x, y in arrow.curve.along for box in others)
    assert hits / total < 0.06


def test_a_pipe_runs_from_its_stock_over_its_valve_to_the_other(write):
    atlas = diagram_of(
        csd.load(write("".join(map(entry, ["A= INTEG(-Move, 1)", "B= INTEG(Move, 0)", "Move= A/2"])) + CONTROL))
    )
    (view,) = atlas.views
    (flow,) = view.flows
    a, valve, b = (view.nodes[i] for i in (flow.start, flow.valve, flow.end))
    assert (a.key, valve.key, b.key) == ("a", "move", "b")
    assert a.x < valve.x < b.x and a.y == valve.y == b.y


def test_layout_draws_no_random_numbers(write):
    path = write()
    one, other = (diagrams(csd.load(path)) for _ in range(2))
    assert one == other


def test_lines_of_a_name_are_no_wider_than_asked():
    for name in (
        "National secondary lead output",
        "各类农户种植面积与新植品种构成比例",
        "Counterrevolutionarytendencies",
        "A",
    ):
        lines = broken(name, 12, 100)
        assert all(width(line, 12) <= 100 + 6 for line in lines)
        assert "".join(lines).replace("-", "").replace(" ", "") == name.replace(" ", "")


# ---- pictures --------------------------------------------------------------------------------------------------------


def test_a_picture_is_in_the_notation_of_the_field(write):
    made = diagrams(csd.load(write()))
    people, land = (of(sector.views[0].svg) for sector in made.sectors)
    texts = [t.text for t in people.iter(f"{SVG}text")]
    assert {"Population", "Births", "Deaths", "Birth rate", "+", "−"} <= set(texts)
    assert "<Crowding>" in texts  # at home elsewhere
    told = " ".join(t.text or "" for t in land.iter(f"{SVG}title"))
    assert "Population → Wanted land: raises, with delay" in told
    hover = next(t.text or "" for t in people.iter(f"{SVG}title") if (t.text or "").startswith("Population\n"))
    assert hover.splitlines() == [
        "Population", "Everybody <here> & now.", "Unit: person", "Equation: INTEG(Births - Deaths, Initial population)",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["orange", "lead"])
def test_pictures_stand_alone_and_can_be_read_aloud(atlases, name):
    made = pictures(atlases[name])
    for svg in (made.whole, *(view.svg for sector in made.sectors for view in sector.views)):
        root = of(svg)
        assert root.get("role") == "img" and root.get("aria-label")
        assert root[0].tag == f"{SVG}title" and root[1].tag == f"{SVG}desc"
        assert not re.search(r"href|url\(|<script|<style|<image|\bid=", svg)
    stems = [view.name for sector in made.sectors for view in sector.views]
    assert len(set(stems)) == len(stems) and all(re.fullmatch(r"[a-z0-9-]+", stem) for stem in stems)


def test_all_text_is_escaped(write):
    evil = '"</svg><script>alert(1)</script> & <b>"'
    text = entry(f"{evil}= 1", "dmnl", "<img src=x onerror=alert(2)>") + entry(f"Used= {evil}*2") + CONTROL
    made = diagrams(csd.load(write(text)))
    svg = made.sectors[0].views[0].svg
    assert "<script" not in svg and "<img" not in svg
    assert "alert(1)" in "".join(of(svg).itertext())


def test_chinese_names_stand_in_the_chinese_pictures(write):
    path = write()
    (path.parent / "names_zh.csv").write_text("name,zh\nPopulation,人口\nPeople,人口板块\n", encoding="utf-8")
    made = diagrams_in(csd.load(path))
    assert made["zh"].sectors[0].title == "人口板块"
    assert "人口" in [t.text for t in of(made["zh"].sectors[0].views[0].svg).iter(f"{SVG}text")]
    assert "Population" in [t.text for t in of(made["en"].sectors[0].views[0].svg).iter(f"{SVG}text")]


def test_the_whole_shows_sectors_links_and_named_loops(write):
    path = write()
    rows = "id,name,variables,mechanism,kind\nB9,Crowded out,Population; Crowding; Deaths,,balancing\n"
    (path.parent / "loops.csv").write_text(rows, encoding="utf-8")
    atlas = diagram_of(csd.load(path))
    overview = atlas.overview
    assert [(s.title, s.stocks, s.variables) for s in overview.sectors] == [("People", 1, 6), ("Land", 1, 7)]
    counts = {(b.source, b.target): (b.count, b.sign) for b in overview.bundles}
    assert counts == {(0, 1): (3, 0), (1, 0): (1, 1)}
    (loop,) = overview.loops
    assert (loop.id, loop.polarity, loop.sectors) == ("B9", "B", (0, 1))
    texts = list(of(pictures(atlas).whole).itertext())
    assert "B9 Crowded out (B)" in texts


def test_named_loops_have_the_polarity_of_their_signs(atlases):
    for atlas in atlases.values():
        assert {loop.id[0] for loop in atlas.overview.loops} == {"R", "B"}
        assert [loop.id for loop in atlas.overview.loops if loop.polarity != loop.id[0]] == []


# ---- small and odd models --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "equations",
    [
        ["A= 1"],
        ["S= INTEG(1, 0)"],
        ["S= INTEG(-S, 1)"],
        ["In= 1", "S= INTEG(In - In, 1)"],
        ['"名字, with <angle> & ""quote"" (1/2)"= 3'.replace('""', "'")],
        ["库存= INTEG(流入, 1)", "流入= 2"],
        [f"S{i}= INTEG(F{i - 1} - F{i}, 1)\n\t~\tdmnl\n\t~\t\n\t|\n\nF{i}= S{i}/2" for i in range(1, 9)] + ["F0= 1"],
        ["Hub= INTEG(" + " + ".join(f"In {i}" for i in range(7)) + ", 1)"] + [f"In {i}= {i}*Hub" for i in range(7)],
    ],
    ids=["one", "stock", "drain", "in and out", "quoted", "chinese", "long chain", "many flows"],
)
def test_odd_models_are_drawn(write, equations):
    made = diagrams(csd.load(write("".join(map(entry, equations)) + CONTROL)))
    for sector in made.sectors:
        for view in sector.views:
            of(view.svg)


@pytest.mark.parametrize("seed", range(40))
def test_any_stocks_and_flows_find_a_place_without_two_in_one(seed):
    chance = random.Random(seed)
    stocks = [f"s{i}" for i in range(chance.randint(1, 14))]
    ends = [[chance.choice(["", *stocks]) for _ in range(2)] for _ in range(chance.randint(0, 3 * len(stocks)))]
    pipes = [Pipe(f"p{i}", a, b, True) for i, (a, b) in enumerate(ends) if (a or b) and a != b]
    blocks = blocks_of(stocks, pipes)
    assert {s for b in blocks for s in b.stocks} == set(stocks)
    assert sorted(path.pipe.key for b in blocks for path in b.paths) == sorted(p.key for p in pipes)
    for block in blocks:
        cells = [*block.stocks.values(), *(path.valve for path in block.paths)]
        assert len(set(cells)) == len(cells)
