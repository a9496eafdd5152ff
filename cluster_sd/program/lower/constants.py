"""The model's constants: their numbers as parameters, and what follows from them before any run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from cluster_sd.errors import ModelError
from cluster_sd.program.build import Builder
from cluster_sd.program.ir import Node, Parameter
from cluster_sd.program.ops import OPS

_SETTINGS = ("start", "stop", "dt", "save_step")


class Constants:
    """Parameters in the order in which they were met, and the value of nodes that depend on them alone.

    Parameters
    ----------
    builder : Builder
        Whose nodes they are.
    setting : callable
        Node of a time setting (``start``, ``stop``, ``dt``, ``save_step``) as the model file gives it, and its name.
    error : callable
        Makes an error of a message and a variable's name.
    """

    def __init__(
        self, builder: Builder, setting: Callable[[str], tuple[int, str]], error: Callable[[str, str], ModelError]
    ) -> None:
        self.parameters: list[Parameter] = []
        self.structural: set[int] = set()
        self._builder = builder
        self._setting = setting
        self._error = error
        self._index: dict[str, int] = {}
        self._values: dict[int, Any] = {}
        self._settings: dict[str, float] = {}
        self._under_way: set[str] = set()

    def parameter(self, name: str, value: float) -> int:
        """Index of the parameter `name`."""
        if name not in self._index:
            self._index[name] = len(self.parameters)
            self.parameters.append(Parameter(name, float(value)))
        return self._index[name]

    def table(self, name: str, points: Iterable[float], values: Iterable[float]) -> int:
        """Index of the first of the parameters ``name(x)`` that give a table's values."""
        numbers = [self.parameter(f"{name}({x:.15g})", y) for x, y in zip(points, values, strict=True)]
        return numbers[0]

    def structural_value(self, node: int, owner: str) -> float:
        """Value that the shape of the program depends on (a delay's order).

        The parameters that it is computed from are noted: they can't be changed without lowering again.
        """
        for position in self._needed(node, known=()):
            leaf = self._builder.nodes[position]
            if leaf.op in ("parameter", "start_parameter"):
                self.structural.add(leaf.number)
        return self.value(node, owner)

    def value(self, node: int, owner: str) -> float:
        """Value of a node that depends on constants and time settings alone, with the model file's own numbers."""
        for position in self._needed(node, known=self._values):
            self._values[position] = self._value_of(self._builder.nodes[position], owner)
        return float(self._values[node])

    def control(self, leaf: str) -> float:
        """A time setting as the model file gives it."""
        if leaf not in self._settings:
            if leaf in self._under_way:
                raise self._error("the time settings are defined by one another", "")
            self._under_way.add(leaf)
            node, name = self._setting(leaf)
            self._settings[leaf] = self.value(node, name)
        return self._settings[leaf]

    def _needed(self, node: int, known: Any) -> list[int]:
        """Nodes that `node` needs and that are not in `known`, in order."""
        stack, wanted = [node], set()
        while stack:
            one = stack.pop()
            if one not in wanted and one not in known:
                wanted.add(one)
                stack.extend(self._builder.nodes[one].args)
        return sorted(wanted)

    def _value_of(self, node: Node, owner: str) -> Any:
        """Value of one node whose arguments have theirs."""
        if node.op == "literal":
            return node.attr
        if node.op in ("parameter", "start_parameter"):
            return self.parameters[node.number].value
        if node.op in _SETTINGS:
            return self.control(node.op)
        if node.op == "half_step":
            return self.control("dt") / 2
        args = [self._values[arg] for arg in node.args]
        if not args:
            raise self._error("must be a number that constants alone decide", owner)
        with np.errstate(all="ignore"):
            if node.op in ("table", "table_slope"):
                return OPS[node.op].numpy(self._builder.tables[node.number], *args)
            return OPS[node.op].numpy(*args)
