"""The random numbers of :mod:`cluster_sd.program.random` in LLVM's language, the same bits."""

from __future__ import annotations

from cluster_sd.program.emit_llvm_text import Value, Writer
from cluster_sd.program.random import MULTIPLIERS, ROUNDS, WEYL

_LOW = 0xFFFFFFFF


def uniform(w: Writer, key: tuple[str, str], stream: int, step: Value, runs: Value) -> Value:
    """Numbers in (0, 1) from Philox 4x32-10.

    Parameters
    ----------
    w : Writer
    key : tuple of str
        Low and high half of the seed, names of plain integers.
    stream : int
        Number of the stream.
    step, runs : Value
        Integers: number of the step, and of the run in each lane.
    """
    plain = w.twin(0)
    keys = [Value(plain, name) for name in key]
    words = [step.whole("and", _LOW), w.whole(stream), runs.whole("and", _LOW), runs.whole("lshr", 32)]
    for _ in range(ROUNDS):
        products = [words[2 * i].whole("mul", MULTIPLIERS[i]) for i in range(2)]
        high = [product.whole("lshr", 32) for product in products]
        low = [product.whole("and", _LOW) for product in products]
        spread = [w.spread(k.name, "i64") for k in keys]
        words = [
            high[1].whole("xor", words[1]).whole("xor", spread[0]),
            low[1],
            high[0].whole("xor", words[3]).whole("xor", spread[1]),
            low[0],
        ]
        keys = [k.whole("add", weyl).whole("and", _LOW) for k, weyl in zip(keys, WEYL, strict=True)]
    bits = words[0].whole("shl", 32).whole("or", words[1]).whole("lshr", 12)
    # 52 bits behind the point of a number from 1 to 2; the half that keeps zero out is exact
    return (bits.whole("or", 1023 << 52).from_bits() - 1.0) + 2.0**-53
