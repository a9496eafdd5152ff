"""``cluster-sd models``: the models that come with the package."""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path

from cluster_sd.commands import options

HELP = "list the shipped models"
DESCRIPTION = "The models that come with the package: name, size, period and purpose."
EXAMPLE = "example:\n  cluster-sd models"
HEADER = ("name", "stocks", "variables", "parameters", "period", "purpose")
#: Width of the last column.
WIDTH = 72


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    options.add_common(parser)


def run(arguments: argparse.Namespace) -> None:
    """Print a row a model."""
    from cluster_sd.model.folder import shipped_models

    rows = [HEADER, *(_row(name, path) for name, path in sorted(shipped_models().items()))]
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    for *cells, told in rows:
        aligned = "  ".join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))
        first, *more = textwrap.wrap(told, WIDTH) or [""]
        sys.stdout.write(f"{aligned}  {first}".rstrip() + "\n")
        sys.stdout.writelines(" " * (len(aligned) + 2) + line + "\n" for line in more)


def _row(name: str, path: Path) -> tuple[str, ...]:
    from cluster_sd.api import load
    from cluster_sd.model.folder import purpose

    model = load(path)
    kinds = [variable.kind for variable in model.metadata.variables]
    sizes = kinds.count("stock"), len(kinds), kinds.count("constant")
    period = f"{model.control.start:g}-{model.control.stop:g}"
    return name, *map(str, sizes), period, purpose(path.parent / "README.md")
