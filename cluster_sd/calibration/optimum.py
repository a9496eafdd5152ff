"""Point estimates: many starts, bounded Newton steps with exact gradients, a global search where gradients fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.evolution import evolve
from cluster_sd.calibration.posterior import Density, Posterior
from cluster_sd.errors import InputError

__all__ = ["SEARCHES", "Estimate", "Start", "climb", "estimate", "minimise"]

Array = NDArray[Any]
#: Starts whose log-density comes within so much of the best one agree with it.
AGREES = 0.1
#: What a point that can't be counts for in a search: worse than anything, and finite.
WORST = 1e10
#: Members of a population in a global search, at least, and its generations at most.
MEMBERS, GENERATIONS = 24, 100
#: Share of searches that must end together, or else a population begins where they ended.
TOGETHER = 0.5
#: Points of the priors that are looked at for each start.
SPARE = 8
#: Runs of one Newton search, at most, and damping from which it is stuck.
LONGEST, STUCK = 60, 1.0


@dataclass(frozen=True)
class Start:
    """One search.

    Attributes
    ----------
    begun, ended : array, shape (coordinate,)
        Scaled points.
    value : float
        Log-density at the end; minus infinity where no point on the way could be.
    evaluations : int
    message : str
        Why the search ended.
    """

    begun: Array
    ended: Array
    value: float
    evaluations: int
    message: str


@dataclass(frozen=True)
class Estimate:
    """The best of many searches.

    Attributes
    ----------
    point : array, shape (coordinate,)
        Scaled.
    value : float
        Log-density there.
    starts : tuple of Start
        All searches, best first: the waterfall.
    search : str
        ``newton`` or ``global``.
    """

    point: Array
    value: float
    starts: tuple[Start, ...]
    search: str

    @property
    def agreeing(self) -> float:
        """Share of the searches that ended as well as the best."""
        return _share(self.starts)


def estimate(
    posterior: Posterior,
    *,
    starts: int = 20,
    seed: int = 0,
    threads: int = 1,
    prior: bool = True,
    search: str = "auto",
    progress: Callable[[int, int], object] | None = None,
) -> Estimate:
    """The most likely parameters.

    Parameters
    ----------
    posterior : Posterior
    starts : int
        Searches, from points spread over the priors (scrambled Sobol points); the first begins at the model's own
        values.
    seed : int
    threads : int
        Searches side by side; the result doesn't depend on it.
    prior : bool
        Whether priors of the model's parameters count (posterior mode) or not (maximum likelihood within their ends).
        The mode is that of the scaled coordinates: of the logarithm where the prior is laid out in it.
    search : {"auto", "newton", "global"}
        ``auto``: Newton steps, or the global search where a parameter moves a jump.
    progress : callable, optional
        Called with finished searches and their number.

    Raises
    ------
    InputError
        When no start leads to a run that can be.
    """
    if search != "auto" and search not in SEARCHES:
        raise InputError(f"unknown search '{search}'; it can be auto, {', '.join(SEARCHES)}")
    chosen = ("global" if posterior.doubtful else "newton") if search == "auto" else search
    found = SEARCHES[chosen](posterior, prior, _starting_points(posterior, starts, seed), seed, threads, progress)
    found.sort(key=lambda start: -start.value)
    if not np.isfinite(found[0].value):
        raise InputError(
            f"none of {len(found)} starts leads to a run that the statistics could come from: "
            "look at the ranges of the fitted parameters, and at the units of the statistics"
        )
    return Estimate(found[0].ended, found[0].value, tuple(found), chosen)


def _starting_points(posterior: Posterior, count: int, seed: int) -> Array:
    """Scaled points, the model's own values first; errors' parameters start at their prior means.

    Points whose run can't be, or gives no density, are passed over for others.
    """
    points = _spread_points(posterior, SPARE * count, seed)
    possible = np.isfinite(posterior.values(points))
    possible[0] = True
    order = np.concatenate([np.flatnonzero(possible), np.flatnonzero(~possible)])
    return points[np.sort(order[:count])]


def _spread_points(posterior: Posterior, count: int, seed: int) -> Array:
    """The model's own values and Sobol points of the priors."""
    from scipy.stats import qmc

    fitted = len(posterior.fitted)
    draws = 1 << max(count - 1, 1).bit_length()
    u = qmc.Sobol(max(fitted, 1), rng=np.random.default_rng(seed)).random(draws)[: count - 1, :fitted]
    own = posterior.coordinates.scaled(np.array([[f.value for f in posterior.fitted]], dtype=float))
    own = np.where(np.isfinite(own), own, 0.5)
    scaled = np.concatenate([own, posterior.coordinates.from_prior(np.clip(u, 1e-3, 1 - 1e-3))])
    errors = np.tile(posterior.observations.starts, (len(scaled), 1))
    low, high = posterior.bounds
    return np.clip(np.concatenate([scaled, errors], axis=1), low, high)


