"""Results: arrays with their names and units, and the datasets that are made of them.

An element of an array variable is a variable of its own, ``Name[element]``: a result has the same names as a CSV file,
a design and ``--set``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, slots=True)
class RunArrays:
    """One run.

    Attributes
    ----------
    times : array, shape (time,)
    names : tuple of str
        Variables, as in the model file.
    values : array, shape (time, variable)
    units, documentation : tuple of str
        Of each variable; empty where the model file has none.
    time_unit : str
    settings : dict
        What was used: solver, backend, time_step, start, stop, save_every, scenario, seed.
    """

    times: NDArray[np.float64]
    names: tuple[str, ...]
    values: NDArray[np.float64]
    units: tuple[str, ...]
    documentation: tuple[str, ...]
    time_unit: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def to_dataset(self) -> xarray.Dataset:
        """Dataset with dimension ``time`` and a variable for each name."""
        import xarray

        data = {
            name: ("time", self.values[:, i], _attributes(self.units[i], self.documentation[i]))
            for i, name in enumerate(self.names)
            if name != "time"
        }
        coords = {"time": ("time", self.times, _attributes(self.time_unit, "Time"))}
        return xarray.Dataset(data, coords, plain_settings(self.settings))


@dataclass(frozen=True, slots=True)
class EnsembleArrays:
    """Many runs.

    Attributes
    ----------
    measures : tuple of str
        As they were asked for.
    values : dict of str to array, shape (run,) or (run, time)
        Of each measure; NaN in runs that failed.
    times : array, shape (time,)
        Saved times, for measures that are series.
    failed : array of bool, shape (run,)
    failed_variable : array of str, shape (run,)
        First variable that was not finite; empty where the run did not fail.
    failed_time : array, shape (run,)
        First time at which it was not; NaN where the run did not fail.
    units, documentation : tuple of str
        Of each measure.
    time_unit : str
    settings : dict
        What was used: solver, backend, time_step, start, stop, save_every, scenario, seed, threads.
    """

    measures: tuple[str, ...]
    values: Mapping[str, NDArray[np.float64]]
    times: NDArray[np.float64]
    failed: NDArray[np.bool_]
    failed_variable: NDArray[np.object_]
    failed_time: NDArray[np.float64]
    units: tuple[str, ...]
    documentation: tuple[str, ...]
    time_unit: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        """Number of runs."""
        return len(self.failed)

    def to_dataset(self) -> xarray.Dataset:
        """Dataset with dimensions ``run`` and, where a measure is a series, ``time``."""
        import xarray

        data: dict[str, Any] = {}
        for i, name in enumerate(self.measures):
            values = self.values[name]
            dims = ("run", "time") if values.ndim == 2 else ("run",)
            data[name] = (dims, values, _attributes(self.units[i], self.documentation[i]))
        data["failed"] = ("run", self.failed, _attributes("", "Whether the run failed; it has no results then"))
        data["failed_variable"] = ("run", self.failed_variable, _attributes("", "First variable that was not finite"))
        data["failed_time"] = (
            "run",
            self.failed_time,
            _attributes(self.time_unit, "First time at which it was not finite"),
        )
        coords: dict[str, Any] = {"run": ("run", np.arange(self.runs), _attributes("", "Number of the run"))}
        if any(values.ndim == 2 for values in self.values.values()):
            coords["time"] = ("time", self.times, _attributes(self.time_unit, "Time"))
        return xarray.Dataset(data, coords, plain_settings(self.settings))


def _attributes(unit: str, documentation: str) -> dict[str, str]:
    attributes = {"units": unit, "documentation": documentation}
    return {key: text for key, text in attributes.items() if text}


def plain_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that a NetCDF file can hold as attributes; without what results don't depend on."""
    return {key: value for key, value in settings.items() if value is not None and key != "threads"}
