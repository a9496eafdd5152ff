r"""Which sector a variable belongs to, and the parts of a sector that a reader can take in at once.

Sectors are the groups of the model file; without them, the views of Vensim's sketch; without those, for a model of
more than one view, communities of the causal graph (greedy modularity, Clauset, Newman and Moore 2004, Physical Review
E 70).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from cluster_sd.diagram.structure import Structure
from cluster_sd.model.names import clean

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["MOST", "Sector", "Sectors", "parts_of", "sectors_of"]

#: Most variables at home in one view, and most with those that are repeated from elsewhere.
MOST, MOST_SHOWN = 28, 40
#: Fewest variables of a community that stays alone.
LEAST = 5
_VIEW = re.compile(r"^\\{2,3}---///.*\nV300.*\n\*(.*)$", re.MULTILINE)
_WORD = re.compile(r'^10,\d+,("(?:\\"|[^"])*"|[^,]*),(?:-?\d+,){5}(\d+),', re.MULTILINE)
_PART = re.compile(r"\s+(?:\(?\d+ of \d+\)?|:.*)$")


@dataclass(frozen=True)
class Sector:
    """A sector: its title and the keys of its variables, in the order of the file."""

    title: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Sectors:
    """All sectors, and where they come from: ``groups``, ``views``, ``communities`` or ``one``."""

    all: tuple[Sector, ...]
    origin: str


def sectors_of(model: Model, structure: Structure) -> Sectors:
    """Sectors of a model; what controls a run, and time, is in none."""
    keys = [key for key, thing in structure.things.items() if thing.kind not in ("control", "time")]
    groups = {key: structure.things[key].group for key in keys if structure.things[key].group}
    if len(set(groups.values())) > 1 or len(groups) == len(keys) > 0:
        return Sectors(_gathered(keys, groups, model.name), "groups")
    views = _drawn_in(model, structure)
    if len(set(views.values())) > 1:
        return Sectors(_gathered(keys, views, model.name), "views")
    if len(keys) > MOST:
        found = _communities(keys, structure)
        if len(set(found.values())) > 1:
            return Sectors(_gathered(keys, found, model.name), "communities")
    return Sectors((Sector(next(iter(groups.values()), model.name), tuple(keys)),), "one")


def _gathered(keys: Sequence[str], titles: Mapping[str, str], other: str) -> tuple[Sector, ...]:
    """Sectors in the order of their first variable; what has no title comes under `other`, last."""
    found: dict[str, list[str]] = {}
    for key in sorted(keys, key=lambda k: k not in titles):
        found.setdefault(titles.get(key, other), []).append(key)
    return tuple(Sector(title, tuple(members)) for title, members in found.items())


def _drawn_in(model: Model, structure: Structure) -> dict[str, str]:
    """The view of Vensim's sketch in which each variable is drawn, not repeated; views of one name and number merge."""
    if model.path.suffix.lower() != ".mdl":
        return {}
    from cluster_sd.model.text import read_text

    found: dict[str, str] = {}
    text = read_text(model.path)
    heads = list(_VIEW.finditer(text))
    ends = [*(head.start() for head in heads[1:]), len(text)]
    for head, end in zip(heads, ends, strict=False):
        for name, bits in _WORD.findall(text[head.end() : end]):
            if int(bits) & 1 and clean(name) in structure.things:
                found.setdefault(clean(name), _PART.sub("", head[1].strip()))
    return found


def _communities(keys: Sequence[str], structure: Structure) -> dict[str, str]:
    import igraph

    number = {key: i for i, key in enumerate(keys)}
    pairs = {tuple(sorted(pair)) for pair in _joined(keys, structure)}
    graph = igraph.Graph(len(keys), sorted((number[a], number[b]) for a, b in pairs if a != b))
    member = list(graph.community_fastgreedy().as_clustering().membership)
    _absorb(graph, member)
    found = {}
    for one in sorted(set(member)):
        inside = [keys[i] for i, m in enumerate(member) if m == one]
        centre = max(inside, key=lambda k: (structure.things[k].kind == "stock", graph.degree(number[k]), -number[k]))
        found |= dict.fromkeys(inside, structure.things[centre].name)
    return found


def _absorb(graph, member: list[int]) -> None:
    """Let a community that is too small join the one that most of its links lead to."""
    while True:
        sizes = {m: member.count(m) for m in set(member)}
        small = [m for m in sorted(sizes, key=lambda m: (sizes[m], m)) if sizes[m] < LEAST]
        for one in small:
            near = [member[j] for i, m in enumerate(member) if m == one for j in graph.neighbors(i) if member[j] != one]
            if near:
                goal = max(sorted(set(near)), key=near.count)
                member[:] = [goal if m == one else m for m in member]
                break
        else:
            return


