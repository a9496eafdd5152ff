"""``cluster-sd calibrate``: fit a model to statistics, and say what they can tell and what they can't."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster_sd import output
from cluster_sd.commands import options
from cluster_sd.errors import InputError
from cluster_sd.progress import bar, waiting

if TYPE_CHECKING:
    from cluster_sd.api import Model
    from cluster_sd.calibration.reporting import Facts
    from cluster_sd.calibration.study import Asking, Study

HELP = "fit a model to statistics, and say what they can tell"
DESCRIPTION = """\
Fit parameters of a model to statistics as a county has them: CSV or Excel, Chinese or English, with the units of
yearbooks, ranges, bounds and several sources. What is fitted are the uncertain parameters that the statistics can tell
apart, six at most, or those named with --fit; a statistic that is a constant of the model sets it. DIR gets index.html,
a page to begin with; estimates.csv, fit.csv, scores.csv, rests.csv, unused.csv, reporting.csv, diagnostics.json;
posterior.nc (ArviZ: draws of the posterior), which sensitivity --over DIR reads; and figures, each with its data.
--template writes a page for a county's own numbers."""
EXAMPLE = """\
example: a page to fill in, and the calibration to it:
  cluster-sd calibrate orange --template county.xlsx --language zh
    cluster-sd calibrate orange --data county.xlsx --out fit
the shipped county, fitted without its last years and scored on them, draws by the no-U-turn sampler:
    cluster-sd calibrate orange --data sd_models/orange/data/county.csv --holdout 2024- --method nuts --out fit
"""
METHODS = ("map", "nuts")
#: Stages that a calibration tells of: choice, search, likelihood, profiles, sampling, predictions, what it rests on.
STAGES = 7


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    options.add_model(parser)
    parser.add_argument("--data", action="append", metavar="F", help="statistics; may be given several times")
    parser.add_argument("--observations", metavar="F", help="what statistics mean (default: the model's folder's)")
    parser.add_argument("--parameters", metavar="P.csv", help="parameters with ranges (default: the model's folder's)")
    parser.add_argument("--fit", action="append", metavar="A,B", help="parameters to fit (default: chosen, see above)")
    parser.add_argument("--place", metavar="NAME", help="place whose rows count (default: the one with most rows)")
    parser.add_argument("--holdout", metavar="YEARS", help="years kept from the fit: 2023-, 2018-2020, 2024")
    parser.add_argument("--method", choices=METHODS, default="map", help="draws by importance sampling, or by NUTS")
    parser.add_argument("--searches", type=options.count, default=20, metavar="N", help="searches (default: 20)")
    parser.add_argument("--draws", type=options.count, default=1000, metavar="N", help="draws a chain (nuts; 1000)")
    parser.add_argument(
        "--rests", type=options.seed, default=1024, metavar="N", help="runs to tell what outcomes rest on; 0: none"
    )
    parser.add_argument(
        "--sbc", type=options.seed, default=0, metavar="N", help="also fit N made-up data sets, to test the sampler"
    )
    parser.add_argument("--template", metavar="F.csv|F.xlsx", help="write a page for a county's numbers, and no more")
    parser.add_argument("--language", choices=("en", "zh"), default="en", help="of the template (default: en)")
    options.add_simulation(parser)
    parser.add_argument("--out", metavar="DIR", help="folder for the results")
    options.add_common(parser)


def run(arguments: argparse.Namespace) -> None:
    """Calibrate and write, or write a template."""
    if arguments.template is not None:
        _template(arguments)
        return
    begun = time.perf_counter()
    for name in ("data", "out"):
        if not getattr(arguments, name):
            raise InputError(f"--{name} is missing (or ask for a page to fill in with --template F.csv)")
    target = output.check_folder(arguments.out)
    from cluster_sd.api import load
    from cluster_sd.calibration.study import carry_out

    with waiting("reading", arguments.quiet):
        model = load(arguments.model, allow_outside=arguments.allow_outside)
    with _told(arguments.quiet) as tell:
        study = carry_out(model, _asking(arguments), tell)
    for note in study.warnings:
        warnings.warn(note, stacklevel=1)

    def record() -> dict[str, Any]:
        return _record(arguments, model, study, begun)

    with waiting("writing", arguments.quiet):
        output.deliver_folder(target, lambda folder: _write(folder, study, arguments, model, begun), record)


