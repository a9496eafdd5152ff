"""Which emitter runs a task."""

from __future__ import annotations

from collections.abc import Callable

from cluster_sd.errors import InputError
from cluster_sd.program.kernel import Kernel, Task

#: Names on the command line.
BACKENDS = ("llvm", "numpy", "pysd")


def check_backend(backend: str | None) -> str | None:
    """`backend` in lower case; InputError where there is none of that name."""
    if backend is None:
        return None
    name = str(backend).lower()
    if name not in BACKENDS:
        raise InputError(f"unknown backend '{backend}'; it can be {', '.join(BACKENDS)}")
    return name


def maker(backend: str | None, evaluations: float, runs: float) -> Callable[[Task], Kernel]:
    """What makes a kernel of a task.

    Parameters
    ----------
    backend : {"llvm", "numpy"} or None
        None: the engine picks.
    evaluations : float
        How often the program will be evaluated in all (runs times steps times stages), on which the pick depends.
    runs : float
        How many of these are made side by side.
    """
    if backend == "numpy":
        from cluster_sd.program.emit_numpy import NumpyKernel

        return NumpyKernel
    from cluster_sd.program.engine import make_kernel

    return lambda task: make_kernel(task, backend, evaluations, runs)


def backend_name(kernel: Kernel) -> str:
    """Which emitter made `kernel`."""
    from cluster_sd.program.emit_numpy import NumpyKernel

    return "numpy" if isinstance(kernel, NumpyKernel) else "llvm"
