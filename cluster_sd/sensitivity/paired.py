"""The same parameter sets under several variants: what a change does, with everything else equal.

Every set of uncertain values is run once under each variant, so that a difference between variants is a difference
within sets, and its spread over the sets says how far it depends on what nobody knows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError, unknown
from cluster_sd.model.names import clean, split_element, split_time
from cluster_sd.sensitivity.correlation import as_correlation, pairs_of
from cluster_sd.sensitivity.failures import MOST_FAILED
from cluster_sd.sensitivity.problem import Problem
from cluster_sd.sensitivity.sampling import Matrix, Outputs, Sample, check_outputs
from cluster_sd.simulate.plan import key_of

if TYPE_CHECKING:
    from cluster_sd.api import Model
    from cluster_sd.sensitivity.draws import Draws

__all__ = ["Paired", "Spread", "Variant", "by_set", "paired", "settled", "spread", "value_before"]

Floats = NDArray[np.float64]
#: Effects that are smaller than this share of the values they are made of are rounding.
ROUNDING = 1e-12
#: A parameter of the program and the time from which it is set.
Place = tuple[int, float]


@dataclass(frozen=True)
class Variant:
    """One way to run every parameter set.

    Attributes
    ----------
    name : str
    changes : mapping of str to number
        As in a scenario: ``Name``, or ``Name@2025``; without a year, the column ``from`` of ``parameters.csv`` holds.
    """

    name: str
    changes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Paired(Sample):
    """Rows to run: each parameter set under each variant, the variants of a set next to each other.

    Attributes
    ----------
    variants : tuple of Variant
    added : tuple of str
        Columns beyond those of the problem.
    places : array of int, shape (column,)
        For each column that a variant sets (those of the problem first), the factor whose value it has where the
        variant says nothing; -1: that in `base`.
    base : array, shape (column,)
    values : array, shape (variant, column)
        What each variant sets; NaN where it says nothing.
    draws : Draws or None
        Draws of a posterior, where the last factor picks one of them.
    """

    variants: tuple[Variant, ...] = ()
    added: tuple[str, ...] = ()
    places: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    base: Floats = field(default_factory=lambda: np.empty(0))
    values: Floats = field(default_factory=lambda: np.empty((0, 0)))
    draws: Draws | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the design: those of the uncertain values, then those that only variants set."""
        return (*_drawn_columns(self.problem, self.draws), *self.added)

    @property
    def sets(self) -> int:
        """Number of parameter sets."""
        return self.n

    @property
    def runs(self) -> int:
        """Number of rows."""
        return self.n * len(self.variants)

    def unit(self, start: int = 0, stop: int | None = None) -> Floats:
        """Coordinates of the uncertain factors; shape (rows, factor)."""
        sets, _ = self._rows(start, stop)
        return self.rows.unit(0, self.n)[sets]

    def physical(self, start: int = 0, stop: int | None = None) -> Floats:
        """Values of all columns; shape (rows, column), each column contiguous."""
        sets, variant = self._rows(start, stop)
        first, last = (int(sets[0]), int(sets[-1]) + 1) if len(sets) else (0, 0)
        drawn = self.problem.physical(self.rows.unit(first, last))
        drawn = _picked(drawn, self.draws)[sets - first]
        out = np.empty((len(sets), len(self.columns)), order="F")
        for column, place in enumerate(self.places):
            plain = drawn[:, place] if place >= 0 else self.base[column]
            told = self.values[variant, column]
            out[:, column] = np.where(np.isnan(told), plain, told)
        return out

    def _rows(self, start: int, stop: int | None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        rows = np.arange(start, self.runs if stop is None else min(stop, self.runs))
        sets, variant = np.divmod(rows, len(self.variants))
        return sets, variant


def paired(
    model: Model,
    problem: Problem,
    variants: Sequence[Variant],
    n: int,
    *,
    seed: int = 0,
    scenario: str | None = None,
    correlation: Any = None,
    draws: Draws | None = None,
    method: str = "paired",
) -> Paired:
    """Parameter sets drawn at random, each to be run under each variant.

    Parameters
    ----------
    model : Model
    problem : Problem
        What is uncertain.
    variants : sequence of Variant
    n : int
        Number of sets; those of a smaller n come first in a larger one.
    seed : int
    scenario : str, optional
        The scenario in which all runs will be made: what it sets holds where a variant says nothing.
    correlation : Correlation, pairs or path, optional
        How the uncertain factors go together.
    draws : Draws, optional
        Draws of a posterior; `problem` is then that of :func:`cluster_sd.sensitivity.draws.with_draws`.
    method : str
        For the record.

    Raises
    ------
    InputError
        For no variant, one twice, or a change of something that can't be changed.
    """
    if n < 2:
        raise InputError(f"{n} parameter sets can't show a spread; take 2 or more")
    names = [variant.name for variant in variants]
    if not names or len(set(names)) != len(names):
        raise InputError(f"variants need names of their own, one at least; these are {', '.join(names) or 'none'}")
    layout = _Layout(model, _drawn_columns(problem, draws), scenario)
    for variant in variants:
        layout.add(variant)
    together = as_correlation(problem, correlation)
    unit = together.join(np.random.default_rng([seed, 0x5E75]).random((n, len(problem.factors))))
    settings = {
        "variants": [[v.name, sorted(v.changes.items())] for v in variants],
        "correlation": pairs_of(problem, together),
        "scenario": scenario,
        "draws": None if draws is None else draws.source,
    }
    parts = (*layout.finished(tuple(variants)), draws)
    return Paired(problem, method, n, seed, Matrix(unit), settings, problem.notes, tuple(variants), *parts)


def _picked(values: Floats, draws: Draws | None) -> Floats:
    """Values of the uncertain factors, with those of a draw in place of the last one, which picks it."""
    if draws is None:
        return values
    count = len(draws.values)
    pick = np.minimum((values[:, -1] * count).astype(np.intp), count - 1)
    return np.hstack([values[:, :-1], draws.values[pick]])


def _drawn_columns(problem: Problem, draws: Draws | None) -> tuple[str, ...]:
    return problem.columns if draws is None else (*problem.columns[:-1], *draws.columns)


def value_before(model: Model, column: str, scenario: str | None = None) -> float:
    """The value that a constant has where nobody but the scenario changes it; `column` as ``Name`` or ``Name@2025``.

    Raises
    ------
    InputError
        For what is no constant, or an array whose elements differ.
    """
    layout = _Layout(model, (), scenario)
    found = {layout.before(place)[1] for place in layout.places(column)[0]}
    if len(found) > 1:
        raise InputError(f"'{column}' is an array whose elements differ; name an element")
    return found.pop()


class _Layout:
    """Finds the columns of a paired design, and what stands in them where a variant says nothing."""

    def __init__(self, model: Model, drawn: tuple[str, ...], scenario: str | None) -> None:
        self.model, self.drawn = model, drawn
        self.since = {clean(p.name): p.since for p in model.folder.parameters}
        self.numbers: dict[str, list[int]] = {}
        for number, parameter in enumerate(model.program.parameters):
            for key in {key_of(parameter.name), clean(split_element(parameter.name)[0])}:  # itself, and its array
                self.numbers.setdefault(key, []).append(number)
        changes = () if scenario is None else model.folder.changes(scenario)
        self.scenario = [
            ((n, -math.inf if c.time is None else c.time), c.value)
            for c in changes
            for n in self.numbers.get(key_of(c.name), ())
        ]
        self.factors: list[list[Place]] = [self.places(column)[0] for column in self.drawn]
        self.columns: dict[Place, int] = {p[0]: i for i, p in enumerate(self.factors) if len(p) == 1}
        self.added: list[str] = []
        self.told: list[dict[int, float]] = []

    def add(self, variant: Variant) -> None:
        """Take a variant's changes; the later of two for the same thing holds."""
        told: dict[int, float] = {}
        for key, value in variant.changes.items():
            number = float(value)
            if not math.isfinite(number):
                raise InputError(f"variant '{variant.name}': '{key}' is {value!r}; a finite number belongs there")
            for place, name in zip(*self.places(key, variant.name), strict=True):
                if place not in self.columns:
                    self.columns[place] = len(self.drawn) + len(self.added)
                    self.added.append(name)
                told[self.columns[place]] = number
        self.told.append(told)

    def finished(self, variants: tuple[Variant, ...]) -> tuple[tuple[str, ...], NDArray[np.intp], Floats, Floats]:
        """Added columns, places, base and values of :class:`Paired`."""
        count = len(self.drawn)
        total = count + len(self.added)
        places, base = np.arange(total), np.full(total, np.nan)
        for place, column in self.columns.items():
            if column >= count:
                places[column], base[column] = self.before(place)
        values = np.full((len(variants), total), np.nan)
        for row, told in zip(values, self.told, strict=True):
            row[list(told)] = list(told.values())
        return tuple(self.added), places, base, values

    def before(self, place: Place) -> tuple[int, float]:
        """The factor, or else the number, that a parameter has at a time where no variant says anything."""
        number, time = place
        drawn = [(t, i) for i, own in enumerate(self.factors) for n, t in own if n == number and t <= time]
        if drawn:
            return max(drawn)[1], math.nan
        value = self.model.program.parameters[number].value
        for (n, t), changed in self.scenario:  # in the order of time
            if n == number and t <= time:
                value = changed
        return -1, value

    def places(self, key: str, variant: str = "") -> tuple[list[Place], list[str]]:
        """Parameters and time that a change means, with a column's name for each."""
        where = f"variant '{variant}'" if variant else "parameters"
        name, time = split_time(key, lambda text: self.model.metadata.find(text) is not None)
        if time is None and variant:
            time = self.since.get(clean(name), self.since.get(clean(split_element(name)[0])))
        found = self.model.metadata.find(name)
        if found is not None and found.kind in ("stock", "table"):
            raise InputError(f"{where}: '{found.name}' is a {found.kind}; a variant sets constants alone")
        numbers = self.numbers.get(key_of(name), [])
        if not numbers:
            raise unknown("parameter", name, [p.name for p in self.model.program.parameters], where)
        since = -math.inf if time is None else float(time)
        at = "" if time is None else f"@{time:.10g}"
        return [(n, since) for n in numbers], [self.model.program.parameters[n].name + at for n in numbers]


# ---- what comes back -------------------------------------------------------------------------------------------------


def by_set(sample: Paired, outputs: Outputs) -> tuple[Floats, int]:
    """Outputs of the sets all of whose runs ended well, shape (set, variant, outcome), and how many sets are left out.

    A set is left out whole, so that variants are compared on the same sets.

    Raises
    ------
    InputError
        Where outputs aren't those of the sample, or more than a fifth of the sets are lost.
    """
    check_outputs(sample, outputs)
    shape = (sample.sets, len(sample.variants))
    lost = outputs.failed.reshape(shape).any(axis=1)
    if lost.mean() > MOST_FAILED:
        per = outputs.failed.reshape(shape).mean(axis=0)
        worst = sample.variants[int(np.argmax(per))].name
        raise InputError(
            f"{int(lost.sum()):,} of {sample.sets:,} parameter sets have a run that failed, most under '{worst}'; what "
            "is left says little. Narrow the ranges of the parameters, or mend the model"
        )
    return outputs.values.reshape(*shape, -1)[~lost], int(lost.sum())


def settled(effect: Floats, values: Floats) -> Floats:
    """Effects without what is mere rounding of the values that they are made of.

    Parameters
    ----------
    effect : (set, …, outcome) array
    values : (set, variant, outcome) array
    """
    size = np.abs(values).max(axis=1)
    return np.where(np.abs(effect) <= ROUNDING * size[:, *[None] * (effect.ndim - 2)], 0.0, effect)


@dataclass(frozen=True, eq=False)
class Spread:
    """How numbers are spread over parameter sets; all arrays have the shape of one set's numbers.

    Attributes
    ----------
    mean, mean_low, mean_high : array
        Mean over the sets, with the confidence interval of this mean (Student's t).
    median, low, high : array
        Median, and the interval that holds the middle `share` of the sets.
    positive : array
        Share of the sets in which the number is above zero; a zero counts half.
    share, level : float
        Of the spread and of the confidence interval.
    sets : int
    """

    mean: Floats
    mean_low: Floats
    mean_high: Floats
    median: Floats
    low: Floats
    high: Floats
    positive: Floats
    share: float
    level: float
    sets: int

    #: Names of the numbers of :meth:`at` as columns of a table.
    COLUMNS: ClassVar = ("mean", "ci_low", "ci_high", "median", "spread_low", "spread_high")

    def at(self, place: int | tuple[int, ...]) -> tuple[float, ...]:
        """The numbers at a place of the arrays, as `COLUMNS`."""
        arrays = (self.mean, self.mean_low, self.mean_high, self.median, self.low, self.high)
        return tuple(float(array[place]) for array in arrays)


def spread(values: Floats, share: float = 0.9, level: float = 0.95) -> Spread:
    """How `values`, shape (set, …), are spread over the sets."""
    from scipy.special import stdtrit

    n = len(values)
    if n < 2:
        raise InputError(f"{n} parameter sets can't show a spread; take 2 or more")
    mean = values.mean(axis=0)
    half = float(stdtrit(n - 1, (1 + level) / 2)) * values.std(axis=0, ddof=1) / math.sqrt(n)
    low, median, high = np.quantile(values, [(1 - share) / 2, 0.5, (1 + share) / 2], axis=0)
    positive = (np.sign(values).mean(axis=0) + 1) / 2
    return Spread(mean, mean - half, mean + half, median, low, high, positive, share, level, n)
