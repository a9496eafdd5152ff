"""The flat program: one small representation between a model file and every emitter.

A :class:`Program` is a list of scalar operations in topological order (an operation's arguments stand before it).
Arrays are flattened, delays and smooths are lowered to stocks, and what is left are the rows of
:data:`cluster_sd.program.ops.OPS`. Programs are immutable; :class:`cluster_sd.program.build.Builder` makes them.

Two contexts share the list. Values that describe the start of a run (initial values of stocks, ``INITIAL``) hang on
the leaves ``start_parameter`` and ``start``; everything else hangs on ``parameter``, ``state`` and ``time``. So nothing
about "the initial part" needs saying twice: re-evaluating a start value later gives the same number, because its
leaves never change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class Rate(IntEnum):
    """How often a value can change, and over what.

    ``LITERAL`` is known when the program is built; ``FIXED`` is one number for all runs, known when a batch starts (and
    evaluated again where a constant changes in the middle of the runs); ``RUN`` is one number a run; ``TIME`` is one
    number a step, the same in all runs; ``STEP`` is one number a run and step.
    """

    LITERAL = 0
    FIXED = 1
    RUN = 2
    TIME = 3
    STEP = 4


def join(a: Rate, b: Rate) -> Rate:
    """Rate of a value that is computed from values of rates `a` and `b`."""
    if (a is Rate.RUN and b is Rate.TIME) or (a is Rate.TIME and b is Rate.RUN):
        return Rate.STEP
    return max(a, b)


class Node(NamedTuple):
    """One operation of a program.

    Attributes
    ----------
    op : str
        Key of :data:`cluster_sd.program.ops.OPS`, or one of the leaves in :data:`LEAVES`.
    args : tuple of int
        Positions of the arguments in ``Program.nodes``; each is smaller than the node's own position.
    attr : float, int or None
        A literal's value; the index of a parameter, state, slot, pipe, stream or table.
    rate : Rate
        How often the value changes.
    """

    op: str
    args: tuple[int, ...]
    attr: float | int | None
    rate: Rate

    @property
    def number(self) -> int:
        """The attribute as the index that it is in all operations but literals."""
        return int(self.attr or 0)


#: Operations without arguments: name -> rate (a parameter's is ``FIXED`` where it is the same in all runs of a batch).
#: ``step_time`` is the time at which the current step began: what happens once a step (STEP, PULSE) asks for it, so
#: that a Runge-Kutta stage at the end of a step doesn't see the next step's event. ``half_step`` is the tolerance of
#: such an event, half of ``dt`` in fixed-step schemes and next to nothing in adaptive ones.
LEAVES: Mapping[str, Rate] = {
    "literal": Rate.LITERAL,
    "parameter": Rate.RUN,  # attr: index into Program.parameters; the value that holds now
    "start_parameter": Rate.RUN,  # the same at the start of the run
    "state": Rate.STEP,  # attr: index into Program.states
    "previous": Rate.STEP,  # attr: index into Program.slots; the value held over from the step before
    "pipe": Rate.STEP,  # attr: index into Program.pipes; the delayed value
    "series": Rate.STEP,  # attr: index into Program.series; a number a run and step that the caller hands over
    "uniform": Rate.STEP,  # attr: stream number; uniform in (0, 1), drawn at the first stage of each step and held
    "uniform_start": Rate.RUN,  # attr: stream; the number that `uniform` gives at the first step
    "time": Rate.TIME,
    "step_time": Rate.TIME,
    "start": Rate.FIXED,
    "stop": Rate.FIXED,
    "dt": Rate.FIXED,
    "half_step": Rate.FIXED,
    "save_step": Rate.FIXED,
}


class Parameter(NamedTuple):
    """A constant of the model: its name as in the model file (``Name[element]`` for arrays) and its value there."""

    name: str
    value: float


class State(NamedTuple):
    """A stock: node of its initial value, node of its net flow; ``nonnegative`` stocks are cut at zero after each step.

    ``cut_with`` is for the tangent of such a stock: where not negative, it is the index of an earlier state, and this
    one becomes zero wherever that one falls below zero in the step (and is cut).
    """

    name: str
    initial: int
    derivative: int
    nonnegative: bool = False
    cut_with: int = -1


class Slot(NamedTuple):
    """A value that is made once a step and held over the step's stages (SAMPLE IF TRUE, random numbers).

    ``update`` is the ``hold`` node that makes it, ``initial`` the node of what ``previous`` gives in the first step.
    """

    name: str
    update: int
    initial: int


class Pipe(NamedTuple):
    """DELAY FIXED: ``input`` of `length` whole steps ago, ``initial`` before that. ``length`` is read at the start."""

    name: str
    input: int
    length: int
    initial: int


class Table(NamedTuple):
    """A function given by points.

    Attributes
    ----------
    name : str
        The table's name, or that of the variable in whose equation it stands.
    x, y : tuple of float
        The points; `x` increases strictly.
    kind : str
        Between the points and beyond the ends: ``interpolate`` (ends held), ``extrapolate`` (last segments go on),
        ``backward`` (the value of the last point passed), ``forward`` (that of the next one), ``raw`` (NaN off them).
    first_parameter : int
        Where not negative, the values are the parameters from this index on, one a point, in place of `y`.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    kind: str = "interpolate"
    first_parameter: int = -1


class Event(NamedTuple):
    """Times at which a right-hand side may jump: node of the `first`; nodes (or -1) of `period` and `last`."""

    first: int
    period: int = -1
    last: int = -1


@dataclass(frozen=True, slots=True)
class Control:
    """Time settings that the model file itself gives, in the model's unit of time."""

    start: float
    stop: float
    dt: float
    save_step: float
    method: str = "euler"


@dataclass(frozen=True, slots=True)
class Program:
    """A model as scalar operations.

    Attributes
    ----------
    nodes : tuple of Node
        In topological order. ``hold`` nodes have their update as argument; everything that `states`, `slots`, `pipes`,
        `events` and `outputs` point to is in here.
    outputs : dict of str to int
        Node of each scalar variable, named as in the model file (``Name[a,b]`` for an element).
    streams : tuple of str
        Variables that draw random numbers. A stream's number (the attribute of its leaf) is a hash of the variable's
        name, so that adding a variable leaves the others' noise alone.
    structural : tuple of int
        Parameters that the shape of the program depends on (the order of a delay); they can't be changed without
        lowering again.
    series : tuple of str
        Name of each series that the caller hands over, see :meth:`cluster_sd.program.kernel.Kernel.integrate`.
    """

    nodes: tuple[Node, ...]
    parameters: tuple[Parameter, ...]
    states: tuple[State, ...]
    slots: tuple[Slot, ...]
    pipes: tuple[Pipe, ...]
    tables: tuple[Table, ...]
    streams: tuple[str, ...]
    events: tuple[Event, ...]
    outputs: Mapping[str, int]
    control: Control
    structural: tuple[int, ...] = ()
    series: tuple[str, ...] = ()

    @property
    def discrete(self) -> tuple[str, ...]:
        """Names of what advances once a step; adaptive solvers refuse a program that has any."""
        return tuple(dict.fromkeys([*(s.name for s in self.slots), *(p.name for p in self.pipes), *self.streams]))
