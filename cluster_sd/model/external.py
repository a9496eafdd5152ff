"""Data that a model names: cells, rows, columns and named ranges of csv, tab and spreadsheet files beside it.

Meaning as in Vensim's GET DIRECT and GET XLS and in PySD 3.14 where that reads them. Rows and columns count from the
file's first cell, blank lines included. A series is without the places at which its x is empty; an empty y is filled
by the variable's own interpolation (``raw`` leaves it missing); a constant may not be empty. Files are read from the
model's folder and below, from elsewhere only with ``allow_outside``.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import ModelError, unknown
from cluster_sd.model.text import read_text

__all__ = ["INTERPOLATIONS", "find_data", "read_block", "read_labels", "read_series"]

#: Ways to fill what is missing between points.
INTERPOLATIONS = ("interpolate", "look_forward", "hold_backward", "raw")

_MISSING = {"", "#n/a", "n/a", "na", "nan", "null", "none", "<na>", ":na:", "#n/a n/a", "-nan"}
_CELL = re.compile(r"\$?([A-Za-z]{1,3})\$?([1-9]\d*)")

Floats = NDArray[np.float64]


def read_series(
    folder: Path,
    file: str,
    tab: str,
    x_row_or_col: str,
    cell: str,
    size: int = 1,
    interpolation: str = "interpolate",
    allow_outside: bool = False,
) -> tuple[Floats, Floats]:
    """A series, or several over the same x, as GET DIRECT DATA and GET DIRECT LOOKUPS mean it.

    Parameters
    ----------
    folder : Path
        The model's folder.
    file, tab : str
        File as the model names it; sheet of a spreadsheet or separator of a text file.
    x_row_or_col : str
        Row (``"4"``), column (``"B"``) or named range that holds x.
    cell : str
        First cell of y, or named range that holds it.
    size : int
        How many series lie side by side.
    interpolation : str
        One of `INTERPOLATIONS`: how an empty y is filled.
    allow_outside : bool
        Read files outside `folder` too.

    Returns
    -------
    x : (n,) array
        Strictly increasing.
    y : (n, size) array
        NaN where nothing is known of a series, or where it is missing and `interpolation` is ``raw``.

    Raises
    ------
    ModelError
        Naming file, sheet and cell.
    """
    sheet = _open(folder, file, tab, allow_outside)
    first = _cell(cell)
    if first is None:
        x_area, y_area = sheet.named(x_row_or_col), sheet.named(cell)
        if x_area.shape[0] > 1 and x_area.shape[1] > 1:
            raise sheet.error(f"range '{x_row_or_col}' is a table where one row or column belongs")
        across = x_area.shape[1] > 1
    else:
        across = x_row_or_col.strip().isdigit()
        x_area, y_area = _series_areas(sheet, x_row_or_col.strip(), first, size, across)
    x = sheet.numbers(x_area, text_is_missing=True).ravel()
    if y_area.shape != ((size, len(x)) if across else (len(x), size)):
        lies = f"{size} × {len(x)}" if across else f"{len(x)} × {size}"
        raise sheet.error(f"'{cell}' is {y_area.rows} × {y_area.columns} cells where {lies} belong")
    known = ~np.isnan(x)
    y = sheet.numbers(y_area, where=known if across else known[:, None])
    y = y.T if across else y
    return _tidy(sheet, x[known], y[known], f"{x_row_or_col}, {cell}", interpolation)


def read_block(
    folder: Path, file: str, tab: str, cell: str, shape: Sequence[int] = (), allow_outside: bool = False
) -> Floats:
    """Constants, as GET DIRECT CONSTANTS means them.

    Parameters
    ----------
    folder, file, tab, allow_outside
        As in `read_series`.
    cell : str
        First cell or named range; ``*`` at its end: the cells lie transposed.
    shape : sequence of int
        Lengths of the variable's dimensions; at most two longer than 1. One dimension lies along a row, with ``*``
        along a column.

    Returns
    -------
    array of `shape`

    Raises
    ------
    ModelError
        Naming file, sheet and cell; also for an empty cell or a text.
    """
    sheet = _open(folder, file, tab, allow_outside)
    long = [n for n in shape if n > 1]
    if len(long) > 2:
        raise sheet.error(f"'{cell}': at most two dimensions can be read at once, here are {len(long)}")
    rows, columns = [1] * (2 - len(long)) + long
    transposed = cell.strip().endswith("*") and rows * columns > 1
    cell = cell.strip().rstrip("*").strip()
    if transposed:
        rows, columns = columns, rows
    first = _cell(cell)
    area = _Area(first[0], first[1], rows, columns) if first else sheet.named(cell)
    if area.shape != (rows, columns):
        raise sheet.error(f"'{cell}' is {area.rows} × {area.columns} cells where {rows} × {columns} belong")
    values = sheet.numbers(area)
    empty = np.argwhere(np.isnan(values))
    if len(empty):
        row, column = map(int, empty[0])
        raise sheet.error("is empty where a constant belongs", area.row + row, area.column + column)
    return (values.T if transposed else values).reshape(tuple(shape))


def read_labels(
    folder: Path, file: str, tab: str, first: str, last: str = "", prefix: str = "", allow_outside: bool = False
) -> tuple[str, ...]:
    """Names of subscripts, as GET DIRECT SUBSCRIPT means them.

    Parameters
    ----------
    folder, file, tab, allow_outside
        As in `read_series`.
    first : str
        First cell, or named range.
    last : str
        Last cell, last row (``"9"``), last column (``"C"``), or nothing: to the end.
    prefix : str
        Put before each.

    Returns
    -------
    tuple of str
        Row by row, empty cells left out.
    """
    sheet = _open(folder, file, tab, allow_outside)
    start, last = _cell(first), last.strip()
    if start is None:
        area = sheet.named(first)
    else:
        end = _cell(last)
        row = end[0] if end else int(last) - 1 if last.isdigit() else sheet.height - 1
        column = end[1] if end else _column(last) if last and not last.isdigit() else sheet.width - 1
        area = _Area(start[0], start[1], max(row - start[0] + 1, 0), max(column - start[1] + 1, 0))
    labels = tuple(prefix + _label(value) for line in sheet.cells(area) for value in line if not _is_missing(value))
    if not labels:
        raise sheet.error(f"'{first}' holds no subscript")
    return labels


@dataclass(frozen=True)
class _Area:
    """Cells from ``row, column`` (both from 0)."""

    row: int
    column: int
    rows: int
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.columns


@dataclass(frozen=True)
class _Sheet:
    """One sheet's cells as read, and the named ranges of its file."""

    path: Path
    name: str
    grid: tuple[tuple[Any, ...], ...]
    ranges: dict[str, _Area]

    @property
    def height(self) -> int:
        return len(self.grid)

    @property
    def width(self) -> int:
        return max(map(len, self.grid), default=0)

    def error(self, message: str, row: int | None = None, column: int | None = None) -> ModelError:
        where = f"sheet '{self.name}', " if self.name else ""
        cell = "" if row is None or column is None else f"cell {_letters(column)}{row + 1} "
        return ModelError(f"{where}{cell}{message}", self.path)

    def named(self, name: str) -> _Area:
        area = self.ranges.get(name.strip().lower())
        if area is None:
            raise unknown("cell or named range", name, self.ranges, f"{self.path}, sheet '{self.name}'")
        return area

    def cells(self, area: _Area) -> list[list[Any]]:
        lines = self.grid[area.row : area.row + area.rows]
        width = area.column + area.columns
        out = [list(line[area.column : width]) + [None] * (width - max(len(line), area.column)) for line in lines]
        return out + [[None] * area.columns for _ in range(area.rows - len(out))]

    def numbers(self, area: _Area, where: Any = True, text_is_missing: bool = False) -> Floats:
        """The cells of `area` as numbers, NaN where empty; a text is an error where `where` holds."""
        if area.row >= self.height or area.column >= self.width:
            raise self.error("is beyond the end of the data", area.row, area.column)
        values = np.full(area.shape, np.nan)
        checked = np.broadcast_to(where, area.shape)
        for i, line in enumerate(self.cells(area)):
            for j, value in enumerate(line):
                number = _number(value)
                if number is not None:
                    values[i, j] = number
                elif checked[i, j] and not text_is_missing:
                    raise self.error(f"holds '{value}' where a number belongs", area.row + i, area.column + j)
        return values


