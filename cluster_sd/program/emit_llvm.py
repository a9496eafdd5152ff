"""Programs as machine code: the same results as :mod:`cluster_sd.program.emit_numpy`, many times faster.

A *lane* is a run: each operation works on a vector of runs, and a block of a few native vectors goes through all steps
before the next block begins, so that its states stay in the nearest cache. Nothing depends on the lane or block that
a run is in.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cluster_sd.program.emit_llvm_code import BEGIN, CONSTANTS, FIELD, LENGTHS, emit
from cluster_sd.program.emit_llvm_plan import FIXED_LEAVES, PARAMETERS, Plan
from cluster_sd.program.emit_llvm_target import Code, Target, build, host
from cluster_sd.program.kernel import Batch, Grid, Segment, Task

#: Bytes of rows of time (a window has no more of them), so that they stay in a near cache.
ROWS = 1 << 21
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
        Runs in a block; by default two native vectors, or one where code is compiled fast.
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
        self.lanes = default_lanes(self.target, effort) if lanes is None else lanes
        self.plan = Plan(task, self.target.machine, self.lanes, reciprocals=reciprocals)
        self.text = emit(self.plan, inline=effort > 0)
        self.code: Code = build(self.text, self.target, effort)
        self._fixed, self._times, self._window = (
            _Entry(self.code.address(name)) for name in ("fixed", "times", "window")
        )
        self._careful: LlvmKernel | None = None

    def integrate(
        self,
        grid: Grid,
        segments: Sequence[Segment],
        seed: int,
        runs: NDArray[np.int64],
        series: NDArray[np.float64] | None = None,
    ) -> Batch:
        """Run all columns of the segments' `varying`; see :class:`~cluster_sd.program.kernel.Kernel`."""
        batch = _Call(self, grid, segments, seed, runs, series).run()
        return self.careful().integrate(grid, segments, seed, runs, series) if batch is None else batch

    def careful(self) -> LlvmKernel:
        """The same program with plain divisions, for divisors whose reciprocal is no normal number."""
        if self._careful is None:
            self._careful = LlvmKernel(self.task, self.target, lanes=self.lanes, effort=self.effort, reciprocals=False)
        return self._careful


def default_lanes(target: Target, effort: int) -> int:
    """Runs in a block: two native vectors, so that one works while the other waits; one where compiling is quick."""
    return target.machine.vector * (2 if effort else 1)


