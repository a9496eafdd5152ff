"""Partitions, shares within them, and groups of loops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import loops_models as models
import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.errors import UnknownNameError
from cluster_sd.loops import OTHER, analyse

Vensim = Callable[..., csd.Model]
TWO = (*models.PREDATORS, "Snow= INTEG(fall-melt, 2)", "fall= 1+0.1*Hares", "melt= 0.3*Snow")


def test_stocks_that_share_no_loop_are_apart(vensim: Vensim) -> None:
    analysis = analyse(vensim(*TWO, stop=20, step=0.125))
    assert [set(p.stocks) for p in analysis.partitions] == [{"Hares", "Lynxes"}, {"Snow"}]
    assert [p.loops for p in analysis.partitions] == [5, 1]
    assert analysis.loops[-1].variables == ("Snow", "melt")  # alone, so that its share says nothing: at the end
    for number in range(2):
        inside = [i for i, loop in enumerate(analysis.loops) if loop.partition == number]
        np.testing.assert_allclose(np.abs(analysis.shares[:, inside]).sum(axis=1), 1)


def test_shares_are_scores_over_their_absolute_sum(vensim: Vensim) -> None:
    analysis = analyse(vensim(*models.PREDATORS, stop=20, step=0.125))
    total = np.abs(analysis.scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(analysis.shares, analysis.scores / total)
    assert [loop.mean_share for loop in analysis.loops] == sorted((x.mean_share for x in analysis.loops), reverse=True)
    np.testing.assert_allclose([loop.mean_share for loop in analysis.loops], np.abs(analysis.shares).mean(axis=0))


def test_what_is_not_kept_is_told(vensim: Vensim) -> None:
    model = vensim(*models.PREDATORS, stop=20, step=0.125)
    full, few = analyse(model), analyse(model, keep=2)
    assert (few.search.found, few.search.kept, len(few.loops)) == (5, 2, 2)
    np.testing.assert_allclose(np.abs(few.shares).sum(axis=1) + few.search.dropped, 1)
    for loop in few.loops:
        twin = next(i for i, other in enumerate(full.loops) if other.variables == loop.variables)
        np.testing.assert_allclose(few.shares[:, few.index(loop.id)], full.shares[:, twin])


def test_polarity_is_that_of_the_scores(vensim: Vensim) -> None:
    analysis = analyse(vensim(*models.PENDULUM, stop=20, step=0.0625))
    polarity = {loop.variables: (loop.polarity, loop.confidence) for loop in analysis.loops}
    assert polarity["Speed", "friction", "pull"] == ("B", 1.0)
    assert polarity["Angle", "pull", "Speed", "turning"] == ("B", 1.0)
    turned = ("S= INTEG(f, 0.1)", "f= 0.3*S-0.1*S^2+0*Time")
    mixed = analyse(vensim(*turned, stop=60, step=0.25, name="mixed")).loops[0]
    assert mixed.polarity == "U"
    assert 0 <= mixed.confidence < 1


def test_groups_add_up_shares(vensim: Vensim, tmp_path: Path) -> None:
    rows = "R1,Birth,Hares; hare births,M1,inward\nB1,Death,Lynxes; lynx deaths,M2,balancing\n"
    rows = f"id,name,variables,mechanism,kind\n{rows}"
    (tmp_path / "loops.csv").write_text(rows, encoding="utf-8")
    analysis = analyse(vensim(*models.PREDATORS, stop=20, step=0.125))
    groups = analysis.grouped("mechanism")
    assert set(groups.names) == {"M1", "M2", OTHER}
    assert groups.names[-1] == OTHER
    np.testing.assert_allclose(groups.shares.sum(axis=1), 1)
    column = groups.names.index("M1")
    np.testing.assert_allclose(groups.shares[:, column], np.abs(analysis.shares[:, analysis.index("R1")]))
    np.testing.assert_allclose(groups.net[:, groups.names.index("M2")], analysis.shares[:, analysis.index("B1")])
    assert set(groups.leader()) <= {groups.names.index("M1"), groups.names.index("M2")}
    mine = analysis.grouped(lambda loop: "hares" if "Hares" in loop.variables else "", named=True)
    assert mine.names == ("hares", OTHER)
    with pytest.raises(UnknownNameError, match="mechansm"):
        analysis.grouped("mechansm")
    with pytest.raises(UnknownNameError, match="did you mean 'Birth'"):
        analysis.index("Brith")


def test_link_shares_are_what_runs_through_a_link(vensim: Vensim) -> None:
    analysis = analyse(vensim(*models.LOGISTIC, stop=50, step=0.5))
    through = analysis.link_shares()
    for link in (("net birth rate", "Population"),):
        np.testing.assert_allclose(through[:, analysis.links.index(link)], 1)  # type: ignore[arg-type]
    assert analysis.dominant().tolist() == np.abs(analysis.shares).argmax(axis=1).tolist()
