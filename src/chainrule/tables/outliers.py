"""Numbers far from all others: values that stand for a gap, and outliers.

Both are judged by the bulk of a column: all but the k least and the k greatest numbers, k being a
hundredth of them and at least one. Its width is the unit of what is far.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Final

import numpy as np

from ..typing import Array

# A number further from the bulk than this many of its widths is cut ...
CUT: Final = 3.0
# ... and beyond this many a line says so.
STRIKING: Final = 10.0
# A bulk this many times as wide as the middle eight tenths has outliers in it.
TOO_WIDE: Final = 100.0
# A value in fewer rows than this is an outlier, not a sign for a gap.
FEWEST_GAPS: Final = 3
# Of fewer numbers nothing is said to be usual.
FEWEST_NUMBERS: Final = 10
# The ends of number types, which programs write for a gap.
_TYPE_ENDS: Final = frozenset(
    [*(s * 2.0**n - (s > 0) for n in (15, 31, 63) for s in (-1, 1)), 2.0**16 - 1, 2.0**32 - 1]
    + [s * float(np.finfo(kind).max) for kind in (np.float32, np.float64) for s in (-1, 1)]
)
# Days since 1970 of dates that stand for none: 1900-01-01, 1970-01-01, 9999-12-31 and others.
_NO_DAYS: Final = frozenset(
    (datetime(*day) - datetime(1970, 1, 1)).days
    for day in (
        *((year, 1, 1) for year in (1, 1601, 1753, 1800, 1900, 1970)),
        *((1899, 12, 30), (1899, 12, 31), (2099, 12, 31), (2999, 12, 31), (9999, 12, 31)),
    )
)


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual of a column: the ends of its bulk, and the number that stands for a gap."""

    low: float = -inf
    high: float = inf
    gap: float | None = None

    @property
    def fences(self) -> tuple[float, float]:
        """The range beyond which numbers are cut."""
        return self._beyond(CUT)

    def far(self, numbers: Array) -> Array:
        """Return the numbers of which a line tells."""
        low, high = self._beyond(STRIKING)
        return numbers[(numbers < low) | (numbers > high)]

    def _beyond(self, widths: float) -> tuple[float, float]:
        width = self.high - self.low
        if not 0 < width < inf:
            return -inf, inf
        return self.low - widths * width, self.high + widths * width


def usual_of(numbers: Array, days: bool = False, gaps: bool = True) -> Usual:
    """Return what is usual of numbers, or of ``days``; without ``gaps`` none stands for a gap."""
    gap = gap_of(numbers, days) if gaps and len(numbers) else None
    others = numbers if gap is None else numbers[numbers != gap]
    ends = _bulk(others) if len(others) >= FEWEST_NUMBERS else (-inf, inf)
    return Usual(*ends, gap)


def gap_of(numbers: Array, days: bool = False) -> float | None:
    """Return the number that stands for a gap, as -999 does among ages; None if none does.

    It is written with nines alone, or is the end of a number type; of ``days`` it is a date such as
    9999-12-31. It is in several rows, and further from all other numbers than these are from one
    another.
    """
    for value in (float(numbers.min()), float(numbers.max())):
        others = numbers[numbers != value]
        count = len(numbers) - len(others)
        if count < FEWEST_GAPS or len(others) < FEWEST_NUMBERS:
            continue
        stands = value in _NO_DAYS if days else _is_nines(value) or value in _TYPE_ENDS
        if stands and _apart(value, others) > 1:
            return value
    return None


def _is_nines(value: float) -> bool:
    return abs(value) >= 99 and set(f"{abs(value):.10g}".replace(".", "")) == {"9"}


def _apart(value: float, others: Array) -> float:
    """Return how far a value beyond all others is from them, by their width."""
    low, high = float(others.min()), float(others.max())
    with np.errstate(over="ignore"):
        distance, width = max(low / 2 - value / 2, value / 2 - high / 2), high / 2 - low / 2
    return distance / width if width else inf


def _bulk(numbers: Array) -> tuple[float, float]:
    """Return the ends of the bulk, see the module.

    A value that is there many times, further from all others than ``STRIKING`` of their widths, is
    not of it, and neither is what makes it far too wide.
    """
    for value in (float(numbers.min()), float(numbers.max())):
        others = numbers[numbers != value]
        if len(others) < FEWEST_NUMBERS or _apart(value, others) <= STRIKING:
            continue
        if np.unique(others).size >= FEWEST_NUMBERS:
            return _bulk(others)
    m = len(numbers)
    k, tenth = max(1, m // 100), m // 10
    ordered = np.partition(numbers, (k, tenth, m - 1 - tenth, m - 1 - k))
    low, high = float(ordered[k]), float(ordered[m - 1 - k])
    middle = float(ordered[tenth]), float(ordered[m - 1 - tenth])
    too_wide = 0 < (middle[1] - middle[0]) * TOO_WIDE < high - low
    return middle if too_wide else (low, high)
