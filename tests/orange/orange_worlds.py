"""The worlds in which the orange model's tests look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

import cluster_sd as csd

MECHANISMS = ("Embedding", "Technology", "Linkage", "Buffering")
NOTHING = {f"{m} intensity": 0.0 for m in MECHANISMS}
EVERYTHING = {f"{m} intensity": 1.0 for m in MECHANISMS}
NO_FLOOR = {"Floor market ratio": 0.3, "Floor indexation": 0.0, "Premium share": 0.0, "Premium float": 0.0}
SLUMP = {"Price shock size": 0.6, "Price shock year": 2018.0, "Price shock length": 3.0}
DROUGHT = {"Drought test depth": 3.0, "Drought test year": 2030.0}
SQUEEZE = {"Cost shock size": 0.6}

# each world: what differs from the base run, from the start (or from the year after the @)
WORLDS: dict[str, dict[str, float]] = {
    "base": {},
    "nothing": NOTHING,
    "everything": EVERYTHING,
    "no pioneers": {"Pioneer rate[demonstration household]": 0.0, "Pioneer rate[large grower]": 0.0},
    "much trust at first": {"Initial trust": 0.45},
    "little trust at first": {"Initial trust": 0.1},
    "skilled demonstrators": {"Initial demonstrator skill": 0.4},
    "unskilled demonstrators": {"Initial demonstrator skill": 0.0},
    "poor contracts": NO_FLOOR,
    "poor firms": {"Capital per tie": 3000.0, "Share payment": 0.0, "Capital turnover": 1.0, "Withdrawal rate": 0.5},
    "slump": SLUMP | {"Floor indexation": 0.0, "Linkage intensity": 0.9, "Embedding intensity": 0.9},
    "slump before the council": SLUMP
    | {
        "Linkage intensity": 0.9,
        "Embedding intensity": 0.9,
        "Unilateral rate@2018": 0.0,
        "Council period@2018": 50.0,
        "Floor market ratio": 1.0,
        "Floor indexation": 0.0,
    },
    "no works": {"Works funding": 0.0, "Joint labour days": 0.0, "Relief works share": 0.0},
    "many works": {"Works funding": 300.0, "Joint labour days": 8.0, "Base budget": 600.0},
    "squeeze, quick council": SQUEEZE | {"Council period@2025": 0.2, "Floor indexation@2025": 1.0},
    "squeeze, slow council": SQUEEZE | {"Council period@2025": 2.0, "Floor indexation@2025": 1.0},
    "no squeeze": {"Council period@2025": 0.2, "Floor indexation@2025": 1.0},
    "no demonstrators": {"Demonstrator share": 0.0},
    "no neighbours": {"Neighbour rate": 0.0},
    "no chain": {"Reach of a demonstrator": 0.0},
    "quick grafting": {"Highest grafting rate": 0.25, "Share without training": 0.5},
    "bearing variety": {"Highest grafting rate": 0.25, "Share without training": 0.5, "Renewed yield ratio": 1.2},
    "no renewal": {"Renewal release year": 2100.0},
    "no trees at first": {"Initial area of the place": 0.0},
    "digital without training": {"Digital effort": 150.0, "Training effort": 0.0},
    "digital with training": {"Digital effort": 150.0, "Training effort": 100.0, "Base budget": 600.0},
    "no price fund": SLUMP | {"Price fund effort": 0.0, "Price fund trigger": 1.5},
    "full price fund": SLUMP
    | {"Price fund effort": 60.0, "Price fund trigger": 1.5, "Price fund share": 1.0, "Base budget": 600.0},
    "small price fund": SLUMP | {"Price fund effort": 2.0, "Price fund trigger": 1.5, "Price fund share": 1.0},
    "closed books": {"Disclosure": 0.0, "Capture without disclosure": 0.7},
    "open books": {"Disclosure": 1.0, "Capture without disclosure": 0.7},
    "generated weather": {"Weather mode": 1.0, "Generator start": 2000.0, "Station correlation": 0.5},
    "generated weather, watered": {
        "Weather mode": 1.0,
        "Generator start": 2000.0,
        "Station correlation": 0.5,
        "Irrigation protection": 0.85,
        "Works funding": 300.0,
    },
    "rain insured": {"Index direction": -1.0},
    "assessed losses": {"Index share of insurance": 0.0},
    "drought": DROUGHT,
    "drought, warned": DROUGHT | {"Early warning": 1.0},
    "drought, unwarned": DROUGHT | {"Early warning": 0.0},
    "drought, no pool": DROUGHT | {"Levy rate": 0.0, "Green levy": 0.0},
    "wide cover": {"Covered share": 1.0, "Rain of the 2023 spring": -2.5},
    "money relief": DROUGHT | {"Indemnity in kind": 0.0},
    "kind relief": DROUGHT | {"Indemnity in kind": 1.0},
    "double levy": {"Levy rate": 0.4, "Green levy": 0.2},
    "no levy": {"Levy rate": 0.0, "Green levy": 0.0},
    "poor county": {"Base budget": 5.0, "Funding per tie": 0.0},
    "buffered from 2016": {"Buffering start": 2016.0, "Buffering intensity": 0.9},
    "careless": {"Normal lapse": 0.6, "Buffering intensity": 0.9, "Buffering start": 2016.0},
    "no credit": SLUMP | {"Mutual contribution": 0.0, "Credit guarantee": 0.0},
    "much credit": SLUMP
    | {"Mutual contribution": 400.0, "Credit guarantee": 1.0, "Buffering start": 2012.0, "Buffering intensity": 0.9},
    "no credit, buffered": SLUMP
    | {"Mutual contribution": 0.0, "Credit guarantee": 0.0, "Buffering start": 2012.0, "Buffering intensity": 0.9},
    "many rivals": {"Initial rival area": 400000.0},
    "few rivals": {"Initial rival area": 150000.0},
    "worthless fruit": {"Price shock size": 1.0, "Price shock year": 2000.0, "Price shock length": 50.0},
    "no liaison from 2025": {"Liaison effort@2025": 0.0},
    "much liaison": {"Liaison effort": 1.0},
    "nobody": {"Households of the place": 0.0, "Initial area of the place": 0.0},
    "no rain": {"Drought test depth": 4.0, "Drought test year": 2020.0},
    "dear": {"Price level": 1.2},
    "ten places": {"Replicates": 10.0},
    "all land wanted": {"Normal holding[smallholder]": 60.0, "Imitation rate": 0.4, "Required return": 1.0}
    | EVERYTHING,
    "price fund as buffering": {"Price fund under linkage": 0.0, "Linkage intensity": 0.0},
    "price fund as linkage": {"Price fund under linkage": 1.0, "Linkage intensity": 0.0},
}
World = Callable[[str], Any]  # a DataFrame, a column a variable, a row a saved time


def make_design(model: csd.Model, worlds: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """One row a world; what a world leaves alone keeps the base run's value."""
    base = model.parameters.set_index("name")["value"].astype(float)
    columns = sorted({name for world in worlds.values() for name in world})
    return pd.DataFrame([{c: w.get(c, base[c.split("@")[0]]) for c in columns} for w in worlds.values()])
