"""Loops that have a name: read, recognised, and refused with what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.errors import InputError
from cluster_sd.loops import analyse, read_loops
from cluster_sd.loops.links import causal_graph
from cluster_sd.loops.named import closed_paths

Vensim = Callable[..., csd.Model]

MODEL = (
    "Stock= INTEG(inflow-outflow, 10)",
    "inflow= 5-0.2*seen",
    "outflow= rate*Stock",
    "rate= 0.2",
    "seen= SMOOTH3(Stock, 4)",
)
HEADER = "id,name,variables,mechanism,kind\n"
GOOD = HEADER + "B1,Leak,Stock; outflow,M1,balancing\nB2,Slow answer,seen; Inflow; stock,M2,inward\n"


def names(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "named.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_named_loops_are_recognised_and_keep_their_marks(vensim: Vensim, tmp_path: Path) -> None:
    analysis = analyse(vensim(*MODEL, stop=10), names=names(tmp_path, GOOD))
    one, other = analysis.loops[analysis.index("B1")], analysis.loops[analysis.index("Slow answer")]
    assert (one.name, one.mechanism, one.kind, one.variables) == ("Leak", "M1", "balancing", ("Stock", "outflow"))
    assert other.shown == ("seen", "inflow", "Stock")
    assert other.variables == ("seen", "inflow", "Stock", "seen#smooth1", "seen#smooth2", "seen#smooth3")
    ids = [loop.id for loop in analysis.loops]
    assert len(set(ids)) == len(ids) == 5
    assert {"B3", "B4", "B5"} == {loop.id for loop in analysis.loops if not loop.name}


def test_the_file_beside_the_model_is_read_by_itself(vensim: Vensim, tmp_path: Path) -> None:
    (tmp_path / "loops.csv").write_text(GOOD, encoding="utf-8")
    assert "Leak" in {loop.name for loop in analyse(vensim(*MODEL, stop=10)).loops}


def test_named_loops_are_scored_though_the_search_keeps_and_finds_nothing(vensim: Vensim, tmp_path: Path) -> None:
    model, path = vensim(*MODEL, stop=10), names(tmp_path, GOOD)
    full, few = analyse(model, names=path), analyse(model, names=path, keep=0)
    assert {loop.id for loop in few.loops} == {"B1", "B2"}
    for loop in few.loops:
        np.testing.assert_array_equal(few.shares[:, few.index(loop.id)], full.shares[:, full.index(loop.id)])
    assert few.search.found == full.search.found == 5
    np.testing.assert_allclose(np.abs(few.shares).sum(axis=1) + few.search.dropped, 1)


def test_shares_among_the_named_loops_do_not_depend_on_the_search(vensim: Vensim, tmp_path: Path) -> None:
    model, path = vensim(*MODEL, stop=10), names(tmp_path, GOOD)
    full, few = analyse(model, names=path), analyse(model, names=path, limit=0, paths=1, keep=0)
    for key in ("B1", "B2"):
        np.testing.assert_allclose(
            few.named_shares()[:, few.index(key)], full.named_shares()[:, full.index(key)], rtol=1e-12
        )
    np.testing.assert_allclose(np.abs(full.named_shares()).sum(axis=1), 1)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("X,n,Stock; rate,,", "'rate' does not change within a run"),
        ("X,n,Stock; inflow,,", r"loop 'X': is not closed: 'inflow' does not depend on 'Stock'.*it depends on seen"),
        ("X,n,Stock; outflw,,", "unknown variable 'outflw'.*did you mean 'outflow'"),
        ("X,n,Stock; outflow; Stock,,", "through 'Stock' twice"),
        ("X,n,Stock; outflow,,\nX,m,Stock; outflow,,", "'X' stands twice"),
        ("X,n,,,", "column 'variables' is empty"),
        ("X,n,Stock; outflow,,sideways", "unknown kind 'sideways'.*inward, outward|'inward'"),
    ],
)
def test_a_broken_row_says_what_is_wrong_and_where(vensim: Vensim, tmp_path: Path, row: str, told: str) -> None:
    path = names(tmp_path, HEADER + row + "\n")
    with pytest.raises(InputError, match=told) as raised:
        analyse(vensim(*MODEL, stop=10), names=path)
    assert "named.csv" in str(raised.value)


@pytest.mark.parametrize("name", ["orange", "lead"])
def test_every_named_loop_of_the_shipped_models_closes(name: str) -> None:
    model = csd.load(name)
    graph = causal_graph(model.program, model.metadata)
    named = read_loops(model.folder.path / "loops.csv")
    paths = closed_paths(named, graph, model.program.outputs)
    assert len(paths) == len(named) >= 15
    for one, path in zip(named, paths, strict=True):
        links = [graph.links[i] for i in path]
        assert all(a.target == b.source for a, b in zip(links, [*links[1:], links[0]], strict=True)), one.id
        assert len({link.source for link in links}) == len(links)
        assert any(link.source in graph.memories for link in links)
