"""What the paper claims, each as a question to paired runs: same parameters, one thing changed.

Every claim is a function of the results of the cases that it names; it returns, run by run, whether the run says
yes, and which runs can say anything at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Results = Mapping[str, Mapping[str, NDArray[np.float64]]]
Flags = NDArray[np.bool_]

ACTORS = ("capable person", "county government", "park alliance", "ordinary firms")
KEY_ACTORS = ACTORS[:3]
EVENTS = ("own smelting", "acceptance", "park opening", "consolidation", "first battery plant")
HAPPENED = 2029.9  # an event of a later date never happened: never is the end of the run

CASES: dict[str, dict[str, float]] = {
    "base": {},
    "no founder": {"Founder": 0},
    "founder leaves 2004": {"Founder retirement": 2004},
    "no old industry": {"Initial potters": 1},
    "weak county": {"County strength": 0.15},
    "no liaison": {
        "Liaison effort": 0,
        "Attention share[park alliance,province offices]": 0,
        "Attention share[park alliance,ministries]": 0,
    },
    "no bridge": {
        "Liaison effort": 0,
        "Borrowing skill": 0,
        "Attention share[park alliance,province offices]": 0,
        "Attention share[park alliance,ministries]": 0,
    },
    "no ties with smelters": {f"Attention share[{a},metal buyers]": 0 for a in ("capable person", "ordinary firms")},
    "no petitions": {"Petition response": 0},
    "no windows": {"Window scale": 0},
    "no entry window": {"Window support[entry conditions]": 0, "Window stringency[entry conditions]": 0},
    "no associations": {"Association effort": 0},
    "no reputation": {"Reputation gain": 0},
    "no rebate": {"Tax rebate": 0},
    "no suppliers' pull": {"Supplier pull": 0},
    "slump": {"Price shock size": 0.5, "Price shock year": 2009, "Price shock length": 2},
    "thin": {f"{c} contacts@2000": 0.5 for c in ("Founder", "County", "Alliance", "Firm")},
}
CASES["no windows, no liaison"] = CASES["no windows"] | CASES["no liaison"]
CASES["intolerant"] = {"Ban tolerance": 0.3}
CASES["no liaison, intolerant"] = CASES["no liaison"] | CASES["intolerant"]
CASES["shortage"] = {"Scrap supply factor@2009": 0.7}
CASES["crackdown"] = {"Ban tolerance@2011": 0.25}
CASES |= {f"thin {shock}": CASES["thin"] | CASES[shock] for shock in ("slump", "shortage", "crackdown")}
SCALED = {*CASES["thin"], *CASES["shortage"]}  # times the drawn value
INCOME = tuple(
    f"Industry {part}@{y}" for part in ("profit", "tax") for y in (2009.5, 2010, 2010.5, 2011, 2012, 2013, 2014)
)

MEASURES = (
    *INCOME,
    *(f"final(Event date[{e}])" for e in EVENTS),
    *(f"Lead output@{y}" for y in (1995, 2000, 2006, 2008, 2010, 2012, 2014, 2017, 2030)),
    "sum(Lead output)",
    "max(Lead output)",
    "Battery capacity@2017",
    "Market share@2017",
    "Reputation@2017",
    "Network size@2008",
    "Network density@2008",
    "Network variety@2008",
    "final(Industry state)",
    "max(Industry state)",
    "max(Ban intensity)",
    "time_of_max(Ill people)",
)
RELAY = tuple(f"{v}[{a}]" for v in ("Bridging share", "Pair share") for a in ACTORS)


@dataclass(frozen=True)
class Claim:
    """One claim of the paper.

    Attributes
    ----------
    id : str
        Row of the mechanism table.
    text : str
        The claim in the paper's sense.
    asked : str
        The question that a run answers with yes or no.
    answer : callable
        From the results of all cases to (yes, can say).
    """

    id: str
    text: str
    asked: str
    answer: Callable[[Results], tuple[Flags, Flags]]


def _date(results: Results, case: str, event: str) -> NDArray[np.float64]:
    return results[case][f"final(Event date[{event}])"]


def _took_off(results: Results, case: str = "base") -> Flags:
    """Own smelting before 2000 and an industry at some time."""
    return (_date(results, case, "own smelting") < 2000) & (results[case]["max(Industry state)"] >= 1)


def founder_early(results: Results) -> tuple[Flags, Flags]:
    """Without the founder own smelting comes ten years later or never."""
    return _date(results, "no founder", "own smelting") >= _date(results, "base", "own smelting") + 10, _took_off(
        results
    )


def founder_late(results: Results) -> tuple[Flags, Flags]:
    """Without the founder from 2004 on output in 2017 is at most a tenth lower."""
    return results["founder leaves 2004"]["Lead output@2017"] >= 0.9 * results["base"]["Lead output@2017"], _took_off(
        results
    )


def old_industry(results: Results) -> tuple[Flags, Flags]:
    """Without the old industry own smelting comes more than a year later or never."""
    return _date(results, "no old industry", "own smelting") > _date(results, "base", "own smelting") + 1, _took_off(
        results
    )


def smelting_by_ties(results: Results) -> tuple[Flags, Flags]:
    """Without ties with smelters own smelting comes more than a year later or never."""
    later = _date(results, "no ties with smelters", "own smelting") > _date(results, "base", "own smelting") + 1
    return later, _took_off(results)


def rectified_by_petitions(results: Results) -> tuple[Flags, Flags]:
    """Without petitions the rectification is accepted more than a year later or never."""
    accepted = _date(results, "base", "acceptance")
    return _date(results, "no petitions", "acceptance") > accepted + 1, _took_off(results) & (accepted < HAPPENED)


def park_by_windows(results: Results) -> tuple[Flags, Flags]:
    """Without policy windows the park opens more than five years later or never."""
    opened = _date(results, "base", "park opening")
    return _date(results, "no windows", "park opening") > opened + 5, _took_off(results) & (opened < HAPPENED)


def consolidated_by_push(results: Results) -> tuple[Flags, Flags]:
    """Without the entry conditions of 2012 and their support owners consolidate more than a year later or never."""
    merged = _date(results, "base", "consolidation")
    return _date(results, "no entry window", "consolidation") > merged + 1, _took_off(results) & (merged < HAPPENED)


def name_by_associations(results: Results) -> tuple[Flags, Flags]:
    """Without posts, standards and forums reputation is a tenth lower or more in 2017, in an industry of note."""
    lost = results["no associations"]["Reputation@2017"] < 0.9 * results["base"]["Reputation@2017"]
    return lost, _took_off(results) & (results["base"]["max(Industry state)"] >= 2)


def liaison_needs_windows(results: Results) -> tuple[Flags, Flags]:
    """Liaison is worth a larger share of the output of 2017 with policy windows than without."""
    shares = []
    for usual, without in (("base", "no liaison"), ("no windows", "no windows, no liaison")):
        made = results[usual]["Lead output@2017"]
        shares.append(1 - results[without]["Lead output@2017"] / np.maximum(made, 1.0))
    moved = np.maximum(np.abs(shares[0]), np.abs(shares[1])) > 0.01
    return shares[0] > shares[1], _took_off(results) & moved


def no_bridge_at_all(results: Results) -> tuple[Flags, Flags]:
    """With neither voice above nor authority borrowed from above, three quarters of the output of 2017 are gone."""
    return results["no bridge"]["Lead output@2017"] < 0.25 * results["base"]["Lead output@2017"], _took_off(results)


def bridge_of_county(results: Results) -> tuple[Flags, Flags]:
    """Without liaison at least three quarters of the output of 2010 are gone."""
    return results["no liaison"]["Lead output@2010"] < 0.25 * results["base"]["Lead output@2010"], _took_off(results)


def bridge_of_county_intolerant(results: Results) -> tuple[Flags, Flags]:
    """The same with authorities who ban at a lower threat, compared with liaison under the same authorities."""
    lost = results["no liaison, intolerant"]["Lead output@2010"] < 0.25 * results["intolerant"]["Lead output@2010"]
    return lost, _took_off(results)


def bridge_of_county_any(results: Results) -> tuple[Flags, Flags]:
    """Without liaison a tenth of the output of 2010 or more is gone."""
    return results["no liaison"]["Lead output@2010"] < 0.9 * results["base"]["Lead output@2010"], _took_off(results)


def strength_of_county(results: Results) -> tuple[Flags, Flags]:
    """With a weak county government half of the output of 2017 or more is gone."""
    return results["weak county"]["Lead output@2017"] < 0.5 * results["base"]["Lead output@2017"], _took_off(results)


def _battery_loss(results: Results, case: str) -> NDArray[np.float64]:
    base = results["base"]["Battery capacity@2017"]
    return 1 - results[case]["Battery capacity@2017"] / np.maximum(base, 1.0)


def _has_batteries(results: Results) -> Flags:
    return results["base"]["Battery capacity@2017"] > 1e6


def reputation_half(results: Results) -> tuple[Flags, Flags]:
    """Without any gain in reputation half of the battery capacity of 2017 or more is gone."""
    return _battery_loss(results, "no reputation") > 0.5, _has_batteries(results)


def reputation_first(results: Results) -> tuple[Flags, Flags]:
    """Reputation costs more battery capacity when taken away than rebates or suppliers."""
    others = ("no rebate", "no suppliers' pull")
    worst = np.max([_battery_loss(results, c) for c in others], axis=0)
    return _battery_loss(results, "no reputation") > worst, _has_batteries(results)


def _leaders(results: Results, variable: str) -> NDArray[np.int64]:
    """Which key actor bridges most, by run and year."""
    return np.argmax(np.stack([results["relay"][f"{variable}[{a}]"] for a in KEY_ACTORS]), axis=0)


def _relay(results: Results, variable: str) -> Flags:
    """Each key actor leads at some time, in the order of the paper."""
    leaders = _leaders(results, variable)
    first = [np.where((leaders == k).any(axis=1), (leaders == k).argmax(axis=1), 10**6) for k in range(3)]
    return (first[0] < first[1]) & (first[1] < first[2]) & (first[2] < 10**6)


def relay_by_holes(results: Results) -> tuple[Flags, Flags]:
    """Each leads in turn, bridging counted by holes."""
    return _relay(results, "Bridging share"), _took_off(results) & _has_batteries(results)


def relay_by_pairs(results: Results) -> tuple[Flags, Flags]:
    """Each leads in turn, bridging counted by pairs of ties."""
    return _relay(results, "Pair share"), _took_off(results) & _has_batteries(results)


def centres_in_order(results: Results) -> tuple[Flags, Flags]:
    """Mean times of the three bridging shares stand in the paper's order."""
    times = results["relay"]["time"]
    shares = [results["relay"][f"Bridging share[{a}]"] for a in KEY_ACTORS]
    centre = [(s * times).sum(axis=1) / np.maximum(s.sum(axis=1), 1e-12) for s in shares]
    return (centre[0] < centre[1]) & (centre[1] < centre[2]), _took_off(results) & _has_batteries(results)


