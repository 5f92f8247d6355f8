"""J around one point: the evaluations that a check of single entries makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...typing import Array
from ..cost_functions import Subject
from ..differences import (
    STENCIL,
    Estimate,
    estimate,
    power_of_two,
)
from ..kinks import Flip, flips_between
from ..noise import complex_along
from ..pytree import Leaf


@dataclass(slots=True)
class Sweep:
    """What the evaluations of one check share, and the kinks met on the way."""

    subject: Subject
    noise: float
    step: float
    tolerance: float
    complex_leaves: frozenset[str] = frozenset()
    largest: float = 0.0  # the largest gradient times its parameter's size
    flips: list[Flip] = field(default_factory=list)

    def sizes(self, leaf: Leaf) -> Array:
        """The step for each entry of a leaf: a power of two, in proportion to the entry's scale."""
        rms = float(np.sqrt(np.mean(leaf.value**2))) if leaf.value.size else 0.0
        scale = np.maximum(np.abs(leaf.value), rms)
        scale = np.where(scale > 0, scale, 1.0)
        return power_of_two(self.step * scale).ravel()

    def values(self, leaf: Leaf, index: int, h: float) -> Array:
        """J at the four displacements of one entry."""
        return np.array([self.moved(leaf, index, k * h)[0] for k in STENCIL])

    def moved(self, leaf: Leaf, index: int, by: float) -> tuple[float, Any]:
        """J and the cache with one entry moved."""
        moved = leaf.value.copy()
        moved.flat[index] += by
        return self.subject.at({leaf.path: moved})

    def look(self, leaf: Leaf, index: int, h: float) -> Estimate:
        """The estimate of one entry's derivative with step h."""
        values = self.values(leaf, index, h)
        with np.errstate(all="ignore"):
            slope = estimate(values[:, None], self.subject.J0, h, self.noise)
        if not slope.kinked[0] or not isinstance(self.subject.cache, Mapping):
            return slope
        names = (leaf.name, index, h)
        caches = [self.moved(leaf, index, k * h)[1] for k in (-1.0, 1.0)]
        self.flips.extend(flips_between(self.subject.cache, caches, names))
        return slope

    def constant(self, leaf: Leaf, index: int, h: float) -> bool:
        """Whether J does not move by a single bit, near and far."""
        J0, h = self.subject.J0, h / self.step * 2.0**-13
        near = all(self.moved(leaf, index, k * h)[0] == J0 for k in (-1.0, 1.0, 0.5, -0.5))
        return near and all(self.moved(leaf, index, k * h)[0] == J0 for k in (-256.0, 256.0))

    def complex_derivative(self, leaf: Leaf, index: int) -> float | None:
        """``Im J(x + ih) / h`` for a tiny h, or None where the function does not take it.

        Source: Squire and Trapp, "Using complex variables to estimate derivatives of real
        functions", SIAM Review 40, 1998.
        """
        direction = np.zeros(leaf.shape)
        direction.flat[index] = 1.0
        return complex_along(self.subject, {leaf.path: direction})
