"""A kernel's cost along directions from its inputs, for several upstream gradients at once.

The displaced inputs are rounded to the kernel's dtype, and the difference that remains is taken
exactly: J(x') - J(x) is compared with g · (x' - x). Sums are worked out in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...typing import Array
from ..differences import SAFETY, STENCIL, Estimate, better, estimate
from .arguments import Arguments

RUNGS = (0.25, 2.0**-3, 2.0**-4, 2.0**-6, 2.0**-8)
# Points on either side of the inputs through which the odd part of J is fitted.
POINTS = 3


@dataclass(slots=True)
class Along:
    """The costs ``J_u = sum of u × output`` of a kernel, moved along directions.

    ``upstreams[u]`` holds an upstream gradient for each output, ``gradients[u]`` the kernel's
    gradient of each checked array for it; the first is the one that the report shows.
    """

    arguments: Arguments
    function: Callable[..., Any]
    upstreams: Sequence[Sequence[Array]]
    outputs: Sequence[Array]
    gradients: Sequence[Sequence[Array]]
    noise: float = 0.0
    evaluations: int = 0
    values: list[Array] = field(default_factory=list)

    def __post_init__(self) -> None:
        library = self.arguments.framework
        self.values = [library.numbers(a) for a in self.arguments.arrays]

    def excess(self, i: int, x: Array, count: int = 1) -> Array:
        """Return J_u(x') - J_u - g_u · (x' - x_i) for the first upstream gradients.

        ``x'`` is ``x`` rounded to the dtype of input i.
        """
        library = self.arguments.framework
        array = library.like(self.arguments.arrays[i], x)
        arrays = list(self.arguments.arrays)
        arrays[i] = array
        self.evaluations += 1
        library.begin()
        outputs = library.evaluate(self.arguments.call(self.function), arrays)
        changes = [library.numbers(out) - o for out, o in zip(outputs, self.outputs, strict=True)]
        step = library.numbers(array) - self.values[i]
        return np.array(
            [
                sum(float(np.vdot(u, change)) for u, change in zip(us, changes, strict=True))
                - float(np.vdot(np.nan_to_num(g[i]), step))
                for us, g in zip(self.upstreams[:count], self.gradients, strict=False)
            ]
        )

    def slope(self, i: int, v: Array) -> Estimate:
        """Estimate d/dt of J(x + t v) less g · v for the first upstream gradient, with its bar."""
        best = None
        for h in RUNGS:
            values = [self.excess(i, self.values[i] + k * h * v) for k in STENCIL]
            new = estimate(np.array(values), 0.0, h, self.noise)
            best = new if best is None else better(best, new)
            if best.bar[0] <= 0.02 * abs(float(np.vdot(self.gradients[0][i], v))):
                break
        assert best is not None
        return best

    def slopes(self, i: int, v: Array, h: float) -> Array:
        """Return d/dt of J_u(x + t v) less g_u · v for every upstream gradient.

        The odd part of J at ``POINTS`` distances up to h is fitted by ``s t + c t^3``: rounding is
        averaged out, and the curvature taken away.
        """
        t = h * np.arange(1, POINTS + 1) / POINTS
        count = len(self.upstreams)
        odd = [
            self.excess(i, self.values[i] + step * v, count)
            - self.excess(i, self.values[i] - step * v, count)
            for step in t
        ]
        powers = np.stack([t, t**3], axis=1)
        fit: Array = np.linalg.pinv(powers)[0] @ np.array(odd) / 2
        return fit

    def measure_noise(self, rng: np.random.Generator) -> None:
        """Measure what single roundings of the inputs make of J."""
        levels = []
        for i, array in enumerate(self.arguments.arrays):
            eps = self.arguments.framework.eps(array)
            for _ in range(3):
                flips = rng.choice([-1.0, 1.0], self.values[i].shape)
                levels.append(self.excess(i, self.values[i] * (1 + eps * flips))[0])
        self.noise = SAFETY / 2 * float(np.sqrt(np.mean(np.square(levels))))
        least = max(
            self.arguments.framework.eps(a) * float(np.linalg.norm(u * out))
            for a in self.arguments.arrays
            for u, out in zip(self.upstreams[0], self.outputs, strict=True)
        )
        self.noise = max(self.noise, least)
