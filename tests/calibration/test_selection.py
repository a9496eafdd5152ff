"""The choice of what is fitted: told apart where the fit stands, and every try is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from calibration_cases import observed

import cluster_sd as csd
from cluster_sd.calibration.coordinates import Fitted
from cluster_sd.calibration.identifiability import pivoted
from cluster_sd.calibration.optimum import estimate
from cluster_sd.calibration.profiles import flat, profiles
from cluster_sd.calibration.selection import select
from cluster_sd.distributions import Distribution
from cluster_sd.errors import InputError

YEARS = [float(year) for year in range(0, 21, 2)]
RANGES = {"rate": (0.1, 1.0), "room": (50.0, 300.0), "first": (1.0, 20.0), "idle": (0.0, 2.0)}
TRUE = {"rate": 0.4, "room": 100.0, "first": 5.0, "idle": 1.0}


def candidates() -> list[Fitted]:
    return [Fitted(name, Distribution("uniform", *ends), TRUE[name]) for name, ends in RANGES.items()]


def area(model: csd.Model, years: list[float]) -> list[float]:
    made = model.run_arrays()
    found = dict(zip(made.times.tolist(), made.values[:, made.names.index("Area")].tolist(), strict=True))
    return [found[year] for year in years]


def test_what_the_statistics_cannot_see_is_not_fitted(logistic_model: Path) -> None:
    model = csd.load(logistic_model)
    data = observed({"Area": (YEARS, area(model, YEARS))}, scale=0.05)
    found = select(model, data, candidates(), 3, settings={"backend": "llvm"})
    assert {f.name for f in found.posterior.fitted} == {"rate", "room", "first"}
    assert found.trials[-1].flat == ()


def test_none_of_those_chosen_is_flat_where_the_fit_stands(logistic_model: Path) -> None:
    """Before the room fills, it can't be told: it is not fitted, or its profile falls."""
    model = csd.load(logistic_model)
    early = YEARS[:3]
    data = observed({"Area": (early, area(model, early))}, scale=0.1)
    found = select(model, data, candidates(), 3, settings={"backend": "llvm"})
    best = estimate(found.posterior, starts=3, prior=False)
    assert flat(found.posterior, best.point) == []
    assert all(p.verdict != "not identifiable" for p in profiles(found.posterior, best.point))
    assert "room" not in {f.name for f in found.posterior.fitted}


def test_few_candidates_are_all_fitted(logistic_model: Path) -> None:
    model = csd.load(logistic_model)
    found = select(model, observed({"Area": ([5.0], [20.0])}, scale=0.1), candidates()[:2], 6, {}, {"backend": "numpy"})
    assert [f.name for f in found.posterior.fitted] == ["rate", "room"] and found.trials == ()


def test_statistics_that_see_nothing_are_told(logistic_model: Path) -> None:
    idle = candidates()[3:]
    with pytest.raises(InputError, match="see none of the parameters"):
        select(csd.load(logistic_model), observed({"Area": ([5.0], [20.0])}, scale=0.1), idle, 0)


def test_pivoting_takes_the_longest_and_leaves_its_double() -> None:
    columns = np.array([[5.0, 5.0, 0.0, 0.1], [0.0, 0.01, 2.0, 0.1]])
    assert pivoted(columns, 4) == [1, 2] or pivoted(columns, 4) == [0, 2]
    assert pivoted(columns, 4, least=3.0) in ([0], [1])
    assert pivoted(np.zeros((3, 2)), 2) == []
