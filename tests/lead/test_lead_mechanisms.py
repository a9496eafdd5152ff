"""The lead model's mechanisms, row by row: what must hold, as behaviour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cluster_sd as csd

Frame = Any  # a pandas.DataFrame, whose type stubs make a union of every element

ACTORS = ("capable person", "county government", "park alliance", "ordinary firms")
GROUPS = (
    "local producers", "scrap traders", "metal buyers", "battery makers", "research institutes", "province offices",
    "ministries", "associations",
)  # fmt: skip
NETWORKS = {
    "local net": ("local producers",),
    "scrap net": ("scrap traders",),
    "product net": ("metal buyers", "battery makers", "research institutes"),
    "policy net": ("province offices", "ministries"),
    "industry net": ("associations",),
}
END = 2030.0
Ask = Callable[..., list[float]]


@pytest.fixture(scope="module")
def ask(model: csd.Model) -> Ask:
    """Values of measures in one run with changes."""

    def one(changes: Mapping[str, float] | None, *measures: str, **settings: Any) -> list[float]:
        design = pd.DataFrame([dict(changes or {}) or {"Founder": 1.0}])
        runs = model.ensemble(design, measures=list(measures), **settings)
        assert not bool(runs["failed"].any())
        return [float(runs[m].to_numpy()[0]) for m in measures]

    return one


def date(event: str) -> str:
    """Measure of an event's date."""
    return f"final(Event date[{event}])"


# ---- L1 states ---------------------------------------------------------------------------------------------------


def test_L1_state_is_read_off_scale_and_market_share(base: Frame) -> None:
    exists = base["Lead output"] >= 2000
    special = (base["Lead output"] >= 20_000) & (base["Market share"] >= 0.15)
    assert (base["Industry state"] == np.where(special, 2, np.where(exists, 1, 0))).all()


def test_L1_every_move_between_states_occurs_within_the_ranges(ensemble) -> None:
    state = ensemble["Industry state"].transpose("run", "time").to_numpy().astype(int)
    moves = set(zip(state[:, :-1].ravel(), state[:, 1:].ravel(), strict=True))
    assert {(0, 1), (1, 2), (2, 1), (1, 0)} <= moves


# ---- L2 the capable person and bridging --------------------------------------------------------------------------


def bridging_from_ties(row: Mapping[str, float]) -> np.ndarray:
    """Bridging shares by the stated formula, from the ties alone."""
    ties = np.array([[row[f"Ties[{a},{g}]"] for g in GROUPS] for a in ACTORS])
    nets = np.array([ties[:, [GROUPS.index(g) for g in gs]].sum(axis=1) for gs in NETWORKS.values()]).T
    members = np.array([1, 1, 1, 1 + row["Number of firms"]])
    bridging = np.zeros(len(ACTORS))
    for n in range(5):
        for m in range(n + 1, 5):
            links = nets[:, n] * nets[:, m] / members
            bridging += links / (links.sum() + row["Links for a bridge"])
    return bridging / bridging.sum()


@pytest.mark.parametrize("year", [1980, 1990, 2000, 2006, 2012, 2025])
def test_L2_bridging_is_computed_from_ties_by_the_stated_formula(base: Frame, year: int) -> None:
    row = base.loc[year]
    shares = [row[f"Bridging share[{a}]"] for a in ACTORS]
    assert shares == pytest.approx(bridging_from_ties(row), rel=1e-9, abs=1e-12)
    assert sum(shares) == pytest.approx(1, abs=1e-12)


def test_L2_ties_are_a_stock_by_actor_and_group_that_only_contact_fills(model: csd.Model) -> None:
    run: Frame = model.run(
        {"Founder contacts": 0, "County contacts": 0, "Alliance contacts": 0, "Firm contacts": 0}
    ).to_dataframe()
    first = run["Ties[capable person,local producers]"]
    assert first.iloc[0] == 10
    assert (first.diff().dropna() < 0).all()
    others = [f"Ties[{a},{g}]" for a in ACTORS for g in GROUPS if (a, g) != (ACTORS[0], GROUPS[0])]
    assert run[others].abs().max().max() == 0


