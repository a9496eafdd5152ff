"""Programs as machine code: the same results as :mod:`cluster_sd.program.emit_numpy`, many times faster.

A *lane* is a run: each operation works on a vector of runs, and a block of a few native vectors goes through all steps
before the next block begins, so that its states stay in the nearest cache. Nothing depends on the lane or block that
a run is in.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cluster_sd.program.branches import Stretch, stretches
from cluster_sd.program.emit_llvm_code import BEGIN, CONSTANTS, LENGTHS, emit
from cluster_sd.program.emit_llvm_plan import FIXED_LEAVES, PARAMETERS, Plan
from cluster_sd.program.emit_llvm_scope import FIELD
from cluster_sd.program.emit_llvm_target import Code, Target, build, host
from cluster_sd.program.kernel import Batch, Grid, Segment, Task

#: Bytes of rows of time (a window has no more of them), so that they stay in a near cache.
ROWS = 1 << 21
#: Bytes that a thread keeps for its next call.
KEPT = 1 << 20
_ALIGN = 256
_Entry = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class LlvmKernel:
    """A program as machine code; see :class:`cluster_sd.program.kernel.Kernel`.

    Parameters
    ----------
    task : Task
    target : Target, optional
        Processor; by default this one.
    lanes : int, optional
        Runs in a block; by default one or two native vectors.
    effort : int
        0 compiles fast, 2 makes fast code; results are the same to the bit.
    reciprocals : bool
        Whether divisions by what changes seldom go by a corrected reciprocal.
    """

    def __init__(
        self,
        task: Task,
        target: Target | None = None,
        *,
        lanes: int | None = None,
        effort: int = 2,
        reciprocals: bool = True,
    ) -> None:
        self.task, self.effort = task, effort
        self.target = host() if target is None else target
        if lanes is None and effort == 0:
            lanes = self.target.machine.vector
        self.plan = Plan(task, self.target.machine, lanes, reciprocals=reciprocals)
        self.lanes = self.plan.lanes
        self.code: Code = build(emit(self.plan, inline=effort > 0), self.target, effort)
        self._fixed, self._times, self._window = (
            _Entry(self.code.address(name)) for name in ("fixed", "times", "window")
        )
        self._random = any(node.op.startswith("uniform") for node in task.program.nodes)
        self._careful: LlvmKernel | None = None
        self._mine = threading.local()

    def integrate(
        self,
        grid: Grid,
        segments: Sequence[Segment],
        seed: int,
        runs: NDArray[np.int64],
        series: NDArray[np.float64] | None = None,
    ) -> Batch:
        """Run all columns of the segments' `varying`; see :class:`~cluster_sd.program.kernel.Kernel`."""
        parts: tuple[Stretch, ...] = ()
        if not self.task.program.series:
            parts = stretches(segments, grid.steps, self.lanes, runs if self._random else None)
        if parts:
            batch = self._branching(parts, grid, segments, seed, runs)
        else:
            batch = self._memory(grid, len(runs), tuple(s.first for s in segments)).run(segments, seed, runs, series)
        return self.careful().integrate(grid, segments, seed, runs, series) if batch is None else batch

    def _branching(
        self, parts: Sequence[Stretch], grid: Grid, segments: Sequence[Segment], seed: int, runs: NDArray[np.int64]
    ) -> Batch | None:
        """The same, stretch by stretch: of runs that are alike so far, one."""
        firsts = tuple(segment.first for segment in segments)
        saved = np.searchsorted(grid.saves, [firsts[part.begin] for part in parts])
        made: list[NDArray[np.float64]] = []
        before: tuple[_Memory, NDArray[np.intp]] | None = None
        for part in parts:
            memory = _Memory(self, grid, len(part.members), firsts, part.begin, part.end)
            given = [part.segment(segment) for segment in segments[: part.end]]
            batch = memory.run(given, seed, runs[part.members], None, before and (before[0], before[1][part.members]))
            if batch is None:
                return None
            made.append(batch.series)
            before = memory, part.of
        series = made.pop() if len(part.members) == len(runs) else np.take(made.pop(), part.of, axis=2)
        for own, former, first, last in zip(made, parts, saved, saved[1:], strict=False):
            np.take(own[first:last], former.of, axis=2, out=series[first:last], mode="clip")
        return Batch(series, batch.failed_step[part.of], batch.failed_item[part.of])

    def _memory(self, grid: Grid, runs: int, firsts: tuple[int, ...]) -> _Memory:
        """Memory for a call: that of this thread's last one where it fits, since many calls are alike and short."""
        last: _Memory | None = getattr(self._mine, "memory", None)
        if last is not None and last.fits(grid, runs, firsts):
            return last
        memory = _Memory(self, grid, runs, firsts)
        self._mine.memory = memory if memory.size <= KEPT else None
        return memory

    def careful(self) -> LlvmKernel:
        """The same program with plain divisions, for divisors whose reciprocal is no normal number."""
        if self._careful is None:
            self._careful = LlvmKernel(self.task, self.target, lanes=self.lanes, effort=self.effort, reciprocals=False)
        return self._careful


