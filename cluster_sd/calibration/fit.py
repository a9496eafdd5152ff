"""The whole calibration of a model: choose parameters, estimate, ask what the data tell, sample, predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from cluster_sd.calibration.coordinates import Fitted, fitted_from
from cluster_sd.calibration.identifiability import MOST, Combination, combinations
from cluster_sd.calibration.importance import Weighted, draw
from cluster_sd.calibration.nuts import Draws, Health, sample
from cluster_sd.calibration.observation import ObservationModel
from cluster_sd.calibration.optimum import Estimate, estimate
from cluster_sd.calibration.posterior import Posterior
from cluster_sd.calibration.predictive import Predictive, predictive
from cluster_sd.calibration.profiles import Profile, profiles
from cluster_sd.calibration.selection import Trial, select
from cluster_sd.errors import InputError, unknown

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["METHODS", "Calibration", "calibrate", "candidates_of"]

Array = NDArray[Any]
METHODS = ("map", "nuts")
#: Draws of the prior, and of the posterior where none is sampled, that predictions are made from.
PREDICTIONS, DRAWS = 500, 1000

#: Told of the work: a stage, what is done of it, and the whole of it.
Tell = Callable[[str, int, int], object]


@dataclass(frozen=True, eq=False)
class Calibration:
    """A calibrated model.

    Attributes
    ----------
    posterior : Posterior
        Of the parameters that were fitted.
    candidates : tuple of Fitted
        Those that might have been.
    trials : tuple of Trial
        How the fitted ones were chosen, set by set; empty where the user named them.
    mode : Estimate
        Largest posterior density, priors included.
    likely : Estimate
        Largest likelihood within the priors' ends.
    profiles : tuple of Profile
        One a fitted parameter, around `likely`.
    combinations : tuple of Combination
        Directions that the data tell most to least.
    draws : Draws or None
        Of the posterior by the no-U-turn sampler, with ``method="nuts"`` where gradients can be had.
    health : Health or None
        Whether these can be believed.
    weighted : Weighted or None
        Draws of the posterior by importance sampling, where there are no others.
    before, after : Predictive
        Predictions of all rows from the prior, and from the posterior's draws.
    fitted : array, shape (row,)
        Predictions at the mode.
    points : array, shape (draw, coordinate)
        The scaled points behind `after`.
    method : str
    seed : int
    warnings : tuple of str
    """

    posterior: Posterior
    candidates: tuple[Fitted, ...]
    trials: tuple[Trial, ...]
    mode: Estimate
    likely: Estimate
    profiles: tuple[Profile, ...]
    combinations: tuple[Combination, ...]
    draws: Draws | None
    health: Health | None
    weighted: Weighted | None
    before: Predictive
    after: Predictive
    fitted: Array
    points: Array
    method: str
    seed: int
    warnings: tuple[str, ...]

    @property
    def estimates(self) -> Mapping[str, float]:
        """Each fitted parameter at the mode, in its own unit: a set of changes for :meth:`cluster_sd.Model.run`."""
        natural = self.posterior.natural(self.mode.point[None])[0]
        return {f.name: float(value) for f, value in zip(self.posterior.fitted, natural, strict=False)}


def candidates_of(
    model: Model, names: Sequence[str] | None = None, roles: Sequence[str] = ("uncertain",)
) -> tuple[Fitted, ...]:
    """Parameters of a model's ``parameters.csv`` that might be fitted: those named, or all with a range in `roles`."""
    table = model.parameters
    rows = [row for row in table.to_dict("records") if row["low"] == row["low"]]
    if names is None:
        return fitted_from([row for row in rows if row["role"] in roles])
    by_name = {str(row["name"]).lower(): row for row in rows}
    for name in names:
        if name.lower() not in by_name:
            raise unknown("parameter with a range", name, [str(row["name"]) for row in rows], "the fitted ones")
    return fitted_from([by_name[name.lower()] for name in names])


