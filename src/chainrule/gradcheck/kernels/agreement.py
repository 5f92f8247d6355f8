"""How well a kernel's gradient agrees with its own differences, as a share of its size.

Along random directions, for several upstream gradients, a mistake e in a gradient g leaves slopes
of the size of e, rounding and curvature leave others beside: the root mean square of what is left
is never below the mistake's, so that it is a *resolution*. A mistake stays the same when the step
is halved; rounding doubles and curvature falls sixteenfold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from ...typing import Array
from ..verdicts import RIGHT, UNDECIDABLE, WRONG
from .along import Along

STEPS = (1.0, 0.5, 0.25, 2.0**-3, 2.0**-4, 2.0**-5, 2.0**-6, 2.0**-8)
# Slopes that are looked at, over all directions and upstream gradients: fewer may be small by luck.
SLOPES = 16
# Slopes that differ by less than this share from step to step are the same.
STEADY = 0.3
# A gradient that small beside those of the other arrays, in units of the last digit, is 0.
STILL = 64


@dataclass(frozen=True, slots=True)
class Agreement:
    """The verdict on one array, the share of its gradient that is left, a direction to look along.

    ``share`` measures what part of the gradient can be wrong; ``level`` is what would be right.
    """

    verdict: int
    share: float
    level: float
    direction: Array


def level_of(eps: float) -> float:
    """Return the share of a gradient below which no mistake is told from rounding.

    Twice the spacing of the dtype is what a kernel's own rounding inside leaves; in float16 and
    float32 the differences themselves do not see that much.
    """
    return max(2 * eps, 0.16 * sqrt(eps), 1e-3)


def agreement(
    along: Along, i: int, sizes: Sequence[float], spread: Array | None, rng: np.random.Generator
) -> Agreement:
    """Compare the gradient of input i with differences, at steps from long to short.

    *right*: less than ``level_of`` of the gradient is left at some step. *wrong*: more than twice
    that, the same at three steps in a row. Else undecidable. ``sizes``: how far each input is
    moved; ``spread``: how much the gradient differs from run to run, which is no mistake.
    """
    eps = along.arguments.framework.eps(along.arguments.arrays[i])
    level, x = level_of(eps), along.values[i]
    count = -(-SLOPES // len(along.upstreams))
    directions = [sizes[i] * rng.standard_normal(x.shape) for _ in range(count)]
    claims = _claims(along, i, directions)
    size = float(np.sqrt(np.mean(claims**2)))
    largest = max(_size(along, k) * sizes[k] for k in range(len(sizes)))
    if size < STILL * eps * largest:
        level, size = 1.0, STILL * eps * largest
    if spread is not None and size > 0:
        level += 2 * sizes[i] * float(np.linalg.norm(spread)) / size
    best, direction, earlier = np.inf, directions[0], []
    for h in STEPS:
        left = np.array([along.slopes(i, v, h) for v in directions])
        if not np.isfinite(left).all():
            continue
        share = _rms(left) / size if size > 0 else np.inf if left.any() else 0.0
        if share < best:
            best = share
            direction = directions[int(np.argmax(np.max(np.abs(left), axis=1)))]
        if best <= level:
            return Agreement(RIGHT, best, level, direction)
        earlier.append(left)
        if share > 2 * level and _steady(earlier[-3:]):
            return Agreement(WRONG, share, level, direction)
    return Agreement(UNDECIDABLE, best, level, direction)


def _claims(along: Along, i: int, directions: Sequence[Array]) -> Array:
    return np.array([[float(np.vdot(g[i], v)) for v in directions] for g in along.gradients])


def _size(along: Along, i: int) -> float:
    return sum(float(np.linalg.norm(g[i])) for g in along.gradients) / len(along.gradients)


def _rms(x: Array) -> float:
    return float(np.sqrt(np.mean(x * x)))


def _steady(slopes: Sequence[Array]) -> bool:
    """Whether three steps in a row leave the same slopes."""
    if len(slopes) < 3:
        return False
    return all(_rms(slopes[k] - slopes[2]) <= STEADY * _rms(slopes[2]) for k in (0, 1))
