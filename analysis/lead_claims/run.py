"""Verdicts on the paper's claims, intervals before calibration, and what the policy windows move.

Run it from the repository's root::

    python analysis/lead_claims/run.py --runs 4096 --write

Results are written beside this file: ``verdicts.csv``, ``networks.csv``, ``intervals.csv``, ``windows.csv``,
``deciders.csv``, ``failures.csv``; with ``--write`` the verdicts also into the model's folder, as the ``claims.csv``
that ``cluster-sd validate`` reads.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from claims import CASES, CLAIMS, EVENTS, HAPPENED, MEASURES, RELAY, SCALED, SHOCKS, Results, network_correlations
from sampling import draw, fixed

import cluster_sd as csd

HERE = Path(__file__).parent
SEED = 4
SUPPORTED, CONTRADICTED = 0.8, 0.2  # share of the runs that can say anything
WINDOWS = ("clean up rule", "circular economy", "urban minerals", "entry conditions", "new energy")
KNOWN = (
    # what is known, measure, low, high
    ("own smelting, 1985-86", "final(Event date[own smelting])", 1985, 1987),
    ("peak of illness, later 1990s", "time_of_max(Ill people)", 1996, 2000),
    ("acceptance, April 2002", "final(Event date[acceptance])", 2002, 2002.5),
    ("park, 2005", "final(Event date[park opening])", 2005, 2006),
    ("first battery maker, 2007", "final(Event date[first battery plant])", 2007, 2008),
    ("consolidation, 2012-13", "final(Event date[consolidation])", 2012, 2014),
    ("recycled lead 2006, t/year", "Lead output@2006", 180_000, 180_000),
    ("capacity over reported national output 2017, a third", "Capacity over reported output@2017", 0.333, 0.333),
    ("capacity over national output in the model 2017, a third", "Capacity over national output@2017", 0.333, 0.333),
    ("share of national capacity 2017 (alternative)", "Capacity share@2017", np.nan, np.nan),
    ("share of national output 2017 (alternative)", "Market share@2017", np.nan, np.nan),
    ("plates and batteries over national battery capacity 2017, a fifth", "Plate and battery share@2017", 0.2, 0.2),
    ("share of battery capacity alone 2017, a fifth", "Battery share@2017", 0.2, 0.2),
    ("collectors in the late 1990s, over 20,000", "Collectors@1998", 20_000, np.inf),
    ("collectors 2023, over 100,000", "Collectors@2023", 100_000, np.inf),
    ("diagnosed cases 1996, a third of 100 or more", "Diagnosed cases@1996", 33.3, np.inf),
    ("park tax 2006, yuan of the day", "Park tax of the day@2006", 50.53e6, 50.53e6),
    ("park tax 2012, yuan of the day", "Park tax of the day@2012", 561.6e6, 561.6e6),
    ("output value 2006, yuan of the day", "Output value of the day@2006", 2e9, 2e9),
    ("output value 2012, yuan of the day", "Output value of the day@2012", 14.16e9, 14.16e9),
    ("scrap batteries processed 2012, t/year", "Scrap batteries processed@2012", 450_000, 450_000),
    ("battery capacity 2012, units/year", "Battery capacity@2012", 30e6, 30e6),
    ("workers 2012", "Workers@2012", 12_000, 12_000),
    ("fiscal dependence 2012, near a half", "Fiscal dependence@2012", 0.4, 0.5),
    ("recycled lead capacity 2023, t/year", "Product capacity@2023", 990_000, 990_000),
    ("batteries 2023, units/year", "Battery output@2023", 100e6, np.inf),
    ("airborne lead around 2000, mg/m3", "Air lead@2000", 0.0128, 0.0128),
    ("works of the merged company 2002", "Formal works@2002", 11, 11),
    ("works before the consolidation 2011", "Formal works@2011", 17, 17),
)


def results_of(model: csd.Model, design: pd.DataFrame) -> tuple[Results, pd.DataFrame]:
    """Measures of every case, and how many runs failed."""
    results, failures = {}, []
    for case, changes in CASES.items():
        values = {n: v * design[n.split("@")[0]] if n in SCALED else v for n, v in changes.items()}
        runs = model.ensemble(fixed(design, values), measures=list(MEASURES))
        results[case] = {m: runs[m].to_numpy() for m in MEASURES}
        failures.append({"case": case, "runs": len(design), "failed": int(runs["failed"].sum())})
    relay = model.ensemble(design, measures=list(RELAY))
    results["relay"] = {m: relay[m].transpose("run", "time").to_numpy() for m in RELAY}
    results["relay"]["time"] = relay["time"].to_numpy()
    return results, pd.DataFrame(failures)


def verdicts(results: Results) -> pd.DataFrame:
    """One row a claim: share of runs that say yes among those that can say anything."""
    rows = []
    for claim in CLAIMS:
        yes, able = claim.answer(results)
        n, share = int(able.sum()), float(yes[able].mean()) if able.any() else np.nan
        half = 1.96 * np.sqrt(share * (1 - share) / max(n, 1))
        rows.append(
            {
                "id": claim.id,
                "claim": claim.text,
                "question to each run": claim.asked,
                "runs": len(yes),
                "can say": n,
                "share yes": round(share, 3),
                "low": round(max(0.0, share - half), 3),
                "high": round(min(1.0, share + half), 3),
                "verdict": verdict(share),
            }
        )
    return pd.DataFrame(rows)


def verdict(share: float) -> str:
    """The word for a share of runs that say yes."""
    return "supported" if share >= SUPPORTED else "contradicted" if share <= CONTRADICTED else "undetermined"


def claims_of(table: pd.DataFrame, paradox: Path) -> pd.DataFrame:
    """Rows of ``claims.csv``: the verdicts, and the one on the paradox (L14) from the study beside this one."""
    rows: list[dict[str, Any]] = [
        {
            "id": row["id"],
            "claim": f"{row['claim']} ({row['question to each run']})",
            "verdict": row["verdict"],
            "share": row["share yes"],
            "runs": row["can say"],
            "source": "analysis/lead_claims",
        }
        for row in table.to_dict("records")
    ]
    both: Any = pd.read_csv(paradox)
    alone = both[both["founder"] == 0]
    share = round(float(alone["two stable outcomes"].median()), 3)
    text = (
        f"two stable outcomes with a tipping point between (drivers frozen, no founder; median of {len(alone)} years)"
    )
    rows.append(
        {
            "id": "L14",
            "claim": text,
            "verdict": verdict(share),
            "share": share,
            "runs": int(alone["runs"].min()),
            "source": "analysis/lead_paradox",
        }
    )
    return pd.DataFrame(rows).sort_values("id", key=lambda ids: ids.str[1:].astype(int), kind="stable")


def deciders(results: Results, design: pd.DataFrame, top: int = 4) -> pd.DataFrame:
    """For each claim the parameters that tell runs that say yes from runs that say no: difference of mean ranks."""
    ranks: Any = design.rank(pct=True)
    rows = []
    for claim in CLAIMS:
        yes, able = claim.answer(results)
        if 0 < yes[able].sum() < able.sum():
            gap = ranks[able & yes].mean() - ranks[able & ~yes].mean()
            for name in gap.abs().nlargest(top).index:
                rows.append(
                    {"id": claim.id, "claim": claim.text, "parameter": name, "rank difference": round(gap[name], 3)}
                )
    return pd.DataFrame(rows)


def intervals(model: csd.Model, design: pd.DataFrame) -> pd.DataFrame:
    """The 90 % interval of each known number before calibration, and the base run's distance."""
    measures = sorted({k[1] for k in KNOWN})
    runs = model.ensemble(design, measures=measures)
    base = model.ensemble(pd.DataFrame({"Founder": [1.0]}), measures=measures)
    rows = []
    for text, measure, low, high in KNOWN:
        values = runs[measure].to_numpy()
        q05, q50, q95 = np.nanquantile(values, [0.05, 0.5, 0.95])
        own = float(base[measure].to_numpy()[0])
        known = not np.isnan(low)
        rows.append(
            {
                "known": text,
                "measure": measure,
                "observed low": low,
                "observed high": high,
                "q05": q05,
                "median": q50,
                "q95": q95,
                "inside": bool(q05 <= high and q95 >= low) if known else "",
                "base run": own,
                "distance": own - min(max(own, low), high) if known else "",
            }
        )
    return pd.DataFrame(rows)