# ---- with gradients -------------------------------------------------------------------------------------------------


def minimise(
    density: Callable[[Array], Density],
    begun: Array,
    bounds: tuple[Array, Array],
    fixed: Mapping[int, float] | None = None,
    tolerance: float = 1e-9,
) -> Start:
    """Climb `density` from one scaled point, between `bounds`, with some coordinates held.

    L-BFGS-B (Byrd, Lu, Nocedal and Zhu 1995); a point that can't be is worse than any other, so that the line search
    turns back from it.
    """
    from scipy.optimize import minimize

    held = dict(fixed or {})
    free = np.array([k for k in range(len(begun)) if k not in held], dtype=int)
    point = begun.copy()
    point[list(held)] = list(held.values())
    if not len(free):
        return Start(begun, point, float(density(point[None]).value[0]), 1, "nothing to search")
    best: list[Any] = [-np.inf, point.copy()]

    def objective(x: Array) -> tuple[float, Array]:
        at = point.copy()
        at[free] = x
        found = density(at[None])
        value = float(found.value[0])
        if not np.isfinite(value):
            return WORST, np.zeros(len(free))
        if value > best[0]:
            best[:] = [value, at]
        return -value, -found.gradient[0, free]

    limits = list(zip(bounds[0][free], bounds[1][free], strict=True))
    options = {"maxiter": 300, "ftol": tolerance * 1e-3, "gtol": 1e-5, "maxls": 40}
    made = minimize(objective, point[free], jac=True, method="L-BFGS-B", bounds=limits, options=options)
    return Start(begun, best[1], best[0], int(made.nfev), str(made.message))


def climb(
    posterior: Posterior,
    begun: Array,
    *,
    prior: bool = True,
    fixed: Mapping[int, float] | None = None,
    tolerance: float = 1e-6,
) -> Start:
    """Climb the density, or the likelihood, from one scaled point between its bounds, with some coordinates held.

    Damped Newton steps with the expected information in place of the curvature (Fisher scoring; Marquardt 1963),
    coordinates that press against a bound left out: a third of the runs that a quasi-Newton search needs. Where they
    get stuck, as at the kink of a MIN or MAX, a quasi-Newton search goes on.

    Parameters
    ----------
    posterior : Posterior
    begun : array, shape (coordinate,)
    prior : bool
    fixed : mapping of int to float, optional
    tolerance : float
        Gain that is still worth a step.
    """
    low, high = posterior.bounds
    held = dict(fixed or {})
    point = np.clip(begun, low, high)
    point[list(held)] = list(held.values())
    free = np.array([k not in held for k in range(len(point))])
    found, information = posterior.curved(point[None], prior)
    value, runs, damping = float(found.value[0]), 1, 1e-2
    message = "no gain is left" if np.isfinite(value) else "begins where no run can be"
    while np.isfinite(value) and runs < LONGEST:
        slope, curvature = found.gradient[0], information[0]
        pressed = ((point <= low) & (slope < 0)) | ((point >= high) & (slope > 0))
        step, gain = _step(slope, curvature, free & ~pressed, damping)
        if gain < tolerance or damping > 1e8:
            break
        trial = np.clip(point + step, low, high)
        there, curved = posterior.curved(trial[None], prior)
        runs += 1
        rise = float(there.value[0]) - value
        if rise > 0:
            point, value, found, information = trial, value + rise, there, curved
        damping *= 0.2 if rise > 0.5 * gain else (4.0 if rise < 0.1 * gain else 1.0)
    made = Start(begun, point, value, runs, message)
    if not np.isfinite(value) or (runs < LONGEST and damping <= STUCK):
        return made
    more = minimise(posterior.density if prior else posterior.likelihood, point, posterior.bounds, held, tolerance)
    better = more if more.value > value else made
    return replace(better, begun=begun, evaluations=runs + more.evaluations)


