"""What all tests look at: a model, its file, its folder's checks, and its runs, each made once."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError, SimulationError, unknown
from cluster_sd.measures import evaluate, parse
from cluster_sd.model.names import clean, spelled
from cluster_sd.model.source import Source, read_source
from cluster_sd.validation.declared import Declared, read_declared

if TYPE_CHECKING:
    from cluster_sd.api import Model, RunArrays
    from cluster_sd.model.parameters import Parameter

__all__ = ["Case", "Fit", "World", "WorldRun", "measured"]

BASE = "base run"
#: Name of the file that declares checks, beside the model.
CHECKS_FILE = "checks.toml"


@dataclass(frozen=True)
class Fit:
    """How a series of statistics is reproduced by the base run.

    Attributes
    ----------
    series, unit : str
    n : int
        Values that it is held against.
    mae_over_mean, rmse : float
        NaN where not defined; `rmse` in the series' unit.
    theil_bias, theil_variance, theil_covariance : float
        Shares of the mean squared error (Theil 1966).
    """

    series: str
    unit: str
    n: int
    mae_over_mean: float
    rmse: float
    theil_bias: float
    theil_variance: float
    theil_covariance: float


@dataclass(frozen=True)
class World:
    """A run to be made: the base run, a scenario, or an extreme condition."""

    name: str
    scenario: str | None = None
    changes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class WorldRun:
    """What is kept of a run.

    Attributes
    ----------
    name : str
        Of the world.
    low, high : dict of str to float
        Least and largest saved value of each variable; empty where the run failed.
    measures : dict of str to float
        Outcomes, and the measure of an extreme condition.
    failure : str
        Why the run failed; empty where it did not.
    """

    name: str
    low: Mapping[str, float]
    high: Mapping[str, float]
    measures: Mapping[str, float]
    failure: str = ""


@dataclass(frozen=True, eq=False)
class Case:
    """A model under test.

    Parameters
    ----------
    model : Model
    fits : sequence of Fit, optional
        How statistics are reproduced, from somebody who reads statistics; None where nobody did.
    without_fits : str
        Why there are none.
    threads : int
        Runs at a time.
    own_parameters : sequence of Parameter, optional
        In place of those of the model's folder.
    """

    model: Model
    fits: Sequence[Fit] | None = None
    without_fits: str = "no statistics were given"
    threads: int = 1
    own_parameters: Sequence[Parameter] | None = None
    _count: dict[str, int] = field(default_factory=lambda: {"runs": 0, "failed": 0}, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @cached_property
    def source(self) -> Source:
        """The parsed model file."""
        return read_source(self.model.path)

    @cached_property
    def names(self) -> Mapping[str, str]:
        """The model's names by their clean form."""
        return {key: variable.name for key, variable in self.source.variables.items()}

    def place(self, name: str) -> str:
        """``file.mdl:120``, without folders."""
        line = self.source.line(name)
        return self.model.path.name if line is None else f"{self.model.path.name}:{line}"

    @property
    def parameters(self) -> Sequence[Parameter]:
        """Parameters with their ranges: those given, or those of the model's folder."""
        return self.model.folder.parameters if self.own_parameters is None else self.own_parameters

    @cached_property
    def declared(self) -> Declared:
        """What the folder's ``checks.toml`` says; nothing where there is none."""
        path = self.model.path.parent / CHECKS_FILE
        made = read_declared(path) if path.is_file() else Declared()
        known = {clean(v.name): v.name for v in self.model.metadata.variables}
        for what, name in made.uses():
            if spelled(name, known) is None:
                raise unknown("variable", name, known.values(), f"{path}, {what}")
        for check in made.checks:
            if check.scenario is not None:
                self.model.folder.changes(check.scenario)
            if parse(check.measure).is_series:
                raise InputError(f"{path}, check '{check.id}': {check.measure} is a series; a check needs a number")
        return made

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Measures that a study looks at; the final values of all stocks where the folder names none."""
        given = [o.measure for o in self.model.folder.outcomes if not parse(o.measure).is_series]
        names = dict.fromkeys(s.name for s in self.model.program.states if s.name in self.model.program.outputs)
        return tuple(given) or tuple(f"final({name})" for name in names)

    @property
    def made(self) -> tuple[int, int]:
        """Runs made so far, and how many of them failed."""
        return self._count["runs"], self._count["failed"]

    # ---- runs --------------------------------------------------------------------------------------------------------

    @cached_property
    def scenarios(self) -> tuple[World, ...]:
        """The base run and all scenarios."""
        return (World(BASE), *(World(s.name, scenario=s.name) for s in self.model.folder.scenarios))

    @cached_property
    def extremes(self) -> tuple[World, ...]:
        """The extreme conditions of ``checks.toml``."""
        return tuple(World(f"check '{c.id}'", c.scenario, c.set) for c in self.declared.checks)

    @cached_property
    def explored(self) -> Mapping[str, WorldRun]:
        """Every world, run as the model file says, by name."""
        worlds = (*self.scenarios, *self.extremes)
        measures = {w.name: c.measure for w, c in zip(self.extremes, self.declared.checks, strict=True)}

        def one(world: World) -> WorldRun:
            own = measures.get(world.name)
            return self._reduced(world, self.outcomes if own is None else (own,))

        return dict(zip([w.name for w in worlds], self.each(one, worlds), strict=True))

    def outcomes_with(self, worlds: Sequence[World], **settings: Any) -> Mapping[str, WorldRun]:
        """Outcomes of worlds under another step or solver, by world."""
        made = self.each(lambda world: self._reduced(world, self.outcomes, **settings), worlds)
        return dict(zip([w.name for w in worlds], made, strict=True))

    def each(self, function: Callable[[World], WorldRun], worlds: Sequence[World]) -> list[WorldRun]:
        """A function of each world, several at a time."""
        with ThreadPoolExecutor(max_workers=max(1, self.threads)) as pool:
            return list(pool.map(function, worlds))

    def run(self, world: World, **settings: Any) -> RunArrays:
        """One run; counted."""
        failed = 1
        try:
            made = self.model.run_arrays(dict(world.changes), scenario=world.scenario, **settings)
            failed = 0
            return made
        finally:
            with self._lock:
                self._count["runs"] += 1
                self._count["failed"] += failed

    def _reduced(self, world: World, measures: Sequence[str], **settings: Any) -> WorldRun:
        try:
            made = self.run(world, **settings)
        except SimulationError as error:
            return WorldRun(world.name, {}, {}, dict.fromkeys(measures, np.nan), str(error))
        low = dict(zip(made.names, made.values.min(axis=0).tolist(), strict=True))
        high = dict(zip(made.names, made.values.max(axis=0).tolist(), strict=True))
        return WorldRun(world.name, low, high, dict(zip(measures, measured(made, measures).tolist(), strict=True)))


def measured(run: RunArrays, measures: Sequence[str]) -> NDArray[np.float64]:
    """Measures of a run, those that are numbers, shape (measure,).

    Raises
    ------
    UnknownNameError
        For a variable that the run doesn't have.
    """
    place = {clean(name): i for i, name in enumerate(run.names)}
    out = []
    for text in measures:
        measure = parse(text)
        index = place.get(clean(re.sub(r",\s+", ",", measure.variable)))
        if index is None:
            raise unknown("variable", measure.variable, run.names, f"measure '{text}'")
        out.append(float(evaluate(measure, run.times, run.values[:, index])))
    return np.array(out, dtype=float)
