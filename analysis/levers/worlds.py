"""Where the two models' levers are looked at: scales, budgets and weathers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class World:
    """A model in a scenario.

    Attributes
    ----------
    name : str
        As the results call it.
    model : str
    scenario : str or None
    """

    name: str
    model: str
    scenario: str | None = None


@dataclass(frozen=True)
class Mechanisms:
    """Parts of a model that are switched off and on in all combinations.

    Attributes
    ----------
    name : str
    model : str
    scenario : str or None
    switches : mapping of str to mapping
        ``{name: {"off": changes, "on": changes}}``.
    always : mapping of str to number
        What holds in all combinations.
    """

    name: str
    model: str
    scenario: str | None
    switches: Mapping[str, Mapping[str, Mapping[str, float]]]
    always: Mapping[str, float] = field(default_factory=dict)


def intensities(**parameters: str) -> dict[str, dict[str, dict[str, float]]]:
    """Mechanisms that are nought or one."""
    return {name: {"off": {parameter: 0.0}, "on": {parameter: 1.0}} for name, parameter in parameters.items()}


FOUR = intensities(
    embedding="Embedding intensity",
    technology="Technology intensity",
    linkage="Linkage intensity",
    buffering="Buffering intensity",
)
THREE = intensities(
    trade="Trade network intensity", policy="Policy network intensity", industry="Industry network intensity"
)

#: Where levers are ranked, and where one step of each is looked at.
RANKED = (
    World("county", "orange"),
    World("village", "orange", "H village"),
    World("county of lead", "lead"),
)
STEPPED = (
    *RANKED,
    World("county, ample budget", "orange", "ample budget"),
    World("county, drought in 2030", "orange", "2030 drought"),
)
EXPERIMENTS = (
    Mechanisms("county, price fund under linkage", "orange", None, FOUR, {"Price fund under linkage": 1.0}),
    Mechanisms("county, price fund under buffering", "orange", None, FOUR, {"Price fund under linkage": 0.0}),
    Mechanisms(
        "drought in 2030, price fund under linkage", "orange", "2030 drought", FOUR, {"Price fund under linkage": 1}
    ),
    Mechanisms("price slump, price fund under linkage", "orange", "price slump", FOUR, {"Price fund under linkage": 1}),
    Mechanisms(
        "price slump, price fund under buffering", "orange", "price slump", FOUR, {"Price fund under linkage": 0}
    ),
    Mechanisms("networks of lead", "lead", None, THREE),
)
#: Levers that the two models share, in kind.
SHARED = (
    ("officials who win programmes and support above", "Liaison effort", "Liaison effort"),
    ("training of those who do the work", "Training effort", "Training of firms"),
    ("officials who know the trade, and audit and meet", "Council period", "Training of officials"),
    ("bringing firms to the place", "Firm recruitment", "Investment promotion"),
    ("works paid by the public", "Works funding", "Park effort"),
    ("a share of the gain left to those who join", "Premium share", "Tax rebate"),
    ("a name in the market and the trade", "Brand effort", "Association effort"),
    ("openness and supervision", "Disclosure", "Inspection effort"),
    ("support for renewal", "Variety subsidy", "Support effort"),
    ("money at risk for others", "Credit guarantee", "Officials loan limit"),
)
#: Levers of orange that no public money pays for: firms, the cooperative or members do, or nobody. What they cost the
#: public is indirect and small, so that an effect for each yuan would say nothing.
UNPAID = frozenset(
    {
        "Floor market ratio", "Floor indexation", "Floor cost cover", "Premium share", "Premium float", "Rebate share",
        "Equity share of smallholders", "Mutual contribution", "Indemnity in kind",
    }
)  # fmt: skip
