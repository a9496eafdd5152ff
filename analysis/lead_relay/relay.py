"""The claims of row L15 as questions to each run: who holds the bridge, and which loops lead.

Arrays have a row a run; a question's answer is a pair of boolean arrays: what the run says, and whether it can say
anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Arrays of bool; a reduction of one is typed as a number or an array, so no closer.
Bools = Any
Floats = NDArray[np.float64]

#: In the order of the paper's Table 2.
ACTORS = ("capable person", "county government", "park alliance")
NETWORKS = ("trade network", "policy network", "industry network and alliance")
#: A smaller part of the shares of all named inward and outward loops counts as nothing.
LITTLE = 0.1
#: Both phases run side by side in a year in which the smaller one has at least this part of the two.
BESIDE = 0.25


@dataclass(frozen=True, eq=False)
class Runs:
    """What the questions are asked of.

    Attributes
    ----------
    times : array, shape (time,)
    bridging, pairs : array, shape (run, time, actor)
        Bridging by holes and by pairs of ties, of `ACTORS`.
    networks : array, shape (run, time, network)
        Sizes of the shares of the named reinforcing loops of `NETWORKS`, relative to all named loops of the partition.
    through : array, shape (run, time, network)
        The same for those that run through collectors, lead output or battery capacity.
    inward, outward : array, shape (run, time)
        The same for inward and outward loops.
    grown : array of bool, shape (run,)
        Whether own smelting began before 2000: only such a run can say anything.
    """

    times: Floats
    bridging: Floats
    pairs: Floats
    networks: Floats
    through: Floats
    inward: Floats
    outward: Floats
    grown: Bools


Answer = tuple[Bools, Bools]


@dataclass(frozen=True)
class Question:
    """One claim, in the paper's words and as it is asked of a run."""

    claim: str
    asked: str
    answer: Callable[[Runs], Answer]


def centres(times: Floats, values: Floats) -> Floats:
    """Times weighted with the values: shape (run, group); NaN where all are zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.einsum("t,rtg->rg", times, values) / values.sum(axis=1)


def in_turn(values: Floats) -> Bools:
    """Whether each group leads at some time, the first time of each after that of the one before."""
    leads = (values.argmax(axis=2)[:, :, None] == np.arange(values.shape[2])) & (values.max(axis=2) > 0)[:, :, None]
    first = np.where(leads.any(axis=1), leads.argmax(axis=1), -1)
    return (first >= 0).all(axis=1) & (np.diff(first, axis=1) > 0).all(axis=1)


def in_order(times: Floats, values: Floats) -> Bools:
    """Whether the centres of the groups come one after the other."""
    return (np.diff(centres(times, values), axis=1) > 0).all(axis=1)


def first_to_last(values: Floats) -> Bools:
    """Whether the first group leads at the beginning of what happens, and the last at the end."""
    acts = values.max(axis=2) > 0
    begin = acts.argmax(axis=1)
    rows = np.arange(len(values))
    early = values[rows, begin].argmax(axis=1) == 0
    return acts.any(axis=1) & early & (values[:, -1].argmax(axis=1) == values.shape[2] - 1)


def _phases(runs: Runs) -> tuple[Floats, Bools]:
    """Part of inward loops in the two kinds, and when anything happens in them; shape (run, time)."""
    both = runs.inward + runs.outward
    acts = both > 1e-3
    return np.divide(runs.inward, both, out=np.full_like(both, np.nan), where=acts), acts


def both_matter(runs: Runs) -> Bools:
    """Whether neither phase is next to nothing over the whole run."""
    inward, outward = runs.inward.mean(axis=1), runs.outward.mean(axis=1)
    smaller: Floats = np.minimum(inward, outward)
    return np.greater(smaller, LITTLE * (inward + outward))


def switches(runs: Runs) -> NDArray[np.int64]:
    """How often the lead passes between the phases."""
    part, acts = _phases(runs)
    found = []
    for row, own in zip(part, acts, strict=True):
        leads = row[own] > 0.5
        found.append(int((leads[1:] != leads[:-1]).sum()))
    return np.array(found)


def side_by_side(runs: Runs) -> Floats:
    """Part of the years in which both phases act with at least a quarter of the two."""
    part, acts = _phases(runs)
    smaller = np.minimum(part, 1 - part)
    return (smaller >= BESIDE).sum(axis=1) / np.maximum(acts.sum(axis=1), 1)


def _always(test: Callable[[Runs], Bools]) -> Callable[[Runs], Answer]:
    return lambda runs: (test(runs), runs.grown)


def _turns_or_beside(runs: Runs) -> Bools:
    return both_matter(runs) & ((switches(runs) >= 2) | (side_by_side(runs) > 0.5))


def _inward_first(runs: Runs) -> Bools:
    middle = centres(runs.times, np.stack([runs.inward, runs.outward], axis=2))
    return middle[:, 0] < middle[:, 1]


QUESTIONS = (
    Question(
        "key actors relay: capable person, county, alliance (Table 2)",
        "each holds most of the bridging at some time, in this order; by structural holes",
        _always(lambda runs: in_turn(runs.bridging)),
    ),
    Question(
        "the same, by another formula",
        "each holds most of the bridging at some time, in this order; by pairs of ties",
        _always(lambda runs: in_turn(runs.pairs)),
    ),
    Question(
        "weaker: they come one after the other",
        "mean times of their bridging shares stand in this order",
        _always(lambda runs: in_order(runs.times, runs.bridging)),
    ),
    Question(
        "weaker: from the capable person to the alliance",
        "the capable person holds most at first, the alliance at the end",
        _always(lambda runs: first_to_last(runs.bridging)),
    ),
    Question(
        "loops of the trade, policy and industry networks lead in turn (our translation)",
        "each network's named loops hold the largest share in some year, in this order",
        _always(lambda runs: in_turn(runs.networks)),
    ),
    Question(
        "weaker: the networks' loops come one after the other",
        "mean times of their shares stand in this order",
        _always(lambda runs: in_order(runs.times, runs.networks)),
    ),
    Question(
        "the same for the loops that drive the county's industry",
        "mean times of the shares of loops through collectors, lead output or battery capacity, in this order",
        _always(lambda runs: in_order(runs.times, runs.through)),
    ),
    Question(
        "weaker: from the trade network to the industry network",
        "trade loops lead at first, industry loops at the end",
        _always(lambda runs: first_to_last(runs.networks)),
    ),
    Question(
        "inward integration comes before outward expansion (Table 2)",
        "mean time of the inward loops' share before that of the outward loops",
        _always(_inward_first),
    ),
    Question(
        "inward integration has its time",
        "inward loops hold more than outward ones in three years or more",
        _always(lambda runs: (runs.inward > runs.outward).sum(axis=1) >= 3),
    ),
    Question(
        "the phases alternate or run side by side",
        "both have a tenth of the two; the lead passes twice or more, or both have a quarter in most years",
        _always(_turns_or_beside),
    ),
    Question(
        "of these: they alternate",
        "the lead passes between inward and outward loops twice or more",
        _always(lambda runs: both_matter(runs) & (switches(runs) >= 2)),
    ),
    Question(
        "of these: they run side by side",
        "both hold at least a quarter of the two in most years",
        _always(lambda runs: side_by_side(runs) > 0.5),
    ),
)
