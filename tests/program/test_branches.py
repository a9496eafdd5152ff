"""Runs that cannot differ yet are run once, and that changes no byte of what comes out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from programs import grid, programs

from cluster_sd.program import branches
from cluster_sd.program.branches import stretches
from cluster_sd.program.emit_llvm import LlvmKernel
from cluster_sd.program.ir import Program
from cluster_sd.program.kernel import Segment, Task
from cluster_sd.solvers.tableau import FIXED_STEP

#: Steps from which new constants hold, of runs with 24 steps.
CHANGES = (0, 7, 15)


def design(program: Program, runs: int, seed: int = 0) -> list[Segment]:
    """Three segments: few kinds of runs in the first, more in the second, each run by itself in the last."""
    rng = np.random.default_rng(seed)
    count = len(program.parameters)
    values = np.array([p.value for p in program.parameters])
    made, now = [], np.empty((count, runs))
    for first, kinds, rows in zip(CHANGES, (3, 11, runs), (range(count), (0, 1), (0,)), strict=True):
        kind = rng.integers(kinds, size=runs) if kinds < runs else np.arange(runs)
        now = now.copy()
        for row in rows:
            drawn = rng.normal(size=kinds)[kind]
            now[row] = drawn if first == 0 else drawn + now[row]
        made.append(Segment(first, values, now))
    return made


@pytest.mark.parametrize("random", [False, True])
@settings(
    max_examples=12, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)  # fmt: skip
@given(data=st.data(), scheme=st.sampled_from(list(FIXED_STEP.values())), wild=st.booleans())
def test_runs_together_give_what_each_gives_alone(random: bool, data, scheme, wild) -> None:
    program = data.draw(programs(wild=wild, random=random))
    kept = tuple(program.outputs.values())
    varying = tuple(range(len(program.parameters)))
    kernel = LlvmKernel(Task(program, scheme, kept, varying, (True,) * len(kept)), effort=0)
    segments, every = design(program, 41), grid(program, 24)
    streams = np.arange(41) // 20
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(branches, "WORTH", 0)
        parts = stretches(segments, 24, kernel.lanes, streams if random else None)
        assert [(p.begin, p.end) for p in parts] == [(0, 1), (1, 2), (2, 3)]
        together = kernel.integrate(every, segments, 3, streams)
    for run in range(41):
        alone = [Segment(s.first, s.values, s.varying[:, run : run + 1]) for s in segments]
        one = kernel.integrate(every, alone, 3, streams[run : run + 1])
        assert_array_equal(together.series[..., run], one.series[..., 0])
        assert (together.failed_step[run], together.failed_item[run]) == (one.failed_step[0], one.failed_item[0])


def test_kinds_are_told_by_constants_so_far_and_by_streams() -> None:
    values = np.zeros(2)
    before, after = np.repeat([[1.0, 2.0]], 50, axis=0).T.reshape(1, -1), np.arange(100.0)[None]
    segments = [Segment(0, values, before), Segment(40, values, after)]
    first, second = stretches(segments, 100, 8, None)
    assert (first.begin, first.end, first.members.tolist()) == (0, 1, [0, 50])
    assert_array_equal(first.of, np.arange(100) // 50)
    assert (second.begin, second.end) == (1, 2)
    assert_array_equal(second.of, np.arange(100))
    assert len(stretches(segments, 100, 8, np.zeros(100, dtype=np.int64))[0].members) == 2
    assert stretches(segments, 100, 8, np.arange(100)) == ()  # each has noise of its own


@pytest.mark.parametrize(
    "begins", [(0, 2), (0, 98)], ids=["two steps of history", "a hundred runs of which ninety-seven are alone anyway"]
)
def test_runs_branch_only_where_that_saves_more_than_it_costs(begins) -> None:
    few, many = np.zeros((1, 100)), np.arange(100.0)[None]
    if begins == (0, 98):
        few = many.copy()
        few[0, :3] = 0.0
    segments = [Segment(begins[0], np.zeros(1), few), Segment(begins[1], np.zeros(1), many)]
    assert stretches(segments, 100, 8, None) == ()


def test_equal_rows_are_run_once_and_a_change_beyond_the_end_is_none() -> None:
    rows = np.repeat(np.arange(10.0), 10)[None]
    never = Segment(500, np.zeros(1), np.arange(100.0)[None])
    assert stretches([Segment(0, np.zeros(1), rows), never], 100, 8, None) == ()
    (part,) = stretches([Segment(0, np.zeros(1), rows), Segment(50, np.zeros(1), rows)], 100, 8, None)
    assert (part.begin, part.end, part.members.tolist()) == (0, 2, list(range(0, 100, 10)))
