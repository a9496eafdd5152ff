"""Elementary functions over vectors, written in arithmetic.

LLVM has no vector library of its own, so each function is range reduction and a polynomial, the same operations in
every lane: a run's result does not depend on the lane that it is in. Errors are about one unit in the last place (up
to three for ``tan``, ``sinh`` and ``tanh``); NaN, infinities, zeros and subnormal numbers give what IEEE 754
recommends.

The polynomials are interpolations at Chebyshev nodes, computed with 60 digits for the intervals named beside them, and
rounded; the tests compare every function with exact arithmetic. The reductions are those of the textbooks: Cody & Waite
1980, Software Manual for the Elementary Functions; Payne & Hanek 1983, Radian reduction for trigonometric functions;
Dekker 1971, A floating-point technique for extending the available precision.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence

from cluster_sd.program.emit_llvm_text import Value, Writer, attributes

LOG2_E = 1.4426950408889634
#: ln 2 in two parts; the first has 42 bits, so that its product with an exponent is exact.
LN2_HIGH, LN2_LOW = float.fromhex("0x1.62e42fefa3800p-1"), float.fromhex("0x1.ef35793c76730p-45")
#: pi/2 in parts of 33, 33 and 53 bits, and as the sum of two numbers.
HALF_PI = tuple(float.fromhex(x) for x in ("0x1.921fb544p+0", "0x1.0b4611a6p-34", "0x1.3198a2e037073p-69"))
HALF_PI_HIGH, HALF_PI_LOW = float.fromhex("0x1.921fb54442d18p+0"), float.fromhex("0x1.1a62633145c07p-54")
#: Adding this to a number below 2**51 leaves its nearest integer in the low bits.
ROUNDER = 1.5 * 2.0**52
#: Bits of 2/pi after the point.
TWO_OVER_PI = (
    "a2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561b7246e3a424dd2e006492eea09d1921cfe1deb1cb129a73e"
    "e88235f52ebb4484e99c7026b45f7e413991d639835339f49c845f8bbdf9283b1ff897ffde05980fef2f118b5a0a6d1f6d367ecf27cb09b7"
    "4f463f669e5fea2d7527bac7ebe5f17b3d0739f78a5292ea6bfb5fb11f8d5d0856033046fc7b6bab"
)
#: Above this the three parts of pi/2 don't do.
REDUCIBLE = 2.0**20

# (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2
EXP = (
    0.5000000000000001, 0.16666666666666669, 0.041666666666623824, 0.008333333333330039, 0.0013888888917367081,
    0.00019841269863171557, 2.4801521057868204e-05, 2.7557268276905696e-06, 2.7620201591031547e-07,
    2.5100472505694996e-08,
)  # fmt: skip
# (atanh(s) / s - 1) / s^2 in s^2, for |s| <= (sqrt(2) - 1) / (sqrt(2) + 1)
LOG = (
    0.3333333333333335, 0.19999999999949136, 0.1428571431326681, 0.11111105521888429, 0.09091447875059597,
    0.07665750805572664, 0.07309583067443985,
)  # fmt: skip
# (sin(r) / r - 1) / r^2 in r^2, for |r| <= pi / 4
SIN = (
    -0.16666666666666666, 0.008333333333333331, -0.00019841269841265017, 2.755731921930192e-06,
    -2.5052106219521895e-08, 1.6058529572267877e-10, -7.586576588171073e-13,
)  # fmt: skip
# (cos(r) - 1 + r^2 / 2) / r^4 in r^2, for |r| <= pi / 4
COS = (
    0.041666666666666664, -0.0013888888888887382, 2.480158729874307e-05, -2.7557317260008837e-07,
    2.0876143827993133e-09, -1.1382456778061306e-11,
)  # fmt: skip
# (atan(t) / t - 1) / t^2 in t^2, for |t| <= tan(pi / 8)
ATAN = (
    -0.3333333333333333, 0.19999999999995513, -0.1428571428466482, 0.11111111015117626, -0.09090904572487347,
    0.07692183059894114, -0.06664509603255386, 0.05858132894427922, -0.05085365922344248, 0.03922923713835943,
    -0.01917392228554793,
)  # fmt: skip
# (asin(t) / t - 1) / t^2 in t^2, for |t| <= 1/2
ASIN = (
    0.16666666666666669, 0.07499999999998425, 0.04464285714637338, 0.030381944137085216, 0.022372173002005596,
    0.017352391265909227, 0.013971235301124539, 0.011478952690257387, 0.010324318288744113, 0.00545087818772055,
    0.017419357964884856, -0.014881409392818066, 0.02877844261259304,
)  # fmt: skip
# (sinh(x) / x - 1) / x^2 in x^2, for |x| <= 1
SINH = (
    0.16666666666666666, 0.008333333333333299, 0.00019841269841324471, 2.7557319191250885e-06, 2.50521177239532e-08,
    1.6057676882739475e-10, 7.746278224810715e-13,
)  # fmt: skip

Pair = tuple[Value, Value]


def polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """Polynomial, lowest power first: even and odd powers side by side, since each step of Horner's rule waits."""
    square = x * x
    even, odd = _horner(square, coefficients[::2]), _horner(square, coefficients[1::2])
    return odd.fma(x, even)


