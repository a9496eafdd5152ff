"""``cluster-sd diagram``: the structure of a model as pictures, and as views of its own file."""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster_sd import output
from cluster_sd.commands import options
from cluster_sd.errors import InputError
from cluster_sd.progress import bar

if TYPE_CHECKING:
    from cluster_sd.api import Model
    from cluster_sd.report.diagram import Diagrams

HELP = "draw a model: stocks and flows by sector, and the whole"
DESCRIPTION = """\
Draw a model in the notation of system dynamics: stock-and-flow views of each sector, with the signs of links, and a
causal view of the whole with the loops that have a name. DIR gets an SVG file a picture and a page, index.html, with
all of them; hovering over a name tells its documentation, unit and equation. With --write-views the same views take
the place of the sketch in the model file itself, so that Vensim opens it as readable pictures; equations and settings
stay byte for byte. Sectors are the groups of the model file, else the views of its sketch, else communities of its
causal graph."""
EXAMPLE = """\
examples, pictures of a model, and views in a copy of yours:
  cluster-sd diagram lead --out diagrams
    cluster-sd diagram county.mdl --write-views
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    options.add_model(parser)
    parser.add_argument("--out", metavar="DIR", help="folder for the pictures and the page")
    parser.add_argument(
        "--lang", choices=("en", "zh"), default="en", help="language of the pictures; zh: names of names_zh.csv"
    )
    parser.add_argument("--write-views", action="store_true", help="replace the sketch in the .mdl file by the views")
    options.add_common(parser)


def run(arguments: argparse.Namespace) -> None:
    """Lay out, draw, write."""
    begun = time.perf_counter()
    if not (arguments.out or arguments.write_views):
        raise InputError("nothing to write: give --out DIR for pictures, or --write-views for views in the model file")
    target = output.check_folder(arguments.out) if arguments.out else None
    from cluster_sd.api import load
    from cluster_sd.model.folder import find_model

    if arguments.write_views:
        from cluster_sd.diagram.sketch import check_writable

        check_writable(find_model(arguments.model))
    model = load(arguments.model, allow_outside=arguments.allow_outside)
    if target is not None:
        _draw(model, target, arguments, begun)
    if arguments.write_views:
        _write_views(model, arguments)


def _draw(model: Model, target: Path, arguments: argparse.Namespace, begun: float) -> None:
    from cluster_sd.report.diagram import diagrams

    with bar("view", arguments.quiet) as progress:
        made = diagrams(model, arguments.lang, progress)

    def record() -> dict[str, Any]:
        return output.record("diagram", model, {"lang": arguments.lang}, begun, runs=1, failed=0)

    footer = _footer(model)
    output.deliver_folder(target, lambda folder: _write(folder, model, made, arguments.lang, footer), record)


def _write(folder: Path, model: Model, made: Diagrams, language: str, footer: list[str]) -> None:
    from cluster_sd.report.diagram import diagram_page
    from cluster_sd.report.page import render

    (folder / "whole.svg").write_text(made.whole + "\n", encoding="utf-8")
    for sector in made.sectors:
        for view in sector.views:
            (folder / f"{view.name}.svg").write_text(view.svg + "\n", encoding="utf-8")
    page = render(diagram_page(made, model.name, language, footer))
    (folder / "index.html").write_text(page, encoding="utf-8")


def _footer(model: Model) -> list[str]:
    from cluster_sd.version import __version__

    return [f"cluster_sd {__version__}; model {model.path.name}, SHA-256 {model.hash}"]


def _write_views(model: Model, arguments: argparse.Namespace) -> None:
    from cluster_sd.diagram import diagram_of
    from cluster_sd.diagram.sketch import write_views

    with bar("view", arguments.quiet) as progress:
        atlas = diagram_of(model, progress=progress)
    if atlas.signs.reason:
        warnings.warn(f"arrows have no signs, because the base run can't be made: {atlas.signs.reason}", stacklevel=1)
    changed = write_views(model.path, atlas.views, atlas.structure)
    if not arguments.quiet:
        done = "written into" if changed else "stand already in"
        print(f"{len(atlas.views)} views {done} {model.path}")
