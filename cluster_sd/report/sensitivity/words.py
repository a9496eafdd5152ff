"""What a sensitivity analysis says in plain words: sentences made from its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cluster_sd.report.sensitivity.figures import SHARES, sign

if TYPE_CHECKING:
    from cluster_sd.report.sensitivity.members import Members
    from cluster_sd.sensitivity.measures_of import Asked
    from cluster_sd.sensitivity.result import Estimate, Indices
    from cluster_sd.sensitivity.steps import Steps
    from cluster_sd.sensitivity.study import Study

__all__ = [
    "SHARES",
    "Headline",
    "Place",
    "amount",
    "effect_words",
    "headline",
    "lever_names",
    "percent",
    "quantity",
    "said",
    "step_column",
    "step_words",
    "sure_words",
]

#: How many levers are told of, and numbers up to that in words.
TOLD = 3
COUNTS = ("none", "one", "two", "three")


@dataclass(frozen=True)
class Place:
    """One name's place in a ranking."""

    name: str
    value: float
    low: float
    high: float
    floor: float

    @property
    def counts(self) -> bool:
        """Whether it stands above what chance alone gives."""
        return not (self.value <= self.floor or self.low <= 0)


@dataclass(frozen=True)
class Headline:
    """What matters most for one outcome.

    Attributes
    ----------
    asked : Asked
    outcome : int
        Column of the outcome.
    reason : str
        Why there are no indices; empty where there are.
    first : tuple of Place
        The leading levers (all names, where nothing is a lever), best first.
    probability : float
        That these are the leading ones, whatever their order; NaN where it isn't known.
    among : int
        Levers in the ranking.
    are_levers : bool
    share : float
        Sum of the levers' indices: of ST, the most that all levers together explain. NaN where it has no meaning.
    other : Place or None
        What leads among the names that are no levers.
    """

    asked: Asked
    outcome: int
    reason: str
    first: tuple[Place, ...]
    probability: float
    among: int
    are_levers: bool
    share: float
    other: Place | None


def lever_names(indices: Indices) -> list[str]:
    """Names of the groups all of whose members are levers."""
    factors = indices.problem.factors
    return [g.name for g in indices.problem.groups if all(factors[i].role == "lever" for i in g.members)]


def headline(study: Study, asked: Asked) -> Headline:
    """What matters most for a measure; of a series, at its last time."""
    indices = study.indices
    time = float(asked.times[-1]) if asked.measure.is_series else None
    outcome = indices.outcome(asked.text, time)
    levers = lever_names(indices)
    everything = _places(indices.main, indices, outcome)
    ordered = [p for p in everything if p.name in set(levers)] if levers else everything
    others = [p for p in everything if p.name not in set(levers)] if levers else []
    ranking = indices.levers if others else indices.main
    told = min(TOLD, len(ordered))
    known = ranking is not None and 0 < told <= len(ranking.top)
    return Headline(
        asked=asked,
        outcome=outcome,
        reason=indices.reasons[outcome],
        first=tuple(ordered[:told]),
        probability=float(ranking.top[told - 1, outcome]) if ranking is not None and known else float("nan"),
        among=len(ordered),
        are_levers=bool(levers),
        share=float(sum(p.value for p in ordered)) if levers and indices.ranked in SHARES else float("nan"),
        other=others[0] if others else None,
    )


def _places(estimate: Estimate, indices: Indices, outcome: int) -> list[Place]:
    floor = float(indices.floor[indices.ranked][outcome]) if indices.ranked in indices.floor else float("nan")
    value = estimate.value[:, outcome]
    order = sorted(np.flatnonzero(np.isfinite(value)).tolist(), key=lambda i: -abs(value[i]))
    return [
        Place(
            estimate.names[i], float(value[i]), float(estimate.low[i, outcome]), float(estimate.high[i, outcome]), floor
        )
        for i in order
    ]


# --- numbers ----------------------------------------------------------------------------------------------------------


def quantity(value: float, unit: str = "") -> str:
    """A number with three digits and its unit, as a reader wants it.

    >>> quantity(1234.5, "yuan"), quantity(0.01234), quantity(-3.0, "dmnl")
    ('1,230 yuan', '0.0123', '-3')
    """
    if value != value:
        return "–"
    text = f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.3g}"
    if 1000 <= abs(value) < 10_000:
        text = f"{float(f'{value:.3g}'):,.0f}"
    return text if unit in ("", "dmnl") else f"{text} {unit}"


def amount(kind: str, place: Place) -> str:
    """An index with its interval.

    >>> amount("ST", Place("a", 0.1834, 0.15, 0.21, 0.01)), amount("mu_star", Place("a", 12.3, 10, 14.6, 0))
    ('18 % of the variance (15 to 21 %)', 'μ* 12.3 (10 to 14.6)')
    """
    known = place.low == place.low and place.high == place.high
    if kind in SHARES:
        interval = f" ({percent(place.low)} to {percent(place.high)} %)" if known else ""
        return f"{percent(place.value)} % of the variance{interval}"
    interval = f" ({quantity(place.low)} to {quantity(place.high)})" if known else ""
    return f"{sign(kind)} {quantity(place.value)}{interval}"


