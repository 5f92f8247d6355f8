"""The numerical derivative of one sample's cost, entry by entry, each with its error bar.

Only what lies behind the entry is computed again: a change of W^l[i, j] by h changes z^l[i] by
h a^{l-1}[j] and nothing before it. The differences and their bars are the gradient check's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..gradcheck.differences import EPS, STENCIL, estimate
from ..mathematics.costs import cost_of
from ..mathematics.passes import forward_pass
from .sample_passes import Floats, Sample

Place = Literal["a", "z"]
Flags = npt.NDArray[np.bool_]

STEP = 1e-3
# Rounding of J, in units of the last place: what a sum over a few hundred units may lose.
_ULPS = 32.0
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Numerical:
    """Central differences, extrapolated from h and h/2, and what they can be wrong by.

    ``value`` and ``error`` have the shape of the gradient; NaN where an entry was left out.
    ``kinks`` counts the entries at which a unit or the cost passes a kink within the smallest step:
    there the derivative jumps, and the error bar covers the jump.
    """

    value: Floats
    error: Floats
    kinks: int

    def agrees(self, gradient: npt.ArrayLike) -> bool | None:
        """Say whether every entry is within its error bar; None if one is not a number."""
        entries = np.asarray(gradient, np.float64)
        known = np.isfinite(self.error)
        if not known.any() or not np.isfinite(entries[known]).all():
            return None
        return bool((np.abs(entries - self.value)[known] <= self.error[known]).all())


def differentiate(
    sample: Sample, place: Place, layer: int, unit: npt.NDArray[np.int64], slope: Floats
) -> Numerical:
    """Return dJ/dt at t = 0 where each entry k moves v[unit[k]] by t slope[k]; v is a^l or z^l.

    ``slope`` is 1 for da, dz and db, and a^{l-1}[j] for W[i, j]. All results are (k,).
    """
    base = (sample.a if place == "a" else sample.z)[layer]
    h = _steps(sample, place, layer, base[unit], slope)
    value, error = np.empty(len(unit)), np.empty(len(unit))
    crossed = np.ones(len(unit), bool)
    with np.errstate(all="ignore"):
        for shrink in (1.0, 1e-2, 1e-4):
            todo = np.flatnonzero(crossed)
            if not todo.size:
                break
            value[todo], error[todo], crossed[todo] = _central(
                sample, place, layer, unit[todo], slope[todo], h[todo] * shrink
            )
    return Numerical(value, error, int(crossed.sum()))


def _steps(sample: Sample, place: Place, layer: int, base: Floats, slope: Floats) -> Floats:
    h = STEP * np.maximum(1.0, np.abs(base)) / np.maximum(1.0, np.abs(slope))
    if place == "a" and layer == len(sample.a) - 1:
        # Outputs such as probabilities must stay where the cost is defined.
        low, high = sample.net.activations[-1].range
        room = np.minimum(np.abs(base - low), np.abs(high - base))
        h = np.where(np.isfinite(room) & (room > 0), np.minimum(h, room * STEP), h)
    return h


def _central(
    sample: Sample,
    place: Place,
    layer: int,
    unit: npt.NDArray[np.int64],
    slope: Floats,
    h: Floats,
) -> tuple[Floats, Floats, Flags]:
    """Return the derivative, its error bar, and whether a kink lies between -h and h."""
    k = len(unit)
    moves = np.concatenate([h * step for step in STENCIL])
    J, sides = _evaluate(sample, place, layer, np.tile(unit, 4), moves * np.tile(slope, 4))
    values = J.reshape(4, k)
    middle, _ = _evaluate(sample, place, layer, unit[:1], np.zeros(1))
    up, down, up_half, down_half = values
    # What rounding does: in units of the last place, and as the fourth difference shows it.
    wavering = np.abs(up + down - 4 * (up_half + down_half) + 6 * middle)
    noise = _ULPS * EPS * (np.abs(values).max(0) + 1e-3) + wavering
    derivative = estimate(values, middle, h, noise)
    error = np.where(np.isfinite(derivative.value), derivative.bar, np.nan)
    crossed = np.zeros(k, bool) if sides is None else (sides[:k] != sides[k : 2 * k]).any(1)
    return derivative.value, error, crossed


def _evaluate(
    sample: Sample, place: Place, layer: int, unit: npt.NDArray[np.int64], move: Floats
) -> tuple[Floats, Flags | None]:
    """Return J with one unit of a^l or z^l moved, for each row, and the sides of kinks it is on."""
    base = (sample.a if place == "a" else sample.z)[layer]
    width = max(sample.net.sizes[layer:])
    costs, sides = [], []
    for rows in _chunks(len(unit), max(1, _CHUNK // width)):
        v = np.tile(base, (len(rows), 1))
        v[np.arange(len(rows)), unit[rows]] += move[rows]
        J, side = _tail(sample, place, layer, v)
        costs.append(J)
        sides.append(side)
    return np.concatenate(costs), np.concatenate(sides) if sides[0].size else None


def _chunks(count: int, size: int) -> Iterator[npt.NDArray[np.int64]]:
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def _tail(sample: Sample, place: Place, layer: int, v: Floats) -> tuple[Floats, Flags]:
    """Propagate a^l or z^l (k, n_l) to the cost; return J (k,) and the sides of all kinks."""
    net, last = sample.net, len(sample.a) - 1
    a = v if place == "a" else net.activations[layer - 1].f(v)
    first = net.architecture.numbered[layer - 1].at + 2 if layer else 0
    trace = forward_pass(a, net.layers[first:], net.parameters[first:])
    zs = [v if place == "z" else None, *trace.z[1:]]
    y = np.tile(sample.y, (len(v), 1))
    sides: list[Flags] = [
        z > kink
        for l, z in enumerate(zs, layer)
        if z is not None
        for kink in net.activations[l - 1].kinks
    ]
    a_last, z_last = trace.a[-1], zs[-1]
    sides += [a_last - y > kink for kink in net.cost.kinks]
    if place == "a" and layer == last:
        J: Any = net.cost.J(a_last, y)
    else:
        J = cost_of(z_last, a_last, y, net.activations[-1], net.cost)
    return np.asarray(J), np.concatenate(sides, axis=1) if sides else np.empty((len(v), 0), bool)
