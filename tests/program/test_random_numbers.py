"""The random numbers against Random123's published answers, and against what uniform and independent means."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from scipy import stats

from cluster_sd.program.random import philox, stream_number, uniform

ONES = 0xFFFFFFFF
# Random123 1.14, tests/kat_vectors, "philox4x32 10": counter, key, result
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES, ONES, ONES, ONES), (ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_philox_gives_the_published_words(
    counter: tuple[int, ...], key: tuple[int, int], result: tuple[int, ...]
) -> None:
    words = tuple(np.array([word], dtype=np.uint64) for word in counter)
    assert tuple(int(word[0]) for word in philox(words, key)) == result


def test_a_number_is_the_first_52_bits_of_its_words_centred() -> None:
    # counter 0 under key 0, the first known answer: step 0, stream 0, run 0, seed 0
    bits = ((0x6627E8D5 << 32) | 0xE169C58D) >> 12
    assert uniform(0, np.array([0]), 0, 0)[0] == (bits + 0.5) * 2.0**-52


def test_seed_run_stream_and_step_go_into_their_own_words() -> None:
    run = (0x03707344 << 32) | 0x13198A2E
    seed = (0x299F31D0 << 32) | 0xA4093822
    found = uniform(seed, np.array([run]), 0x85A308D3, 0x243F6A88)[0]
    assert found == ((((0xD16CFE09 << 32) | 0x94FDCCEB) >> 12) + 0.5) * 2.0**-52


def test_numbers_are_uniform() -> None:
    numbers = uniform(7, np.arange(20_000), stream_number("demand"), 3)
    assert stats.kstest(numbers, "uniform").pvalue > 0.001
    counts, _ = np.histogram(numbers, bins=50, range=(0, 1))
    assert stats.chisquare(counts).pvalue > 0.001


def test_zero_and_one_never_come() -> None:
    numbers = uniform(0, np.arange(100_000), 1, 0)
    assert 0.0 < numbers.min() and numbers.max() < 1.0


@pytest.mark.parametrize("other", ["step", "stream", "run", "seed"])
def test_neighbours_are_independent(other: str) -> None:
    runs = np.arange(20_000)
    base = uniform(5, runs, 11, 4)
    moved = {
        "step": uniform(5, runs, 11, 5),
        "stream": uniform(5, runs, 12, 4),
        "run": uniform(5, runs + 1, 11, 4),
        "seed": uniform(6, runs, 11, 4),
    }[other]
    assert abs(np.corrcoef(base, moved)[0, 1]) < 4 / np.sqrt(len(runs))
    assert abs(np.corrcoef(base**2, np.sqrt(moved))[0, 1]) < 4 / np.sqrt(len(runs))


def test_a_run_has_its_numbers_in_any_company() -> None:
    together = uniform(1, np.arange(100), 3, 9)
    alone = np.array([uniform(1, np.array([run]), 3, 9)[0] for run in range(100)])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(uniform(1, np.arange(99, -1, -1), 3, 9), together[::-1])


def test_seed_zero_is_a_seed_like_any_other() -> None:
    runs = np.arange(50)
    np.testing.assert_array_equal(uniform(0, runs, 3, 9), uniform(0, runs, 3, 9))
    assert not np.array_equal(uniform(0, runs, 3, 9), uniform(1, runs, 3, 9))


def test_both_halves_of_a_seed_count() -> None:
    runs = np.arange(50)
    assert not np.array_equal(uniform(1, runs, 3, 9), uniform(1 + 2**32, runs, 3, 9))
    assert not np.array_equal(uniform(2**64 - 1, runs, 3, 9), uniform(2**32 - 1, runs, 3, 9))


def test_a_stream_is_told_by_its_name_alone() -> None:
    assert stream_number("demand noise") == zlib.crc32(b"demand noise") != stream_number("supply noise")
    assert 0 <= stream_number("蔗糖 price") < 2**32
