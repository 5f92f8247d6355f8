"""Numbers far from all others: values that stand for a gap, and outliers.

Both are judged by the bulk of a column: all but the k least and the k greatest numbers, k being a
hundredth of them and at least one. Its width is the unit of what is far.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np

from ..typing import Array

# A number further from the bulk than this many of its widths is cut ...
CUT: Final = 3.0
# ... and beyond this many a line says so.
STRIKING: Final = 10.0
# A value in fewer rows than this is an outlier, not a sign for a gap.
FEWEST_GAPS: Final = 3
# Of fewer numbers nothing is said to be usual.
FEWEST_NUMBERS: Final = 10


@dataclass(frozen=True, slots=True)
class Fences:
    """The range of usual numbers; ``striking`` are those far beyond it."""

    low: float = -inf
    high: float = inf
    striking: tuple[float, ...] = ()


def gap_of(numbers: Array) -> float | None:
    """Return the number that stands for a gap, as -999 does among ages; None if none does.

    It is written with nines alone, is in several rows, and is further from all other numbers than
    these are from one another.
    """
    for value in (float(numbers.min()), float(numbers.max())):
        digits = f"{abs(value):.0f}"
        if not np.isfinite(value) or abs(value) < 99 or set(digits) != {"9"} or value % 1:
            continue
        others = numbers[numbers != value]
        count = len(numbers) - len(others)
        if count < FEWEST_GAPS or len(others) < FEWEST_NUMBERS:
            continue
        low, high = float(others.min()), float(others.max())
        if max(low - value, value - high) > high - low:
            return value
    return None


def fences_of(numbers: Array) -> Fences:
    """Return the range beyond which a column's numbers are cut."""
    m = len(numbers)
    if m < FEWEST_NUMBERS:
        return Fences()
    k = max(1, m // 100)
    ordered = np.partition(numbers, (k, m - 1 - k))
    low, high = float(ordered[k]), float(ordered[m - 1 - k])
    width = high - low
    if not 0 < width < inf:
        return Fences()
    far = numbers[(numbers < low - STRIKING * width) | (numbers > high + STRIKING * width)]
    return Fences(low - CUT * width, high + CUT * width, tuple(far.tolist()))
