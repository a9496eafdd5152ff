"""Random numbers that are a function of seed, run, variable and step, and of nothing else.

Philox 4x32-10 (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3") turns the counter
(step, stream, run) under the key (seed) into bits. So a run's noise does not depend on the batch or thread that it runs
in, and the runs of two designs with the same seed meet the same noise (common random numbers).
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)


def stream_number(name: str) -> int:
    """Number of the stream of variable `name`, 32 bits."""
    return zlib.crc32(name.encode("utf-8"))


def philox(counter: tuple[NDArray[np.uint64], ...], key: tuple[int, int]) -> tuple[NDArray[np.uint64], ...]:
    """Philox 4x32-10: four words of counter (32 bits each, in unsigned 64-bit arrays) and two of key to four words."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        p0 = np.uint64(MULTIPLIERS[0]) * c0
        p1 = np.uint64(MULTIPLIERS[1]) * c2
        high0, low0 = p0 >> np.uint64(32), p0 & _LOW
        high1, low1 = p1 >> np.uint64(32), p1 & _LOW
        c0, c1, c2, c3 = high1 ^ c1 ^ np.uint64(k0), low1, high0 ^ c3 ^ np.uint64(k1), low0
        k0, k1 = (k0 + WEYL[0]) & 0xFFFFFFFF, (k1 + WEYL[1]) & 0xFFFFFFFF
    return c0, c1, c2, c3


def uniform(seed: int, runs: NDArray[np.integer], stream: int, step: int) -> NDArray[np.float64]:
    """Numbers in the open interval (0, 1), one for each of `runs`.

    Parameters
    ----------
    seed : int
        From 0 to 2**64 - 1.
    runs : array of int
        Numbers of the runs.
    stream : int
        32 bits, see :func:`stream_number`.
    step : int
        Number of the step, from 0.
    """
    run = np.asarray(runs).astype(np.uint64)
    word = np.zeros_like(run)
    counter = (word + np.uint64(step & 0xFFFFFFFF), word + np.uint64(stream), run & _LOW, run >> np.uint64(32))
    w0, w1, _, _ = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
    bits = ((w0 << np.uint64(32)) | w1) >> np.uint64(12)
    return (bits.astype(np.float64) + 0.5) * 2.0**-52