def _joined(keys: Iterable[str], structure: Structure) -> list[tuple[str, str]]:
    """Pairs of variables that a cause or a pipe joins."""
    inside = set(keys)
    ends = {pipe.key: pipe.target or pipe.source for pipe in structure.pipes if not pipe.named}
    pairs = [(c.source, ends.get(c.target, c.target)) for c in structure.causes]
    for pipe in structure.pipes:
        chain = [name for name in (pipe.source, pipe.key if pipe.named else "", pipe.target) if name]
        pairs += pairwise(chain)
    return [(a, b) for a, b in pairs if a in inside and b in inside]


def parts_of(sector: Sector, structure: Structure) -> tuple[tuple[str, ...], ...]:
    """Cut a sector into views.

    Stocks that a flow joins, and their flows, stay together as far as a view holds them, and so do a variable and the
    constants that act on it alone. Then the two parts that share most links for their size are merged, as long as one
    view can show the result with what it repeats from elsewhere.
    """
    causes = _causes(structure)
    if len(sector.keys) <= MOST and len(_shown(set(sector.keys), causes)) <= MOST_SHOWN:
        return (sector.keys,)
    order = {key: i for i, key in enumerate(sector.keys)}
    pairs = _joined(sector.keys, structure)
    parts = _with_constants([set(part) for part in _chains(sector.keys, structure)], pairs, structure, order)
    while True:
        best = _best_merge(parts, pairs, causes, order)
        if best is None:
            break
        a, b = best
        parts[a] |= parts[b]
        del parts[b]
    made = [tuple(sorted(part, key=order.__getitem__)) for part in parts]
    return tuple(sorted(made, key=lambda part: order[part[0]]))


def _causes(structure: Structure) -> dict[str, set[str]]:
    """What acts on each variable, or on an unnamed flow of a stock."""
    ends = {p.key: p.target or p.source for p in structure.pipes if not p.named}
    found: dict[str, set[str]] = {}
    for cause in structure.causes:
        found.setdefault(ends.get(cause.target, cause.target), set()).add(cause.source)
    return found


def _shown(keys: set[str], causes: Mapping[str, set[str]]) -> set[str]:
    """What a view of `keys` shows: them and what acts on them."""
    return keys.union(*(causes.get(key, ()) for key in keys))


def _chains(keys: Sequence[str], structure: Structure) -> list[list[str]]:
    """Variables one by one, but stocks with their flows, at most half a view at a time."""
    owner = {key: {key} for key in keys}
    for pipe in structure.pipes:
        names = [n for n in (pipe.source, pipe.key, pipe.target) if n in owner]
        joined = set().union(*(owner[n] for n in names)) if names else set()
        if len(joined) <= MOST // 2:
            for name in joined:
                owner[name] = joined
    return [list(part) for part in {id(part): part for part in owner.values()}.values()]


def _with_constants(
    parts: list[set[str]], pairs: Sequence[tuple[str, str]], structure: Structure, order: Mapping[str, int]
) -> list[set[str]]:
    """Let constants and tables join the part of what they act on, where that is one part."""
    users: dict[str, list[str]] = {}
    for source, target in pairs:
        if structure.things[source].kind in ("constant", "table"):
            users.setdefault(source, []).append(target)
    of = {key: part for part in parts for key in part}
    for constant in sorted(users, key=order.__getitem__):
        goals = {id(of[user]): of[user] for user in users[constant]}
        goal = next(iter(goals.values()))
        if len(goals) == 1 and goal is not of[constant] and len(goal) < MOST and len(of[constant]) == 1:
            parts.remove(of[constant])
            goal.add(constant)
            of[constant] = goal
    return parts


def _best_merge(
    parts: Sequence[set[str]],
    pairs: Sequence[tuple[str, str]],
    causes: Mapping[str, set[str]],
    order: Mapping[str, int],
) -> tuple[int, int] | None:
    """The two parts to merge next: most links for their size; without links, the smallest two that stand nearby."""
    of = {key: i for i, part in enumerate(parts) for key in part}
    links: dict[tuple[int, int], int] = {}
    for a, b in pairs:
        if of[a] != of[b]:
            pair = (min(of[a], of[b]), max(of[a], of[b]))
            links[pair] = links.get(pair, 0) + 1
    first = [min(order[key] for key in part) for part in parts]

    def rank(pair: tuple[int, int]) -> tuple[float, float, int, int]:
        sizes = [len(parts[i]) for i in pair]
        apart = abs(first[pair[0]] - first[pair[1]])
        return (-links.get(pair, 0) / (sizes[0] * sizes[1]) ** 0.5, sum(sizes), apart, min(first[i] for i in pair))

    def first_fit(found: Iterable[tuple[int, int]]) -> tuple[int, int] | None:
        for pair in found:
            whole = parts[pair[0]] | parts[pair[1]]
            if len(whole) <= MOST and len(_shown(whole, causes)) <= MOST_SHOWN:
                return pair
        return None

    few = sorted(range(len(parts)), key=lambda i: (len(parts[i]), first[i]))
    loose = (
        (min(a, b), max(a, b)) for n, b in enumerate(few) for a in few[:n] if len(parts[a]) + len(parts[b]) <= MOST
    )
    return first_fit(sorted(links, key=rank)) or first_fit(sorted(loose, key=rank))
