"""The verdict on every entry: right, wrong or undecidable, from two numbers and an error bar."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..typing import Array
from .differences import EPS

RIGHT: Final = 0
WRONG: Final = 1
UNDECIDABLE: Final = 2
UNCHECKED: Final = 3
WORDS: Final = ("right", "wrong", "undecidable", "not checked")

# Entries that small beside the largest of their array are held to an absolute standard.
FLOOR: Final = 1e-3
OTHERS: Final = 1e-5
TOLERANCE: Final = 1e-5


@dataclass(slots=True)
class Checked:
    """One array of gradients: both numbers, error bars and verdicts, all of the array's shape.

    ``bar`` is how far off ``numeric`` can be; ``reasons`` says, by flat index, why an entry is
    undecidable. ``ours`` is the right gradient by the chain rule, where the network is known.
    """

    name: str
    analytic: Array
    numeric: Array
    bar: Array
    verdict: npt.NDArray[np.int8]
    reasons: dict[int, str] = field(default_factory=dict)
    tolerance: float = TOLERANCE
    parameter: Array | None = None
    ours: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.analytic.shape

    def count(self, verdict: int) -> int:
        """How many entries have this verdict."""
        return int(np.count_nonzero(self.verdict == verdict))

    @property
    def checked(self) -> npt.NDArray[np.bool_]:
        """Which entries were checked."""
        return np.asarray(self.verdict != UNCHECKED)

    @property
    def error(self) -> Array:
        """The relative error of every entry, ``|a - n| / max(|a|, |n|, floor)``."""
        difference = np.abs(self.analytic - self.numeric)
        scale = scale_of(self.analytic, self.numeric)
        with np.errstate(all="ignore"):
            relative: Array = np.where(difference == 0, 0.0, difference / scale)
        return relative

    def worst(self, count: int = 3) -> list[int]:
        """The flat indices of the worst entries: wrong ones first, the largest error first."""
        error = np.where(np.isnan(self.error), np.inf, self.error).ravel()
        rank = np.where(self.verdict.ravel() == WRONG, 1e300, 0)
        order = np.argsort(-(np.minimum(error, 1e290) + rank), kind="stable")
        return [int(i) for i in order[:count] if self.verdict.flat[i] != UNCHECKED]


def scale_of(analytic: Array, numeric: Array) -> Array:
    """Return the measure of an entry's error: its size, or ``FLOOR`` of its array's largest."""
    size: Array = np.maximum(np.abs(analytic), np.abs(numeric))
    floor = FLOOR * largest_finite(size)
    scale: Array = np.fmax(size, floor, out=size if isinstance(size, np.ndarray) else None)
    return scale


def largest_finite(size: Array) -> float:
    """Return the largest of numbers from 0 on, leaving out what is not finite; 0 if none is."""
    largest = float(np.max(size, initial=0.0))
    if np.isfinite(largest):
        return largest
    return float(np.max(size, where=np.isfinite(size), initial=0.0))


def decide(
    analytic: Array,
    numeric: Array,
    bar: Array,
    tolerance: float = TOLERANCE,
    slack: Any = 0.0,
    others: float = 0.0,
    mantissa: float = 0.0,
) -> npt.NDArray[np.int8]:
    """Return the verdict of each entry.

    *wrong*: the two numbers differ by more than the numeric one can be off, plus the tolerance.
    *right*: they do not, and the bar is within the tolerance, so that a wrong one would have
    shown. *undecidable*: the bar is too long for either. ``slack`` is how far off the
    analytic number can be by rounding alone. ``others`` is the size of the largest gradient of any
    array, in proportion to the parameters' sizes: a gradient of 0, or of what rounding leaves of
    it (a bias before a normalisation), is right where the bar is within the tolerance of ``OTHERS``
    times that, as at a minimum. ``mantissa``: the spacing of the short float that the analytic
    number came in; it is right within that of itself, wrong beyond ``slack`` (rounding on the way),
    and undecidable between. What is not finite is wrong where the numeric derivative is known.
    """
    with np.errstate(all="ignore"):
        scale = scale_of(analytic, numeric)
        bars = bar + slack
        wrong = np.abs(analytic - numeric) > bars + tolerance * scale
        still = np.abs(analytic) <= 64 * EPS * others
        room = np.where(still, np.maximum(scale, OTHERS * others), scale) if still.any() else scale
        right = bars <= tolerance * room
        if mantissa:
            room_of_own = bar + tolerance * scale + 2 * mantissa * np.abs(numeric)
            near = np.abs(analytic - numeric) <= room_of_own
            right = near & (bar <= max(tolerance, mantissa) * room)
    lost = ~np.isfinite(analytic)
    if lost.any():
        wrong = np.where(lost, np.isfinite(numeric) & np.isfinite(bars), wrong)
        right = right & ~lost
    verdict: npt.NDArray[np.int8] = np.full(np.shape(wrong), UNDECIDABLE, np.int8)
    verdict[right] = RIGHT
    verdict[wrong] = WRONG
    return verdict