def founder_to_alliance(results: Results) -> tuple[Flags, Flags]:
    """The founder leads first and the alliance leads last, whoever stands between."""
    leaders = _leaders(results, "Bridging share")
    return (leaders[:, 80] == 0) & (leaders[:, -1] == 2), _took_off(results) & _has_batteries(results)


def overlap_2006(results: Results) -> tuple[Flags, Flags]:
    """The founder still holds a tenth of the bridging in 2006."""
    times = results["relay"]["time"]
    return results["relay"]["Bridging share[capable person]"][:, int(np.argmin(abs(times - 2006)))] > 0.1, _took_off(
        results
    )


def _output_loss(results: Results, hit: str, spared: str) -> NDArray[np.float64]:
    years = (2010, 2012, 2014)
    lost = sum(results[spared][f"Lead output@{y}"] - results[hit][f"Lead output@{y}"] for y in years)
    return np.asarray(lost / np.maximum(sum(results[spared][f"Lead output@{y}"] for y in years), 1.0))


def _income_loss(results: Results, hit: str, spared: str) -> NDArray[np.float64]:
    lost = sum(results[spared][m] - results[hit][m] for m in INCOME)
    return np.asarray(lost / np.maximum(np.abs(sum(results[spared][m] for m in INCOME)), 1.0))


