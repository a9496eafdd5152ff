"""Do the loops of the four mechanisms come in layers? The orange model's named loops over the parameters' ranges.

Run it from the repository's root::

    python analysis/orange_layers/run.py --runs 512

Results are written beside this file: ``verdicts.csv``, ``starts.csv``, ``years.csv``, ``deciders.csv``, ``loops.csv``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from layers import MECHANISMS, QUESTIONS, Runs, centres, starts

import cluster_sd as csd
from cluster_sd.loops import EnsembleLoops, Question, analyse, analyse_ensemble, read_question
from cluster_sd.sensitivity.method import find_method
from cluster_sd.sensitivity.problem import problem_of

HERE = Path(__file__).parent
SEED = 19
SUPPORTED, CONTRADICTED = 0.8, 0.2
EVERY = 1.0
SCALES = {"county": None, "H village": "H village"}


def gather(model: csd.Model, design: dict[str, np.ndarray], scenario: str | None) -> tuple[Runs, EnsembleLoops]:
    """Run the ensemble and add the shares up by mechanism."""
    base = analyse(model, scenario=scenario, save_every=EVERY)
    loops = analyse_ensemble(model, design, base=base, scenario=scenario, save_every=EVERY)
    question = read_question(model.path.parent, model.program.outputs)
    good = ~loops.failed
    return Runs(
        times=loops.times,
        shares=_mechanisms(loops, question, driving=False)[good],
        driving=_mechanisms(loops, question, driving=True)[good],
    ), loops


def _mechanisms(loops: EnsembleLoops, question: Question, driving: bool) -> np.ndarray:
    """Sizes of the shares of the named loops of each mechanism, shape (run, time, mechanism)."""

    def of(loop: Any) -> str:
        counts = loop.name and not (driving and loop.kind == "balancing")
        return question.group_of(loop.mechanism) if counts else ""

    made = loops.grouped(of, named=True)
    empty = np.zeros(made.shares.shape[:-1])
    columns = [made.shares[..., made.names.index(one)] if one in made.names else empty for one in MECHANISMS]
    return np.stack(columns, axis=-1)


def verdicts(runs: Runs, scale: str) -> list[list[Any]]:
    """One row a claim: share of the runs that say yes, with its 95 % interval (Wilson 1927)."""
    rows = []
    for question in QUESTIONS:
        yes = question.answer(runs)
        share, n = float(yes.mean()), len(yes)
        low, high = wilson(share, n)
        word = "supported" if share >= SUPPORTED else "contradicted" if share <= CONTRADICTED else "undetermined"
        rows.append([scale, question.claim, question.asked, n, share, low, high, word])
    return rows


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Interval of a share of n runs."""
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def beginnings(runs: Runs, scale: str) -> list[list[Any]]:
    """When each layer starts, where it does, and the mean time and size of its share."""
    found, middle = starts(runs.times, runs.shares), centres(runs.times, runs.shares)
    rows = []
    for i, name in enumerate(MECHANISMS):
        own = found[np.isfinite(found[:, i]), i]
        low, mid, high = np.quantile(own, [0.05, 0.5, 0.95]) if len(own) else [np.nan] * 3
        part = float(np.median(runs.shares[:, :, i].mean(axis=1)))
        rows.append([scale, name, len(own) / len(found), low, mid, high, float(np.nanmedian(middle[:, i])), part])
    return rows


def years(runs: Runs, scale: str) -> pd.DataFrame:
    """By year: median and 90 % of each mechanism's share."""
    table: dict[str, Any] = {"scale": scale, "year": runs.times}
    for i, name in enumerate(MECHANISMS):
        low, middle, high = np.quantile(runs.shares[:, :, i], [0.05, 0.5, 0.95], axis=0)
        table |= {f"{name}: 5 %": low, f"{name}: median": middle, f"{name}: 95 %": high}
    return pd.DataFrame(table)


def deciders(runs: Runs, scale: str, unit: np.ndarray, names: list[str], top: int = 4) -> list[list[Any]]:
    """For each claim the parameters that tell runs that say yes from runs that say no: difference of mean ranks."""
    ranks = pd.DataFrame(unit, columns=names).rank(pct=True)
    rows = []
    for question in QUESTIONS:
        yes = question.answer(runs)
        if 0.02 < yes.mean() < 0.98:
            gap = ranks[yes].mean() - ranks[~yes].mean()
            floor = 2.9 * np.sqrt((1 / yes.sum() + 1 / (~yes).sum()) / 12)  # one in 250 parameters passes it by chance
            for name in gap.abs().nlargest(top).index:
                if abs(gap[name]) > floor:
                    rows.append([scale, question.claim, name, gap[name], floor])
    return rows


def main() -> None:
    """Run everything and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=512, help="parameter sets at each scale (default 512)")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for the tables")
    args = parser.parse_args()
    model = csd.load("orange")
    problem = problem_of(model, roles=("uncertain", "initial", "lever"), grouping="none")
    sample = find_method("pawn").sample(problem, args.runs, seed=SEED)
    names = [factor.name for factor in problem.factors]
    said, begun, yearly, decided, listed = [], [], [], [], []
    for scale, scenario in SCALES.items():
        runs, loops = gather(model, _free(model, sample.design(), scenario), scenario)
        print(f"{scale}: {len(loops.failed)} runs, {int(loops.failed.sum())} failed; loops missed: {loops.missed:.3g}")
        said += verdicts(runs, scale)
        begun += beginnings(runs, scale)
        yearly.append(years(runs, scale))
        decided += deciders(runs, scale, sample.unit()[~loops.failed], names)
        named = [one for one in loops.loops if one.name]
        listed += [[scale, one.id, one.name, one.kind, one.mechanism, one.mean_share] for one in named]
    columns = ["scale", "claim", "question to each run", "runs", "share yes", "low", "high", "verdict"]
    first = ["scale", "mechanism", "starts in", "5 %", "median", "95 %", "mean time", "mean share"]
    tables = {
        "verdicts": pd.DataFrame(said, columns=columns),
        "starts": pd.DataFrame(begun, columns=first),
        "years": pd.concat(yearly),
        "deciders": pd.DataFrame(decided, columns=["scale", "claim", "parameter", "rank difference", "chance"]),
        "loops": pd.DataFrame(listed, columns=["scale", "loop", "name", "kind", "mechanism", "mean share"]),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(args.out / f"{name}.csv", index=False, float_format="%.4g")
        if name != "years":
            print(f"\n{name}\n{table.to_string(index=False)}")


def _free(model: csd.Model, design: dict[str, np.ndarray], scenario: str | None) -> dict[str, np.ndarray]:
    """The design without what the scenario itself sets: a village stays a village."""
    if scenario is None:
        return design
    fixed = {change.name.lower() for change in model.folder.changes(scenario)}
    return {name: values for name, values in design.items() if name.split("@")[0].lower() not in fixed}


if __name__ == "__main__":
    main()
