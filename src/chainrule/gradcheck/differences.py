"""Numerical derivatives with error bars: central differences at two steps, noise, Taylor order.

All functions work on values of a function, for many entries at once; the caller evaluates it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import factorial, log2, sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..typing import Array

EPS = float(np.finfo(np.float64).eps)

# The displacements, in steps, at which a function is evaluated for one derivative.
STENCIL = (1.0, -1.0, 0.5, -0.5)
# A scattered error is taken to be at most this many standard deviations.
SAFETY = 10.0


class Estimate(NamedTuple):
    """Derivatives, how far off each can be, and which look as if a kink lay within the step.

    ``rounding`` is the part of the bar that is scattered, so that sums of many grow as their root.
    """

    value: Array
    bar: Array
    kinked: npt.NDArray[np.bool_]
    rounding: Array


def estimate(values: Array, f0: Any, h: Any, noise: Any) -> Estimate:
    """Estimate f' from values (4, n) of f at ``STENCIL`` steps h away, with f0 = f at the point.

    ``D(h) = (f(x+h) - f(x-h)) / 2h``; the value is Richardson's ``(4 D(h/2) - D(h)) / 3``. The bar
    adds up rounding, ``3 noise / h``; truncation, twice ``|D(h/2) - D(h)|``; and twice the kink
    term ``|2 A(h/2) - A(h)|``, ``A(h) = (f(x+h) - 2 f0 + f(x-h)) / h``. A smooth function has
    A(h) = h f'' + O(h^3), so the kink term is O(h^3); where f' jumps by s at a distance d < h,
    D(h) is off by up to s/2, and the bar is above that for every d. So it is where f'' jumps.
    ``noise`` bounds the error of one value of f. h and noise are scalars or (n,).

    Source: Richardson, "The approximate arithmetical solution by finite differences", 1911.
    """
    plus, minus, plus_half, minus_half = values
    whole, half = (plus - minus) / (2 * h), (plus_half - minus_half) / h
    bent, bent_half = (plus - f0 + (minus - f0)) / h, (plus_half - f0 + (minus_half - f0)) / (h / 2)
    kink = np.abs(2 * bent_half - bent)
    kinked = kink > 24 * noise / h + 1e-3 * np.abs(half)
    rounding = np.broadcast_to(3 * noise / h, half.shape)
    bar = rounding + 2 * np.abs(half - whole) + 2 * kink
    value = half + (half - whole) / 3
    bad = ~np.isfinite(value)
    return Estimate(value, np.where(bad | np.isnan(bar), np.inf, bar), kinked & ~bad, rounding)


def one_sided(values: Array, f0: Array, h: Array, noise: Array) -> Estimate:
    """Estimate f' from values (4, n) at h, 2h, 3h and 4h, all on one side; h may be negative.

    ``(-25 f0 + 48 f1 - 36 f2 + 16 f3 - 3 f4) / 12h``, of order h^4; the bar adds twice the distance
    to the formula of order h^3 on f0 .. f3, and rounding. Source: Fornberg, "Generation of finite
    difference formulas on arbitrarily spaced grids", 1988, table 3.
    """
    f1, f2, f3, f4 = values - f0
    fine = (48 * f1 - 36 * f2 + 16 * f3 - 3 * f4) / (12 * h)
    coarse = (18 * f1 - 9 * f2 + 2 * f3) / (6 * h)
    rounding = 11 * noise / np.abs(h)
    bar = rounding + 2 * np.abs(fine - coarse)
    bad = ~np.isfinite(fine)
    return Estimate(fine, np.where(bad, np.inf, bar), np.zeros(fine.shape, np.bool_), rounding)


WIDE = (1.0, -1.0, 2.0, -2.0, 3.0, -3.0)


def wide(values: Array, h: Array, noise: Array) -> Estimate:
    """Estimate f' of a smooth f from values (6, n) at ``WIDE`` steps: order 6, the bar of order 4.

    ``(45 d1 - 9 d2 + d3) / 60h`` with ``dk = f(x+kh) - f(x-kh)``. Source: Fornberg, 1988, table 1.
    """
    d1, d2, d3 = values[0] - values[1], values[2] - values[3], values[4] - values[5]
    fine, coarse = (45 * d1 - 9 * d2 + d3) / (60 * h), (8 * d1 - d2) / (12 * h)
    rounding = 2 * noise / h
    bar = rounding + np.abs(fine - coarse)
    bad = ~np.isfinite(fine)
    return Estimate(fine, np.where(bad, np.inf, bar), np.zeros(fine.shape, np.bool_), rounding)


def better(old: Estimate, new: Estimate) -> Estimate:
    """Return, for each entry, the estimate with the smaller bar."""
    take = new.bar < old.bar
    return Estimate(
        np.where(take, new.value, old.value),
        np.where(take, new.bar, old.bar),
        np.where(take, new.kinked, old.kinked),
        np.where(take, new.rounding, old.rounding),
    )


def power_of_two(step: Array) -> Array:
    """Return the power of two just below each step: then x + h and x - h are rounded least."""
    powers: Array = np.exp2(np.floor(np.log2(step)))
    return powers


def noise_of(values: Sequence[float]) -> float | None:
    """Estimate the noise of a function from its values at equally spaced, very close points.

    Differences of order k of a smooth function vanish as the spacing to the k-th power; what
    remains is noise, grown by ``sqrt((2k)!)/k!``. The mean of the orders 3 to 5 counts. None if the
    values are stairs: too few of them differ.
    Source: Moré and Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33, 2011,
    section 3.
    """
    table = np.asarray(values, np.float64)
    if not np.isfinite(table).all() or len(np.unique(table)) < len(table) - 1:
        return None
    levels: list[float] = []
    for k in range(1, min(6, len(table))):
        table = np.diff(table)
        if k >= 3:
            growth = sqrt(factorial(2 * k)) / factorial(k)
            levels.append(sqrt(float(np.mean(table**2))) / growth)
    return sum(levels) / len(levels)


def taylor_order(
    J: Callable[[float], float], slope: float, noise: float, first: float = 2.0**-3
) -> tuple[float, list[tuple[float, float]]]:
    """Return the order at which ``|J(t) - J(0) - t slope|`` falls, and the remainders (t, R).

    2 if ``slope`` is the derivative at 0, 1 if it is not; NaN if the remainders drown in rounding.
    No step has to be chosen: t is quartered, and the middle one of the last falls counts.
    Source: Farrell et al., "Automated derivation of the adjoint of high-level transient finite
    element programs", SIAM J. Sci. Comput. 35, 2013, section 6.
    """
    J0, t = J(0.0), first
    remainders: list[tuple[float, float]] = []
    for _ in range(12):
        R = abs(J(t) - J0 - t * slope)
        if np.isfinite(R) and R <= SAFETY * noise:
            break
        if np.isfinite(R):
            remainders.append((t, R))
        t /= 4
    if len(remainders) < 3:
        # Nothing but rounding is left: the slope is right to all digits, unless nothing moved.
        return (2.0 if slope != 0 and t == first else float("nan")), remainders
    tail = remainders[-4:]
    orders = [log2(a[1] / b[1]) / 2 for a, b in pairwise(tail)]
    return float(np.median(orders)), remainders
