"""Blocks of runs on a Dask cluster: the job is shipped once to each worker, rows go out, outputs come back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.sensitivity.job import Job, Made, engine_of
from cluster_sd.sensitivity.running import RowsOf, Store
from cluster_sd.version import __version__

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Cluster", "cluster"]

#: Seconds until a scheduler that doesn't answer is given up.
PATIENCE = 15
#: Blocks that wait or run on the cluster, for each of its threads.
AHEAD = 2


@dataclass(frozen=True)
class Cluster:
    """A Dask cluster; see :func:`cluster`.

    Attributes
    ----------
    client : distributed.Client
    threads : int
        Of all its workers.
    """

    client: Client
    threads: int

    def run(self, job: Job, todo: Sequence[tuple[int, int]], rows: RowsOf, store: Store) -> None:
        """See :class:`cluster_sd.sensitivity.running.Place`.

        A block whose worker is lost is run again on another, by Dask itself.
        """
        from distributed import as_completed

        shipped = self.client.scatter(job.to_bytes(), broadcast=True, hash=False)
        waiting = iter(todo)
        sent: dict[Any, tuple[int, int, NDArray[np.float64]]] = {}

        def send(block: tuple[int, int]) -> Any:
            values, streams = rows(*block)
            future = self.client.submit(run_rows, shipped, values, streams, pure=False)
            sent[future] = (*block, values)
            return future

        first = [send(block) for block in itertools.islice(waiting, max(AHEAD * self.threads, 1))]
        running: Any = as_completed(first, loop=self.client.loop)
        try:
            for future in running:
                made = future.result()
                first_run, last_run, values = sent.pop(future)
                store(first_run, last_run, values, Made(*made))
                for block in itertools.islice(waiting, 1):
                    running.add(send(block))
        finally:
            self.client.cancel(list(sent))


def run_rows(
    job: bytes, rows: NDArray[np.float64], streams: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """What a worker does: run the rows of a design; its engine is made once."""
    made = engine_of(bytes(job)).run(np.asfortranarray(rows), np.asarray(streams))
    return made.values, made.item, made.time


@contextmanager
def cluster(address: str) -> Iterator[Cluster]:
    """The Dask cluster whose scheduler is at `address`, as ``tcp://10.0.0.5:8786``.

    Raises
    ------
    InputError
        Without Dask, where nobody answers at the address, where it has no workers, or where a worker has no
        cluster_sd of this version.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "--scheduler needs Dask, which is not installed; pip install 'cluster_sd[cluster]' brings it"
        ) from None
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise InputError(
            f"--scheduler {address}: no Dask scheduler answers there ({reason}); 'dask scheduler' starts one, "
            "and its address looks like tcp://10.0.0.5:8786"
        ) from None
    with client:
        _check_workers(client, address)
        workers: Any = client.nthreads()
        yield Cluster(client, max(sum(workers.values()), 1))


def _version() -> str:
    return __version__


def _check_workers(client: Client, address: str) -> None:
    workers = client.nthreads()
    if not workers:
        raise InputError(f"--scheduler {address}: has no workers; 'dask worker {address}' starts one")
    try:
        versions: Any = client.run(_version)
    except (ImportError, AttributeError):  # a worker that can't find what it is asked to call
        raise InputError(
            f"--scheduler {address}: a worker has no cluster_sd; install version {__version__} there"
        ) from None
    for worker, version in versions.items():
        if version != __version__:
            raise InputError(f"--scheduler {address}: worker {worker} has cluster_sd {version}, here is {__version__}")
