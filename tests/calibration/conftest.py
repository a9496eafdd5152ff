"""Two models with known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from calibration_cases import HARE, LOGISTIC, LOTKA_VOLTERRA, LYNX, observed

import cluster_sd as csd
from cluster_sd.calibration.coordinates import Fitted
from cluster_sd.calibration.posterior import Posterior, posterior_of
from cluster_sd.distributions import Distribution


@pytest.fixture(scope="session")
def lynx_hare(tmp_path_factory: pytest.TempPathFactory) -> Posterior:
    """Lotka-Volterra on the pelts of the Hudson's Bay Company, with the case study's priors."""
    path = tmp_path_factory.mktemp("lynx") / "lynx.mdl"
    path.write_text(LOTKA_VOLTERRA, encoding="utf-8")
    years = [float(year) for year in range(1900, 1921)]

    def normal(mean: float, sd: float) -> Distribution:
        return Distribution("normal", mean - 1.959964 * sd, mean + 1.959964 * sd)

    first = Distribution("lognormal", 10 * np.exp(-1.959964), 10 * np.exp(1.959964))
    fitted = [
        Fitted("alpha", normal(1, 0.5), 0.55),
        Fitted("beta", normal(0.05, 0.05), 0.028),
        Fitted("gamma", normal(1, 0.5), 0.8),
        Fitted("delta", normal(0.05, 0.05), 0.024),
        Fitted("Hare", first, 30),
        Fitted("Lynx", first, 5),
    ]
    observations = observed({"Hare": (years, HARE), "Lynx": (years, LYNX)})
    return posterior_of(csd.load(path), fitted, observations, solver="rk4", backend="llvm")


@pytest.fixture(scope="session")
def logistic_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spread that fills its room, and a constant that does nothing."""
    path = tmp_path_factory.mktemp("logistic") / "logistic.mdl"
    path.write_text(LOGISTIC, encoding="utf-8")
    return path
