"""Kinks met on the way: which z changes its sign between θ - h and θ + h, exactly.

Decided from the z that the cost caches (any entry of its dictionary whose name starts with z), or
from those of a network's trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Flip:
    """One z that crosses a kink while one parameter moves by h."""

    z: str
    index: tuple[int, ...]
    parameter: str
    entry: int
    step: float

    def __str__(self) -> str:
        return (
            f"{self.z}{list(self.index)} changes sign while {self.parameter} (entry {self.entry}) "
            f"moves by {self.step:.1e}"
        )


def flips_between(
    base: Mapping[str, Any], caches: Sequence[Any], moved: tuple[str, int, float]
) -> list[Flip]:
    """Return each cached z whose sign differs between two caches, or is 0 in ``base``."""
    below, above = caches
    crossings: list[Flip] = []
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return crossings
    for name in base:
        if not (isinstance(name, str) and name[:1] in "zZ"):
            continue
        try:
            signs = [np.sign(np.asarray(c[name], np.float64)) for c in (below, base, above)]
        except (KeyError, TypeError, ValueError):
            continue
        if not signs[0].shape == signs[1].shape == signs[2].shape:
            continue
        flips = (signs[0] != signs[2]) | (signs[0] != signs[1])
        crossings.extend(
            Flip(name, tuple(int(i) for i in place), *moved) for place in np.argwhere(flips)[:3]
        )
    return crossings
