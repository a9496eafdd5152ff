"""Which emitter runs a task, and how much work goes into its code.

NumPy starts at once, machine code has to be made first: so the pick depends on how often the program will be
evaluated. The pick between the two efforts of compiling changes no bit of the results.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster_sd.program.emit_numpy import NumpyKernel
from cluster_sd.program.ir import Program
from cluster_sd.program.kernel import Kernel, Task

if TYPE_CHECKING:
    from cluster_sd.program.emit_llvm import LlvmKernel

BACKENDS = ("llvm", "numpy")
#: Seconds, about: one NumPy call; one of its elements; one operation and run in fast code and in code made quickly;
#: compiling an operation either way; getting the compiler.
NUMPY_CALL, NUMPY_ELEMENT = 1.1e-6, 4e-9
FAST, QUICK = 1.3e-10, 1.8e-10
COMPILE_FAST, COMPILE_QUICK, COMPILER = 2.5e-4, 5e-5, 0.08
#: Kernels that are kept for whoever asks for the same again.
KEPT = 16


@dataclass(slots=True)
class _Known:
    """A task that was asked for before: its program, how often it was to be evaluated in all, its kernels by effort."""

    program: Program
    evaluations: float
    kernels: dict[int, LlvmKernel]


_known: OrderedDict[tuple[object, ...], _Known] = OrderedDict()
_lock = threading.Lock()


def make_kernel(task: Task, backend: str | None = None, evaluations: float = 1e9, runs: float | None = None) -> Kernel:
    """Make a task ready to run.

    Parameters
    ----------
    task : Task
    backend : {"llvm", "numpy"} or None
        None: NumPy where the work is so small that compiling costs more, else LLVM.
    evaluations : float
        How often the program will be evaluated in all: runs times steps times stages.
    runs : float, optional
        How many of these are made side by side; where not given, all that can be.

    Returns
    -------
    Kernel

    Raises
    ------
    ValueError
        For another `backend`.
    """
    if backend not in (None, *BACKENDS):
        raise ValueError(f"unknown backend {backend!r}; it can be {' or '.join(BACKENDS)}")
    if backend == "numpy" or (backend is None and numpy_is_enough(task, evaluations, runs)):
        return NumpyKernel(task)
    return _llvm(task, evaluations)


def numpy_is_enough(task: Task, evaluations: float, runs: float | None = None) -> bool:
    """Whether NumPy is done before the compiler would be."""
    operations = len(task.program.nodes)
    side_by_side = max(1.0, min(evaluations, 1000.0) if runs is None else runs)
    numpy = operations * evaluations * (NUMPY_CALL / side_by_side + NUMPY_ELEMENT)
    return numpy < COMPILER + COMPILE_QUICK * operations


def effort(task: Task, evaluations: float) -> int:
    """0 where compiling well would cost more than running code that was compiled fast."""
    operations = len(task.program.nodes)
    return 2 if operations * evaluations * (QUICK - FAST) > (COMPILE_FAST - COMPILE_QUICK) * operations else 0


def _llvm(task: Task, evaluations: float) -> LlvmKernel:
    """Kernel from memory, or a new one; a task that is asked for again and again gets fast code in the end."""
    from cluster_sd.program.emit_llvm import LlvmKernel

    key = (id(task.program), task.scheme.name, task.kept, task.varying, task.checked)
    with _lock:
        known = _known.get(key)
        if known is None or known.program is not task.program:
            known = _known[key] = _Known(task.program, 0.0, {})
        _known.move_to_end(key)
        while len(_known) > KEPT:
            _known.popitem(last=False)
        known.evaluations += evaluations
        chosen = effort(task, known.evaluations)
        if chosen in known.kernels:
            return known.kernels[chosen]
    known.kernels[chosen] = LlvmKernel(task, effort=chosen)
    return known.kernels[chosen]
