"""The numerical Jacobian with a bar for every entry."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ...typing import Array
from ..differences import STENCIL, Estimate, better, estimate, one_sided, power_of_two
from ..verdicts import RIGHT, UNDECIDABLE, decide
from .vector_function import VectorFunction

# Steps beside the size of an entry; the first settles most columns.
STEPS = (2.0**-13, 2.0**-17, 2.0**-9, 2.0**-21)
# An entry that much smaller than its array has a scale of its own.
SMALL = 2.0**-8
SIDES = (2.0**-14, 2.0**-19)


def column(
    f: VectorFunction, j: int, noise: Array, settled: Callable[[Estimate], bool]
) -> Estimate:
    """Estimate df/dx_j, one number for each output, with smaller steps until it is settled."""
    best: Estimate | None = None
    unit = float(f.scales.flat[j])
    base = max(2.0**-13, float(f.resolution**0.25) / 4)
    steps = STEPS if base == STEPS[0] else (base, base * 8, base / 8)
    entry = abs(float(f.x.flat[j]))
    if 0 < entry < SMALL * unit:
        unit = entry
    for step in steps:
        h = float(power_of_two(np.array(step * unit)))
        best = _shorter(best, estimate(_values(f, j, h, STENCIL), f.f0, h, noise))
        if settled(best):
            return best
    assert best is not None
    if f.resolution > 1e-12:
        return best
    right, left = (_side(f, j, unit * sign, noise) for sign in (1, -1))
    return better(best, _between(right, left))


def _side(f: VectorFunction, j: int, unit: float, noise: Array) -> Estimate:
    """Estimate the derivative from one side, by the better of two steps."""
    best: Estimate | None = None
    for step in SIDES:
        h = float(np.sign(unit) * power_of_two(np.array(step * abs(unit))))
        values = _values(f, j, h, (1, 2, 3, 4))
        best = _shorter(best, one_sided(values, f.f0, np.array(h), noise))
    assert best is not None
    return best


def _between(right: Estimate, left: Estimate) -> Estimate:
    """Join both sides: where they differ, anything between them is a derivative at a kink."""
    joined = better(right, left)
    low = np.minimum(right.value - right.bar, left.value - left.bar)
    high = np.maximum(right.value + right.bar, left.value + left.bar)
    apart = np.abs(right.value - left.value) > right.bar + left.bar
    return Estimate(
        np.where(apart, (low + high) / 2, joined.value),
        np.where(apart, (high - low) / 2, joined.bar),
        joined.kinked | apart,
        joined.rounding,
    )


def _values(f: VectorFunction, j: int, h: float, multiples: tuple[float, ...]) -> Array:
    rows = []
    for k in multiples:
        moved = f.x.copy()
        moved.flat[j] += k * h
        rows.append(f(moved))
    return np.stack(rows)


def _shorter(best: Estimate | None, new: Estimate) -> Estimate:
    return new if best is None else better(best, new)


def numeric_jacobian(
    f: VectorFunction, analytic: Array, tolerance: float, slack: float, rng: np.random.Generator
) -> tuple[Array, Array, npt.NDArray[np.int8]]:
    """Return the numerical Jacobian (m, n) of f, its bars, and the verdict on ``analytic``.

    Rows are judged by their own size and columns by that of their x: f may return metres beside
    volts.
    """
    noise = f.noise(rng)
    scales = f.scales.ravel()
    rows = np.max(np.abs(np.nan_to_num(analytic)) * scales, axis=1, initial=0.0)
    rows = np.where(rows > 0, rows, max(float(np.max(rows, initial=0.0)), 1e-300))
    numeric, bars = np.empty(analytic.shape), np.empty(analytic.shape)

    def settled(j: int) -> Callable[[Estimate], bool]:
        def decided(slope: Estimate) -> bool:
            unit = scales[j] / rows
            verdict = decide(
                analytic[:, j] * unit, slope.value * unit, slope.bar * unit, tolerance,
                slack * np.abs(analytic[:, j] * unit), 1.0,
            )  # fmt: skip
            small = slope.bar * unit <= tolerance
            return bool(np.all((verdict == RIGHT) | ((verdict == UNDECIDABLE) & small)))

        return decided

    for j in range(analytic.shape[1]):
        slope = column(f, j, noise, settled(j))
        numeric[:, j], bars[:, j] = slope.value, slope.bar
    unit = scales / rows[:, None]
    size = np.maximum(rows, np.max(np.abs(np.nan_to_num(numeric)) * scales, axis=1, initial=0.0))
    unit = scales / size[:, None]
    roundings = slack * np.abs(analytic * unit)
    verdict = decide(analytic * unit, numeric * unit, bars * unit, tolerance, roundings, 1.0)
    # What is that small beside its own row is held to an absolute standard.
    small = (verdict == UNDECIDABLE) & (bars * unit <= tolerance) & np.isfinite(analytic)
    verdict[small] = RIGHT
    return numeric, bars, verdict
