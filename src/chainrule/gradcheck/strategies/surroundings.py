"""J around the point of a check: a minimum that rounding hides, a map too steep to follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..cost_functions import Subject
from ..differences import EPS, estimate, noise_of, power_of_two
from ..noise import rms, scales
from ..verdicts import RIGHT, UNDECIDABLE, WRONG, Checked
from .sweep import Sweep

# How far away J is looked at, in sizes of the parameters.
REACH = 0.5
# A gradient this small beside the slopes around is that of a stationary point.
STATIONARY = 1e-9
# The step of the differences at a stationary point, in sizes of the parameters.
STEP = 2.0**-10
# Noise above this part of J's variation is no rounding: J is not followed by any difference.
LOST = 1e-2
SPACINGS = (1e-13, 1e-10)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How much J varies within the parameters' own size, and whether it only rises."""

    variation: float
    rises: bool

    def stationary(self, largest: float) -> bool:
        """Whether ``largest``, the largest gradient times its parameter's size, is next to 0."""
        return largest <= STATIONARY * self.variation


def surroundings_of(subject: Subject) -> Surroundings:
    """Look at J along two random directions, both ways."""
    rng = np.random.default_rng(0)
    changes: list[float] = []
    for _ in range(2):
        J = subject.along(
            [scales(leaf) * rng.standard_normal(leaf.shape) for leaf in subject.leaves]
        )
        changes += [_value(J, side * REACH) - subject.J0 for side in (1, -1)]
    finite = [change for change in changes if np.isfinite(change)]
    return Surroundings(max(map(abs, finite), default=0.0), all(c > 0 for c in finite))


def _value(J: Callable[[float], float], t: float) -> float:
    """Return J(t), NaN where the cost raises: so far from the point it need not be defined."""
    try:
        return J(t)
    except Exception:
        return float("nan")


def acquit_at_minimum(sweep: Sweep, tensors: Sequence[Checked], around: Surroundings) -> str:
    """Decide entries of 0 at a stationary point by the slopes around it; return what to note.

    The entry is right if its difference is 0 within a bar below ``tolerance`` times the slope that
    J has at the distance of one parameter's size, and J bends there as a smooth function does.
    """
    acquitted = 0
    for leaf, t in zip(sweep.subject.leaves, tensors, strict=True):
        slope = around.variation / rms(leaf.value)
        rounding = 64 * EPS * (around.variation + abs(sweep.subject.J0)) / rms(leaf.value)
        for i in np.flatnonzero(t.verdict.ravel() == UNDECIDABLE):
            if abs(t.analytic.flat[i]) > rounding:
                continue
            h = float(power_of_two(np.array(STEP * rms(leaf.value))))
            plus, minus, *_ = values = sweep.values(leaf, int(i), h)
            J0 = sweep.subject.J0
            bend, half = (plus - J0) + (minus - J0), (values[2] - J0) + (values[3] - J0)
            smooth = abs(4 * half - bend) <= 0.1 * abs(bend) + 12 * sweep.noise
            e = estimate(values[:, None], J0, h, sweep.noise)
            bar = float(e.rounding[0]) + 2 * abs(values[2] - values[3] - (plus - minus) / 2) / h
            if smooth and abs(e.value[0]) <= bar + rounding and bar <= sweep.tolerance * slope:
                t.numeric.flat[i], t.bar.flat[i], t.verdict.flat[i] = e.value[0], bar, RIGHT
                t.reasons.pop(int(i), None)
                acquitted += 1
    if not acquitted:
        return ""
    place = "a minimum" if around.rises else "a stationary point"
    return f"right at {place}: every entry is 0 within rounding"


def cannot_be_followed(subject: Subject, noise: float, around: Surroundings) -> bool:
    """Whether J changes as a whole within the smallest steps: a steep or chaotic map.

    Noise is the same at every spacing of the points; what grows with the spacing is J itself.
    """
    if noise <= 1e6 * subject.resolution * max(abs(subject.J0), around.variation):
        return False
    if noise >= LOST * around.variation > 0:
        return True
    rng = np.random.default_rng(0)
    J = subject.along([scales(leaf) * rng.standard_normal(leaf.shape) for leaf in subject.leaves])
    near, far = (noise_of([J(k * spacing) for k in range(7)]) for spacing in SPACINGS)
    return near is not None and far is not None and near < 0.2 * far


def leave_undecided(tensors: Sequence[Checked]) -> str:
    """Take back what differences of a J that they cannot follow call wrong; return the note."""
    taken_back = False
    for t in tensors:
        for i in np.flatnonzero(t.verdict.ravel() == WRONG):
            t.verdict.flat[i] = UNDECIDABLE
            t.reasons[int(i)] = "J changes as a whole within the smallest step"
            taken_back = True
    return (
        "J is steep or chaotic here: no difference can follow it, so that nothing is called wrong"
        if taken_back
        else ""
    )
