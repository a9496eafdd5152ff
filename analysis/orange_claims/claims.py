"""The paper's claims as questions to the runs.

For each claim: the worlds that it compares, and a number that is positive when it holds.

A difference below its margin (a hundredth, a twentieth …) counts as none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from analysis.orange_claims.sampling import World

MECHANISMS = ("Embedding", "Technology", "Linkage", "Buffering")
YEARS = range(2000, 2041)
Worlds = Mapping[str, Any]  # by world: a DataFrame, a column a measure, a row a run


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes
    ----------
    id : str
        Row of the table of mechanisms, with a letter where the row claims several things.
    text : str
        What the paper claims, in a sentence.
    test : str
        How it is read off the runs.
    effect : callable
        Worlds to one number a run; positive where the claim holds.
    unit : str
        Of that number.
    """

    id: str
    text: str
    test: str
    effect: Callable[[Worlds], pd.Series]
    unit: str = "relative"


def intensities(values: tuple[float, ...]) -> dict[str, float]:
    """Intensities of the four mechanisms."""
    return {f"{m} intensity": v for m, v in zip(MECHANISMS, values, strict=True)}


def code(values: tuple[float, ...], allocation: str) -> str:
    """A combination's name, such as ``E-L- linkage``."""
    return "".join(m[0] if v else "-" for m, v in zip(MECHANISMS, values, strict=True)) + f" {allocation}"


COMBINATIONS = [
    World(code(values, word), intensities(values) | {"Price fund under linkage": share})
    for word, share in (("linkage", 1.0), ("buffering", 0.0))
    for values in product((0.0, 1.0), repeat=4)
]
SQUEEZE = {"Cost shock size": 0.5, "Cost shock year": 2030.0}
SLUMP = {"Price shock size": 0.5, "Price shock year": 2030.0}
DROUGHT = {"Drought test depth": 2.5, "Drought test year": 2030.0}
QUICK, SLOW = {"Council period@2025": 0.25}, {"Council period@2025": 2.0}
CREDIT = {"Credit guarantee": 0.8, "Mutual contribution": 200.0}
NO_CREDIT = {"Credit guarantee": 0.0, "Mutual contribution": 0.0}

WORLDS = [
    World("base", {}),
    World("no pioneers", {"Pioneer rate[demonstration household]": 0.0, "Pioneer rate[large grower]": 0.0}),
    World("no linkage", {"Linkage intensity": 0.0}),
    World("full linkage", {"Linkage intensity": 1.0}),
    World("weak embedding", {"Embedding intensity": 0.1}),
    World("strong embedding", {"Embedding intensity": 0.9}),
    World("quick", QUICK),
    World("slow", SLOW),
    World("squeezed quick", SQUEEZE | QUICK),
    World("squeezed slow", SQUEEZE | SLOW),
    World("half chain", {"Reach of a demonstrator": lambda s: s["Reach of a demonstrator"] / 2}),
    World("no renewal", {"Renewal release year": 2100.0}),
    World("digital push", {"Digital effort@2025": 150.0, "Training effort@2025": 0.0}),
    World("digital and training", {"Digital effort@2025": 150.0, "Training effort@2025": 100.0}),
    World("slump", SLUMP),
    World("slump without fund", SLUMP | {"Price fund effort": 0.0}),
    World("closed books", {"Disclosure": 0.0}),
    World("open books", {"Disclosure": 1.0}),
    World("drought", DROUGHT),
    World("drought assessed", DROUGHT | {"Index share of insurance": 0.0}),
    World("drought warned", DROUGHT | {"Early warning@2025": 1.0}),
    World("drought unwarned", DROUGHT | {"Early warning@2025": 0.0}),
    World("drought without pool", DROUGHT | {"Levy rate": 0.0, "Green levy": 0.0}),
    World("four in drought", DROUGHT | intensities((1.0, 1.0, 1.0, 1.0))),
    World("three in drought", DROUGHT | intensities((1.0, 1.0, 1.0, 0.0))),
    World("2023 drought", {"Rain of the 2023 spring": -2.5}),
    World("no green discount", {"Green levy": 0.2}),
    World("bad years with credit", DROUGHT | SLUMP | CREDIT),
    World("bad years without credit", DROUGHT | SLUMP | NO_CREDIT),
    *COMBINATIONS,
]
ALL, NONE = code((1.0,) * 4, "linkage"), code((0.0,) * 4, "linkage")


def relative(new: pd.Series, old: pd.Series) -> pd.Series:
    """Relative difference."""
    return (new - old) / old.abs().where(old.abs() > 0)


def change(measure: str, new: str, old: str, margin: float = 0.0) -> Callable[[Worlds], pd.Series]:
    """Relative difference of a measure between two worlds, less a margin."""
    return lambda w: relative(w[new][measure], w[old][measure]).fillna(0.0) - margin