def _horner(x: Value, coefficients: Sequence[float]) -> Value:
    result = x.w.literal(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = result.fma(x, coefficient)
    return result


# numbers as unevaluated sums of two


def exact_sum(a: Value, b: Value) -> Pair:
    """``a + b`` and what its rounding lost."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def ordered_sum(a: Value, b: Value) -> Pair:
    """The same, where `a` is not the smaller one or is zero."""
    total = a + b
    return total, b - (total - a)


def _split(a: Value) -> Pair:
    scaled = a * 134217729.0
    high = scaled - (scaled - a)
    return high, a - high


def exact_product(a: Value, b: Value) -> Pair:
    """``a * b`` and what its rounding lost."""
    product = a * b
    if a.w.machine.fma:
        return product, a.fma(b, -product)
    (ah, al), (bh, bl) = _split(a), _split(b)
    return product, ((ah * bh - product) + ah * bl + al * bh) + al * bl


# rounding


def trunc(x: Value) -> Value:
    """Toward zero."""
    if x.w.machine.rounds:
        return x.w.intrinsic("trunc", x)
    size = abs(x)
    whole = (size + 2.0**52) - 2.0**52
    whole = (whole > size).select(whole - 1.0, whole)
    return (size < 2.0**52).select(x.w.intrinsic("copysign", whole, x), x)


def floor(x: Value) -> Value:
    """Downward."""
    if x.w.machine.rounds:
        return x.w.intrinsic("floor", x)
    whole = trunc(x)
    return (whole > x).select(whole - 1.0, whole)


# exponential and logarithm: a short way for ordinary arguments, and a long one that minds the ends of the range


def _guarded(ordinary: Value, short: Value, name: str, *args: Value) -> Value:
    """`short` where the arguments are `ordinary`, elsewhere what `name` gives, by a branch that is rarely taken."""
    w = ordinary.w
    before, rare, after = w.block, w.fresh(), w.fresh()
    w.line(f"br i1 {w.any(~ordinary)}, label {rare}, label {after}, !prof !0")
    w.label(rare[1:])
    mixed = ordinary.select(short, w.call(name, *args))
    w.line(f"br label {after}")
    w.label(after[1:])
    return w.let(f"phi {w.number} [ {short.name}, %{before} ], [ {mixed.name}, {rare} ]")


def _exp_parts(x: Value, low: Value | None) -> tuple[Value, Value]:
    """A number from 0.7 to 1.5, and `n` in an integer's low bits: ``e ** (x + low)`` is the first times ``2 ** n``."""
    shifted = x.fma(LOG2_E, ROUNDER)
    n = shifted - ROUNDER
    r = n.fma(-LN2_LOW, n.fma(-LN2_HIGH, x))
    if low is not None:
        r = r + low
    return (r * r).fma(polynomial(r, EXP), r) + 1.0, shifted.bits()


def _exp_short(x: Value, low: Value | None = None) -> Value:
    """``e ** (x + low)`` for |x| < 700 and `low` far below `x`."""
    size, n = _exp_parts(x, low)
    return size.bits().whole("add", n.whole("shl", 52)).from_bits()


def _exp_long(x: Value, low: Value | None = None, power: int = 0) -> Value:
    """``e ** (x + low) * 2 ** power`` for any `x`, `low` far below it, and a small `power`."""
    x = (x > 720.0).select(720.0, x)
    x = (x < -746.0).select(-746.0, x)
    size, n = _exp_parts(x, low)
    # 2**n in two factors: n goes beyond the exponents of numbers on both sides
    biased = n.whole("sub", _bits(ROUNDER) - 2048 - power)
    half = biased.whole("lshr", 1)
    return size * _power_of_two(half) * _power_of_two(biased.whole("sub", half))


def _power_of_two(biased: Value) -> Value:
    """2 ** (biased - 1024)."""
    return biased.whole("shl", 52).whole("sub", 1 << 52).from_bits()


def _bits(x: float) -> int:
    return struct.unpack("<q", struct.pack("<d", x))[0]


def exp(x: Value) -> Value:
    """Exponential."""
    return _guarded(abs(x) < 700.0, _exp_short(x), "exp.long", x)


def _normal(x: Value) -> Value:
    """Whether `x` is positive, finite and not subnormal."""
    smallest = _bits(2.0**-1022)
    return x.bits().whole("sub", smallest).whole("icmp ult", _bits(math.inf) - smallest)


def _split_exponent(x: Value) -> Pair:
    """Exponent `k` (as a number) and mantissa in [sqrt(1/2), sqrt(2)] of a positive normal number."""
    root = _bits(math.sqrt(0.5))
    moved = x.bits().whole("add", (1023 << 52) - root)
    exponent = moved.whole("lshr", 52).whole("or", _bits(2.0**52)).from_bits()
    return exponent - (2.0**52 + 1023), moved.whole("and", (1 << 52) - 1).whole("add", root).from_bits()


def _split_any(x: Value) -> Pair:
    """The same of any positive number."""
    small = x < 2.0**-1022
    k, mantissa = _split_exponent(small.select(x * 2.0**54, x))
    return k - small.select(54.0, 0.0), mantissa


def _log(k: Value, mantissa: Value) -> Value:
    """Logarithm of ``mantissa * 2**k``."""
    f = mantissa - 1.0
    s = f / (f + 2.0)
    z = s * s
    # ln(1 + f) = 2 atanh(s) = f - s (f - R), in which only the small second term is rounded
    rest = s * (f - (z + z) * polynomial(z, LOG))
    return k.fma(LN2_HIGH, f - (rest - k * LN2_LOW))


def log(x: Value) -> Value:
    """Natural logarithm."""
    return _guarded(_normal(x), _log(*_split_exponent(x)), "log.long", x)


def _log_long(x: Value) -> Value:
    """Natural logarithm of any number."""
    result = _log(*_split_any(x))
    result = (x < math.inf).select(result, x)
    result = (x < 0.0).select(math.nan, result)
    return x.same(0.0).select(-math.inf, result)


def _log_pair(k: Value, m: Value) -> Pair:
    """Logarithm of ``m * 2**k`` as a sum of two, to about 58 bits.

    2 atanh(s) = 2 s + 2 s^3 (...): `s` is a sum of two, and the rest is so much smaller that its rounding is.
    """
    f, bottom = m - 1.0, m + 1.0
    lost = m - (bottom - 1.0)
    inverse = 1.0 / bottom
    s = f * inverse
    if s.w.machine.fma:
        remainder = (-s).fma(bottom, f)
    else:
        product, error = exact_product(s, bottom)
        remainder = (f - product) - error
    s_low = (-s).fma(lost, remainder) * inverse
    z = s * s
    rest = s_low + (s * z) * polynomial(z, LOG)
    high, error = ordered_sum(k * LN2_HIGH, s + s)
    return ordered_sum(high, error + rest.fma(2.0, k * LN2_LOW))


def _scaled(y: Value, high: Value, low: Value) -> Pair:
    """``y * (high + low)`` as a sum of two."""
    product, lost = exact_product(y, high)
    return product, y.fma(low, lost)


def pow(x: Value, y: Value) -> Value:
    """``x ** y``; 0 ** 0 is 1, and a negative base has powers with whole exponents only.

    The error is about one unit in the last place for results from 1e-30 to 1e30 and grows to a dozen (2e-15) at the
    ends of the range.
    """
    exponent, low = _scaled(y, *_log_pair(*_split_exponent(x)))
    ordinary = _normal(x) & (abs(exponent) < 700.0)
    if not x.w.machine.fma:  # the exact product takes its factors apart, and for that they must not be huge
        ordinary = ordinary & (abs(y) < 2.0**900)
    return _guarded(ordinary, _exp_short(exponent, low), "pow.long", x, y)


def _pow_long(x: Value, y: Value) -> Value:
    """``x ** y`` of any numbers."""
    size = abs(x)
    high, low = _log_pair(*_split_any(size))
    high = (size < math.inf).select(high, size)
    high = size.same(0.0).select(-math.inf, high)
    exponent, low = _scaled(y, high, low)
    result = _exp_long(exponent, (abs(exponent) < 800.0).select(low, 0.0))
    result = (size.same(1.0) & y.same(y)).select(1.0, result)
    whole = trunc(y).same(y)
    half = y * 0.5
    odd = whole & trunc(half).differs(half)
    minus = x.bits().whole("icmp slt", 0)
    result = (minus & odd).select(-result, result)
    result = ((x < 0.0) & (x > -math.inf) & ~whole).select(math.nan, result)
    return (x.same(1.0) | y.same(0.0)).select(1.0, result)


# trigonometric functions


def _reduce(x: Value) -> tuple[Value, Value, Value]:
    """``x - n pi/2`` as a sum of two numbers, and the low bits of `n` as an integer."""
    shifted = x.fma(1.0 / HALF_PI_HIGH, ROUNDER)
    n = shifted - ROUNDER
    a = n.fma(-HALF_PI[0], x)
    r, lost = exact_sum(a, n * -HALF_PI[1])
    third = n * HALF_PI[2] - lost
    high = r - third
    low = (r - high) - third
    quadrant = shifted.bits()
    return _reduce_large(x, high, low, quadrant)


def _reduce_large(x: Value, high: Value, low: Value, quadrant: Value) -> tuple[Value, Value, Value]:
    """Replace the lanes in which `x` is large, one by one: rare, and long."""
    w = x.w
    count = max(w.lanes, 1)
    plain = w.twin(0)
    places = [w.let(f"alloca [{count} x double], align 64") for _ in range(4)]
    size = abs(x)
    many = w.any((size > REDUCIBLE) & (size < math.inf))
    start, loop, body, after, done = (w.fresh()[1:] for _ in range(5))
    before = w.block
    w.line(f"br i1 {many}, label %{start}, label %{done}")
    w.label(start)
    for place, item, kind in zip(places, (x, high, low, quadrant), (*(w.number,) * 3, w.integer), strict=True):
        w.line(f"store {kind} {item.name}, ptr {place.name}, align 64")
    w.line(f"br label %{loop}")
    w.label(loop)
    lane, following = w.fresh(), w.fresh()
    w.line(f"{lane} = phi i64 [ 0, %{start} ], [ {following}, %{after} ]")
    spots = [w.let(f"getelementptr double, ptr {place.name}, i64 {lane}").name for place in places]
    here = plain.let(f"load double, ptr {spots[0]}")
    far = abs(here) > REDUCIBLE
    near = abs(here) < math.inf
    w.line(f"br i1 {(far & near).name}, label %{body}, label %{after}")
    w.label(body)
    w.line(f"call void {_large_reduction(w)}(double {here.name}, ptr {spots[1]}, ptr {spots[2]}, ptr {spots[3]})")
    w.line(f"br label %{after}")
    w.label(after)
    w.line(f"{following} = add i64 {lane}, 1")
    end = plain.let(f"icmp eq i64 {following}, {count}")
    w.line(f"br i1 {end.name}, label %{done}.in, label %{loop}")
    w.label(f"{done}.in")
    kinds = (w.number, w.number, w.integer)
    found = [w.let(f"load {k}, ptr {p.name}, align 64") for k, p in zip(kinds, places[1:], strict=True)]
    w.line(f"br label %{done}")
    w.label(done)
    high, low, quadrant = (
        w.let(f"phi {kind} [ {old.name}, %{before} ], [ {new.name}, %{done}.in ]")
        for kind, old, new in zip(kinds, (high, low, quadrant), found, strict=True)
    )
    return high, low, quadrant


def _large_reduction(w: Writer) -> str:
    """Symbol of the function that reduces one large number by as many bits of 2/pi as that takes."""
    module = w.module
    symbol = "@reduce.large"
    digits = module.octets(bytes(8) + bytes.fromhex(TWO_OVER_PI) + bytes(32))
    if module.mark(symbol):
        module.add(
            f"define internal void {symbol}(double %x, ptr %high, ptr %low, ptr %quadrant) noinline "
            f"{attributes(module.machine)} {{\n{_LARGE.format(digits=digits)}{_large_tail(w)}\n  ret void\n}}"
        )
    return symbol


# |x| = m 2^e; of 2/pi the 192 bits from weight 2^(1-e) on give (x 2/pi) mod 4 with 190 bits after the point
_LARGE = """entry:
  %bits = bitcast double %x to i64
  %biased = lshr i64 %bits, 52
  %exponent = and i64 %biased, 2047
  %mantissa = and i64 %bits, 4503599627370495
  %m = or i64 %mantissa, 4503599627370496
  %first = add i64 %exponent, -1013
  %byte = lshr i64 %first, 3
  %place = getelementptr i8, ptr {digits}, i64 %byte
  %stored = load i256, ptr %place, align 1
  %ordered = call i256 @llvm.bswap.i256(i256 %stored)
  %rest = and i64 %first, 7
  %rest.w = zext i64 %rest to i256
  %aligned = shl i256 %ordered, %rest.w
  %window.w = lshr i256 %aligned, 64
  %window = trunc i256 %window.w to i192
  %m.w = zext i64 %m to i192
  %y = mul i192 %window, %m.w
  %half = shl i192 1, 189
  %moved = add i192 %y, %half
  %n.w = lshr i192 %moved, 190
  %n = trunc i192 %n.w to i64
  %whole = shl i192 %n.w, 190
  %fraction = sub i192 %y, %whole
  %size = call i192 @llvm.abs.i192(i192 %fraction, i1 false)
  %zeros = call i192 @llvm.ctlz.i192(i192 %size, i1 false)
  %normal = shl i192 %size, %zeros
  %top = lshr i192 %normal, 139
  %next.w = lshr i192 %normal, 86
  %next.m = and i192 %next.w, 9007199254740991
  %top.i = trunc i192 %top to i64
  %next.i = trunc i192 %next.m to i64
  %a = uitofp i64 %top.i to double
  %b = uitofp i64 %next.i to double
  %z = trunc i192 %zeros to i64
  %power = sub i64 972, %z
  %scale.bits = shl i64 %power, 52
  %scale = bitcast i64 %scale.bits to double
  %negative = icmp slt i192 %fraction, 0
  %minus = icmp slt i64 %bits, 0
  %flip = xor i1 %negative, %minus
  %back = sub i64 0, %n
  %n.signed = select i1 %minus, i64 %back, i64 %n
  store i64 %n.signed, ptr %quadrant
"""


def _large_tail(w: Writer) -> str:
    """From the fraction of a quarter turn to radians, as a sum of two."""
    plain = Writer(w.module, 0)
    flip = Value(plain, "%flip")
    scale = Value(plain, "%scale")
    scale = flip.select(-scale, scale)
    a, b = Value(plain, "%a") * scale, Value(plain, "%b") * (scale * 2.0**-53)
    high, lost = exact_product(a, plain.literal(HALF_PI_HIGH))
    high, low = ordered_sum(high, lost + (a * HALF_PI_LOW + b * HALF_PI_HIGH))
    plain.line(f"store double {high.name}, ptr %high")
    plain.line(f"store double {low.name}, ptr %low")
    return plain.body()


def _sin_cos(x: Value) -> tuple[Value, Value, Value]:
    """Sine and cosine of the reduced angle, and the quadrant."""
    r, low, quadrant = _reduce(x)
    z = r * r
    half = z * 0.5
    sine = r + (r * z).fma(polynomial(z, SIN), low - half * low)
    w = 1.0 - half
    cosine = w + (((1.0 - w) - half) + (z * z).fma(polynomial(z, COS), -(r * low)))
    return sine, cosine, quadrant


def _turned(even: Value, odd: Value, quadrant: Value) -> Value:
    swap = quadrant.whole("and", 1).whole("icmp ne", 0)
    minus = quadrant.whole("and", 2).whole("icmp ne", 0)
    result = swap.select(odd, even)
    return minus.select(-result, result)


def sin(x: Value) -> Value:
    """Sine."""
    sine, cosine, quadrant = _sin_cos(x)
    return x.same(0.0).select(x, _turned(sine, cosine, quadrant))


def cos(x: Value) -> Value:
    """Cosine."""
    sine, cosine, quadrant = _sin_cos(x)
    return _turned(cosine, -sine, quadrant)


def tan(x: Value) -> Value:
    """Tangent."""
    sine, cosine, quadrant = _sin_cos(x)
    swap = quadrant.whole("and", 1).whole("icmp ne", 0)
    top, bottom = swap.select(-cosine, sine), swap.select(sine, cosine)
    return x.same(0.0).select(x, top / bottom)


def atan(x: Value) -> Value:
    """Arc tangent."""
    size = abs(x)
    steep, middle = size > 1.0 + math.sqrt(2.0), size > math.sqrt(2.0) - 1.0
    top = steep.select(-1.0, middle.select(size - 1.0, size))
    bottom = steep.select(size, middle.select(size + 1.0, 1.0))
    t = top / bottom
    z = t * t
    base = steep.select(HALF_PI_HIGH, middle.select(HALF_PI_HIGH / 2, 0.0))
    base_low = steep.select(HALF_PI_LOW, middle.select(HALF_PI_LOW / 2, 0.0))
    result = base + ((t * z).fma(polynomial(z, ATAN), base_low) + t)
    return x.w.intrinsic("copysign", result, x)


def _asin_parts(x: Value) -> tuple[Value, Value, Value]:
    """For |x| <= 1/2 x itself, else sqrt((1 - |x|) / 2); the arc sine of that less itself; and whether it is so."""
    size = abs(x)
    near = size > 0.5
    z = near.select((1.0 - size) * 0.5, size * size)
    t = near.select(x.w.intrinsic("sqrt", z), size)
    return t, t * z * polynomial(z, ASIN), near


def asin(x: Value) -> Value:
    """Arc sine."""
    t, rest, near = _asin_parts(x)
    far = HALF_PI_HIGH - ((t + t) + ((rest + rest) - HALF_PI_LOW))
    return x.w.intrinsic("copysign", near.select(far, t + rest), x)


def acos(x: Value) -> Value:
    """Arc cosine."""
    t, rest, near = _asin_parts(x)
    twice = (t + rest) * 2.0
    plus = (x < 0.0).select(2 * HALF_PI_HIGH - (twice - 2 * HALF_PI_LOW), twice)
    signed_t, signed_rest = x, x.w.intrinsic("copysign", rest, x)
    return near.select(plus, HALF_PI_HIGH - (signed_t + (signed_rest - HALF_PI_LOW)))


# hyperbolic functions


def _exp_halves(x: Value) -> Pair:
    """``e**x / 2`` and ``e**-x / 2`` for x >= 0, without overflow before the result has it."""
    up = _exp_long(x, power=-1)
    return up, 0.25 / up


def sinh(x: Value) -> Value:
    """Hyperbolic sine."""
    z = x * x
    small = (x * z).fma(polynomial(z, SINH), x)
    up, down = _exp_halves(abs(x))
    return (abs(x) < 1.0).select(small, x.w.intrinsic("copysign", up - down, x))


def cosh(x: Value) -> Value:
    """Hyperbolic cosine."""
    up, down = _exp_halves(abs(x))
    return up + down


def tanh(x: Value) -> Value:
    """Hyperbolic tangent."""
    size = abs(x)
    z = x * x
    small = (x * z).fma(polynomial(z, SINH), x)
    up, down = _exp_halves(size)
    large = 1.0 - 2.0 / (_exp_long(size + size) + 1.0)
    return (size < 0.75).select(small / (up + down), x.w.intrinsic("copysign", large, x))


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "exp": exp, "log": log, "pow": pow, "sin": sin, "cos": cos, "tan": tan, "asin": asin, "acos": acos, "atan": atan,
    "sinh": sinh, "cosh": cosh, "tanh": tanh, "trunc": trunc, "floor": floor, "exp.long": _exp_long,
    "log.long": _log_long, "pow.long": _pow_long,
}  # fmt: skip
