"""The settings of a check, examined where they are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ..mathematics.names import unknown

METHODS: Final = ("all", "directions")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings:
    """How a gradient is checked.

    ``tolerance``: the relative error that passes; None: 1e-5, and more where J is computed in low
    precision. ``step``: of the differences, relative to each parameter's scale. ``entries``: check
    at most that many of each matrix, at random (vectors such as biases whole). ``seconds``: stop
    after that time with a partial report. ``method``: ``"all"`` entries, or ``"directions"``,
    random ones through each array. ``progress``: show a progress line on a terminal.

    Raises TypeError or ValueError for a setting out of its range.
    """

    tolerance: float | None = None
    step: float | None = None
    entries: int | None = None
    seconds: float | None = None
    method: str = "all"
    seed: int = 0
    progress: bool = True

    def __post_init__(self) -> None:
        for name, value in (
            ("step", self.step),
            ("tolerance", self.tolerance),
            ("seconds", self.seconds),
        ):
            if value is not None:
                _require_positive(name, value)
        if self.entries is not None and not _is_count(self.entries):
            raise ValueError(
                f"entries must be a whole number of at least 1, or None, not {self.entries!r}"
            )
        if self.method not in METHODS:
            raise unknown("method", str(self.method), METHODS)


def _require_positive(name: str, value: object) -> None:
    if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number above 0, not {value!r}")
    if not 0 < float(value) < np.inf:
        raise ValueError(f"{name} must be a finite number above 0, not {value!r}")


def _is_count(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer)):
        return False
    return float(value).is_integer() and float(value) >= 1
