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

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.evolution import evolve
from cluster_sd.calibration.optimum import climb
from cluster_sd.calibration.posterior import Posterior

__all__ = ["FALL", "VERDICTS", "Profile", "flat", "profiles", "verdict_of"]

Array = NDArray[Any]
#: A point along a profile and its log-likelihood.
Step = tuple[Array, float]
#: Fall of the log-likelihood at the ends of a 95 % interval.
FALL = 1.9207294103470298
#: A profile that falls by less than this from end to end is flat.
FLAT = 0.5
#: Gain in log-likelihood that is still looked for along a profile.
PRECISE = 1e-4
#: An estimate so near an end of the range stands at it (share of the range).
AT_END = 1e-3
#: Without gradients: values over the whole range, times that a profile is looked at closer, members of a population and
#: its generations at most.
COARSE, STAGES, FEW, GENERATIONS = 13, 3, 12, 25
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
    seed: int = 0,
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
    threads, seed : int
        The seed is of the search where parameters move jumps; there no gradient is used.
    progress : callable, optional
    """
    chosen = list(range(len(posterior.fitted)) if which is None else which)
    if posterior.doubtful:
        return _searched(posterior, point, chosen, seed, progress)
    with ThreadPoolExecutor(threads) as pool:
        found: list[Profile] = []
        for profile in pool.map(lambda k: _profile(posterior, point, k), chosen):
            found.append(profile)
            if progress is not None:
                progress(len(found), len(chosen))
    return tuple(found)


def flat(posterior: Posterior, point: Array, *, threads: int = 1, seed: int = 0) -> list[int]:
    """Which fitted parameters can go from the optimum to either end of their range with hardly a fall.

    Parameters
    ----------
    posterior, point, threads, seed
        As for :func:`profiles`.
    """
    low, high = posterior.bounds
    asked = [(k, float(end)) for k in range(len(posterior.fitted)) for end in (low[k], high[k])]
    best = float(posterior.values(point[None], False)[0])
    if posterior.doubtful:
        _, values = _held(posterior, {k: [(point, best)] for k in range(len(posterior.fitted))}, asked, seed)
    else:
        with ThreadPoolExecutor(threads) as pool:
            values = np.array(list(pool.map(lambda one: _towards(posterior, point, *one), asked)))
    falls = np.maximum(best, values.max()) - values.reshape(-1, 2)
    return np.flatnonzero(falls.max(axis=1) < FLAT).tolist()


def _towards(posterior: Posterior, point: Array, k: int, end: float) -> float:
    """Best log-likelihood with one coordinate at an end."""
    return climb(posterior, point, prior=False, fixed={k: end}, tolerance=PRECISE).value


def _profile(posterior: Posterior, point: Array, k: int, again: int = 2) -> Profile:
    best = float(posterior.likelihood(point[None]).value[0])
    sides = [_side(posterior, point, best, k, direction) for direction in (-1, 1)]
    better = max((step for side in sides for step in side), key=lambda step: step[1], default=(point, best))
    if better[1] > best + 0.01 and again:
        climbed = climb(posterior, better[0], prior=False)
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
        begun = np.clip(guess, low, high)
        made = climb(posterior, begun, prior=False, fixed={k: float(target)}, tolerance=PRECISE)
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


# ---- without gradients ----------------------------------------------------------------------------------------------


def _searched(
    posterior: Posterior, point: Array, which: Sequence[int], seed: int, progress: Callable[[int, int], object] | None
) -> tuple[Profile, ...]:
    """Profiles by small populations side by side, one a value: over the whole range, then closer where it matters."""
    low, high = posterior.bounds
    best = float(posterior.values(point[None], False)[0])
    paths = {k: [(point, best)] for k in which}
    asked = [(k, float(value)) for k in which for value in np.linspace(low[k], high[k], COARSE)]
    for stage in range(STAGES + 1):
        found = _held(posterior, paths, asked, seed + stage)
        for (k, _), place, value in zip(asked, *found, strict=True):
            paths[k].append((place, value))
        if progress is not None:
            progress(stage + 1, STAGES + 1)
        asked = [(k, value) for k in which for value in _wanted(paths[k], k)]
        if not asked:
            break
    return tuple(_from_path(posterior, k, paths[k]) for k in which)


def _held(
    posterior: Posterior, paths: Mapping[int, Sequence[Step]], asked: Sequence[tuple[int, float]], seed: int
) -> tuple[Array, Array]:
    """Best points and likelihoods with one coordinate at each value asked for.

    A population begins around the points known nearest to its value, along the parameter's own profile and that of the
    others, and with some from the priors.
    """
    rng = np.random.default_rng([seed, 9])
    known = [place for path in paths.values() for place, _ in path]
    size = posterior.size
    members = max(FEW, 2 * size)
    populations = np.empty((len(asked), members, size))
    held = np.zeros((len(asked), size), dtype=bool)
    low, high = posterior.bounds
    for row, (k, value) in enumerate(asked):
        near = sorted(paths[k], key=lambda step: abs(step[0][k] - value))[: members // 3]
        own = [place for place, _ in near]
        others = [known[i] for i in rng.integers(len(known), size=members // 3)]
        spread = list(posterior.prior_draws(members - len(own) - len(others), int(rng.integers(2**31))))
        jitter = 0.02 * rng.standard_normal((members, size))
        jitter[: len(own)] = 0.0
        populations[row] = np.clip(np.array([*own, *others, *spread]) + jitter, low, high)
        populations[row, :, k] = value
        held[row, k] = True
    made = evolve(
        lambda x: posterior.values(x, False), populations, posterior.bounds, held=held, generations=GENERATIONS,
        tolerance=0.02, seed=seed,
    )  # fmt: skip
    return made.points, made.values


def _wanted(path: Sequence[Step], k: int) -> list[float]:
    """Values between which the interval ends, and beside the best one: where a profile must be known better."""
    ordered = sorted((float(place[k]), value) for place, value in path)
    at, values = np.array([a for a, _ in ordered]), np.array([v for _, v in ordered])
    falls = values.max() - values
    centre = int(falls.argmin())
    out = []
    for side in (range(centre, 0, -1), range(centre, len(at) - 1)):
        sign = -1 if side.step < 0 else 1
        for i in side:
            if falls[i + sign] >= FALL or i == centre:
                gap = at[i + sign] - at[i]
                out += [float(at[i] + gap * share) for share in (1 / 3, 2 / 3) if abs(gap) > 0.01]
            if falls[i + sign] >= FALL:
                break
    return out


def _from_path(posterior: Posterior, k: int, path: Sequence[Step]) -> Profile:
    ordered = [step for step in sorted(path, key=lambda step: float(step[0][k])) if np.isfinite(step[1])]
    values = np.array([value for _, value in ordered])
    points = np.array([place for place, _ in ordered])
    return _judged(posterior, k, points, values.max() - values, int(values.argmax()))


# ---- what a profile says --------------------------------------------------------------------------------------------


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
