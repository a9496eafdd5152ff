"""Draws from the posterior by the no-U-turn sampler (Hoffman and Gelman 2014), of nutpie."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.frame import Frame, frame_at, to_free, to_scaled
from cluster_sd.calibration.posterior import Posterior
from cluster_sd.errors import InputError

__all__ = ["Draws", "Health", "sample"]

#: Acceptance for which the step is tuned: shorter steps than by the usual 0.8, as the posteriors here are bent.
ACCEPT = 0.95

Array = NDArray[Any]


@dataclass(frozen=True)
class Health:
    """Whether the chains can be believed.

    Attributes
    ----------
    r_hat : mapping of str to float
        Rank-normalised split R-hat (Vehtari et al. 2021) of each coordinate; below 1.01 is well.
    ess_bulk, ess_tail : mapping of str to float
        Effective sample sizes; 400 and more is well.
    divergences : int
    """

    r_hat: Mapping[str, float]
    ess_bulk: Mapping[str, float]
    ess_tail: Mapping[str, float]
    divergences: int

    @property
    def well(self) -> bool:
        """R-hat below 1.01, effective sizes of 400, no divergence."""
        sizes = (*self.ess_bulk.values(), *self.ess_tail.values())
        return not self.divergences and max(self.r_hat.values()) < 1.01 and min(sizes) >= 400


@dataclass(frozen=True)
class Draws:
    """Draws from a posterior.

    Attributes
    ----------
    names : tuple of str
        Fitted parameters, then the errors' parameters.
    natural : array, shape (chain, draw, coordinate)
        As a reader knows them.
    scaled : array, shape (chain, draw, coordinate)
        As :class:`~cluster_sd.calibration.posterior.Posterior` takes them.
    statistics : mapping of str to array, shape (chain, draw)
        ``logp``, ``diverging``, ``energy``, ``n_steps``, ``depth``, ``step_size`` where the sampler gives them.
    """

    names: tuple[str, ...]
    natural: Array
    scaled: Array
    statistics: Mapping[str, Array]

    @property
    def flat(self) -> Array:
        """All draws as scaled points, shape (chain * draw, coordinate)."""
        return self.scaled.reshape(-1, self.scaled.shape[-1])

    @property
    def flat_natural(self) -> Array:
        """All draws as a reader knows them, shape (chain * draw, coordinate)."""
        return self.natural.reshape(-1, self.natural.shape[-1])

    def health(self) -> Health:
        """Diagnostics of the chains."""
        with _arviz() as az:
            kept = az.from_dict(posterior={"x": self.natural})
            r_hat, bulk, tail = az.rhat(kept), az.ess(kept, method="bulk"), az.ess(kept, method="tail")

        def by_name(found: Any) -> dict[str, float]:
            return dict(zip(self.names, np.atleast_1d(np.asarray(found["x"])).tolist(), strict=True))

        return Health(by_name(r_hat), by_name(bulk), by_name(tail), int(self.statistics["diverging"].sum()))


@contextmanager
def _arviz() -> Iterator[Any]:
    """ArviZ, which warns of its future when it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz

        yield arviz


def sample(
    posterior: Posterior,
    start: Array | None = None,
    *,
    draws: int = 1000,
    tune: int = 500,
    chains: int = 4,
    seed: int = 0,
    threads: int = 1,
    progress: bool = False,
) -> Draws:
    """Draw from the posterior.

    Parameters
    ----------
    posterior : Posterior
    start : array, shape (coordinate,), optional
        Scaled point around which the chains begin (the posterior's mode); default: draws from the prior that can be.
    draws, tune, chains : int
        Kept draws a chain, discarded ones before them, chains.
    seed : int
    threads : int
        Chains side by side; the draws don't depend on it.
    progress : bool
        Show nutpie's own progress bar.

    Raises
    ------
    InputError
        When a fitted parameter moves a jump, so that a gradient does not tell what it does.
    """
    if posterior.doubtful:
        names = ", ".join(f"'{name}'" for name in posterior.doubtful)
        raise InputError(
            f"NUTS needs gradients, and {names} moves a jump in the model (an IF THEN ELSE or an event's time); "
            "leave it out, write the model's condition in continuous form, or take --method map"
        )
    begin = _beginnings(posterior, start, chains, seed)
    centre = begin.mean(axis=0) if start is None else to_free(posterior, start[None])[0]
    frame = frame_at(posterior, centre, begin.std(axis=0))
    nutpie, compiled = _compiled(posterior, frame, begin)
    # nutpie takes 64 bits: the seed is made from ours, 0 included
    mixed = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace = nutpie.sample(
            compiled, draws=draws, tune=tune, chains=chains, cores=threads, seed=mixed, progress_bar=progress,
            save_warmup=False, target_accept=ACCEPT,
        )  # fmt: skip
    white = np.asarray(trace.posterior["white"])
    scaled = to_scaled(posterior, frame.free(white.reshape(-1, posterior.size)))
    natural = posterior.natural(scaled)
    statistics = {str(name): np.asarray(trace.sample_stats[name]) for name in _KEPT if name in trace.sample_stats}
    return Draws(posterior.names, natural.reshape(white.shape), scaled.reshape(white.shape), statistics)


#: What is kept of the sampler's statistics.
_KEPT = ("logp", "diverging", "energy", "n_steps", "depth", "step_size")


def _beginnings(posterior: Posterior, start: Array | None, chains: int, seed: int) -> Array:
    """Free points from which the chains' beginnings are taken, shape (point, coordinate): all possible."""
    k = len(posterior.fitted)
    rng = np.random.default_rng([seed, 1])
    if start is None:
        pool = posterior.prior_draws(max(200, 50 * chains), seed)
    else:
        spread = np.concatenate([np.full(k, 0.05), 0.1 * np.array([n.sd for n in posterior.observations.nuisances])])
        pool = start + spread * rng.standard_normal((20 * chains, posterior.size))
    free = to_free(posterior, pool)
    possible = free[np.isfinite(posterior.free_density(free).value)]
    if len(possible) < chains:
        raise InputError("too few points of the priors lead to a run that the statistics could come from")
    return possible


def _compiled(posterior: Posterior, frame: Frame, beginnings: Array) -> tuple[Any, Any]:
    """The density as nutpie calls it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import nutpie
        from nutpie.compiled_pyfunc import from_pyfunc

    size, starts = posterior.size, frame.white(beginnings)

    def make_density() -> Any:
        def density(white: Array) -> tuple[float, Array]:
            found = posterior.free_density(frame.free(np.asarray(white)[None]))
            return float(found.value[0]), np.ascontiguousarray(found.gradient[0] @ frame.axes)

        return density

    def make_expand(*_: Any) -> Any:
        return lambda white: {"white": np.asarray(white, dtype=float)}

    def make_start(chain_seed: Any) -> Array:
        return np.ascontiguousarray(starts[int(np.random.default_rng(chain_seed).integers(len(starts)))])

    compiled = from_pyfunc(
        size, make_density, make_expand, [np.dtype("float64")], [(size,)], ["white"], make_initial_point_fn=make_start
    )
    return nutpie, compiled