def _series_areas(sheet: _Sheet, x: str, first: tuple[int, int], size: int, across: bool) -> tuple[_Area, _Area]:
    row, column = first
    if across:
        count = max(sheet.width - column, 1)
        return _Area(int(x) - 1, column, 1, count), _Area(row, column, size, count)
    if not re.fullmatch(r"[A-Za-z]{1,3}", x):
        raise sheet.error(f"'{x}' is neither a row nor a column")
    count = max(sheet.height - row, 1)
    return _Area(row, _column(x), count, 1), _Area(row, column, count, size)


def _tidy(sheet: _Sheet, x: Floats, y: Floats, place: str, interpolation: str) -> tuple[Floats, Floats]:
    """In order of x, missing y filled."""
    if interpolation not in INTERPOLATIONS:
        raise unknown("interpolation", interpolation, INTERPOLATIONS)
    if not len(x):
        raise sheet.error(f"'{place}' holds no point")
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    twice = x[1:][np.diff(x) == 0]
    if len(twice):
        raise sheet.error(f"'{place}' holds {twice[0]:.10g} twice")
    if interpolation != "raw":
        for column in y.T:
            _fill(x, column, interpolation)
    return x, y


def _fill(x: Floats, y: Floats, interpolation: str) -> None:
    """Fill NaN of `y` in place; beyond the known points the nearest one holds."""
    gap = np.isnan(y)
    if gap.all() or not gap.any():
        return
    known_x, known_y = x[~gap], y[~gap]
    if interpolation == "interpolate":
        y[gap] = np.interp(x[gap], known_x, known_y)
        return
    after = np.searchsorted(known_x, x[gap])
    index = after if interpolation == "look_forward" else after - 1
    y[gap] = known_y[np.clip(index, 0, len(known_x) - 1)]