class _Call:
    """One call of :meth:`LlvmKernel.integrate`: its memory, and the windows of steps one after another."""

    def __init__(
        self,
        kernel: LlvmKernel,
        grid: Grid,
        segments: Sequence[Segment],
        seed: int,
        runs: NDArray[np.int64],
        series: NDArray[np.float64] | None,
    ) -> None:
        self.kernel, self.grid, self.segments = kernel, grid, segments
        plan = kernel.plan
        self.blocks = -(-len(runs) // kernel.lanes)
        self.padded = self.blocks * kernel.lanes
        self.series = np.empty((len(grid.saves), len(kernel.task.kept), len(runs)))
        self.failed_step = np.full(self.padded, -1, dtype=np.int64)
        self.failed_item = np.full(self.padded, -1, dtype=np.int64)
        self.saves = np.full(grid.steps + 1, -1, dtype=np.int64)
        self.saves[grid.saves] = np.arange(len(grid.saves))
        self.runs = self._pad(np.asarray(runs, dtype=np.int64)[None])[0]
        self.start_varying = self._pad(segments[0].varying)
        self.fixed = np.zeros(plan.fixed_size)
        self.offsets = np.zeros(len(kernel.task.program.pipes), dtype=np.int64)
        self.lengths = np.ones(len(self.offsets), dtype=np.int64)
        self.windows = list(self._cut_windows())
        longest = max(last - first for first, last, _ in self.windows)
        self.rows = _aligned(max(longest, 1) * plan.stages * plan.row_size * 8)
        separate = len(self.windows) > 1
        self.frames = _aligned(plan.frame * (self.blocks if separate else 1))
        self.context = np.zeros(len(FIELD), dtype=np.int64)
        self._set(
            frames=_address(self.frames), frame_stride=plan.frame if separate else 0, fixed=_address(self.fixed),
            rows=_address(self.rows), runs=_address(self.runs), start_varying=_address(self.start_varying),
            varying_stride=8 * self.padded, series=_address(self.series), series_stride=8 * len(runs),
            saves=_address(self.saves), steps=grid.steps, blocks=self.blocks, count=len(runs),
            failed_step=_address(self.failed_step), failed_item=_address(self.failed_item),
            key_low=seed & 0xFFFFFFFF, key_high=seed >> 32, ring_offsets=_address(self.offsets),
            lengths=_address(self.lengths),
        )  # fmt: skip
        if kernel.task.program.series:
            self._hand_over(series)

    def _set(self, **fields: int) -> None:
        """Fields of the context."""
        for name, value in fields.items():
            self.context[FIELD[name]] = value

    def _pad(self, rows: NDArray) -> NDArray:
        """Rows as long as the blocks; the last run is repeated, so that nothing odd happens beyond it."""
        count = rows.shape[1]
        if count == self.padded:
            return np.ascontiguousarray(rows)
        padded = np.empty((len(rows), self.padded), dtype=rows.dtype)
        padded[:, :count], padded[:, count:] = rows, rows[:, count - 1 :]
        return padded

    def _hand_over(self, series: NDArray[np.float64] | None) -> None:
        """Series of the caller; read where they are."""
        assert series is not None
        if series.strides[2] != 8 and series.shape[2] > 1:
            series = np.ascontiguousarray(series)
        self.handed_over = series
        row, item, _ = series.strides
        self._set(given=_address(series), given_row=row, given_series=item, given_rows=len(series))

    def _cut_windows(self) -> Iterator[tuple[int, int, Segment | None]]:
        """First step, step before which to end, and the segment that begins there."""
        plan, steps = self.kernel.plan, self.grid.steps
        most = max(1, ROWS // (8 * plan.stages * plan.row_size))
        begins = [(segment.first, segment) for segment in self.segments if segment.first <= steps]
        ends = [first for first, _ in begins[1:]] + [steps + 1]
        for (first, segment), end in zip(begins, ends, strict=True):
            yield first, min(end, first + most), segment
            for start in range(first + most, end, most):
                yield start, min(end, start + most), None

    def run(self) -> Batch | None:
        """Results, or None where a divisor asks for the careful way."""
        kernel = self.kernel
        for number, (first, last, segment) in enumerate(self.windows):
            task = 0
            self._set(first=first, last=last)
            if segment is not None:
                task = CONSTANTS
                self._enter(segment, begin=number == 0)
                self._call(kernel._fixed)
            self._call(kernel._times)
            if number == 0:
                task = CONSTANTS | BEGIN
                self._make_rings(first)
            self._set(task=task, last=last)
            self._call(kernel._window)
            if self.context[FIELD["odd"]]:
                return None
        count = self.series.shape[2]
        return Batch(self.series, self.failed_step[:count], self.failed_item[:count])

    def _enter(self, segment: Segment, begin: bool) -> None:
        """Put a segment's constants in place."""
        grid, fixed = self.grid, self.fixed
        count = len(segment.values)
        fixed[PARAMETERS : PARAMETERS + count] = segment.values
        if begin:
            fixed[PARAMETERS + count : PARAMETERS + 2 * count] = segment.values
            times = {"start": grid.start, "stop": grid.stop, "dt": grid.dt, "half_step": grid.dt / 2}
            for name, value in (times | {"save_step": grid.save_step}).items():
                fixed[FIXED_LEAVES[name]] = value
        self.varying = self.start_varying if begin else self._pad(segment.varying)
        self._set(varying=_address(self.varying))

    def _make_rings(self, first: int) -> None:
        """Memory of the pipes: as long as the longest of each."""
        if not len(self.offsets):
            return
        width = self.kernel.plan.width
        self._set(task=CONSTANTS | LENGTHS, last=first)
        self._call(self.kernel._window)
        self.offsets[1:] = np.cumsum(self.lengths)[:-1] * width
        size = int(self.lengths.sum()) * width
        separate = len(self.windows) > 1
        self.rings = _aligned(size * (self.blocks if separate else 1))
        self._set(rings=_address(self.rings), ring_stride=size if separate else 0)

    def _call(self, function: Callable[[int], None]) -> None:
        function(_address(self.context))


def _aligned(size: int) -> NDArray[np.uint8]:
    """Memory of `size` bytes that begins where vectors may stand."""
    memory = np.empty(size + _ALIGN, dtype=np.uint8)
    start = -memory.ctypes.data % _ALIGN
    return memory[start : start + size]


def _address(array: NDArray) -> int:
    return array.__array_interface__["data"][0]  # array.ctypes.data takes twice as long
