"""Which levers matter most in the two models: ``python -m analysis.levers``; see README.md."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cluster_sd as csd
from analysis.levers.worlds import EXPERIMENTS, RANKED, SHARED, STEPPED, UNPAID, Mechanisms, World
from cluster_sd.cli import main as cluster_sd

HERE = Path(__file__).parent
RESULTS = HERE / "results"
#: An outcome of which some lever explains so much is one that levers decide.
LEAST = 0.001
#: What is written of numbers.
FORMAT = "%.3g"


def main(arguments: list[str] | None = None) -> int:
    """Run the parts that are asked for, and keep their tables."""
    parser = argparse.ArgumentParser(prog="python -m analysis.levers", description=__doc__)
    parser.add_argument("--samples", type=int, default=2048, help="base points of the Sobol samples (default 2048)")
    parser.add_argument("--sets", type=int, default=256, help="parameter sets for steps and experiments (default 256)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", action="append", choices=PARTS, help="default: all")
    parser.add_argument("--world", action="append", help="only these worlds (default: all)")
    parser.add_argument("--keep", type=Path, help="folder for the whole results, pages included")
    asked = parser.parse_args(arguments)
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        for part in asked.part or PARTS:
            PARTS[part](asked, folder)
    return 0


def chosen(asked: argparse.Namespace, worlds: Iterable[Any]) -> list[Any]:
    """The worlds that are asked for."""
    return [world for world in worlds if not asked.world or world.name in asked.world]


def keep(table: Any, name: str, key: str) -> None:
    """Put a world's rows into a table of the results; those of other worlds stay."""
    path = RESULTS / f"{name}.csv"
    if path.is_file():
        old: Any = pd.read_csv(path)
        fresh = set(table[key])
        table = pd.concat([old[[w not in fresh for w in old[key]]], table], ignore_index=True)
    table.to_csv(path, index=False, float_format=FORMAT)


# --- levers ranked ----------------------------------------------------------------------------------------------------


def ranked(asked: argparse.Namespace, folder: Path) -> None:
    """Levers and groups of uncertain parameters by total Sobol index, for each outcome and over time."""
    for world in chosen(asked, RANKED):
        out = folder / world.name.replace(" ", "_")
        words = ["sensitivity", world.model, "--method", "sobol", "--samples", asked.samples, "--seed", asked.seed]
        words += ["--steps", 0, "--out", out, "--resume"]
        words += ["--keep-runs"] if asked.keep else []
        words += ["--scenario", world.scenario] if world.scenario else []
        if cluster_sd([str(word) for word in words]):
            raise SystemExit(1)
        indices: Any = pd.read_csv(out / "indices.csv")
        summary = json.loads((out / "summary.json").read_text("utf-8"))
        keep(outcomes_of(world, summary), "outcomes", "world")
        keep(levers_of(world, indices, summary), "levers", "world")
        keep(over_time(world, indices, summary), "over_time", "world")


def outcomes_of(world: World, summary: dict[str, Any]) -> Any:
    """A row an outcome: the three leading levers and how sure that is."""
    rows = []
    for one in summary["outcomes"]:
        places = one["levers"] or []
        row: dict[str, Any] = {"world": world.name, "outcome": one["name"], "measure": one["measure"]}
        for number, place in enumerate(places, 1):
            row |= {f"lever {number}": place["name"], f"ST {number}": place["value"]}
            row |= {f"low {number}": place["low"], f"high {number}": place["high"]}
        others = [name for name in one["first"] if name not in summary["levers"]]
        row |= {"sure of these": one["probability_of_these_levers"], "leads among the uncertain": (others or [""])[0]}
        rows.append({**row, "runs": summary["runs"], "failed": summary["failed"]})
    return pd.DataFrame(rows)


def levers_of(world: World, indices: Any, summary: dict[str, Any]) -> Any:
    """Total index of each name in each outcome."""
    numbers = indices[indices["time"].isna() & (indices["index"] == "ST")]
    names = {one["measure"]: one["name"] for one in summary["outcomes"]}
    wide = numbers.assign(outcome=numbers["measure"].map(names)).pivot(
        index="parameter", columns="outcome", values="value"
    )
    kind = ["lever" if name in summary["levers"] else "uncertain" for name in wide.index]
    wide.insert(0, "kind", kind)
    return wide.reset_index().assign(world=world.name)


def over_time(world: World, indices: Any, summary: dict[str, Any], top: int = 5) -> Any:
    """The levers that lead an outcome's variable at some time after their first year, at every fifth year."""
    series = indices[indices["time"].notna() & (indices["index"] == "ST") & (indices["time"] % 5 == 0)]
    series = series[series["parameter"].isin(summary["levers"]) & series["value"].notna()]
    best = series.sort_values("value", ascending=False).groupby(["measure", "time"]).head(top)
    best = best[best["value"] > 0].assign(time=lambda table: table["time"].astype(int))
    return best.sort_values(["measure", "time"])[["measure", "time", "parameter", "value", "ci_low", "ci_high"]].assign(
        world=world.name
    )


# --- one step ---------------------------------------------------------------------------------------------------------


