"""Random programs for the tests: made by hypothesis from the table of operations, with all that a program can have."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from cluster_sd.program.build import Builder
from cluster_sd.program.ir import Control, Parameter, Pipe, Program, Slot, State, Table
from cluster_sd.program.kernel import Batch, Grid, Kernel, Segment, Task
from cluster_sd.program.ops import OPS
from cluster_sd.program.schedule import save_steps
from cluster_sd.solvers.tableau import Tableau

#: Numbers at which arithmetic has its edges.
SPECIAL = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -2.5, 3.0, 5e-324, -2e-310, 1e300, -1e300, np.inf, -np.inf, np.nan)
#: Parameters of every random program: three of its own, then the four points of a table.
OWN, POINTS = 3, 4
KINDS = ("interpolate", "extrapolate", "backward", "forward", "raw")

_INNER = tuple(op for op in OPS if op not in ("hold", "table", "table_slope", "absorb", "number", "truth"))


@st.composite
def programs(draw: st.DrawFn, *, wild: bool, size: int = 18, random: bool = False) -> Program:
    """A program of about `size` operations.

    `wild` ones apply operations to whatever there is, special values included; the others keep to arguments for which
    the operations are smooth almost everywhere, and their stocks stay within bounds.
    """
    maker = _Maker(draw, wild)
    for _ in range(draw(st.integers(1, 3))):
        maker.state()
    if random:
        maker.numbers.append(maker.builder.leaf("uniform", 12345))
    for number in range(draw(st.integers(0, 2))):
        maker.numbers.append(maker.builder.leaf("previous", number))
        maker.slots += 1
    for number in range(draw(st.integers(0, 2))):
        maker.numbers.append(maker.builder.leaf("pipe", number))
        maker.pipes += 1
    for _ in range(size):
        maker.operation()
    return maker.program()


class _Maker:
    """Draws one program."""

    def __init__(self, draw: st.DrawFn, wild: bool) -> None:
        self.draw, self.wild = draw, wild
        self.builder = b = Builder()
        self.states = self.slots = self.pipes = 0
        self.starts = [b.leaf("start_parameter", i) for i in range(OWN)] + [b.literal(0.25), b.leaf("start")]
        self.numbers = [b.leaf("parameter", i) for i in range(OWN)]
        self.numbers += [b.leaf(op) for op in ("time", "step_time", "dt")] + [self.starts[0]]
        values = SPECIAL if wild else (-2.0, -0.75, 0.5, 1.0, 1.5)
        self.numbers += [b.literal(draw(st.sampled_from(values))) for _ in range(2)]
        self.truths: list[int] = []
        self.holds: list[int] = []

    def state(self) -> None:
        self.numbers.append(self.builder.leaf("state", self.states))
        self.states += 1

    def any(self, pool: Sequence[int]) -> int:
        """One of `pool`, the latest more often, so that expressions grow deep."""
        back = self.draw(st.integers(0, len(pool) - 1)) if self.draw(st.booleans()) else self.draw(st.integers(0, 4))
        return pool[-1 - min(back, len(pool) - 1)]

    def operation(self) -> None:
        what = self.draw(st.sampled_from((*_INNER, "table", "hold")))
        if what == "hold":
            if len(self.holds) < self.slots:
                node = self.builder.unique("hold", self.any(self.numbers), attr=len(self.holds))
                self.holds.append(node)
                self.numbers.append(node)
        elif what == "table":
            self.numbers.append(self.table(self.any(self.numbers)))
        else:
            args = [
                self.any(self.truths or self.numbers) if kind == "b" else self.any(self.numbers)
                for kind in OPS[what].takes
            ]
            if not self.wild:
                args = [self.tame(what, place, arg) for place, arg in enumerate(args)]
            node = self.builder.op(what, *args)
            (self.truths if self.builder.kind(node) == "b" else self.numbers).append(node)

    def table(self, x: int) -> int:
        kind = self.draw(st.sampled_from(KINDS if self.wild else KINDS[:4]))
        own = self.draw(st.booleans())
        return self.builder.table(Table("t", (-1.0, 0.0, 0.5, 2.0), (0.3, -0.2, 1.1, 0.9), kind, OWN if own else -1), x)

    def tame(self, op: str, place: int, arg: int) -> int:
        """`arg` brought to where `op` is smooth and its result small."""
        x = self.builder.expr(arg)
        bounded = x.op("tanh")
        if op in ("log", "sqrt"):
            return (0.5 + x * x).node
        if op == "pow":
            return (0.5 + bounded * bounded).node if place == 0 else (2.0 * bounded).node
        if op == "div" and place == 1:
            return (1.0 + x * x).node
        if op in ("exp", "sinh", "cosh", "tan", "mul"):
            return bounded.node
        return (0.8 * bounded).node if op in ("asin", "acos") else arg

    def program(self) -> Program:
        b = self.builder
        states = []
        for i in range(self.states):
            flow = self.any(self.numbers)
            if not self.wild:
                flow = (b.expr(flow).op("tanh") - 0.1 * b.expr(b.leaf("state", i))).node
            states.append(State(f"S{i}", self.any(self.starts), flow, self.draw(st.booleans())))
        while len(self.holds) < self.slots:
            self.holds.append(b.unique("hold", self.any(self.numbers), attr=len(self.holds)))
        slots = [Slot(f"H{i}", hold, self.any(self.starts)) for i, hold in enumerate(self.holds)]
        pipes = [
            Pipe(
                f"D{i}",
                self.any(self.numbers),
                b.literal(self.draw(st.sampled_from((1.0, 2.0, 5.0)))),
                self.any(self.starts),
            )
            for i in range(self.pipes)
        ]
        outputs = {f"S{i}": b.leaf("state", i) for i in range(self.states)}
        outputs |= {f"V{i}": node for i, node in enumerate(dict.fromkeys(self.numbers[-4:]))}
        parameters = [Parameter(f"p{i}", 0.3 * i + 0.2) for i in range(OWN + POINTS)]
        return Program(
            nodes=tuple(b.nodes),
            parameters=tuple(parameters),
            states=tuple(states),
            slots=tuple(slots),
            pipes=tuple(pipes),
            tables=tuple(b.tables),
            streams=("noise",),
            events=(),
            outputs=outputs,
            control=Control(0.0, 2.0, 0.25, 0.25),
        )


def grid(program: Program, steps: int = 8) -> Grid:
    """Grid of `steps` steps of the program's own length that saves all of them."""
    control = program.control
    span = steps * control.dt
    return Grid(
        control.start, control.start + span, control.dt, control.dt, steps, save_steps(span, control.dt, control.dt)
    )


def run(
    make: Callable[[Task], Kernel],
    program: Program,
    scheme: Tableau,
    values: NDArray[np.float64],
    *,
    steps: int = 8,
    seed: int = 0,
    first: int = 0,
    series: NDArray[np.float64] | None = None,
) -> Batch:
    """Run all parameters in `values`, shape (parameter, run), and keep every output; runs are numbered from `first`."""
    kept = tuple(program.outputs.values())
    varying = tuple(range(len(values)))
    kernel = make(Task(program, scheme, kept, varying, (True,) * len(kept)))
    segment = Segment(0, np.array([p.value for p in program.parameters]), values)
    return kernel.integrate(grid(program, steps), [segment], seed, first + np.arange(values.shape[1]), series)
