"""Changes meet a model: names become parameters, and what the model computes is laid open where it may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError, unknown
from cluster_sd.model.names import clean, split_element, unquote
from cluster_sd.program.ir import Program
from cluster_sd.simulate.design import Change, Series
from cluster_sd.simulate.inputs import Column, Inputs
from cluster_sd.simulate.metadata import Metadata, Variable, split_point

#: Variables to lay open, by name; with times for those that follow a series. See ``program.lower.lower``.
Exposed = Mapping[str, "tuple[float, ...] | None"]

_SETTINGS = {
    "initial_time": "the start (--start, start=)",
    "final_time": "the stop (--stop, stop=)",
    "time_step": "the time step (--time-step, time_step=)",
    "saveper": "the save step (--save-every, save_every=)",
    "time": "the start (--start, start=)",
}


@lru_cache(maxsize=1 << 16)  # an ensemble asks again and again for the same names
def key_of(name: str) -> str:
    """The form in which scalar names are compared: ``Name[a,b]`` and table points ``Name(0.5)`` included.

    >>> key_of(" Stock [North,  old]"), key_of("Effect(0.50)")
    ('stock[north,old]', 'effect(0.5)')
    """
    name = unquote(name)
    table, point = split_point(name)
    if table is not None:
        try:
            return f"{key_of(table)}({float(point):.15g})"
        except ValueError:
            pass
    base, subscripts = split_element(name)
    return clean(base) + (f"[{','.join(clean(s) for s in subscripts)}]" if subscripts else "")


@dataclass(frozen=True, slots=True)
class _Target:
    """What a change means: elements of a variable, and whether they must be laid open first."""

    change: Change
    variable: Variable
    expose: bool


class _Names(NamedTuple):
    """Numbers of a program's parameters: by key, by array, and by table."""

    index: Mapping[str, int]
    elements: Mapping[str, list[int]]
    points: Mapping[str, list[int]]

    def meant(self, name: str) -> list[int]:
        """The parameters that `name` means: itself, all elements of an array, all points of a table."""
        key = key_of(name)
        if key in self.index:
            return [self.index[key]]
        return list(self.elements.get(key, self.points.get(key, ())))


@dataclass(frozen=True, slots=True)
class Planner:
    """Resolves changes against a model.

    Attributes
    ----------
    metadata : Metadata
    program : callable
        ``program(exposed)`` gives the model's program with the variables `exposed` laid open.
    """

    metadata: Metadata
    program: Callable[[Exposed], Program]

    def plan(
        self,
        changes: Sequence[Change],
        series: Sequence[Series] = (),
        runs: int = 1,
        wanted: Sequence[Change] = (),
    ) -> tuple[Program, Inputs]:
        """Program and parameter values for `runs` runs; what `wanted` names is laid open too, at its own value.

        Raises
        ------
        InputError
            For names that nothing has (close ones are suggested) and for what can't be set, with what would be right.
        """
        plain = self.program({})
        names = _names(plain)
        targets = [self._target(change, plain, names) for change in changes]
        exposed: dict[str, tuple[float, ...] | None] = {}
        for target in (*targets, *(self._target(change, plain, names) for change in wanted)):
            if target.expose:
                exposed[self._exposed_name(target)] = None
        for one in series:
            exposed[self._series_name(one, plain, runs)] = tuple(one.times.tolist())
        program = self.program(exposed) if exposed else plain
        names = _names(program)
        columns = [column for target in targets for column in self._columns(target, program, names)]
        columns += [column for one in series for column in _series_columns(one, names)]
        inputs = Inputs(np.array([p.value for p in program.parameters], dtype=float), tuple(columns), runs)
        _check_complete(program, inputs)
        return program, inputs

    def _target(self, change: Change, program: Program, names: _Names) -> _Target:
        name = change.name
        variable = self.metadata.find(name)
        if variable is None:
            raise unknown("parameter", name, self._settable(program), change.where)
        if names.meant(name):
            self._refuse_control(change)
            return _Target(change, variable, expose=False)
        if variable.kind == "stock":
            if math.isfinite(change.time):
                raise InputError(
                    f"{change.where}: '{variable.name}' is a stock; its initial value acts at the start alone, "
                    f"leave out '@{change.time:.10g}'"
                )
            return _Target(change, variable, expose=True)
        if variable.kind == "table" and (split_point(name)[0] is not None or change.spread):
            return _Target(change, variable, expose=True)
        raise self._refusal(change, variable, program)

    def _refuse_control(self, change: Change) -> None:
        """Refuse a constant from which a time setting is computed: the times are read from the file, once."""
        for variable in self.metadata.variables:
            if variable.kind == "control" and mentions(variable.equation, split_element(change.name)[0]):
                raise InputError(
                    f"{change.where}: '{change.name}' decides '{variable.name}', a time setting; give it as "
                    f"{_SETTINGS[clean(variable.name)]}"
                )

    def _exposed_name(self, target: _Target) -> str:
        table, _ = split_point(target.change.name)
        return table if table is not None and target.variable.kind == "table" else target.change.name

    def _series_name(self, series: Series, program: Program, runs: int) -> str:
        variable = self.metadata.find(series.name)
        if variable is None:
            raise unknown("variable", series.name, [v.name for v in self.metadata.variables], series.where)
        if variable.kind in ("stock", "table", "control"):
            raise InputError(
                f"{series.where}: '{variable.name}' is a {_KIND_WORDS[variable.kind]}; a series can replace a "
                f"constant, a flow, an auxiliary or data"
            )
        if key_of(series.name) not in {key_of(name) for name in program.outputs}:
            raise unknown("element", series.name, _elements_of(variable, program.outputs), series.where)
        if series.values.ndim == 2 and series.values.shape[0] != runs:
            raise InputError(f"{series.where} has {series.values.shape[0]} runs, the design has {runs}")
        return series.name

    def _columns(self, target: _Target, program: Program, names: _Names) -> list[Column]:
        """Columns of one change: one for each element or point that it means."""
        change = target.change
        numbers = names.meant(change.name)
        if not numbers and target.variable.kind == "table":
            points = [program.parameters[n].name for n in names.points.get(key_of(self._exposed_name(target)), ())]
            raise unknown("point", change.name, points, change.where)
        if not numbers:
            raise unknown("element", change.name, _elements_of(target.variable, program.outputs), change.where)
        self._refuse_structural(target, program, numbers)
        if not change.spread:
            return [Column(number, change.time, change.values) for number in numbers]
        if len(change.values) != len(numbers):
            raise InputError(
                f"{change.where} has {len(change.values)} values; '{target.variable.name}' has {len(numbers)} "
                f"({', '.join(program.parameters[n].name for n in numbers[:4])}{' …' if len(numbers) > 4 else ''})"
            )
        return [Column(n, change.time, np.asarray(v)) for n, v in zip(numbers, change.values, strict=True)]

    def _refuse_structural(self, target: _Target, program: Program, numbers: Iterable[int]) -> None:
        fixed = set(program.structural)
        for number in numbers:
            if number in fixed:
                raise InputError(
                    f"{target.change.where}: '{program.parameters[number].name}' decides the order of a delay, so "
                    f"the model's structure; change it in the model file"
                )

    def _refusal(self, change: Change, variable: Variable, program: Program) -> InputError:
        """Why a variable can't be set, and what can be."""
        name = variable.name
        if variable.kind == "control":
            return InputError(f"{change.where}: '{name}' is a time setting; give it as {_SETTINGS[clean(name)]}")
        if variable.kind == "table":
            points = ", ".join(f"{x:.10g}" for x in variable.x[:6])
            example = f"{name}({variable.x[0]:.10g})" if variable.x else f"{name}(0)"
            return InputError(
                f"{change.where}: '{name}' is a table; set the value at one of its points ({points}), as '{example}'"
            )
        if variable.kind == "constant":
            return unknown(
                "element", change.name, _elements_of(variable, [p.name for p in program.parameters]), change.where
            )
        inside = [
            p
            for p in dict.fromkeys(split_element(p.name)[0] for p in program.parameters)
            if mentions(variable.equation, p)
        ]
        told = (
            f"set what it is computed from ({', '.join(inside[:5])})" if inside else "set a constant that it depends on"
        )
        what = "comes from data" if variable.kind == "data" else "is computed by an equation"
        return InputError(
            f"{change.where}: '{name}' {what} and can't be set to a number; {told}, or replace it from Python by a "
            f"series, run(series={{'{name}': …}})"
        )

    def _settable(self, program: Program) -> list[str]:
        names = [p.name for p in program.parameters]
        return names + [v.name for v in self.metadata.variables if v.kind in ("stock", "table")]


