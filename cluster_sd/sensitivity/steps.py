"""What one feasible step of each lever does: a decision doesn't depend on the width of a range.

Each set of uncertain values is run with the levers as they are, and with one lever moved by its column ``step``, up or
down, from the year in its column ``from`` on. The difference is the step's effect in that set.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.distributions import BOUNDED
from cluster_sd.errors import InputError
from cluster_sd.sensitivity.paired import Paired, Spread, Variant, by_set, paired, settled, spread, value_before
from cluster_sd.sensitivity.problem import Factor, Problem
from cluster_sd.sensitivity.result import Outcome
from cluster_sd.sensitivity.sampling import Outputs

if TYPE_CHECKING:
    import pandas

    from cluster_sd.api import Model
    from cluster_sd.sensitivity.draws import Draws

__all__ = ["VERDICTS", "Action", "Steps", "actions_of", "stepped", "steps"]

Floats = NDArray[np.float64]

#: Name of the variant in which no lever moves.
TODAY = "as today"
#: What a step does to spending: more, less, neither, or one in some parameter sets and the other in others.
VERDICTS = ("costs", "saves", "free", "unclear")
#: Share of the sets in which spending must go the same way for a verdict.
SURE = 0.99
#: Change of spending, as a share of what is spent today, that counts as none.
NEGLIGIBLE = 1e-4
#: Columns of the table.
COLUMNS = (
    "measure", "time", "lever", "step", "from", "to", "since", *Spread.COLUMNS, "improves", "best", "cost",
    "cost_verdict", "per_yuan", "per_yuan_low", "per_yuan_high",
)  # fmt: skip


@dataclass(frozen=True)
class Action:
    """One lever moved by one step.

    Attributes
    ----------
    lever : Factor
    direction : int
        1 up, -1 down.
    before, after : float
        Its value today and after the step; the step ends at the end of the lever's range.
    """

    lever: Factor
    direction: int
    before: float
    after: float

    @property
    def name(self) -> str:
        """Lever and step, as ``Levy rate +0.05``."""
        return f"{self.lever.name} {self.change:+.6g}"

    @property
    def change(self) -> float:
        """The step, with its sign."""
        return float(f"{self.after - self.before:.12g}")

    @property
    def since(self) -> float | None:
        """The year from which the step acts; None: the whole run."""
        _, at, year = self.lever.column.rpartition("@")
        return float(year) if at else None


def actions_of(model: Model, levers: Sequence[Factor], *, scenario: str | None = None) -> tuple[Action, ...]:
    """The steps that can be taken: each lever up and down by its ``step``, as far as its range goes.

    Raises
    ------
    InputError
        Where no lever has a step.
    """
    made = []
    for lever in levers:
        if lever.step is None:
            continue
        before = value_before(model, lever.column, scenario)
        least, most = (
            (lever.distribution.low, lever.distribution.high)
            if lever.distribution.kind in BOUNDED
            else (-math.inf, math.inf)
        )
        for direction in (1, -1):
            after = min(max(before + direction * lever.step, least), most)
            after = float(f"{after:.12g}")  # 0.06, not 0.060000000000000005
            if direction * (after - before) > 1e-9 * lever.step:
                made.append(Action(lever, direction, before, after))
    if not made:
        raise InputError("no lever has a step that it could take; parameters.csv needs numbers in its column 'step'")
    return tuple(made)


def stepped(
    model: Model,
    problem: Problem,
    actions: Sequence[Action],
    n: int,
    *,
    seed: int = 0,
    scenario: str | None = None,
    correlation: Any = None,
    draws: Draws | None = None,
) -> Paired:
    """The design: `n` sets of uncertain values, each as today and under each action.

    Parameters
    ----------
    model : Model
    problem : Problem
        What is uncertain; levers are not among it, they stand as they are today.
    actions : sequence of Action
    n : int
        Parameter sets; n · (1 + actions) runs.
    seed, scenario, correlation, draws
        As in :func:`cluster_sd.sensitivity.paired.paired`.

    Raises
    ------
    InputError
        Where a lever that is to step is drawn at random too.
    """
    drawn = sorted({a.lever.name for a in actions} & {factor.name for factor in problem.factors})
    if drawn:
        raise InputError(
            f"'{drawn[0]}' can't both be drawn at random and take a step from today's value; vary uncertain parameters "
            "alone (--role uncertain)"
        )
    variants = [Variant(TODAY), *(Variant(action.name, {action.lever.column: action.after}) for action in actions)]
    return paired(
        model, problem, variants, n, seed=seed, scenario=scenario, correlation=correlation, draws=draws, method="steps"
    )


@dataclass(frozen=True, eq=False)
class Steps:
    """What steps do.

    Attributes
    ----------
    actions : tuple of Action
    outcomes : tuple of Outcome
    better : tuple of str
        ``high``, ``low`` or empty, for each outcome.
    today : Spread
        Outcomes without a step, arrays (outcome,).
    effect : Spread
        Outcome with the step less without it, in the same parameter set; arrays (action, outcome).
    improves : array, shape (action, outcome)
        Share of the sets in which the step makes the outcome better; no effect counts half. NaN where nobody said
        which way is better.
    best : array, shape (action, outcome)
        Share of the sets in which no other step makes the outcome better than this one does, and doing nothing
        neither. NaN as above.
    cost : Spread or None
        Spending with the step less without it, arrays (action,).
    verdict : tuple of str
        For each action one of :data:`VERDICTS`; empty where nothing measures spending.
    per_yuan : array, shape (3, action, outcome)
        Effect for each yuan more that is spent: median over the sets and the ends of the spread. NaN but for actions
        that cost: the ratio to a difference that may be nought, or of either sign, means nothing.
    dropped : int
        Parameter sets left out because a run of theirs failed.
    """

    actions: tuple[Action, ...]
    outcomes: tuple[Outcome, ...]
    better: tuple[str, ...]
    today: Spread
    effect: Spread
    improves: Floats
    best: Floats
    cost: Spread | None
    verdict: tuple[str, ...]
    per_yuan: Floats
    dropped: int

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows of the table, columns as `COLUMNS`."""
        for i, outcome in enumerate(self.outcomes):
            for j, action in enumerate(self.actions):
                cost = math.nan if self.cost is None else float(self.cost.median[j])
                yield (
                    outcome.measure, outcome.time, action.lever.name, action.change, action.before, action.after,
                    action.since, *self.effect.at((j, i)), float(self.improves[j, i]), float(self.best[j, i]), cost,
                    self.verdict[j], *(float(x) for x in self.per_yuan[:, j, i]),
                )  # fmt: skip

    def table(self) -> pandas.DataFrame:
        """The rows as a table."""
        import pandas as pd

        return pd.DataFrame(list(self.rows()), columns=list(COLUMNS))


