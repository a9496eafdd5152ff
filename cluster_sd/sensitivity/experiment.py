"""The 2^k experiment on mechanisms: each switched off and on, in all combinations, over uncertain parameter sets.

Effects are contrasts of the 2^k cells (Yates 1937, *The design and analysis of factorial experiments*; Box, Hunter and
Hunter 2005, chapter 5): a main effect is the mean with the mechanism on less the mean with it off, an interaction half
the difference of an effect with another mechanism on and off, and so on. The Shapley value of a mechanism (Shapley
1953) is what it adds, as a mean over all orders in which the mechanisms can be switched on; the values sum to what all
of them do together.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.sensitivity.paired import Paired, Spread, Variant, by_set, paired, settled, spread
from cluster_sd.sensitivity.problem import Problem
from cluster_sd.sensitivity.result import PAIR, Outcome
from cluster_sd.sensitivity.sampling import Outputs

if TYPE_CHECKING:
    import pandas

    from cluster_sd.api import Model
    from cluster_sd.sensitivity.draws import Draws

__all__ = ["Experiment", "Switch", "contrasts", "effects", "factorial", "shapley_weights", "switches_of"]

Floats = NDArray[np.float64]
#: Mechanisms in one experiment; every one more doubles the runs.
MOST = 10
#: Columns of the table of effects.
COLUMNS = ("measure", "time", "term", "kind", *Spread.COLUMNS, "positive")


@dataclass(frozen=True)
class Switch:
    """A mechanism that can be off and on.

    Attributes
    ----------
    name : str
    off, on : mapping of str to number
        As the changes of a scenario.
    """

    name: str
    off: Mapping[str, float]
    on: Mapping[str, float]


def switches_of(model: Model, given: Mapping[str, Mapping[str, Any]]) -> tuple[Switch, ...]:
    """Switches from data: ``{name: {"off": changes, "on": changes}}``, where changes can be a scenario's name.

    What is left out (``off`` or ``on``) changes nothing.

    Raises
    ------
    InputError
        For another key than off and on, an unknown scenario, and a switch that changes nothing.
    """
    made = []
    for name, states in given.items():
        for key in states:
            if key not in ("off", "on"):
                raise InputError(f"the mechanism '{name}' has '{key}'; it can have 'off' and 'on'")
        off, on = (_changes(model, states.get(key, {})) for key in ("off", "on"))
        if dict(off) == dict(on):
            raise InputError(f"the mechanism '{name}' is the same off and on; give what it changes")
        made.append(Switch(name, off, on))
    return tuple(made)


def _changes(model: Model, given: Any) -> Mapping[str, float]:
    if isinstance(given, str):
        changes = model.folder.changes(given)
        return {c.name if c.time is None else f"{c.name}@{c.time!r}": c.value for c in changes}
    return {str(name): float(value) for name, value in dict(given).items()}


def factorial(
    model: Model,
    problem: Problem,
    switches: Sequence[Switch],
    n: int,
    *,
    always: Mapping[str, float] | None = None,
    seed: int = 0,
    scenario: str | None = None,
    correlation: Any = None,
    draws: Draws | None = None,
) -> Paired:
    """The design: `n` sets of uncertain values, each in all 2^k cells.

    Cells stand in Yates's order: the first mechanism is on in every second cell, the second in every second pair.

    Parameters
    ----------
    model : Model
    problem : Problem
        What is uncertain.
    switches : sequence of Switch
    n : int
        Parameter sets; n · 2^k runs.
    always : mapping of str to number, optional
        Changes of all cells.
    seed, scenario, correlation, draws
        As in :func:`cluster_sd.sensitivity.paired.paired`.

    Raises
    ------
    InputError
        For no mechanism or more than ten, two of one name, or two that set the same thing.
    """
    names = [switch.name for switch in switches]
    if not 1 <= len(names) <= MOST:
        raise InputError(f"an experiment has 1 to {MOST} mechanisms, not {len(names)}: each one more doubles the runs")
    if len(set(names)) < len(names):
        raise InputError(f"two mechanisms have the same name: {', '.join(names)}")
    for one, other in itertools.combinations(switches, 2):
        both = {*one.off, *one.on} & {*other.off, *other.on}
        if both:
            raise InputError(
                f"'{one.name}' and '{other.name}' both set '{min(both)}'; a constant belongs to one of them"
            )
    variants = []
    for cell in range(2 ** len(switches)):
        changes = dict(always or {})
        for bit, switch in enumerate(switches):
            changes.update(switch.on if cell >> bit & 1 else switch.off)
        variants.append(Variant(cell_name(names, cell), changes))
    return paired(
        model,
        problem,
        variants,
        n,
        seed=seed,
        scenario=scenario,
        correlation=correlation,
        draws=draws,
        method="experiment",
    )


def cell_name(names: Sequence[str], cell: int) -> str:
    """The mechanisms that are on in a cell.

    >>> cell_name(["embedding", "linkage"], 3), cell_name(["embedding", "linkage"], 0)
    ('embedding + linkage', 'none')
    """
    return " + ".join(name for bit, name in enumerate(names) if cell >> bit & 1) or "none"


@dataclass(frozen=True, eq=False)
class Experiment:
    """What the experiment found.

    Attributes
    ----------
    mechanisms : tuple of str
    terms : tuple of str
        Main effects and interactions (``a × b``), single mechanisms first, then pairs, and so on.
    outcomes : tuple of Outcome
    cells : Spread
        Outcomes in each cell, arrays (cell, outcome).
    cell_names : tuple of str
    effects : Spread
        Arrays (term, outcome).
    shapley : Spread
        Shapley values, arrays (mechanism, outcome).
    total : Spread
        What all mechanisms do together, arrays (outcome,): the sum of the Shapley values.
    dropped : int
        Parameter sets left out because a run of theirs failed.
    """

    mechanisms: tuple[str, ...]
    terms: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    cell_names: tuple[str, ...]
    cells: Spread
    effects: Spread
    shapley: Spread
    total: Spread
    dropped: int

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows of the table, columns as `COLUMNS`; ``kind`` is main, interaction, shapley, total or cell."""
        kinds = ["main" if PAIR not in term else "interaction" for term in self.terms]
        parts = (
            (self.terms, kinds, self.effects),
            (self.mechanisms, ["shapley"] * len(self.mechanisms), self.shapley),
            (("all",), ["total"], _one(self.total)),
            (self.cell_names, ["cell"] * len(self.cell_names), self.cells),
        )
        for i, outcome in enumerate(self.outcomes):
            for names, of_kind, found in parts:
                for j, (name, kind) in enumerate(zip(names, of_kind, strict=True)):
                    numbers = (*found.at((j, i)), float(found.positive[j, i]))
                    yield outcome.measure, outcome.time, name, kind, *numbers

    def table(self) -> pandas.DataFrame:
        """The rows as a table."""
        import pandas as pd

        return pd.DataFrame(list(self.rows()), columns=list(COLUMNS))


