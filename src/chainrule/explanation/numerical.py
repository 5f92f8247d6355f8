"""The numerical derivative of one sample's cost, entry by entry, each with its error bar.

Only what lies behind the entry is computed again: a change of W^l[i, j] by h changes z^l[i] by
h a^{l-1}[j] and nothing before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..mathematics.costs import Cost, cost_of
from ..mathematics.layers import Dense
from ..mathematics.propagation import affine_forward
from ..network import Network

Floats = npt.NDArray[np.float64]
Place = Literal["a", "z"]

STEP = 1e-3
# Rounding of J, in units of the last place: what a sum over a few hundred units may lose.
_ULPS = 32.0
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Numerical:
    """Central differences, extrapolated from h and h/2, and what they can be wrong by.

    ``value`` and ``error`` have the shape of the gradient; NaN where an entry was left out.
    ``kinks`` counts the entries at which a unit or the cost passes a kink within the smallest step:
    there the derivative jumps, and the error bar is the jump.
    """

    value: Floats
    error: Floats
    kinks: int

    def agrees(self, gradient: npt.ArrayLike) -> bool | None:
        """Say whether every entry is within its error bar; None if one is not a number."""
        found = np.asarray(gradient, np.float64)
        known = np.isfinite(self.error)
        if not known.any() or not np.isfinite(found[known]).all():
            return None
        return bool((np.abs(found - self.value)[known] <= self.error[known]).all())


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample in float64: its targets y (1, n_L), and all a^l (n_l,) and z^l (n_l,)."""

    net: Network
    y: Floats
    a: tuple[Floats, ...]
    z: tuple[Floats, ...]


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
            found = _central(sample, place, layer, unit[todo], slope[todo], h[todo] * shrink)
            value[todo], error[todo], crossed[todo] = found
    # Where nothing moves there is nothing to cross.
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
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Return the derivative, its error bar, and whether a kink lies between -h and h."""
    k = len(unit)
    moves = np.concatenate([h, -h, h / 2, -h / 2])
    J, sides = _evaluate(sample, place, layer, np.tile(unit, 4), moves * np.tile(slope, 4))
    up, down, up2, down2 = J.reshape(4, k)
    whole, half = (up - down) / (2 * h), (up2 - down2) / h
    value = half + (half - whole) / 3
    middle, _ = _evaluate(sample, place, layer, unit[:1], np.zeros(1))
    # What rounding does: in units of the last place, and as the fourth difference shows it.
    wavering = np.abs(up + down - 4 * (up2 + down2) + 6 * middle)
    ulps = _ULPS * np.finfo(float).eps * (np.abs(J).reshape(4, k).max(0) + 1e-3)
    rounding = (ulps + wavering) / h
    error = np.abs(half - whole) + rounding
    crossed = np.zeros(k, bool)
    if sides is not None:
        crossed = (sides[:k] != sides[k : 2 * k]).any(1)
        jump = np.abs((up2 - middle) - (middle - down2)) / (h / 2)
        error = np.where(crossed, error + jump, error)
    return value, error, crossed


def _evaluate(
    sample: Sample, place: Place, layer: int, unit: npt.NDArray[np.int64], move: Floats
) -> tuple[Floats, npt.NDArray[np.bool_] | None]:
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


def _tail(
    sample: Sample, place: Place, layer: int, v: Floats
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Propagate a^l or z^l (k, n_l) to the cost; return J (k,) and the sides of all kinks."""
    net = sample.net
    dense = [d for d in net.layers if isinstance(d, Dense)]
    sides: list[Any] = []
    z = v if place == "z" else None
    a = v
    for l in range(layer + (place == "a"), len(dense) + 1):
        if z is None:
            z = affine_forward(a, net.W[l], net.b[l])
        f = dense[l - 1].activation
        sides += _sides(z, f.kinks)
        a, last, z = f.f(z), z, None
    y = np.tile(sample.y, (len(v), 1))
    if layer == len(dense) and place == "a":
        J: Any = net.cost.J(a, y)
    else:
        J = cost_of(last, a, y, dense[-1].activation, net.cost)
    sides += _cost_sides(a, y, net.cost)
    return np.asarray(J), np.concatenate(sides, axis=1) if sides else np.empty((len(v), 0), bool)


def _sides(z: Floats, kinks: Sequence[float]) -> list[npt.NDArray[np.bool_]]:
    return [z > kink for kink in kinks]


def _cost_sides(a: Floats, y: Floats, cost: Cost) -> list[npt.NDArray[np.bool_]]:
    return [a - y > kink for kink in cost.kinks]