def test_L2_without_the_founder_the_trade_starts_later(ask: Ask) -> None:
    (with_him,), (without,) = ask(None, date("own smelting")), ask({"Founder": 0}, date("own smelting"))
    assert without > with_him + 5


# ---- L3 old industry ---------------------------------------------------------------------------------------------


def test_L3_recruits_come_from_the_potters_and_through_contacts(base: Frame, ask: Ask) -> None:
    step = base.index[1] - base.index[0]
    left = (base["Recruits from potters"] + base["Potters leaving the trade"]).cumsum() * step
    assert (left <= base["Potters"].iloc[0] * 1.01).all()
    (with_kilns,) = ask(None, "Collectors@1978")
    (no_contacts,) = ask({"Potters per tie": 0, "Contact rate of potters": 0}, "Collectors@1978")
    (no_potters,) = ask({"Initial potters": 1}, "Collectors@1978")
    assert no_contacts < 0.2 * with_kilns
    assert no_potters < 0.05 * with_kilns


def test_L3_knowing_lead_speeds_learning(ask: Ask) -> None:
    (skilled,), (unskilled,) = ask({"Lore gain": 2}, date("own smelting")), ask({"Lore gain": 0}, date("own smelting"))
    assert skilled < unskilled


# ---- L4 own smelting ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "changes"),
    [
        ("ties", {f"Attention share[{a},metal buyers]": 0.0 for a in ACTORS}),
        ("technique", {"Learning rate from ties": 0.0}),
        ("material", {"Collection per collector": 0.0001}),
        ("money", {"Retained share": 0.0}),
    ],
)
def test_L4_own_smelting_needs_ties_technique_material_and_money(
    ask: Ask, missing: str, changes: dict[str, float]
) -> None:
    (there,), (without,) = ask(None, "Lead output@1995"), ask(changes, "Lead output@1995")
    assert there > 2000
    assert without < 0.01 * there, f"smelting without {missing}"


def test_L4_powder_is_sold_before_anything_is_smelted(base: Frame) -> None:
    sold, smelted = base["Powder sales"] > 500, base["Lead output"] > 500
    assert sold.idxmax() + 2 < smelted.idxmax()


# ---- L5 pollution, illness, pressure -----------------------------------------------------------------------------


def test_L5_air_and_soil_burden_differ_in_speed(model: csd.Model) -> None:
    run: Frame = model.run({"Domestic price factor@2000": 0.02}).to_dataframe()
    assert run.loc[2000.25, "Total emission"] < 0.02 * run.loc[1999.75, "Total emission"]
    assert run.loc[2006, "Air burden"] < 0.05 * run.loc[1999.75, "Air burden"]
    assert run.loc[2006, "Soil burden"] > 0.9 * run.loc[1999.75, "Soil burden"]


def test_L5_reporting_is_partial(base: Frame) -> None:
    later = base.loc[1985:]
    assert (later["Diagnosed cases"] < 0.2 * later["Ill people"]).all()
    assert (later["Diagnosed cases"] > 0).all()


def test_L5_pressure_follows_harm_with_delay(base: Frame, ask: Ask) -> None:
    sought = base["Visible harm"] * base["Environmental stringency"] ** 0.5
    reached = [(series > 0.3).idxmax() for series in (sought, base["Pressure from above"])]
    assert reached[1] >= reached[0] + 0.5
    (quick,), (slow,) = (ask({"Pressure time": t}, "Pressure from above@1998") for t in (0.4, 2.5))
    assert slow < quick


def test_L5_a_dirtier_workshop_makes_more_people_ill(ask: Ask) -> None:
    name = "Airborne share of loss[small workshop]"
    clean, dirty = (ask({name: x}, "Ill people@1995")[0] for x in (0.05, 0.25))
    assert dirty > 1.5 * clean


# ---- L6 rectification, livelihoods, ban --------------------------------------------------------------------------


def test_L6_large_workshops_comply_first(base: Frame) -> None:
    middle = base.loc[1998:2002]
    large = middle["Merging[large workshop]"] / middle["Capacity[large workshop]"]
    small = middle["Merging[small workshop]"] / middle["Capacity[small workshop]"]
    assert (large > 3 * small).all()


