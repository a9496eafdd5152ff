"""Link and loop scores beside those of pysimlin, an engine of its own with a reader of its own."""

from __future__ import annotations

from collections.abc import Callable

import loops_models as models
import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.loops import analyse
from cluster_sd.model.names import clean

simlin = pytest.importorskip("simlin")
Vensim = Callable[..., csd.Model]

CASES = {
    "bass": (models.BASS, 15, 0.0625),
    "arms race": (models.ARMS_RACE, 60, 0.5),
    "logistic": (models.LOGISTIC, 100, 1),
    "predators": (models.PREDATORS, 40, 0.125),
    "yeast": (models.YEAST, 100, 0.5),
    "workforce": (models.WORKFORCE, 50, 0.25),
    "teacup": (models.TEACUP, 30, 0.125),
    "pendulum": (models.PENDULUM, 20, 0.0625),
    "famine": (models.FAMINE, 60, 0.25),
    "tanks": (models.TANKS, 30, 0.25),
    "roessler": (models.ROESSLER, 20, 0.0625),
}


def turned(names: list[str]) -> tuple[str, ...]:
    """The loop from its first name in the alphabet on."""
    first = names.index(min(names))
    return (*names[first:], *names[:first])


@pytest.mark.parametrize("case", CASES)
def test_pysimlin_gives_the_same_link_and_loop_scores(vensim: Vensim, case: str) -> None:
    equations, stop, step = CASES[case]
    model = vensim(*equations, start=0, stop=stop, step=step)
    analysis = analyse(model)
    run = simlin.load(str(model.path)).run(analyze_loops=True)
    scores = analysis.link_scores
    number = {(clean(a), clean(b)): i for i, (a, b) in enumerate(analysis.links)}
    theirs = {(link.from_var, link.to_var): link.score for link in run._sim.get_links() if link.score is not None}
    assert set(number) <= set(theirs)
    for link, i in number.items():
        np.testing.assert_allclose(theirs[link][1:], scores[:, i], rtol=1e-6, atol=1e-9, err_msg=str(link))
    mine = {turned(list(map(clean, loop.variables))): loop for loop in analysis.loops}
    loops = {turned(list(loop.variables)): loop for loop in run.loops}
    assert set(mine) == set(loops)
    for name, loop in mine.items():
        share = analysis.shares[:, analysis.index(loop.id)]
        np.testing.assert_allclose(loops[name].behavior_time_series[1:], share, rtol=1e-6, atol=1e-6, err_msg=loop.id)
        assert str(loops[name].polarity)[0] == loop.polarity or loop.polarity == "U"


def test_both_tell_partitions_apart(vensim: Vensim) -> None:
    two = ("Left= INTEG(-a, 10)", "a= 0.1*Left", "Right= INTEG(b-c, 10)", "b= 0.1*Right", "c= 0.02*Right^2")
    model = vensim(*two, start=0, stop=10, step=0.5)
    ours = {frozenset(map(clean, p.stocks)) for p in analyse(model).partitions}
    run = simlin.load(str(model.path)).run(analyze_loops=True)
    theirs = {}
    for loop in run.loops:
        theirs.setdefault(loop.partition, set()).update(name for name in loop.variables if name in ("left", "right"))
    assert ours == {frozenset(names) for names in theirs.values()}
