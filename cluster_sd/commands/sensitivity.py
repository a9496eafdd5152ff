"""``cluster-sd sensitivity``: which parameters matter, over all their ranges, and how sure that is."""

from __future__ import annotations

import argparse
import json
import shlex
import time
import tomllib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster_sd import output
from cluster_sd.commands import options
from cluster_sd.errors import InputError
from cluster_sd.progress import bar, waiting

if TYPE_CHECKING:
    from cluster_sd.api import Model
    from cluster_sd.sensitivity.planning import Asking
    from cluster_sd.sensitivity.study import Study

HELP = "tell which parameters matter, and how sure that is"
DESCRIPTION = """\
Vary parameters over their ranges and tell which of them decide the outcomes: for the whole run and over time, with
confidence intervals, ranks and the probability that the first ones are the right ones. What varies are the rows of
parameters.csv with the role lever or uncertain; beyond 100, the uncertain ones are taken together by their column
group, as group:O13. --samples counts base points (sobol, shapley, dgsm, pawn, delta), trajectories (morris) or points
per parameter (fast). DIR gets index.html, a page to begin with; indices.csv, steps.csv, summary.json; and figures,
each with its data."""
EXAMPLE = """\
example, a first look in seconds:
  cluster-sd sensitivity orange --method morris --samples 4 --role lever --measure "final(Trust)" --steps 8 --out look
the whole analysis, in minutes; here, and on a Dask cluster:
    cluster-sd sensitivity orange --method sobol --samples 4096 --out levers
    cluster-sd sensitivity orange --method sobol --samples 4096 --scheduler tcp://10.0.0.5:8786 --out levers
"""
METHODS = ("sobol", "morris", "fast", "rbd", "pawn", "delta", "dgsm", "shapley")
ROLES = ("lever", "uncertain", "initial", "fixed")
#: Options that the results depend on, beside those that can be given several times.
DECIDING = (
    "parameters", "groups", "over", "correlation", "jumps", "experiment", "steps", "spending", "scenario", "solver",
    "backend", "time_step", "start", "stop", "save_every", "seed",
)  # fmt: skip
GROUPINGS = ("auto", "none", "uncertain", "all")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    options.add_model(parser)
    parser.add_argument("--method", required=True, choices=METHODS, help="how influence is measured")
    parser.add_argument(
        "--samples", required=True, type=options.count, metavar="N", help="size of the sample, see above"
    )
    parser.add_argument(
        "--measure",
        action="append",
        metavar="M",
        help="an outcome; may be given several times. A variable's name: at every saved time (default: the model's "
        "outcomes, and their variables at whole units of time)",
    )
    parser.add_argument(
        "--parameters", metavar="P.csv", help="table of what varies (default: that of the model's folder)"
    )
    parser.add_argument(
        "--role",
        action="append",
        choices=ROLES,
        help="role of what varies; may be given several times (default: lever and uncertain)",
    )
    parser.add_argument("--groups", choices=GROUPINGS, default="auto", help="what is taken together by its group")
    _add_beside(parser)
    options.add_simulation(parser)
    parser.add_argument("--scheduler", metavar="ADDRESS", help="run on the Dask cluster whose scheduler is there")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from .DIR.partial beside --out, which a stopped command left; with more samples too",
    )
    parser.add_argument(
        "--keep-runs",
        action="store_true",
        help="leave .DIR.partial there, so that --resume with more samples goes on from all these runs",
    )
    options.add_common(parser)


def _add_beside(parser: argparse.ArgumentParser) -> None:
    """What is looked at beside the indices of independent parameters over their ranges."""
    options.add_over(parser)
    parser.add_argument("--second-order", action="store_true", help="also indices of pairs (sobol)")
    parser.add_argument("--correlation", metavar="C.csv", help="columns a, b, rho: inputs that go together (shapley)")
    parser.add_argument(
        "--jumps",
        choices=("refuse", "omit"),
        help="what to do about parameters that move a jump, whose derivative means nothing (dgsm; default: refuse)",
    )
    parser.add_argument(
        "--experiment", metavar="E.toml", help='mechanisms for a 2^k experiment: ["name"] off = {…}, on = {…}'
    )
    parser.add_argument(
        "--steps",
        type=options.seed,
        metavar="N",
        help="parameter sets over which one step of each lever is looked at; 0: none (default: a sixteenth of "
        "--samples, 64 to 256)",
    )
    parser.add_argument(
        "--spending",
        metavar="M",
        help="measure of public spending, for effects per yuan (default: final(Cumulative public requests) or "
        "final(Cumulative public spending), where the model has it)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Run, analyse and write."""
    begun = time.perf_counter()
    target = output.check_folder(arguments.out)
    from cluster_sd.api import load
    from cluster_sd.sensitivity.planning import plan
    from cluster_sd.sensitivity.study import carry_out
    from cluster_sd.simulate.running import Settings

    with waiting("reading", arguments.quiet):
        model = load(arguments.model, allow_outside=arguments.allow_outside)
        asked: dict[str, Any] = dict(options.simulation(arguments))
        settings = Settings(**asked, threads=arguments.threads)
        planned = plan(model, _asking(arguments, model), settings)
    with options.finished_runs_kept(target), _place(arguments) as place, bar("run", arguments.quiet) as progress:
        study = carry_out(
            planned,
            place=place,
            checkpoint=target,
            resume=arguments.resume,
            progress=progress,
            analyzing=lambda: waiting("analysing", arguments.quiet),
        )
    for note in study.notes:
        warnings.warn(note, stacklevel=1)
    if study.failed:
        warnings.warn(f"{study.failed:,} of {study.runs:,} runs failed", stacklevel=1)

    def record() -> dict[str, Any]:
        return _record(arguments, model, study, begun)

    with waiting("writing", arguments.quiet):
        output.deliver_folder(target, lambda folder: _write(folder, study, arguments, model, begun), record)
    if not arguments.keep_runs:
        _discard(target)


def _asking(arguments: argparse.Namespace, model: Model) -> Asking:
    from cluster_sd.sensitivity.planning import Asking
    from cluster_sd.sensitivity.problem import VARIED

    given: dict[str, Any] = {}
    if arguments.second_order:
        _only(arguments, "--second-order", ("sobol",))
        given["second_order"] = True
    if arguments.correlation is not None:
        _only(arguments, "--correlation", ("shapley",))
        given["correlation"] = Path(arguments.correlation)
    if arguments.jumps is not None:
        _only(arguments, "--jumps", ("dgsm",))
    return Asking(
        method=arguments.method,
        n=arguments.samples,
        measures=arguments.measure,
        parameters=arguments.parameters,
        roles=tuple(dict.fromkeys(arguments.role or VARIED)),
        grouping=arguments.groups,
        over=arguments.over,
        options=given,
        switches=_switches(arguments, model),
        step_sets=arguments.steps,
        spending=arguments.spending,
        jumps=arguments.jumps or "refuse",
    )


def _only(arguments: argparse.Namespace, option: str, methods: tuple[str, ...]) -> None:
    if arguments.method not in methods:
        raise InputError(f"{option} goes with --method {' or '.join(methods)}, not with {arguments.method}")


def _switches(arguments: argparse.Namespace, model: Model) -> tuple[Any, ...]:
    if arguments.experiment is None:
        return ()
    from cluster_sd.model.text import read_text
    from cluster_sd.sensitivity.experiment import switches_of

    path = Path(arguments.experiment)
    try:
        return switches_of(model, tomllib.loads(read_text(path)))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"--experiment {path}: can't be read as TOML: {error}") from None


