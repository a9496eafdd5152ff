"""The standard tests of a system-dynamics model, as rows with figures.

The tests are those of the field [1]_ [2]_: structure (dimensions, boundary, parameters), behaviour (extreme conditions,
conservation, integration error, reproduction of statistics), and documentation. Each is a function of a
:class:`~cluster_sd.validation.case.Case` that gives rows, and a line of :data:`CHECKS`.

References
----------
.. [1] J. W. Forrester and P. M. Senge, Tests for building confidence in system dynamics models, TIMS Studies in the
   Management Sciences 14 (1980).
.. [2] Y. Barlas, Formal aspects of model validity and validation in system dynamics, System Dynamics Review 12 (1996).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from cluster_sd.errors import unknown
from cluster_sd.validation import (
    agreement,
    boundary,
    bounds,
    claims,
    dimensions,
    documentation,
    extremes,
    numerics,
    ranges,
    reproduction,
)
from cluster_sd.validation.case import Case, Fit
from cluster_sd.validation.result import Row, Validation

if TYPE_CHECKING:
    from cluster_sd.api import Model
    from cluster_sd.model.parameters import Parameter

__all__ = ["CHECKS", "Fit", "Row", "Validation", "validate"]

#: Name of each test -> what makes its rows.
CHECKS: Mapping[str, Callable[[Case], Iterator[Row]]] = {
    dimensions.NAME: dimensions.check_dimensions,
    documentation.NAME: documentation.check_documentation,
    boundary.NAME: boundary.check_boundary,
    ranges.NAME: ranges.check_parameters,
    extremes.RUNS: extremes.check_runs,
    extremes.EXTREMES: extremes.check_extremes,
    extremes.CONSERVATION: extremes.check_conservation,
    bounds.NAME: bounds.check_bounds,
    numerics.STEP: numerics.check_step,
    numerics.SOLVERS: numerics.check_solvers,
    reproduction.NAME: reproduction.check_reproduction,
    agreement.NAME: agreement.check_agreement,
    claims.NAME: claims.check_claims,
}


def validate(
    model: Model,
    *,
    parameters: Sequence[Parameter] | None = None,
    fits: Sequence[Fit] | None = None,
    without_fits: str = "no statistics were given",
    tests: Sequence[str] | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Validation:
    """Test a model.

    Parameters
    ----------
    model : Model
    parameters : sequence of Parameter, optional
        In place of those of the model's folder.
    fits : sequence of Fit, optional
        How the base run reproduces series of statistics; whoever reads statistics makes them.
    without_fits : str
        Why there are none.
    tests : sequence of str, optional
        Names of :data:`CHECKS`; default: all.
    threads : int, optional
        Runs at a time; default: the cores that the process may use.
    progress : callable, optional
        Called as ``progress(done, total)`` after each test.

    Returns
    -------
    Validation

    Raises
    ------
    InputError
        For a test that isn't there, and files of the model's folder that can't be used, with file and place.
    """
    from cluster_sd.simulate.batch import usable_cores

    chosen = list(CHECKS) if tests is None else [_named(test) for test in tests]
    case = Case(model, fits, without_fits, threads or usable_cores(), parameters)
    rows: list[Row] = []
    for done, name in enumerate(chosen):
        if progress is not None:
            progress(done, len(chosen))
        rows += CHECKS[name](case)
    if progress is not None:
        progress(len(chosen), len(chosen))
    return Validation(tuple(rows), *case.made)


def _named(test: str) -> str:
    by_name = {name.lower(): name for name in CHECKS}
    if test.strip().lower() not in by_name:
        raise unknown("test", test, CHECKS, "--test")
    return by_name[test.strip().lower()]
