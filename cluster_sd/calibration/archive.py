"""A posterior as ArviZ keeps it, so that whoever knows ArviZ can look at it: groups, draws, predictions, densities."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.fit import Calibration
from cluster_sd.calibration.observation import ObservationModel

__all__ = ["inference_data"]

Array = NDArray[Any]


def inference_data(made: Calibration, seed: int = 0) -> Any:
    """The groups of an ``arviz.InferenceData``.

    Returns
    -------
    arviz.InferenceData
        ``posterior`` with a variable a fitted parameter over ``chain`` and ``draw``, and ``errors`` (scales, scope
        factors, autocorrelations) over ``error``; ``prior`` likewise; ``posterior_predictive``, ``prior_predictive``,
        ``log_likelihood``, ``observed_data`` and ``constant_data`` with a variable a series over its rows;
        ``sample_stats``. Without the no-U-turn sampler the draws are those of importance sampling, and the attribute
        ``sampler`` says so.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ warns of its future when it is imported
        import arviz

    posterior, observations = made.posterior, made.posterior.observations
    chains = 1 if made.draws is None else made.draws.natural.shape[0]
    natural = posterior.natural(made.points) if made.draws is None else _flat(made.draws.natural)
    prior = posterior.natural(posterior.prior_draws(len(made.before.expected), made.seed))
    nuisance = made.points[:, len(posterior.fitted) :]
    density = observations.pointwise(made.after.expected, nuisance)
    coordinates, dimensions = _places(observations)
    groups: dict[str, Any] = {
        "posterior": _parameters(made, natural, chains),
        "prior": _parameters(made, prior, 1),
        "posterior_predictive": _series(observations, made.after.simulated, chains),
        "prior_predictive": _series(observations, made.before.simulated, 1),
        "log_likelihood": _series(observations, density, chains),
        "observed_data": _rows(observations, observations.observed),
        "constant_data": {f"{name} held out": v for name, v in _rows(observations, observations.held_out).items()},
    }
    if made.draws is not None:
        groups["sample_stats"] = dict(made.draws.statistics)
    dimensions |= {f"{name} held out": dims for name, dims in dimensions.items()} | {"errors": ["error"]}
    errors = [n.name for n in observations.nuisances]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = arviz.from_dict(**groups, coords={**coordinates, "error": errors}, dims=dimensions)
    if made.draws is None:
        data["posterior"].attrs["sampler"] = "adaptive importance sampling, Pareto-smoothed and resampled"
    units = {f.name: f.unit for f in posterior.fitted}
    for name in data["posterior"].data_vars:
        data["posterior"][name].attrs.update({"units": units[str(name)]} if units.get(str(name)) else {})
    return data


def _flat(draws: Array) -> Array:
    return draws.reshape(-1, draws.shape[-1])


def _parameters(made: Calibration, natural: Array, chains: int) -> Mapping[str, Array]:
    """Fitted parameters, a variable each, and those of the errors together."""
    shaped = natural.reshape(chains, -1, natural.shape[-1])
    k = len(made.posterior.fitted)
    found = {f.name: shaped[..., j] for j, f in enumerate(made.posterior.fitted)}
    return found | ({"errors": shaped[..., k:]} if natural.shape[-1] > k else {})


def _series(observations: ObservationModel, rows: Array, chains: int) -> Mapping[str, Array]:
    """Values of rows over draws, a variable a series."""
    shaped = rows.reshape(chains, -1, rows.shape[-1])
    return {one.name: shaped[..., observations.series_index == index] for index, one in enumerate(observations.series)}


def _rows(observations: ObservationModel, values: Array) -> Mapping[str, Array]:
    return {one.name: np.asarray(values)[observations.series_index == i] for i, one in enumerate(observations.series)}


def _places(observations: ObservationModel) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Coordinates and dimensions: the rows of a series by their times."""
    coordinates = {
        f"time of {one.name}": observations.times[observations.series_index == index]
        for index, one in enumerate(observations.series)
    }
    return coordinates, {one.name: [f"time of {one.name}"] for one in observations.series}
