"""Does dominance pass as the paper says? Bridging and loops of the lead model over the parameters' ranges.

Run it from the repository's root::

    python analysis/lead_relay/run.py --runs 1024

Results are written beside this file: ``verdicts.csv``, ``passes.csv``, ``years.csv``,
``together.csv``, ``levers.csv``, ``loops.csv``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from relay import ACTORS, NETWORKS, QUESTIONS, Runs, centres, side_by_side, switches
from scipy.stats import spearmanr

import cluster_sd as csd
from cluster_sd.loops import EnsembleLoops, analyse, analyse_ensemble, read_question
from cluster_sd.sensitivity.method import find_method
from cluster_sd.sensitivity.problem import Problem, problem_of

HERE = Path(__file__).parent
SEED = 15
SUPPORTED, CONTRADICTED = 0.8, 0.2
#: Analysed once a year; the engine's step is the model's.
EVERY = 1.0
BRIDGING = tuple(f"Bridging share[{actor}]" for actor in ACTORS)
PAIRS = tuple(f"Pair share[{actor}]" for actor in ACTORS)
SMELTING = "final(Event date[own smelting])"


def gather(model: csd.Model, design: dict[str, np.ndarray]) -> tuple[Runs, EnsembleLoops]:
    """Run the ensemble and sort what it gave."""
    base = analyse(model, save_every=EVERY)
    loops = analyse_ensemble(model, design, base=base, save_every=EVERY)
    series = model.ensemble_arrays(design, [*BRIDGING, *PAIRS], save_every=EVERY)
    dates = model.ensemble_arrays(design, [SMELTING]).values[SMELTING]
    good = ~(loops.failed | series.failed)
    at = np.searchsorted(series.times, loops.times - 1e-9)
    question = read_question(model.path.parent, model.program.outputs)
    drives = set(question.drives)

    def network(loop: Any) -> str:
        return question.group_of(loop.mechanism) if loop.name and loop.kind != "balancing" else ""

    def asked(loop: Any) -> str:
        return network(loop) if drives & set(loop.shown) else ""

    return (
        Runs(
            times=loops.times,
            bridging=np.stack([series.values[name][good][:, at] for name in BRIDGING], axis=2),
            pairs=np.stack([series.values[name][good][:, at] for name in PAIRS], axis=2),
            networks=_groups(loops, network, NETWORKS)[good],
            through=_groups(loops, asked, NETWORKS)[good],
            inward=_groups(loops, "kind", ("inward",))[good, :, 0],
            outward=_groups(loops, "kind", ("outward",))[good, :, 0],
            grown=dates[good] < 2000,
        ),
        loops,
    )


def _groups(loops: EnsembleLoops, by: Any, names: tuple[str, ...]) -> np.ndarray:
    made = loops.grouped(by, named=True)
    empty = np.zeros(made.shares.shape[:-1])
    return np.stack(
        [made.shares[..., made.names.index(name)] if name in made.names else empty for name in names], axis=-1
    )


def verdicts(runs: Runs) -> pd.DataFrame:
    """One row a claim: share of the runs that say yes, with its 95 % interval (Wilson 1927)."""
    rows = []
    for question in QUESTIONS:
        yes, able = question.answer(runs)
        n, share = int(able.sum()), float(yes[able].mean()) if able.any() else np.nan
        low, high = wilson(share, n)
        word = "supported" if share >= SUPPORTED else "contradicted" if share <= CONTRADICTED else "undetermined"
        rows.append([question.claim, question.asked, n, share, low, high, word])
    columns = ["claim", "question to each run", "can say", "share yes", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Interval of a share of n runs."""
    if not n:
        return np.nan, np.nan
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def years(runs: Runs) -> pd.DataFrame:
    """By year: median and 90 % of each share, and the part of the runs in which each leads."""
    able = runs.grown
    table: dict[str, Any] = {"year": runs.times}
    for names, values in ((ACTORS, runs.bridging), (NETWORKS, runs.networks)):
        best = np.where(values.max(axis=2) > 0, values.argmax(axis=2), -1)[able]
        for i, name in enumerate(names):
            low, middle, high = np.quantile(values[able, :, i], [0.05, 0.5, 0.95], axis=0)
            table |= {f"{name}: 5 %": low, f"{name}: median": middle, f"{name}: 95 %": high}
            table[f"{name}: leads in"] = (best == i).mean(axis=0)
    for name, values in (("inward", runs.inward), ("outward", runs.outward)):
        table[f"{name}: median"] = np.median(values[able], axis=0)
    table["inward: leads in"] = (runs.inward > runs.outward)[able].mean(axis=0)
    return pd.DataFrame(table)


