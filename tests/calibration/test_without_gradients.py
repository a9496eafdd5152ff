"""Where a parameter moves a jump: search, profiles and draws without gradients, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from calibration_cases import observed

import cluster_sd as csd
from cluster_sd.calibration.coordinates import Fitted
from cluster_sd.calibration.evolution import evolve
from cluster_sd.calibration.fit import calibrate
from cluster_sd.calibration.optimum import estimate
from cluster_sd.calibration.posterior import Posterior, posterior_of
from cluster_sd.calibration.profiles import FALL, profiles
from cluster_sd.distributions import Distribution

YEARS = np.arange(0.0, 21.0)
LINES = (
    "Area= INTEG(IF THEN ELSE(Area > level, fast, 1), 1)", "level= 5", "fast= 2", "INITIAL TIME= 0", "FINAL TIME= 20",
    "TIME STEP= 0.25", "SAVEPER= 1",
)  # fmt: skip


@pytest.fixture
def jump(tmp_path: Path) -> csd.Model:
    """An area that grows faster once it has passed a level."""
    path = tmp_path / "jump.mdl"
    path.write_text("{UTF-8}\n" + "\n".join(f"{line}\n\t~\t\n\t~\t\n\t|" for line in LINES) + "\n", encoding="utf-8")
    return csd.load(path)


LEVEL, FAST = Fitted("level", Distribution("uniform", 2, 18), 5.0), Fitted("fast", Distribution("uniform", 1, 4), 2.0)


def seen() -> Posterior:
    area = np.where(YEARS <= 9, 1 + YEARS, 10 + 2 * (YEARS - 9))
    return observed({"Area": (YEARS.tolist(), area.tolist())}, "normal", 0.5)  # type: ignore[return-value]


def test_populations_find_the_top_among_many_hills_side_by_side() -> None:
    def hills(x: np.ndarray) -> np.ndarray:  # Rastrigin's function, its top at 0.3
        z = x - 0.3
        return -(10 * z.shape[1] + (25 * z**2 - 10 * np.cos(10 * np.pi * z)).sum(axis=1))

    begun = np.random.default_rng(0).random((3, 40, 3))
    found = evolve(hills, begun, (np.zeros(3), np.ones(3)), generations=200)
    np.testing.assert_allclose(found.points, 0.3, atol=2e-3)


def test_a_coordinate_that_is_held_stays() -> None:
    begun = np.random.default_rng(1).random((2, 12, 2))
    begun[0, :, 0], begun[1, :, 0] = 0.25, 0.75
    held = np.array([[True, False], [True, False]])
    found = evolve(lambda x: -((x - 0.5) ** 2).sum(axis=1), begun, (np.zeros(2), np.ones(2)), held=held)
    np.testing.assert_allclose(found.points, [[0.25, 0.5], [0.75, 0.5]], atol=0.02)


def test_a_profile_across_a_jump_falls_as_a_fine_grid_says(jump: csd.Model) -> None:
    posterior = posterior_of(jump, [LEVEL], seen(), backend="numpy")  # type: ignore[arg-type]
    best = estimate(posterior, starts=10, prior=False)
    (found,) = profiles(posterior, best.point)
    grid = np.linspace(0, 1, 801)[:, None]
    falls = best.value - posterior.values(grid, prior=False)
    natural = posterior.coordinates.natural(grid[falls < FALL])
    assert found.low == pytest.approx(natural.min(), abs=0.35)
    assert found.high == pytest.approx(natural.max(), abs=0.35)
    assert found.verdict == "identifiable"


def test_nuts_is_asked_of_a_density_that_jumps_and_what_is_done_instead_is_told(jump: csd.Model) -> None:
    found = calibrate(jump, seen(), [LEVEL, FAST], method="nuts", starts=10, settings={"backend": "llvm"})  # type: ignore[arg-type]
    assert found.draws is None and found.weighted is not None and found.weighted.well
    assert any("not the no-U-turn sampler but importance sampling" in text for text in found.warnings)
    drawn = found.posterior.natural(found.points)
    assert drawn[:, 0].mean() == pytest.approx(10, abs=0.4)
    assert drawn[:, 1].mean() == pytest.approx(2, abs=0.1)
