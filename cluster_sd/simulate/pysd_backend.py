"""PySD itself as a backend: the outside truth to compare with, where it is right.

PySD turns a model into a Python module that it writes beside the model file. Here that happens in a temporary folder
that holds a copy of the model and links to what lies beside it, so nothing is ever written where the user's model is.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.model.names import clean, split_element
from cluster_sd.simulate.batch import Experiment, Failures
from cluster_sd.simulate.executor import Block, Executor
from cluster_sd.simulate.inputs import Inputs
from cluster_sd.simulate.metadata import Metadata
from cluster_sd.simulate.plan import key_of

#: Folders beside a model that are larger than this many entries are not linked into the temporary one.
_MOST_ENTRIES = 10_000


def pysd_executor(experiment: Experiment, metadata: Metadata, solver: str, check: Sequence[bool]) -> Executor:
    """An executor that runs PySD, one run after another.

    Raises
    ------
    InputError
        For another solver than Euler, which is PySD's only one, and for a model that PySD can't read.
    """
    if solver != "euler":
        raise InputError(f"backend pysd knows the solver euler alone, not {solver}; take another backend")
    runner = _Runner(experiment, metadata, tuple(check))

    def execute(first: int, last: int) -> Block:
        made = [runner.run(number) for number in range(first, last)]
        item = np.concatenate([one.failures.item for one in made])
        time = np.concatenate([one.failures.time for one in made])
        return Block(np.concatenate([one.series for one in made], axis=2), Failures(item, time), made[0].detail)

    return Executor(execute, "pysd", threads=1, block=1)


class _Runner:
    """A translated model with what an experiment asks of it."""

    def __init__(self, experiment: Experiment, metadata: Metadata, check: tuple[bool, ...]) -> None:
        self.experiment, self.metadata, self.check = experiment, metadata, check
        self.folder = tempfile.mkdtemp(prefix="cluster_sd_pysd_")
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        copy = copy_model(Path(metadata.path), Path(self.folder))
        self.model = _translate(copy, metadata.path)
        self.known = {clean(name) for name in self.model.namespace}
        missing = [name for name in experiment.kept if not self._knows(name)]
        if missing:
            raise InputError(f"PySD gives no '{missing[0]}'; leave it out, or take another backend")
        stocks = [s.name for s in experiment.program.states if s.name in experiment.program.outputs]
        states = [name for name in stocks if self._knows(name)]
        self.columns = tuple(dict.fromkeys([*experiment.kept, *states]))
        self._initial: dict[str, Callable[[], Any]] = {}

    def _knows(self, name: str) -> bool:
        return clean(split_element(name)[0]) in self.known

    def run(self, number: int) -> Block:
        """Run the run of that number."""
        experiment, grid = self.experiment, self.experiment.grid
        settings = read_settings(experiment, self.metadata, number)
        with _quiet():
            self._begin(settings)
            try:
                frame = self.model.run(
                    initial_condition="original",
                    final_time=grid.start + grid.steps * grid.dt,
                    time_step=grid.dt,
                    saveper=grid.save_step,
                    return_columns=list(dict.fromkeys(split_element(name)[0] for name in self.columns)),
                    return_timestamps=grid.times,
                    flatten_output=True,
                )
            except (ArithmeticError, ValueError, FloatingPointError) as error:
                return self._stopped(error)
        series = self._series(frame)
        return Block(series[: len(experiment.kept)].T[:, :, None].copy(), self._failures(series))

    def _begin(self, settings: PysdSettings) -> None:
        """Set constants, the initial time and initial values.

        PySD can set a stock only after everything else has begun from the model's own value of it, so that what
        follows from it at the start (a smooth of the stock) would be another model's; here the stock's own beginning
        is replaced.
        """
        model, start = self.model, self.experiment.grid.start
        model.components._control_vars["initial_time"] = lambda: start
        stocks = {name: self._stock(name) for name in settings.initial}
        for name, stock in stocks.items():
            stock.init_func = self._initial.setdefault(name, stock.init_func)
        model.set_components(_components(model, settings))
        if any("" not in given for given in (*settings.initial.values(), *settings.constants.values())):
            model.set_initial_condition("original")  # the rest of an array is what it would be at the start
            model.set_components(_components(model, settings))
        for name, stock in stocks.items():
            value = _filled(model, name, settings.initial[name])
            stock.init_func = functools.partial(_given, value)

    def _stock(self, name: str) -> Any:
        python = next(made for written, made in self.model.namespace.items() if clean(written) == clean(name))
        found = self.model._stateful_elements.get(f"_integ_{python}")
        if found is None:
            raise InputError(f"backend pysd can't set the initial value of '{name}', which PySD defines in parts")
        return found

    def _stopped(self, error: Exception) -> Block:
        """PySD came to an end by an error (a division by zero is one in Python)."""
        kept, saves = len(self.experiment.kept), len(self.experiment.grid.saves)
        time = float(self.model.time())
        failures = Failures(np.array([len(self.experiment.program.states)]), np.array([time]))
        return Block(np.full((saves, kept, 1), np.nan), failures, f"PySD says: {type(error).__name__}: {error}")

    def _series(self, frame: Any) -> NDArray[np.float64]:
        found = {key_of(str(name)): i for i, name in enumerate(frame.columns)}
        values = frame.to_numpy(dtype=float)
        missing = [name for name in self.columns if key_of(name) not in found]
        if missing:
            raise InputError(f"PySD gives no '{missing[0]}'; leave it out, or take another backend")
        return values[:, [found[key_of(name)] for name in self.columns]].T

    def _failures(self, series: NDArray[np.float64]) -> Failures:
        """First saved time at which a stock or checked output is not finite (PySD shows no times in between)."""
        names = {state.name: i for i, state in enumerate(self.experiment.program.states)}
        kept, count = self.experiment.kept, len(names)
        good = np.isfinite(series)
        for row, name in enumerate(self.columns):
            if name not in names and not (row < len(kept) and self.check[row]):
                good[row] = True
        times = np.flatnonzero(~good.all(axis=0))
        if not len(times):
            return Failures.none(1)
        bad = [self.columns[row] for row in np.flatnonzero(~good[:, times[0]])]
        items = [names[name] if name in names else count + kept.index(name) for name in bad]
        return Failures(np.array([min(items)]), np.array([self.experiment.grid.times[times[0]]]))


def copy_model(model: Path, folder: Path) -> Path:
    """Copy a model file into `folder` and link what lies beside it (its data); gives the copy's path."""
    copy = folder / f"model{model.suffix}"
    shutil.copyfile(model, copy)
    for number, entry in enumerate(os.scandir(model.resolve().parent)):
        if number > _MOST_ENTRIES:
            break
        target = folder / entry.name
        if entry.name != model.name and not target.exists() and not entry.name.endswith(".py"):
            with contextlib.suppress(OSError):
                target.symlink_to(entry.path, target_is_directory=entry.is_dir())
    return copy


