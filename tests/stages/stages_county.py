"""A county with everything that a model's folder can hold, and with closed forms for much of it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

MODEL = """{UTF-8}
Land= INTEG(planting, first)
\t~\tmu
\t~\tLand under the fruit [C1]
\t|
planting= rate*Land*(1 - Land/room)
\t~\tmu/year
\t~\tNew orchards: neighbours follow [C1] [exogenous: nothing]
\t|
first= 100000
\t~\tmu
\t~\tLand at the start
\t|
rate= 0.2
\t~\t1/year
\t~\tHow fast it spreads
\t|
room= 300000
\t~\tmu
\t~\tLand that is fit
\t|
advice= 1
\t~\tdmnl
\t~\tWhat advisers do
\t|
care= 1
\t~\tdmnl
\t~\tHow well trees are kept
\t|
idle= 3
\t~\tdmnl
\t~\tDoes nothing
\t|
Harvest= 1500*(0.5*advice + 0.25*care)*Land
\t~\tkg/year
\t~\tHarvest of the year
\t|
Score= 4*advice + 2*care + 0*idle
\t~\tdmnl
\t~\tA sum: its indices are known
\t|
Cumulative public spending= INTEG(1e6*advice, 0)
\t~\tyuan
\t~\tWhat advice costs
\t|
INITIAL TIME= 2000
\t~\tyear
\t~\t
\t|
FINAL TIME= 2030
\t~\tyear
\t~\t
\t|
TIME STEP= 0.25
\t~\tyear
\t~\t
\t|
SAVEPER= 1
\t~\tyear
\t~\t
\t|
"""
PARAMETERS = """name,value,unit,low,high,distribution,role,group,from,step,evidence
advice,1,dmnl,0,2,uniform,lever,C1,2020,0.5,C1
idle,3,dmnl,0,10,uniform,lever,C2,,1,C2
care,1,dmnl,0,2,uniform,uncertain,C2,2020,,yearbook
rate,0.2,1/year,0.15,0.25,uniform,uncertain,C1,,,yearbook
"""
OUTCOMES = """name,measure,unit,better,description
Points,final(Score),dmnl,high,The sum at the end
Land at the end,final(Land),mu,high,How much is planted
"""
SCENARIOS = """["base"]
description = "As it is"

["no care"]
description = "Nobody prunes"
["no care".set]
"care" = 0

["impossible"]
description = "Trees without end"
["impossible".set]
"first" = 1e308
"rate" = 1e308

["calibrated"]
description = "The likeliest values, 2026-11-20; model {model}, data county.csv {data} (SHA-256, first 12)"
["calibrated".set]
"rate" = 0.15
"""
MECHANISMS = """["advice"]
off = { "advice" = 0 }
on = { "advice" = 2 }

["care"]
off = { "care" = 0 }
on = { "care" = 2 }
"""
LOOPS = """id,name,variables,mechanism,kind
R1,Neighbours follow,Land; planting,C1,inward
"""
ESTIMATES = """parameter,estimate,ci_low,ci_high,prior_low,prior_high,verdict,more
rate,0.15,0.14,0.16,0.1,0.3,identifiable,1
"""
HELD_OUT = """series,held_out,n,r2,mae_over_mean,rmse,naive_rmse,theil_bias,theil_variance,theil_covariance
Land,fitted,8,0.9,0.02,5000,9000,0.1,0.2,0.7
Land,held out,2,,0.03,6000,20000,1,0,0
"""
#: What the statistics are true of.
TRUTH = 0.15


def course(rate: float, times: np.ndarray) -> np.ndarray:
    """Land in Euler steps of a quarter of a year, in mu."""
    land, found = 100_000.0, {2000.0: 100_000.0}
    for k in range(120):
        land += 0.25 * rate * land * (1 - land / 300_000)
        found[2000 + 0.25 * (k + 1)] = land
    return np.array([found[float(t)] for t in times])


def write_county(folder: Path, *, plain: bool = False) -> Path:
    """The model with all that a folder can hold, or (`plain`) alone; gives the model file."""
    path = folder / "county.mdl"
    path.write_text(MODEL, encoding="utf-8")
    if plain:
        return path
    times = np.arange(2004, 2014)
    rows = [("place", "variable", "time", "value", "unit", "source", "reliability", "note")]
    rows += [
        ("A", "Land", year, f"{value / 1e4:.6f}", "万亩", "yearbook", "official statistic", "")
        for year, value in zip(times, course(TRUTH, times), strict=True)
    ]
    rows += [
        ("A", "roads", 2010, 5, "km", "yearbook", "official statistic", ""),
        ("B", "Land", 2010, 7, "mu", "x", "y", ""),
    ]
    (folder / "data").mkdir()
    write_rows(folder / "data" / "county.csv", rows)
    write_rows(
        folder / "data" / "left_out.csv",
        [(*rows[0], "reason"), ("A", "Land", 2012, 9, "mu", "z", "claim", "", "twice")],
    )
    write_rows(folder / "posterior.csv", [("rate",), *((f"{r:.6f}",) for r in np.linspace(0.14, 0.16, 41))])
    files = {
        "parameters.csv": PARAMETERS, "outcomes.csv": OUTCOMES, "mechanisms.toml": MECHANISMS, "loops.csv": LOOPS,
        "estimates.csv": ESTIMATES, "holdout_scores.csv": HELD_OUT, "names_zh.csv": "name,zh\nLand,面积\nPoints,得分\n",
        "names_en.csv": "name,en\nLand,Orchards\n", "groups.csv": "group,name,zh\nC1,Advice,指导\n",
        "README.md": "# The county\n\nHow *land* fills [with](x) trees. And more.\n",
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    ship(folder)
    return path


def ship(folder: Path) -> None:
    """Write the scenarios, with the calibration's marks of the model and data as they are."""
    import cluster_sd as csd
    from cluster_sd.output import digest

    (folder / "scenarios.toml").unlink(missing_ok=True)
    model = csd.load(folder / "county.mdl").equations_hash[:12]
    data = digest(folder / "data" / "county.csv")[:12]
    (folder / "scenarios.toml").write_text(SCENARIOS.format(model=model, data=data), encoding="utf-8")


def write_rows(path: Path, rows: Sequence[Sequence[object]]) -> None:
    """Rows as a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def rows_of(found: Any, table: str, **where: object) -> list[dict[str, Any]]:
    """Rows of a table whose columns have these values."""
    columns = found.tables[table]
    names = list(columns)
    made = [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return [row for row in made if all(row[key] == value for key, value in where.items())]
