"""Public money: what each lever asks of it, and how far it goes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

import cluster_sd as csd

REQUESTS, SPENDING = "final(Cumulative public requests)", "final(Cumulative public spending)"
PUBLIC = {  # levers that a public office pays for, each a step up, or down where that is what costs
    "Demonstrator share",
    "Return support",
    "Training effort",
    "Variety subsidy",
    "Digital effort",
    "Disclosure",
    "Credit guarantee",
    "Match ratio",
    "Covered share",
    "Relief per mu",
    "Early warning",
    "Sum insured",
    "Premium subsidy",
    "Price fund effort",
    "Brand effort",
    "Firm recruitment",
    "Liaison effort",
    "Works funding",
    "Levy rate",  # by the match
}
DEARER_DOWN = {"Council period", "Insurance trigger", "Green levy"}
FREE = {  # paid by firms, by members, or by nobody because they divide what is there
    "Floor market ratio",
    "Floor indexation",
    "Floor cost cover",
    "Premium share",
    "Premium float",
    "Rebate share",
    "Equity share of smallholders",
    "Mutual contribution",
    "Indemnity in kind",
    "Price fund trigger",  # without a slump
}


class Costs(NamedTuple):
    """What a step of each lever, up and down, asks of public money (yuan, 2025-2040), and what is asked without it."""

    up: dict[str, float]
    down: dict[str, float]
    base: float


@pytest.fixture(scope="module")
def steps(orange: csd.Model) -> Costs:
    """Cost of a step of each lever, up and down, with public money that is not scarce."""
    levers = orange.parameters.query("role == 'lever'")
    value = dict(zip(levers["name"], levers["value"].astype(float), strict=True))
    sets = [{}]
    for row in levers.to_dict("records"):
        sets.append({row["name"]: min(row["high"], row["value"] + row["step"])})
        sets.append({row["name"]: max(row["low"], row["value"] - row["step"])})
    design = {f"{n}@2025": [s.get(n, v) for s in sets] for n, v in value.items()}
    runs = orange.ensemble(design, [REQUESTS, SPENDING], scenario="ample budget")
    asked = runs[REQUESTS].values
    up, down = (dict(zip(value, (asked[first::2] - asked[0]).tolist(), strict=True)) for first in (1, 2))
    return Costs(up, down, float(asked[0]))


def test_every_lever_is_known_to_cost_or_not_to_cost_public_money(steps: Costs) -> None:
    assert set(steps.up) == PUBLIC | DEARER_DOWN | FREE


@pytest.mark.parametrize("lever", sorted(PUBLIC))
def test_a_step_of_what_a_public_office_does_asks_for_public_money(steps: Costs, lever: str) -> None:
    assert steps.up[lever] > 1e5 > 0 > steps.down[lever]


@pytest.mark.parametrize("lever", sorted(DEARER_DOWN))
def test_more_meetings_payouts_and_incentives_cost_more(steps: Costs, lever: str) -> None:
    assert steps.down[lever] > 1e6 > 0 > steps.up[lever]


@pytest.mark.parametrize("lever", sorted(FREE))
def test_what_others_pay_asks_for_next_to_no_public_money(steps: Costs, lever: str) -> None:
    assert abs(steps.up[lever]) < 0.002 * steps.base


def test_O22_what_is_wanted_is_paid_when_money_is_ample(orange: csd.Model) -> None:
    run = orange.run(scenario="ample budget", variables=["Public requests", "Public spending", "Services met"])
    late = run.sel(time=slice(2026, 2040))
    assert np.allclose(late["Public spending"], late["Public requests"], rtol=0.01)
    assert (late["Services met"] == 1).all()


def test_O22_services_come_first_and_nothing_is_paid_beyond_the_budget(orange: csd.Model) -> None:
    names = ["Public budget", "Standing spending", "Public spending", "Budget fulfilment", "Services met"]
    poor = orange.run({"Base budget": 12, "Funding per tie": 0}, variables=names).sel(time=slice(2010, 2040))
    assert (poor["Standing spending"] <= poor["Public budget"]).all()
    assert (poor["Services met"] < 1).any()
    assert (poor["Budget fulfilment"].where(poor["Services met"] < 1, 0) == 0).all()
    assert (poor["Public spending"] <= 1.2 * poor["Public budget"]).all()


def test_O11_insurers_price_the_trigger_as_a_standard_normal_index_asks(orange: csd.Model) -> None:
    triggers = np.array([0.5, 0.75, 1, 1.5, 2])
    runs = orange.ensemble({"Insurance trigger": triggers}, ["final(Trigger pricing)"])
    expected = stats.norm.pdf(triggers) - triggers * stats.norm.sf(triggers)
    assert np.allclose(runs["final(Trigger pricing)"], expected / expected[2], rtol=0.02)


def test_O5_demonstrators_are_replaced_and_never_dismissed(orange: csd.Model) -> None:
    stock, wanted = "Households[demonstration household]", "Supported demonstrators"
    fewer = orange.run({"Demonstrator share@2025": 0.01}, variables=[stock, wanted, "Appointment"])
    kept = orange.run(variables=[stock, wanted])
    assert float(kept[stock].sel(time=2025)) == pytest.approx(float(kept[wanted].sel(time=2025)), rel=0.05)
    assert (fewer["Appointment"] >= 0).all()
    left = float(fewer[stock].sel(time=2028) / fewer[stock].sel(time=2025))
    assert left > np.exp(-3 / 15 - 3 * 0.03)  # only terms that end, and households that give up


def test_O6_nurseries_take_years_to_deliver_what_is_wanted(orange: csd.Model) -> None:
    run = orange.run(variables=["Released"])["Released"]
    assert float(run.sel(time=2014)) == 0 and float(run.sel(time=2015)) == 0.5 and float(run.sel(time=2016)) == 1
