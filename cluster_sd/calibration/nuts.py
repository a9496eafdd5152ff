"""Draws from the posterior by the no-U-turn sampler (Hoffman and Gelman 2014), of nutpie."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.frame import Frame, frame_near, frame_of
from cluster_sd.calibration.importance import draw
from cluster_sd.calibration.lockstep import Lockstep
from cluster_sd.calibration.posterior import Posterior, free_densities
from cluster_sd.errors import InputError

__all__ = ["Draws", "Health", "sample", "sample_each"]

#: Acceptances for which the step is tuned: where draws diverge by the first, chains are run again by the second.
ACCEPT = (0.9, 0.97)
#: Draws before those that are kept: little is left to tune but the step.
TUNE = 200
#: Draws by importance sampling among which chains begin, and how many a coordinate they must be worth to be believed.
DRAWS, ENOUGH = 2000, 30
#: Draws after which progress is told again.
TELL = 20

Array = NDArray[Any]
Progress = Callable[[int, int], object]


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
    tune: int = TUNE,
    chains: int = 4,
    seed: int = 0,
    progress: Progress | None = None,
) -> Draws:
    """Draw from the posterior.

    All chains go together, one evaluation of the model for the next step of each: a few runs cost little more than one.
    Where draws diverge, the chains are run again with shorter steps, once.

    Parameters
    ----------
    posterior : Posterior
    start : array, shape (coordinate,), optional
        Scaled point near which much of the posterior lies (its mode); default: it is looked for from the prior.
    draws, tune, chains : int
        Kept draws a chain, discarded ones before them, chains.
    seed : int
    progress : callable, optional
        Called with draws made, discarded ones included, and their number; from one thread at a time.

    Raises
    ------
    InputError
        When a fitted parameter moves a jump, so that a gradient does not tell what it does; when hardly a draw of the
        prior leads to a run.
    """
    _refuse_jumps(posterior)
    frame, starts = _surroundings(posterior, start, seed)
    each = [_Chain(posterior, frame, starts[n % len(starts)], _mixed(seed, n)) for n in range(chains)]
    for accept in ACCEPT:
        made = _gathered(posterior, _run(each, draws, tune, accept, progress))
        if not made.statistics["diverging"].any():
            break
    return made


def sample_each(
    posteriors: Sequence[Posterior], starts: Array, *, draws: int, tune: int = TUNE, seeds: Sequence[int]
) -> list[Draws]:
    """One chain of each of several posteriors that differ in the values of their statistics alone, all together.

    Parameters
    ----------
    posteriors : sequence of Posterior
    starts : array, shape (posterior, coordinate)
        A scaled point of each, as for :func:`sample`.
    draws, tune : int
    seeds : sequence of int
    """
    _refuse_jumps(posteriors[0])
    chains = []
    for posterior, start, seed in zip(posteriors, starts, seeds, strict=True):
        frame, points = _surroundings(posterior, start, seed)
        chains.append(_Chain(posterior, frame, points[0], _mixed(seed, 0)))
    found = _run(chains, draws, tune, ACCEPT[0], None)
    return [_gathered(posterior, [one]) for posterior, one in zip(posteriors, found, strict=True)]


def _refuse_jumps(posterior: Posterior) -> None:
    if posterior.doubtful:
        names = ", ".join(f"'{name}'" for name in posterior.doubtful)
        raise InputError(
            f"NUTS needs gradients, and {names} moves a jump in the model (an IF THEN ELSE or an event's time); "
            "leave it out, write the model's condition in continuous form, or take --method map"
        )


# ---- where chains begin ---------------------------------------------------------------------------------------------


def _surroundings(posterior: Posterior, start: Array | None, seed: int) -> tuple[Frame, Array]:
    """The frame, and free points from which chains may begin, shape (point, coordinate).

    Importance sampling, which needs no gradients, is cheap beside the chains and finds where the posterior lies: they
    begin at its draws, so that there is little to tune. Where it fails, they begin around the mode.
    """
    mode = None if start is None else posterior.to_free(start[None])[0]
    try:
        found = draw(posterior.free_values, posterior.size, mode, DRAWS, seed)
    except ValueError as error:
        raise InputError("too few points of the priors lead to a run that the statistics could come from") from error
    if found.effective >= ENOUGH * posterior.size:
        return frame_of(found.points, len(posterior.observations.nuisances)), found.points
    frame = frame_near(posterior, found.points[0] if mode is None else mode)
    around = frame.free(np.random.default_rng([seed, 1]).standard_normal((DRAWS, posterior.size)))
    possible = around[np.isfinite(posterior.free_values(around))]
    return frame, possible if len(possible) else frame.centre[None]


def _mixed(seed: int, chain: int) -> int:
    """A seed of 64 bits, as nutpie takes it, made from ours, 0 included."""
    return int(np.random.SeedSequence([seed, chain]).generate_state(1, np.uint64)[0] >> np.uint64(1))


# ---- chains ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Chain:
    """What one chain draws from, the free point where it begins, and nutpie's seed."""

    posterior: Posterior
    frame: Frame
    start: Array
    seed: int