def test_L6_pressure_commitment_enforcement_and_compliance_follow_one_another(base: Frame) -> None:
    half = [
        (base.loc[:2004, name] > 0.5 * base.loc[:2004, name].max()).idxmax()
        for name in ("Visible harm", "Pressure from above", "Commitment", "Compliant share")
    ]
    assert half == sorted(half)
    assert half[0] < half[-1]


def test_L6_livelihoods_weigh_against_a_ban(ask: Ask) -> None:
    many, few = (ask({"Jobs for half weight": x, "Ban tolerance": 0.3}, "max(Threat of a ban)")[0] for x in (500, 1e6))
    assert few > many + 0.02


def test_L6_a_ban_can_happen(model: csd.Model) -> None:
    run: Frame = model.run(scenario="unheard and intolerant").to_dataframe()
    assert run["Ban intensity"].max() > 0.5
    assert run.loc[1996:2004, "Lead output"].min() < 0.7 * run.loc[1990:1998, "Lead output"].max()


def test_L6_a_heard_county_is_banned_less(ask: Ask) -> None:
    changes = {"Ban tolerance": 0.3}
    silent = changes | {"Liaison effort": 0, "Attention share[park alliance,province offices]": 0}
    (heard,), (unheard,) = ask(changes, "max(Ban intensity)"), ask(silent, "max(Ban intensity)")
    assert unheard > heard + 0.1


def test_L6_dependence_on_the_tax_softens_enforcement(ask: Ask) -> None:
    strict, lenient = (ask({"Leniency": x}, "Enforcement@2010", "Emission intensity@2010") for x in (0.0, 0.9))
    assert lenient[0] < strict[0]
    assert lenient[1] > strict[1]


# ---- L7 policy ties ----------------------------------------------------------------------------------------------


def test_L7_policy_ties_expire_when_nobody_renews_them(model: csd.Model) -> None:
    stop = {f"{a} contacts@2010": 0 for a in ("Founder", "County", "Alliance", "Firm")}
    ties: Frame = model.run(stop, variables=["Policy ties"])["Policy ties"].to_series()
    life = np.log(2) * 4
    assert ties.loc[2010 + round(life * 4) / 4] == pytest.approx(ties.loc[2010] / 2, rel=0.05)


def test_L7_policy_ties_are_chosen_by_both_sides(ask: Ask) -> None:
    measure = "max(Ties[county government,ministries])"
    (chosen,) = ask(None, measure)
    (not_asked,) = ask({"Liaison effort": 0}, measure)
    (not_eligible,) = ask({"Scale for half eligibility": 1e9}, measure)
    assert chosen > 0.1
    assert not_asked == 0
    assert not_eligible < 0.01 * chosen


def test_L7_policy_ties_bring_information_and_money(ask: Ask) -> None:
    measures = ("Policy information@2010", "Grants@2010", "Known direction@2010")
    some, more = ask({"Liaison effort": 0.3}, *measures), ask({"Liaison effort": 2}, *measures)
    assert all(m > s for s, m in zip(some, more, strict=True))


# ---- L8 the park -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lacking", "changes"),
    [
        ("direction", {"Window scale": 0}),
        ("prospects", {"Revenue for half prospects": 5e9}),
        ("budget", {"Discretionary share": 0.01, "Officials loan limit": 0, "Grant per tie": 0}),
    ],
)
def test_L8_the_park_waits_for_direction_prospects_and_budget(
    ask: Ask, lacking: str, changes: dict[str, float]
) -> None:
    usual, without = (ask(c, date("park opening"), "Park readiness@2010") for c in (None, changes))
    assert usual[0] < 2010
    assert without[0] > usual[0], f"a park as early without {lacking}"
    assert without[1] < 0.95 * usual[1], f"a park as far without {lacking}"


def test_L8_the_licence_follows_recognition_and_park(base: Frame, ask: Ask) -> None:
    assert (base["Licence"] <= np.maximum.accumulate(base["Park readiness"]) + 1e-9).all()
    (without_park,) = ask({"Park effort": 0}, "max(Licence)")
    assert without_park == 0


