"""Which of the paper's claims the model bears out over its ranges: ``python -m analysis.orange_claims``."""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd

import cluster_sd as csd
from analysis.orange_claims import known
from analysis.orange_claims.claims import CLAIMS, COMBINATIONS, MEASURES, WORLDS, Worlds, value_of
from analysis.orange_claims.sampling import over_ranges, run_worlds

HERE = Path(__file__).parent
MODEL = HERE.parents[1] / "sd_models" / "orange"
SCENARIOS = {"county": "base", "village": "H village"}
SUPPORTED, CONTRADICTED = 0.9, 0.1  # share of runs from which, and to which, a verdict is given
VERDICTS = "<!-- verdicts: written by the study -->", "<!-- end of verdicts -->"
NUMBERS = "<!-- known numbers: written by the study -->", "<!-- end of known numbers -->"


def main(arguments: list[str] | None = None) -> int:
    """Run the study, print the verdicts, keep them."""
    parser = argparse.ArgumentParser(prog="python -m analysis.orange_claims", description=__doc__)
    parser.add_argument("--runs", type=int, default=4000, help="parameter sets for each scale (default 4000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="keep the results here and in the model's README")
    asked = parser.parse_args(arguments)
    model = csd.load("orange")
    tables = {}
    for scale, scenario in SCENARIOS.items():
        worlds = run_scale(model, scenario, asked.runs, asked.seed)
        tables[scale] = judge(worlds), combinations(worlds)
    verdicts = pd.concat({scale: t[0] for scale, t in tables.items()}, names=["scale"]).reset_index(level=0)
    sums = pd.concat({scale: t[1] for scale, t in tables.items()}, names=["scale"]).reset_index(level=0)
    fixed = {scenario: scenario_values(scenario) for scenario in SCENARIOS.values()}
    numbers, counts = known.known_numbers(model, asked.runs, asked.seed, fixed)
    print(numbers.to_string(index=False), counts, sep="\n")
    print(verdicts[["scale", "id", "verdict", "share", "median", "low", "high", "runs"]].to_string(index=False))
    if asked.write:
        keep(verdicts, sums, numbers)
        into_readme(NUMBERS, known.as_markdown(numbers, counts))
    return 0


def run_scale(model: csd.Model, scenario: str, runs: int, seed: int) -> Worlds:
    """All worlds for one scale."""
    fixed = scenario_values(scenario)
    sample = over_ranges(model.parameters, runs, seed, leave_out=fixed)
    return run_worlds(model, sample, WORLDS, MEASURES, scenario, fixed)


def scenario_values(scenario: str) -> dict[str, float]:
    """What a scenario sets."""
    text = (MODEL / "scenarios.toml").read_text(encoding="utf-8")
    return {k: float(v) for k, v in tomllib.loads(text)[scenario].get("set", {}).items()}


def judge(worlds: Worlds) -> pd.DataFrame:
    """A row a claim: share of runs that show it, and how large the effect is."""
    rows = []
    for claim in CLAIMS:
        effect = np.asarray(claim.effect(worlds), float)
        effect = effect[np.isfinite(effect)]
        share = float((effect > 0).mean()) if len(effect) else np.nan
        verdict = "supported" if share >= SUPPORTED else "contradicted" if share <= CONTRADICTED else "undetermined"
        low, median, high = np.quantile(effect, [0.05, 0.5, 0.95]) if len(effect) else (np.nan,) * 3
        rows.append(
            {
                "id": claim.id,
                "claim": claim.text,
                "test": claim.test,
                "verdict": verdict,
                "share": round(share, 3),
                "median": round(median, 4),
                "low": round(low, 4),
                "high": round(high, 4),
                "unit": claim.unit,
                "runs": len(effect),
            }
        )
    return pd.DataFrame(rows)


def combinations(worlds: Worlds) -> pd.DataFrame:
    """Real orchard income of every combination of mechanisms, relative to none of them."""
    rows = []
    for world in COMBINATIONS:
        none = "---- " + world.name.split()[1]
        ratio = value_of(worlds, world.name) / value_of(worlds, none).clip(lower=1e-9)
        low, median, high = np.nanquantile(ratio, [0.05, 0.5, 0.95])
        rows.append(
            {"combination": world.name, "median": round(median, 3), "low": round(low, 3), "high": round(high, 3)}
        )
    return pd.DataFrame(rows)


def keep(verdicts: pd.DataFrame, sums: pd.DataFrame, numbers: pd.DataFrame) -> None:
    """Write the results beside the study and the verdicts into the model's README."""
    verdicts.to_csv(HERE / "results" / "verdicts.csv", index=False)
    sums.to_csv(HERE / "results" / "combinations.csv", index=False)
    numbers.to_csv(HERE / "results" / "known_numbers.csv", index=False)
    as_claims(verdicts).to_csv(MODEL / "claims.csv", index=False)
    into_readme(VERDICTS, as_markdown(verdicts, numbers))


def as_claims(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The verdicts as ``cluster-sd validate`` reads them: a row a claim and scale, the claims in the paper's order."""
    rows = verdicts.sort_values("id", key=lambda ids: ids.map(list(verdicts["id"]).index), kind="stable")
    return pd.DataFrame(
        {
            "id": rows["id"] + ", " + rows["scale"],
            "claim": rows["claim"] + ": " + rows["test"],
            "verdict": rows["verdict"],
            "share": rows["share"],
            "runs": rows["runs"],
            "source": "analysis/orange_claims, " + rows["scale"],
        }
    )


def into_readme(marks: tuple[str, str], text: str) -> None:
    """Put a text between two marks of the model's README."""
    readme = MODEL / "README.md"
    old = readme.read_text(encoding="utf-8")
    before, rest = old.split(marks[0])
    after = rest.split(marks[1])[1]
    readme.write_text(f"{before}{marks[0]}\n\n{text}\n{marks[1]}{after}", encoding="utf-8")


def as_markdown(verdicts: pd.DataFrame, numbers: pd.DataFrame) -> str:
    """The verdicts as a table, county and village side by side."""
    lines = ["| id | claim | how it is read off the runs | county | village |", "|---|---|---|---|---|"]
    by = verdicts.set_index(["scale", "id"])
    for identity in dict.fromkeys(verdicts["id"]):
        cells = []
        for scale in SCENARIOS:
            r = by.loc[(scale, identity)]
            effect = f"{r['median']:+.3g} [{r['low']:+.3g}, {r['high']:+.3g}] {r['unit']}"
            cells.append(f"**{r['verdict']}** ({100 * r['share']:.3g} % of {r['runs']}; {effect})")
        r = by.loc[("county", identity)]
        lines.append(f"| {identity} | {r['claim']} | {r['test']} | {cells[0]} | {cells[1]} |")
    inside = f"{sum(map(bool, numbers['inside']))} of {len(numbers)} known numbers lie within the 90 % interval"
    lines.append(f"| O20 | no claim: accounting | {inside} | see the numbers above | |")
    lines.append("| O22 | no claim: accounting | policy ties are won and lapse: tested | | |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