def _one(found: Spread) -> Spread:
    """A spread of one row."""
    names = ("mean", "mean_low", "mean_high", "median", "low", "high", "positive")
    return replace(found, **{name: getattr(found, name)[None] for name in names})


def effects(
    sample: Paired, outputs: Outputs, switches: Sequence[Switch], *, share: float = 0.9, level: float = 0.95
) -> Experiment:
    """Effects of the mechanisms on all outcomes.

    Parameters
    ----------
    sample : Paired
        Of :func:`factorial`.
    outputs : Outputs
    switches : sequence of Switch
        The same.
    share, level : float
        Of the spread over parameter sets, and of the confidence interval of a mean.

    Raises
    ------
    InputError
        Where outputs aren't those of the sample, or too many runs failed.
    """
    names = tuple(switch.name for switch in switches)
    if len(sample.variants) != 2 ** len(names):
        raise InputError(f"the sample has {len(sample.variants)} cells; {len(names)} mechanisms have {2 ** len(names)}")
    values, dropped = by_set(sample, outputs)
    subsets, matrix = contrasts(len(names))
    found = [
        spread(settled(np.einsum("tc,sco->sto", weights, values), values), share, level)
        for weights in (matrix, shapley_weights(len(names)))
    ]
    return Experiment(
        mechanisms=names,
        terms=tuple(PAIR.join(names[i] for i in subset) for subset in subsets),
        outcomes=outputs.outcomes,
        cell_names=tuple(variant.name for variant in sample.variants),
        cells=spread(values, share, level),
        effects=found[0],
        shapley=found[1],
        total=spread(settled(values[:, -1] - values[:, 0], values), share, level),
        dropped=dropped,
    )


def contrasts(k: int) -> tuple[list[tuple[int, ...]], Floats]:
    """Sets of mechanisms (single ones, pairs, …) and the contrast of the 2^k cells that is each one's effect.

    Returns
    -------
    subsets : list of tuple of int
    matrix : (subset, cell) array
    """
    cells = np.arange(2**k)
    signs = np.where(cells >> np.arange(k)[:, None] & 1, 1.0, -1.0)
    subsets = [s for size in range(1, k + 1) for s in itertools.combinations(range(k), size)]
    return subsets, np.array([signs[list(s)].prod(axis=0) for s in subsets]) / 2 ** (k - 1)


def shapley_weights(k: int) -> Floats:
    """Weights with which each of the 2^k cells counts in each mechanism's Shapley value; shape (mechanism, cell)."""
    weights = np.zeros((k, 2**k))
    for cell in range(2**k):
        size = cell.bit_count()
        for i in range(k):
            if cell >> i & 1:
                weights[i, cell] = math.factorial(size - 1) * math.factorial(k - size) / math.factorial(k)
            else:
                weights[i, cell] = -math.factorial(size) * math.factorial(k - size - 1) / math.factorial(k)
    return weights
