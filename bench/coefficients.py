"""Fits the polynomials of src/core/vmath.hpp, in 60 digits: `python bench/coefficients.py`.

Each is the interpolant at Chebyshev nodes, within a small factor of the best polynomial of its
degree; the relative error printed beside it is the largest over 2000 points.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp

mp.mp.dps = 60
Real = Callable[[mp.mpf], mp.mpf]


def fit(f: Real, low: float, high: float, degree: int) -> tuple[list[mp.mpf], mp.mpf]:
    """Return the coefficients c_0 .. c_degree of the interpolant of f, and its relative error."""
    low, high = mp.mpf(low), mp.mpf(high)
    n = degree + 1
    nodes = [
        (low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * n))
        for i in range(n)
    ]
    A = mp.matrix(n, n)
    b = mp.matrix(n, 1)
    for i, x in enumerate(nodes):
        b[i] = f(x)
        for j in range(n):
            A[i, j] = x**j
    c = list(mp.lu_solve(A, b))
    worst = mp.mpf(0)
    for i in range(2001):
        x = low + (high - low) * i / 2000
        y = f(x)
        worst = max(worst, abs(mp.polyval(c[::-1], x) / y - 1))
    return c, worst


def exp_tail(r: mp.mpf) -> mp.mpf:
    """(exp(r) - 1 - r) / r^2."""
    if abs(r) < mp.mpf(10) ** -15:
        return mp.mpf(1) / 2 + r / 6 + r * r / 24
    return (mp.expm1(r) - r) / r**2


def log_tail(q: mp.mpf) -> mp.mpf:
    """(2 atanh(s) - 2 s) / s^3 in q = s^2."""
    if q == 0:
        return mp.mpf(2) / 3
    s = mp.sqrt(q)
    return (2 * mp.atanh(s) - 2 * s) / s**3


def erfcx_of(t: mp.mpf) -> mp.mpf:
    """(1 + 2 x) exp(x^2) erfc(x) in t = (x - 2) / (x + 2), x = 2 (1 + t) / (1 - t)."""
    if t == 1:
        return 2 / mp.sqrt(mp.pi)
    x = 2 * (1 + t) / (1 - t)
    if x > 60:
        series = sum((-1) ** k * mp.fac2(2 * k - 1) / (2 * x * x) ** k for k in range(1, 12)) + 1
        return (1 + 2 * x) * series / (x * mp.sqrt(mp.pi))
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)


if __name__ == "__main__":
    half = mp.log(2) / 2 + mp.mpf(10) ** -4
    top = (mp.sqrt(2) - 1) ** 2 / (mp.sqrt(2) + 1) ** 2 + mp.mpf(10) ** -4
    for name, f, low, high, degrees in (
        ("EXP", exp_tail, -half, half, (4, 9)),
        ("LOG", log_tail, 0, top, (2, 7)),
        ("ERFCX", erfcx_of, -1, 1, (12, 24)),
    ):
        for kind, degree in zip(("float", "double"), degrees, strict=True):
            c, worst = fit(f, low, high, degree)
            print(f"// {kind}, relative error {mp.nstr(worst, 3)}")
            digits = 10 if kind == "float" else 19
            suffix = "f" if kind == "float" else ""
            print(
                f"constexpr real {name}[] = {{"
                + ", ".join(mp.nstr(x, digits) + suffix for x in c)
                + "};"
            )
