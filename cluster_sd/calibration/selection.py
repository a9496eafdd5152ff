"""Which parameters are fitted: chosen by what statistics can tell apart, looked at again where the fit stands.

A first choice looks at points spread over the priors; from the optimum that it leads to, the choice is made anew, as
what is told there is what the verdicts will be about. Whoever then can go to both ends of its range with hardly a fall
of the likelihood, because the others make up for it, is put back. Of the sets that are left the one is taken whose
likelihood is largest for its number of parameters [1]_; every try is kept and told.

References
----------
.. [1] H. Akaike, A new look at the statistical model identification, IEEE Transactions on Automatic Control 19 (1974).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.coordinates import Fitted
from cluster_sd.calibration.identifiability import choose
from cluster_sd.calibration.observation import ObservationModel
from cluster_sd.calibration.optimum import Estimate, estimate
from cluster_sd.calibration.posterior import Posterior, posterior_of
from cluster_sd.calibration.profiles import flat
from cluster_sd.calibration.screening import Screen, screened
from cluster_sd.errors import InputError

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["Selection", "Trial", "select"]

Array = NDArray[Any]
#: Draws of the priors, and the likeliest of them at which the first choice looks; times that it is made anew; starts of
#: the searches for it.
DRAWN, LOOKS, TRIALS, STARTS = 256, 8, 4, 4


@dataclass(frozen=True)
class Trial:
    """One set of parameters that was tried.

    Attributes
    ----------
    where : str
        Where the sensitivities were that chose it.
    fitted : tuple of str
        Best told first.
    flat : tuple of str
        Those that turned out to be flat from end to end of their range: put back.
    value : float
        Log-likelihood that the set reached; NaN where it was not looked for.
    """

    where: str
    fitted: tuple[str, ...]
    flat: tuple[str, ...] = ()
    value: float = math.nan


@dataclass(frozen=True, eq=False)
class Selection:
    """The parameters that are fitted and how they were found.

    Attributes
    ----------
    posterior : Posterior
        Of the fitted ones.
    trials : tuple of Trial
        All sets that were tried; empty where the user named the parameters, or there are no more than may be fitted.
    """

    posterior: Posterior
    trials: tuple[Trial, ...]


#: Positions of candidates, given the optimum of a set (its posterior and point) or None, and those that were put back.
Chooser = Callable[[tuple[Posterior, Array] | None, Sequence[int]], Sequence[int]]


def select(
    model: Model,
    observations: ObservationModel,
    candidates: Sequence[Fitted],
    most: int,
    changes: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    threads: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> Selection:
    """Choose `most` of the candidates at most.

    Parameters
    ----------
    model, observations, candidates, most, changes, settings
        As for :func:`cluster_sd.calibration.fit.calibrate`.
    seed, threads : int
    progress : callable, optional

    Raises
    ------
    InputError
        Where there is no candidate, or the statistics see none.
    """
    if not candidates:
        raise InputError("no parameter with a range is there to be fitted; name some, or give --parameters")

    def make(chosen: Sequence[int]) -> Posterior:
        some = [candidates[k] for k in chosen]
        return posterior_of(model, some, observations, changes, threads=threads, **(settings or {}))

    whole = make(range(len(candidates)))
    if len(candidates) <= most:
        return Selection(whole, ())
    jumps = len(whole.doubtful) > len(candidates) / 2
    chooser = _by_regression(whole, most, seed) if jumps else _by_gradients(whole, most, seed)

    def fit(posterior: Posterior) -> tuple[Estimate, list[int]]:
        found = estimate(posterior, starts=STARTS, prior=False, seed=seed, threads=threads)
        return found, flat(posterior, found.point, threads=threads, seed=seed)

    return _tried(chooser, make, candidates, fit, progress or (lambda done, total: None))


def _tried(
    chooser: Chooser,
    make: Callable[[Sequence[int]], Posterior],
    candidates: Sequence[Fitted],
    fit: Callable[[Posterior], tuple[Estimate, list[int]]],
    progress: Callable[[int, int], object],
) -> Selection:
    """Try sets, each without what turns out to be flat in it; the likeliest for its number of parameters is taken."""
    trials: list[Trial] = []
    best: tuple[float, Posterior] | None = None
    back: list[int] = []
    optimum: tuple[Posterior, Array] | None = None
    for number in range(TRIALS):
        progress(number, TRIALS)
        chosen = list(chooser(optimum, back))
        where = "over the priors" if optimum is None else "at the optimum before"
        while chosen and not any({candidates[k].name for k in chosen} == set(t.fitted) for t in trials):
            posterior = make(chosen)
            found, idle = fit(posterior)
            names = tuple(candidates[k].name for k in chosen)
            trials.append(Trial(where, names, tuple(names[k] for k in idle), found.value))
            optimum = posterior, found.point
            if not idle:
                gained = found.value - len(chosen)  # Akaike (1974), halved
                best = max(best or (-np.inf, posterior), (gained, posterior), key=lambda one: one[0])
            back += [chosen[k] for k in idle]
            chosen = [k for k in chosen if k not in back] if idle else []
            where = "what is left of it"
    if best is None:
        raise InputError("the statistics see none of the parameters that might be fitted; name some with --fit")
    return Selection(best[1], tuple(trials))


def _by_gradients(whole: Posterior, most: int, seed: int) -> Chooser:
    """From sensitivities: at draws of the priors, then at an optimum."""

    def chooser(optimum: tuple[Posterior, Array] | None, back: Sequence[int]) -> Sequence[int]:
        points = _looks(whole, seed) if optimum is None else _placed(whole, *optimum)
        return choose(whole, points, most, back).chosen

    return chooser


def _by_regression(whole: Posterior, most: int, seed: int) -> Chooser:
    """From slopes of regressions over the priors, where derivatives say nothing of what lies across a jump."""
    kept: list[Screen] = []

    def chooser(optimum: tuple[Posterior, Array] | None, back: Sequence[int]) -> Sequence[int]:
        if not kept:
            kept.append(screened(whole, seed))
        return kept[0].chosen(most, back)

    return chooser


def _looks(whole: Posterior, seed: int) -> Array:
    """The model's own values and the likeliest of many draws of the priors; errors as small as their sources allow."""
    k = len(whole.fitted)
    own = whole.coordinates.scaled(np.array([[f.value for f in whole.fitted]]))
    points = whole.prior_draws(DRAWN, seed)
    points[0, :k] = np.where(np.isfinite(own), own, 0.5)
    points[:, k:] = _small_errors(whole.observations)
    best = np.argsort(-whole.values(points, prior=False)[1:], kind="stable")[:LOOKS] + 1
    return points[[0, *best]]


def _small_errors(observations: ObservationModel) -> Array:
    """Errors' parameters before a fit: the floor of a series where it has one, else their prior mean."""
    found = observations.starts
    for place, one in enumerate(observations.nuisances):
        rows = [row for row in observations.observations if row.series == one.series and not row.held_out]
        floor = max((row.floor for row in rows), default=0.0)
        if one.kind == "scale" and floor > 0:
            found[place] = np.log(floor)
    return found


def _placed(whole: Posterior, posterior: Posterior, point: Array) -> Array:
    """A point of some parameters as one of all candidates: the others at the model's values."""
    k = len(posterior.fitted)
    natural = posterior.coordinates.natural(point[None, :k])[0]
    values = {f.name: value for f, value in zip(posterior.fitted, natural, strict=True)}
    own = whole.coordinates.scaled(np.array([[values.get(f.name, f.value) for f in whole.fitted]]))
    return np.concatenate([np.where(np.isfinite(own), own, 0.5), point[None, k:]], axis=1)