def _open(folder: Path, file: str, tab: str, allow_outside: bool) -> _Sheet:
    path = find_data(folder, file, allow_outside)
    status = path.stat()
    return _read(path, tab, status.st_mtime_ns, status.st_size)


def find_data(folder: Path, file: str, allow_outside: bool = False) -> Path:
    """The file that a model names, links resolved.

    Raises
    ------
    ModelError
        If it lies outside the model's folder, or is a tag that Vensim asks its user about.
    UnknownNameError
        If there is no such file; close names are suggested.
    """
    name = file.strip().replace("\\", "/")
    if name.startswith("?"):
        message = f"'{file}' is a tag that Vensim asks its user about; write the file's name into the model"
        raise ModelError(message, folder)
    home = folder.resolve()
    path = (home / name).resolve()
    outside = not path.is_relative_to(home) or re.match(r"[A-Za-z]:/", name) is not None
    if outside and not allow_outside:
        raise ModelError(
            f"'{file}' lies outside the model's folder; copy it there or allow data from outside (--allow-outside)",
            folder / name,
        )
    if not path.is_file():
        there = [p.name for p in path.parent.iterdir() if p.is_file()] if path.parent.is_dir() else []
        raise unknown("data file", file, sorted(n for n in there if Path(n).suffix.lower() in _KINDS), str(folder))
    return path


@lru_cache(maxsize=32)
def _read(path: Path, tab: str, changed: int, size: int) -> _Sheet:
    """One sheet; `changed` and `size` make a changed file be read again."""
    kind = path.suffix.lower()
    if kind not in _KINDS:
        raise ModelError(f"is of no kind that can be read ({', '.join(_KINDS)})", path)
    return _KINDS[kind](path, tab)