_KIND_WORDS = {"stock": "stock (set its initial value)", "table": "table (set its points)", "control": "time setting"}


def _names(program: Program) -> _Names:
    index: dict[str, int] = {}
    elements: dict[str, list[int]] = {}
    points: dict[str, list[int]] = {}
    for number, parameter in enumerate(program.parameters):
        key = key_of(parameter.name)
        index[key] = number
        table, _ = split_point(parameter.name)
        if table is not None:
            points.setdefault(key_of(table), []).append(number)
        elif key.endswith("]"):
            elements.setdefault(clean(split_element(parameter.name)[0]), []).append(number)
    order = {key_of(name): i for i, name in enumerate(program.outputs)}
    for numbers in elements.values():  # elements in the order of the results, whatever the order of lowering
        numbers.sort(key=lambda number: order.get(key_of(program.parameters[number].name), number))
    return _Names(index, elements, points)


def meant(name: str, program: Program, where: str) -> list[int]:
    """Parameters of `program` that `name` means; InputError where it means none."""
    numbers = _names(program).meant(name)
    if not numbers:
        raise unknown("parameter", name, [p.name for p in program.parameters], where)
    return numbers


def _elements_of(variable: Variable, names: Iterable[str]) -> list[str]:
    return [name for name in names if clean(split_element(name)[0]) == clean(variable.name)]


def _series_columns(series: Series, names: _Names) -> list[Column]:
    key = key_of(series.name)
    columns = []
    for i, time in enumerate(series.times.tolist()):
        values: NDArray[np.float64] = np.ascontiguousarray(series.values[..., i])
        columns.append(Column(names.index[f"{key}({time:.15g})"], -math.inf, values))
    return columns


def _check_complete(program: Program, inputs: Inputs) -> None:
    """Refuse a parameter without a number (the rest of an array of which the user set one computed element)."""
    given = {column.parameter for column in inputs.columns}
    for number, parameter in enumerate(program.parameters):
        if number not in given and np.isnan(parameter.value):
            raise InputError(f"'{parameter.name}' has no value of its own here; give one for it too")


def mentions(equation: str, name: str) -> bool:
    """Whether `equation` names `name` as a whole word."""
    text = f"  {clean(equation)}  "
    key = clean(name)
    place = text.find(key)
    while place >= 0:
        before, after = text[place - 1], text[place + len(key)]
        longer = (before == "_" and text[place - 2].isalnum()) or (
            after == "_" and text[place + len(key) + 1].isalnum()
        )
        if not (before.isalnum() or after.isalnum() or longer):
            return True
        place = text.find(key, place + 1)
    return False
