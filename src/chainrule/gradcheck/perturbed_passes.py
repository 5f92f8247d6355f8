"""J of single samples with one z moved: the numbered layers of a cached pass, and what is above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..mathematics.activations import Activation
from ..mathematics.costs import Cost, cost_of
from ..typing import Array

Rows = npt.NDArray[np.intp]


@dataclass(slots=True)
class PerturbedCosts:
    """What rows with one z moved came to: J, which met a kink, which did not move at all.

    ``where``: (row, layer, unit) of the first z that crossed a kink, for a few rows.
    """

    met: npt.NDArray[np.bool_]
    still: npt.NDArray[np.bool_]
    where: list[tuple[int, int, int]] = field(default_factory=list)
    J: Array = field(default_factory=lambda: np.empty(0))
    bent: Any = False


@dataclass(frozen=True, slots=True)
class CachedLayer:
    """Layer l of the notes at one point: its parameters, its cached z and a, its dropout mask."""

    W: Array
    b: Array
    f: Activation
    a_prev: Array
    z: Array
    a: Array
    mask: Array | None  # of dropout on this layer's output


@dataclass(slots=True)
class Passes:
    """A network at one point: what is needed to work out J of single samples with one z moved."""

    layers: Sequence[CachedLayer]
    Y: Array
    shares: Array
    cost: Cost
    # Of each layer: the kinks that some z stands on exactly; and (kink, which z are above, on it).
    pinned: dict[int, tuple[float, ...]] = field(default_factory=dict)
    sides: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    base: Array = field(init=False)

    def __post_init__(self) -> None:
        top = self.layers[-1]
        self.base = self._cost(top.z, top.a, np.arange(len(top.z)))
        for l, layer in enumerate(self.layers, 1):
            for kink in layer.f.kinks:
                on = layer.z == kink
                any_on = bool(on.any())
                if any_on:
                    self.pinned[l] = (*self.pinned.get(l, ()), kink)
                side = (kink, layer.z > kink, on if any_on else None)
                self.sides[l] = (*self.sides.get(l, ()), side)

    def _cost(self, z: Array, a: Array, samples: Rows) -> Array:
        Y, top = self.Y[samples], self.layers[-1]
        held = _held(top.a[samples] - Y, self.cost.kinks)
        if held is None:
            plain: Array = cost_of(z, a, Y, top.f, self.cost)
            return plain
        # A cost that stands exactly on its kink is followed along the slope that it states there.
        a0 = top.a[samples]
        line: Array = np.where(held, self.cost.da(a0, Y) * (a - a0), 0).sum(axis=-1)
        J: Array = self.cost.J(np.where(held, a0, a), Y) + line
        return J

    def activation(self, l: int, z: Array, samples: Rows, units: Any = ...) -> Array:
        """f^l, but along its stated slope where the cached z stands exactly on a kink."""
        f = self.layers[l - 1].f
        a: Array = f.f(z)
        for kink in self.pinned.get(l, ()):
            z0 = (
                self.layers[l - 1].z[samples]
                if units is ...
                else self.layers[l - 1].z[samples, units]
            )
            a0 = f.f(z0)
            a = np.where(z0 == kink, a0 + f.df(z0, a0) * (z - z0), a)
        return a

    def _flips(
        self, l: int, z: Array, samples: Rows, units: Any = ...
    ) -> npt.NDArray[np.bool_] | None:
        """Which z have crossed a kink of layer l that their cached z did not stand on."""
        flips = None
        for kink, above, on in self.sides.get(l, ()):
            crossed = (z > kink) != (above[samples] if units is ... else above[samples, units])
            if on is not None:
                crossed &= ~(on[samples] if units is ... else on[samples, units])
            flips = crossed if flips is None else flips | crossed
        return flips

    def costs(self, l: int, samples: Rows, units: Rows, by: Array, careful: bool) -> PerturbedCosts:
        """Return J of each sample with its z^l[unit] moved by ``by`` (R,), and what happened."""
        none = np.zeros(len(samples), np.bool_)
        moved = PerturbedCosts(none, none.copy(), bent=none.copy())
        layer = self.layers[l - 1]
        if layer.f.elementwise and l < len(self.layers):
            z = self._column(l, samples, units, by, moved)
            first = l + 1
        else:
            z = layer.z[samples]
            z[np.arange(len(samples)), units] += by
            first = l
        a = z
        for k in range(first, len(self.layers) + 1):
            here = self.layers[k - 1]
            a = self._layer(k, z, samples, moved, careful)
            if k < len(self.layers):
                out = a if here.mask is None else a * here.mask[samples]
                z = out @ self.layers[k].W.T
                z += self.layers[k].b
        delta = self.cost.settings.get("delta") if self.cost.name == "huber" else None
        for bend in (delta, -delta) if delta is not None else ():
            d, d0 = a - self.Y[samples], self.layers[-1].a[samples] - self.Y[samples]
            moved.bent = (
                moved.bent | ((d > bend) != (d0 > bend)).any(axis=1) | (d0 == bend).any(axis=1)
            )
        for kink in self.cost.kinks:
            d, d0 = a - self.Y[samples], self.layers[-1].a[samples] - self.Y[samples]
            moved.met |= (((d > kink) != (d0 > kink)) & (d0 != kink)).any(axis=1)
        moved.J = self._cost(z, a, samples)
        return moved

    def _column(
        self, l: int, samples: Rows, units: Rows, by: Array, moved: PerturbedCosts
    ) -> Array:
        """Return z^{l+1} when column ``units`` of z^l has moved: one column of W^{l+1} is added."""
        layer, above = self.layers[l - 1], self.layers[l]
        z0, a0 = layer.z[samples, units], layer.a[samples, units]
        z = z0 + by
        change = self.activation(l, z, samples, units) - a0
        moved.still |= (change == 0) & (a0 == 0)
        for bend in layer.f.bends:
            moved.bent |= ((z > bend) != (z0 > bend)) | (z0 == bend)
        flips = self._flips(l, z, samples, units)
        if flips is not None and flips.any():
            moved.met |= flips
            moved.where += [(int(r), l, int(units[r])) for r in np.flatnonzero(flips)[:8]]
        if layer.mask is not None:
            mask = layer.mask[samples, units]
            change = change * mask
            moved.still |= mask == 0
        z_above: Array = above.W.T[units]
        z_above *= change[:, None]
        z_above += above.z[samples]
        return z_above

    def _layer(
        self, k: int, z: Array, samples: Rows, moved: PerturbedCosts, careful: bool
    ) -> Array:
        here = self.layers[k - 1]
        for bend in here.f.bends:
            z0 = here.z[samples]
            moved.bent |= (((z > bend) != (z0 > bend)) | (z0 == bend)).any(axis=1)
        if not here.f.kinks:
            a: Array = here.f.f(z)
            return a
        a = self.activation(k, z, samples)
        crossed = self._flips(k, z, samples)
        if crossed is not None and crossed.any():
            moved.met |= crossed.any(axis=1)
            moved.where += [(int(r), k, int(u)) for r, u in np.argwhere(crossed)[:8]]
        if careful:
            a0 = here.a[samples]
            moved.still |= ((a == 0) & (a0 == 0)).all(axis=1)
        return a


def _held(d0: Array, kinks: Sequence[float]) -> npt.NDArray[np.bool_] | None:
    held = None
    for kink in kinks:
        on = d0 == kink
        if on.any():
            held = on if held is None else held | on
    return held
