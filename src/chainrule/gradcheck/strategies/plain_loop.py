"""The notes' loop on a few entries: theta itself moved, full passes, an oracle of the quick way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...model import Model
from ...parameters import views
from ...typing import Array
from ..differences import EPS
from ..verdicts import RIGHT, UNCHECKED, UNDECIDABLE, Checked

# Entries of each array that are also computed by the plain loop.
LOOPED = 1


def compare_with_plain_loop(
    net: Model, tensors: Sequence[Checked], J: Callable[[Array], float], seed: int
) -> None:
    """Check a few entries by full passes, as the notes do; undecidable where both ways differ."""
    rng = np.random.default_rng(seed)
    J0 = J(net.theta)
    noise = 64 * EPS * max(abs(J0), 1e-300)
    index: Array = np.arange(net.theta.size, dtype=np.float64)
    flat = [part[name] for part in views(index, net.layers) if part for name in part]
    for t, places in zip(tensors, flat, strict=True):
        decided = np.flatnonzero(np.isfinite(t.bar.ravel()) & (t.verdict.ravel() != UNCHECKED))
        for i in rng.choice(decided, min(LOOPED, len(decided)), replace=False):
            place = int(places.reshape(-1)[i])
            known = float(t.numeric.flat[i]), float(t.bar.flat[i])
            if not _agrees(J, J0, net.theta, place, known, noise):
                t.verdict.flat[i] = UNDECIDABLE if t.verdict.flat[i] == RIGHT else t.verdict.flat[i]
                t.reasons[int(i)] = "the plain loop and the quick way give different derivatives"


def _agrees(
    J: Callable[[Array], float],
    J0: float,
    theta: Array,
    place: int,
    known: tuple[float, float],
    noise: float,
) -> bool:
    """Whether full passes with one parameter moved agree with a slope, or cannot tell (a kink)."""
    slope, bar = known
    for h in (2.0**-17, 2.0**-24):
        moved = theta.copy()
        moved[place] += h
        above = J(moved)
        moved[place] -= 2 * h
        below = J(moved)
        central, bent = (above - below) / (2 * h), abs(above - 2 * J0 + below) / h
        room = 1e-3 * abs(slope) + bar + noise / h
        if not np.isfinite(central) or abs(central - slope) <= room or bent > room:
            return True
    return False