def passes(runs: Runs) -> pd.DataFrame:
    """When the second stays above the first to the end: part of the runs, median and 90 %."""
    rows = []
    for names, values in ((ACTORS, runs.bridging), (NETWORKS, runs.networks)):
        for a, before in enumerate(names):
            for b, after in enumerate(names):
                if a == b:
                    continue
                over = values[runs.grown][:, :, b] > values[runs.grown][:, :, a]
                stays = np.flip(np.minimum.accumulate(np.flip(over, axis=1), axis=1), axis=1)
                happens = stays.any(axis=1) & ~stays.all(axis=1)
                when = runs.times[stays.argmax(axis=1)][happens]
                middle = np.quantile(when, [0.05, 0.5, 0.95]) if len(when) else [np.nan] * 3
                rows.append([before, after, happens.mean(), *middle])
    return pd.DataFrame(rows, columns=["from", "to", "part of runs", "5 %", "median", "95 %"])


def levers(runs: Runs, problem: Problem, unit: np.ndarray, top: int = 6) -> pd.DataFrame:
    """Parameters that move the centres most: rank correlation, with the level that chance reaches in one of all."""
    outputs = {
        f"centre of the {name}'s loops": values
        for name, values in zip(NETWORKS, centres(runs.times, runs.networks).T, strict=True)
    }
    outputs |= {
        f"centre of the bridging of the {name}": values
        for name, values in zip(ACTORS, centres(runs.times, runs.bridging).T, strict=True)
    }
    outputs["side by side"] = side_by_side(runs)
    outputs["switches between the phases"] = switches(runs).astype(float)
    names = [factor.name for factor in problem.factors]
    roles = [factor.role for factor in problem.factors]
    ranks = pd.DataFrame(unit[runs.grown], columns=names).rank()
    chance = (
        1.96 + 0.9
    )  # about the 99.8 % point: one of some two hundred parameters passes it by chance in three tables
    rows = []
    for output, values in outputs.items():
        found = ranks.corrwith(pd.Series(values[runs.grown]).rank())
        floor = chance / np.sqrt(runs.grown.sum())
        for name in found.abs().nlargest(top).index:
            if abs(found[name]) > floor:
                rows.append([output, name, roles[names.index(str(name))], found[name], floor])
    return pd.DataFrame(rows, columns=["output", "parameter", "role", "rank correlation", "chance"])


def together(runs: Runs) -> pd.DataFrame:
    """Whether runs in which an actor bridges later are those in which a network's loops act later."""
    loops, bridging = centres(runs.times, runs.networks)[runs.grown], centres(runs.times, runs.bridging)[runs.grown]
    rows = []
    for i, network in enumerate(NETWORKS):
        for j, actor in enumerate(ACTORS):
            found: Any = spearmanr(loops[:, i], bridging[:, j], nan_policy="omit")
            rows.append([network, actor, found.statistic])
    return pd.DataFrame(rows, columns=["centre of the loops of", "centre of the bridging of", "rank correlation"])


def sampled(model: csd.Model, runs: int, roles: tuple[str, ...]) -> tuple[Runs, EnsembleLoops, Problem, np.ndarray]:
    """Runs over the ranges of the parameters of these roles, the others at their values."""
    problem = problem_of(model, roles=roles, grouping="none")
    sample = find_method("pawn").sample(problem, runs, seed=SEED)
    made, loops = gather(model, sample.design())
    print(f"{len(loops.failed)} runs, {int(loops.failed.sum())} failed; loops missed: {loops.missed:.3g}")
    return made, loops, problem, sample.unit()[~loops.failed]


def main() -> None:
    """Run everything and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1024, help="parameter sets (default 1024)")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for the tables")
    args = parser.parse_args()
    model = csd.load("lead")
    runs, loops, _, _ = sampled(model, args.runs, ("uncertain", "initial"))
    wide, _, problem, unit = sampled(model, args.runs, ("uncertain", "initial", "lever"))
    named = [[one.id, one.name, one.kind, one.mechanism, one.mean_share] for one in loops.loops if one.name]
    tables = {
        "verdicts": verdicts(runs),
        "passes": passes(runs),
        "years": years(runs),
        "together": together(runs),
        "levers": levers(wide, problem, unit),
        "loops": pd.DataFrame(named, columns=["loop", "name", "kind", "mechanism", "mean share"]),
    }
    for name, table in tables.items():
        table.to_csv(args.out / f"{name}.csv", index=False, float_format="%.4g")
        if name != "years":
            print(f"\n{name}\n{table.to_string(index=False)}")


if __name__ == "__main__":
    main()
