"""Derivatives: outcomes answer nearly every parameter without a jump, and the engine's slopes are those of the runs."""

from __future__ import annotations

import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.measures import parse
from cluster_sd.program.continuity import discontinuous

STAGES = {"final(Stage reached)", "final(Years before value)"}  # a stage is reached on a day: a jump by definition
DRAWN = {"Frost probability"}  # it decides whether a drawn year brings a freeze
PARAMETERS = [
    "Planting elasticity",
    "Required return",
    "Planting time",
    "Imitation rate",
    "Call entry rate",
    "Normal holding[smallholder]",
    "Initial area of the place",
    "Potential yield",
    "Highest removal rate",
    "Price flexibility",
    "Specialty price ratio",
    "Labour half point",
]
MEASURES = ["Planted area@2018", "Planted area@2025", "Output@2021", "Output@2025", "Premium farm price@2023"]


def moved_jumps(orange: csd.Model, measure: str) -> set[str]:
    """Levers and unknowns that move a jump which the measure can feel."""
    program = orange.program
    names = set(orange.parameters.query("role in ('lever', 'uncertain')")["name"])
    node = program.outputs[parse(measure).variable]
    return {program.parameters[k].name for k in discontinuous(program, [node])} & names


def test_outcomes_answer_every_lever_and_unknown_without_a_jump(orange: csd.Model) -> None:
    measures = set(orange.outcomes["measure"])
    assert {m: moved_jumps(orange, m) for m in measures - STAGES} == dict.fromkeys(measures - STAGES, DRAWN)
    assert len(measures & STAGES) == 2


@pytest.mark.parametrize("measure", sorted(STAGES))
def test_stages_are_thresholds_and_say_so(orange: csd.Model, measure: str) -> None:
    assert "Potential yield" in moved_jumps(orange, measure)


@pytest.mark.parametrize("scenario", [None, "H village"])
def test_slopes_of_area_harvest_and_price_are_those_of_the_runs(orange: csd.Model, scenario: str | None) -> None:
    slopes = orange.gradient(PARAMETERS, MEASURES, scenario=scenario)
    assert not slopes["discontinuous"].any()
    at = orange.run(scenario=scenario, stop=2000, variables=PARAMETERS)
    value = np.array([float(at[name][0]) for name in PARAMETERS])
    size = 1e-5 * value
    rows = np.tile(value, (2 * len(value), 1))
    rows[0::2] += np.diag(size)
    rows[1::2] -= np.diag(size)
    runs = orange.ensemble(dict(zip(PARAMETERS, rows.T, strict=True)), MEASURES, scenario=scenario)
    for measure in MEASURES:
        y = runs[measure].values
        exact = slopes["gradient"].sel(measure=measure).values * value
        assert np.allclose((y[0::2] - y[1::2]) / 2e-5, exact, rtol=1e-5, atol=1e-6 * abs(y[0])), measure