def steps(
    sample: Paired,
    outputs: Outputs,
    actions: Sequence[Action],
    better: Sequence[str],
    *,
    spending: int | None = None,
    share: float = 0.9,
    level: float = 0.95,
) -> Steps:
    """Effects of steps on all outcomes.

    Parameters
    ----------
    sample : Paired
        Of :func:`stepped`.
    outputs : Outputs
    actions : sequence of Action
        The same.
    better : sequence of str
        For each outcome ``high``, ``low`` or empty.
    spending : int, optional
        Which of the outcomes measures public spending, in yuan.
    share, level : float
        Of the spread over parameter sets, and of the confidence interval of a mean.

    Raises
    ------
    InputError
        Where outputs aren't those of the sample, or too many runs failed.
    """
    if len(better) != len(outputs.outcomes):
        raise InputError(f"{len(better)} directions for {len(outputs.outcomes)} outcomes; give one an outcome")
    values, dropped = by_set(sample, outputs)
    effect = settled(values[:, 1:] - values[:, :1], values)
    sign = np.array([{"high": 1.0, "low": -1.0}.get(word, math.nan) for word in better])
    cost = None if spending is None else effect[:, :, spending]
    verdict = ("",) * len(actions)
    if spending is not None and cost is not None:
        verdict = verdicts(cost, float(np.median(np.abs(values[:, 0, spending]))))
    return Steps(
        actions=tuple(actions),
        outcomes=outputs.outcomes,
        better=tuple(better),
        today=spread(values[:, 0], share, level),
        effect=spread(effect, share, level),
        improves=(np.sign(effect).mean(axis=0) * sign + 1) / 2,
        best=_best(effect * sign),
        cost=None if cost is None else spread(cost, share, level),
        verdict=verdict,
        per_yuan=_per_yuan(effect, cost, verdict, share),
        dropped=dropped,
    )


def verdicts(cost: Floats, today: float) -> tuple[str, ...]:
    """What each action does to spending, see :data:`VERDICTS`.

    Parameters
    ----------
    cost : (set, action) array
        Spending with the action less without it.
    today : float
        What is spent today.
    """
    little = NEGLIGIBLE * today
    found = []
    for one in cost.T:
        shares = {
            "free": (np.abs(one) <= little).mean(),
            "costs": (one > little).mean(),
            "saves": (one < -little).mean(),
        }
        name = max(shares, key=lambda key: shares[key])
        found.append(name if shares[name] >= SURE else "unclear")
    return tuple(found)


def _best(gain: Floats) -> Floats:
    """Share of the sets in which each action gains most, and more than nothing, (action, outcome); ties share."""
    top = np.maximum(gain.max(axis=1, keepdims=True), 0.0)
    won = (gain == top) & (gain > 0)
    with np.errstate(invalid="ignore"):
        part = np.where(won, won / np.maximum(won.sum(axis=1, keepdims=True), 1), 0.0)
    return np.where(np.isnan(gain).any(axis=(0, 1)), math.nan, part.mean(axis=0))


def _per_yuan(effect: Floats, cost: Floats | None, verdict: Sequence[str], share: float) -> Floats:
    """Median and spread of the effect per yuan, shape (3, action, outcome)."""
    found = np.full((3, *effect.shape[1:]), math.nan)
    if cost is None:
        return found
    for j, word in enumerate(verdict):
        if word == "costs":
            dear = cost[:, j] > 0  # the one set in a hundred in which it isn't has no ratio
            ratio = effect[dear, j] / cost[dear, j, None]
            found[:, j] = np.quantile(ratio, [0.5, (1 - share) / 2, (1 + share) / 2], axis=0)
    return found