class _Memory:
    """What calls of :meth:`LlvmKernel.integrate` on one grid with so many runs need: windows of steps, and buffers.

    Parameters
    ----------
    kernel, grid, runs
    firsts : tuple of int
        First steps of the segments.
    begin, end : int
        Segments that the runs go through; where the first is not among them, they go on from others.

    Attributes
    ----------
    windows : list
        First step, step before which to end, and the number of the segment that begins there (or None), of each.
    size : int
        Bytes.
    """

    def __init__(
        self, kernel: LlvmKernel, grid: Grid, runs: int, firsts: tuple[int, ...], begin: int = 0, end: int | None = None
    ) -> None:
        self.kernel, self.grid, self.count, self.firsts = kernel, grid, runs, firsts
        plan, varying = kernel.plan, len(kernel.task.varying)
        self.blocks = -(-runs // kernel.lanes)
        padded = self.blocks * kernel.lanes
        self.saves = np.full(grid.steps + 1, -1, dtype=np.int64)
        self.saves[grid.saves] = np.arange(len(grid.saves))
        self.runs = np.zeros((1, padded), dtype=np.int64)
        self.start_varying, self.varying = np.zeros((varying, padded)), np.zeros((varying, padded))
        self.fixed = np.zeros(plan.fixed_size)
        self.offsets = np.zeros(len(kernel.task.program.pipes), dtype=np.int64)
        self.lengths = np.ones(len(self.offsets), dtype=np.int64)
        self.windows = list(self._cut_windows(begin, end))
        self.separate = len(self.windows) > 1 or end is not None
        longest = max(last - first for first, last, _ in self.windows)
        self.rows = _aligned(max(longest, 1) * plan.stages * plan.row_size * 8)
        self.frames = _aligned(plan.frame * (self.blocks if self.separate else 1))
        self.size = sum(array.nbytes for array in (self.saves, self.varying, self.fixed, self.rows, self.frames))
        self.context = np.zeros(len(FIELD), dtype=np.int64)
        self._place = _address(self.context)
        self._set(
            frames=_address(self.frames), frame_stride=plan.frame if self.separate else 0, fixed=_address(self.fixed),
            rows=_address(self.rows), runs=_address(self.runs), start_varying=_address(self.start_varying),
            varying_stride=8 * padded, series_stride=8 * runs, saves=_address(self.saves), steps=grid.steps,
            blocks=self.blocks, count=runs, ring_offsets=_address(self.offsets), lengths=_address(self.lengths),
        )  # fmt: skip
        times = {"start": grid.start, "stop": grid.stop, "dt": grid.dt, "half_step": grid.dt / 2}
        for name, value in (times | {"save_step": grid.save_step}).items():
            self.fixed[FIXED_LEAVES[name]] = value

    def fits(self, grid: Grid, runs: int, firsts: tuple[int, ...]) -> bool:
        """Whether a call is on the same grid, with as many runs."""
        if (runs, firsts) != (self.count, self.firsts):
            return False
        own = self.grid
        times = ((g.start, g.stop, g.dt, g.save_step, g.steps) for g in (grid, own))
        return grid is own or (next(times) == next(times) and np.array_equal(grid.saves, own.saves))

    def _cut_windows(self, begin: int, end: int | None) -> Iterator[tuple[int, int, int | None]]:
        plan, steps = self.kernel.plan, self.grid.steps
        most = max(1, ROWS // (8 * plan.stages * plan.row_size))
        begins = [first for first in self.firsts if first <= steps]
        ends = [*begins[1:], steps + 1]
        for number in range(len(begins))[begin:end]:
            first, last = begins[number], ends[number]
            yield first, min(last, first + most), number
            for start in range(first + most, last, most):
                yield start, min(last, start + most), None

    def _set(self, **fields: int) -> None:
        """Fields of the context."""
        for name, value in fields.items():
            self.context[FIELD[name]] = value

    def run(
        self,
        segments: Sequence[Segment],
        seed: int,
        runs: NDArray[np.int64],
        given: NDArray[np.float64] | None,
        before: tuple[_Memory, NDArray[np.intp]] | None = None,
    ) -> Batch | None:
        """Results, or None where a divisor asks for the careful way.

        With `before`, each run goes on from where one of another memory's has come to: which one.
        """
        kernel, count = self.kernel, self.count
        series = np.empty((len(self.grid.saves), len(kernel.task.kept), count))
        self.failed = failed = np.full((2, self.runs.shape[1]), -1, dtype=np.int64)
        place = _address(failed)
        self._set(
            series=_address(series), failed_step=place, failed_item=place + failed.strides[0],
            key_low=seed & 0xFFFFFFFF, key_high=seed >> 32, odd=0,
        )  # fmt: skip
        _fill(self.runs, runs)
        if kernel.task.program.series:
            given = self._hand_over(given)
        if before is not None:
            self._enter(segments[0], begin=True)
            self._take_over(*before)
        for window in range(len(self.windows)):
            if not self._run_window(window, segments):
                return None
        return Batch(series, failed[0, :count], failed[1, :count])

    def _run_window(self, window: int, segments: Sequence[Segment]) -> bool:
        """Run all blocks through a window of steps; whether no divisor was odd."""
        kernel, task = self.kernel, 0
        first, last, number = self.windows[window]
        self._set(first=first, last=last)
        if number is not None:
            task = CONSTANTS
            self._enter(segments[number], begin=number == 0)
            kernel._fixed(self._place)
        kernel._times(self._place)
        if number == 0:
            task = CONSTANTS | BEGIN
            self._make_rings(first)
        self._set(task=task, last=last)
        kernel._window(self._place)
        return not self.context[FIELD["odd"]]

    def _take_over(self, before: _Memory, of: NDArray[np.intp]) -> None:
        """Copy what other runs have come to: what failed, stocks, held values, pipes and their contents."""
        plan, program = self.kernel.plan, self.kernel.task.program
        of = of[np.minimum(np.arange(self.runs.shape[1]), len(of) - 1)]
        self.failed[:] = before.failed[:, of]
        block, lane = (part.reshape(self.blocks, 1, plan.lanes) for part in np.divmod(of, plan.lanes))
        pipes = len(program.pipes)
        sizes = {"states": len(program.states), "previous": len(program.slots), "position": pipes, "length": pipes}
        for name, size in {"dead": 1, **sizes}.items():
            place = plan.frame, plan.offset[name], size, plan.lanes
            _vectors(self.frames, *place)[:] = _vectors(before.frames, *place)[block, np.arange(size)[:, None], lane]
        if not pipes:
            return
        self.offsets[:], self.lengths[:] = before.offsets, before.lengths
        size = self._lay_rings()
        place = size, 0, (count := size // plan.width), plan.lanes
        _vectors(self.rings, *place)[:] = _vectors(before.rings, *place)[block, np.arange(count)[:, None], lane]
        heads = _vectors(self.frames, plan.frame, plan.offset["head"], 1, plan.lanes)
        heads[:, 0, 0] = _address(self.rings) + size * np.arange(self.blocks)

    def _hand_over(self, series: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Series of the caller; read where they are."""
        assert series is not None
        if series.strides[2] != 8 and series.shape[2] > 1:
            series = np.ascontiguousarray(series)
        row, item, _ = series.strides
        self._set(given=_address(series), given_row=row, given_series=item, given_rows=len(series))
        return series

    def _enter(self, segment: Segment, begin: bool) -> None:
        """Put a segment's constants in place."""
        count = len(segment.values)
        self.fixed[PARAMETERS : PARAMETERS + count] = segment.values
        if begin:
            self.fixed[PARAMETERS + count : PARAMETERS + 2 * count] = segment.values
        into = self.start_varying if begin else self.varying
        _fill(into, segment.varying)
        self._set(varying=_address(into))

    def _make_rings(self, first: int) -> None:
        """Memory of the pipes: as long as the longest of each."""
        if not len(self.offsets):
            return
        width = self.kernel.plan.width
        self.lengths[:] = 1
        self._set(task=CONSTANTS | LENGTHS, last=first)
        self.kernel._window(self._place)
        self.offsets[1:] = np.cumsum(self.lengths)[:-1] * width
        self._lay_rings()

    def _lay_rings(self) -> int:
        """Memory for pipes of these lengths; gives the bytes of a block."""
        size = int(self.lengths.sum()) * self.kernel.plan.width
        self.rings = _aligned(size * (self.blocks if self.separate else 1))
        self._set(rings=_address(self.rings), ring_stride=size if self.separate else 0)
        return size


def _fill(into: NDArray, rows: NDArray) -> None:
    """Rows as long as the blocks; the last run is repeated, so that nothing odd happens beyond it."""
    count = rows.shape[-1]
    into[:, :count] = rows
    if count < into.shape[1]:
        into[:, count:] = rows[..., -1:]


def _vectors(memory: NDArray[np.uint8], stride: int, offset: int, size: int, lanes: int) -> NDArray[np.int64]:
    """So many vectors of each block's memory, shape (block, vector, lane); a view."""
    blocks = memory.view(np.int64).reshape(-1, stride // 8)
    return blocks[:, offset // 8 : offset // 8 + size * lanes].reshape(len(blocks), size, lanes)


def _aligned(size: int) -> NDArray[np.uint8]:
    """Memory of `size` bytes that begins where vectors may stand."""
    memory = np.empty(size + _ALIGN, dtype=np.uint8)
    start = -memory.ctypes.data % _ALIGN
    return memory[start : start + size]


def _address(array: NDArray) -> int:
    return array.__array_interface__["data"][0]  # array.ctypes.data takes twice as long
