"""A calibration from question to result: read, fit, score, and tell what the conclusions rest on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.autocorrelation import Autocorrelation, autocorrelations
from cluster_sd.calibration.coordinates import Fitted, fitted_from
from cluster_sd.calibration.fit import Calibration, calibrate, candidates_of
from cluster_sd.calibration.grounds import Ground, grounds
from cluster_sd.calibration.observation import ObservationModel, Supplied
from cluster_sd.calibration.observing import observe
from cluster_sd.calibration.reading import read_statistics
from cluster_sd.calibration.sbc import Ranks, simulate_and_rank
from cluster_sd.calibration.scores import BoundKept, Score, bounds_kept, scores
from cluster_sd.calibration.targets import mapping_of
from cluster_sd.distributions import Distribution
from cluster_sd.errors import InputError, unknown
from cluster_sd.measures import parse
from cluster_sd.model.names import clean
from cluster_sd.model.parameters import read_parameters

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["Asking", "Course", "Study", "carry_out"]

Array = NDArray[Any]
Tell = Callable[[str, int, int], object]
#: Draws whose courses over time are shown.
COURSES = 200
#: Residual, in scales of the error, from which a reader is told that a statistic is not met.
FAR_OFF = 4.0


@dataclass(frozen=True)
class Asking:
    """What is asked.

    Attributes
    ----------
    data : sequence of str
        Files of statistics.
    observations, parameters : str, optional
        Files in place of those of the model's folder.
    fit : sequence of str, optional
        Parameters to fit; default: those that the statistics can tell apart, six at most.
    method : {"map", "nuts"}
    holdout, place : str, optional
    starts, draws, tune : int
    sbc : int
        Simulations of a simulation-based calibration; 0: none.
    grounds : int
        Runs of each sample behind what conclusions rest on; 0: not asked.
    settings : mapping
        ``scenario``, ``solver``, ``start`` … of the runs.
    seed, threads : int
    """

    data: Sequence[str]
    observations: str | None = None
    parameters: str | None = None
    fit: Sequence[str] | None = None
    method: str = "map"
    holdout: str | None = None
    place: str | None = None
    starts: int = 20
    draws: int = 1000
    tune: int = 200
    sbc: int = 0
    grounds: int = 1024
    settings: Mapping[str, Any] | None = None
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True, eq=False)
class Course:
    """What the calibrated model says of a series at all times.

    Attributes
    ----------
    series : int
        Index into the observations' series.
    times : array, shape (time,)
    low, middle, high : array, shape (time,)
        2.5 %, 50 % and 97.5 % points of the runs over draws of the posterior, scope factors included, errors not.
    """

    series: int
    times: Array
    low: Array
    middle: Array
    high: Array


@dataclass(frozen=True, eq=False)
class Study:
    """A calibration with all that is said of it.

    Attributes
    ----------
    model : str
    asking : Asking
    calibration : Calibration
    fitted, low, high : array, shape (row,)
        What the calibrated model says of each row, and between which values 95 % of observations would lie.
    residuals : array, shape (row,)
        Standardised; NaN where only a bound or a range is known.
    courses : tuple of Course
        Of series that are compared at their times, over the whole run.
    scores : tuple of Score
    autocorrelations : tuple of Autocorrelation
    bounds : tuple of BoundKept
    grounds : tuple of Ground
    ranks : Ranks or None
    not_fitted : tuple of Fitted
        Parameters with a range that kept their value.
    times : (float, float)
        First and last time of the runs that were fitted.
    warnings : tuple of str
    """

    model: str
    asking: Asking
    calibration: Calibration
    fitted: Array
    low: Array
    high: Array
    residuals: Array
    courses: tuple[Course, ...]
    scores: tuple[Score, ...]
    autocorrelations: tuple[Autocorrelation, ...]
    bounds: tuple[BoundKept, ...]
    grounds: tuple[Ground, ...]
    ranks: Ranks | None
    not_fitted: tuple[Fitted, ...]
    times: tuple[float, float]
    warnings: tuple[str, ...]

    @property
    def observations(self) -> ObservationModel:
        """What was compared with what."""
        return self.calibration.posterior.observations


def carry_out(model: Model, asking: Asking, tell: Tell | None = None) -> Study:
    """Calibrate a model.

    Parameters
    ----------
    model : Model
    asking : Asking
    tell : callable, optional
        Called with a stage, what is done of it, and the whole of it.

    Raises
    ------
    InputError
        For files, names and settings that can't be used; nothing is fitted then.
    """
    settings = {key: value for key, value in (asking.settings or {}).items() if value is not None}
    observations = observe(
        model,
        read_statistics(list(asking.data)),
        mapping=mapping_of(model, asking.observations),
        place=asking.place,
        holdout=asking.holdout,
        start=settings.get("start"),
        stop=settings.get("stop"),
        save_every=settings.get("save_every"),
    )
    supplied = {s.name: s.value for s in observations.supplied}
    ranged = _ranged(model, asking.parameters)
    candidates = _candidates(ranged, asking.fit, supplied, model)
    short = {**settings, "stop": _last_needed(observations, settings.get("stop"))}
    made = calibrate(
        model,
        observations,
        candidates,
        method=asking.method,
        changes=supplied,
        settings={key: value for key, value in short.items() if value is not None},
        starts=asking.starts,
        draws=asking.draws,
        tune=asking.tune,
        seed=asking.seed,
        threads=asking.threads,
        tell=tell,
    )
    names = {clean(f.name) for f in made.posterior.fitted}
    others = tuple(f for f in ranged if clean(f.name) not in names and f.name not in supplied)
    ranks = None
    if asking.sbc:
        ranks = simulate_and_rank(
            made.posterior, asking.sbc, seed=asking.seed, threads=asking.threads, progress=_stage(tell, "made-up data")
        )
    found = _grounds(model, made, others, ranged, asking, settings, tell) if asking.grounds else ()
    courses = _courses(model, made, asking, settings)
    return _told(model, asking, made, others, ranks, found, courses, short)


def _stage(tell: Tell | None, name: str) -> Callable[[int, int], object] | None:
    return None if tell is None else lambda done, total: tell(name, done, total)


# ---- which parameters -----------------------------------------------------------------------------------------------


def _ranged(model: Model, file: str | None) -> tuple[Fitted, ...]:
    """Uncertain parameters with a range: of the model's folder, or of a file."""
    if file is None:
        return candidates_of(model)
    values = {clean(p.name): p.value for p in model.program.parameters}
    table = read_parameters(Path(file), [v.name for v in model.metadata.variables])
    rows = [
        {
            "name": p.name, "low": p.low, "high": p.high, "distribution": p.distribution, "unit": p.unit,
            "value": values.get(clean(p.name), np.nan) if p.value is None else p.value,
        }
        for p in table
        if p.has_range and p.role == "uncertain"
    ]  # fmt: skip
    if not rows:
        raise InputError(f"{file}: has no row with the role uncertain, low and high")
    return fitted_from(rows)


