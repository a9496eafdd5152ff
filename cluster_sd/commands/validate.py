"""``cluster-sd validate``: the standard tests of a system-dynamics model."""

from __future__ import annotations

import argparse
import sys
import textwrap
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster_sd import output
from cluster_sd.commands import options
from cluster_sd.errors import InputError
from cluster_sd.progress import bar

if TYPE_CHECKING:
    from cluster_sd.api import Model
    from cluster_sd.model.parameters import Parameter
    from cluster_sd.validation import Validation

HELP = "test a model: units, extremes, conservation, integration, data"
DESCRIPTION = """\
The standard tests of a system-dynamics model, a row a test: dimensions, documentation, boundary, parameters, runs,
extreme conditions, conservation, bounds, step halving, solvers, reproduction, agreement with PySD, claims. A row says
pass, fail, skipped (with the reason) or finding (worth knowing, fails nothing), with its figure and the limit it is
held against. What holds in extreme conditions and what is conserved stands in checks.toml beside the model. The base
run is held against the statistics in data/ beside the model, or those given with --data. PySD runs eight steps. Exit
status 1 where a test fails."""
EXAMPLE = """\
examples, some tests, and all of them (under a minute for a shipped model):
  cluster-sd validate orange --test dimensions,documentation --out tests.csv
    cluster-sd validate orange
"""
#: Tables beside a model that its tests read.
TABLES = ("parameters.csv", "scenarios.toml", "outcomes.csv", "observations.csv", "checks.toml", "claims.csv")
#: Options that name files.
GIVEN = ("parameters", "data", "observations")
#: Width of the table.
WIDTH = 100
#: Widest name of what was looked at.
SUBJECT = 28
#: Lines of detail: of a failure, and of everything else.
FULL, SHORT = 12, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    options.add_model(parser)
    parser.add_argument("--test", action="append", metavar="A,B", help="tests to do (default: all, see above)")
    parser.add_argument("--parameters", metavar="P.csv", help="parameters with ranges (default: the model's folder's)")
    parser.add_argument("--data", action="append", metavar="F", help="statistics to hold the base run against")
    parser.add_argument("--observations", metavar="F", help="what statistics mean (default: the model's folder's)")
    parser.add_argument("--out", metavar="F.csv", help="also write all rows, uncut, to this file")
    options.add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Test, print, write; 1 where a test failed."""
    begun = time.perf_counter()
    target = _target(arguments.out)
    from cluster_sd.api import load
    from cluster_sd.stages.case import Case
    from cluster_sd.stages.validation import reproduced
    from cluster_sd.validation import validate
    from cluster_sd.validation.reproduction import NAME as REPRODUCTION

    tests = options.names(arguments.test)
    model = load(arguments.model, allow_outside=arguments.allow_outside)
    parameters = _parameters(model, arguments.parameters)
    fits, reason = None, ""
    if tests is None or REPRODUCTION in [test.lower() for test in tests]:
        fits, reason = reproduced(Case(model, arguments.data or (), mapping=arguments.observations))
    with bar("test", arguments.quiet) as progress:
        made = validate(
            model,
            parameters=parameters,
            fits=fits,
            without_fits=reason,
            tests=tests,
            threads=arguments.threads,
            progress=progress,
        )
    sys.stdout.writelines(line + "\n" for line in _table(made))
    if target is not None:
        _write(target, made, model, arguments, begun)
    return 0 if made.passed else 1


def _target(path: str | None) -> Path | None:
    if path is None:
        return None
    target = output.check(path)
    if target.suffix.lower() != ".csv":
        raise InputError(f"--out {path}: rows of tests are written as CSV; name a file that ends in .csv")
    return target


def _write(target: Path, made: Validation, model: Model, arguments: argparse.Namespace, begun: float) -> None:
    """All rows as CSV, with ``run.json``."""
    import csv

    from cluster_sd.validation.result import COLUMNS

    def write(path: Path) -> None:
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for row in made:
                cells = [getattr(row, column) for column in COLUMNS]
                writer.writerow(["" if cell is None else repr(cell) if _is_number(cell) else cell for cell in cells])

    def record() -> dict[str, Any]:
        asked = {"tests": options.names(arguments.test), **{name: getattr(arguments, name) for name in GIVEN}}
        told = output.record("validate", model, asked, begun, runs=made.runs, failed=made.failed)
        return {**told, "data": {**told["data"], **_read(model, arguments)}, "results": dict(made.counts)}

    output.deliver(target, write, record)


def _read(model: Model, arguments: argparse.Namespace) -> dict[str, str]:
    """SHA-256 of the tables that the tests read, by name."""
    from cluster_sd.stages.case import own_statistics

    folder = model.path.parent
    tables = {name: folder / name for name in TABLES}
    tables |= {f"data/{Path(path).name}": Path(path) for path in own_statistics(folder / "data")}
    given = (*(arguments.data or ()), arguments.observations, arguments.parameters)
    tables |= {path: Path(path) for path in given if path}
    return {name: output.digest(path) for name, path in tables.items() if path.is_file()}


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float)


def _parameters(model: Model, path: str | None) -> tuple[Parameter, ...] | None:
    from cluster_sd.model.parameters import read_parameters

    return None if path is None else read_parameters(Path(path), [v.name for v in model.metadata.variables])


# --- the table --------------------------------------------------------------------------------------------------------


def _table(made: Validation) -> Iterable[str]:
    """Lines of the table, no wider than `WIDTH`: a heading a test, its rows, and a last line that counts."""
    widths = (7, min(SUBJECT, max([7, *(len(row.subject) for row in made)])), 9, 7)
    yield from _lines(("", "", "figure", "limit"), "", widths, 1)
    test = ""
    for row in made:
        if row.test != test:
            test = row.test
            yield test
        numbers = ("" if value is None else f"{value:.4g}" for value in (row.figure, row.limit))
        subject = row.subject if len(row.subject) <= SUBJECT else row.subject[: SUBJECT - 1] + "…"
        yield from _lines((row.result, subject, *numbers), row.detail, widths, FULL if row.result == "fail" else SHORT)
    counts = ", ".join(f"{count} {result}" for result, count in made.counts.items() if count)
    yield f"{counts}; {made.runs} runs, {made.failed} failed"


def _lines(cells: Sequence[str], detail: str, widths: Sequence[int], most: int) -> Iterable[str]:
    """A row: its cells, numbers to the right, then the detail on up to `most` lines."""
    padded = [f"{c:>{w}}" if i > 1 else f"{c:{w}}" for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
    aligned = "  " + "  ".join(padded)
    first, *more = textwrap.wrap(detail, WIDTH - len(aligned) - 2, max_lines=most, placeholder=" …") or [""]
    yield f"{aligned}  {first}".rstrip()
    for line in more:
        yield " " * (len(aligned) + 2) + line
