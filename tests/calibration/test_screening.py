"""Choosing parameters without gradients: slopes by regression find what steps hide from derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from cluster_sd.calibration.coordinates import Coordinates, Fitted
from cluster_sd.calibration.observation import Observation, ObservationModel, Series, as_terms
from cluster_sd.calibration.screening import screened, slopes_by_regression
from cluster_sd.calibration.statistics import Statistic
from cluster_sd.distributions import Distribution

ROW = Statistic("a county", "v", 2000, 2000, 1, 1, "kg")


@dataclass(frozen=True)
class Stairs:
    """Two statistics: one that only steps move, one with a slope; in place of a model's posterior."""

    fitted: tuple[Fitted, ...]
    observations: ObservationModel

    @property
    def coordinates(self) -> Coordinates:
        return Coordinates(self.fitted)

    def rows(self, scaled: np.ndarray) -> np.ndarray:
        step, double, _, slope = scaled.T
        return np.stack([(step + double > 1).astype(float) + (step > 0.5), slope], axis=1)


def test_slopes_of_a_plane_are_its_own_and_chance_is_none() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((200, 5))
    y = np.stack([3 * x[:, 0] - 2 * x[:, 1], rng.standard_normal(200)], axis=1)
    found = slopes_by_regression(x, y)
    assert found[0] == pytest.approx([3, -2, 0, 0, 0], abs=1e-9)
    assert not found[1].any()


def test_what_only_steps_move_is_chosen_and_its_double_is_not() -> None:
    names = ("step", "double", "nothing", "slope")
    candidates = tuple(Fitted(name, Distribution("uniform", 0.0, 1.0), 0.5) for name in names)
    series = (Series("a", "A", "A", "kg", "normal", 0.1), Series("b", "B", "B", "kg", "normal", 0.1))
    rows = (Observation(0, ROW, 2000, "exact", 0.5, 0.5), Observation(1, ROW, 2000, "exact", 0.5, 0.5))
    made = ObservationModel(series, rows, ("A", "B"), np.eye(2), (), as_terms(series, rows, ()))
    found = screened(Stairs(candidates, made))  # type: ignore[arg-type]
    assert sorted(names[k] for k in found.chosen(6)) == ["slope", "step"]
    assert sorted(names[k] for k in found.chosen(6, without=[0])) == ["double", "slope"]
