"""How a method of sensitivity analysis is written, and the registry of all methods.

A method is a module of this package with a constant ``METHOD``; its row in `METHODS` is all that it needs. (A module
may hold two, as FAST and RBD-FAST; therefore a row names the constant too.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from cluster_sd.errors import unknown
from cluster_sd.sensitivity.result import Indices
from cluster_sd.sensitivity.sampling import Sample

__all__ = ["METHODS", "Method", "find_method"]


@dataclass(frozen=True)
class Method:
    """A method: how it samples, and what it makes of the outputs.

    Attributes
    ----------
    name : str
        As in ``--method``.
    title : str
        As in a heading: ``"Sobol indices"``.
    counts : str
        What ``--samples`` counts: ``"base points"``, ``"trajectories"``, ``"points per parameter"``.
    sample : callable
        ``sample(problem, n, *, seed=0, **settings) -> Sample``. Settings are the method's own, as ``second_order``.
    extend : callable
        ``extend(sample, n) -> Sample``: the same sample, larger. Its first rows are those of the old one, in order,
        so that nothing that was run is run again. Raises `InputError` where a method can't (FAST).
    analyze : callable
        ``analyze(sample, outputs, *, level=0.95, resamples=1000, seed=0) -> Indices``. Checks that `outputs` belongs to
        the sample, leaves failed runs out and says so.
    slopes : bool
        Whether it is made from derivatives: ``analyze`` then takes what its own module says in place of `Outputs`.
    """

    name: str
    title: str
    counts: str
    sample: Callable[..., Sample]
    extend: Callable[[Sample, int], Sample]
    analyze: Callable[..., Indices]
    slopes: bool = False


#: Where each method is: module of this package and name in it; imported when it is asked for.
METHODS: Mapping[str, tuple[str, str]] = {
    "sobol": ("sobol", "METHOD"),
    "morris": ("morris", "METHOD"),
    "fast": ("fast", "METHOD"),
    "rbd": ("fast", "RBD"),
    "pawn": ("pawn", "METHOD"),
    "delta": ("delta", "METHOD"),
    "dgsm": ("dgsm", "METHOD"),
    "shapley": ("shapley", "METHOD"),
}


def find_method(name: str) -> Method:
    """The method of this name.

    Raises
    ------
    UnknownNameError
        With the names that there are.
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    module, constant = METHODS[name]
    return getattr(import_module(f"cluster_sd.sensitivity.{module}"), constant)
