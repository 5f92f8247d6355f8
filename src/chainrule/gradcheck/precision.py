"""The precision that a gradient came in: how far off rounding alone can put a right one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..typing import Array
from .differences import EPS
from .pytree import is_floating

MANTISSAS = {"float64": EPS, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
OTHER_SHORT = 2.0**-2  # the float8 formats
# Entries that must use a short float's last bits before its values tell that they are of it.
EVIDENCE = 8


class Precision(NamedTuple):
    """The float that a gradient's entries are of, and the distance from 1 to its next number."""

    name: str
    eps: float

    @property
    def short(self) -> bool:
        """Whether it is shorter than float64."""
        return self.eps > EPS


def precision_of(gradient: Array) -> Precision:
    """Return the precision of a gradient: its dtype's, or that of the shorter float it holds.

    A bfloat16 or float16 gradient is often handed on in float32: all its values then end in zeros.
    """
    name = gradient.dtype.name
    if not is_floating(gradient.dtype):
        return Precision("float64", EPS)
    if name == "float32":
        name = _held_in_float32(gradient) or name
    return Precision(name, MANTISSAS.get(name, EPS if gradient.dtype.itemsize > 2 else OTHER_SHORT))


def _held_in_float32(gradient: Array) -> str:
    bits = np.ascontiguousarray(gradient).view(np.uint32).ravel()
    for name, zeros in (("bfloat16", 16), ("float16", 13)):
        ends_in_zeros = not np.any(bits & np.uint32(2**zeros - 1))
        last_bits = np.count_nonzero(bits & np.uint32(0b111 << zeros))
        if ends_in_zeros and last_bits >= EVIDENCE:
            return name
    return ""


def analytic_slack(gradient: Array, precision: Precision) -> float:
    """How far off a right gradient can be by rounding on the way to it.

    Short floats hold the gradient itself to half a unit; what led to it is not known.
    """
    finite = np.abs(gradient[np.isfinite(gradient)])
    largest = float(finite.max()) if finite.size else 0.0
    return (4 if precision.short else 16) * precision.eps * largest
