"""What the user asks, as changes: from ``--set``, dictionaries, tables of runs and scenario files alike."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.model.names import clean, split_time

#: Names of the dimension of a DataArray that count the runs and the time.
RUN, TIME = "run", "time"


@dataclass(frozen=True, slots=True)
class Change:
    """One name gets other values.

    Attributes
    ----------
    name : str
        As the user wrote it, without the year.
    time : float
        From when on; minus infinity for the whole run, its initial values included.
    values : array, shape (), (run,) or (element,)
        One number, one a run, or (where `spread`) one an element of an array or point of a table.
    where : str
        Where it was asked for, for messages.
    spread : bool
        Whether `values` runs over elements.
    lenient : bool
        Whether a time after the end of the run is no mistake (a scenario may be run to an earlier year).
    """

    name: str
    time: float
    values: NDArray[np.float64]
    where: str
    spread: bool = False
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """A variable that follows given values in place of its equation: linear between `times`, held beyond them.

    Attributes
    ----------
    name : str
    times : array, shape (time,)
        Increasing.
    values : array, shape (time,) or (run, time)
    where : str
    """

    name: str
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    where: str


@dataclass(frozen=True, slots=True)
class Design:
    """A table of runs.

    Attributes
    ----------
    runs : int
    changes : tuple of Change
    series : tuple of Series
    """

    runs: int
    changes: tuple[Change, ...]
    series: tuple[Series, ...] = ()


def _split(key: str) -> tuple[str, float]:
    name, time = split_time(key)
    return name, -math.inf if time is None else time


def parse_change(text: str, where: str = "--set") -> tuple[str, float]:
    """A setting ``Name=value`` or ``Name@2025=value``.

    >>> parse_change("Price floor@2025=0.4")
    ('Price floor@2025', 0.4)
    """
    key, equals, value = text.rpartition("=")
    if not equals or not key.strip():
        raise InputError(f'{where} \'{text}\' is no setting; write "Name=value" or "Name@2025=value"')
    return key.strip(), _number(value.strip(), f"{where} '{text}'")


def read_changes(
    changes: Mapping[str, Any] | Sequence[tuple[str, Any]] | None, where: str = "changes", *, lenient: bool = False
) -> tuple[Change, ...]:
    """Changes from a dictionary of names to numbers (lists for the elements of an array or the points of a table)."""
    if changes is None:
        return ()
    pairs: Sequence[tuple[str, Any]] = tuple(changes.items()) if isinstance(changes, Mapping) else changes
    for key, _ in pairs:
        if not isinstance(key, str):
            raise InputError(f"{where}: {key!r} is no name; names are text, as in {{'Price floor': 0.4}}")
    _check_names([key for key, _ in pairs], where, "name")
    made = []
    for key, value in pairs:
        name, time = _split(key)
        if np.ndim(value) == 0:
            number = np.asarray(_number(value, f"{where} '{key}'"))
            made.append(Change(name, time, number, f"{where} '{key}'", lenient=lenient))
        else:
            values = _numbers(value, f"{where} '{key}'", "element")
            made.append(Change(name, time, values.ravel(), f"{where} '{key}'", spread=True, lenient=lenient))
    return tuple(made)


def read_series(series: Mapping[str, Any] | None, times: Any = None) -> tuple[Series, ...]:
    """Series from a dictionary of names to ``{time: value}``, pairs of (times, values), pandas Series or DataArrays."""
    return tuple(_series(name, value, f"series '{name}'") for name, value in (series or {}).items())


def read_design(path: str | Path) -> Design:
    """A design from a CSV file: the first line names what changes, each further line is a run."""
    path = Path(path)
    text = _text(path)
    rows = csv.reader(io.StringIO(text), skipinitialspace=True)
    header = next(rows, None)
    if not header or not any(name.strip() for name in header):
        raise InputError(f"{path}: is empty; a design's first line names parameters, each further line is a run")
    names = [name.strip() for name in header]
    _check_names(names, str(path))
    values = _fast(text, len(names))
    if values is None:
        values = _slow(rows, names, path)
    if not len(values):
        raise InputError(f"{path}: has names but no runs; each further line is a run")
    return _from_columns({name: values[:, i] for i, name in enumerate(names)}, str(path), first_row=2)


def as_design(design: Any) -> Design:
    """A design from what a user has: a path, a DataFrame, a mapping of names to arrays or DataArrays, a Design."""
    if isinstance(design, Design):
        return design
    if isinstance(design, (str, Path)):
        return read_design(design)
    if isinstance(design, Mapping):
        _check_names([str(name) for name in design], "design")
        return _from_columns(dict(design), "design", first_row=0)
    if hasattr(design, "columns") and hasattr(design, "iloc"):
        names = [str(name) for name in design.columns]
        _check_names(names, "design")
        columns = {name: design.iloc[:, i].to_numpy() for i, name in enumerate(names)}
        return _from_columns(columns, "design", first_row=0, rows=len(design))
    raise InputError(
        f"a design is a DataFrame, a dictionary of arrays or the path of a CSV file, not {type(design).__name__}"
    )


def _check_names(names: Sequence[str], where: str, kind: str = "column") -> None:
    """Refuse names that are empty, or mean the same (case and kind of blanks don't count)."""
    seen: dict[tuple[str, float], str] = {}
    for number, name in enumerate(names, 1):
        if not name.strip():
            raise InputError(f"{where}: {kind} {number} has no name")
        plain, time = _split(name)
        other = seen.setdefault((clean(plain), time), name)
        if other is not name:
            raise InputError(f"{where}: {kind}s '{other}' and '{name}' are the same; keep one")


def _from_columns(columns: Mapping[str, Any], where: str, first_row: int, rows: int | None = None) -> Design:
    changes, series, lengths = [], [], {}
    for key, column in columns.items():
        place = f"{where}, column '{key}'"
        if hasattr(column, "dims"):
            made = _data_array(str(key), column, place)
            if isinstance(made, Series):
                series.append(made)
                if made.values.ndim == 2:
                    lengths[key] = made.values.shape[0]
                continue
            column = made
        name, time = _split(str(key))
        values = _numbers(column, place, "row", first_row)
        if values.ndim > 1:
            raise InputError(f"{place} has {values.ndim} dimensions; a column has one number a run")
        if values.ndim:
            lengths[key] = len(values)
        changes.append(Change(name, time, _narrow(values), place))
    runs = rows if rows is not None else next(iter(lengths.values()), 1)
    for key, length in lengths.items():
        if length != runs:
            raise InputError(f"{where}: column '{key}' has {length} runs, '{next(iter(lengths))}' has {runs}")
    if not runs:
        raise InputError(f"{where} has no runs")
    return Design(runs, tuple(changes), tuple(series))


def _narrow(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """One number where all runs have the same: what doesn't vary is computed once."""
    if values.ndim and len(values) and (values == values[0]).all():
        return np.asarray(values[0])
    return values


def _data_array(name: str, array: Any, where: str) -> Any:
    """A DataArray with times is a series, one without is a column."""
    if TIME not in array.dims:
        return array.values
    other = [dim for dim in array.dims if dim != TIME]
    if other not in ([], [RUN]):
        raise InputError(
            f"{where} has dimensions {', '.join(map(str, array.dims))}; a series has 'time', or 'run' and 'time'"
        )
    if TIME not in array.coords:
        raise InputError(f"{where} has no coordinate 'time' that says when its values hold")
    values = array.transpose(*other, TIME).values
    return _series(name, (array[TIME].values, values), where)


def _series(name: str, given: Any, where: str) -> Series:
    if hasattr(given, "dims"):
        made = _data_array(name, given, where)
        if isinstance(made, Series):
            return made
        raise InputError(f"{where} has no dimension 'time'")
    if isinstance(given, Mapping):
        given = (list(given), list(given.values()))
    elif hasattr(given, "index") and hasattr(given, "to_numpy"):
        given = (given.index.to_numpy(), given.to_numpy())
    if not isinstance(given, Sequence) or len(given) != 2:
        raise InputError(f"{where}: give a dictionary of times to values, (times, values), or a DataArray over 'time'")
    times = _numbers(given[0], f"{where}, times", "place")
    values = _numbers(given[1], where, "place")
    if times.ndim != 1 or not len(times) or values.ndim not in (1, 2) or values.shape[-1] != len(times):
        raise InputError(f"{where}: {values.shape} values for {times.shape} times; there must be a value for each time")
    if not (np.diff(times) > 0).all():
        raise InputError(f"{where}: its times must increase")
    return Series(name, times, values, where)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except OSError as error:
        raise InputError(f"{path}: can't be read: {error.strerror or error}") from None
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError(f"{path}: is not a text file; a design is CSV in UTF-8 or GB18030")


def _fast(text: str, width: int) -> NDArray[np.float64] | None:
    """A table of plain numbers, read at once; None where anything is out of order, for :func:`_slow` to say what."""
    if not text[text.find("\n") + 1 :].strip() or "\n" not in text:
        return np.empty((0, width))
    lines = itertools.islice(io.StringIO(text), 1, None)
    try:
        values = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2, quotechar='"')
    except (ValueError, IndexError):
        return None
    return values if values.shape[1] == width and np.isfinite(values).all() else None


def _slow(rows: Iterable[list[str]], names: Sequence[str], path: Path) -> NDArray[np.float64]:
    table = []
    for line, row in enumerate(rows, 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(names):
            raise InputError(f"{path}, row {line}: has {len(row)} values for {len(names)} columns")
        table.append(
            [
                _number(cell.strip(), f"{path}, row {line}, column '{name}'")
                for cell, name in zip(row, names, strict=True)
            ]
        )
    return np.array(table).reshape(len(table), len(names))


def _number(value: Any, where: str) -> float:
    if isinstance(value, str) and not value.strip():
        raise InputError(f"{where} is empty; a number belongs there")
    try:
        number = float("" if isinstance(value, str) and "_" in value else value)  # Python reads 1_000
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{where}: {value!r} is not a number") from None
    if not math.isfinite(number):
        raise InputError(f"{where}: {value!r} can't be used; a finite number belongs there")
    return number


def _numbers(values: Any, where: str, counted: str, first: int = 0) -> NDArray[np.float64]:
    """An array of finite numbers; what isn't one is named with its place."""
    array = np.asarray(values)
    if array.dtype.kind in "fiub":
        made = np.asarray(array, dtype=float)
    else:
        flat = [_number(v, f"{where}, {counted} {i}") for i, v in enumerate(np.ravel(array).tolist(), first)]
        made = np.array(flat).reshape(array.shape)
    bad = ~np.isfinite(made)
    if bad.any():
        place = np.argwhere(bad)[0]
        raise InputError(
            f"{where}, {counted} {', '.join(str(i + first) for i in place)}: {made[tuple(place)]} can't be used; "
            f"a finite number belongs there"
        )
    return made