def windows(model: csd.Model, design: pd.DataFrame, years: float = 1.0) -> pd.DataFrame:
    """How far each event's date moves for each year that a window moves; above a half it is window-driven."""
    dates = [f"final(Event date[{e}])" for e in EVENTS]
    openings = {w: f"Opening year[{w}]" for w in WINDOWS}
    known: Any = model.parameters.set_index("name")["value"]
    rows = []
    for window in (*WINDOWS, "all"):
        moved = []
        for step in (-years, years):
            change = {"Window shift": step} if window == "all" else {openings[window]: known[openings[window]] + step}
            both = pd.concat([pd.DataFrame(index=[-1]).assign(**change), design.assign(**change)])
            base = {c: both[c].fillna(known[c]) if c in known else both[c] for c in both.columns}
            moved.append(model.ensemble(pd.DataFrame(base).reset_index(drop=True), measures=dates))
        for event, date in zip(EVENTS, dates, strict=True):
            before, after = moved[0][date].to_numpy(), moved[1][date].to_numpy()
            slope = (after - before) / (2 * years)
            happened = (before < HAPPENED) & (after < HAPPENED)
            ran = slope[1:][happened[1:]]
            q05, q50, q95 = np.quantile(ran, [0.05, 0.5, 0.95]) if ran.size else (np.nan,) * 3
            rows.append(
                {
                    "event": event,
                    "window": window,
                    "base run": round(float(slope[0]), 2) + 0.0 if happened[0] else "",  # + 0.0: no -0
                    "runs in which it happens": int(ran.size),
                    "q05": round(q05, 2) + 0.0,
                    "median": round(q50, 2) + 0.0,
                    "q95": round(q95, 2) + 0.0,
                    "share above a half": round(float((ran > 0.5).mean()), 3) if ran.size else "",
                    "window-driven": bool(q50 > 0.5),
                }
            )
    return pd.DataFrame(rows)


def main() -> None:
    """Run everything and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2048, help="parameter sets (default 2048)")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for the tables")
    parser.add_argument("--write", action="store_true", help="write claims.csv into the model's folder too")
    args = parser.parse_args()
    model = csd.load("lead")
    design = draw(model.parameters, args.runs, SEED)
    results, failures = results_of(model, design)
    tables = {
        "verdicts": verdicts(results),
        "networks": pd.DataFrame([network_correlations(results, shock) for shock in SHOCKS]),
        "intervals": intervals(model, design),
        "windows": windows(model, design),
        "deciders": deciders(results, design),
        "failures": failures,
    }
    for name, table in tables.items():
        table.to_csv(args.out / f"{name}.csv", index=False, float_format="%.6g")
        print(f"\n{name}\n{table.to_string(index=False)}")
    if args.write:
        claims = claims_of(tables["verdicts"], HERE.parent / "lead_paradox" / "bistability.csv")
        claims.to_csv(model.path.parent / "claims.csv", index=False)


if __name__ == "__main__":
    main()
