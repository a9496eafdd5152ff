"""Whether the known numbers lie within what the ranges allow, and how far the base run is from them."""

from __future__ import annotations

import numpy as np
import pandas as pd

import cluster_sd as csd
from analysis.orange_claims.sampling import over_ranges

# what is known: (scenario, what, measure, figure, unit shown, divisor)
KNOWN = [
    *[
        ("base", f"area {y}", f"Planted area@{y}", v, "10^3 mu", 1e3)
        for y, v in {2018: 250e3, 2020: 268e3, 2021: 285e3, 2023: 280e3, 2024: 285e3, 2025: 285e3}.items()
    ],
    *[
        ("base", f"harvest {y}", f"Output@{y}", v, "10^3 t", 1e6)
        for y, v in {2018: 400e6, 2020: 493e6, 2021: 468e6, 2024: 528e6, 2025: 530.1e6}.items()
    ],
    ("base", "price of premium fruit 2023", "Premium farm price@2023", 4.4, "yuan/kg", 1.0),
    ("H village", "household income 2009", "Income per household@2009", 20_000.0, "yuan/year", 1.0),
]
ABSURD = {  # a run is absurd when its measure leaves these bounds
    "min(Farmer capital)": (0.0, np.inf),
    "min(Pool)": (0.0, np.inf),
    "min(Households outside)": (0.0, np.inf),
    "min(Suitable land left)": (0.0, np.inf),
    "max(Trust)": (0.0, 1.0),
    "max(Member share)": (0.0, 1.0),
    "max(Reputation)": (0.0, 1.0),
    "min(Planted area)": (1_000.0, np.inf),
    "max(Premium farm price)": (0.0, 25.0),
    "min(Income per household)": (0.0, np.inf),
    "max(Income per household)": (0.0, 500_000.0),
    "max(Price gain)": (-1.0, 2.0),
}


def known_numbers(
    model: csd.Model, runs: int, seed: int, fixed: dict[str, dict[str, float]]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """A row a known number, and how many of the county's runs fail or go absurd, by cause."""
    rows, counts = [], {}
    for scenario in dict.fromkeys(k[0] for k in KNOWN):
        wanted = [k for k in KNOWN if k[0] == scenario]
        measures = list(dict.fromkeys(k[2] for k in wanted))
        sample = over_ranges(model.parameters, runs, seed, leave_out=fixed[scenario])
        extra = list(ABSURD) if scenario == "base" else []
        found = model.ensemble(sample, measures=measures + extra, scenario=scenario)
        base = model.ensemble(pd.DataFrame({"Replicates": [1.0]}), measures=measures, scenario=scenario)
        failed = np.asarray(found["failed"].values)
        for _, what, measure, figure, unit, divisor in wanted:
            values = np.asarray(found[measure].values)[~failed] / divisor
            low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
            run, figure = float(base[measure].values[0]) / divisor, figure / divisor
            rows.append(
                {
                    "number": what,
                    "unit": unit,
                    "known": figure,
                    "base run": run,
                    "distance": run / figure - 1,
                    "low": low,
                    "median": middle,
                    "high": high,
                    "inside": low <= figure <= high,
                }
            )
        if extra:
            counts = {"runs": runs, "failed": int(failed.sum())} | absurd_counts(found)
    return pd.DataFrame(rows), counts


def absurd_counts(found) -> dict[str, int]:
    """How many runs leave each bound, and how many leave any."""
    counts, any_ = {}, False
    for measure, (low, high) in ABSURD.items():
        values = np.asarray(found[measure].values)
        slack = 1e-9 * max(1.0, abs(low) if np.isfinite(low) else 0.0)
        out = (values < low - slack) | (values > high + slack)
        any_ = any_ | out
        if out.any():
            counts[measure] = int(out.sum())
    return {"absurd": int(np.sum(any_))} | counts


def as_markdown(table: pd.DataFrame, counts: dict[str, int]) -> str:
    """Both, for the model's README."""
    lines = [
        "| number | unit | known | base run | distance | 5 % | median | 95 % | inside |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in table.to_dict("records"):
        lines.append(
            f"| {r['number']} | {r['unit']} | {r['known']:.4g} | {r['base run']:.4g} | {r['distance']:+.0%} | "
            f"{r['low']:.4g} | {r['median']:.4g} | {r['high']:.4g} | {'yes' if r['inside'] else '**no**'} |"
        )
    causes = ", ".join(f"`{k}` {v}" for k, v in counts.items() if k not in {"runs", "failed", "absurd"}) or "none"
    lines.append(f"\nOf {counts['runs']} runs {counts['failed']} failed and {counts['absurd']} went absurd ({causes}).")
    return "\n".join(lines) + "\n"
