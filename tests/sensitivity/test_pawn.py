"""PAWN: distances between distributions."""

from __future__ import annotations

import numpy as np
import pytest
from truths import ISHIGAMI, cube, outputs_of

from cluster_sd.errors import InputError
from cluster_sd.sensitivity import pawn


def test_of_a_single_input_the_distances_are_those_of_slices_of_a_uniform_variable():
    """Slice i of ten lies from i/10 to (i+1)/10: the distance from all is the larger of what lies beside it."""
    drawn = pawn.sample(cube(2), 4096)
    found = pawn.analyze(drawn, outputs_of(drawn, lambda u: u[:, 0])).estimates
    distances = [max(i, 9 - i) / 10 for i in range(10)]
    assert found["maximum"].value[0, 0] == pytest.approx(0.9, abs=0.002)
    assert found["minimum"].value[0, 0] == pytest.approx(0.5, abs=0.002)
    assert found["median"].value[0, 0] == pytest.approx(np.median(distances), abs=0.002)
    assert found["mean"].value[0, 0] == pytest.approx(np.mean(distances), abs=0.002)


def test_it_depends_on_the_order_of_outcomes_alone():
    drawn = pawn.sample(ISHIGAMI.problem, 512)
    found = pawn.analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate, lambda u: np.exp(ISHIGAMI.evaluate(u)))).main
    np.testing.assert_array_equal(found.value[:, 0], found.value[:, 1])


def test_what_has_no_influence_stays_below_the_floor():
    drawn = pawn.sample(cube(6), 2048)
    found = pawn.analyze(drawn, outputs_of(drawn, lambda u: u[:, 0] + u[:, 1] ** 2))
    floor = found.floor["median"][0]
    assert (found.main.value[:2, 0] > 3 * floor).all()
    assert (found.main.value[2:, 0] < floor).all()
    assert (found.main.rank[:2, 0] <= 2).all() and found.main.top[1, 0] > 0.99


def test_the_influences_of_blocks_are_what_leaving_one_out_changes():
    """The interval is as long as a jackknife over the parts of the sample says."""
    drawn = pawn.sample(ISHIGAMI.problem, 4096)
    y, unit = ISHIGAMI.evaluate(drawn.unit()), drawn.unit()
    found = pawn.analyze(drawn, outputs_of(drawn, ISHIGAMI.evaluate)).estimates["mean"]
    part = np.arange(4096) % 32
    for i in range(2):
        left = []
        for block in range(32):
            keep = part != block
            ranked = pawn._Ranked.of(y[keep], part[keep], 32)
            left.append(ranked.index(pawn._slices(unit[keep, i]))[0][1])
        error = np.sqrt(31 * np.var(left))
        half = (found.value - found.low)[i, 0] / 2.04
        assert half == pytest.approx(error, rel=0.35)


def test_a_larger_sample_begins_with_the_smaller_one_and_n_is_rounded_up():
    small = pawn.sample(cube(3), 100)
    assert small.n == 128 and "rounded up" in small.notes[0]
    np.testing.assert_array_equal(pawn.extend(small, 512).unit(0, 128), small.unit())
    with pytest.raises(InputError, match="already"):
        pawn.extend(small, 64)