def difference(measure: str, new: str, old: str, margin: float = 0.0) -> Callable[[Worlds], pd.Series]:
    """Plain difference of a measure between two worlds, less a margin."""
    return lambda w: w[new][measure] - w[old][measure] - margin


def s_shape(w: Worlds) -> pd.Series:
    """Share of years that the peak of yearly joining lies inside the growth: after two years of it and before its end.

    Positive when the largest yearly gain is at least twice the mean gain of the first three years with members and of
    the last three years of the run.
    """
    members = w["base"][[f"Member households@{y}" for y in YEARS]].to_numpy()
    gains = np.diff(members, axis=1)
    first = np.argmax(gains > 0, axis=1)
    start = np.array([row[k : k + 3].mean() for row, k in zip(gains, first, strict=True)])
    end = gains[:, -3:].mean(axis=1)
    peak = gains.max(axis=1)
    return pd.Series(peak / np.maximum(np.maximum(start, end), 1e-9) - 2)


def slower_loses_more(w: Worlds) -> pd.Series:
    """Members lost to the squeeze under the slow council less those lost under the quick one, over members."""
    m = "Member households@2036"
    lost = {c: w[c][m] - w[f"squeezed {c}"][m] for c in ("quick", "slow")}
    return (lost["slow"] - lost["quick"]) / w["quick"][m].clip(lower=1e-9) - 0.002


def suspended(w: Worlds) -> pd.Series:
    """Half of what coverage and training together give in direct sale, less what coverage alone gives."""
    gain = {
        n: w[n]["Direct share@2035"] - w["base"]["Direct share@2035"] for n in ("digital push", "digital and training")
    }
    return (0.5 * gain["digital and training"] - gain["digital push"]) / w["base"]["Direct share@2035"]


def about_a_fifth(w: Worlds) -> pd.Series:
    """A tenth less the distance of the price gain from 20 %."""
    return 0.1 - (mean_of(w["full linkage"], "Price gain", 2020, 2026) - 0.2).abs()


def mean_of(table: pd.DataFrame, name: str, first: int, last: int) -> pd.Series:
    """Mean of a variable over the starts of years."""
    return table[[f"{name}@{y}" for y in range(first, last)]].mean(axis=1)


def credit_effect(measure: str) -> Callable[[Worlds], pd.Series]:
    """What credit saves in bad years."""
    return change(measure, "bad years with credit", "bad years without credit", 0.002)


def in_order(w: Worlds) -> pd.Series:
    """Years between the stages, the smaller of the two gaps; NaN where the stage of value is not reached."""
    b = w["base"]
    scale, quality, value = (b[f"final(Years before {s})"] for s in ("scale", "quality", "value"))
    gap = np.minimum(quality - scale, value - quality) + 1e-6
    return gap.where((value < 40) & (quality < 40) & (scale < 40))


def stalls(w: Worlds) -> pd.Series:
    """A quarter less the growth of real orchard income without governance; negative above the second stage."""
    n = w[NONE]
    growth = relative(n["Orchard income in wages@2040"], mean_of(n, "Orchard income in wages", 2013, 2018))
    return (0.25 - growth).where(n["Stage reached@2040"] <= 2, -1.0)


def overshoots(w: Worlds) -> pd.Series:
    """Fall of the area of all growers from its peak, when that lies before 2038, less a twentieth."""
    b = w["base"]
    fall = 1 - b["final(Area of all growers)"] / b["max(Area of all growers)"]
    return (fall - 0.05).where(b["time_of_max(Area of all growers)"] < 2038, -0.05)


def value_of(w: Worlds, name: str) -> pd.Series:
    """What the mechanisms are there for: real orchard income from 2020 on."""
    return mean_of(w[name], "Orchard income in wages", 2020, 2041)


def adds(mechanism: int, allocation: str) -> Callable[[Worlds], pd.Series]:
    """Gain of the four over the other three, relative to the four."""
    rest = tuple(0.0 if i == mechanism else 1.0 for i in range(4))

    def effect(w: Worlds) -> pd.Series:
        full = value_of(w, code((1.0,) * 4, allocation))
        return (full - value_of(w, code(rest, allocation))) / full.abs() - 0.005

    return effect


def more_than_the_sum(allocation: str) -> Callable[[Worlds], pd.Series]:
    """Gain of the four together less the sum of the gains of each alone, relative to the gain of the four."""

    def effect(w: Worlds) -> pd.Series:
        none = value_of(w, code((0.0,) * 4, allocation))
        whole = value_of(w, code((1.0,) * 4, allocation)) - none
        ones = [tuple(float(i == k) for i in range(4)) for k in range(4)]
        return (whole - sum(value_of(w, code(one, allocation)) - none for one in ones)) / whole.abs() - 0.01

    return effect


