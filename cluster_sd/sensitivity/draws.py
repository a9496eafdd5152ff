"""What is still uncertain after calibration: draws of a posterior stand in for the ranges of its parameters.

A posterior's parameters go together, so they are one factor here: its coordinate picks a draw, and every parameter of
the posterior takes its value from that draw. The factor is independent of all others, as variance-based indices need.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.distributions import Distribution
from cluster_sd.errors import InputError, unknown
from cluster_sd.model.names import clean
from cluster_sd.sensitivity.problem import Factor, Group, Problem
from cluster_sd.sensitivity.sampling import Sample

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["POSTERIOR", "Drawn", "Draws", "drawn", "find_posterior", "read_draws", "with_draws"]

Floats = NDArray[np.float64]

#: Name of the factor that picks a draw, and of the file in a model's folder that holds draws.
POSTERIOR, FILE = "posterior", "posterior.csv"
#: Columns of ArviZ's files that are no parameters.
_COUNTED = ("chain", "draw")


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws of a posterior.

    Attributes
    ----------
    columns : tuple of str
        Parameters, named as the columns of a design.
    values : array, shape (draw, column)
    source : str
        File that they come from.
    """

    columns: tuple[str, ...]
    values: Floats
    source: str = ""


def find_posterior(model: Model, over: str) -> Path:
    """The file that ``--over`` means: ``posterior`` is ``posterior.csv`` in the model's folder; else a file or folder.

    Raises
    ------
    InputError
        Where there is none: what makes it.
    """
    folder = model.path.parent
    made_by = f"'cluster-sd calibrate {model.name} --data F --out DIR' makes DIR/posterior.nc: then --over DIR"
    if over == POSTERIOR:
        if not (folder / FILE).is_file():
            raise InputError(f"--over posterior: {folder} has no {FILE}; {made_by}")
        return folder / FILE
    path = Path(over)
    for found in (path, path / "posterior.nc", path / FILE):
        if found.is_file():
            return found
    raise InputError(f"--over {over}: holds no posterior; {made_by}")


def read_draws(model: Model, path: Path) -> Draws:
    """Draws from ``posterior.nc`` (ArviZ, group ``posterior``) or a CSV file with a column a parameter.

    Raises
    ------
    InputError
        For a file that can't be read, a column that is no parameter of the model, and a value that is no number.
    """
    table = _read_netcdf(path) if path.suffix.lower() == ".nc" else _read_csv(path)
    known = {clean(p.name): p.name for p in model.program.parameters}
    columns = []
    for name in table:
        plain = name.partition("@")[0]
        if clean(plain) not in known and clean(name) not in known:
            raise unknown("parameter", name, known.values(), str(path))
        columns.append(name)
    values = np.column_stack(list(table.values())) if table else np.empty((0, 0))
    if not values.size:
        raise InputError(f"{path}: holds no draws")
    if not np.isfinite(values).all():
        raise InputError(f"{path}: holds values that are not finite; draws of a posterior are numbers")
    return Draws(tuple(columns), values, str(path))


def _read_csv(path: Path) -> dict[str, Floats]:
    from cluster_sd.simulate.design import read_design

    made = read_design(path)
    names = (c.name if not np.isfinite(c.time) else f"{c.name}@{c.time:.10g}" for c in made.changes)
    return {name: np.broadcast_to(c.values, made.runs) for name, c in zip(names, made.changes, strict=True)}


def _read_netcdf(path: Path) -> dict[str, Floats]:
    import xarray

    try:
        data = xarray.load_dataset(path, group="posterior", engine="netcdf4")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: can't be read as a posterior of ArviZ ({error})") from None
    found: dict[str, Floats] = {}
    for key, array in data.data_vars.items():
        if set(array.dims) == set(_COUNTED):
            name = str(array.attrs.get("name", key))
            found[name] = np.asarray(array.transpose(*_COUNTED).values, dtype=float).reshape(-1)
    return found


def with_draws(problem: Problem, draws: Draws) -> Problem:
    """The problem with one factor, ``posterior``, in place of all that the draws hold."""
    held = {clean(column.partition("@")[0]) for column in draws.columns}
    kept = [i for i, f in enumerate(problem.factors) if clean(f.column.partition("@")[0]) not in held]
    place = {old: new for new, old in enumerate(kept)}
    factors = (*(problem.factors[i] for i in kept), Factor(POSTERIOR, POSTERIOR, Distribution("uniform", 0.0, 1.0)))
    groups = [
        Group(group.name, members)
        for group in problem.groups
        if (members := tuple(place[i] for i in group.members if i in place))
    ]
    note = (
        f"{len(draws.columns)} calibrated parameters vary together over {len(draws.values):,} draws of their posterior"
        f" ({Path(draws.source).name}); '{POSTERIOR}' is what they matter together"
    )
    return Problem(factors, (*groups, Group(POSTERIOR, (len(kept),))), (*problem.notes, note))


@dataclass(frozen=True, eq=False)
class Drawn(Sample):
    """A sample of a problem with the factor ``posterior``, whose rows hold the parameters of a draw in its place."""

    draws: Draws = field(default_factory=lambda: Draws((), np.empty((0, 0))))

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the design: the problem's but ``posterior``, then those of the draws."""
        return (*self.problem.columns[:-1], *self.draws.columns)

    def physical(self, start: int = 0, stop: int | None = None) -> Floats:
        """Values of all columns; shape (rows, column), each column contiguous."""
        values = self.problem.physical(self.unit(start, stop))
        count = len(self.draws.values)
        pick = np.minimum((values[:, -1] * count).astype(np.intp), count - 1)
        return np.asfortranarray(np.hstack([values[:, :-1], self.draws.values[pick]]))

    def design(self, start: int = 0, stop: int | None = None) -> dict[str, Floats]:
        """The same rows as columns for ``model.ensemble_arrays``."""
        values = self.physical(start, stop)
        return {column: values[:, i] for i, column in enumerate(self.columns)}


def drawn(sample: Sample, draws: Draws | None) -> Sample:
    """The sample with its draws; as it is where there are none."""
    if draws is None:
        return sample
    parts: dict[str, Any] = {name: getattr(sample, name) for name in Sample.__dataclass_fields__}
    return Drawn(**parts, draws=draws)
