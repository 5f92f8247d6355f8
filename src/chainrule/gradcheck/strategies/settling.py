"""An entry that four values of J leave open: other steps, the complex step, one side of a kink."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..differences import (
    EPS,
    Estimate,
    better,
    one_sided,
)
from ..noise import size
from ..pytree import Leaf
from .sweep import Sweep

# Further steps, as multiples of the first: small ones pass by kinks, large ones rise above noise.
RUNGS = (2.0**-6, 2.0**-12, 2.0**-18, 2.0**-24, 2.0**4, 2.0**8, 2.0**10)
# A wrong entry must be rejected by every step down to this one.
CONFIRMED = 2.0**-12
# An entry that much smaller than its array has a scale of its own.
OWN_SCALE = 2.0**-8
# So far below its array that the array's step may leave all that the entry does behind.
LOST_SCALE = 2.0**-30


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a leaf, with its first step h and the gradient ``a`` that is checked."""

    leaf: Leaf
    index: int
    h: float
    a: float


class Settled(NamedTuple):
    """The best estimate; whether a kink was met; whether some step agreed with the gradient.

    A step agrees if its own estimate, whose bar is short, equals the gradient.
    """

    estimate: Estimate
    kinked: bool
    agreed: bool


def settle(sweep: Sweep, entry: Entry, first: Estimate, confirm: bool) -> Settled:
    """Look again with other steps until the entry is known; to ``confirm``, with all short ones."""
    exact = _exact(sweep, entry, first)
    if exact is not None:
        return Settled(exact, bool(first.kinked[0]), False)
    best, kinked, agreed = first, bool(first.kinked[0]), _agrees(entry.a, first)
    # While all steps see kinks, or two contradict each other, the shortest ones are asked too.
    torn, smooth, at = False, not kinked, 1.0
    # As a bias before a normalisation: J stays as it is however far one goes.
    still = abs(entry.a) <= 64 * EPS * sweep.largest / size(entry.leaf)
    entry_scale = abs(float(entry.leaf.value.flat[entry.index])) * sweep.step / entry.h
    for k, new in further(
        lambda k: sweep.look(entry.leaf, entry.index, k * entry.h), kinked, entry_scale
    ):
        kinked, agreed = kinked or bool(new.kinked[0]), agreed or _agrees(entry.a, new)
        if k > 1 and not still and new.bar[0] > 1e-3 * abs(new.value[0]):
            continue  # so far away J may be another function
        torn, smooth = torn or apart(best, new), smooth or not new.kinked[0]
        best = combined(best, new, shorter=k < at)
        at = k if best.bar[0] == new.bar[0] else at
        largest = max(abs(entry.a), abs(float(best.value[0])))
        enough = (
            (k <= CONFIRMED and smooth and not torn)
            if confirm
            else best.bar[0] <= sweep.tolerance * largest
        )
        if enough:
            break
    if kinked and best.bar[0] > sweep.tolerance * abs(best.value[0]):
        best = _past_the_kink(best, slopes_at_sides(sweep, entry))
    return Settled(best, kinked, agreed)


def further(
    look: Callable[[float], Estimate], kinked: bool, entry_scale: float = 1.0
) -> Iterator[tuple[float, Estimate]]:
    """Yield (k, estimate) at k times the first step: shorter steps, then longer ones.

    ``entry_scale``: the step in proportion to the entry itself, tried first where its array is of a
    far larger scale. Longer steps are left out once a kink was met: they would cross more.
    """
    small = 0 < entry_scale < OWN_SCALE
    for k in (*((entry_scale, entry_scale / 64) if small else ()), *RUNGS):
        if k > 1 and kinked:
            return
        new = look(k)
        kinked = kinked or bool(new.kinked[0])
        yield k, new


def combined(best: Estimate, new: Estimate, shorter: bool) -> Estimate:
    """Return what two estimates of one derivative tell together.

    The one with the shorter bar; but where the bars do not meet, a kink fooled the longer step:
    then the estimate with the shorter step.
    """
    if apart(best, new):
        return new if shorter else best
    return better(best, new)


def apart(one: Estimate, other: Estimate) -> bool:
    """Whether the bars of two estimates do not meet."""
    return bool(abs(one.value[0] - other.value[0]) > one.bar[0] + other.bar[0])


def _exact(sweep: Sweep, entry: Entry, first: Estimate) -> Estimate | None:
    """Return the derivative by the complex step where J takes complex numbers and both agree."""
    if entry.leaf.name not in sweep.complex_leaves:
        return None
    exact = sweep.complex_derivative(entry.leaf, entry.index)
    if exact is None or abs(exact - first.value[0]) > first.bar[0]:
        return None
    # The gradient is rounded too, by some eps of the largest of its array.
    bar = np.array([64 * EPS * (abs(exact) + sweep.largest / size(entry.leaf))])
    return Estimate(np.array([exact]), bar, first.kinked, bar)


def _agrees(a: float, e: Estimate) -> bool:
    short = not e.kinked[0] and e.bar[0] <= 1e-2 * abs(e.value[0])
    return bool(short and abs(a - e.value[0]) <= e.bar[0])


def _past_the_kink(best: Estimate, sides: Sequence[Estimate]) -> Estimate:
    """Take one side's slope: the one that the shortest steps agree with, if just one does."""
    agree = [abs(e.value[0] - best.value[0]) <= e.bar[0] + best.bar[0] for e in sides]
    if agree[0] == agree[1]:
        return best
    return better(best, sides[agree.index(True)])


def unresolved(sweep: Sweep, entry: Entry) -> bool:
    """Whether an entry is far below its array's size, and J too coarse for a step of its own size.

    What longer steps say of it, as that tanh(x / s) stands still, is no verdict then.
    """
    h = abs(float(entry.leaf.value.flat[entry.index])) * sweep.step
    if not 0 < h < LOST_SCALE * entry.h:
        return False
    e = sweep.look(entry.leaf, entry.index, h)
    return bool(abs(entry.a - e.value[0]) <= e.bar[0])


def slopes_at_sides(sweep: Sweep, entry: Entry) -> list[Estimate]:
    """The slopes on the right and on the left."""
    sides = []
    J0, noise = np.array([sweep.subject.J0]), np.array([sweep.noise])
    for h in (entry.h, -entry.h):
        values = [sweep.moved(entry.leaf, entry.index, k * h)[0] for k in (1, 2, 3, 4)]
        sides.append(one_sided(np.array(values)[:, None], J0, np.array([h]), noise))
    return sides


def reason(a: float, best: Estimate, sides: Sequence[Estimate]) -> str:
    """Say why an entry stays undecidable."""
    if not np.isfinite(best.bar[0]):
        return "J is infinite or NaN within the smallest step"
    if not np.isfinite(a):
        return "the gradient is not finite, and the numerical one is not known"
    if sides and apart(*sides):
        right, left = (float(e.value[0]) for e in sides)
        return (
            "a kink lies here, or nearer than rounding lets see: the slope is "
            f"{left:.6g} on the left and {right:.6g} on the right"
        )
    return f"rounding noise of J is above the difference (known to ± {best.bar[0]:.1e})"
