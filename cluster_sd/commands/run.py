"""``cluster-sd run``: one run of a model."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster_sd import output
from cluster_sd.commands import options
from cluster_sd.progress import waiting

if TYPE_CHECKING:
    from cluster_sd.api import RunArrays

HELP = "run a model once"
DESCRIPTION = """\
Run a model once. CSV has a first column `time`, then a column a variable; NetCDF is an xarray dataset with units and
documentation as attributes. Without --out the CSV goes to standard output. Beside F stands run.json: versions, hashes
of model and data, settings, seed and the time taken."""
EXAMPLE = """\
examples:
  cluster-sd run orange --out orange.csv
  cluster-sd run orange --set "Premium share=0.4" --stop 2030 --solver rk4 --out orange.nc
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    options.add_model(parser)
    options.add_simulation(parser)
    options.add_changes(parser)
    parser.add_argument(
        "--variables", action="append", metavar="A,B", help="variables to keep, also Name[a,b] (default: all)"
    )
    parser.add_argument("--out", metavar="F", help="F.csv, F.nc or F.parquet (default: CSV to standard output)")
    options.add_common(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run and write."""
    begun = time.perf_counter()
    target = output.check(arguments.out) if arguments.out else None
    from cluster_sd.api import load

    changes = options.changes(arguments.set)
    with waiting("running", arguments.quiet):
        model = load(arguments.model, allow_outside=arguments.allow_outside)
        asked = {**options.simulation(arguments), "variables": options.names(arguments.variables)}
        result = model.run_arrays(changes, **asked)
    table = ["time", *result.names], [[result.times, *result.values.T]]
    if target is None:
        output.write_csv(sys.stdout, *table)
        return

    def write(path: Path) -> None:
        if target.suffix.lower() == ".csv":
            with open(path, "w", encoding="utf-8", newline="") as file:
                output.write_csv(file, *table)
        elif target.suffix.lower() == ".nc":
            output.write_netcdf(path, result.to_dataset())
        else:
            output.write_parquet(path, *table, about=_about(result))

    def record() -> dict[str, Any]:
        settings = {**result.settings, "changes": changes, "variables": asked["variables"]}
        return output.record("run", model, settings, begun, runs=1, failed=0)

    output.deliver(target, write, record)


def _about(result: RunArrays) -> dict[str, dict[str, str]]:
    known = zip(result.names, result.units, result.documentation, strict=True)
    return {name: {"units": unit, "documentation": text} for name, unit, text in known}
