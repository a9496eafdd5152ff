"""Random functions: uniform draws from a stream, shaped by the inverse of the distribution function.

By inversion each number takes one draw, so that a small change of a parameter changes a number a little (common random
numbers stay common), and the result is a differentiable expression of operations. The seed argument of Vensim's
functions is not used: a run's seed is given with the run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cluster_sd.program.build import Expr
from cluster_sd.program.lower.scope import Frame

if TYPE_CHECKING:
    from cluster_sd.program.lower.lowering import Lowering


def _draw(low: Lowering, ast: Any, frame: Frame) -> Expr:
    return low.builder.expr(low.uniform(id(ast), frame))


def _args(low: Lowering, ast: Any, frame: Frame, count: int) -> list[Expr]:
    if len(ast.arguments) < count:
        name = ast.function.reference.replace("_", " ").upper()
        raise low.error(f"{name} takes at least {count} arguments, not {len(ast.arguments)}", frame.owner)
    return [low.builder.expr(low.number(arg, frame)) for arg in ast.arguments[:count]]


def unit(low: Lowering, ast: Any, frame: Frame) -> int:
    """``RANDOM 0 1()``."""
    return _draw(low, ast, frame).node


def uniform(low: Lowering, ast: Any, frame: Frame) -> int:
    """``RANDOM UNIFORM(min, max, seed)``."""
    low_end, high_end = _args(low, ast, frame, 2)
    return (low_end + (high_end - low_end) * _draw(low, ast, frame)).node


def normal(low: Lowering, ast: Any, frame: Frame) -> int:
    """``RANDOM NORMAL(min, max, mean, sd, seed)``: normal, truncated to ``min .. max``."""
    least, most, mean, sd = _args(low, ast, frame, 4)
    u = _draw(low, ast, frame)
    below, above = normal_cdf((least - mean) / sd), normal_cdf((most - mean) / sd)
    drawn = mean + sd * normal_quantile(below + u * (above - below))
    inside = drawn.op("max", least).op("min", most)  # the inversion's last digits may step over the bounds
    return (sd > 0.0).select(inside, mean.op("max", least).op("min", most)).node


def exponential(low: Lowering, ast: Any, frame: Frame) -> int:
    """``RANDOM EXPONENTIAL(min, max, shift, stretch, seed)``, truncated to ``min .. max``."""
    least, most, shift, stretch = _args(low, ast, frame, 4)
    u = _draw(low, ast, frame)
    begin = least.op("max", shift)
    share = 1.0 - (-((most - begin) / stretch)).op("exp")
    return (begin - stretch * (1.0 - u * share).log()).node


def triangular(low: Lowering, ast: Any, frame: Frame) -> int:
    """``RANDOM TRIANGULAR(min, max, start, peak, stop, seed)``, truncated to ``min .. max``."""
    least, most, start, peak, stop = _args(low, ast, frame, 5)
    width, rise, fall = stop - start, peak - start, stop - peak

    def share(x: Expr) -> Expr:
        x = x.op("max", start).op("min", stop)
        up, down = (x - start) * (x - start) / (width * rise), 1.0 - (stop - x) * (stop - x) / (width * fall)
        return (x < peak).select(up, (x < stop).select(down, 1.0))

    p = share(least) + _draw(low, ast, frame) * (share(most) - share(least))
    up, down = start + (p * width * rise).op("sqrt"), stop - ((1.0 - p) * width * fall).op("sqrt")
    return (p * width < rise).select(up, down).node


def weibull(low: Lowering, ast: Any, frame: Frame) -> int:
    """``RANDOM WEIBULL(min, max, shape, shift, stretch, seed)``, truncated to ``min .. max``."""
    least, most, shape, shift, stretch = _args(low, ast, frame, 5)

    def beyond(x: Expr) -> Expr:
        return (-(((x - shift) / stretch).op("max", 0.0) ** shape)).op("exp")

    p = beyond(least) + _draw(low, ast, frame) * (beyond(most) - beyond(least))
    return (shift + stretch * (-p.log()) ** (1.0 / shape)).node


def xmile_lognormal(low: Lowering, ast: Any, frame: Frame) -> int:
    """XMILE's ``LOGNORMAL(mean, sd)``: mean and standard deviation of the number itself, not of its logarithm."""
    mean, sd = _args(low, ast, frame, 2)
    spread = (1.0 + (sd / mean) * (sd / mean)).log()
    centre = mean.log() - 0.5 * spread
    return (centre + spread.op("sqrt") * normal_quantile(_draw(low, ast, frame))).op("exp").node


