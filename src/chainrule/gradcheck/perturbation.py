"""The numerical derivative of J with respect to every z of a network, without re-running it.

A sample's cost depends on W^l[j, i] only through its own z^l[j], which moves by h a^{l-1}[i]. So
each z^l[s, j] itself is moved: column j of a^l changes, z^{l+1} by a multiple of column j of
W^{l+1}, and the layers above are computed anew, for thousands of such rows at once, as matrix
products. That gives dJ/dz^l[s, j] by central differences, with an error bar; dJ/dW^l[j, i] is its
sum over samples times a^{l-1}[s, i], so that a parameter costs one multiplication and one addition
instead of two passes through the network.

Each z has its own step, so a kink is passed by for that one sample and unit alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..mathematics.activations import ACTIVATIONS
from ..mathematics.costs import COSTS
from ..mathematics.names import listed
from ..typing import Array
from .differences import EPS, STENCIL, WIDE, Estimate, better, estimate, one_sided, wide
from .native import UNITS, NativePasses
from .perturbed_passes import Passes, PerturbedCosts, Rows
from .progress import Progress

STEP = 2.0**-13
# Further tries where the first leaves the slope open: (multiple of the step, side). A kink is
# passed by on its far side, or with a smaller step; rounding is overcome with a larger one.
TRIES = (
    (2.0, 1), (2.0, -1), (2.0**-6, 0), (2.0**5, 0), (2.0**6, 1), (2.0**6, -1), (2.0**-12, 0),
    (2.0**-8, 1), (2.0**-8, -1), (2.0**10, 1), (2.0**10, -1), (2.0**-18, 0), (2.0**-24, 0),
)  # fmt: skip
SIDED = (1.0, 2.0, 3.0, 4.0)
# How many numbers a block of rows may hold in its widest layer: about a core's second-level cache.
BLOCK = 2**17


@dataclass(frozen=True, slots=True)
class Kink:
    """A z that crosses a kink while another z is moved."""

    layer: int
    unit: int
    sample: int
    moved: tuple[int, int]  # layer and unit of the z that was moved, in the same sample
    step: float

    def __str__(self) -> str:
        here = f"z{self.layer}[{self.sample}, {self.unit}]"
        here += f" (sample {self.sample}, unit {self.unit})"
        if (self.layer, self.unit) == self.moved:
            return f"{here} lies within {self.step:.1e} of its kink"
        l, j = self.moved
        return f"{here} changes sides while z{l}[{self.sample}, {j}] moves by {self.step:.1e}"


@dataclass(slots=True)
class Perturbation(Passes):
    """A network at one point, and what moving single z has shown of the slopes there."""

    kinks: list[Kink] = field(default_factory=list)
    kinks_met: int = 0
    rows: int = 0
    estimates: dict[int, Estimate] = field(default_factory=dict)
    # Of each layer, the pairs (s, j) for which J has not moved by a single bit, near and far.
    flat: dict[int, npt.NDArray[np.bool_]] = field(default_factory=dict)
    core: NativePasses | None = None  # takes the passes, where it can

    def costs(self, l: int, samples: Rows, units: Rows, by: Array, careful: bool) -> PerturbedCosts:
        """See ``Passes.costs``; by the core where it can."""
        self.rows += len(samples)
        if self.core is not None:
            return self.core.costs(l, samples, units, by, careful)
        return Passes.costs(self, l, samples, units, by, careful)

    def look(
        self,
        l: int,
        samples: Rows,
        units: Rows,
        h: Array,
        noise: Array,
        careful: bool = False,
        side: int = 0,
    ) -> tuple[Estimate, Array]:
        """Estimate dJ_s/dz^l[s, j] for the pairs given, h (R,) the step of each.

        ``side`` 0: both sides; 1 and -1: one; 2: both, with six points.
        """
        n = len(samples)
        points = {0: STENCIL, 2: WIDE}.get(side, SIDED)
        k = len(points)
        by = np.concatenate([p * h for p in points]) * (-1 if side == -1 else 1)
        moved = self.costs(l, np.tile(samples, k), np.tile(units, k), by, careful)
        met: npt.NDArray[np.bool_] = np.asarray(moved.met.reshape(k, n).any(axis=0))
        for row, layer, unit in moved.where[: 0 if careful else max(0, 5 - len(self.kinks))]:
            r = row % n
            kink = Kink(layer, unit, int(samples[r]), (l, int(units[r])), float(h[r]))
            if kink not in self.kinks:
                self.kinks.append(kink)
        base = self.base if self.core is None else self.core.base[l - 1]
        J, J0, room = moved.J.reshape(k, n), base[samples], noise[samples]
        if side == 2:
            slopes = wide(J, h, room)
        else:
            slopes = one_sided(J, J0, side * h, room) if side else estimate(J, J0, h, room)
        # A kink within the step is known, not guessed: nothing seen across it counts. And where
        # only what is exactly 0 stays so (dead units, dropped ones), J does not depend on z at all.
        self._note_flat(l, samples, units, (J == J0).all(axis=0))
        met = met | (self._bent(moved.bent, k, n) if side else False)
        still = moved.still.reshape(k, n).all(axis=0) & ~met
        bar = np.where(met, np.inf, np.where(still, 0.0, slopes.bar))
        rounding = np.where(still, 0.0, slopes.rounding)
        return Estimate(slopes.value, bar, met, rounding), met

    def _bent(self, bent: Any, k: int, n: int) -> Any:
        known = all(listed(s.f, ACTIVATIONS) for s in self.layers) and listed(self.cost, COSTS)
        return np.asarray(bent.reshape(k, n).any(axis=0)) if known else True

    def _note_flat(self, l: int, samples: Rows, units: Rows, flat: npt.NDArray[np.bool_]) -> None:
        known = self.flat.setdefault(l, np.ones(self.layers[l - 1].z.shape, np.bool_))
        known[samples, units] &= flat

    def noise(self, l: int) -> Array:
        """Bound the rounding of one sample's J (m,) when z^l is moved, from the slopes found above.

        Each sum z^k rounds by some eps times its terms; its slope carries that to J.
        """
        total = np.abs(self.base)
        for k in range(l + 1, len(self.layers) + 1):
            layer, slopes = self.layers[k - 1], self.estimates[k].value
            terms = np.abs(layer.a_prev) @ np.abs(layer.W).T + np.abs(layer.b)
            total = total + np.sum(np.abs(slopes.reshape(terms.shape)) * terms, axis=1)
        top = self.layers[-1]
        if l == len(self.layers) and np.isfinite(top.z).all():
            total = total + np.max(np.abs(top.z), axis=1)
        units = 4.0 if self.core is None else UNITS
        return units * EPS * np.nan_to_num(total, nan=np.inf, posinf=np.inf)

    def layer(self, l: int, progress: Progress) -> Estimate:
        """Estimate dJ_s/dz^l for every sample and unit of layer l, as (m, n_l) arrays."""
        layer = self.layers[l - 1]
        m, n = layer.z.shape
        noise = self.noise(l)
        value, bar = np.full(m * n, np.nan), np.full(m * n, np.inf)
        kinked = np.zeros(m * n, np.bool_)
        size = self._size(l)
        h = self._steps(l)
        rounding = np.zeros(m * n)
        result = Estimate(value, bar, kinked, rounding)
        self.estimates[l] = result
        for start in range(0, m * n, size):
            part = np.arange(start, min(start + size, m * n))
            slopes, met = self.look(l, part // n, part % n, h[part], noise)
            self.kinks_met += int(met.sum())
            value[part], bar[part], kinked[part] = slopes.value, slopes.bar, slopes.kinked
            rounding[part] = slopes.rounding
            if not progress.step(len(part)):
                break
        return result

    def _steps(self, l: int) -> Array:
        """The first step of every pair: a power of two, in proportion to z above 1."""
        scale = np.maximum(1.0, np.abs(self.layers[l - 1].z)).ravel()
        h: Array = np.exp2(np.floor(np.log2(np.where(np.isfinite(scale), scale, 1.0)))) * STEP
        return h

    def again(self, l: int, units: Rows, progress: Progress) -> None:
        """Other steps for the pairs of these units whose bar is long beside the layer's slopes."""
        slopes, layer = self.estimates[l], self.layers[l - 1]
        m, n = layer.z.shape
        h, noise, size = self._steps(l), self.noise(l), self._size(l)
        pairs = (np.arange(m)[:, None] * n + units).ravel()
        for rung, side in TRIES:
            known = np.abs(slopes.value[np.isfinite(slopes.bar)])
            typical = float(np.mean(known)) if known.size else 0.0
            size_of = np.maximum(np.abs(np.nan_to_num(slopes.value[pairs])), 1e-2 * typical)
            long = pairs[slopes.bar[pairs] > 1e-7 * size_of]
            if not len(long):
                return
            progress.more(len(long))
            if not self._retry(l, slopes, long, (rung * h, noise, side), size, progress):
                return

    def refine(self, l: int, units: Rows, progress: Progress) -> None:
        """Take six points and longer steps for these units: their sums cancel too much."""
        m, n = self.layers[l - 1].z.shape
        pairs = (np.arange(m)[:, None] * n + units).ravel()
        h, noise, size = self._steps(l), self.noise(l), self._size(l)
        progress.more(2 * len(pairs))
        for rung in (2.0**4, 2.0**7):
            if not self._retry(l, self.estimates[l], pairs, (rung * h, noise, 2), size, progress):
                return

    def _size(self, l: int) -> int:
        """How many pairs a block holds."""
        if self.core is not None:
            return self.core.size(l)
        width = max(int(s.z.shape[1]) for s in self.layers[l - 1 :])
        return max(1, BLOCK // (4 * width))

    def _retry(
        self, l: int, slopes: Estimate, pairs: Rows, work: Any, size: int, progress: Progress
    ) -> bool:
        """Look again at some pairs with other steps; keep the estimates with shorter bars."""
        n = self.layers[l - 1].z.shape[1]
        h, noise, side = work
        for start in range(0, len(pairs), size):
            part = pairs[start : start + size]
            new, _ = self.look(l, part // n, part % n, h[part], noise, True, side)
            best = better(Estimate(*(x[part] for x in slopes)), new)
            for slope, value in zip(slopes, best, strict=True):
                slope[part] = value
            if not progress.step(len(part)):
                return False
        return True
