"""``cluster-sd ensemble``: one run for each row of a design."""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster_sd import output
from cluster_sd.commands import options
from cluster_sd.errors import InputError
from cluster_sd.progress import bar, waiting

if TYPE_CHECKING:
    from cluster_sd.api import EnsembleArrays, Model

HELP = "run a model once for each row of a design"
DESCRIPTION = """\
Run a model once for each row of a design, a CSV file whose columns are names of parameters ("Name@2025": from 2025 on).
A measure is a variable (its series), Name@2024, final(Name), mean(Name), min(Name), max(Name), sum(Name),
time_of_max(Name) or time_above(Name, 0.3). CSV has the columns run[, time], one a measure, and failed; a run that
fails is marked and counted, and its numbers are nan. Numbers and series together need .nc, or .parquet, where each run
is a row and a series is a list."""
EXAMPLE = """\
example (design.csv has a column for each parameter that varies, and a row for each run):
  cluster-sd ensemble orange --design design.csv --measure "final(Farmer capital)" --out runs.csv
"""
#: Failed runs that run.json tells of one by one.
MOST_TOLD = 20
#: Values of a table that are laid out at a time.
BLOCK = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    options.add_model(parser)
    parser.add_argument("--design", required=True, metavar="D.csv", help="a row a run, a column a parameter")
    parser.add_argument(
        "--measure",
        action="append",
        metavar="M",
        help="what to keep of a run; may be given several times (default: the model's outcomes, or all stocks)",
    )
    options.add_simulation(parser)
    parser.add_argument("--out", metavar="F", help="F.csv, F.nc or F.parquet (default: CSV to standard output)")
    parser.add_argument(
        "--resume", action="store_true", help="go on from .NAME.partial beside --out, which a stopped command left"
    )
    options.add_common(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run and write."""
    begun = time.perf_counter()
    target = output.check(arguments.out) if arguments.out else None
    if target is None and arguments.resume:
        raise InputError("--resume needs --out, beside which the unfinished runs lie")
    if target is not None and target.resolve() == Path(arguments.design).resolve():
        raise InputError(f"--out {target}: is the design; the result needs another name")
    from cluster_sd.api import load
    from cluster_sd.simulate.checkpoint import discard
    from cluster_sd.simulate.design import read_design

    model = load(arguments.model, allow_outside=arguments.allow_outside)
    measures = arguments.measure or list(dict.fromkeys(row.measure for row in model.folder.outcomes)) or None
    if target is None or target.suffix.lower() == ".csv":
        _refuse_mixture(measures or [], model)
    design = read_design(arguments.design)
    asked = {**options.simulation(arguments), "threads": arguments.threads, "resume": arguments.resume}
    kept = options.finished_runs_kept(target) if target is not None else nullcontext()
    with kept, bar("run", arguments.quiet) as progress:
        result = model.ensemble_arrays(design, measures, checkpoint=target, progress=progress, **asked)
    failures = _failures(result)
    if failures:
        counted = f"{result.failed.sum()} of {len(result.failed)} runs failed"
        warnings.warn(f"{counted}; first, {_told(failures[0])}", stacklevel=1)
    if target is None:
        output.write_csv(sys.stdout, *_table(result))
        return

    def record() -> dict[str, Any]:
        settings = {**result.settings, "measures": list(result.measures)}
        counts = {"runs": len(result.failed), "failed": int(result.failed.sum())}
        design = {Path(arguments.design).name: output.digest(arguments.design)}
        return {**output.record("ensemble", model, settings, begun, **counts), "failures": failures, "design": design}

    with waiting("writing", arguments.quiet):
        output.deliver(target, lambda path: _write(path, target.suffix.lower(), result), record)
    discard(target)


def _refuse_mixture(measures: list[str], model: Model) -> None:
    """Numbers and series together make no CSV table; say so before any work."""
    from cluster_sd.measures import parse

    def is_name(name: str) -> bool:
        return model.metadata.find(name) is not None

    series = [text for text in measures if parse(text, is_name).is_series]
    numbers = [text for text in measures if text not in series]
    if series and numbers:
        raise InputError(
            f"the measure '{numbers[0]}' is a number a run and '{series[0]}' a series: "
            "together they need --out with .nc or .parquet, or two commands"
        )


def _write(path: Path, suffix: str, result: EnsembleArrays) -> None:
    if suffix == ".csv":
        with open(path, "w", encoding="utf-8", newline="") as file:
            output.write_csv(file, *_table(result))
    elif suffix == ".nc":
        output.write_netcdf(path, result.to_dataset())
    else:
        about = {name: {"units": unit} for name, unit in zip(result.measures, result.units, strict=True)}
        output.write_parquet(path, *_table(result), about=about, time=json.dumps(result.times.tolist()))


def _table(result: EnsembleArrays) -> tuple[list[str], Iterator[list[np.ndarray]]]:
    """Names of the columns, and rows in blocks: a row a run, or, where there are only series, a row a run and time."""
    values = [result.values[name] for name in result.measures]
    long = bool(values) and all(v.ndim == 2 for v in values)
    names = ["run", *(["time"] if long else []), *result.measures, "failed"]
    times = len(result.times) if long else 1
    step = max(BLOCK // (times * len(names)), 1)
    runs = len(result.failed)
    return names, (_block(result, values, slice(b, min(b + step, runs)), long) for b in range(0, max(runs, 1), step))


def _block(result: EnsembleArrays, values: list[np.ndarray], rows: slice, long: bool) -> list[np.ndarray]:
    runs = np.arange(rows.start, rows.stop)
    if not long:
        return [runs, *(v[rows] for v in values), result.failed[rows]]
    times = np.asarray(result.times)
    series = [v[rows].reshape(-1) for v in values]
    return [np.repeat(runs, len(times)), np.tile(times, len(runs)), *series, np.repeat(result.failed[rows], len(times))]


def _failures(result: EnsembleArrays) -> list[dict[str, Any]]:
    return [
        {"run": i, "variable": str(result.failed_variable[i]), "time": float(result.failed_time[i])}
        for i in np.flatnonzero(result.failed)[:MOST_TOLD].tolist()
    ]


def _told(failure: dict[str, Any]) -> str:
    return f"run {failure['run']}: {failure['variable']} is not finite at time {failure['time']:.10g}"
