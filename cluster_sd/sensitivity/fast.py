"""FAST (extended) and RBD-FAST: variance shares from the spectrum of the outcome along a search curve.

FAST [1]_: for each parameter `CURVES` or more search curves with independent random phases, on which the parameter
swings fast and all others slowly. A curve's S1 and ST are those of SALib 1.6 to rounding; the index is their mean over
the curves, which are independent and so give the interval. SALib's interval is a bootstrap of consecutive points, of
which its own warning says that it is unreliable. Its sampler has the same frequencies, but one phase for all parameters
of a curve: over 100 seeds the root mean square error was larger by 4 % (Ishigami), 24 % (Bratley) and 60 % (Sobol-G),
the bias of Bratley's 0.03 in place of 0.01, and its intervals held 74 in place of 94 %. Therefore the phases are as
published.

The dummy has curves of its own. What it gets is interference of frequencies, which the others get as well: it is the
floor, and intervals reach down by as much.

RBD-FAST [2]_ [3]_: S1 alone, from any sample, by sorting it along one parameter at a time; the value is SALib's to
rounding, the interval comes from leaving out parts of the sample that were randomised independently.

Both cut the spectrum after some harmonics, and interference isn't the same on all curves: a bias of some hundredths
that no interval shows and more runs don't cure. Over 100 seeds and 1,024 points, 95 % intervals of FAST held 96
(Morris), 94 (Sobol-G), 93 (Bratley) and 70 % (Ishigami, where they are some thousandths wide and the bias is 0.006).
Those of RBD-FAST hold 99 %: they are too long. Where that matters, take Sobol's method.

FAST needs whole curves: one failed run costs a curve. RBD-FAST leaves out the run.

References
----------
.. [1] A. Saltelli, S. Tarantola, K. Chan (1999), A quantitative model-independent method for global sensitivity
   analysis of model output, Technometrics 41:39-56.
.. [2] S. Tarantola, D. Gatelli, T. Mara (2006), Random balance designs for the estimation of first order global
   sensitivity indices, Reliability Engineering & System Safety 91:717-727.
.. [3] J.-Y. Tissot, C. Prieur (2012), Bias correction for the estimation of sensitivity indices based on random balance
   designs, Reliability Engineering & System Safety 107:205-213.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.sensitivity.assemble import indices_of
from cluster_sd.sensitivity.bootstrap import check_level, interval
from cluster_sd.sensitivity.columns import in_threads
from cluster_sd.sensitivity.failures import parts_lost, too_few, usable
from cluster_sd.sensitivity.given_data import sample_given, with_dummy
from cluster_sd.sensitivity.method import Method
from cluster_sd.sensitivity.problem import Problem
from cluster_sd.sensitivity.ranking import Blocks
from cluster_sd.sensitivity.result import Indices
from cluster_sd.sensitivity.sampling import Outputs, Sample, extended, larger

__all__ = ["METHOD", "RBD", "SearchCurves", "analyze", "analyze_rbd", "extend", "extend_rbd", "sample", "sample_rbd"]

Floats = NDArray[np.float64]

#: Harmonics that count as the parameter's own.
HARMONICS = 4
#: Least number of curves of a parameter, and of points of a curve (more than 4 M²).
CURVES = 2
POINTS = 65
#: Points of a curve from which on there are more curves instead. Four of 251 in place of two of 501 made the root mean
#: square error of Ishigami's second S1 0.11 in place of less than 0.001: slow frequencies that are too few to part.
LONG = 513
#: Least number of points of RBD-FAST.
RBD_LEAST = 1024
#: Harmonics of RBD-FAST, as SALib's default.
RBD_HARMONICS = 10
#: Parts of a sample that are left out, one at a time, for the interval of RBD-FAST.
RBD_PARTS = 16


@dataclass(frozen=True, eq=False)
class SearchCurves:
    """Rows of FAST: curve after curve, in each round one for every parameter and one for the dummy.

    Attributes
    ----------
    frequency : array of int, shape (parameter and dummy, factor)
        Of each factor on the curve of each parameter.
    phase : array, shape (round, parameter and dummy, factor)
    points : int
        Of a curve.
    """

    frequency: NDArray[np.intp]
    phase: Floats
    points: int

    @property
    def runs(self) -> int:
        """Number of rows."""
        return self.phase.shape[0] * self.phase.shape[1] * self.points

    def head(self, n: int) -> SearchCurves:
        """Those of the first `n` points per parameter, in whole curves."""
        if n % self.points or n < 2 * self.points:
            raise InputError(f"{n:,} points are no two or more whole curves of {self.points}")
        return replace(self, phase=self.phase[: n // self.points])

    def unit(self, start: int, stop: int) -> Floats:
        """Rows from `start` to before `stop`: 1/2 + arcsin(sin(frequency s + phase)) / pi."""
        curve, point = np.divmod(np.arange(start, stop), self.points)
        turn, which = np.divmod(curve, len(self.frequency))
        angle = self.frequency[which] * (2 * np.pi / self.points * point)[:, None] + self.phase[turn, which]
        return np.clip(0.5 + np.arcsin(np.sin(angle)) / np.pi, 0.0, 1.0)


def _frequencies(parameters: int, points: int) -> NDArray[np.intp]:
    """The fast one of a curve's own parameter, and the slow ones of the others [1]_, as SALib's."""
    fast = (points - 1) // (2 * HARMONICS)
    most = fast // (2 * HARMONICS)
    others = parameters - 1
    slow = np.floor(np.linspace(1, most, others)) if most >= others else np.arange(others) % most + 1
    out = np.full((parameters, parameters), fast, dtype=np.intp)
    for i in range(parameters):
        out[i, np.arange(parameters) != i] = slow
    return out


def sample(problem: Problem, n: int, *, seed: int = 0) -> Sample:
    """Draw search curves.

    Parameters
    ----------
    problem : Problem
        Its groups are taken apart: on a curve, factors of one frequency are no group.
    n : int
        Points per parameter, over its curves; rounded up to whole curves, two at least, of an odd number of points,
        65 at least; four curves, from 2,052 points on, make a fair interval. ``n (k + 1)`` runs for k parameters and
        the dummy.
    seed : int
    """
    if n < 1:
        raise InputError(f"the number of points per parameter must be 1 or more, not {n}")
    curves = max(CURVES, n // LONG)
    points = max(POINTS, -(-n // curves)) | 1
    size = curves * points
    alone = problem.ungrouped()
    notes = (
        () if size == n else (f"{n:,} points per parameter were rounded up to {size:,}: {curves} curves of {points}",)
    )
    settings = {"points": points, "harmonics": HARMONICS}
    rows = _curves(len(alone.factors), points, curves, seed)
    return Sample(alone, "fast", size, seed, rows, settings, (*alone.notes, *notes))


def _curves(factors: int, points: int, curves: int, seed: int) -> SearchCurves:
    chance = np.random.default_rng([seed, factors, points]).random((curves, factors + 1, factors))
    return SearchCurves(_frequencies(factors + 1, points)[:, :factors], 2 * np.pi * chance, points)


def extend(old: Sample, n: int) -> Sample:
    """The same curves and more, of as many points each.

    Raises
    ------
    InputError
        Where `n` is smaller than what there is.
    """
    points = old.settings["points"]
    curves = -(-n // points)
    rows = _curves(len(old.problem.factors), points, curves, old.seed)
    return larger(old, replace(old, n=curves * points, rows=rows), n, "points per parameter")


def analyze(drawn: Sample, outputs: Outputs, *, level: float = 0.95, resamples: int = 1000, seed: int = 0) -> Indices:
    """S1 and ST of all outcomes.

    Returns
    -------
    Indices
        ``ST`` (by which it ranks) and ``S1``. The floor is the upper end of the dummy's interval.

    Raises
    ------
    InputError
        Where outputs are not those of the sample, or more than a fifth of the runs failed.
    """
    check_level(level)
    found = usable(drawn, outputs)
    points = drawn.settings["points"]
    curves = drawn.n // points
    parameters = len(drawn.problem.factors) + 1
    share = np.full((2, curves, parameters, len(outputs.outcomes)), np.nan)

    def some(columns: NDArray[np.intp]) -> None:
        y = np.ascontiguousarray(outputs.values[:, columns].T).reshape(len(columns), curves, parameters, points)
        share[..., columns] = np.moveaxis(_spectral_shares(y), 1, -1)

    in_threads(some, [columns for columns, _ in found.tasks(8)])
    whole = (np.isfinite(share[0]).sum(axis=0) >= 2).all(axis=0)
    kinds, floor = {}, {}
    for kind, one in (("ST", share[1]), ("S1", share[0])):
        value, influence = _mean_of_curves(one, whole)
        kinds[kind] = Blocks(drawn.problem.names, value[:-1], influence[:, :-1], below=np.maximum(value[-1], 0.0))
        floor[kind] = interval(value[-1], influence[:, -1], level)[1]
    found = too_few(found, kinds["ST"].value)
    lost = parts_lost(outputs.failed, points)
    notes = (
        f"the spectrum is cut after {HARMONICS} harmonics: a bias of some hundredths that the intervals don't show",
    )
    return indices_of(
        drawn, outputs, found, kinds, floor, level=level, resamples=resamples, seed=seed, dropped=lost, notes=notes
    )


def _spectral_shares(y: Floats) -> Floats:
    """S1 and ST of curves, shape (…, point) to (2, …); NaN for a curve that isn't whole, 0 and 0 for a constant one."""
    points = y.shape[-1]
    fast = (points - 1) // (2 * HARMONICS)
    power = (np.abs(np.fft.rfft(y)[..., 1 : -(-points // 2)]) / points) ** 2
    total = 2 * power.sum(axis=-1)
    own = 2 * power[..., np.arange(1, HARMONICS + 1) * fast - 1].sum(axis=-1)
    others = 2 * power[..., : fast // 2].sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.stack([own / total, 1 - others / total])
    return np.where(total == 0, 0.0, shares)


def _mean_of_curves(share: Floats, wanted: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Mean over the whole curves, and each curve's influence on it; shape (curve, parameter, outcome)."""
    whole = np.isfinite(share)
    count = np.maximum(whole.sum(axis=0), 1)
    value = np.where(wanted, np.where(whole, share, 0.0).sum(axis=0) / count, np.nan)
    influence = np.where(whole, share - value, 0.0) * (len(share) / count)
    return value, np.where(wanted, influence, np.nan)


# ---- RBD-FAST -------------------------------------------------------------------------------------------------------


def sample_rbd(problem: Problem, n: int, *, seed: int = 0) -> Sample:
    """Points of randomised Sobol sequences; `n` is their number, rounded up to a power of two, 1,024 at least."""
    drawn = sample_given("rbd", problem, n, seed, RBD_LEAST)
    note = () if n >= RBD_LEAST else (f"{n:,} points were rounded up to {drawn.n:,}: RBD-FAST needs a thousand",)
    return replace(drawn, notes=(*drawn.notes, *note))


extend_rbd = extended(sample_rbd, "points")


def analyze_rbd(
    drawn: Sample, outputs: Outputs, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Indices:
    """S1 of all outcomes, see `analyze`."""
    check_level(level)
    found = usable(drawn, outputs)
    unit = with_dummy(drawn)
    value = np.full((unit.shape[1], len(outputs.outcomes)), np.nan)
    influence = np.full((RBD_PARTS, *value.shape), np.nan)
    part = np.arange(len(unit)) % RBD_PARTS

    def some(task: tuple[int, NDArray[np.intp], NDArray[np.bool_]]) -> None:
        i, columns, there = task
        y, x = outputs.values[:, columns], unit[:, i]
        value[i, columns] = _balanced_share(x[there], y[there])
        left = np.array([_balanced_share(x[k], y[k]) for k in (there & (part != p) for p in range(RBD_PARTS))])
        influence[:, i, columns] = (RBD_PARTS - 1) * (left.mean(axis=0) - left)

    in_threads(some, [(i, *task) for task in found.tasks(64) for i in range(unit.shape[1])])
    kinds = {"S1": Blocks(drawn.problem.names, value[:-1], influence[:, :-1])}
    floor = {"S1": interval(value[-1], influence[:, -1], level)[1]}
    lost = int(np.count_nonzero(outputs.failed))
    return indices_of(drawn, outputs, found, kinds, floor, level=level, resamples=resamples, seed=seed, dropped=lost)


def _balanced_share(x: Floats, y: Floats) -> Floats:
    """S1 from the first harmonics of outcomes (run, outcome) sorted up and down a parameter, less its bias [3]_."""
    order = np.argsort(x)
    along = y[np.concatenate([order[::2], order[1::2][::-1]])]
    power = np.abs(np.fft.rfft(along - along.mean(axis=0), axis=0)) ** 2
    power[1:] *= 2.0
    if len(x) % 2 == 0:
        power[-1] /= 2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        share = power[1 : RBD_HARMONICS + 1].sum(axis=0) / power[1:].sum(axis=0)
    excess = 2 * RBD_HARMONICS / len(x)
    return share - excess / (1 - excess) * (1 - share)


METHOD = Method("fast", "Extended FAST", "points per parameter", sample, extend, analyze)
RBD = Method("rbd", "RBD-FAST", "points", sample_rbd, extend_rbd, analyze_rbd)
