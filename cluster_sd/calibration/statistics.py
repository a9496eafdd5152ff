"""Statistics as they were printed: one frozen row a number, with the place where it stands in its file.

Nothing here knows a model: units are text, and a value is what the file says, in the file's unit. What a row means for
a model is `cluster_sd.calibration.observation`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster_sd.errors import InputError

__all__ = ["RELATIONS", "Broken", "Statistic", "Statistics", "Unused"]

#: How a number can stand to the truth, as column ``relation`` writes it.
RELATIONS = ("=", ">=", "<=", "~")


@dataclass(frozen=True)
class Statistic:
    """One number from one source.

    Attributes
    ----------
    place, variable, unit, source, reliability, note : str
        As in the file, stripped.
    start, end : float
        The time or, for a mean over several years, the first and the last of them.
    low, high : float
        The value; its two ends where a range is given. A bound (``>=``, ``<=``) is both:
        `relation` says which side is open.
    digit : float
        Unit of the last digit that was printed (``28.5`` 万亩: 0.1 in that unit); 0 where that says nothing.
    relation : str
        One of `RELATIONS`. A range has ``=`` and ``low < high``.
    file : Path
    sheet : str
        Of a workbook, else empty.
    row : int
        Row in the file, from 1.
    column : str
        Name of the column that the value stands in.
    """

    place: str
    variable: str
    start: float
    end: float
    low: float
    high: float
    unit: str
    relation: str = "="
    digit: float = 0.0
    source: str = ""
    reliability: str = ""
    note: str = ""
    file: Path = Path()
    sheet: str = ""
    row: int = 0
    column: str = "value"

    @property
    def time(self) -> float:
        """The time; the middle of several years."""
        return (self.start + self.end) / 2

    @property
    def value(self) -> float:
        """The value; the middle of a range."""
        return (self.low + self.high) / 2

    @property
    def is_range(self) -> bool:
        """Whether two ends were given."""
        return self.high > self.low

    @property
    def where(self) -> str:
        """File, sheet and row for a message: ``county.csv, row 12``."""
        sheet = f", sheet {self.sheet}" if self.sheet else ""
        return f"{self.file}{sheet}, row {self.row}"

    def error(self, message: str, column: str = "") -> InputError:
        """An error that names this row and column."""
        return InputError(f"{self.where}, column '{column or self.column}': {message}")


@dataclass(frozen=True)
class Unused:
    """A row that says nothing to the model, and why.

    Attributes
    ----------
    file, sheet, row
        As in :class:`Statistic`.
    place, variable, time : str
        As in the file.
    reason : str
        One line.
    """

    file: Path
    sheet: str
    row: int
    place: str
    variable: str
    time: str
    reason: str


@dataclass(frozen=True)
class Broken(Unused):
    """A row whose time or value can't be read; an error for whoever would use it.

    Attributes
    ----------
    message : str
        The whole line of that error, with file, row and column.
    """

    message: str = ""


@dataclass(frozen=True)
class Statistics:
    """What some files hold.

    Attributes
    ----------
    rows : tuple of Statistic
    unused : tuple of Unused
        Rows without a value, and remarks below a table.
    broken : tuple of Broken
    files : tuple of (str, str)
        Names of the files with their SHA-256.
    warnings : tuple of str
        What a reader should know of the files.
    """

    rows: tuple[Statistic, ...]
    unused: tuple[Unused, ...] = ()
    broken: tuple[Broken, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """Places, in the order of the files."""
        return tuple(dict.fromkeys(row.place for row in self.rows))

    def of(self, variables: Sequence[str]) -> tuple[Statistic, ...]:
        """Rows of some variables."""
        return tuple(row for row in self.rows if row.variable in variables)