def _read_text(path: Path, tab: str) -> _Sheet:
    separator = tab if tab.strip() and not tab[0].isalnum() else "," if path.suffix.lower() == ".csv" else "\t"
    if tab.strip().lower() in ("\\t", "tab"):
        separator = "\t"
    text = read_text(path)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator[0])
    try:
        return _Sheet(path, "", tuple(tuple(row) for row in rows), {})
    except csv.Error as error:
        raise ModelError(f"can't be read as a table ({error})", path) from None


def _read_xlsx(path: Path, tab: str) -> _Sheet:
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        except Exception as error:  # openpyxl lets zip, XML and key errors through
            raise ModelError(f"can't be read as a spreadsheet ({type(error).__name__})", path) from None
        try:
            name = _sheet_name(path, tab, book.sheetnames)
            sheet = book[name]
            grid = tuple(tuple(row) for row in sheet.iter_rows(values_only=True))
            defined = {**dict(book.defined_names.items()), **dict(sheet.defined_names.items())}
            ranges = {key.lower(): _destination(item, name) for key, item in defined.items()}
        finally:
            book.close()
    return _Sheet(path, name, grid, {key: area for key, area in ranges.items() if area})


def _destination(defined: Any, sheet: str) -> _Area | None:
    """The cells of a named range if they lie on `sheet`."""
    for where, cells in defined.destinations:
        ends = [_cell(part) for part in cells.split(":")]
        if where.lower() == sheet.lower() and ends[0] and ends[-1]:
            (top, left), (bottom, right) = ends[0], ends[-1]
            return _Area(top, left, bottom - top + 1, right - left + 1)
    return None


def _read_xls(path: Path, tab: str) -> _Sheet:
    import xlrd

    try:
        book = xlrd.open_workbook(str(path))
    except Exception as error:  # xlrd lets struct and assertion errors through
        raise ModelError(f"can't be read as a spreadsheet ({type(error).__name__})", path) from None
    name = _sheet_name(path, tab, book.sheet_names())
    sheet = book.sheet_by_name(name)
    grid = tuple(tuple(sheet.row_values(i)) for i in range(sheet.nrows))
    ranges = {}
    for defined in book.name_obj_list:
        try:
            found, top, bottom, left, right = defined.area2d()
        except Exception:  # a name that is no range (a formula, a lost reference)
            continue
        if found.name == name:
            ranges[defined.name.lower()] = _Area(top, left, bottom - top, right - left)
    return _Sheet(path, name, grid, ranges)


_KINDS = {
    ".csv": _read_text,
    ".txt": _read_text,
    ".tab": _read_text,
    ".tsv": _read_text,
    ".dat": _read_text,
    ".xlsx": _read_xlsx,
    ".xlsm": _read_xlsx,
    ".xls": _read_xls,
}


def _sheet_name(path: Path, tab: str, names: Sequence[str]) -> str:
    """The sheet that the model names; case doesn't count."""
    for name in names:
        if name.lower() == tab.strip().lower():
            return name
    raise unknown("sheet", tab, names, str(path))


def _cell(text: str) -> tuple[int, int] | None:
    """Row and column, from 0, of ``"B12"``; nothing if it is no cell."""
    found = _CELL.fullmatch(text.strip())
    return (int(found.group(2)) - 1, _column(found.group(1))) if found else None


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def _letters(column: int) -> str:
    text, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def _is_missing(value: Any) -> bool:
    return value is None or value != value or (isinstance(value, str) and value.strip().lower() in _MISSING)


def _number(value: Any) -> float | None:
    """A cell as a number: NaN if empty, nothing if it is a text."""
    if _is_missing(value):
        return float("nan")
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and "_" not in value:
        try:
            return float(value)
        except ValueError:
            return None
    return None


def _label(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
