"""The elementary functions of the compiled code against the C library's, and at the points that IEEE 754 singles out.

``math`` is right to well below one unit in the last place for these functions, so it serves as the truth here.
"""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from cluster_sd.program.emit_llvm_target import Code, compile_object, host
from cluster_sd.program.emit_llvm_text import Module, Writer, attributes
from cluster_sd.program.vecmath import FUNCTIONS

MASKS = ("", "-avx512f", "-fma", "-avx,-sse4.1")
SPECIAL = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e-310, -1e-310, 2.2250738585072014e-308, 1.7e308, -1.7e308,
     1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 1e22, 1e300, 709.78, 710.0, 710.3, -708.5, -745.1, -745.2, 1e-5, 1e-8,
     0.3, 0.9999999999, 1.0000000001, 2.414213562373095, 0.4142135623730951, 2.0**53, 2.0**53 + 2, 1 / 3, -7.0, math.pi,
     math.pi / 2]
)  # fmt: skip
#: Name: greatest error in units of the last place, and ranges from which arguments are drawn.
RANGES: dict[str, tuple[float, list[tuple[float, float]]]] = {
    "exp": (1.5, [(-745, 709), (-1, 1)]),
    "log": (1.5, [(1e-300, 1e-280), (0, 3), (0, 1e300)]),
    "sin": (1.5, [(-10, 10), (-1e6, 1e6), (-1e300, 1e300)]),
    "cos": (1.5, [(-10, 10), (-1e6, 1e6), (-1e300, 1e300)]),
    "tan": (2.5, [(-10, 10), (-1e6, 1e6), (-1e300, 1e300)]),
    "asin": (2.0, [(-1, 1), (-1e-3, 1e-3)]),
    "acos": (1.5, [(-1, 1), (-1e-3, 1e-3)]),
    "atan": (1.5, [(-3, 3), (-1e5, 1e5)]),
    "sinh": (2.5, [(-3, 3), (-709, 709)]),
    "cosh": (2.0, [(-3, 3), (-709, 709)]),
    "tanh": (3.5, [(-3, 3), (-30, 30)]),
}
NUMPY = {"asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "pow": np.power}


class Compiled:
    """All functions over plain numbers and over vectors of two native ones."""

    def __init__(self, mask: str) -> None:
        target = host(mask)
        self.lanes = 2 * target.machine.vector
        module = Module(target.machine, FUNCTIONS, inline=True)
        for lanes in (0, self.lanes):
            for name in FUNCTIONS:
                self._add(module, name, lanes)
        self._code = Code(target, compile_object(module.text(), target, 2))

    @staticmethod
    def _add(module: Module, name: str, lanes: int) -> None:
        w = Writer(module, lanes)
        args = [w.let(f"load {w.number}, ptr %p{i}, align 8") for i in range(2 if name.startswith("pow") else 1)]
        result = w.call(name, *args)
        module.add(
            f"define void @over{lanes}.{name}(ptr %p0, ptr %p1, ptr %q) {attributes(module.machine)} {{\n"
            f"entry:\n{w.body()}\n  store {w.number} {result.name}, ptr %q, align 8\n  ret void\n}}"
        )

    def __call__(self, name: str, *args: NDArray, vector: bool = True) -> NDArray:
        lanes = self.lanes if vector else 0
        step = max(lanes, 1)
        padded = [np.concatenate([a, np.ones(-len(a) % step)]) for a in args]
        out = np.empty_like(padded[0])
        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        function = kind(self._code.address(f"over{lanes}.{name}"))
        for i in range(0, len(out), step):
            function(*(array.ctypes.data + 8 * i for array in (padded[0], padded[-1], out)))
        return out[: len(args[0])]


@pytest.fixture(scope="module", params=MASKS, ids=["all", "no avx512", "no fma", "no avx"])
def compiled(request: pytest.FixtureRequest) -> Compiled:
    return Compiled(request.param)


def truth(name: str, *args: NDArray) -> NDArray:
    """The C library's values, number by number."""
    return np.array([getattr(math, name)(*map(float, row)) for row in zip(*args, strict=True)])


def ulps(found: NDArray, wanted: NDArray) -> float:
    return float(np.max(np.abs(found - wanted) / np.spacing(np.abs(wanted))))


@pytest.mark.parametrize("name", RANGES)
def test_error_in_units_of_the_last_place(compiled: Compiled, name: str) -> None:
    most, ranges = RANGES[name]
    rng = np.random.default_rng(1)
    for low, high in ranges:
        x = rng.uniform(low, high, 2000)
        wanted = truth(name, x)
        assert ulps(compiled(name, x), wanted) <= most
        np.testing.assert_array_equal(compiled(name, x, vector=False), compiled(name, x))


def test_error_of_powers(compiled: Compiled) -> None:
    rng = np.random.default_rng(2)
    for x, y, most in (
        (rng.uniform(0.01, 10, 2000), rng.uniform(-5, 5, 2000), 1.5),
        (1 + 1e-3 * rng.normal(size=2000), rng.uniform(-1e4, 1e4, 2000), 1.5),
        (10 ** rng.uniform(-300, 300, 2000), rng.uniform(-1, 1, 2000), 16.0),
        (rng.uniform(1.5, 2, 2000), rng.uniform(-1000, 1000, 2000), 16.0),
        (rng.uniform(-5, 0, 2000), np.round(rng.uniform(-20, 20, 2000)), 1.5),
    ):
        wanted = truth("pow", x, y)
        assert ulps(compiled("pow", x, y), wanted) <= most
        np.testing.assert_array_equal(compiled("pow", x, y, vector=False), compiled("pow", x, y))


@pytest.mark.parametrize("name", [*RANGES, "trunc", "floor"])
def test_special_arguments(compiled: Compiled, name: str) -> None:
    with np.errstate(all="ignore"):
        wanted = (NUMPY.get(name) or getattr(np, name))(SPECIAL)
    same_class(compiled(name, SPECIAL), wanted)
    same_class(compiled(name, SPECIAL, vector=False), wanted)


def test_powers_of_special_numbers(compiled: Compiled) -> None:
    x, y = np.repeat(SPECIAL, len(SPECIAL)), np.tile(SPECIAL, len(SPECIAL))
    with np.errstate(all="ignore"):
        wanted = np.power(x, y)
    same_class(compiled("pow", x, y), wanted)
    assert compiled("pow", np.array([0.0]), np.array([0.0]))[0] == 1.0


def same_class(found: NDArray, wanted: NDArray) -> None:
    """Same number, NaN where NaN is right, and the same sign, of zeros too."""
    np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=0)
    number = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(found[number]), np.signbit(wanted[number]))


def test_a_lane_does_not_depend_on_its_neighbours(compiled: Compiled) -> None:
    """Functions with a short way for ordinary arguments take the long one where any lane asks for it."""
    rng = np.random.default_rng(3)
    x = rng.uniform(0.1, 5, 50 * compiled.lanes)
    y = rng.uniform(-3, 3, len(x))
    odd = x.copy()
    odd[:: compiled.lanes] = rng.choice([0.0, np.inf, np.nan, 1e-310, -1.0, 1e300, 800.0], 50)
    ordinary = np.arange(len(x)) % compiled.lanes != 0
    for name in ("exp", "log", "sin"):
        np.testing.assert_array_equal(compiled(name, x)[ordinary], compiled(name, odd)[ordinary])
    np.testing.assert_array_equal(compiled("pow", x, y)[ordinary], compiled("pow", odd, y)[ordinary])