def test_L8_officials_are_repaid(base: Frame) -> None:
    assert base["Officials debt"].max() > 1e6
    assert base["Officials debt"].max() <= 1e7
    assert base["Loan repayment"].sum() > 0


# ---- L9 consolidation --------------------------------------------------------------------------------------------


def test_L9_owners_resist_until_support_and_threat_outweigh(ask: Ask) -> None:
    weak, usual, strong = (ask({"Owner resistance": x}, date("consolidation"))[0] for x in (0.4, 0.6, 1.0))
    assert weak < usual < strong
    (supported,), (alone,) = (ask({"Support effort": x}, "Modern drive@2012")[0:1] for x in (1.5, 0))
    assert supported > alone


def test_L9_technology_rises_and_emission_a_tonne_falls(base: Frame) -> None:
    recovery = base["Lead output"] / base["Total charge"]
    assert recovery.loc[2016] > recovery.loc[2010] + 0.02
    assert base.loc[2016, "Emission intensity"] < 0.5 * base.loc[2010, "Emission intensity"]


def test_L9_many_works_become_few(base: Frame) -> None:
    assert base.loc[2011, "Formal works"] > 8
    assert base.loc[2017, "Formal works"] < 0.5 * base.loc[2011, "Formal works"]


# ---- L10 industry ties -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"Share for half standing": 1e3}, {"Ties for half backing": 1e5}])
def test_L10_posts_need_scale_and_official_backing(ask: Ask, changes: dict[str, float]) -> None:
    (there,), (without,) = ask(None, "Industry ties@2012"), ask(changes, "Industry ties@2012")
    assert there > 0.3
    assert without < 0.05 * there


def test_L10_posts_bring_reputation_and_information(ask: Ask) -> None:
    measures = ("Reputation@2012", "Information from the trade@2012", "Firm capability@2020")
    silent, active = (ask({"Association effort": x}, *measures) for x in (0, 1))
    assert all(a > s for s, a in zip(silent, active, strict=True))


# ---- L11 alliance and windows ------------------------------------------------------------------------------------


def test_L11_liaison_pays_only_while_windows_are_open(ask: Ask) -> None:
    def payoff(windows: float) -> float:
        some, more = (
            ask({"Liaison effort": x, "Window scale": windows}, "max(Ties[county government,ministries])")[0]
            for x in (1, 2)
        )
        return more - some

    assert payoff(1) > 0.3
    assert abs(payoff(0)) < 1e-9


def test_L11_framing_opens_more_of_each_window(ask: Ask) -> None:
    plain, framed = (ask({"Framing effort": x}, "Support on offer@2011", "Policy ties@2011") for x in (0.2, 1.0))
    assert framed[0] > plain[0]
    assert framed[1] > plain[1]


def test_L11_the_alliance_holds_ties_only_where_there_is_a_park(ask: Ask) -> None:
    measure = "max(Ties of actor[park alliance])"
    assert ask({"Park effort": 0}, measure)[0] == 0
    assert ask(None, measure)[0] > 10


# ---- L12 the wave ------------------------------------------------------------------------------------------------


def test_L12_arrivals_stay_within_the_wave_and_follow_attractiveness(base: Frame, ask: Ask) -> None:
    share = base["Attractiveness"] / (base["Attractiveness"] + base["Pull of other places"])
    assert base["Arrivals"].to_numpy() == pytest.approx((base["Relocation wave"] * share).to_numpy())
    assert ask({"Wave size": 0}, "max(Battery capacity)")[0] == 0
    small, large = (ask({"Wave size": x}, "Battery capacity@2017")[0] for x in (0.5, 2))
    assert large > 1.5 * small


@pytest.mark.parametrize("name", ["Tax rebate", "Investment promotion", "Alliance effort"])
def test_L12_rebates_promotion_and_ties_draw_battery_makers(ask: Ask, name: str) -> None:
    without, with_it = (ask({name: x}, "Battery capacity@2017")[0] for x in (0, 0.6))
    assert with_it > without