def _translate(copy: Path, shown: str) -> Any:
    import pysd

    read = pysd.read_vensim if copy.suffix.lower() == ".mdl" else pysd.read_xmile
    with _quiet():
        try:
            return read(str(copy))
        except Exception as error:  # PySD raises whatever its parser, NumPy or Python raise
            text = " ".join(str(error).split())[:200]
            raise InputError(
                f"{shown}: PySD can't read or translate this model ({type(error).__name__}: {text})"
            ) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True, slots=True)
class PysdSettings:
    """Changes of one run, in PySD's terms.

    Attributes
    ----------
    constants : dict of str to dict of str to (times, values)
        By variable, by element (empty for a scalar).
    tables : dict of str to (x, y)
    initial : dict of str to dict of str to float
        Stocks by element.
    """

    constants: Mapping[str, Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]]
    tables: Mapping[str, tuple[list[float], list[float]]]
    initial: Mapping[str, Mapping[str, float]]


def read_settings(experiment: Experiment, metadata: Metadata, number: int) -> PysdSettings:
    """Sort what an experiment changes in the run `number`."""
    program, inputs = experiment.program, experiment.inputs
    constants: dict[str, dict[str, Any]] = {}
    tables: dict[str, dict[float, float]] = {}
    initial: dict[str, dict[str, float]] = {}
    changed = {column.parameter for column in inputs.columns}
    touched = {metadata.point(program.parameters[i].name)[0] for i in changed} - {None}
    for index, parameter in enumerate(program.parameters):
        values = _course(inputs, index, number, experiment)
        table, point = metadata.point(parameter.name)
        base, elements = split_element(parameter.name)
        kind = getattr(metadata.find(parameter.name), "kind", "")
        if table is not None and table in touched:
            tables.setdefault(table, {})[float(point)] = float(values[1][0])
        elif index in changed and kind == "stock":
            initial.setdefault(base, {})[",".join(map(clean, elements))] = float(values[1][0])
        elif index in changed:
            constants.setdefault(base, {})[",".join(map(clean, elements))] = values
    curves = {name: (sorted(points), [points[x] for x in sorted(points)]) for name, points in tables.items()}
    return PysdSettings(constants, curves, initial)


def _course(
    inputs: Inputs, index: int, number: int, experiment: Experiment
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times and values of one parameter over a run: one of each, or one a step where it changes."""
    segments = inputs.segments(experiment.grid, number, number + 1)
    varying = inputs.varying
    values = [s.varying[varying.index(index), 0] if index in varying else s.values[index] for s in segments]
    if len(set(values)) == 1:
        return np.zeros(1), np.array(values[:1], dtype=float)
    steps = np.arange(experiment.grid.steps + 1, dtype=float)
    owner = np.searchsorted([s.first for s in segments], steps, side="right") - 1
    return experiment.grid.start + steps * experiment.grid.dt, np.array(values, dtype=float)[owner]


def _components(model: Any, settings: PysdSettings) -> dict[str, Any]:
    import pandas as pd

    made: dict[str, Any] = {}
    for name, given in settings.constants.items():
        whole = given.get("")
        if whole is not None:
            times, values = whole
            made[name] = float(values[0]) if len(values) == 1 else pd.Series(values, index=times)
        elif any(len(values) > 1 for _, values in given.values()):
            raise InputError(f"backend pysd can't change an element of the array '{name}' in the middle of a run")
        else:
            made[name] = _filled(model, name, {element: float(values[0]) for element, (_, values) in given.items()})
    for name, (x, y) in settings.tables.items():
        if split_element(name)[1]:
            raise InputError(f"backend pysd can't change the table or series '{name}' of an array")
        made[name] = pd.Series(y, index=x)
    return made


def _given(value: Any) -> Any:
    return value.copy() if hasattr(value, "copy") else value


def _filled(model: Any, name: str, given: Mapping[str, float]) -> Any:
    """A number, or the model's own array with some elements replaced."""
    if "" in given:
        return given[""]
    array = model[name].copy().astype(float)
    for elements, value in given.items():
        place = {}
        for dim, element in zip(array.dims, elements.split(","), strict=True):
            labels = [clean(str(label)) for label in array[dim].values]
            place[dim] = labels.index(element)
        array[place] = value
    return array
