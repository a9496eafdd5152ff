"""A frame in which a posterior is nearly round: its centre and the root of its inverse curvature there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.calibration.posterior import Posterior

__all__ = ["Frame", "frame_at", "normal_draws", "to_free", "to_scaled"]

Array = NDArray[Any]
#: Step of the differences of gradients, in free coordinates.
STEP = 1e-4
#: Standard deviation where the density is not curved downwards, or hardly: wide, in free coordinates.
WIDE = 3.0


@dataclass(frozen=True)
class Frame:
    """Coordinates in which a sampler needs few steps: an affine map to free ones.

    Attributes
    ----------
    centre : array, shape (coordinate,)
    axes : array, shape (coordinate, coordinate)
        ``free = centre + axes @ white``.
    """

    centre: Array
    axes: Array

    def free(self, white: Array) -> Array:
        """Free points, shape (draw, coordinate)."""
        return self.centre + white @ self.axes.T

    def white(self, free: Array) -> Array:
        """White points, shape (draw, coordinate)."""
        return np.linalg.solve(self.axes, (free - self.centre).T).T


def frame_at(posterior: Posterior, centre: Array, spread: Array) -> Frame:
    """The frame around a free point; where the curvature can't be had, `spread` along each coordinate.

    The curvature comes from differences of exact gradients.
    """
    size = posterior.size
    found = posterior.free_density(centre + STEP * np.concatenate([np.eye(size), -np.eye(size)]))
    if not np.isfinite(found.value).all():
        return Frame(centre, np.diag(np.maximum(spread, 1e-3)))
    curvature = -(found.gradient[:size] - found.gradient[size:]) / (2 * STEP)
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    return Frame(centre, vectors / np.sqrt(np.maximum(values, WIDE**-2)))


def to_free(posterior: Posterior, scaled: Array) -> Array:
    """Free points of scaled ones."""
    k = len(posterior.fitted)
    return np.concatenate([posterior.coordinates.to_free(scaled[:, :k]), scaled[:, k:]], axis=1)


def to_scaled(posterior: Posterior, free: Array) -> Array:
    """Scaled points of free ones."""
    k = len(posterior.fitted)
    return np.concatenate([posterior.coordinates.from_free(free[:, :k])[0], free[:, k:]], axis=1)


def normal_draws(posterior: Posterior, point: Array, count: int, seed: int) -> Array:
    """Scaled draws of the normal approximation in free coordinates around a scaled point, shape (draw, coordinate)."""
    frame = frame_at(posterior, to_free(posterior, point[None])[0], np.ones(posterior.size))
    rng = np.random.default_rng([seed, 4])
    return to_scaled(posterior, frame.free(rng.standard_normal((count, posterior.size))))