@dataclass(frozen=True)
class _Trace:
    """Free draws of one chain, shape (draw, coordinate), and the sampler's statistics, shape (draw,)."""

    free: Array
    statistics: Mapping[str, Array]


#: What is kept of the sampler's statistics.
_KEPT = ("logp", "diverging", "energy", "n_steps", "depth", "step_size")


def _run(chains: Sequence[_Chain], draws: int, tune: int, accept: float, progress: Progress | None) -> list[_Trace]:
    """Run all chains in lockstep, a thread each."""
    with warnings.catch_warnings():  # ArviZ warns of its future when it is imported; filters aren't a thread's own
        warnings.simplefilter("ignore")
        import nutpie  # noqa: F401

    posteriors = [chain.posterior for chain in chains]
    together = Lockstep(lambda free: free_densities(posteriors, free), np.stack([chain.start for chain in chains]))
    counter = _Counter(len(chains) * (draws + tune), progress)

    def one(number: int) -> _Trace:
        try:
            return _sampled(chains[number], number, together, (draws, tune, accept), counter)
        except BaseException as failure:
            together.stop(failure)
            raise
        finally:
            together.leave()

    with ThreadPoolExecutor(len(chains)) as pool:
        waiting = [pool.submit(one, number) for number in range(len(chains))]
        try:
            return [future.result() for future in waiting]
        except BaseException as failure:  # an interrupt too: no chain goes on alone
            together.stop(failure)
            raise (together.failure or failure) from None


def _sampled(
    chain: _Chain, number: int, together: Lockstep, asked: tuple[int, int, float], counter: _Counter
) -> _Trace:
    """One chain by nutpie, which asks `together` for its density."""
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    frame, size = chain.frame, chain.posterior.size
    begin = np.ascontiguousarray(frame.white(chain.start[None])[0])

    def density(white: Array) -> tuple[float, Array]:
        white = np.asarray(white)
        return frame.pulled(white, *together.ask(number, frame.free(white[None])[0]))

    def expand(white: Array) -> dict[str, Array]:
        counter.add()
        return {"white": np.asarray(white, dtype=float)}

    compiled = from_pyfunc(
        size, lambda: density, lambda *_: expand, [np.dtype("float64")], [(size,)], ["white"],
        make_initial_point_fn=lambda _: begin,
    )  # fmt: skip
    draws, tune, accept = asked
    trace = nutpie.sample(  # type: ignore[call-overload]
        compiled, draws=draws, tune=tune, chains=1, cores=1, seed=chain.seed, progress_bar=False, save_warmup=False,
        target_accept=accept,
    )  # fmt: skip
    found = {name: np.asarray(trace.sample_stats[name])[0] for name in _KEPT if name in trace.sample_stats}
    return _Trace(frame.free(np.asarray(trace.posterior["white"])[0]), found)


def _gathered(posterior: Posterior, traces: Sequence[_Trace]) -> Draws:
    """Draws of several chains of one posterior."""
    free = np.stack([trace.free for trace in traces])
    scaled = posterior.from_free(free.reshape(-1, posterior.size))
    natural = posterior.natural(scaled)
    statistics = {name: np.stack([t.statistics[name] for t in traces]) for name in traces[0].statistics}
    return Draws(posterior.names, natural.reshape(free.shape), scaled.reshape(free.shape), statistics)


class _Counter:
    """Tells how many draws of all chains are made."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.total, self.done, self._progress = total, 0, progress
        self._lock = threading.Lock()

    def add(self) -> None:
        """One more."""
        with self._lock:
            self.done += 1
            if self._progress is not None and self.done % TELL == 0:
                self._progress(self.done, self.total)