@contextmanager
def _place(arguments: argparse.Namespace) -> Iterator[Any]:
    if arguments.scheduler is None:
        yield None
        return
    from cluster_sd.sensitivity.cluster import cluster

    with cluster(arguments.scheduler) as place:
        yield place


def _discard(target: Path) -> None:
    from cluster_sd.sensitivity.study import PARTS, part_of
    from cluster_sd.simulate.checkpoint import discard

    for part in PARTS:
        discard(part_of(target, part))


# --- files ------------------------------------------------------------------------------------------------------------


def _write(folder: Path, study: Study, arguments: argparse.Namespace, model: Model, begun: float) -> None:
    from cluster_sd.report.figures import save
    from cluster_sd.report.page import render
    from cluster_sd.report.sensitivity import indices_table, report, summary

    with open(folder / "indices.csv", "w", encoding="utf-8", newline="") as file:
        output.write_csv(file, *indices_table(study.indices))
    for name, found in (("steps", study.steps), ("experiment", study.experiment)):
        if found is not None:
            found.table().to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    if study.regional:
        import pandas

        worst = pandas.concat([found.table() for found in study.regional])
        worst.to_csv(folder / "regional.csv", index=False, lineterminator="\n")
    about = summary(study)
    (folder / "summary.json").write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    made = report(study, _command(arguments), _footer(study, model, begun))
    save(made.figures, folder / "figures")
    (folder / "index.html").write_text(render(made.page), encoding="utf-8")


def _command(arguments: argparse.Namespace) -> str:
    """The command with the options that decide the results."""
    words = ["cluster-sd", "sensitivity", arguments.model, "--method", arguments.method, "--samples", arguments.samples]
    for name in DECIDING:
        value = getattr(arguments, name)
        if value is not None and (name, value) not in (("groups", "auto"), ("seed", 0)):
            words += [f"--{name.replace('_', '-')}", value]
    for name in ("role", "measure"):
        for value in getattr(arguments, name) or ():
            words += [f"--{name}", value]
    words += ["--second-order"] if arguments.second_order else []
    return shlex.join(map(str, [*words, "--out", arguments.out]))


def _footer(study: Study, model: Model, begun: float) -> list[str]:
    versions = ", ".join(f"{name} {number}" for name, number in output.versions().items())
    return [
        f"Model {model.path.name}, SHA-256 {model.hash}. {study.indices.method}, {study.indices.n:,} samples, seed "
        f"{study.indices.seed}; {study.runs:,} runs, {study.failed:,} failed.",
        f"{versions}.",
    ]


def _record(arguments: argparse.Namespace, model: Model, study: Study, begun: float) -> dict[str, Any]:
    asked = {
        "method": arguments.method,
        "samples": study.indices.n,
        "measures": [one.text for one in study.asked],
        "roles": arguments.role or ["lever", "uncertain"],
        "groups": arguments.groups,
        "over": arguments.over,
        "second_order": arguments.second_order,
        "scheduler": arguments.scheduler,
    }
    tables = [Path(p) for p in (arguments.parameters, arguments.correlation, arguments.experiment) if p is not None]
    if arguments.parameters is None:
        tables.append(model.path.parent / "parameters.csv")
    made = output.record("sensitivity", model, {**study.settings, **asked}, begun, study.runs, study.failed)
    hashes = {path.name: output.digest(path) for path in tables if path.is_file()}
    return {**made, "data": {**made["data"], **hashes}, "seed": study.indices.seed}
