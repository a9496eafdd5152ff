"""Random programs of some size for the tests of the LLVM emitter.

They have every operation, every kind of table, pipes whose length differs between runs, slots, random numbers, and
constants that change in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cluster_sd.program.build import Builder
from cluster_sd.program.ir import Control, Parameter, Pipe, Program, Slot, State, Table
from cluster_sd.program.kernel import Batch, Grid, Kernel, Segment, Task
from cluster_sd.program.ops import OPS
from cluster_sd.program.schedule import save_steps
from cluster_sd.solvers.tableau import FIXED_STEP

SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e308, -1e-310, 1.0, -1.0)
PARAMETERS, POINTS = 5, 12
_UNARY = [op for op, row in OPS.items() if row.takes == "f" and op not in ("hold", "table", "table_slope", "truth")]
_BINARY = [op for op, row in OPS.items() if row.takes == "ff" and row.gives == "f"] * 2 + ["add", "sub", "mul", "div"]
_COMPARE = ["lt", "le", "eq", "ne"]


class _Maker:
    """Builds one program from a seed."""

    def __init__(self, rng: np.random.Generator, states: int) -> None:
        self.rng, self.builder = rng, Builder()
        b = self.builder
        self.starts = [b.leaf("start_parameter", i) for i in range(PARAMETERS)]
        self.starts += [b.literal(x) for x in (0.5, -1.0, 2.0, 0.0)]
        self.starts += [b.leaf(x) for x in ("start", "stop", "dt", "save_step")] + [b.leaf("uniform_start", 7)]
        for _ in range(10):
            op = str(rng.choice(["add", "mul", "sub", "min", "max", "exp", "div"]))
            self.starts.append(b.op(op, *(int(rng.choice(self.starts)) for _ in OPS[op].takes)))
        self.numbers = [b.leaf("parameter", i) for i in range(PARAMETERS)] + list(self.starts)
        self.numbers += [b.leaf("state", i) for i in range(states)]
        self.numbers += [b.leaf(x) for x in ("time", "step_time", "half_step", "dt")]
        self.numbers += [b.literal(float(x)) for x in rng.choice([0, 1, 2, 3, 0.5, -1, 10, 0.1, -2.5, 7], 4)]
        for i in range(2):
            self.numbers += [b.leaf("previous", i), b.leaf("pipe", i), b.leaf("uniform", 999 * i + 5)]
        self.truths = [b.op("lt", self.numbers[0], self.numbers[-1])]
        self.tables = [self._table(kind) for kind in ("interpolate", "extrapolate", "backward", "forward", "raw")]
        self.tables.append(Table("own", tuple(np.arange(4.0)), (0.0,) * 4, "interpolate", PARAMETERS))
        self.tables.append(Table("more", tuple(np.arange(8.0) - 3), (0.0,) * 8, "extrapolate", PARAMETERS + 4))

    def _table(self, kind: str) -> Table:
        count = int(self.rng.choice([1, 2, 3, 6, 11, 30]))
        x = np.cumsum(self.rng.choice([0.25, 0.5, 1.0], count)) - 2.0
        return Table(kind, tuple(x), tuple(self.rng.normal(size=count)), kind)

    def any(self) -> int:
        """A number, more often one of the latest."""
        return int(self.rng.choice(self.numbers[-30:] if self.rng.random() < 0.6 else self.numbers))

    def operation(self) -> None:
        b, rng = self.builder, self.rng
        what = rng.choice(
            ["unary", "binary", "compare", "select", "table", "logic"], p=[0.2, 0.4, 0.1, 0.1, 0.13, 0.07]
        )
        if what == "compare":
            self.truths.append(b.op(str(rng.choice(_COMPARE)), self.any(), self.any()))
        elif what == "select":
            self.numbers.append(b.op("select", int(rng.choice(self.truths)), self.any(), self.any()))
        elif what == "table":
            table = self.tables[int(rng.integers(len(self.tables)))]
            self.numbers.append(b.table(table, self.any(), str(rng.choice(["table", "table", "table_slope"]))))
        elif what == "logic":
            both = (int(rng.choice(self.truths)), int(rng.choice(self.truths)))
            self.truths.append(b.op("not", b.op(str(rng.choice(["and", "or"])), *both)))
            self.numbers.append(b.as_number(self.truths[-1]))
        else:
            op = str(rng.choice(_UNARY if what == "unary" else _BINARY))
            self.numbers.append(b.op(op, *(self.any() for _ in OPS[op].takes)))

    def bounded(self, node: int) -> int:
        b = self.builder
        return b.op("min", b.op("max", node, b.literal(-2.0)), b.literal(3.0))


def program(seed: int, size: int, *, wild: bool, states: int = 4) -> tuple[Program, list[int]]:
    """A program and its numbers; the stocks of a `wild` one may go anywhere."""
    rng = np.random.default_rng(seed)
    maker = _Maker(rng, states)
    for _ in range(size):
        maker.operation()
    b = maker.builder
    holds = [b.unique("hold", maker.bounded(maker.any()), attr=i) for i in range(2)]
    slots = [Slot(f"slot {i}", holds[i], int(rng.choice(maker.starts))) for i in range(2)]
    long = b.op("add", b.literal(4.0), b.op("mul", b.literal(3.0), b.leaf("start_parameter", 0)))
    pipes = [Pipe(f"pipe {i}", maker.any(), (long, b.literal(3.0))[i], int(rng.choice(maker.starts))) for i in range(2)]
    stocks = []
    for i in range(states):
        flow = maker.any()
        if not wild:
            flow = b.op("sub", maker.bounded(flow), b.op("mul", b.literal(0.3), b.leaf("state", i)))
        cut_with = int(rng.integers(i)) if i and rng.random() < 0.2 else -1
        stocks.append(State(f"stock {i}", int(rng.choice(maker.starts)), flow, bool(rng.random() < 0.3), cut_with))
    parameters = tuple(Parameter(f"p{i}", float(rng.normal())) for i in range(PARAMETERS + POINTS))
    control = Control(0.0, 10.0, 0.25, 1.0)
    made = Program(
        tuple(b.nodes), parameters, tuple(stocks), tuple(slots), tuple(pipes), tuple(b.tables), ("u",), (), {}, control
    )
    return made, maker.numbers + holds


@dataclass(frozen=True)
class Case:
    """A task, and arguments for its kernel."""

    task: Task
    grid: Grid
    segments: list[Segment]
    seed: int
    runs: NDArray[np.int64]

    def run(self, kernel: Kernel, keep: slice = slice(None)) -> Batch:
        """Run some of the columns."""
        segments = [Segment(s.first, s.values, s.varying[:, keep]) for s in self.segments]
        return kernel.integrate(self.grid, segments, self.seed, self.runs[keep])


def case(
    seed: int, scheme: str, runs: int, *, size: int = 60, segments: int = 1, wild: bool = False, special: bool = False
) -> Case:
    """A random program, its outputs, and which of its parameters differ between the runs and how."""
    made, numbers = program(seed, size, wild=wild)
    rng = np.random.default_rng((seed, 1))
    kept = tuple(int(i) for i in rng.choice(numbers, 8))
    count = len(made.parameters)
    varying = tuple(int(i) for i in np.sort(rng.choice(count, int(rng.integers(0, count // 2)), replace=False)))
    checked = tuple(bool(x) for x in rng.random(len(kept)) < 0.4)
    steps, dt = 40, made.control.dt
    grid = Grid(0.0, steps * dt, dt, 1.0, steps, save_steps(steps * dt, dt, 1.0))
    parts = []
    for number in range(segments):
        values = rng.normal(size=(len(varying), runs))
        if special:
            odd = rng.random(values.shape) < 0.15
            values[odd] = rng.choice(SPECIAL, odd.sum())
        parts.append(Segment(7 * number, np.array([p.value for p in made.parameters]) + 0.1 * number, values))
    task = Task(made, FIXED_STEP[scheme], kept, varying, checked)
    return Case(task, grid, parts, int(rng.integers(2**40)), np.arange(runs) * 3 + 5)


def assert_agree(a: Batch, b: Batch, rtol: float = 1e-12) -> None:
    """Same failures, and same values in the runs that did not fail."""
    np.testing.assert_array_equal(a.failed_step, b.failed_step)
    np.testing.assert_array_equal(a.failed_item, b.failed_item)
    live = a.failed_step < 0
    np.testing.assert_allclose(b.series[:, :, live], a.series[:, :, live], rtol=rtol, atol=1e-13)
