"""Subscript ranges: their elements, and which element a subscript in an equation means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cluster_sd.model.names import clean

Env = Mapping[str, str]


@dataclass(frozen=True)
class Subscripts:
    """All subscript ranges of a model.

    Attributes
    ----------
    ranges : dict of str to tuple of str
        Elements of each range, in order; all names in their clean form.
    mapped : dict of (str, str) to dict
        For two ranges that are mapped to or copied from one another: the element of the second that an element of the
        first corresponds to.
    spelling : dict of str to str
        Name as in the model file, for each clean name.
    """

    ranges: Mapping[str, tuple[str, ...]]
    mapped: Mapping[tuple[str, str], Mapping[str, str]]
    spelling: Mapping[str, str]

    def elements(self, subscript: str) -> tuple[str, ...]:
        """Elements that a subscript on a left-hand side stands for: a range's, or the element itself."""
        return self.ranges.get(subscript, (subscript,))

    def is_range(self, subscript: str) -> bool:
        """Whether `subscript` names a range."""
        return subscript in self.ranges

    def element(self, subscript: str, env: Env) -> str | None:
        """Element that `subscript` means where the ranges on the left are bound as in `env`, or None."""
        if subscript in env:
            return env[subscript]
        if subscript not in self.ranges:
            return subscript
        for bound, element in env.items():
            found = self.mapped.get((bound, subscript), {}).get(element)
            if found is not None:
                return found
        found = {element for element in env.values() if element in self.ranges[subscript]}
        return found.pop() if len(found) == 1 else None

    def position(self, name: str, env: Env) -> int | None:
        """Number (from 1) that a range's or element's name means in an expression: its place in the widest range."""
        element = self.element(name, env)
        homes = [elements for elements in self.ranges.values() if element in elements]
        return max(homes, key=len).index(element) + 1 if element and homes else None

    def display(self, elements: Sequence[str]) -> str:
        """``[a,b]`` with names as in the model file; empty for a scalar."""
        return "[" + ",".join(self.spelling.get(e, e) for e in elements) + "]" if elements else ""


def read_subscripts(
    definitions: Iterable[tuple[str, Sequence[str] | str, Sequence[str]]],
    listed: Mapping[tuple[str, str], Sequence[str]] = {},
) -> Subscripts:
    """Resolve ranges that copy or contain other ranges, and mappings between ranges.

    Parameters
    ----------
    definitions : iterable of (name, elements, mapped)
        `elements` is a list of elements and ranges, or the name of the range that this one copies; elements of ranges
        in `mapped` correspond by position.
    listed : mapping of (range, other range) to names
        What each element of the first range corresponds to: an element or a subrange of the other.
    """
    raw: dict[str, list[str]] = {}
    alike: list[tuple[str, str]] = []
    spelling: dict[str, str] = {}
    for name, elements, mapped in definitions:
        key = clean(name)
        spelling.setdefault(key, name)
        members = [elements] if isinstance(elements, str) else list(elements)
        for member in members:
            spelling.setdefault(clean(member), member)
        raw[key] = [clean(member) for member in members]
        alike += [(key, clean(other)) for other in mapped]
        if isinstance(elements, str):
            alike.append((key, clean(elements)))
    ranges = {name: _expand(name, raw) for name in raw}
    together: dict[tuple[str, str], dict[str, str]] = {}
    for a, b in alike:
        if a in ranges and b in ranges:
            _join(together, a, b, [(x, (y,)) for x, y in zip(ranges[a], ranges[b], strict=False)])
    for (a, b), names in listed.items():
        if a in ranges:
            _join(together, a, b, [(x, ranges.get(y, (y,))) for x, y in zip(ranges[a], names, strict=False)])
    return Subscripts(ranges, together, spelling)


def _join(
    together: dict[tuple[str, str], dict[str, str]], a: str, b: str, pairs: Iterable[tuple[str, tuple[str, ...]]]
) -> None:
    """Note which elements of `a` and `b` correspond; one that stands for several is not what they lead back from."""
    forth, back = together.setdefault((a, b), {}), together.setdefault((b, a), {})
    for x, several in pairs:
        if len(several) == 1:
            forth[x] = several[0]
        back.update(dict.fromkeys(several, x))


def _expand(name: str, raw: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Elements of a range whose definition may name other ranges."""
    found: list[str] = []
    for member in raw[name]:
        if member in raw and member != name:
            found += _expand(member, raw)
        else:
            found.append(member)
    return tuple(dict.fromkeys(found))
