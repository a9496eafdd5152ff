"""The source's claims and what runs said of them: rows of ``claims.csv`` in the model's folder, kept by a study.

Columns: ``id, claim, verdict, share, runs, source``; `verdict` is ``supported``, ``contradicted`` or ``undetermined``,
`share` that of the runs that show it, `source` where the study is. A contradicted claim is a finding: the structure was
free to contradict it, so it fails nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cluster_sd.model.rows import read_rows
from cluster_sd.validation.result import FINDING, SKIPPED, Row

if TYPE_CHECKING:
    from cluster_sd.validation.case import Case

__all__ = ["COLUMNS", "NAME", "VERDICTS", "check_claims"]

NAME = "claims"
FILE = "claims.csv"
COLUMNS = ("id", "claim", "verdict", "share", "runs", "source")
VERDICTS = ("supported", "contradicted", "undetermined")


def check_claims(case: Case) -> Iterator[Row]:
    """A row for each claim, and one that counts verdicts."""
    path = case.model.path.parent / FILE
    if not path.is_file():
        told = f"no {FILE} beside the model; verdicts come from a study of the claims over the parameters' ranges"
        yield Row(NAME, "source", SKIPPED, detail=told)
        return
    verdicts: Counter[str] = Counter()
    for row in read_rows(path, COLUMNS, ("id", "claim", "verdict")):
        verdict = row.choice("verdict", VERDICTS, "undetermined")
        verdicts[verdict] += 1
        runs = f" of {row.text('runs')} runs" if row.text("runs") else " of the runs"
        shown = f"share{runs} that show it; {row.text('source')}" if row.text("source") else f"share{runs} that show it"
        told = f"{verdict}: {row.text('claim', needed=True)} ({shown})"
        yield Row(NAME, row.text("id", needed=True), FINDING, row.number("share"), detail=told)
    told = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in VERDICTS)
    yield Row(NAME, "all claims", FINDING, sum(verdicts.values()), detail=told)