def pool_keeps_faith(w: Worlds) -> pd.Series:
    """Relief paid over relief requested in the drought of 2023, less 0.99."""
    return w["2023 drought"][[f"Relief fulfilment@{2023 + q / 4:g}" for q in range(4)]].min(axis=1) - 0.99


def green_pays(w: Worlds) -> pd.Series:
    """Farm output value that the green discount adds, less the levy and match that it costs, over that value."""
    value = mean_of(w["base"], "Farm output value", 2020, 2041) - mean_of(
        w["no green discount"], "Farm output value", 2020, 2041
    )
    lost = [
        mean_of(w["no green discount"], k, 2020, 2041) - mean_of(w["base"], k, 2020, 2041)
        for k in ("Levy income", "Match paid")
    ]
    return (value - np.maximum(0, lost[0] + lost[1])) / mean_of(w["base"], "Farm output value", 2020, 2041) - 0.0005


CLAIMS = [
    Claim(
        "O1a",
        "Membership grows in an S",
        "largest yearly gain over twice the mean of the first and of the last three years",
        s_shape,
        "times",
    ),
    Claim(
        "O1b",
        "It stalls without those who go first",
        "members of 2025 fall by more than half when demonstration households and large growers do not go first",
        lambda w: -relative(w["no pioneers"]["Member households@2025"], w["base"]["Member households@2025"]) - 0.5,
    ),
    Claim(
        "O2a",
        "Transaction cost falls with firms' commitment",
        "transaction cost share of 2035, full against no linkage",
        lambda w: -change("Transaction cost share of all@2035", "full linkage", "no linkage")(w) - 0.01,
    ),
    Claim(
        "O2b",
        "Marketing loss falls with firms' commitment",
        "marketing loss of 2035, full against no linkage",
        lambda w: -change("Marketing loss@2035", "full linkage", "no linkage")(w) - 0.01,
    ),
    Claim(
        "O3",
        "Joint building succeeds where embedding is strong",
        "irrigated share of 2025, strong against weak embedding",
        change("Served share[irrigation]@2025", "strong embedding", "weak embedding", 0.1),
    ),
    Claim(
        "O4",
        "A slower council loses more members in a cost squeeze",
        "members lost to the squeeze of 2030 by 2036, council every two years against every quarter",
        slower_loses_more,
        "of members",
    ),
    Claim(
        "O5",
        "The chain matters more than in proportion",
        "adopters of 2025 fall by more than half when demonstrators reach half as many",
        lambda w: -relative(w["half chain"]["Adopter share@2025"], w["base"]["Adopter share@2025"]) - 0.5,
    ),
    Claim(
        "O6",
        "Quality rises with renewal",
        "quality of 2035, with against without renewed varieties",
        change("Mean quality@2035", "base", "no renewal", 0.01),
    ),
    Claim(
        "O7",
        "Technology hangs in the air where coverage outruns skill",
        "a digital push without training gives less than half of the direct sale that push and training give",
        suspended,
        "of direct share",
    ),
    Claim(
        "O8a",
        "Organised sale raises farmers' price",
        "price gain of contract fruit 2020-2025 at full linkage, above 2 %",
        lambda w: mean_of(w["full linkage"], "Price gain", 2020, 2026) - 0.02,
        "of spot price",
    ),
    Claim("O8b", "The gain is about 20 %", "the same gain lies within 10-30 %", about_a_fifth, "of spot price"),
    Claim(
        "O8c",
        "Grading is the larger part of the gain",
        "grading gain less all other gain",
        lambda w: (
            mean_of(w["full linkage"], "Grading gain", 2020, 2026)
            - mean_of(w["full linkage"], "Bargaining gain", 2020, 2026)
        ),
        "of spot price",
    ),
    Claim(
        "O9",
        "The price fund keeps planting up through slumps",
        "planted area of 2034 after a slump in 2030, with against without payments into the fund",
        change("Planted area@2034", "slump", "slump without fund", 0.002),
    ),
    Claim(
        "O10a",
        "Without disclosure smallholders get less of the surplus",
        "smallholders' share of distributed surplus 2035",
        lambda w: -difference("Smallholder surplus share@2035", "closed books", "open books", 0)(w) - 0.01,
        "share",
    ),
    Claim(
        "O10b",
        "Without disclosure smallholders' share of orchard income falls",
        "smallholders' share of orchard income 2035, by more than half a point",
        lambda w: -difference("Smallholder share of orchard income@2035", "closed books", "open books")(w) - 0.005,
        "share",
    ),
    Claim(
        "O11",
        "Index payout is faster, and cushions income",
        "income shortfall a quarter into the drought of 2030, paid by index against by assessed loss",
        lambda w: -difference("Income shortfall@2030.25", "drought", "drought assessed")(w) - 0.001,
        "of income",
    ),
    Claim(
        "O12",
        "The same shock costs less with warning",
        "output of 2030 in the drought of 2030, full against no warning",
        change("Output@2030", "drought warned", "drought unwarned", 0.001),
    ),
    Claim(
        "O13a",
        "The pool covers its area through a drought",
        "at least 99 % of requested relief paid in a worst drought in 2023",
        pool_keeps_faith,
        "of relief",
    ),
    Claim(
        "O13b",
        "The pool saves fruit",
        "output of 2030 in the drought of 2030, with against without pool",
        change("Output@2030", "drought", "drought without pool", 0.005),
    ),
    Claim(
        "O14",
        "The green discount gains more than the pool loses",
        "farm output value added less levy and match forgone, 2020-2040",
        green_pays,
    ),
    Claim(
        "O15a",
        "Credit keeps households in the orchard through bad years",
        "orchard households of 2034 after drought and slump of 2030, with against without credit",
        credit_effect("Orchard households@2034"),
    ),
    Claim(
        "O15b",
        "Credit keeps trees in the ground through bad years",
        "planted area of 2034, likewise",
        credit_effect("Planted area@2034"),
    ),
    Claim(
        "O15c",
        "Credit keeps large growers in the orchard",
        "large growers of 2034, likewise",
        credit_effect("Households[large grower]@2034"),
    ),
    Claim(
        "O16",
        "The stages come in order",
        "scale before quality before value, among runs that reach all three",
        in_order,
        "years",
    ),
    Claim(
        "O17",
        "Without governance the cluster stalls",
        "real orchard income grows less than a quarter from 2013-2017 to 2040, no stage above the second in 2040",
        stalls,
    ),
    Claim(
        "O18a",
        "Area overshoots",
        "area of all growers falls by more than a twentieth from a peak before 2038",
        overshoots,
    ),
    Claim(
        "O18b",
        "Smallholders may be crowded out",
        "smallholders' share of land falls by more than five points from 2005 to 2040",
        lambda w: w["base"]["Smallholder share@2005"] - w["base"]["Smallholder share@2040"] - 0.05,
        "share",
    ),
    *[
        Claim(
            f"O19 {m.lower()}{tag}",
            f"{m} adds to the other three" + word,
            "real orchard income 2020-2040, four mechanisms against the other three, above half a per cent",
            adds(i, a),
        )
        for a, tag, word in (("linkage", "", ""), ("buffering", ", fund in buffering", ", price fund in buffering"))
        for i, m in enumerate(MECHANISMS)
    ],
    Claim(
        "O19 sum",
        "Together more than the sum",
        "gain of the four less the sum of the gains of each alone",
        more_than_the_sum("linkage"),
        "of joint gain",
    ),
    Claim(
        "O19 sum, fund in buffering",
        "Together more than the sum, price fund in buffering",
        "likewise",
        more_than_the_sum("buffering"),
        "of joint gain",
    ),
    Claim(
        "O19 floor",
        "Buffering is the floor under the other three",
        "income shortfall a quarter into the drought of 2030, the other three against all four",
        difference("Income shortfall@2030.25", "three in drought", "four in drought", 0.005),
        "of income",
    ),
    Claim(
        "O21",
        "Governance brings labour back",
        "young people living in the place in 2040, four mechanisms against none",
        change("Young farm labour@2040", ALL, NONE, 0.01),
    ),
]