def test_L12_lead_at_the_door_draws_battery_makers(base: Frame) -> None:
    expected = base["Lead output"] / (base["Lead output"] + base["Output for half supply"])
    assert base["Supply at the door"].to_numpy() == pytest.approx(expected.to_numpy())


def test_L12_reputation_is_slow_to_gain_and_harm_destroys_it(ask: Ask) -> None:
    clean, dirty = (ask({"Reputation loss": x}, "Reputation@2012")[0] for x in (0.0, 0.8))
    assert clean > dirty + 0.1


# ---- L13 agglomeration -------------------------------------------------------------------------------------------


def test_L13_specialisation_saves_cost_and_rivalry_costs_margin(ask: Ask) -> None:
    without, with_it = (ask({"Cluster saving": x}, "Cost factor@2015")[0] for x in (0, 0.3))
    assert with_it < without
    calm, rival = (ask({"Rivalry cost": x}, "Expected margin ratio@2000")[0] for x in (0, 0.06))
    assert rival < calm


def test_L13_the_chain_grows_and_outsiders_buy_in(base: Frame) -> None:
    assert base.loc[1985, "Chain length"] < base.loc[2000, "Chain length"] < base.loc[2015, "Chain length"] <= 5
    assert base.loc[2000, "Outside ownership"] < 0.05
    assert 0.05 < base.loc[2017, "Outside ownership"] < 0.6


# ---- L14 the paradox ---------------------------------------------------------------------------------------------

FROZEN = {"Drivers frozen": 1.0, "Freeze year": 2010.0, "Founder": 0.0}
NOTHING = {"Initial government capability": 0.01, "Initial firm capability": 0.01}
ABLE = {"Initial government capability": 0.8, "Initial firm capability": 0.8, "Initial technique": 0.8}
LINKED = {"Initial tie endowment": 1.0}
LATE: dict[str, Any] = {"stop": 2150.0, "time_step": 1 / 32}


def test_L14_frozen_drivers_stand_still(model: csd.Model) -> None:
    run: Frame = model.run({"Drivers frozen": 1, "Freeze year": 2005}).to_dataframe()
    for driver in (
        "World lead price",
        "Scrap at usual price",
        "Environmental stringency",
        "Relocation wave",
        "Pottery demand",
    ):
        assert run[driver].nunique() == 1, driver


def test_L14_equilibria_rest_when_drivers_are_frozen(ask: Ask) -> None:
    earlier, last = ask(FROZEN | NOTHING, "Lead output@2130", "final(Lead output)", **LATE)
    assert last > 100_000
    assert last == pytest.approx(earlier, rel=0.02)


def test_L14_two_stable_outcomes_where_collecting_hangs_on_ties(ask: Ask) -> None:
    tied = FROZEN | {"Reach without ties": 0.2}
    ends = {
        name: ask(tied | NOTHING | start, "final(Lead output)", **LATE)[0]
        for name, start in (("nothing", {}), ("able", ABLE), ("linked", LINKED), ("both", ABLE | LINKED))
    }
    assert ends["nothing"] < 10
    assert ends["able"] < 10, "capability alone should not lift this county"
    assert ends["linked"] > 100_000
    assert ends["both"] == pytest.approx(ends["linked"], rel=0.1)


def test_L14_between_the_outcomes_lies_one_tipping_point(model: csd.Model) -> None:
    ties = np.linspace(0, 1, 21)
    design = pd.DataFrame({"Initial tie endowment": ties}).assign(**FROZEN, **NOTHING, **{"Reach without ties": 0.2})
    developed = model.ensemble(design, measures=["final(Lead output)"], **LATE)["final(Lead output)"].to_numpy() > 2000
    assert not developed[0]
    assert developed[-1]
    assert (np.diff(developed.astype(int)) >= 0).all(), "more ties never hurt"


# ---- L15 relay ---------------------------------------------------------------------------------------------------


def test_L15_phases_overlap_and_the_founder_still_bridges_in_2006(base: Frame) -> None:
    row = base.loc[2006]
    assert row["Bridging share[capable person]"] > 0.1
    assert row["Bridging share[county government]"] > 0.05
    assert base.loc[1985, "Bridging share[capable person]"] > base.loc[2015, "Bridging share[capable person]"]


