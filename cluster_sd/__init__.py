"""System-dynamics models of industrial clusters, the engine that runs them, and what can be asked of it.

Examples
--------
>>> import cluster_sd as csd
>>> model = csd.load("orange")                                  # doctest: +SKIP
>>> run = model.run({"Premium share": 0.4}, solver="rk4")       # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cluster_sd.version import __version__

if TYPE_CHECKING:
    from cluster_sd.api import EnsembleArrays, Model, RunArrays, load
    from cluster_sd.errors import (
        ClusterSDError,
        InputError,
        ModelError,
        SimulationError,
        UnknownNameError,
        UnsupportedError,
    )

__all__ = [
    "ClusterSDError",
    "EnsembleArrays",
    "InputError",
    "Model",
    "ModelError",
    "RunArrays",
    "SimulationError",
    "UnknownNameError",
    "UnsupportedError",
    "__version__",
    "load",
]

# imported on first use: `import cluster_sd` itself must cost nothing
_HOMES = {
    "EnsembleArrays": "cluster_sd.api",
    "Model": "cluster_sd.api",
    "RunArrays": "cluster_sd.api",
    "load": "cluster_sd.api",
    **{name: "cluster_sd.errors" for name in __all__ if name.endswith("Error")},
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cluster_sd' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
