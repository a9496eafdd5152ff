"""What all ways to run an experiment have in common: the results of a block of runs, and who makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cluster_sd.simulate.batch import Failures


class Block(NamedTuple):
    """Results of a block of runs.

    Attributes
    ----------
    series : array, shape (save, kept, run)
    failures : Failures
    detail : str
        What a solver said of a failure, where it said something.
    """

    series: NDArray[np.float64]
    failures: Failures
    detail: str = ""


#: ``execute(first, last)`` runs the runs from `first` up to, not including, `last`; safe to call from several threads.
Execute = Callable[[int, int], Block]


class Executor(NamedTuple):
    """A way to run an experiment.

    Attributes
    ----------
    execute : callable
        See :data:`Execute`.
    backend : str
        Which emitter it uses.
    threads : int or None
        The threads that it is good for; None: any number.
    block : int or None
        The runs of a block; None: as memory allows.
    """

    execute: Execute
    backend: str
    threads: int | None = None
    block: int | None = None
