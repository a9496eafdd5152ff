"""What a sensitivity analysis varies: factors, and the groups in which they move together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cluster_sd.distributions import Distribution
from cluster_sd.errors import InputError, unknown
from cluster_sd.model.names import clean
from cluster_sd.model.parameters import ROLES, Parameter, read_parameters

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["DUMMY", "GROUPINGS", "Factor", "Group", "Problem", "problem_of"]

#: Name of the parameter that the model doesn't have; its index is what chance alone gives.
DUMMY = "dummy"
#: Ways to put factors into groups.
GROUPINGS = ("auto", "none", "uncertain", "all")
#: Factors that ``auto`` leaves single.
MOST_SINGLE = 100
VARIED = ("lever", "uncertain")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Factor:
    """One parameter that varies.

    Attributes
    ----------
    name : str
        As it is shown, in the model's own spelling.
    column : str
        Its column in a design: ``Name``, or ``Name@2025`` where a changed value acts from a year on.
    distribution : Distribution
    value : float or None
        What the model has where nobody changes it.
    role : str
        ``lever`` or ``uncertain`` (or whatever was asked for).
    group : str
        The mechanism it belongs to; empty for none.
    step : float or None
        A change that somebody could decide within a year.
    unit : str
        Unit of measurement.
    """

    name: str
    column: str
    distribution: Distribution
    value: float | None = None
    role: str = "uncertain"
    group: str = ""
    step: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Group:
    """What has an index of its own: one factor, or several that move together.

    Attributes
    ----------
    name : str
        The factor's name, or ``group:O13``.
    members : tuple of int
        Places of its factors in `Problem.factors`; never empty.
    """

    name: str
    members: tuple[int, ...]

    @property
    def is_single(self) -> bool:
        """Whether it is one factor."""
        return len(self.members) == 1


@dataclass(frozen=True)
class Problem:
    """Factors, and the groups that partition them.

    A group has one index: in Sobol's sense, its factors are drawn and swapped together, and the index is the variance
    that they explain jointly. Each factor keeps its own coordinate.

    Attributes
    ----------
    factors : tuple of Factor
    groups : tuple of Group
        Every factor stands in exactly one; default: each by itself.
    notes : tuple of str
        What was decided on the user's behalf, in a sentence each.

    Raises
    ------
    InputError
        Where there is no factor, a column or a group's name stands twice, or a factor stands in no group or two.
    """

    factors: tuple[Factor, ...]
    groups: tuple[Group, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if not self.factors:
            raise InputError("there is no parameter to vary")
        if not self.groups:
            single = tuple(Group(factor.name, (i,)) for i, factor in enumerate(self.factors))
            object.__setattr__(self, "groups", single)
        _refuse_twice("parameter", (clean(factor.column) for factor in self.factors))
        _refuse_twice("group", self.names)
        places = sorted(i for group in self.groups for i in group.members)
        if places != list(range(len(self.factors))):
            raise InputError("every parameter must stand in exactly one group")
        if DUMMY in self.names:
            raise InputError(f"'{DUMMY}' is the name of the parameter that has no influence; call yours otherwise")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the groups, in the order of all indices."""
        return tuple(group.name for group in self.groups)

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the design, in the order of the factors."""
        return tuple(factor.column for factor in self.factors)

    @cached_property
    def membership(self) -> NDArray[np.bool_]:
        """Which factors stand in which group, shape (group, factor)."""
        member = np.zeros((len(self.groups), len(self.factors)), dtype=bool)
        for i, group in enumerate(self.groups):
            member[i, list(group.members)] = True
        return member

    def ungrouped(self) -> Problem:
        """The same factors, each by itself, for methods that have no index of a group."""
        if all(group.is_single for group in self.groups):
            return self
        return Problem(self.factors, notes=("this method has no index of a group: each parameter has its own",))

    def physical(self, unit: Floats) -> Floats:
        """Values of the factors at points of the unit cube.

        Parameters
        ----------
        unit : (rows, factor) array
            Probabilities, from 0 to 1. At 0 and 1 of an unbounded distribution, the last finite number before them.

        Returns
        -------
        (rows, factor) array, in Fortran order: each column is contiguous
        """
        out = np.empty(unit.shape, order="F")
        for i, factor in enumerate(self.factors):
            u = unit[:, i]
            if not np.isfinite(factor.distribution.support).all():
                u = np.clip(u, 2.0**-53, 1 - 2.0**-53)
            out[:, i] = factor.distribution.ppf(u)
        return out

    def find(self, name: str) -> int:
        """Place of the factor of this name or column.

        Raises
        ------
        UnknownNameError
            With close names.
        """
        for i, factor in enumerate(self.factors):
            if clean(name) in (clean(factor.name), clean(factor.column)):
                return i
        raise unknown("parameter", name, [factor.name for factor in self.factors], "what varies")


def problem_of(
    model: Model,
    parameters: str | Path | Sequence[Parameter] | None = None,
    *,
    roles: Iterable[str] = VARIED,
    only: Iterable[str] | None = None,
    grouping: str = "auto",
) -> Problem:
    """What of a model a sensitivity analysis varies.

    Parameters
    ----------
    model : Model
    parameters : path or sequence of Parameter, optional
        A table with the columns of ``parameters.csv``; default: the one in the model's folder.
    roles : iterable of str
        Rows of these roles vary.
    only : iterable of str, optional
        Names of the parameters that vary, whatever their role; each needs a range.
    grouping : {"auto", "none", "uncertain", "all"}
        Which parameters are put together by their column ``group`` as ``group:O13``: none, the uncertain ones (a lever
        is a decision of its own, and keeps an index of its own), or all. ``auto``: none up to 100 parameters, the
        uncertain ones beyond. A parameter without a group, or alone in it, stays single.

    Returns
    -------
    Problem
        With a note where ``auto`` made groups.

    Raises
    ------
    InputError
        Where nothing is left to vary, or a row can't be used: low above high, an unknown distribution, no range.
    UnknownNameError
        For a parameter, role or grouping that doesn't exist, with close names.
    """
    if grouping not in GROUPINGS:
        raise unknown("grouping", grouping, GROUPINGS)
    rows = _rows(model, parameters)
    chosen = _by_role(rows, tuple(roles)) if only is None else _by_name(rows, tuple(only))
    if not chosen:
        raise InputError(
            f"{model.name}: no parameter to vary; parameters.csv (or --parameters) needs rows with low and high "
            f"whose role is {' or '.join(roles)}"
        )
    factors = tuple(_factor(row) for row in chosen)
    bundled, notes = _bundled(factors, grouping)
    return Problem(factors, _groups(factors, bundled), notes)


def _rows(model: Model, parameters: str | Path | Sequence[Parameter] | None) -> tuple[Parameter, ...]:
    if parameters is None:
        return model.folder.parameters
    if isinstance(parameters, str | Path):
        return read_parameters(Path(parameters), [v.name for v in model.metadata.variables])
    return tuple(parameters)


def _by_role(rows: Sequence[Parameter], roles: tuple[str, ...]) -> list[Parameter]:
    for role in roles:
        if role not in ROLES:
            raise unknown("role", role, ROLES)
    return [row for row in rows if row.role in roles and (row.has_range or row.role in VARIED)]


def _by_name(rows: Sequence[Parameter], names: Sequence[str]) -> list[Parameter]:
    known = {clean(row.name): row for row in rows}
    for name in names:
        if clean(name) not in known:
            raise unknown("parameter", name, [row.name for row in rows], "parameters.csv")
    return [known[key] for key in dict.fromkeys(clean(name) for name in names)]


def _factor(row: Parameter) -> Factor:
    if row.low is None or row.high is None:
        raise InputError(f"{row.file}:{row.line}: '{row.name}' has no low and high, so it cannot vary")
    column = row.name if row.since is None else f"{row.name}@{row.since:.10g}"
    try:
        distribution = Distribution(row.distribution, row.low, row.high, row.value)
    except InputError as error:
        raise InputError(f"{row.file}:{row.line}: '{row.name}': {error}") from None
    return Factor(row.name, column, distribution, row.value, row.role, row.group, row.step, row.unit)


def _bundled(factors: Sequence[Factor], grouping: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """Roles whose factors are put together, and what there is to say about it."""
    if grouping == "none" or (grouping == "auto" and len(factors) <= MOST_SINGLE):
        return frozenset(), ()
    if grouping == "all":
        return frozenset(factor.role for factor in factors), ()
    roles = frozenset(factor.role for factor in factors if factor.role != "lever")
    if grouping == "uncertain":
        return roles, ()
    note = (
        f"{len(factors)} parameters vary; beyond {MOST_SINGLE} those that are no levers are taken together by their "
        "group (each still varies by itself within it)"
    )
    return roles, (note,)


def _groups(factors: Sequence[Factor], bundled: frozenset[str]) -> tuple[Group, ...]:
    """Levers first where they stand first: groups come in the order of their first factor."""
    together: dict[str, list[int]] = {}
    for i, factor in enumerate(factors):
        joined = factor.group and factor.role in bundled
        together.setdefault(f"group:{factor.group}" if joined else f"\0{i}", []).append(i)
    return tuple(
        Group(key if len(members) > 1 else factors[members[0]].name, tuple(members))
        for key, members in together.items()
    )


def _refuse_twice(kind: str, names: Iterable[str]) -> None:
    counts: Mapping[str, int] = Counter(names)
    for name, count in counts.items():
        if count > 1:
            raise InputError(f"the {kind} '{name}' stands {count} times among what varies")