def calibrate(
    model: Model,
    observations: ObservationModel,
    candidates: Sequence[Fitted],
    *,
    method: str = "map",
    most: int = MOST,
    changes: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    starts: int = 20,
    draws: int = 1000,
    tune: int = 200,
    chains: int = 4,
    seed: int = 0,
    threads: int = 1,
    tell: Tell | None = None,
) -> Calibration:
    """Fit some of a model's parameters to statistics.

    Parameters
    ----------
    model : Model
    observations : ObservationModel
    candidates : sequence of Fitted
        Where they are more than `most`, as many are chosen as the statistics can tell apart
        (:func:`~cluster_sd.calibration.selection.select`).
    method : {"map", "nuts"}
        Point estimate with profiles, and draws by importance sampling; or draws by the no-U-turn sampler, where the
        density has a gradient: where it jumps, importance sampling stands in, and a warning says so.
    most : int
        Parameters fitted at a time, at most.
    changes : mapping, optional
        Other values that hold in all runs.
    settings : mapping, optional
        ``scenario``, ``solver``, ``start`` … as for :meth:`cluster_sd.Model.slopes`.
    starts, draws, tune, chains : int
    seed, threads : int
    tell : callable, optional

    Raises
    ------
    InputError
        For an unknown method, and where the statistics see none of the candidates.
    """
    if method not in METHODS:
        raise InputError(f"unknown method '{method}'; it can be {', '.join(METHODS)}")
    say = tell or (lambda stage, done, total: None)
    common: dict[str, Any] = {"seed": seed, "threads": threads}
    chosen = select(
        model, observations, tuple(candidates), most, changes, settings,
        progress=_stage(say, "choosing parameters"), **common,
    )  # fmt: skip
    posterior = chosen.posterior
    mode = estimate(posterior, starts=starts, progress=_stage(say, "searching"), **common)
    likely = estimate(posterior, starts=max(2, starts // 4), prior=False, progress=_stage(say, "likelihood"), **common)
    told = profiles(posterior, likely.point, progress=_stage(say, "profiles"), **common)
    say("sampling", 0, 1)
    drawn = weighted = None
    if method == "nuts" and not posterior.doubtful:
        how = {"draws": draws, "tune": tune, "chains": chains, "seed": seed}
        drawn = sample(posterior, mode.point, **how, progress=_stage(say, "sampling"))
    else:
        weighted = _weighted(posterior, mode, seed)
    points = drawn.flat if drawn is not None else posterior.from_free(weighted.points)  # type: ignore[union-attr]
    say("predicting", 0, 1)
    return Calibration(
        posterior=posterior,
        candidates=tuple(candidates),
        trials=chosen.trials,
        mode=mode,
        likely=likely,
        profiles=told,
        combinations=combinations(posterior, likely.point),
        draws=drawn,
        health=None if drawn is None else drawn.health(),
        weighted=weighted,
        before=predictive(posterior, posterior.prior_draws(PREDICTIONS, seed), seed),
        after=predictive(posterior, points, seed),
        fitted=posterior.rows(mode.point[None, : len(posterior.fitted)])[0],
        points=points,
        method=method,
        seed=seed,
        warnings=_warnings(observations, posterior, mode, method, weighted),
    )


def _weighted(posterior: Posterior, mode: Estimate, seed: int) -> Weighted:
    """Draws by importance sampling around the mode and over the priors."""
    at = posterior.to_free(mode.point[None])[0]
    return draw(posterior.free_values, posterior.size, at, DRAWS, seed)


def _stage(say: Tell, name: str) -> Callable[[int, int], object]:
    return lambda done, total: say(name, done, total)


def _warnings(
    observations: ObservationModel, posterior: Posterior, mode: Estimate, method: str, weighted: Weighted | None
) -> tuple[str, ...]:
    """What a reader must know of the result."""
    found = list(observations.warnings)
    few = observations.too_few(len(posterior.fitted))
    if few:
        found.append(few)
    if posterior.doubtful:
        instead = "; not the no-U-turn sampler but importance sampling made the draws" if method == "nuts" else ""
        names = ", ".join(posterior.doubtful)
        found.append(f"{names}: moves a jump in the model; searched and profiled without gradients{instead}")
    if mode.agreeing < 0.2 and len(mode.starts) > 4:
        found.append(
            f"only {mode.agreeing:.0%} of {len(mode.starts)} searches end at the best point: there may be a better one"
        )
    if weighted is not None and not weighted.well:
        found.append(
            f"draws of the posterior are rough: worth {weighted.effective:.0f} independent ones, Pareto shape "
            f"{weighted.pareto:.2f}"
        )
    return tuple(found)
