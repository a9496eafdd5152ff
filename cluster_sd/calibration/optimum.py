"""Point estimates: many starts, bounded quasi-Newton with exact gradients, a global search where gradients fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.posterior import Density, Posterior
from cluster_sd.errors import InputError

__all__ = ["SEARCHES", "Estimate", "Start", "estimate", "minimise"]

Array = NDArray[Any]
#: Starts whose log-density comes within so much of the best one agree with it.
AGREES = 0.1
#: What a point that can't be counts for in a search: worse than anything, and finite.
WORST = 1e10


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
        ``quasi-newton`` or ``global``.
    """

    point: Array
    value: float
    starts: tuple[Start, ...]
    search: str

    @property
    def agreeing(self) -> float:
        """Share of the searches that ended as well as the best."""
        return float(np.mean([start.value >= self.value - AGREES for start in self.starts]))


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
    search : {"auto", "quasi-newton", "global"}
        ``auto``: quasi-Newton, or the global search where a parameter moves a jump.
    progress : callable, optional
        Called with finished searches and their number.

    Raises
    ------
    InputError
        When no start leads to a run that can be.
    """
    if search != "auto" and search not in SEARCHES:
        raise InputError(f"unknown search '{search}'; it can be auto, {', '.join(SEARCHES)}")
    chosen = ("global" if posterior.doubtful else "quasi-newton") if search == "auto" else search
    density = posterior.density if prior else posterior.likelihood
    found = SEARCHES[chosen](density, posterior, _starting_points(posterior, starts, seed), seed, threads, progress)
    found.sort(key=lambda start: -start.value)
    if not np.isfinite(found[0].value):
        raise InputError(
            f"none of {len(found)} starts leads to a run that the statistics could come from: "
            "look at the ranges of the fitted parameters, and at the units of the statistics"
        )
    return Estimate(found[0].ended, found[0].value, tuple(found), chosen)


def _starting_points(posterior: Posterior, count: int, seed: int) -> Array:
    """Scaled points, the model's own values first; errors' parameters start at their prior means."""
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


# ---- quasi-Newton ---------------------------------------------------------------------------------------------------


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


def _quasi_newton(
    density: Callable[[Array], Density],
    posterior: Posterior,
    points: Array,
    seed: int,
    threads: int,
    progress: Callable[[int, int], object] | None,
) -> list[Start]:
    with ThreadPoolExecutor(threads) as pool:
        made = pool.map(lambda point: minimise(density, point, posterior.bounds), points)
        found: list[Start] = []
        for start in made:
            found.append(start)
            if progress is not None:
                progress(len(found), len(points))
    return found


# ---- global search --------------------------------------------------------------------------------------------------


def _global(
    density: Callable[[Array], Density],
    posterior: Posterior,
    points: Array,
    seed: int,
    threads: int,
    progress: Callable[[int, int], object] | None,
) -> list[Start]:
    """Differential evolution (Storn and Price 1997), a few independent populations; no gradient is used."""
    from scipy.optimize import differential_evolution

    populations = max(2, len(points) // 10)
    limits = list(zip(*posterior.bounds, strict=True))
    found = []
    for number in range(populations):

        def objective(x: Array) -> Array:
            value = density(x.T).value
            return np.where(np.isfinite(value), -value, WORST)

        made = differential_evolution(
            objective,
            limits,
            x0=points[number],
            rng=np.random.default_rng([seed, number]),
            popsize=max(4, -(-60 // len(limits))),
            maxiter=150,
            tol=1e-6,
            polish=False,
            vectorized=True,
            updating="deferred",
        )
        value = -float(made.fun) if made.fun < WORST else -np.inf
        found.append(Start(points[number], np.asarray(made.x), value, int(made.nfev), str(made.message)))
        if progress is not None:
            progress(number + 1, populations)
    return found


#: Ways to search by name; each gives all its searches.
SEARCHES: Mapping[str, Callable[..., list[Start]]] = {"quasi-newton": _quasi_newton, "global": _global}
