"""What one view shows: its own variables, what it repeats from other views, its pipes and its arrows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cluster_sd.diagram.structure import Pipe, Structure

__all__ = ["Contents", "Influence", "contents_of"]


@dataclass(frozen=True)
class Influence:
    """An arrow: keys of what acts and of what it acts on (a variable or a pipe), and how.

    `sign` is 1 or -1, 0 where it is not known or not always the same.
    """

    source: str
    target: str
    sign: int
    late: bool
    initial: bool


@dataclass(frozen=True)
class Contents:
    """Keys of a view.

    Attributes
    ----------
    own, shadows : tuple of str
        Variables at home here, and those that are only repeated because they act on something here.
    stocks : tuple of str
        Stocks at home here.
    pipes : tuple of Pipe
    influences : tuple of Influence
    """

    own: tuple[str, ...]
    shadows: tuple[str, ...]
    stocks: tuple[str, ...]
    pipes: tuple[Pipe, ...]
    influences: tuple[Influence, ...]


def contents_of(keys: Iterable[str], structure: Structure, signs: Mapping[tuple[str, str], int]) -> Contents:
    """Collect what a view of some variables shows.

    A stock whose flow is at home elsewhere gets an unnamed pipe that the repeated flow acts on.
    """
    own = tuple(keys)
    inside = set(own)
    stocks = tuple(key for key in own if structure.things[key].kind == "stock")
    pipes = [p for p in structure.pipes if p.key in inside or (not p.named and {p.source, p.target} & inside)]
    drawn = {pipe.key for pipe in pipes}
    found = [
        Influence(c.source, c.target, signs.get((c.source, c.target), 0), c.late, c.initial)
        for c in structure.causes
        if c.target in inside or c.target in drawn
    ]
    for pipe in structure.pipes:
        if pipe.named and pipe.key not in inside:
            for stub in _stubs(pipe, inside):
                pipes.append(stub)
                found.append(Influence(pipe.key, stub.key, 1, False, False))
    shadows = tuple(dict.fromkeys(i.source for i in found if i.source not in inside))
    return Contents(own, shadows, stocks, tuple(pipes), tuple(found))


def _stubs(pipe: Pipe, inside: set[str]) -> list[Pipe]:
    """Unnamed ends of a flow that is at home elsewhere, at the stocks of this view."""
    made = []
    if pipe.source in inside:
        made.append(Pipe(f"{pipe.source}>{pipe.key}", pipe.source, "", False))
    if pipe.target in inside:
        made.append(Pipe(f"{pipe.key}>{pipe.target}", "", pipe.target, False))
    return made
