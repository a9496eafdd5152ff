"""Explicit Runge-Kutta schemes, each a Butcher tableau.

A fixed-step solver is data: the emitters loop over its stages. To add one, write its tableau and put it into
:data:`FIXED_STEP`; ``tests/solvers`` checks every row's order conditions and its order of convergence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tableau:
    """Butcher tableau of an explicit scheme.

    Attributes
    ----------
    name : str
        Name on the command line.
    order : int
        Order of convergence on smooth right-hand sides.
    a : tuple of tuple of float
        Row `i` holds the weights of the stages before `i`; its length is `i`.
    b : tuple of float
        Weights of the stages in the step.
    c : tuple of float
        Time of each stage as a share of the step.
    source : str
        Where the scheme is described.
    """

    name: str
    order: int
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]
    source: str


EULER = Tableau("euler", 1, ((),), (1.0,), (0.0,), "Hairer, Norsett & Wanner 1993, Solving ODEs I, II.1")
HEUN = Tableau("heun", 2, ((), (1.0,)), (0.5, 0.5), (0.0, 1.0), "Hairer, Norsett & Wanner 1993, II.1")
RK4 = Tableau(
    "rk4",
    4,
    ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)),
    (1 / 6, 1 / 3, 1 / 3, 1 / 6),
    (0.0, 0.5, 0.5, 1.0),
    "Kutta 1901; Hairer, Norsett & Wanner 1993, II.1",
)

#: Fixed-step schemes by name.
FIXED_STEP: Mapping[str, Tableau] = {scheme.name: scheme for scheme in (EULER, HEUN, RK4)}
