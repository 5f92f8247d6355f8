"""What is known where the network behind a gradient is not: the numbers, the data, the parameters.

Every pattern of an error is a function ``(Checked, Evidence) -> Finding | None``; it speaks only of
what cannot fit by accident.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...typing import Array
from ..verdicts import UNCHECKED, Checked

FITS = 1e-5
# Equations that must be left over for the unknowns of a fit to mean anything.
SPARE = 6

# The bug, its sentence, the formula as it should be.
Finding = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All arrays of the check; the number of samples and the data X as rows, if they are known.

    ``upstream``: dJ/d(output), where the cost is a function's output times that, summed.
    """

    tensors: Sequence[Checked]
    samples: int | None = None
    X: Array | None = None
    upstream: Array | None = None


Pattern = Callable[[Checked, Evidence], Finding | None]


def known(t: Checked) -> npt.NDArray[np.bool_]:
    """The entries whose numerical derivative is known."""
    entries: npt.NDArray[np.bool_] = np.isfinite(t.bar) & (t.verdict != UNCHECKED)
    return entries


def clear(t: Checked) -> float | None:
    """How far off a fit to the error may be; None where an entry is unknown or the error faint."""
    if t.parameter is None or not known(t).all() or not np.isfinite(t.analytic).all():
        return None
    largest = float(np.max(np.abs(t.analytic - t.numeric), initial=0.0))
    bar = float(np.max(t.bar, initial=0.0))
    return FITS * largest + 2 * bar if 0 < largest and bar <= 1e-4 * largest else None


def without(e: Array, *forms: Array) -> Array:
    """What is left of every row of ``e`` (L, n) without its parts along these rows (L, n)."""
    left = e
    units: list[Array] = []
    for form in forms:
        unit = form
        for _ in range(2):
            for u in units:
                unit = unit - np.sum(unit * u, axis=1, keepdims=True) * u
        size = np.linalg.norm(unit, axis=1, keepdims=True)
        unit = np.divide(unit, size, out=np.zeros_like(unit), where=size > 0)
        units.append(unit)
        left = left - np.sum(left * unit, axis=1, keepdims=True) * unit
    return left


def enough(e: Array, unknowns: int) -> bool:
    """Whether rows (L, n) hold more than an accident can, for so many unknowns a row."""
    lines, count = e.shape
    return bool(count >= unknowns + 2 and lines * (count - unknowns) >= SPARE)


def upright(g: Array, x: Array, room: float) -> bool:
    """Whether each row of g is at right angles to that of x, to ``room`` of their lengths."""
    along = np.abs(np.sum(g * x, axis=1))
    sizes = np.linalg.norm(g, axis=1) * np.linalg.norm(x, axis=1)
    return bool(np.all(along <= room * sizes) and np.any(sizes > 0))