def percent(share: float) -> str:
    """A share in per cent, with two digits where it is small."""
    size = 100 * share
    return f"{size:.0f}" if abs(size) >= 9.5 else f"{size:.2g}" if abs(size) >= 0.1 else f"{size:.1g}"


def sure_words(probability: float, told: int) -> str:
    """How sure a ranking is, in a sentence."""
    if probability != probability:
        return "How sure this order is can't be said by this method."
    what = "this is the first" if told == 1 else f"these are the first {COUNTS[told]}, in whatever order,"
    percent = f"{100 * probability:.0f}"
    more = "more than 99" if probability >= 0.995 else "less than 1" if probability < 0.005 else percent
    verdict = (
        "that is settled" if probability >= 0.95 else "that is likely" if probability >= 0.7 else "that is not settled"
    )
    return f"The probability that {what} is {more} %: {verdict}."


# --- sentences --------------------------------------------------------------------------------------------------------


def said(study: Study, found: Headline, members: Members) -> str:
    """The paragraph on one outcome: what leads, how sure that is, and how much it is of the whole."""
    if found.reason:
        return f"{found.asked.title}: {found.reason}, so nothing matters for it here."
    kind = study.indices.ranked
    counting = [p for p in found.first if p.counts]
    noun = "levers" if found.are_levers else "parameters"
    if not counting:
        text = f"{_title(found.asked)}: none of the {found.among} {noun} stands out from what chance alone gives."
    else:
        named = [f"{members.label(p.name, found.outcome)}, {amount(kind, p)}" for p in counting]
        told = "; ".join(named[:-1]) + ("; and " if len(named) > 1 else "") + named[-1]
        verb = "matters most" if len(counting) == 1 else "matter most"
        count = COUNTS[len(counting)]
        text = f"{_title(found.asked)}: {count} of {found.among} {noun} {verb}: {told}."
        if len(counting) == len(found.first):
            text += " " + sure_words(found.probability, len(found.first))
        else:
            text += f" The other {noun} can't be told from chance."
    if found.other is not None and found.other.counts:
        if found.share < 0.5:
            text += f" All levers together explain {percent(found.share)} % at most."
        other = members.label(found.other.name, found.outcome)
        text += f" Of what nobody decides, {other} leads with {amount(kind, found.other)}."
    return text


def _title(asked: Asked) -> str:
    """The outcome's name, with what it means."""
    about = asked.description.rstrip(".")
    return f"{asked.title} ({about[0].lower()}{about[1:]})" if about and about != asked.title else asked.title


def step_words(study: Study, found: Headline) -> str:
    """What one step of each leading lever does to the outcome, and which step of all does most; may be empty."""
    steps = study.steps
    column = step_column(study, found.asked)
    if steps is None or column is None or found.reason:
        return ""
    told = [words for p in found.first if p.counts and (words := effect_words(steps, column, found.asked.unit, p.name))]
    if not told:
        return ""
    best = steps.actions[best_step(steps, column)]
    more = "" if best.lever.name in {p.name for p in found.first} else f" The step that does most of all: {best.name}."
    return f"One feasible step of each, in its better direction: {'; '.join(told)}.{more}"


def step_column(study: Study, asked: Asked) -> int | None:
    """The column of a measure among those of the steps."""
    if study.steps is None:
        return None
    texts = (asked.text, f"final({asked.text})")
    return next((i for i, o in enumerate(study.steps.outcomes) if o.measure in texts), None)


def effect_words(steps: Steps, column: int, unit: str, lever: str) -> str:
    """What one step of a lever does to an outcome, in its better direction; empty where it has no step."""
    own = [i for i, a in enumerate(steps.actions) if a.lever.name == lever]
    if not own:
        return ""
    best = max(own, key=lambda i: _worth(steps, i, column))
    action, effect = steps.actions[best], steps.effect
    since = "" if action.since is None else f" from {action.since:.10g} on"
    low, middle, high = (_signed(float(a[best, column])) for a in (effect.low, effect.median, effect.high))
    words = "" if unit in ("", "dmnl") else f" {unit}"
    today = float(steps.today.median[column])
    share = f" ({_signed(100 * float(effect.median[best, column]) / abs(today))} %)" if today else ""
    return (
        f"{lever} from {quantity(action.before)} to {quantity(action.after, action.lever.unit)}{since} gives "
        f"{middle}{words}{share} in the middle of {steps.effect.sets:,} uncertain worlds, {low} to {high} in "
        f"{100 * effect.share:.0f} % of them"
    )


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + quantity(value).replace("-", "−")


def _worth(steps: Steps, action: int, column: int) -> float:
    """How good a step is for an outcome; its size where nobody said which way is better."""
    median = float(steps.effect.median[action, column])
    return {"high": median, "low": -median}.get(steps.better[column], abs(median))


def best_step(steps: Steps, column: int) -> int:
    """The action whose middle effect on an outcome is best."""
    return max(range(len(steps.actions)), key=lambda i: _worth(steps, i, column))
