"""Tables of a model's folder: rows of a CSV file, each with its place, checked cell by cell."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster_sd.errors import ModelError, unknown
from cluster_sd.model.text import read_text

__all__ = ["Row", "read_rows"]


@dataclass(frozen=True)
class Row:
    """One row: where it stands, and its cells by column, stripped."""

    file: Path
    line: int
    cells: dict[str, str]

    def error(self, message: str) -> ModelError:
        """An error that names this row."""
        return ModelError(message, self.file, self.line)

    def text(self, column: str, needed: bool = False) -> str:
        """A cell, empty if the file lacks the column."""
        value = self.cells.get(column, "")
        if needed and not value:
            raise self.error(f"column '{column}' is empty")
        return value

    def choice(self, column: str, choices: Sequence[str], default: str) -> str:
        """A cell that can only be one of some words; case doesn't count."""
        value = self.text(column).lower()
        if value and value not in choices:
            raise unknown(column, self.text(column), choices, f"{self.file}:{self.line}")
        return value or default

    def number(self, column: str) -> float | None:
        """A cell as a finite number, ``None`` if empty."""
        value = self.text(column)
        if not value:
            return None
        try:
            number = float(value) if "_" not in value else math.nan
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self.error(f"column '{column}' holds '{value}' where a number belongs")
        return number


def read_rows(path: Path, columns: Sequence[str], needed: Sequence[str]) -> Iterator[Row]:
    """The rows of a CSV file (UTF-8, with BOM, or GB18030) that has a header.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        The columns that it may have.
    needed : sequence of str
        Those that it must have.

    Raises
    ------
    ModelError
        If the file can't be read, or a row has more cells than the header.
    UnknownNameError
        If it has a column that nobody knows.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        header = [cell.strip().lower() for cell in next(reader)]
        _check(path, header, columns, needed)
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if len(cells) > len(header):
                raise ModelError(f"has {len(cells)} cells where the header has {len(header)}", path, reader.line_num)
            padded = cells + [""] * (len(header) - len(cells))
            yield Row(path, reader.line_num, dict(zip(header, padded, strict=True)))
    except csv.Error as error:
        raise ModelError(f"can't be read as CSV ({error})", path, reader.line_num) from None


def _check(path: Path, header: list[str], columns: Sequence[str], needed: Sequence[str]) -> None:
    for name in header:
        if name not in columns:
            raise unknown("column", name, columns, str(path))
        if header.count(name) > 1:
            raise ModelError(f"has the column '{name}' twice", path, 1)
    missing = [name for name in needed if name not in header]
    if missing:
        raise ModelError(f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}", path, 1)
