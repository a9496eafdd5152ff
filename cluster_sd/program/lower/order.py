"""An order of variables in which what an equation uses comes first, as far as there is one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster_sd.program.lower.scope import Variable


def in_order(variables: Mapping[str, Variable]) -> list[Variable]:
    """`variables` so that what an equation uses comes first; feedback through stocks doesn't count.

    Walked in this order, the recursion along equations stays shallow however long a chain of auxiliaries is.
    """
    order: list[Variable] = []
    seen: set[str] = set()
    for root in variables:
        if root in seen:
            continue
        seen.add(root)
        stack = [(variables[root], _uses(variables[root]))]
        while stack:
            here, rest = stack[-1]
            following = next((n for n in rest if n in variables and n not in seen), None)
            if following is None:
                order.append(here)
                stack.pop()
            else:
                seen.add(following)
                stack.append((variables[following], _uses(variables[following])))
    return order


def _uses(variable: Variable) -> Iterator[str]:
    return iter([name for component in variable.components for name in _references(component.ast)])


def _references(ast: Any) -> Iterator[str]:
    """Names that an expression refers to, leaving out those of stocks and delays, where feedback ends."""
    stack = [ast]
    while stack:
        one = stack.pop()
        kind = type(one).__name__
        if kind == "ReferenceStructure":
            yield one.reference
        elif kind in ("IntegStructure", "DelayFixedStructure"):
            continue
        elif isinstance(one, (tuple, list)):
            stack.extend(one)
        elif hasattr(one, "__dict__"):
            stack.extend(vars(one).values())
