"""Agreement with PySD, which reads and runs the same model file with other code.

PySD needs seconds for each year of a large model, so only a few steps are run, from the middle of the period, where
what begins on a date has mostly begun. From the second step on every flow has acted on its stocks: an equation that one
of the two reads differently shows, and what happens on later dates is not seen. Left out are variables that draw random
numbers, what another seed changes, and the errors of declared invariants, which are rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster_sd.errors import ClusterSDError, SimulationError
from cluster_sd.model.names import clean, split_element
from cluster_sd.validation.case import BASE, World
from cluster_sd.validation.result import FAIL, PASS, SKIPPED, Row

if TYPE_CHECKING:
    from cluster_sd.api import RunArrays
    from cluster_sd.validation.case import Case

__all__ = ["NAME", "check_agreement"]

NAME = "agreement with PySD"
#: Steps that both run.
STEPS = 8
#: Largest difference, relative to the variable's size, which counts as at least `SMALL`.
LIMIT, SMALL = 1e-9, 1e-3


def check_agreement(case: Case) -> Iterator[Row]:
    """A row for each variable that differs, then one for all; skipped where PySD can't run the model."""
    settings = _settings(case)
    try:
        ours = case.run(World(BASE), **settings)
        again = case.run(World(BASE), seed=1, **settings) if case.model.program.streams else ours
    except SimulationError as error:
        yield Row(NAME, "base run", SKIPPED, detail=str(error))
        return
    try:
        theirs = case.run(World(BASE), backend="pysd", **settings)
    except ClusterSDError as error:
        yield Row(NAME, "base run", SKIPPED, detail=f"PySD can't run it: {error}")
        return
    except Exception as error:  # PySD raises anything
        yield Row(NAME, "base run", SKIPPED, detail=f"PySD can't run it: {type(error).__name__}: {error}")
        return
    left_out = _left_out(case, ours, again)
    compared, wrong = 0, []
    worst = (0.0, "")
    for name, difference in _differences(ours, theirs):
        if name in left_out:
            continue
        compared += 1
        worst = max(worst, (difference, name))
        if difference > LIMIT:
            told = f"largest relative difference ({case.place(split_element(name)[0])})"
            wrong.append(Row(NAME, name, FAIL, difference, LIMIT, told))
    yield from wrong
    span = f"from {settings['start']:g} to {settings['stop']:g}"
    told = f"largest relative difference of {compared} series, {span}" + (f": {worst[1]}" if worst[0] else "")
    yield Row(NAME, "base run", FAIL if wrong else PASS, worst[0], LIMIT, told)


def _settings(case: Case) -> dict[str, Any]:
    """Some steps by Euler's scheme from the middle of the period."""
    control = case.model.control
    steps = max(1, round((control.stop - control.start) / control.dt))
    start = control.start + steps // 2 * control.dt
    stop = start + min(STEPS, steps - steps // 2) * control.dt
    return {"solver": "euler", "start": start, "stop": stop, "save_every": control.dt}


def _differences(ours: RunArrays, theirs: RunArrays) -> Iterator[tuple[str, float]]:
    """Each variable that both have, with its largest difference over its size."""
    place = {clean(name): i for i, name in enumerate(theirs.names)}
    for i, name in enumerate(ours.names):
        j = place.get(clean(name))
        if j is None:
            continue
        a, b = ours.values[:, i], theirs.values[:, j]
        both = np.isfinite(a) & np.isfinite(b)
        if (np.isfinite(a) != np.isfinite(b)).any():
            yield name, float("inf")
        elif both.any():
            size = max(float(np.abs(b[both]).max()), SMALL)
            yield name, float(np.abs(a - b)[both].max()) / size


def _left_out(case: Case, ours: RunArrays, again: RunArrays) -> set[str]:
    """Names of what can't agree; `again` is a run with another seed."""
    other = ~((ours.values == again.values) | (np.isnan(ours.values) & np.isnan(again.values))).all(axis=0)
    found = {name for name, differs in zip(ours.names, other, strict=True) if differs}
    bases = {clean(i.variable) for i in case.declared.invariants} | set(map(clean, case.model.program.streams))
    bases |= {clean(split_element(name)[0]) for name in case.model.program.streams}
    return found | {name for name in ours.names if {clean(name), clean(split_element(name)[0])} & bases}
