"""The claim of row O19 on loops, as questions to each run.

Arrays have a row a run; an answer is an array of booleans.
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

#: In the paper's order: premise, means, guarantee, floor.
MECHANISMS = ("embedding", "technology", "linkage", "buffering")
#: A layer is there from the first year in which its loops hold this part of what the four hold, for this many years.
PART, YEARS = 0.05, 3


@dataclass(frozen=True, eq=False)
class Runs:
    """What the questions are asked of.

    Attributes
    ----------
    times : array, shape (time,)
    shares : array, shape (run, time, mechanism)
        Sizes of the shares of the named loops of `MECHANISMS`, all of them.
    driving : array, shape (run, time, mechanism)
        The same for the loops that the model's folder calls inward or outward.
    """

    times: Floats
    shares: Floats
    driving: Floats


@dataclass(frozen=True)
class Question:
    """One claim, in words and as it is asked of a run."""

    claim: str
    asked: str
    answer: Callable[[Runs], Bools]


def centres(times: Floats, shares: Floats) -> Floats:
    """Times weighted with the shares: shape (run, mechanism); NaN where all are zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.einsum("t,rtm->rm", times, shares) / shares.sum(axis=1)


def starts(times: Floats, shares: Floats) -> Floats:
    """From when on each layer is there, shape (run, mechanism); NaN where it never is."""
    total = shares.sum(axis=2, keepdims=True)
    part = np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
    years = max(1, round(YEARS / (times[1] - times[0])))
    there = part >= PART
    lasting: Bools = np.lib.stride_tricks.sliding_window_view(there, years, axis=1).all(axis=-1)
    first = times[lasting.argmax(axis=1)]
    return np.where(lasting.any(axis=1), first, np.nan)


def rising(values: Floats) -> Bools:
    """Whether numbers rise along the last axis; a missing one (NaN) does not."""
    return np.less(values[:, :-1], values[:, 1:]).all(axis=1)


def before(first: int, second: int) -> Callable[[Runs], Bools]:
    """Whether one mechanism's centre comes before another's."""
    return lambda runs: np.less(centres(runs.times, runs.shares)[:, first], centres(runs.times, runs.shares)[:, second])


def _stays(runs: Runs) -> Bools:
    """Whether embedding still holds a layer's part in the last ten years: layers are added, none is taken away."""
    late = runs.shares[:, runs.times > runs.times[-1] - 10]
    return np.greater(late[:, :, 0].mean(axis=1), PART * late.sum(axis=2).mean(axis=1))


def _all_there(runs: Runs) -> Bools:
    return np.isfinite(starts(runs.times, runs.shares)).all(axis=1)


QUESTIONS = (
    Question(
        "four layers, one on the other: premise, means, guarantee, floor",
        "the layers start in this order (5 % of what the four hold, three years long)",
        lambda runs: rising(starts(runs.times, runs.shares)),
    ),
    Question(
        "weaker: their mean times stand in this order",
        "mean times of the shares in this order",
        lambda runs: rising(centres(runs.times, runs.shares)),
    ),
    Question("embedding comes before technology", "mean times of their shares", before(0, 1)),
    Question("technology comes before linkage", "mean times of their shares", before(1, 2)),
    Question("linkage comes before buffering", "mean times of their shares", before(2, 3)),
    Question("embedding comes before buffering", "mean times of their shares", before(0, 3)),
    Question(
        "embedding is the premise",
        "its layer is the first to start",
        lambda runs: np.equal(np.nanargmin(_filled(runs), axis=1), 0),
    ),
    Question("all four are there", "each layer starts at some time", _all_there),
    Question("the first layer stays", "embedding holds 5 % of what the four hold in the last ten years", _stays),
    Question(
        "technology drives most",
        "of the four, its inward and outward loops have the largest mean share",
        lambda runs: np.equal(runs.driving.mean(axis=1).argmax(axis=1), 1),
    ),
)


def _filled(runs: Runs) -> Floats:
    """Starts of the layers; one that never starts comes after the run."""
    found = starts(runs.times, runs.shares)
    return np.where(np.isnan(found), runs.times[-1] + 1, found)
