"""``loops.csv``: the loops of a model that have a name, and where they run in its causal graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cluster_sd.errors import ModelError, unknown
from cluster_sd.loops.links import Graph
from cluster_sd.loops.loop import Link
from cluster_sd.model.names import clean, spelled
from cluster_sd.model.rows import read_rows

KINDS = ("inward", "outward", "balancing")
_COLUMNS = ("id", "name", "variables", "mechanism", "kind")


class NamedLoop(NamedTuple):
    """One row of ``loops.csv``.

    Attributes
    ----------
    id, name : str
        The id where the file gives no name.
    variables : tuple of str
        In the order of the causal links, as written; the last one acts on the first.
    mechanism : str
        Mechanism that the loop belongs to.
    kind : str
        ``inward``, ``outward`` or ``balancing``; may be empty.
    file, line
        Where it stands.
    """

    id: str
    name: str
    variables: tuple[str, ...]
    mechanism: str
    kind: str
    file: Path
    line: int

    def error(self, message: str) -> ModelError:
        """An error that names this row."""
        return ModelError(f"loop '{self.id}': {message}", self.file, self.line)


def read_loops(path: Path) -> tuple[NamedLoop, ...]:
    """Read a ``loops.csv``.

    Raises
    ------
    ModelError, UnknownNameError
        Naming file and row.
    """
    found: dict[str, NamedLoop] = {}
    for row in read_rows(path, _COLUMNS, ("id", "variables")):
        names = tuple(name.strip() for name in row.text("variables", needed=True).split(";") if name.strip())
        one = NamedLoop(
            id=row.text("id", needed=True),
            name=row.text("name") or row.text("id"),
            variables=names,
            mechanism=row.text("mechanism"),
            kind=row.choice("kind", KINDS, ""),
            file=path,
            line=row.line,
        )
        if clean(one.id) in found:
            raise row.error(f"loop '{one.id}' stands twice")
        twice = next((name for i, name in enumerate(names) if clean(name) in map(clean, names[:i])), None)
        if twice is not None:
            raise row.error(f"loop '{one.id}' runs through '{twice}' twice; a loop runs through a variable once")
        found[clean(one.id)] = one
    return tuple(found.values())


def closed_paths(named: Iterable[NamedLoop], graph: Graph, names: Iterable[str]) -> list[tuple[int, ...]]:
    """Links of each named loop, as numbers of ``graph.links``.

    Where a variable is a delay, smooth or macro, the loop runs through what it keeps inside, by the shortest way.

    Parameters
    ----------
    named : iterable of NamedLoop
    graph : Graph
    names : iterable of str
        All variables of the model, for messages.

    Raises
    ------
    ModelError
        Where a loop is not closed: which link is missing, and what its target depends on.
    UnknownNameError
        For a name that no variable has.
    """
    spellings = {clean(name): name for name in (*names, *graph.everything)}
    number = {link: i for i, link in enumerate(graph.links)}
    made = []
    for one in named:
        path = [_spelled(one, name, spellings) for name in one.variables]
        pairs = zip(path, [*path[1:], path[0]], strict=True)
        full = [name for source, target in pairs for name in _way(one, source, target, graph)]
        made.append(tuple(number[Link(*pair)] for pair in zip(full, [*full[1:], full[0]], strict=True)))
    return made


def _spelled(one: NamedLoop, name: str, spellings: Mapping[str, str]) -> str:
    found = spelled(name, spellings)
    if found is None or clean(found) not in spellings:
        raise unknown("variable", name, spellings.values(), f"{one.file}:{one.line}")
    return spellings[clean(found)]


def _way(one: NamedLoop, source: str, target: str, graph: Graph) -> Sequence[str]:
    """`source` and what lies between it and `target` that has no name in the model file."""
    for name in (source, target):
        if name not in graph.everything:
            raise one.error(f"'{name}' does not change within a run, so it is in no loop")
    waiting: list[tuple[str, ...]] = [(target,)]
    seen = {target}
    while waiting:
        path = waiting.pop(0)
        for before in graph.everything[path[0]].inputs:
            if before == source:
                return (before, *path[:-1])
            if before not in seen and _hidden_in(before, target):
                seen.add(before)
                waiting.append((before, *path))
    inputs = [name for name in graph.everything[target].inputs if not _hidden_in(name, target)]
    told = f"it depends on {', '.join(inputs[:8])}{' …' if len(inputs) > 8 else ''}" if inputs else "it has no cause"
    raise one.error(f"is not closed: '{target}' does not depend on '{source}' within a step ({told})")


def _hidden_in(name: str, owner: str) -> bool:
    """Whether `name` is something that the equation of `owner` keeps inside."""
    return name.startswith((f"{owner}#", f"{owner}."))