def test_L15_taking_an_actors_contacts_takes_its_bridging(ask: Ask) -> None:
    for contacts, actor in zip(("Founder", "County", "Alliance"), ACTORS, strict=False):
        measure = f"mean(Bridging share[{actor}])"
        (usual,), (without,) = ask(None, measure), ask({f"{contacts} contacts": 0}, measure)
        assert without < 0.2 * usual or without < 0.02


# ---- L16 where it ended ------------------------------------------------------------------------------------------


def test_L16_shares_have_their_stated_denominators(base: Frame) -> None:
    national = base["Lead output"] + base["Rival intake"] * base["Rival recovery"]
    kinds = ("small workshop", "large workshop", "merged works", "modern works")
    capacity = sum(base[f"Capacity[{k}]"] * base[f"Recovery[{k}]"] for k in kinds)
    assert base["Market share"].to_numpy() == pytest.approx((base["Lead output"] / national).to_numpy())
    assert base["Capacity over national output"].to_numpy() == pytest.approx((capacity / national).to_numpy())
    reported = capacity / base["National secondary lead output"]
    assert base["Capacity over reported output"].to_numpy() == pytest.approx(reported.to_numpy())


def test_L16_the_share_may_fall_while_output_grows(base: Frame) -> None:
    assert base.loc[2012, "Lead output"] > base.loc[2004, "Lead output"]
    assert base.loc[2012, "Market share"] < base.loc[2004, "Market share"]


def test_L16_scrap_is_competed_for(base: Frame, ask: Ask) -> None:
    assert (
        base["Scrap intake"] + base["Rival intake"] <= base["National scrap supply"] + base["Powder sales"] + 1e-6
    ).all()
    few, many = (
        ask({"Rival capacity scale@2005": x}, "Scrap payable share@2015", "Lead output@2015") for x in (0.5, 2)
    )
    assert many[0] > few[0]
    assert many[1] < few[1]


def test_L16_dear_scrap_is_brought_out_and_cheap_scrap_left_lying(ask: Ask) -> None:
    slump = {"Price shock size": 0.5, "Price shock year": 2009, "Price shock length": 2}
    measures = ("National scrap supply@2010", "Lead output@2010", "Collectors@2012")
    usual, hit = ask(None, *measures), ask(slump, *measures)
    assert all(h < 0.95 * u for u, h in zip(usual, hit, strict=True))
    deaf = {"Scrap supply elasticity": 0}
    (before,), (after,) = ask(deaf, measures[0]), ask(deaf | slump, measures[0])
    assert after == pytest.approx(before)


def test_L16_demand_from_elsewhere_pays_the_first_collectors(base: Frame, ask: Ask) -> None:
    paid = base["Collector margin share"] * base["Scrap price"] * base["Scrap per collector"]
    expected = paid * base["Other scrap factor"] * base["Sold share"]
    assert base["Collector income"].to_numpy() == pytest.approx(expected.to_numpy())
    few, many = (ask({"Rival capacity scale": x}, "Collectors@1985")[0] for x in (0.5, 2))
    assert many > 2 * few


def test_L16_statistics_count_taxes_before_rebates(base: Frame) -> None:
    kept = base["Tax raised"] - base["Tax handed back"]
    assert base["Industry tax"].to_numpy() == pytest.approx(kept.to_numpy())
    assert base["Park tax of the day"].to_numpy() == pytest.approx(
        (base["Tax raised"] * base["Price level"]).to_numpy()
    )
    assert (base["Tax handed back"] >= 0).all()
    assert base.loc[2017, "Tax handed back"] > 0


def test_L16_plates_need_lead_customers_and_a_permit(base: Frame, ask: Ask) -> None:
    used = (base["Plates sold"] + base["Battery output"]) * base["Lead in a battery"]
    late = base["Plates sold"] > 0
    assert (used[late] <= base["Lead output"][late] * (1 + 1e-9)).all()
    assert (base["Plate and battery share"] >= base["Battery share"]).all()
    (sold,) = ask(None, "Plates sold@2012")
    without = {
        "lead": {"Collection per collector": 1e-4},
        "customers": {"Plates per tie": 0.0},
        "permit": {"Own authority": 0, "Borrowing skill": 0, "Government learning rate": 0, "Compliance of small": 0},
    }
    for what, changes in without.items():
        assert ask(changes, "Plates sold@2012")[0] < 0.5 * sold, f"plates without {what}"


