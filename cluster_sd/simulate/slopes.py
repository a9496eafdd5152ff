"""Derivatives of measures in parameters, by name: what :mod:`cluster_sd.simulate.gradients` gives by number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError, SimulationError
from cluster_sd.simulate.batch import item_name
from cluster_sd.simulate.dataset import plain_settings
from cluster_sd.simulate.design import Change, Series
from cluster_sd.simulate.kernels import maker
from cluster_sd.simulate.measuring import measured
from cluster_sd.simulate.plan import Planner, meant
from cluster_sd.simulate.running import Prepared, Settings, prepare
from cluster_sd.solvers.tableau import FIXED_STEP

if TYPE_CHECKING:
    import xarray

    from cluster_sd.simulate.functionals import Functional


@dataclass(frozen=True, slots=True)
class GradientArrays:
    """Values of measures of one run and their derivatives.

    Attributes
    ----------
    measures, parameters : tuple of str
    values : array, shape (measure,)
    gradient : array, shape (measure, parameter)
        Derivative of each measure in each parameter, of the discretised run, exact to rounding.
    discontinuous : array of bool, shape (measure, parameter)
        The measure may jump when the parameter moves (it reaches a comparison or the time of an event): the derivative
        says nothing of what lies across the jump and should not be used.
    settings : dict
        What was used.
    """

    measures: tuple[str, ...]
    parameters: tuple[str, ...]
    values: NDArray[np.float64]
    gradient: NDArray[np.float64]
    discontinuous: NDArray[np.bool_]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def to_dataset(self) -> xarray.Dataset:
        """Dataset: ``value`` over ``measure``; ``gradient`` and ``discontinuous`` over ``parameter`` too."""
        import xarray

        both = ("measure", "parameter")
        data = {
            "value": ("measure", self.values),
            "gradient": (both, self.gradient),
            "discontinuous": (both, self.discontinuous),
        }
        coords = {"measure": list(self.measures), "parameter": list(self.parameters)}
        return xarray.Dataset(data, coords, plain_settings(self.settings))


def gradient_of(
    planner: Planner,
    settings: Settings,
    changes: Sequence[Change],
    series: Sequence[Series],
    parameters: Sequence[str],
    measures: Sequence[str],
    mode: str,
) -> GradientArrays:
    """Derivatives of the measures of one run in `parameters`: constants, stocks (initial values), points of tables."""
    from cluster_sd.simulate.gradients import Differentiator

    wanted = [Change(name, -math.inf, np.asarray(0.0), f"gradient in '{name}'") for name in parameters]
    ready = prepare(planner, settings, changes, series, 1, wanted)
    refuse_unfit(ready, mode, parameters)
    experiment, program = ready.experiment, ready.experiment.program
    numbers = [n for name in parameters for n in meant(name, program, "gradient")]
    make = maker(ready.backend, float(experiment.grid.steps + 1) * 4 * len(numbers), len(numbers))
    differentiator = Differentiator(
        program, numbers, functionals_of(measures, ready), FIXED_STEP[ready.solver], mode=mode, make=make
    )
    found = differentiator(experiment.grid, experiment.inputs.segments(experiment.grid), experiment.seed)
    if found.failed_item[0] >= 0:
        by_node = {node: name for name, node in program.outputs.items()}
        kept = tuple(by_node.get(node, "") for node in differentiator.outputs)
        time = experiment.grid.start + float(found.failed_step[0]) * experiment.grid.dt
        raise SimulationError(item_name(replace(experiment, kept=kept), int(found.failed_item[0])), time)
    used = {**ready.settings, "mode": found.mode}
    names = tuple(program.parameters[n].name for n in numbers)
    return GradientArrays(
        tuple(measures), names, found.values[:, 0], found.jacobian[:, :, 0], found.discontinuous, used
    )


def refuse_unfit(ready: Prepared, mode: str, parameters: Sequence[str]) -> None:
    """An error for settings with which there is no gradient."""
    from cluster_sd.simulate.gradients import MODES

    if mode not in MODES:
        raise InputError(f"unknown mode '{mode}'; it can be {', '.join(MODES)}")
    if not parameters:
        raise InputError("no parameter is named to derive in")
    if ready.solver not in FIXED_STEP:
        raise InputError(
            f"a gradient is that of a run by a fixed-step solver, not by {ready.solver}; take {', '.join(FIXED_STEP)}"
        )
    if ready.backend == "pysd":
        raise InputError("backend pysd has no gradients; take llvm or numpy")


def functionals_of(measures: Sequence[str], ready: Prepared) -> list[Functional]:
    """The measures as functionals of a run's outputs; a series is refused."""
    from cluster_sd.simulate.functionals import functional

    program = ready.experiment.program
    found = measured(measures, program, ready.metadata)
    for measure, _ in found:
        if measure.is_series:
            raise InputError(
                f"measure '{measure.text}' is a series; a gradient is of a number, as final({measure.text})"
            )
    return [functional(m.kind, program.outputs[name], m.argument, m.text) for m, name in found]
