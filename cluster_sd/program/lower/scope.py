"""Where names mean something: the main model, or one use of a macro."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cluster_sd.model.names import clean
from cluster_sd.program.lower.subscripts import Subscripts


class Home(NamedTuple):
    """Equation of one element of a variable: a component of PySD's abstract model, and what its ranges are bound to."""

    component: Any
    env: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Variable:
    """A variable of a section with its equations by element."""

    name: str
    key: str
    components: tuple[Any, ...]
    homes: Mapping[tuple[str, ...], Home]

    @property
    def rank(self) -> int:
        """Number of subscripts."""
        return len(next(iter(self.homes)))


@dataclass(frozen=True, eq=False)
class Scope:
    """Variables by clean name; in a macro also the frames and expressions of its arguments."""

    variables: Mapping[str, Variable]
    subscripts: Subscripts
    prefix: str = ""
    arguments: Mapping[str, tuple[Any, Frame]] = field(default_factory=dict)


class Frame(NamedTuple):
    """Where an expression stands: scope, variable, what ranges are bound to, and whether it describes the start."""

    scope: Scope
    owner: str
    env: Mapping[str, str]
    start: bool


def variable(element: Any, subscripts: Subscripts) -> Variable:
    """Spread an abstract element's components over its array elements; a later component wins over an earlier one."""
    homes: dict[tuple[str, ...], Home] = {}
    for component in element.components:
        names, exceptions = component.subscripts
        lefts = [clean(name) for name in names]
        left_out = {combo for group in exceptions for combo in _combinations([clean(n) for n in group], subscripts)}
        for combo in _combinations(lefts, subscripts):
            if combo not in left_out:
                env = {left: e for left, e in zip(lefts, combo, strict=True) if subscripts.is_range(left)}
                homes[combo] = Home(component, env)
    return Variable(element.name, clean(element.name), tuple(element.components), homes)


def _combinations(lefts: list[str], subscripts: Subscripts) -> list[tuple[str, ...]]:
    return list(itertools.product(*[subscripts.elements(left) for left in lefts]))