def stepped(asked: argparse.Namespace, folder: Path) -> None:
    """What one feasible step of each lever does, and for a million yuan of public money."""
    from cluster_sd.sensitivity import steps as library
    from cluster_sd.sensitivity.planning import Asking, plan
    from cluster_sd.sensitivity.running import run_sample
    from cluster_sd.simulate.running import Settings

    for world in chosen(asked, STEPPED):
        model = csd.load(world.model)
        settings = Settings(scenario=world.scenario, seed=asked.seed)
        planned = plan(model, Asking("sobol", 2, step_sets=asked.sets), settings)
        assert planned.stepped is not None
        streams = np.arange(planned.stepped.runs) // len(planned.stepped.variants)
        ran = run_sample(model, planned.stepped, planned.numbers, settings, streams=streams)
        found = library.steps(
            planned.stepped, ran.outputs, planned.actions, [one.better for one in planned.numbers],
            spending=planned.spending,
        )  # fmt: skip
        names = {one.text: one.title for one in planned.numbers}
        table: Any = found.table()
        table = table.assign(world=world.name, sets=asked.sets, failed=int(ran.outputs.failed.sum()))
        keep(told(table.assign(outcome=table["measure"].map(names))), "steps", "world")


def better(table: Any) -> Any:
    """Of a lever's two directions the one that makes the outcome better more often; the larger, where they tie."""
    order = table.assign(size=table["median"].abs()).sort_values(["improves", "size"], ascending=False, kind="stable")
    return order.groupby(["outcome", "lever"]).head(1).sort_index()


def told(table: Any) -> Any:
    """The columns that are kept; a million yuan, not a yuan; nothing for levers that no public money pays."""
    unpaid = table["lever"].isin(list(UNPAID))
    for name in ("per_yuan", "per_yuan_low", "per_yuan_high"):
        table[name.replace("yuan", "million")] = (1e6 * table[name]).where(~unpaid)
    columns = [
        "world", "outcome", "lever", "step", "from", "to", "median", "spread_low", "spread_high", "improves", "best",
        "cost", "cost_verdict", "per_million", "per_million_low", "per_million_high", "sets", "failed",
    ]  # fmt: skip
    moves = (table["spread_low"] != 0) | (table["spread_high"] != 0)
    return better(table[moves])[columns]


# --- mechanisms -------------------------------------------------------------------------------------------------------


def mechanisms(asked: argparse.Namespace, folder: Path) -> None:
    """Each mechanism (or network) off and on in all combinations, over the uncertain parameters."""
    for one in chosen(asked, EXPERIMENTS):
        keep(experiment(one, asked.sets, asked.seed), "mechanisms", "world")


def experiment(one: Mechanisms, sets: int, seed: int) -> Any:
    """Main effects, interactions, Shapley values and cells of one experiment, for all outcomes."""
    from cluster_sd.sensitivity import experiment as library
    from cluster_sd.sensitivity.measures_of import resolve
    from cluster_sd.sensitivity.problem import problem_of
    from cluster_sd.sensitivity.running import run_sample
    from cluster_sd.simulate.running import Settings

    model = csd.load(one.model)
    switches = library.switches_of(model, one.switches)
    switched = {name for s in switches for name in (*s.off, *s.on)} | set(one.always)
    rows = [row for row in model.folder.parameters if row.role == "uncertain" and row.name not in switched]
    problem = problem_of(model, rows, roles=("uncertain",), grouping="none")
    design = library.factorial(model, problem, switches, sets, always=one.always, seed=seed, scenario=one.scenario)
    measures = list(dict.fromkeys(row.measure for row in model.folder.outcomes))
    asked = resolve(model, np.array([np.nan]), measures)
    settings = Settings(scenario=one.scenario, seed=seed)
    streams = np.arange(design.runs) // len(design.variants)
    ran = run_sample(model, design, asked, settings, streams=streams)
    found = library.effects(design, ran.outputs, switches)
    titles = {a.text: a.title for a in asked}
    table: Any = found.table()
    columns = ["world", "outcome", "kind", "term", "mean", "ci_low", "ci_high", "median", "spread_low", "spread_high",
               "positive", "sets", "left_out"]  # fmt: skip
    table = table.assign(world=one.name, outcome=table["measure"].map(titles), sets=sets, left_out=found.dropped)
    pairs = (table["kind"] != "interaction") | (table["term"].str.count(" × ") == 1)
    return table[pairs & (table["kind"] != "cell")][columns]


# --- side by side -----------------------------------------------------------------------------------------------------


def side_by_side(asked: argparse.Namespace, folder: Path) -> None:
    """The levers that the two models share in kind: their best place among the levers over all outcomes."""
    levers: Any = pd.read_csv(RESULTS / "levers.csv")
    worlds = {"orange": "county", "lead": "county of lead"}
    place: dict[str, Any] = {}
    for model, world in worlds.items():
        table = levers[(levers["world"] == world) & (levers["kind"] == "lever")].set_index("parameter")
        numbers = table.drop(columns=["world", "kind"]).dropna(axis=1, how="all")
        numbers = numbers.loc[:, numbers.max() >= LEAST]  # where no lever counts, places say nothing
        place[model] = numbers.rank(ascending=False), numbers
    rows = []
    for what, orange, lead in SHARED:
        row: dict[str, Any] = {"in kind": what}
        for model, name in (("orange", orange), ("lead", lead)):
            ranks, numbers = place[model]
            outcome = str(ranks.loc[name].idxmin())
            row |= {model: name, f"{model}: best place": int(ranks.loc[name, outcome]), f"{model}: in": outcome}
            row |= {
                f"{model}: ST there": numbers.loc[name, outcome],
                f"{model}: median place": ranks.loc[name].median(),
            }
        rows.append(row)
    pd.DataFrame(rows).to_csv(RESULTS / "side_by_side.csv", index=False, float_format=FORMAT)


PARTS = {"ranked": ranked, "steps": stepped, "mechanisms": mechanisms, "side": side_by_side}

if __name__ == "__main__":
    sys.exit(main())
