"""``cluster-sd report``: the main job: which levers matter most, how sure that is, and all that it rests on."""

from __future__ import annotations

import argparse
import shlex
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster_sd import output
from cluster_sd.commands import options
from cluster_sd.errors import unknown
from cluster_sd.progress import naming, waiting

if TYPE_CHECKING:
    from cluster_sd.stages import Carried, Case, Stage

HELP = "tell on one page which levers matter most, and how sure that is"
DESCRIPTION = """\
Everything on one page that opens without a network: which levers matter most, for which outcome and how sure that is;
the base run against statistics, scenarios side by side, levers ranked and over time, what one step of each does, the
mechanisms switched off and on, the loops that drive the model, calibration, the standard tests, all equations and data.
DIR gets index.html, in English and Chinese; run.json; and the numbers, data/STAGE/TABLE.csv. What has not changed since
an earlier report is reused. What a model's folder doesn't have is left out, and the page says so."""
EXAMPLE = """\
example, a first look at some parts, and the whole report (under two minutes on two cores):
  cluster-sd report orange --parts base,scenarios --out look
    cluster-sd report orange --out report
    cluster-sd report my.mdl --data county.xlsx --lang zh --out report
"""
LANGUAGES = ("en", "zh")
#: What can be asked for alone.
PARTS = (
    "data", "base", "calibration", "scenarios", "mechanisms", "loops", "validation", "levers", "diagrams",
)  # fmt: skip
#: Base points of the Sobol sample.
SAMPLES = 2048


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    options.add_model(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--lang", choices=LANGUAGES, default="en", help="language shown first (default: en)")
    parser.add_argument(
        "--data", action="append", metavar="F", help="statistics in place of those beside the model; several times"
    )
    parser.add_argument(
        "--samples",
        type=options.count,
        default=SAMPLES,
        metavar="N",
        help=f"base points of the Sobol sample (default: {SAMPLES})",
    )
    parser.add_argument(
        "--parts", action="append", metavar="A,B", help=f"only some parts: {', '.join(PARTS)} (default: all)"
    )
    parser.add_argument("--seed", type=options.seed, default=0, metavar="N", help="of all samples (default: 0)")
    options.add_common(parser)


def run(arguments: argparse.Namespace) -> None:
    """Carry out all stages, make the page, write."""
    begun = time.perf_counter()
    target = output.check_folder(arguments.out)
    parts = _parts(arguments.parts)
    from cluster_sd.api import load
    from cluster_sd.report.diagram_stage import DIAGRAMS
    from cluster_sd.stages import Case, carry_out, shelf

    with waiting("reading", arguments.quiet):
        model = load(arguments.model, allow_outside=arguments.allow_outside)
        case = Case(model, arguments.data or (), arguments.samples, arguments.seed, arguments.threads)
        case.check()
    keep = shelf()
    with _stopped(keep is not None), naming(arguments.quiet) as shown:
        more = {"diagrams": DIAGRAMS}
        carried = carry_out(case, None if shown is None else _overall(shown, more, parts), keep, more, parts)
    if carried.failed:
        warnings.warn(f"{carried.failed:,} of {carried.runs:,} runs failed", stacklevel=1)

    def record() -> dict[str, Any]:
        return _record(arguments, case, carried, begun)

    with waiting("writing", arguments.quiet):
        page = _page(arguments, carried, begun)
        output.deliver_folder(target, lambda folder: _write(folder, page, carried), record)


@contextmanager
def _stopped(kept: bool) -> Iterator[None]:
    """Who interrupts the command is told how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        if kept:
            warnings.warn("the same command goes on from the stages that are finished", stacklevel=1)
        raise


def _parts(texts: Sequence[str] | None) -> tuple[str, ...]:
    """The stages that are asked for."""
    asked = options.names(texts)
    for name in asked or ():
        if name.lower() not in PARTS:
            raise unknown("part", name, PARTS, "--parts")
    return PARTS if asked is None else tuple(name.lower() for name in asked)


def _overall(
    shown: Callable[[str, float], None], more: Mapping[str, Stage], asked: Sequence[str]
) -> Callable[[str, int, int], None]:
    """How far all stages are together, by the time that each takes; those that are being done are named."""
    from cluster_sd.stages import STAGES

    weights = {name: stage.weight for name, stage in {**STAGES, **more}.items() if name in asked}
    parts = dict.fromkeys(weights, 0.0)

    def tell(stage: str, done: int, total: int) -> None:
        if stage in parts:  # not the first one, which is always done
            parts[stage] = max(parts[stage], done / max(total, 1))
        doing = [name for name, part in parts.items() if 0 < part < 1]
        shown(", ".join(doing) or stage, sum(weights[n] * p for n, p in parts.items()) / sum(weights.values()))

    return tell


# --- files ------------------------------------------------------------------------------------------------------------


def _page(arguments: argparse.Namespace, carried: Carried, begun: float) -> str:
    import datetime

    from cluster_sd.report.diagram_stage import diagrams_from
    from cluster_sd.report.main import Made, page

    kept = max((carried.seconds[name] for name in carried.reused), default=0.0)
    made = Made(
        command=_command(arguments),
        date=datetime.date.today().isoformat(),
        seconds=time.perf_counter() - begun + kept,
        runs=carried.runs,
        failed=carried.failed,
        seed=arguments.seed,
        versions=output.versions(),
    )
    return page(carried.results, diagrams_from(carried.more.get("diagrams")), made, arguments.lang)


def _write(folder: Path, page: str, carried: Carried) -> None:
    from cluster_sd.report.figures import csv_text
    from cluster_sd.stages import Found

    (folder / "index.html").write_text(page, encoding="utf-8")
    for stage, found in carried.results.items():
        if not isinstance(found, Found):
            continue
        place = folder / "data" / stage
        place.mkdir(parents=True)
        for name, table in found.tables.items():
            (place / f"{name}.csv").write_text(csv_text(table), encoding="utf-8", newline="")


def _command(arguments: argparse.Namespace) -> str:
    """The command with the options that decide the results, without the folders of this machine."""
    words: list[Any] = ["cluster-sd", "report", _named(arguments.model)]
    for path in arguments.data or ():
        words += ["--data", _named(path)]
    if arguments.parts:
        words += ["--parts", ",".join(arguments.parts)]
    for name, usual in (("samples", None), ("seed", 0), ("lang", "en")):
        value = getattr(arguments, name)
        if value != usual:
            words += [f"--{name}", value]
    return shlex.join(map(str, [*words, "--out", _named(arguments.out)]))


def _named(path: str) -> str:
    return Path(path).name if Path(path).is_absolute() else path


def _record(arguments: argparse.Namespace, case: Case, carried: Carried, begun: float) -> dict[str, Any]:
    from cluster_sd.stages import STAGES, LeftOut

    settings = {name: getattr(arguments, name) for name in ("samples", "seed", "lang")}
    settings["parts"] = list(_parts(arguments.parts))
    settings["data"] = [Path(path).name for path in arguments.data or ()]
    made = output.record("report", case.model, settings, begun, carried.runs, carried.failed)
    tables = {name: case.folder / name for stage in STAGES.values() for name in stage.reads}
    tables |= {path.name if case.data else f"data/{path.name}": path for path in case.files}
    hashes = {name: output.digest(path) for name, path in sorted(tables.items()) if path.is_file()}
    stages = {
        name: {
            "seconds": carried.seconds[name],
            "reused": name in carried.reused,
            **({"left_out": found.reason, **found.values} if isinstance(found, LeftOut) else {}),
        }
        for name, found in {**carried.results, **carried.more}.items()
    }
    return {**made, "data": {**made["data"], **hashes}, "stages": stages}
