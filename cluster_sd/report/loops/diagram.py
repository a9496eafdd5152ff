"""A causal loop diagram of the loops that matter: which variables it shows, and where they stand.

A model's loops run through hundreds of variables. The diagram shows the loops that matter most, merges every chain of
variables that only hand a change on into one arrow, and adds loops as long as the picture can be read. Where the
variables stand does not depend on the year, so that pictures of several years can be compared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from cluster_sd.loops import Link

__all__ = ["Arrow", "Box", "Diagram", "causal_diagram"]

#: Most variables that one picture shows.
MOST_BOXES = 22
#: Letters of a line of a label.
LINE = 17
#: Size of a letter and of a line of text, and the room around a text, in the picture's units (CSS pixels).
LETTER, TEXT_LINE, ROOM = 6.9, 15.0, 6.0
#: Least distance between two boxes, and the picture's size before boxes are pushed apart.
GAP, WIDTH, HEIGHT = 34.0, 720.0, 600.0
#: Rounds in which boxes are pushed apart.
ROUNDS = 600


@dataclass(frozen=True)
class Box:
    """A variable of the picture: its name, its label in lines, whether it is a stock; centre and size."""

    name: str
    lines: tuple[str, ...]
    stock: bool
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Arrow:
    """A link of the picture, or a chain of links that only hand a change on.

    Attributes
    ----------
    source, target : int
        Positions in :attr:`Diagram.boxes`.
    through : tuple of str
        Variables of the chain that are not shown.
    loops : tuple of int
        Loops that run through it, as positions in :attr:`Diagram.loops`.
    weight : numpy.ndarray, shape (times,)
        Sum of the sizes of these loops' shares.
    sign : numpy.ndarray, shape (times,)
        Polarity of the chain: 1, -1, or 0 where nothing passes.
    """

    source: int
    target: int
    through: tuple[str, ...]
    loops: tuple[int, ...]
    weight: np.ndarray
    sign: np.ndarray


@dataclass(frozen=True)
class Diagram:
    """A picture of loops.

    Attributes
    ----------
    boxes : tuple of Box
    arrows : tuple of Arrow
    loops : tuple of int
        The loops that are shown, as positions in what :func:`causal_diagram` was given, the weightiest first.
    width, height : float
        Size of the picture.
    """

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    loops: tuple[int, ...]
    width: float
    height: float


def causal_diagram(
    loops: Sequence[Sequence[str]],
    shares: np.ndarray,
    signs: Mapping[Link, np.ndarray],
    stocks: Collection[str],
    keep: Collection[str] = (),
    most: int = MOST_BOXES,
) -> Diagram:
    """Choose the loops and variables of a picture and lay it out.

    Parameters
    ----------
    loops : sequence of sequences of str
        Variables of each loop in the order of its links; the last leads to the first. The weightiest first: loops are
        added in this order as long as there is room.
    shares : array, shape (times, loops)
        Share of each loop at each time.
    signs : mapping of (source, target) to array, shape (times,)
        Polarity of each link of the loops.
    stocks : collection of str
        Variables that are stocks.
    keep : collection of str
        Variables that are never merged into an arrow.
    most : int
        Most variables to show.

    Returns
    -------
    Diagram
    """
    fixed = set(keep)
    shown: list[int] = []
    chains: dict[Link, tuple[str, ...]] = {}
    for position in range(len(loops)):
        tried = _contract([loops[i] for i in (*shown, position)], stocks, fixed)
        if len({name for link in tried for name in link}) <= most or not shown:
            shown.append(position)
            chains = tried
    members = _members([loops[i] for i in shown], chains)
    names = list(dict.fromkeys(name for link in chains for name in link))
    boxes, width, height = _placed(names, chains, stocks)
    at = {name: i for i, name in enumerate(names)}
    arrows = []
    for link, through in chains.items():
        own = members[link]
        weight = np.abs(shares[:, [shown[i] for i in own]]).sum(axis=1)
        path = (link[0], *through, link[1])
        sign = np.prod([signs[Link(*pair)] for pair in pairwise(path)], axis=0)
        arrows.append(Arrow(at[link[0]], at[link[1]], through, own, weight, np.sign(sign)))
    return Diagram(boxes, tuple(arrows), tuple(shown), width, height)


def _links(loop: Sequence[str]) -> Iterable[Link]:
    return map(Link, loop, (*loop[1:], loop[0]))


def _contract(
    loops: Sequence[Sequence[str]], stocks: Collection[str], fixed: Collection[str]
) -> dict[Link, tuple[str, ...]]:
    """The links of the loops, with chains merged: (source, target) -> the variables between, in order.

    A variable is merged if one link leads to it and one away, unless that would leave a loop of one variable or a
    second arrow between the same two. Auxiliaries go before stocks.
    """
    chains: dict[Link, tuple[str, ...]] = {link: () for loop in loops for link in _links(loop)}
    before: dict[str, set[str]] = {}
    after: dict[str, set[str]] = {}
    for source, target in chains:
        after.setdefault(source, set()).add(target)
        before.setdefault(target, set()).add(source)
    names = list(dict.fromkeys(name for loop in loops for name in loop))
    for name in sorted(names, key=lambda n: n in stocks):
        if name in fixed or len(before[name]) != 1 or len(after[name]) != 1:
            continue
        (source,), (target,) = before[name], after[name]
        if source == target or Link(source, target) in chains:
            continue
        before_it, after_it = chains.pop(Link(source, name)), chains.pop(Link(name, target))
        chains[Link(source, target)] = (*before_it, name, *after_it)
        after[source] = after[source] - {name} | {target}
        before[target] = before[target] - {name} | {source}
    return chains


def _members(loops: Sequence[Sequence[str]], chains: Mapping[Link, tuple[str, ...]]) -> dict[Link, tuple[int, ...]]:
    """Which loops run through each arrow."""
    own = [set(_links(loop)) for loop in loops]
    found = {}
    for link, through in chains.items():
        first = Link(link.source, through[0] if through else link.target)
        found[link] = tuple(i for i, links in enumerate(own) if first in links)
    return found


def _placed(
    names: Sequence[str], chains: Collection[Link], stocks: Collection[str]
) -> tuple[tuple[Box, ...], float, float]:
    """Boxes at places where none covers another, and the size of the picture."""
    labels = [label(name) for name in names]
    sizes = np.array([[LETTER * max(map(wide, lines)), TEXT_LINE * len(lines)] for lines in labels]) + 2 * ROOM
    centres = _apart(_spread(names, chains, sizes), sizes + GAP)
    low = (centres - sizes / 2).min(axis=0) - GAP
    high = (centres + sizes / 2).max(axis=0) + GAP
    boxes = tuple(
        Box(name, lines, name in stocks, *(centre - low).round(1).tolist(), *size.round(1).tolist())
        for name, lines, centre, size in zip(names, labels, centres, sizes, strict=True)
    )
    width, height = (high - low).round().tolist()
    return boxes, width, height


def _spread(names: Sequence[str], chains: Collection[Link], sizes: np.ndarray) -> np.ndarray:
    """Places before boxes are pushed apart: the largest connected part left, the others beside it in columns."""
    import igraph

    at = {name: i for i, name in enumerate(names)}
    pairs = {tuple(sorted((at[a], at[b]))) for a, b in chains if a != b}
    graph = igraph.Graph(len(names), sorted(pairs))
    parts = sorted(graph.connected_components(), key=lambda part: (-len(part), part[0]))
    places = np.zeros((len(names), 2))
    left, down, edge, bottom = 0.0, 0.0, np.zeros(2), 0.0
    for i, part in enumerate(parts):
        scale = (len(part) / max(len(parts[0]), MOST_BOXES / 2)) ** 0.5
        own = _spring(graph.induced_subgraph(part)) * (WIDTH * scale, HEIGHT * scale)
        own += sizes[part].max(axis=0) / 2 - own.min(axis=0)
        tall = float((own + sizes[part] / 2).max(axis=0)[1])
        if i == 1 or down + tall > max(bottom, HEIGHT / 2):  # a new column
            left, down = float(edge[0]) + 2 * GAP if i else 0.0, 0.0
        places[part] = own + np.array([left, down])
        edge = np.maximum(edge, (places[part] + sizes[part] / 2).max(axis=0))
        down += tall + 2 * GAP
        bottom = max(bottom, tall if i == 0 else 0.0)
    return places


def _spring(graph: Any) -> np.ndarray:
    """Places from 0 to 1 by igraph's Kamada-Kawai layout, which starts from a circle and draws no random numbers."""
    if graph.vcount() == 1:
        return np.zeros((1, 2))
    places = np.array(graph.layout_kamada_kawai(maxiter=50 * max(graph.vcount(), 20)).coords, dtype=float)
    places -= places.mean(axis=0)
    _, axes = np.linalg.eigh(places.T @ places)  # the longer way of the picture lies across the page
    places = places @ axes[:, ::-1]
    return (places - places.min(axis=0)) / np.maximum(np.ptp(places, axis=0), 1e-9).clip(np.ptp(places) / 8)