@contextmanager
def _told(quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """One bar for all stages: each counts as one."""
    with bar("step", quiet) as progress:
        if progress is None:
            yield None
            return
        stages: dict[str, float] = {}

        def tell(stage: str, done: int, total: int) -> None:
            stages[stage] = max(stages.get(stage, 0.0), done / max(total, 1))
            progress(min(100, int(100 * sum(stages.values()) / STAGES)), 100)

        yield tell


def _asking(arguments: argparse.Namespace) -> Asking:
    from cluster_sd.calibration.study import Asking
    from cluster_sd.simulate.batch import usable_cores

    simulation = {key: value for key, value in options.simulation(arguments).items() if key != "seed"}
    return Asking(
        data=arguments.data,
        observations=arguments.observations,
        parameters=arguments.parameters,
        fit=options.names(arguments.fit),
        method=arguments.method,
        holdout=arguments.holdout,
        place=arguments.place,
        starts=arguments.searches,
        draws=arguments.draws,
        sbc=arguments.sbc,
        grounds=arguments.rests,
        settings=simulation,
        seed=arguments.seed,
        threads=arguments.threads or usable_cores(),
    )


def _template(arguments: argparse.Namespace) -> None:
    from cluster_sd.api import load
    from cluster_sd.calibration.template import template_csv, template_xlsx

    target = Path(arguments.template)
    kinds = {".csv": template_csv, ".xlsx": template_xlsx}
    if target.suffix.lower() not in kinds:
        raise InputError(f"--template {target}: the ending says no format; it can be .csv, .xlsx")
    if target.is_dir():
        raise InputError(f"--template {target}: is a folder; a file is needed")
    model = load(arguments.model, allow_outside=arguments.allow_outside)
    content = kinds[target.suffix.lower()](model, arguments.language)
    try:
        with output.folder_of(target), output.whole(target) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise InputError(f"--template {target}: can't be written ({error.strerror or error})") from error


# --- files ------------------------------------------------------------------------------------------------------------


def _write(folder: Path, study: Study, arguments: argparse.Namespace, model: Model, begun: float) -> None:
    from cluster_sd.calibration.archive import inference_data
    from cluster_sd.calibration.reporting import as_table, report_items
    from cluster_sd.report.calibration import diagnostics, report, tables
    from cluster_sd.report.figures import csv_text, save
    from cluster_sd.report.page import render

    items = report_items(_facts(study, arguments, model, begun))
    for name, table in {**tables(study), "reporting": as_table(items)}.items():
        (folder / f"{name}.csv").write_text(csv_text(table), encoding="utf-8", newline="")
    about = json.dumps(diagnostics(study), indent=2, ensure_ascii=False)
    (folder / "diagnostics.json").write_text(about + "\n", encoding="utf-8")
    inference_data(study.calibration, arguments.seed).to_netcdf(str(folder / "posterior.nc"))
    made = report(study, items, _command(arguments), _footer(study, model))
    save(made.figures, folder / "figures")
    (folder / "index.html").write_text(render(made.page), encoding="utf-8")


def _command(arguments: argparse.Namespace) -> str:
    """The command with the options that decide the results."""
    words: list[Any] = ["cluster-sd", "calibrate", _named(arguments.model)]
    for path in arguments.data:
        words += ["--data", _named(path)]
    plain = {
        "observations": None, "parameters": None, "place": None, "holdout": None, "method": "map", "searches": 20,
        "draws": 1000, "rests": 1024, "sbc": 0, "scenario": None, "solver": None, "backend": None, "time_step": None,
        "start": None, "stop": None, "save_every": None, "seed": 0,
    }  # fmt: skip
    for name, usual in plain.items():
        value = getattr(arguments, name)
        if value != usual:
            words += [f"--{name.replace('_', '-')}", _named(value)]
    for names in arguments.fit or ():
        words += ["--fit", names]
    return shlex.join(map(str, [*words, "--out", _named(arguments.out)]))


def _named(value: Any) -> Any:
    """A path as it may be told to others: without the folders of this machine. All else stays."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def _footer(study: Study, model: Model) -> list[str]:
    versions = ", ".join(f"{name} {number}" for name, number in output.versions().items())
    data = "; ".join(f"{name}, SHA-256 {digest}" for name, digest in study.observations.files)
    return [f"Model {model.path.name}, SHA-256 {model.hash}. Data {data}.", f"{versions}."]


def _facts(study: Study, arguments: argparse.Namespace, model: Model, begun: float) -> Facts:
    from collections import Counter

    from cluster_sd.calibration.reporting import Facts
    from cluster_sd.report.calibration import intervals_text, parameter_text, sampler_text, series_text

    made, observations, c = study.calibration, study.observations, model.control
    variables = model.metadata.variables
    return Facts(
        model=model.name,
        model_file=model.path.name,
        model_hash=model.hash,
        variables=len(variables),
        equations_with_unit=sum(bool(v.unit) for v in variables),
        documented=sum(bool(v.documentation) for v in variables),
        kinds=Counter(v.kind for v in variables),
        random=any("random" in v.equation.lower() for v in variables),
        start=study.times[0],
        stop=study.times[1],
        time_step=arguments.time_step or c.dt,
        save_every=arguments.save_every or c.save_step or c.dt,
        solver=arguments.solver or c.method,
        scenario=arguments.scenario or "",
        changes={s.name: s.value for s in observations.supplied},
        data=observations.files,
        place=observations.place,
        observations=observations.fitted_count,
        held_out=int(observations.held_out.sum()),
        unused=len(observations.unused),
        holdout=arguments.holdout or "",
        errors=sorted({s.error for s in observations.series}),
        series=[series_text(s) for s in observations.series],
        fitted=[parameter_text(f) for f in made.posterior.fitted],
        not_fitted=len(study.not_fitted),
        method=arguments.method,
        search=made.mode.search,
        starts=len(made.mode.starts),
        agreeing=made.mode.agreeing,
        value=made.mode.value,
        iterations="a search ends where the log-density rises no more",
        intervals=intervals_text(study),
        sampler=sampler_text(study),
        runs=_runs(study),
        failed=_failed(study),
        seed=arguments.seed,
        threads=study.asking.threads,
        versions=output.versions(),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        seconds=time.perf_counter() - begun,
        command=_command(arguments),
    )


def _runs(study: Study) -> int:
    """Runs that were made: searches, predictions, and those behind what conclusions rest on."""
    made = study.calibration
    searches = sum(start.evaluations for start in (*made.mode.starts, *made.likely.starts))
    draws = 0 if made.draws is None else int(made.draws.statistics["n_steps"].sum())
    draws += 0 if made.weighted is None else made.weighted.drawn
    resting = study.grounds[0].runs if study.grounds else 0
    return searches + draws + len(made.before.expected) + len(made.after.expected) + resting


def _failed(study: Study) -> int:
    made = study.calibration
    resting = study.grounds[0].failed if study.grounds else 0
    return made.before.failed + made.after.failed + resting


def _record(arguments: argparse.Namespace, model: Model, study: Study, begun: float) -> dict[str, Any]:
    names = (
        "data", "observations", "parameters", "fit", "place", "holdout", "method", "searches", "draws", "rests", "sbc",
        "scenario", "solver", "backend", "time_step", "start", "stop", "save_every", "seed",
    )  # fmt: skip
    settings = {name: _named(getattr(arguments, name)) for name in names}
    settings["data"] = [name for name, _ in study.observations.files]
    made = output.record("calibrate", model, settings, begun, _runs(study), _failed(study))
    given = [Path(p) for p in (arguments.observations, arguments.parameters) if p is not None]
    beside = [model.path.parent / name for name in ("observations.csv", "parameters.csv")]
    hashes = {path.name: output.digest(path) for path in (*beside, *given) if path.is_file()}
    return {**made, "data": {**made["data"], **dict(study.observations.files), **hashes}}