SHOCKS = {"slump": _income_loss, "shortage": _income_loss, "crackdown": _output_loss}


def thin_networks_lose_more(shock: str) -> Callable[[Results], tuple[Flags, Flags]]:
    """Make the question whether half of the contacts from 2000 on means a larger share lost in a shock."""

    def answer(results: Results) -> tuple[Flags, Flags]:
        thin = SHOCKS[shock](results, f"thin {shock}", "thin")
        dense = SHOCKS[shock](results, shock, "base")
        return thin > dense, _took_off(results) & (np.maximum(thin, dense) > 0.01)

    return answer


def _rank(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Rank correlation of two series."""
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])


def network_correlations(results: Results, shock: str) -> dict[str, float | str]:
    """Rank correlation of the loss in a shock with network measures of 2008, and the same with scale held fixed."""
    ok = _took_off(results) & (results["base"]["Lead output@2008"] > 2000)
    loss, scale = SHOCKS[shock](results, shock, "base")[ok], results["base"]["Lead output@2008"][ok]
    out: dict[str, float | str] = {"shock": shock, "runs": float(ok.sum()), "median loss": float(np.median(loss))}
    for name in ("size", "density", "variety"):
        measure = results["base"][f"Network {name}@2008"][ok]
        plain, by_scale, of_loss = _rank(loss, measure), _rank(scale, measure), _rank(scale, loss)
        out[name] = plain
        out[f"{name}, scale fixed"] = float(
            (plain - by_scale * of_loss) / np.sqrt((1 - by_scale**2) * (1 - of_loss**2))
        )
    return out


CLAIMS = (
    Claim(
        "L2",
        "no take-off without the bridge early",
        "without the founder, own smelting ten years later or never",
        founder_early,
    ),
    Claim(
        "L2",
        "little lost without the bridge late",
        "founder leaves in 2004: output of 2017 at most a tenth lower",
        founder_late,
    ),
    Claim(
        "L3",
        "take-off later or never without the old industry",
        "without potters, own smelting over a year later or never",
        old_industry,
    ),
    Claim(
        "L4",
        "own smelting grows out of ties with smelters elsewhere",
        "without ties with smelters, own smelting over a year later or never",
        smelting_by_ties,
    ),
    Claim(
        "L5",
        "petitions bring the orders from above that rectify the trade",
        "without petitions, acceptance over a year later or never",
        rectified_by_petitions,
    ),
    Claim(
        "L6",
        "a county without the bridge loses the industry",
        "no voice above, no authority borrowed from above: three quarters of the output of 2017 gone",
        no_bridge_at_all,
    ),
    Claim(
        "L6",
        "narrower: a county without liaison loses the industry",
        "without liaison, three quarters of the output of 2010 gone",
        bridge_of_county,
    ),
    Claim(
        "L6",
        "the same where authorities ban at a lower threat",
        "without liaison and with tolerance 0.3, three quarters of the output of 2010 gone",
        bridge_of_county_intolerant,
    ),
    Claim(
        "L6",
        "weaker reading: it loses part of the industry",
        "without liaison, a tenth of the output of 2010 gone",
        bridge_of_county_any,
    ),
    Claim(
        "L6",
        "beside it: a weak county government loses the industry",
        "county strength 0.15: half of the output of 2017 gone",
        strength_of_county,
    ),
    Claim(
        "L8",
        "a known direction makes the county build its park",
        "without policy windows, the park over five years later or never",
        park_by_windows,
    ),
    Claim(
        "L9",
        "owners consolidate when support and threat from above outweigh",
        "without the entry conditions of 2012 and their support, consolidation over a year later or never",
        consolidated_by_push,
    ),
    Claim(
        "L10",
        "the industry network brings reputation",
        "without posts, standards and forums, reputation of 2017 a tenth lower (runs with a special industry)",
        name_by_associations,
    ),
    Claim(
        "L11",
        "what liaison is worth depends on open windows",
        "liaison is worth a larger share of the output of 2017 with windows than without",
        liaison_needs_windows,
    ),
    Claim(
        "L12",
        "reputation is the key to the wave",
        "without gains in reputation, half of the battery capacity of 2017 gone",
        reputation_half,
    ),
    Claim(
        "L12",
        "beside it: more of a key than rebates or suppliers",
        "taking reputation away costs most battery capacity",
        reputation_first,
    ),
    Claim(
        "L15",
        "capable person, county, alliance lead in turn",
        "each leads at some time, in this order; bridging by holes",
        relay_by_holes,
    ),
    Claim(
        "L15",
        "the same, by another formula",
        "each leads at some time, in this order; bridging by pairs of ties",
        relay_by_pairs,
    ),
    Claim(
        "L15",
        "weaker reading: their mean times stand in this order",
        "mean times of the shares in order; by holes",
        centres_in_order,
    ),
    Claim(
        "L15",
        "weaker reading: from capable person to alliance",
        "the founder leads in 1990, the alliance in 2030; by holes",
        founder_to_alliance,
    ),
    Claim(
        "L15",
        "overlap: the founder still bridges in 2006",
        "founder's share of bridging over a tenth in 2006",
        overlap_2006,
    ),
    *(
        Claim(
            "L17",
            f"shocks cost less where networks are denser, wider, more varied: {shock}",
            f"half of the contacts from 2000: a larger share of {lost} lost in {what}",
            thin_networks_lose_more(shock),
        )
        for shock, lost, what in (
            ("slump", "profit and tax", "a price slump"),
            ("shortage", "profit and tax", "a shortage of scrap"),
            ("crackdown", "output", "a crackdown by authorities"),
        )
    ),
)
