"""Files of statistics as plain tables of text, each row with its number: CSV in three encodings, and Excel."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster_sd.errors import InputError, ModelError
from cluster_sd.model.text import decode

__all__ = ["Sheet", "read_sheets"]

_MAX_BYTES = 50_000_000
_DELIMITERS = (",", "\t", ";", "，")


@dataclass(frozen=True)
class Sheet:
    """One table: a CSV file, or a sheet of a workbook.

    Attributes
    ----------
    file : Path
    name : str
        Of the sheet; empty for CSV.
    rows : tuple of (int, tuple of str)
        Number of the row in the file, from 1, and its cells, stripped. Blank rows are left out.
    """

    file: Path
    name: str
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def read_sheets(path: Path) -> tuple[Sheet, ...]:
    """The tables of a file.

    Raises
    ------
    InputError
        If it is missing, empty, no CSV in UTF-8, UTF-8 with BOM or GB18030, and no workbook.
    """
    data = _bytes(path)
    if data.startswith(b"PK\x03\x04"):
        sheets = tuple(_workbook(path, data))
    elif data.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(f"{path}: is a workbook of the old kind (.xls); save it as .xlsx or CSV")
    else:
        sheets = (Sheet(path, "", tuple(_csv(path, _text(path, data)))),)
    if not any(sheet.rows for sheet in sheets):
        raise InputError(f"{path}: is empty; a row of headers and some rows of numbers are needed")
    return tuple(sheet for sheet in sheets if sheet.rows)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path}: is larger than 50 MB: that is no table of county statistics")
        data = path.read_bytes()
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name a file of statistics in it") from None
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except OSError as error:
        raise InputError(f"{path}: can't be read: {error.strerror or error}") from None
    if not data.strip():
        raise InputError(f"{path}: is empty; a row of headers and some rows of numbers are needed")
    return data


def _text(path: Path, data: bytes) -> str:
    """The text of a CSV file; one that is neither UTF-8 nor Chinese in GB18030 is refused, never guessed at."""
    try:
        text = decode(data, path)
    except ModelError:
        raise InputError(f"{path}: is no table; statistics are CSV (UTF-8 or GB18030) or .xlsx") from None
    if text.isascii() or _is(data, "utf-8") or data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return text
    if not _is(data, "gb18030") or text.encode("gb18030", "replace") != data.replace(b"\r\n", b"\n").replace(
        b"\r", b"\n"
    ):
        raise InputError(f"{path}: is neither UTF-8 nor GB18030; save it as CSV UTF-8")
    return text


def _is(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _csv(path: Path, text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    first = next(line for line in text.splitlines() if line.strip())
    delimiter = max(_DELIMITERS, key=lambda sign: (first.count(sign), sign == ","))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begun = 1
    try:
        for cells in reader:
            stripped = tuple(cell.replace("\ufeff", "").strip() for cell in cells)
            if any(stripped):
                yield begun, stripped
            begun = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}, row {begun}: can't be read as CSV ({error})") from None


def _workbook(path: Path, data: bytes) -> Iterator[Sheet]:
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and checks that openpyxl leaves out
            shown = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
            written = openpyxl.load_workbook(io.BytesIO(data))
    except Exception:  # zip, xml and openpyxl each raise their own
        raise InputError(f"{path}: can't be read as a workbook (.xlsx)") from None
    for sheet in shown.worksheets:
        if sheet.sheet_state == "visible":
            yield Sheet(path, sheet.title, tuple(_cells(path, sheet, written[sheet.title])))


def _cells(path: Path, sheet: Any, written: Any) -> Iterator[tuple[int, tuple[str, ...]]]:
    merged = {
        (row, found.min_col): sheet.cell(found.min_row, found.min_col)
        for found in sheet.merged_cells.ranges
        if found.min_col == found.max_col  # one place for several rows; a title over columns stays where it is
        for row in range(found.min_row + 1, found.max_row + 1)
    }
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        texts = []
        for column, cell in enumerate(cells, start=1):
            shown = merged.get((number, column), cell)
            if shown.value is None and written.cell(number, column).data_type == "f":
                raise InputError(
                    f"{path}, sheet {sheet.title}, row {number}, column {cell.column_letter}: "
                    "holds a formula that was never calculated; open and save the file in a spreadsheet program"
                )
            texts.append(_shown(shown))
        if any(texts):
            yield number, tuple(texts)


def _shown(cell: Any) -> str:
    """A cell as a reader sees it: dates as dates, per cent as per cent, whole numbers without a point."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        if "%" in (cell.number_format or ""):
            return f"{value * 100:.12g}%"
        return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    return " ".join(str(value).split())
