"""Differential evolution of many populations side by side, for densities that jump.

SciPy's searches one population at a time. A profile asks for dozens of small searches, one a value of the parameter,
and a run costs a tenth as much among a thousand as alone; so every generation of all populations is one batch of runs.
The scheme is current-to-best/1/bin with a step drawn anew for each member [1]_.

References
----------
.. [1] R. Storn and K. Price, Differential evolution, Journal of Global Optimization 11 (1997); K. Price, R. Storn and
   J. Lampinen, Differential Evolution, Springer (2005).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Evolved", "evolve"]

Array = NDArray[Any]
#: Share of the coordinates that a trial takes from its mutant.
CROSSOVER = 0.9
#: Least and largest step of a mutation.
STEPS = 0.4, 0.9


@dataclass(frozen=True)
class Evolved:
    """Populations where their searches ended.

    Attributes
    ----------
    points : array, shape (population, coordinate)
        The best of each.
    values : array, shape (population,)
        Their densities; minus infinity where no member could be.
    evaluations : array of int, shape (population,)
    settled : array of bool, shape (population,)
        Whether its members agreed before the generations were used up.
    """

    points: Array
    values: Array
    evaluations: NDArray[np.int64]
    settled: NDArray[np.bool_]


def evolve(
    density: Callable[[Array], Array],
    populations: Array,
    bounds: tuple[Array, Array],
    *,
    held: NDArray[np.bool_] | None = None,
    generations: int = 100,
    tolerance: float = 1e-3,
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> Evolved:
    """Climb a density with each population, between bounds.

    Parameters
    ----------
    density : callable
        Gives log-densities, shape (point,), of points of shape (point, coordinate).
    populations : array, shape (population, member, coordinate)
        Where they begin.
    bounds : (array, array), shape (coordinate,)
    held : array of bool, shape (population, coordinate), optional
        Coordinates in which a population does not move.
    generations : int
        At most.
    tolerance : float
        A population whose members' log-densities differ by no more has ended.
    seed : int
    progress : callable, optional
        Called with generations made and generations at most.
    """
    rng = np.random.default_rng([seed, 8])
    members = populations.copy()
    count, size, width = members.shape
    free = np.ones((count, width), dtype=bool) if held is None else ~held
    values = density(members.reshape(-1, width)).reshape(count, size)
    evaluations = np.full(count, size)
    going = np.asarray(free.any(axis=1))
    for generation in range(generations):
        if progress is not None:
            progress(generation, generations)
        active = np.flatnonzero(going)
        if not len(active):
            break
        trials = _trials(members[active], values[active], free[active], bounds, rng)
        found = density(trials.reshape(-1, width)).reshape(len(active), size)
        better = found >= values[active]
        members[active] = np.where(better[:, :, None], trials, members[active])
        values[active] = np.where(better, found, values[active])
        evaluations[active] += size
        own = values[active]
        apart = np.where(np.isfinite(own).all(axis=1), own.max(axis=1) - own.min(axis=1), np.inf)
        going[active] = apart > tolerance
    best = values.argmax(axis=1)
    at = np.arange(count)
    return Evolved(members[at, best], values[at, best], evaluations, ~going)


def _trials(members: Array, values: Array, free: Array, bounds: tuple[Array, Array], rng: np.random.Generator) -> Array:
    """A trial for each member: towards its population's best, and along the difference of two others."""
    count, size, width = members.shape
    best = members[np.arange(count), values.argmax(axis=1)][:, None, :]
    order = rng.random((count, size, size)) + 2 * np.eye(size)  # a member is not its own other
    one, two = (np.take_along_axis(members, order.argsort(axis=2)[:, :, [k]], axis=1) for k in (0, 1))
    step = rng.uniform(*STEPS, (count, size, 1))
    mutants = members + step * (best - members) + step * (one - two)
    crossed = rng.random((count, size, width)) < CROSSOVER
    crossed |= np.arange(width) == rng.integers(width, size=(count, size, 1))
    low, high = bounds
    mutants = np.where(mutants < low, (members + low) / 2, np.where(mutants > high, (members + high) / 2, mutants))
    return np.where(crossed & free[:, None, :], mutants, members)