def xmile_uniform(low: Lowering, ast: Any, frame: Frame) -> int:
    """XMILE's ``UNIFORM(min, max)`` and Stella's ``RANDOM(min, max)``."""
    return uniform(low, ast, frame)


def xmile_normal(low: Lowering, ast: Any, frame: Frame) -> int:
    """XMILE's ``NORMAL(mean, sd)``, not truncated."""
    mean, sd = _args(low, ast, frame, 2)
    return (mean + sd * normal_quantile(_draw(low, ast, frame))).node


def xmile_exponential(low: Lowering, ast: Any, frame: Frame) -> int:
    """XMILE's ``EXPRND(mean)``."""
    (mean,) = _args(low, ast, frame, 1)
    return (-(mean * _draw(low, ast, frame).log())).node


# Wichura 1988, Algorithm AS 241 (PPND16): coefficients of the normal quantile, relative accuracy about 1e-16.
_CENTRE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)
_MIDDLE = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)
_TAIL = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
)


def _polynomial(x: Expr, coefficients: tuple[float, ...]) -> Expr:
    total = x.lit(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total


def _rational(x: Expr, pair: tuple[tuple[float, ...], tuple[float, ...]]) -> Expr:
    return _polynomial(x, pair[0]) / _polynomial(x, pair[1])


def normal_quantile(p: Expr) -> Expr:
    """Inverse of the standard normal distribution function (Wichura 1988)."""
    q = p - 0.5
    centre = q * _rational(0.180625 - q * q, _CENTRE)
    far = (-((q < 0.0).select(p, 1.0 - p).log())).op("sqrt")
    outer = (far <= 5.0).select(_rational(far - 1.6, _MIDDLE), _rational(far - 5.0, _TAIL))
    signed = (q < 0.0).select(-outer, outer)
    return (q.op("abs") <= 0.425).select(centre, signed)


def normal_cdf(z: Expr) -> Expr:
    """Standard normal distribution function: half of erfc(-z/sqrt 2), by its continued fraction and its series."""
    x = (z.op("abs") * math.sqrt(0.5)).op("min", 27.0)
    small, large = _erf_series(x), _erfc_fraction(x)
    upper = (x <= 2.0).select(0.5 - 0.5 * small, 0.5 * large)  # P(Z > |z|)
    return (z < 0.0).select(upper, 1.0 - upper)


def _erf_series(x: Expr) -> Expr:
    """erf(x) for x up to 2: 2/sqrt(pi) exp(-x^2) sum 2^n x^(2n+1) / (2n+1)!! (Abramowitz & Stegun 7.1.6)."""
    square = (x * x).op("min", 4.0)
    total = x.lit(1.0)
    for n in range(40, 0, -1):
        total = 1.0 + total * square * (2.0 / (2 * n + 1))
    return (2.0 / math.sqrt(math.pi)) * x * (-square).op("exp") * total


def _erfc_fraction(x: Expr) -> Expr:
    """erfc(x) from 2 on, by the continued fraction of Abramowitz & Stegun 7.1.14."""
    x = x.op("max", 2.0)
    tail = x
    for n in range(60, 0, -1):
        tail = x + (0.5 * n) / tail
    return (-(x * x)).op("exp") / (math.sqrt(math.pi) * tail)
