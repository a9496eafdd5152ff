"""Profile likelihoods: how far each parameter can go while all others make up for it, and what that says.

A profile is the best likelihood at each value of one parameter [1]_. Its 95 % interval ends where the log-likelihood
has fallen by 1.92, half the 95 % point of chi-square with one degree of freedom. Priors of the model's parameters play
no part but for their ends: a verdict says what the *data* tell.

References
----------
.. [1] A. Raue et al., Structural and practical identifiability analysis of partially observed dynamical models by
   exploiting the profile likelihood, Bioinformatics 25 (2009).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.optimum import minimise
from cluster_sd.calibration.posterior import Posterior

__all__ = ["FALL", "VERDICTS", "Profile", "profiles", "verdict_of"]

Array = NDArray[Any]
#: Fall of the log-likelihood at the ends of a 95 % interval.
FALL = 1.9207294103470298
#: A profile that falls by less than this from end to end is flat.
FLAT = 0.5
#: An estimate so near an end of the range stands at it (share of the range).
AT_END = 1e-3
VERDICTS = ("identifiable", "weak", "not identifiable", "bound-limited")


@dataclass(frozen=True)
class Profile:
    """The profile likelihood of one parameter.

    Attributes
    ----------
    name : str
    values : array, shape (point,)
        Values of the parameter, rising, in its own unit.
    falls : array, shape (point,)
        By how much the best log-likelihood lies below that of the estimate; 0 there.
    estimate : float
        Most likely value.
    low, high : float
        Ends of the 95 % interval; an end of the range where the likelihood doesn't fall far enough before it.
    verdict : str
        One of :data:`VERDICTS`.
    points : array, shape (point, coordinate)
        Scaled points along the profile: how the others make up for it.
    """

    name: str
    values: Array
    falls: Array
    estimate: float
    low: float
    high: float
    verdict: str
    points: Array


def profiles(
    posterior: Posterior,
    point: Array,
    which: Sequence[int] | None = None,
    *,
    threads: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> tuple[Profile, ...]:
    """Profile likelihoods of the fitted parameters, or of those in `which`.

    Parameters
    ----------
    posterior : Posterior
    point : array, shape (coordinate,)
        Scaled; where the likelihood, without priors of the model's parameters, is largest
        (:func:`~cluster_sd.calibration.optimum.estimate` with ``prior=False``). Should a profile find a better point,
        it starts over from there.
    which : sequence of int, optional
        Positions among ``posterior.fitted``.
    threads : int
    progress : callable, optional
    """
    chosen = range(len(posterior.fitted)) if which is None else which
    with ThreadPoolExecutor(threads) as pool:
        found: list[Profile] = []
        for profile in pool.map(lambda k: _profile(posterior, point, k), chosen):
            found.append(profile)
            if progress is not None:
                progress(len(found), len(chosen))
    return tuple(found)


def _profile(posterior: Posterior, point: Array, k: int, again: int = 2) -> Profile:
    best = float(posterior.likelihood(point[None]).value[0])
    sides = [_side(posterior, point, best, k, direction) for direction in (-1, 1)]
    better = max((step for side in sides for step in side), key=lambda step: step[1], default=(point, best))
    if better[1] > best + 0.01 and again:
        climbed = minimise(posterior.likelihood, better[0], posterior.bounds)
        return _profile(posterior, climbed.ended, k, again - 1)
    steps = [*reversed(sides[0]), (point, best), *sides[1]]
    points = np.array([p for p, _ in steps])
    falls = np.maximum(best - np.array([value for _, value in steps]), 0.0)
    return _judged(posterior, k, points, falls, len(sides[0]))


def _side(posterior: Posterior, point: Array, best: float, k: int, direction: int) -> list[tuple[Array, float]]:
    """Best points and their log-likelihoods further and further out, until it has fallen enough or the range ends.

    Steps adapt so that each costs about a quarter of the fall to the interval's end.
    """
    low, high = posterior.bounds
    end = low[k] if direction < 0 else high[k]
    steps: list[tuple[Array, float]] = []
    at, fall, size = point, 0.0, 0.02
    while fall < 1.3 * FALL and abs(at[k] - end) > 1e-12 and len(steps) < 60:
        target = at[k] + direction * size
        target = max(target, end) if direction < 0 else min(target, end)
        guess = at + (at - steps[-2][0] if len(steps) > 1 else 0.0) * _share(steps, target, at, k)
        made = minimise(posterior.likelihood, np.clip(guess, low, high), posterior.bounds, {k: float(target)})
        if not np.isfinite(made.value):
            if size < 1e-5:
                break
            size /= 4
            continue
        rise = (best - made.value) - fall
        if rise > 1.2 and size > 1e-5:  # too far at once for the interval's end to be found well
            size /= 3
            continue
        steps.append((made.ended, made.value))
        at, fall = made.ended, best - made.value
        size *= 2.0 if rise < 0.25 else (0.7 if rise > 0.7 else 1.0)
    return steps


def _share(steps: list[tuple[Array, float]], target: float, at: Array, k: int) -> float:
    """How far to go on along the last step, so that the others begin where they seem to be heading."""
    if len(steps) < 2:
        return 0.0
    before = at[k] - steps[-2][0][k]
    return float(np.clip((target - at[k]) / before, 0, 2)) if before else 0.0


def _judged(posterior: Posterior, k: int, points: Array, falls: Array, centre: int) -> Profile:
    scaled = points[:, k]
    low, high = (float(end[k]) for end in posterior.bounds)
    crossings = [_crossing(scaled[centre::-1], falls[centre::-1]), _crossing(scaled[centre:], falls[centre:])]
    ends = [low if crossings[0] is None else crossings[0], high if crossings[1] is None else crossings[1]]
    place = (scaled[centre] - low) / (high - low)
    verdict = verdict_of([c is not None for c in crossings], float(falls.max()), place)

    def natural(values: Sequence[float] | Array) -> Array:
        filled = np.tile(points[centre, : len(posterior.fitted)], (len(values), 1))
        filled[:, k] = values
        return posterior.coordinates.natural(filled)[:, k]

    estimate, first, last = natural([scaled[centre], *ends])
    name = posterior.fitted[k].name
    return Profile(name, natural(scaled), falls, float(estimate), float(first), float(last), verdict, points)


def verdict_of(crossed: Sequence[bool], largest: float, place: float) -> str:
    """What a profile says.

    Parameters
    ----------
    crossed : sequence of bool
        Whether the likelihood falls enough below the estimate, and above it, before the range ends.
    largest : float
        Largest fall seen.
    place : float
        Where the estimate stands in its range, 0 to 1.

    Returns
    -------
    str
        ``identifiable``: the data bound it on both sides. ``bound-limited``: the estimate stands at an end of its range
        and the data bound it on the other side. ``not identifiable``: its profile is flat. ``weak``: all else.
    """
    if all(crossed):
        return "identifiable"
    at_end = (place < AT_END and not crossed[0]) or (place > 1 - AT_END and not crossed[1])
    if at_end and any(crossed):
        return "bound-limited"
    return "not identifiable" if largest < FLAT else "weak"


def _crossing(scaled: Array, falls: Array) -> float | None:
    """Where the fall, followed outwards from the estimate, reaches :data:`FALL`; None where it doesn't.

    Between two points the square root of the fall, which is straight for a parabola, is taken as straight.
    """
    over = np.flatnonzero(falls >= FALL)
    if not len(over):
        return None
    i = int(over[0])
    a, b = np.sqrt(falls[i - 1]), np.sqrt(falls[i])
    return float(scaled[i - 1] + (scaled[i] - scaled[i - 1]) * (np.sqrt(FALL) - a) / (b - a))
