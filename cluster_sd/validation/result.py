"""What a test of a model says: rows, and all of them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["COLUMNS", "FAIL", "FINDING", "PASS", "RESULTS", "SKIPPED", "Row", "Validation"]

PASS, FAIL, SKIPPED, FINDING = "pass", "fail", "skipped", "finding"
#: What a row can say. A finding is worth knowing and fails nothing.
RESULTS = (PASS, FAIL, SKIPPED, FINDING)
#: Columns of the table.
COLUMNS = ("test", "subject", "result", "figure", "limit", "detail")


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes
    ----------
    test : str
        Name of the test, a key of :data:`cluster_sd.validation.CHECKS`.
    subject : str
        What it looked at: a variable, a measure, a file, or the whole model.
    result : str
        One of :data:`RESULTS`.
    figure, limit : float or None
        What was measured, and what it was held against.
    detail : str
        What the figure is; for a failure also where and what would be right.
    """

    test: str
    subject: str
    result: str
    figure: float | None = None
    limit: float | None = None
    detail: str = ""


@dataclass(frozen=True)
class Validation:
    """All rows, in the order of the tests.

    Attributes
    ----------
    rows : tuple of Row
    runs, failed : int
        How many runs the tests made, and how many of them failed.
    """

    rows: tuple[Row, ...]
    runs: int = 0
    failed: int = 0

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @property
    def passed(self) -> bool:
        """Whether no test failed."""
        return all(row.result != FAIL for row in self.rows)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many rows have each result."""
        found = Counter(row.result for row in self.rows)
        return {result: found[result] for result in RESULTS}
