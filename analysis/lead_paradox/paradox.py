"""The capability paradox: where a county ends when outside drivers are frozen, and from where it tips.

Run it from the repository's root::

    python analysis/lead_paradox/paradox.py --runs 2048

Writes ``bistability.csv`` (share of parameter sets with two stable outcomes, by year), ``equilibria.csv`` (the
outcomes of the base parameters, with a test of stability), ``tipping.csv`` (the tipping point by bisection) and
``basin.csv`` with ``basin.png`` (where a start leads, over initial capability and ties, for several parameter sets).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import colors

import cluster_sd as csd

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "lead_claims"))
from sampling import draw, fixed  # noqa: E402  # pyright: ignore[reportMissingImports]

SEED = 14
YEARS = (1975, 1985, 1995, 2005, 2010, 2017)
SHOWN_YEARS = (1995, 2010)  # whose basins are drawn
STOP = 2170.0  # two hundred years: the slowest stock that feeds back, local capital, turns over in fifteen
STEP = 1 / 32
DEVELOPED = 2000.0  # t/year: the scale above which an industry exists (L1)
OUTPUT = "final(Lead output)"
SHOWN = (
    "Lead output", "Collectors", "Trade ties", "Policy ties", "Industry ties", "Government capability",
    "Firm capability", "Smelting technique", "Reputation", "Battery capacity", "Park readiness", "Pressure from above",
)  # fmt: skip


def start(capability: float, ties: float, industry: float = 0.0) -> dict[str, float]:
    """Initial state: capability of government and firms with technique, ties, and the industry itself; each 0 to 1."""
    return {
        "Initial government capability": capability,
        "Initial firm capability": capability,
        "Initial technique": capability,
        "Initial tie endowment": ties,
        "Initial collectors": 20_000 * industry,
        "Initial local capital": 1e8 * industry,
        "Initial capacity[merged works]": 60_000 * industry,
    }


LOW, HIGH = start(0.01, 0.0), start(0.8, 1.0, 1.0)
HELPED = {"capability alone": start(0.8, 0.0), "ties alone": start(0.01, 1.0), "both": start(0.8, 1.0)}
TIED = {"Reach without ties": 0.2}  # collecting hangs more on ties than in the base parameters
PEOPLE = ("Potters", "Ordinary labour", "Collectors", "Workers")  # their sum is conserved, so it is not disturbed


def frozen(year: float, founder: float) -> dict[str, float]:
    """All outside drivers as in a year, with or without a founder."""
    return {"Drivers frozen": 1.0, "Freeze year": year, "Founder": founder}


def ends(model: csd.Model, design: pd.DataFrame) -> np.ndarray:
    """Lead output at the end of each run."""
    return model.ensemble(design, measures=[OUTPUT], stop=STOP, time_step=STEP)[OUTPUT].to_numpy()


def soon(model: csd.Model, design: pd.DataFrame) -> np.ndarray:
    """Lead output after a generation of thirty years."""
    return model.ensemble(design, measures=[OUTPUT], stop=2000.0, time_step=STEP)[OUTPUT].to_numpy()


def bistability(model: csd.Model, draws: pd.DataFrame) -> tuple[pd.DataFrame, pd.Index]:
    """Ends from nothing and from a mature cluster, and what lifts those that end apart.

    Returns
    -------
    table : pandas.DataFrame
        One row for each year of drivers, with and without founder.
    tied : pandas.Index
        Parameter sets that ties alone lift out of nothing under the drivers of ``SHOWN_YEARS``' last, without founder.
    """
    rows, tied = [], draws.index[:0]
    for founder in (0.0, 1.0):
        for year in YEARS:
            drivers = frozen(year, founder)
            low = ends(model, fixed(draws, drivers | LOW)) >= DEVELOPED
            high = ends(model, fixed(draws, drivers | HIGH)) >= DEVELOPED
            two = high & ~low
            row: dict[str, float] = {"drivers of": year, "founder": int(founder), "runs": len(draws)}
            row |= {
                "two stable outcomes": two.mean(),
                "develops from nothing": low.mean(),
                "never lasts": (~high & ~low).mean(),
            }
            row["within 30 years"] = (soon(model, fixed(draws, drivers | LOW)) >= DEVELOPED).mean()
            for name, first in HELPED.items():
                lifted = ends(model, fixed(draws[two], drivers | first)) >= DEVELOPED if two.any() else two[:0]
                row[f"of the two: lifted by {name}"] = lifted.mean() if two.any() else np.nan
                if (name, founder, year) == ("ties alone", 0.0, SHOWN_YEARS[-1]):
                    tied = draws.index[two][lifted]
            rows.append(row)
    return pd.DataFrame(rows).round(3), tied


def equilibria(model: csd.Model, tied: dict[str, float]) -> pd.DataFrame:
    """End states from both starts, whether they rest, and whether they return when disturbed.

    For the base parameters, and for the base parameters with collecting more dependent on ties.
    """
    kinds = model.variables.set_index("name")["kind"]
    rows = []
    for parameters, changes in (("base", {}), (", ".join(f"{n} {v}" for n, v in tied.items()), tied)):
        for founder in (0.0, 1.0):
            for year in YEARS:
                drivers = frozen(year, founder) | changes
                for name, first in (("nothing", LOW), ("mature cluster", HIGH)):
                    run = model.run(drivers | first, stop=STOP, time_step=STEP)
                    row: dict[str, object] = {"parameters": parameters, "drivers of": year, "founder": int(founder)}
                    rows.append(row | {"start": name} | _end_state(model, run, kinds, drivers))
    return pd.DataFrame(rows)


def _end_state(model: csd.Model, run: Any, kinds: Any, drivers: dict[str, float]) -> dict[str, object]:
    """What a run ends in, how far it still moves, and whether it returns when its stocks are pushed by a fifth."""
    last, before = run.isel(time=-1), float(run["Lead output"].sel(time=STOP - 20))
    stocks = [s for s in map(str, run.data_vars) if kinds.get(s.split("[")[0]) == "stock"]
    state = {s: float(last[s]) for s in stocks if not s.startswith(("Event", "Cumulative"))}
    shown: dict[str, object] = {s: float(last[s]) for s in SHOWN}
    shown["change in 20 years"] = abs(float(last["Lead output"]) - before) / max(before, 1.0)
    shown["returns after -20 %"] = _returns(model, drivers, state, 0.8)
    shown["returns after +20 %"] = _returns(model, drivers, state, 1.2)
    return shown


def _returns(model: csd.Model, drivers: dict[str, float], state: dict[str, float], factor: float) -> bool:
    """Whether the run started from a disturbed state ends within 5 % of the undisturbed output."""
    pushed = {s: v if s in PEOPLE else v * factor for s, v in state.items()}
    bounded = {s: min(v, 1.0) if 0 < state[s] <= 1 else v for s, v in pushed.items()}
    rest, back = ends(model, pd.DataFrame([drivers | state, drivers | bounded]))
    return bool(abs(back - rest) <= 0.05 * max(abs(rest), 100.0))


def tipping(model: csd.Model, sets: pd.DataFrame) -> pd.DataFrame:
    """Where a start tips along ties or capability, the other given, without industry; along industry, both given."""
    rows = []
    for founder in (0.0, 1.0):
        for year in YEARS:
            driven = fixed(sets, frozen(year, founder))
            for along in ("ties", "capability", "industry"):
                for other in (0.02, 0.5, 0.98):
                    point, kind = _bisect(model, driven, along, other)
                    rows += [
                        {
                            "set": name,
                            "drivers of": year,
                            "founder": int(founder),
                            "along": along,
                            "others at": other,
                            "outcome": k,
                            "tipping point": p,
                        }
                        for name, p, k in zip(sets.index, point, kind, strict=True)
                    ]
    return pd.DataFrame(rows)


def _bisect(model: csd.Model, sets: pd.DataFrame, along: str, other: float) -> tuple[list[float | str], list[str]]:
    """Bisection from 0.001 to 0.999 for every parameter set at once, to a thousandth."""

    def develops(level: np.ndarray) -> np.ndarray:
        begin = {"ties": lambda x: start(other, x), "capability": lambda x: start(x, other)}
        begin["industry"] = lambda x: start(other, other, x)
        starts = [begin[along](float(x)) for x in level]
        return ends(model, fixed(sets, pd.DataFrame(starts, index=sets.index))) >= DEVELOPED

    below, above = np.full(len(sets), 0.001), np.full(len(sets), 0.999)
    low, high = develops(below), develops(above)
    for _ in range(10):
        middle = (below + above) / 2
        up = develops(middle)
        below, above = np.where(up, below, middle), np.where(up, middle, above)
    kinds = np.where(low, "develops anyway", np.where(high, "tips", "never develops"))
    points = [round(float(m), 3) if k == "tips" else "" for m, k in zip((below + above) / 2, kinds, strict=True)]
    return points, kinds.tolist()


def basin(model: csd.Model, sets: pd.DataFrame, years: tuple[int, ...] = SHOWN_YEARS, side: int = 17) -> pd.DataFrame:
    """Where starts without industry lead, over a grid of initial capability and ties."""
    grid = np.linspace(0.0, 1.0, side)
    rows = []
    for year in years:
        for name, values in sets.iterrows():
            first = pd.DataFrame([start(max(c, 1e-3), t) for c in grid for t in grid])
            design = fixed(first, values.to_dict() | frozen(year, 0.0))
            for begun, end in zip(first.to_dict("records"), ends(model, design), strict=True):
                rows.append(
                    {
                        "drivers of": year,
                        "set": name,
                        "capability": round(begun["Initial technique"], 4),
                        "ties": begun["Initial tie endowment"],
                        "lead output": round(float(end), 1),
                    }
                )
    return pd.DataFrame(rows)


def draw_basin(table: pd.DataFrame, path: Path) -> None:
    """Draw one panel for each year and parameter set; a panel of one shade has one outcome, which is written in it."""
    years, sets = table["drivers of"].unique(), table["set"].unique()
    figure, axes = plt.subplots(
        len(years), len(sets), figsize=(1.75 * len(sets) + 1, 2.1 * len(years) + 0.6), squeeze=False, sharex=True,
        sharey=True, layout="constrained",
    )  # fmt: skip
    shades = colors.LogNorm(1e2, 1e6)
    for row, year in zip(axes, years, strict=True):
        for axis, name in zip(row, sets, strict=True):
            part = table[(table["drivers of"] == year) & (table["set"] == name)]
            field = part.pivot(index="capability", columns="ties", values="lead output")
            outcome = np.maximum(field.to_numpy(), shades.vmin or 1.0)
            image = axis.pcolormesh(field.columns, field.index, outcome, norm=shades, cmap="Blues")
            axis.set_title(f"{year}, {name}", fontsize=8)
            axis.tick_params(labelsize=7)
            if outcome.max() < 1.5 * outcome.min():
                middle, dark = float(np.median(field)), float(np.median(field)) > 1e4
                text = "no industry" if middle < DEVELOPED else f"{middle:,.0f} t"
                axis.text(0.5, 0.5, text, ha="center", va="center", fontsize=8, color="white" if dark else "black")
    figure.supxlabel("initial ties (share of a mature cluster's)", fontsize=9)
    figure.supylabel("initial capability", fontsize=9)
    figure.suptitle("What a start without industry leads to in 200 years, outside drivers frozen", fontsize=10)
    figure.colorbar(image, ax=axes, label="lead, t a year", shrink=0.8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Run everything and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2048, help="parameter sets for the share (default 2048)")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for the results")
    args = parser.parse_args()
    model = csd.load("lead")
    draws = draw(model.parameters, args.runs, SEED).drop(
        columns=["Initial government capability", "Initial firm capability"]
    )
    table, by_ties = bistability(model, draws)
    table.to_csv(args.out / "bistability.csv", index=False)
    print(table.to_string(index=False))
    base = pd.DataFrame([model.parameters.set_index("name")["value"][draws.columns]]).set_axis(["base"])
    tied = base.assign(**TIED).set_axis(["base, reach 0.2"])
    picked = draws.loc[[*draws.index[:2], *by_ties.difference(draws.index[:2])[:3]]]
    sets = pd.concat([base, tied, picked.rename(index="draw {}".format)]).astype(float)
    table = equilibria(model, TIED)
    table.to_csv(args.out / "equilibria.csv", index=False, float_format="%.5g")
    print(table.to_string(index=False))
    table = tipping(model, sets)
    table.to_csv(args.out / "tipping.csv", index=False)
    print(table[table["set"] == "base"].to_string(index=False))
    table = basin(model, sets)
    table.to_csv(args.out / "basin.csv", index=False)
    draw_basin(table, args.out / "basin.png")


if __name__ == "__main__":
    main()