# ---- L17 networks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("year", [1990, 2006, 2020])
def test_L17_size_density_and_variety_are_outputs_computed_from_ties(base: Frame, year: int) -> None:
    row = base.loc[year]
    ties = np.array([[row[f"Ties[{a},{g}]"] for g in GROUPS] for a in ACTORS])
    assert row["Network size"] == pytest.approx(ties[:, 1:].sum())
    assert row["Network density"] == pytest.approx((ties / (ties + row["Ties for half reach"])).mean())
    groups = ties.sum(axis=0) / ties.sum()
    assert row["Network variety"] == pytest.approx(1 - (groups**2).sum())


SWITCHES = {"Trade ties": "Trade network intensity", "Policy ties": "Policy network intensity"} | {
    "Industry ties": "Industry network intensity"
}


@pytest.mark.parametrize("ties", SWITCHES)
def test_L17_a_network_that_is_off_holds_no_ties_and_leaves_the_others_free(ask: Ask, ties: str) -> None:
    assert ask({SWITCHES[ties]: 0}, f"max({ties})") == [0]
    start = {"Initial tie endowment": 1.0}  # a county that has ties loses them, and only those
    others = [o for o in SWITCHES if o != ties]
    kept = ask(start | {SWITCHES[ties]: 0}, *(f"{o}@1975" for o in others))
    usual = ask(start, *(f"{o}@1975" for o in others))
    assert all(k > 0.5 * u for k, u in zip(kept, usual, strict=True))


def test_L17_all_eight_combinations_of_networks_are_scenarios(model: csd.Model, ask: Ask) -> None:
    names = [f"networks {t}{p}{i}" for t in "-T" for p in "-P" for i in "-I"]
    assert set(names) <= set(model.scenarios["name"])
    (base,) = ask(None, "Lead output@2017")
    ends = {
        n: float(
            model.ensemble(pd.DataFrame({"Founder": [1.0]}), measures=["Lead output@2017"], scenario=n)[
                "Lead output@2017"
            ].to_numpy()[0]
        )
        for n in names
    }
    assert ends["networks TPI"] == base
    assert all(ends[n] < 100 for n in names if "T" not in n), "nobody learns to smelt without the trade network"


# ---- L18 the frame -----------------------------------------------------------------------------------------------


def test_L18_the_frame_is_context_with_its_source_and_no_model_output(folder, model: csd.Model) -> None:
    table: Frame = pd.read_csv(folder / "data" / "context_table1.csv")
    lists = table[table["variable"] == "small_place_clusters"]
    assert len(lists) == 6
    assert int(table.loc[table["variable"] == "small_place_clusters_all_lists", "value"].iloc[0]) == 168
    assert int(lists["value"].sum()) > 168, "the lists overlap"
    assert table["source"].str.contains("Lu Yu 2025").all()
    assert not model.variables["documentation"].str.contains("L18").any()


# ---- events and their windows ------------------------------------------------------------------------------------


def test_each_event_moves_with_its_window_and_not_with_others(ask: Ask) -> None:
    dates = [date(e) for e in ("own smelting", "acceptance", "park opening", "consolidation")]

    def slope(window: str, year: float) -> np.ndarray:
        early, late = (np.array(ask({f"Opening year[{window}]": year + d}, *dates)) for d in (-1, 1))
        return (late - early) / 2

    rule, circular, entry = (
        slope("clean up rule", 1996),
        slope("circular economy", 2005),
        slope("entry conditions", 2012),
    )
    assert rule[1] > 0.1
    assert circular[2] > 0.5, "the park is window-driven in the base run"
    assert entry[3] > 0.5, "so is the consolidation"
    assert max(abs(s[0]) for s in (rule, circular, entry)) == 0
    assert abs(entry[1]) < 0.05