def _apart(centres: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Push boxes that overlap apart, each pair along the way on which it overlaps less."""
    centres = centres + np.arange(len(centres))[:, None] * 1e-3  # no two in one place
    for _ in range(ROUNDS):
        gap = centres[:, None] - centres[None, :]
        over = (sizes[:, None] + sizes[None, :]) / 2 - np.abs(gap)
        clash = (over > 1e-6).all(axis=2) & ~np.eye(len(centres), dtype=bool)
        if not clash.any():
            break
        across = (over[..., 0] <= over[..., 1])[..., None] == np.array([True, False])
        push = np.where(across, np.sign(gap) * over * 0.5, 0.0)
        centres = centres + (push * clash[..., None]).sum(axis=1) / np.maximum(clash.sum(axis=1), 1)[:, None]
    return centres


def label(name: str) -> tuple[str, ...]:
    """A variable's name in lines of some seventeen letters; an element's subscripts begin a line."""
    head, bracket, tail = name.partition("[")
    lines: list[str] = []
    for part in (head, bracket + tail) if bracket else (head,):
        line = ""
        for word in part.split():
            if line and wide(line) + 1 + wide(word) > LINE:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}".strip()
        lines.append(line)
    return tuple(line for line in lines if line)


def wide(text: str) -> int:
    """Width of a text in letters; a Chinese one takes two."""
    return sum(2 if letter > "\u2e7f" else 1 for letter in text)