_AT = {
    "Member households": YEARS,
    "Price gain": range(2020, 2026),
    "Grading gain": range(2020, 2026),
    "Bargaining gain": range(2020, 2026),
    "Orchard income in wages": range(2013, 2041),
    "Farm output value": range(2020, 2041),
    "Levy income": range(2020, 2041),
    "Match paid": range(2020, 2041),
    "Relief fulfilment": [2023, 2023.25, 2023.5, 2023.75],
    "Transaction cost share of all": [2035],
    "Marketing loss": [2035],
    "Served share[irrigation]": [2025],
    "Adopter share": [2025],
    "Mean quality": [2035],
    "Direct share": [2035],
    "Planted area": [2034],
    "Smallholder surplus share": [2035],
    "Smallholder share of orchard income": [2035],
    "Output": [2030],
    "Orchard households": [2034],
    "Households[large grower]": [2034],
    "Smallholder share": [2005, 2040],
    "Young farm labour": [2040],
    "Stage reached": [2040],
}
MEASURES = [f"{name}@{t}" for name, times in _AT.items() for t in times] + [
    "Income shortfall@2030.25",
    "final(Years before scale)",
    "final(Years before quality)",
    "final(Years before value)",
    "final(Area of all growers)",
    "max(Area of all growers)",
    "time_of_max(Area of all growers)",
]
MEASURES = list(dict.fromkeys(m.replace("@2023.0", "@2023") for m in MEASURES))