def _candidates(
    ranged: Sequence[Fitted], names: Sequence[str] | None, supplied: Mapping[str, float], model: Model
) -> tuple[Fitted, ...]:
    """Those that may be fitted: the named ones, or all that the statistics don't give outright."""
    if names is None:
        return tuple(f for f in ranged if f.name not in supplied)
    known = {clean(f.name): f for f in (*candidates_of(model, None, ("lever", "uncertain", "initial")), *ranged)}
    for name in names:
        if clean(name) not in known:
            raise unknown("parameter", name, [f.name for f in known.values()], "--fit")
        if known[clean(name)].name in supplied:
            raise InputError(f"--fit: the statistics give '{known[clean(name)].name}'; it needs no fit")
    return tuple(known[clean(name)] for name in dict.fromkeys(names))


def _last_needed(observations: ObservationModel, stop: float | None) -> float | None:
    """The last time that a fit must run to: that of the last statistic, where none looks at the run's end."""
    read = [parse(text) for text in observations.measures]
    if stop is not None or any(m.kind != "at" or m.argument is None for m in read):
        return stop
    return max(m.argument for m in read if m.argument is not None)


# ---- what conclusions rest on ---------------------------------------------------------------------------------------


def _grounds(
    model: Model,
    made: Calibration,
    others: Sequence[Fitted],
    ranged: Sequence[Fitted],
    asking: Asking,
    settings: Mapping[str, Any],
    tell: Tell | None,
) -> tuple[Ground, ...]:
    """For each outcome of the model's folder."""
    rows = [row for row in model.folder.outcomes if not parse(row.measure).is_series]
    if not rows:
        return ()
    if tell is not None:
        tell("what it rests on", 0, 1)
    k = len(made.posterior.fitted)
    natural = made.posterior.coordinates.natural(made.points[:, :k])
    supplied = made.posterior.observations.supplied
    shipped = {f.name: f for f in ranged}
    fixed = {s.name: s.value for s in supplied}

    def before(n: int, rng: np.random.Generator) -> dict[str, Array]:
        drawn = _drawn(made.posterior.fitted, n, rng)
        return drawn | _drawn([shipped[name] for name in fixed if name in shipped], n, rng)

    def moved(n: int, rng: np.random.Generator) -> dict[str, Array]:
        picked = np.concatenate([rng.permutation(natural) for _ in range(-(-n // len(natural)))])[:n]
        drawn = {f.name: picked[:, j] for j, f in enumerate(made.posterior.fitted)}
        return drawn | _drawn([_believed(s) for s in supplied], n, rng)

    def evaluate(columns: Mapping[str, Array]) -> Array:
        found = model.ensemble_arrays(
            {**{name: np.full(len(next(iter(columns.values()))), value) for name, value in fixed.items()}, **columns},
            [row.measure for row in rows], threads=asking.threads, **settings,
        )  # fmt: skip
        return np.stack([found.values[row.measure] for row in rows], axis=1)

    def rest(n: int, rng: np.random.Generator) -> dict[str, Array]:
        return _drawn(others, n, rng)

    found = grounds(evaluate, [row.name for row in rows], before, moved, rest, asking.grounds, asking.seed)
    return found


def _drawn(parameters: Sequence[Fitted], n: int, rng: np.random.Generator) -> dict[str, Array]:
    """Draws of each from its range, one a stratum (Latin hypercube): shares of variance scatter less."""
    from scipy.stats import qmc

    if not parameters:
        return {}
    u = qmc.LatinHypercube(len(parameters), rng=rng).random(n)
    return {f.name: np.asarray(f.prior.ppf(u[:, k])) for k, f in enumerate(parameters)}


def _believed(given: Supplied) -> Fitted:
    """A constant that was supplied, with the error of its source."""
    return Fitted(given.name, Distribution(given.distribution, given.low, given.high), given.value, given.unit)


def _courses(model: Model, made: Calibration, asking: Asking, settings: Mapping[str, Any]) -> tuple[Course, ...]:
    """Runs over draws of the posterior, for every series that is compared at its times."""
    observations, k = made.posterior.observations, len(made.posterior.fitted)
    shown = [(i, s) for i, s in enumerate(observations.series) if parse(s.measure).is_series]
    if not shown:
        return ()
    rng = np.random.default_rng([asking.seed, 4])
    points = made.points[rng.permutation(len(made.points))[:COURSES]]
    natural = made.posterior.coordinates.natural(points[:, :k])
    design = {f.name: natural[:, j] for j, f in enumerate(made.posterior.fitted)}
    design |= {s.name: np.full(len(points), s.value) for s in observations.supplied}
    variables = list(dict.fromkeys(s.variable for _, s in shown))
    found = model.ensemble_arrays(design, variables, threads=asking.threads, **settings)
    factors = {n.series: k + i for i, n in enumerate(observations.nuisances) if n.kind == "scope"}
    out = []
    for index, series in shown:
        given = series.scope if isinstance(series.scope, float) else 1.0
        factor = np.exp(points[:, factors[index]]) if index in factors else np.full(len(points), given)
        values = (found.values[series.variable] * factor[:, None])[~found.failed]
        if len(values):
            low, middle, high = np.quantile(values, [0.025, 0.5, 0.975], axis=0)
            out.append(Course(index, found.times, low, middle, high))
    return tuple(out)


# ---- what is said of it ---------------------------------------------------------------------------------------------


def _told(
    model: Model,
    asking: Asking,
    made: Calibration,
    others: tuple[Fitted, ...],
    ranks: Ranks | None,
    found: tuple[Ground, ...],
    courses: tuple[Course, ...],
    settings: Mapping[str, Any],
) -> Study:
    observations = made.posterior.observations
    fitted, residuals = _at_estimate(made)
    low, high = made.after.interval()
    c = model.control
    patterns = autocorrelations(observations, residuals)
    warnings = list(made.warnings)
    warnings += [
        f"residuals of {p.series} are autocorrelated ({p.lag_one:.2f} from one to the next): they are not independent"
        for p in patterns
        if p.strong
    ]
    warnings += _misses(observations, fitted, residuals)
    if made.health is not None and not made.health.well:
        warnings.append(
            "the chains are not to be believed yet: R-hat, effective sizes or divergences are off; draw more"
        )
    stop = settings.get("stop")
    return Study(
        model=model.name,
        asking=replace(asking, data=tuple(asking.data)),
        calibration=made,
        fitted=fitted,
        low=low,
        high=high,
        residuals=residuals,
        courses=courses,
        scores=scores(observations, fitted),
        autocorrelations=patterns,
        bounds=bounds_kept(observations, fitted),
        grounds=found,
        ranks=ranks,
        not_fitted=others,
        times=(settings.get("start") or c.start, c.stop if stop is None else stop),
        warnings=tuple(dict.fromkeys(re.sub(r"\s+", " ", text) for text in warnings)),
    )


def _misses(observations: ObservationModel, fitted: Array, residuals: Array) -> list[str]:
    """Fitted statistics that the model can't meet at all."""
    out = []
    for row, value, residual in zip(observations.observations, fitted, residuals, strict=True):
        if not row.held_out and abs(residual) > FAR_OFF:  # false for NaN
            name = observations.series[row.series].name
            out.append(
                f"the model doesn't meet {name} of {row.time:.10g}: {value:.3g} against {row.value:.3g}, "
                f"{abs(residual):.0f} times the scale of its error"
            )
    return out


def _at_estimate(made: Calibration) -> tuple[Array, Array]:
    """What the model says of each row, and standardised residuals: at the mode, or the median over draws."""
    observations, k = made.posterior.observations, len(made.posterior.fitted)
    if made.draws is None:
        rows, nuisance = made.fitted[None], made.mode.point[None, k:]
    else:
        usable = np.isfinite(made.after.expected).all(axis=1)
        rows, nuisance = made.after.expected[usable], made.points[usable][:, k:]
    centre = np.median(observations.centre(rows, nuisance), axis=0)
    return centre, np.median(observations.scaled_residuals(rows, nuisance), axis=0)