def _step(slope: Array, curvature: Array, moves: Array, damping: float) -> tuple[Array, float]:
    """A damped Newton step in the coordinates that move, no longer than half a range, and the gain it promises."""
    step = np.zeros_like(slope)
    if not moves.any():
        return step, 0.0
    own = curvature[np.ix_(moves, moves)]
    scale = np.maximum(np.diag(own), 1.0)
    step[moves] = np.linalg.solve(own + np.diag(damping * scale), slope[moves])
    step /= max(1.0, 2 * float(np.abs(step).max()))
    return step, float(slope @ step - 0.5 * step @ curvature @ step)


def _newton(
    posterior: Posterior,
    prior: bool,
    points: Array,
    seed: int,
    threads: int,
    progress: Callable[[int, int], object] | None,
) -> list[Start]:
    found: list[Start] = []
    with ThreadPoolExecutor(threads) as pool:
        for start in pool.map(lambda point: climb(posterior, point, prior=prior), points):
            found.append(start)
            if progress is not None:
                progress(len(found), len(points))
    if len(found) > 1 and np.isfinite([start.value for start in found]).any() and _share(found) < TOGETHER:
        found.append(_crossed(posterior, prior, found, seed))
    best = max(range(len(found)), key=lambda k: found[k].value)
    if np.isfinite(found[best].value):
        found[best] = _polished(posterior, found[best], prior)
    return found


def _crossed(posterior: Posterior, prior: bool, found: Sequence[Start], seed: int) -> Start:
    """Where searches end apart: one population begun at all their ends evolves, and its best climbs on."""
    ends = np.array([start.ended for start in found if np.isfinite(start.value)])
    more = _spread_points(posterior, max(MEMBERS, 4 * posterior.size), seed + 2)
    population = np.concatenate([ends, more])[None, : max(len(ends) + 8, MEMBERS)]
    made = evolve(
        lambda x: posterior.values(x, prior), population, posterior.bounds, seed=seed, generations=GENERATIONS
    )
    climbed = climb(posterior, made.points[0], prior=prior)
    runs = climbed.evaluations + int(made.evaluations[0])
    return replace(climbed, begun=ends[0], evaluations=runs, message="evolved from the ends of the other searches")


def _share(found: Sequence[Start]) -> float:
    """Share of the searches that ended as well as the best."""
    values = np.array([start.value for start in found])
    return float(np.mean(values >= values.max() - AGREES))


def _polished(posterior: Posterior, start: Start, prior: bool) -> Start:
    """The end of a search, with what a quasi-Newton search from there still gains."""
    made = minimise(posterior.density if prior else posterior.likelihood, start.ended, posterior.bounds)
    better = made if made.value > start.value else start
    return replace(better, begun=start.begun, evaluations=start.evaluations + made.evaluations)


# ---- global search --------------------------------------------------------------------------------------------------


def _global(
    posterior: Posterior,
    prior: bool,
    points: Array,
    seed: int,
    threads: int,
    progress: Callable[[int, int], object] | None,
) -> list[Start]:
    """Differential evolution of independent populations, each begun at one of the points and others; no gradient."""
    count = max(2, len(points) // 5)
    members = max(MEMBERS, 4 * posterior.size)
    pool = _spread_points(posterior, count * members, seed + 1)
    populations = pool.reshape(count, members, posterior.size).copy()
    populations[:, 0] = points[:count]
    made = evolve(
        lambda x: posterior.values(x, prior), populations, posterior.bounds, seed=seed, generations=GENERATIONS,
        progress=progress,
    )  # fmt: skip
    return [
        Start(begun, ended, float(value), int(evaluations), "members agree" if settled else "generations used up")
        for begun, ended, value, evaluations, settled in zip(
            points, made.points, made.values, made.evaluations, made.settled, strict=False
        )
    ]


#: Ways to search by name; each gives all its searches.
SEARCHES: Mapping[str, Callable[..., list[Start]]] = {"newton": _newton, "global": _global}
