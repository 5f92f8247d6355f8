"""Stopping: the best epoch so far, patience, and the words of the stop certificate."""

from __future__ import annotations

from math import inf, isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from .history import Reason

Floats = npt.NDArray[np.floating[Any]]

# An epoch's cost above this many times 1 + the first batch's cost counts as divergence.
EXPLOSION = 1e4


class Best:
    """The best epoch so far by a number that is to fall, with copies of its parameters.

    ``theta`` are those at the epoch's end, ``start`` those at its beginning: a training cost is
    measured on the way from one to the other, so only the beginning is sure to be good.
    """

    def __init__(self, theta: Floats, tolerance: float) -> None:
        self.theta, self.start = theta.copy(), theta.copy()
        self.previous = theta.copy()
        self.epoch = 0
        self.lowest = inf
        self.mark = inf
        self._tolerance = tolerance
        self.waited = 0

    def observe(self, value: float, epoch: int, theta: Floats) -> None:
        """Keep theta if the value is the lowest yet; wait while none is lower by the tolerance.

        The tolerance is relative to the value that patience was last renewed at.
        """
        if value < self.lowest:
            self.lowest, self.epoch = value, epoch
            self.theta[...] = theta
            self.start[...] = self.previous
        self.previous[...] = theta
        if value < self.mark - (self._tolerance * abs(self.mark) if isfinite(self.mark) else 0):
            self.mark, self.waited = value, 0
        else:
            self.waited += 1


def exploded(first: float, cost: float) -> bool:
    """Say whether a cost is not finite, or has grown beyond what descent can mean."""
    return not isfinite(cost) or (isfinite(first) and cost > EXPLOSION * (1 + abs(first)))


def advice(learning_rate: float, epoch: int, kept: int) -> str:
    """Return the sentence that says what divergence means and what to try."""
    whose = f"the parameters of epoch {kept}" if kept else "the initial parameters"
    return (
        f"diverged in epoch {epoch}: the cost grew without bound; {whose} "
        f"were kept; try learning_rate={learning_rate / 10:g}, clip_norm=1, or standardised inputs"
    )


MESSAGES: dict[Reason, str] = {
    "gradient": "the gradient's norm is within tolerance: J is at a stationary point",
    "cost": "the cost no longer decreases by more than the tolerance",
    "validation": "the validation set no longer improves; the parameters of epoch {kept} were kept",
    "epochs": "all epochs were run",
    "callback": "a callback asked for it",
    "interrupted": "interrupted; what was learnt is kept",
}
