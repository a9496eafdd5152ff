"""``cluster-sd loops``: which feedback loops drive a model, and when."""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster_sd import output
from cluster_sd.commands import options
from cluster_sd.errors import InputError
from cluster_sd.progress import bar, waiting

if TYPE_CHECKING:
    from cluster_sd.api import Model
    from cluster_sd.loops import Agreement, EnsembleLoops, LoopAnalysis
    from cluster_sd.loops.view import LoopView
    from cluster_sd.report.loops import LoopReport
    from cluster_sd.report.loops.ensemble import Influence
    from cluster_sd.sensitivity.sampling import Sample

HELP = "find the feedback loops that drive a model, and when each dominates"
DESCRIPTION = """\
Find the feedback loops that drive a model, and when each dominates (Loops That Matter). DIR gets loops.csv (a row a
loop), scores.csv (score and share of each loop at each time), summary.json, figures with their data, and a page,
index.html, with the causal loop diagram year by year. Loops that the model's folder names (loops.csv) are called so.
With --runs 512 the uncertain parameters and levers vary over their ranges as well: bands of shares, when dominance
passes, and which parameter moves which loops."""
EXAMPLE = """\
example:
  cluster-sd loops lead --out loops
"""
#: Fewest runs of an ensemble that say anything.
LEAST_RUNS = 10
#: A complete list of so many loops is listed whole where --keep says nothing.
WHOLE = 4000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    options.add_model(parser)
    options.add_simulation(parser)
    options.add_changes(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--names", metavar="L.csv", help="named loops (default: loops.csv in the model's folder)")
    parser.add_argument(
        "--years", metavar="A,B", help="years of the pictures of the diagram (default: four of the run)"
    )
    parser.add_argument(
        "--limit", type=options.count, default=None, metavar="N", help="loops up to which the search is exact"
    )
    parser.add_argument(
        "--keep",
        type=options.count,
        default=None,
        metavar="N",
        help="loops to list beside those with a name (default: the 200 strongest, or all of a complete 4000)",
    )
    parser.add_argument("--no-second-opinion", action="store_true", help="skip the other two methods")
    many = parser.add_argument_group("many runs")
    many.add_argument(
        "--runs",
        type=options.count,
        metavar="N",
        help="runs over the ranges of parameters.csv (up to a power of two)",
    )
    options.add_over(many, "with --runs: ")
    many.add_argument("--design", metavar="D.csv", help="a row a run, a column a parameter, in place of --runs")
    many.add_argument(
        "--parameters", metavar="P.csv", help="what varies (default: parameters.csv in the model's folder)"
    )
    many.add_argument(
        "--role",
        action="append",
        metavar="R",
        help="with --runs: rows of this role vary (default: uncertain and lever)",
    )
    options.add_common(parser)


def run(arguments: argparse.Namespace) -> None:
    """Analyse and write."""
    begun = time.perf_counter()
    target = output.check_folder(arguments.out)
    years = _years(arguments.years)
    if arguments.runs and arguments.design:
        raise InputError("--runs and --design exclude each other: the runs come from the ranges, or from the design")
    if arguments.over and not arguments.runs:
        raise InputError("--over needs --runs: how many draws to run")
    if arguments.runs is not None and arguments.runs < LEAST_RUNS:
        raise InputError(f"--runs {arguments.runs}: too few to say anything; at least {LEAST_RUNS}")
    from cluster_sd.api import load

    changes = options.changes(arguments.set)
    settings = options.simulation(arguments)
    with waiting("loading", arguments.quiet):
        model = load(arguments.model, allow_outside=arguments.allow_outside)
    analysis, view = _analyse(model, changes, settings, arguments)
    agreement = _opinion(model, analysis, view, changes, arguments)
    ensemble, influence, design = _ensemble(model, analysis, view, changes, settings, arguments)
    failed = 0 if ensemble is None else int(ensemble.failed.sum())
    runs = 1 + (0 if ensemble is None else ensemble.runs)

    def record() -> dict[str, Any]:
        used = {
            **analysis.settings,
            "changes": changes,
            "runs": arguments.runs,
            "over": arguments.over,
            "limit": arguments.limit,
            "keep": arguments.keep,
        }
        return {**output.record("loops", model, used, begun, runs=runs, failed=failed), "design": design}

    from cluster_sd.report.loops import LoopReport

    footer = _footer(model, analysis, arguments)
    report = LoopReport(view, years, agreement, ensemble, influence, _notes(view), footer)
    with waiting("drawing", arguments.quiet):
        output.deliver_folder(target, lambda folder: _write(folder, report), record)


def _years(text: str | None) -> list[float]:
    try:
        return [options.number(part.strip()) for part in (text or "").split(",") if part.strip()]
    except argparse.ArgumentTypeError as error:
        raise InputError(f"--years {text}: {error}") from None


def _analyse(
    model: Model, changes: dict[str, float], settings: dict[str, Any], arguments: argparse.Namespace
) -> tuple[LoopAnalysis, LoopView]:
    """The loops of one run, and what is shown of them."""
    from cluster_sd.loops import analyse, read_question
    from cluster_sd.loops.view import Beside, LoopView

    question = read_question(model.path.parent, model.program.outputs)
    own = {name: getattr(arguments, name) for name in ("limit", "keep") if getattr(arguments, name) is not None}
    names = None if arguments.names is None else Path(arguments.names)
    with waiting("finding loops", arguments.quiet):
        find = partial(analyse, model, changes, **settings, **own, names=names, through=question.drives)
        analysis = find()
        search = analysis.search
        if arguments.keep is None and search.complete and search.kept < search.found <= WHOLE:
            analysis = find(keep=search.found)
    wanted = list(dict.fromkeys(name for panel in question.beside for name in panel.series.values()))
    beside: list[Beside] = []
    if wanted:
        series = model.run_arrays(changes, **settings, variables=wanted)
        at = np.searchsorted(series.times, analysis.times - 1e-9)
        column = {name: series.values[at, i] for i, name in enumerate(series.names)}
        for panel in question.beside:
            beside.append(Beside(panel.name, panel.leads, {k: column[name] for k, name in panel.series.items()}))
    start = float(analysis.settings.get("start") or model.control.start)
    stocks = frozenset(state.name for state in model.program.states)
    return analysis, LoopView(analysis, question, start, stocks, beside)


def _opinion(
    model: Model,
    analysis: LoopAnalysis,
    view: LoopView,
    changes: dict[str, float],
    arguments: argparse.Namespace,
) -> Agreement | None:
    if arguments.no_second_opinion:
        return None
    from cluster_sd.loops import second_opinion

    inside = analysis.partitions[view.partition].stocks
    stock = next((name for name in view.question.drives if name in inside and name in view.stocks), None)
    with waiting("asking other methods", arguments.quiet):
        try:
            return second_opinion(model, analysis, changes, stock=stock, partition=view.partition).agreement
        except InputError as error:
            warnings.warn(f"no second opinion: {error}", stacklevel=1)
            return None


def _ensemble(
    model: Model,
    analysis: LoopAnalysis,
    view: LoopView,
    changes: dict[str, float],
    settings: dict[str, Any],
    arguments: argparse.Namespace,
) -> tuple[EnsembleLoops | None, Influence | None, dict[str, str]]:
    """The loops of many runs, and which parameter moves them."""
    if not (arguments.runs or arguments.design):
        return None, None, {}
    from cluster_sd.loops import analyse_ensemble
    from cluster_sd.simulate.design import Design, as_design, read_changes

    sample, ran = _sample(model, arguments) if arguments.runs else (None, None)
    rows = as_design(arguments.design if ran is None else ran.design())
    digests = {Path(arguments.design).name: output.digest(arguments.design)} if sample is None else {}
    design = Design(rows.runs, (*read_changes(changes, "--set"), *rows.changes), rows.series)
    with bar("run", arguments.quiet) as progress:
        ensemble = analyse_ensemble(
            model, design, base=analysis, **settings, threads=arguments.threads, progress=progress
        )
    if ensemble.failed.any():
        first = int(np.flatnonzero(ensemble.failed)[0])
        where = f"{ensemble.failed_variable[first]} is not finite at time {ensemble.failed_time[first]:.10g}"
        told = f"{int(ensemble.failed.sum())} of {ensemble.runs} runs failed; first, run {first}: {where}"
        warnings.warn(told, stacklevel=1)
    return ensemble, None if sample is None else _influence(sample, ensemble, view), digests


def _sample(model: Model, arguments: argparse.Namespace) -> tuple[Sample, Sample]:
    """Rows over the ranges of the parameters; and the same with draws of a posterior for what it holds."""
    from cluster_sd.sensitivity.draws import drawn, find_posterior, read_draws, with_draws
    from cluster_sd.sensitivity.method import find_method
    from cluster_sd.sensitivity.problem import VARIED, problem_of

    roles = tuple(arguments.role) if arguments.role else VARIED
    problem = problem_of(model, arguments.parameters, roles=roles, grouping="none")
    draws = read_draws(model, find_posterior(model, arguments.over)) if arguments.over else None
    problem = problem if draws is None else with_draws(problem, draws)
    sample = find_method("pawn").sample(problem, arguments.runs, seed=arguments.seed)
    return sample, drawn(sample, draws)


def _influence(sample: Sample, ensemble: EnsembleLoops, view: LoopView) -> Influence | None:
    """PAWN indices of shares and times of the groups and of the strongest named loops, with their direction."""
    from scipy.stats import rankdata

    from cluster_sd.report.loops.ensemble import Influence
    from cluster_sd.sensitivity.method import find_method
    from cluster_sd.sensitivity.result import Outcome
    from cluster_sd.sensitivity.sampling import Outputs

    outputs = {
        **ensemble.leads(view.driving, view.partition, named=view.named).outputs(),
        **_loop_shares(ensemble, view),
    }
    good = ~ensemble.failed
    names = [name for name, values in outputs.items() if np.isfinite(values[good]).all() and np.ptp(values[good]) > 0]
    if not names or good.sum() < LEAST_RUNS:
        return None
    values = np.column_stack([outputs[name] for name in names])
    outcomes = tuple(Outcome(name) for name in names)
    made = find_method("pawn").analyze(sample, Outputs(outcomes, values, ensemble.failed, sample.hashes()))
    ranks = [rankdata(one[good], axis=0) for one in (sample.unit(), values)]
    scaled = [(one - one.mean(axis=0)) / np.maximum(one.std(axis=0), 1e-12) for one in ranks]
    direction = scaled[0].T @ scaled[1] / good.sum()
    factors = sample.problem.factors
    return Influence(
        method="PAWN index",
        parameters=made.main.names,
        outputs=tuple(names),
        index=made.main.value,
        low=made.main.low,
        high=made.main.high,
        floor=np.asarray(made.floor[made.ranked]),
        direction=direction,
        levers=frozenset(factor.name for factor in factors if factor.role == "lever"),
        notes=made.notes,
        runs=int(good.sum()),
    )


def _loop_shares(ensemble: EnsembleLoops, view: LoopView, most: int = 6) -> dict[str, np.ndarray]:
    """Mean sizes of the shares of the strongest loops of the answer, run by run."""
    number = {loop.id: i for i, loop in enumerate(ensemble.loops)}
    shares = ensemble.named_shares() if view.named else ensemble.shares
    chosen = [view.loop(i).id for i in view.asked if view.loop(i).id in number][:most]
    return {f"mean share of {one}": np.abs(shares[:, :, number[one]]).mean(axis=1) for one in chosen}


def _notes(view: LoopView) -> list[str]:
    """Named loops that never act with all their links at once, each with the link that acts least."""
    told = []
    for loop in view.analysis.loops:
        if loop.name and loop.mean_share == 0:
            link, part = view.analysis.activity(loop.id)[0]
            often = f"acts at {100 * part:.0f} % of the times" if part else "never acts"
            told.append(f"{loop.label}: {link.source} → {link.target} {often}")
    return [f"Loops that never act with all their links in the same step: {'; '.join(told)}."] if told else []


def _footer(model: Model, analysis: LoopAnalysis, arguments: argparse.Namespace) -> Sequence[str]:
    from cluster_sd.version import __version__

    used = {key: value for key, value in analysis.settings.items() if value not in (None, "")}
    return [
        f"cluster_sd {__version__}; model {model.path.name}, SHA-256 {model.hash}",
        "; ".join(f"{key} {value}" for key, value in used.items()),
        "Loops That Matter: Schoenberg, Davidsen and Eberlein 2020, System Dynamics Review 36(2); flow link score as "
        "corrected by Schoenberg, Hayward and Eberlein 2023.",
    ]


def _write(folder: Path, report: LoopReport) -> None:
    import json

    from cluster_sd.report.figures import csv_text, save
    from cluster_sd.report.loops import loops_table, scores_blocks
    from cluster_sd.report.page import render

    view = report.view
    (folder / "loops.csv").write_bytes(csv_text(loops_table(view)).encode())
    with open(folder / "scores.csv", "w", encoding="utf-8", newline="") as file:
        output.write_csv(file, *scores_blocks(view))
    text = json.dumps(report.summary(), indent=2, ensure_ascii=False)
    (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
    save(report.figures, folder / "figures")
    (folder / "index.html").write_text(render(report.page()), encoding="utf-8")
