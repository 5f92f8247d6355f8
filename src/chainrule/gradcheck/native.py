"""The native core's part in the check of a Network: J of samples that have one z moved each.

``perturbation`` decides what is moved and how far, and judges J; here are only the passes. The core
takes them where layers and cost are the tables' own, and where its activations and its J at the
point itself are those of the mathematics to rounding; elsewhere NumPy does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engines import built
from ..mathematics.costs import smooth
from ..model import Model
from ..typing import Array
from .differences import EPS
from .perturbed_passes import CachedLayer, Passes, PerturbedCosts

Rows = npt.NDArray[np.intp]

MET, STILL, BENT = 1, 2, 4  # as in src/core/core.hpp
# The core's activations are right to 6 units in the last place at worst, NumPy's to 4.
UNITS = 8.0
# The operations of a block of rows: some milliseconds, so that Ctrl-C and the clock are heard.
WORK, MOST = 2.0**28, 2**15


class NativePasses:
    """The passes of one check on the core."""

    def __init__(self, checker: Any, sizes: Sequence[int], samples: int, threads: int) -> None:
        self._checker, self._sizes, self._threads = checker, sizes, threads
        every, first = np.arange(samples), np.zeros(samples, np.intp)
        still = np.zeros(samples)
        self.base = [self.costs(l, every, first, still, False).J for l in range(1, len(sizes))]

    def costs(self, l: int, samples: Rows, units: Rows, by: Array, careful: bool) -> PerturbedCosts:
        """Return J of each sample with its z^l[unit] moved by ``by`` (R,), and what happened."""
        n = len(samples)
        J, flags, where = np.empty(n), np.empty(n, np.uint8), np.empty((n, 2), np.int32)
        rows = (samples.astype(np.int64, copy=False), units.astype(np.int64, copy=False))
        self._checker.costs(l, *rows, by, careful, J, flags, where, self._threads)
        met, still, bent = ((flags & bit) != 0 for bit in (MET, STILL, BENT))
        places = np.flatnonzero(where[:, 0]) if met.any() else np.empty(0, np.intp)
        places = places[np.argsort(where[places, 0], kind="stable")][:8]
        kinks = [(int(r), int(where[r, 0]), int(where[r, 1])) for r in places]
        return PerturbedCosts(met, still, kinks, J, bent)

    def size(self, l: int) -> int:
        """How many pairs a block holds when z^l is moved at four points."""
        widths = self._sizes[l:]
        products = sum(2 * n * k for n, k in pairwise(widths[1:]))
        return int(min(max(WORK / (4 * (products + 100 * sum(widths))), 48), MOST))


def native_passes_of(net: Model, passes: Passes) -> NativePasses | None:
    """Return the core for these passes, or None where NumPy must take them."""
    native = built()
    if (
        native is None
        or native.lacks_layers(net.architecture)
        or native.lacks_cost(net.architecture)
    ):
        return None
    Y = np.ascontiguousarray(smooth(passes.Y, net.cost.settings.get("smoothing", 0)))
    checker = native.checker(net.architecture, [_arrays(layer) for layer in passes.layers], Y)
    core = NativePasses(checker, net.sizes, len(Y), native.threads_of(None))
    for l, layer in enumerate(passes.layers, 1):
        activations = np.empty(layer.z.shape)
        checker.own(l, activations)
        if not _close(activations, layer.a, 64 * EPS, 1e-290) or not _close(
            core.base[l - 1], passes.base, 1e-8, 1e-10
        ):
            return None
    return core


def _arrays(layer: CachedLayer) -> tuple[Any, ...]:
    mask = None if layer.mask is None else np.ascontiguousarray(layer.mask)
    arrays = [np.ascontiguousarray(x) for x in (layer.W.T, layer.b, layer.z, layer.a)]
    return (*arrays, mask, bool(layer.f.kinks), bool(layer.f.bends))


def _close(ours: Array, reference: Array, relative: float, absolute: float) -> bool:
    return bool(np.allclose(ours, reference, rtol=relative, atol=absolute, equal_nan=True))
