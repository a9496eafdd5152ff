"""A frame in which a posterior is nearly a standard normal: a triangular map, made of draws of it or of its mode.

The map puts coordinates one after the other: each has a mean that is quadratic, and a spread that is exponential, in
those before it [1]_ [2]_. It so takes out correlations, bends (what data say of a product of two parameters) and
funnels (the width of what is told by data of unknown error), for which a sampler's steps would have to be short. It is
a change of variables, with its determinant: a map that fits badly costs steps, never exactness.

References
----------
.. [1] M. Parno and Y. Marzouk, Transport map accelerated Markov chain Monte Carlo, SIAM/ASA Journal on Uncertainty
   Quantification 6 (2018).
.. [2] M. Rosenblatt, Remarks on a multivariate transformation, Annals of Mathematical Statistics 23 (1952).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.posterior import Posterior

__all__ = ["Frame", "frame_near", "frame_of"]

Array = NDArray[Any]
#: Step of the differences of gradients, in free coordinates.
STEP = 1e-3
#: Least curvature: before data the density falls off as a standard normal, so that less is a passing dent.
FLAT = 0.5
#: Prior precision of what is fitted to standardised draws: of the means' coefficients, in draws; of the spreads', as a
#: share of the draws. And rounds of Newton's method for the latter.
RIDGE, SPREAD_RIDGE, ROUNDS = 1.0, 0.01, 20


@dataclass(frozen=True, eq=False)
class Frame:
    """A map from white coordinates to free ones: ``free = centre + axes @ (mean(white) + spread(white) * white)``.

    Coordinate i of ``mean(v)`` is ``offset[i] + linear[i] @ v + v @ square[i] @ v`` and the logarithm of that of
    ``spread(v)`` is ``level[i] + funnel[i] @ v``; only coordinates before i have weights in them.

    Attributes
    ----------
    centre : array, shape (coordinate,)
    axes : array, shape (coordinate, coordinate)
    offset, level : array, shape (coordinate,)
    linear, funnel : array, shape (coordinate, coordinate)
    square : array, shape (coordinate, coordinate, coordinate)
        Symmetric in the last two.
    """

    centre: Array
    axes: Array
    offset: Array
    linear: Array
    square: Array
    level: Array
    funnel: Array

    @classmethod
    def straight(cls, centre: Array, axes: Array) -> Frame:
        """The affine map ``free = centre + axes @ white``."""
        n = len(centre)
        return cls(centre, axes, np.zeros(n), np.zeros((n, n)), np.zeros((n, n, n)), np.zeros(n), np.zeros((n, n)))

    def free(self, white: Array) -> Array:
        """Free points, shape (draw, coordinate)."""
        inner = self._mean(white) + np.exp(self.level + white @ self.funnel.T) * white
        return self.centre + inner @ self.axes.T

    def white(self, free: Array) -> Array:
        """White points, shape (draw, coordinate)."""
        inner = np.linalg.solve(self.axes, (free - self.centre).T).T
        white = np.zeros_like(inner)
        for i in range(len(self.centre)):  # what is not known yet has no weight
            mean, spread = self._mean(white)[:, i], np.exp(self.level[i] + white @ self.funnel[i])
            white[:, i] = (inner[:, i] - mean) / spread
        return white

    def pulled(self, white: Array, value: float, gradient: Array) -> tuple[float, Array]:
        """Log-density at one white point, and its gradient, from those at its free point."""
        log_spread = self.level + self.funnel @ white
        spread = np.exp(log_spread)
        inner = self.linear + 2 * (self.square @ white) + (spread * white)[:, None] * self.funnel
        np.fill_diagonal(inner, spread)
        return value + float(log_spread.sum()), (gradient @ self.axes) @ inner + self.funnel.sum(axis=0)

    def _mean(self, white: Array) -> Array:
        return self.offset + white @ self.linear.T + np.einsum("dj,ijk,dk->di", white, self.square, white)


# ---- from draws -----------------------------------------------------------------------------------------------------


def frame_of(draws: Array, first: int = 0) -> Frame:
    """The frame in which free draws of the posterior, shape (draw, coordinate), are nearly standard normal.

    Parameters
    ----------
    draws : array, shape (draw, coordinate)
    first : int
        How many of the last coordinates (scales of errors, on which the width of all else depends) go before the
        others; these go by how little is told of them, so that a narrow one may follow all bends of the wide.
    """
    size = draws.shape[1]
    errors, others = np.arange(size - first, size), np.arange(size - first)
    order = np.concatenate([errors, others[np.argsort(-draws[:, others].std(axis=0), kind="stable")]])
    centre = draws.mean(axis=0)
    axes = np.empty((size, size))
    axes[order] = np.linalg.cholesky(np.cov(draws[:, order], rowvar=False).reshape(size, size))
    frame = Frame.straight(centre, axes)
    inner, white = frame.white(draws), np.zeros_like(draws)
    for i in range(size):
        before = white[:, :i]
        residual = inner[:, i] - _fit_mean(frame, i, before, inner[:, i])
        white[:, i] = residual / _fit_spread(frame, i, before, residual)
    return frame


def _fit_mean(frame: Frame, i: int, before: Array, target: Array) -> Array:
    """Put the mean of coordinate i into `frame` (least squares); gives the means, shape (draw,)."""
    j, k = np.triu_indices(i)
    features = np.concatenate([np.ones((len(before), 1)), before, before[:, j] * before[:, k]], axis=1)
    weights = np.linalg.solve(features.T @ features + RIDGE * np.eye(features.shape[1]), features.T @ target)
    frame.offset[i], frame.linear[i, :i] = weights[0], weights[1 : i + 1]
    np.add.at(frame.square[i], (j, k), weights[i + 1 :] / 2)
    np.add.at(frame.square[i], (k, j), weights[i + 1 :] / 2)
    return features @ weights


def _fit_spread(frame: Frame, i: int, before: Array, residual: Array) -> Array:
    """Put the spread of coordinate i into `frame` (largest likelihood); gives the spreads, shape (draw,)."""
    count = len(before)
    features = np.concatenate([np.ones((count, 1)), before], axis=1)
    ridge = SPREAD_RIDGE * count * np.append(0.0, np.ones(i))
    weights = np.append(np.log(residual.std() + 1e-300), np.zeros(i))
    for _ in range(ROUNDS):
        squared = residual**2 * np.exp(-2 * features @ weights)
        slope = features.T @ (squared - 1) - ridge * weights
        step = np.linalg.solve(2 * (features * squared[:, None]).T @ features + np.diag(ridge), slope)
        weights += step * min(1.0, 0.5 / max(np.abs(step).max(), 1e-300))
    frame.level[i], frame.funnel[i, :i] = weights[0], weights[1:]
    return np.exp(features @ weights)


# ---- from the mode --------------------------------------------------------------------------------------------------


def frame_near(posterior: Posterior, start: Array) -> Frame:
    """The frame around the mode in free coordinates that is climbed to from the free point `start` (Laplace).

    The curvature comes from differences of exact gradients; where it can't be had, the prior's stands in.
    """
    centre, size = _climb(posterior, start), posterior.size
    found = posterior.free_density(centre + STEP * np.concatenate([np.eye(size), -np.eye(size)]))
    if not np.isfinite(found.value).all():
        return Frame.straight(centre, np.eye(size))
    curvature = -(found.gradient[:size] - found.gradient[size:]) / (2 * STEP)
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    return Frame.straight(centre, vectors / np.sqrt(np.maximum(values, FLAT)))


def _climb(posterior: Posterior, start: Array) -> Array:
    """The free point of largest density near `start`, roughly (BFGS)."""
    from scipy.optimize import minimize

    best: list[Any] = [-np.inf, start]

    def objective(free: Array) -> tuple[float, Array]:
        found = posterior.free_density(free[None])
        value = float(found.value[0])
        if value > best[0]:
            best[:] = [value, free.copy()]
        return (-value, -found.gradient[0]) if np.isfinite(value) else (1e10, np.zeros_like(free))

    minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-2, "maxiter": 100})
    return best[1]
