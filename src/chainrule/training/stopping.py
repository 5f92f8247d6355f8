"""Early stopping: patience, the best epoch so far, and the words of the stop certificate."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite

from ..typing import Floats
from .history import Reason

# An epoch's cost above this many times 1 + the first batch's cost counts as divergence.
EXPLOSION = 1e4


@dataclass(slots=True)
class EarlyStopping:
    """Patience with a monitored value (lower is better): how many epochs it has not improved.

    An epoch improves if its value v is below ``mark``, the value at the last improvement, by more
    than a share of it, ``v < mark - tolerance |mark|``. With ``relative`` False the rule is that of
    scikit-learn: ``v <= lowest - tolerance``, where ``lowest`` is the lowest value of all epochs.
    NaN never improves. ``patience``: stop after so many epochs in a row without improvement.
    """

    tolerance: float = 0.0
    patience: float = inf
    relative: bool = True
    lowest: float = inf
    mark: float = inf
    waited: int = 0

    def observe(self, value: float) -> bool:
        """Record the value of an epoch; return whether it is the lowest yet."""
        if self.relative:
            margin = self.tolerance * abs(self.mark) if isfinite(self.mark) else 0.0
            improved = value < self.mark - margin
        else:
            improved = value <= self.lowest - self.tolerance
        if improved:
            self.mark, self.waited = value, 0
        else:
            self.waited += 1
        lowest = value < self.lowest
        if lowest:
            self.lowest = value
        return lowest

    @property
    def exhausted(self) -> bool:
        """Whether ``patience`` epochs have passed without improvement."""
        return self.waited >= self.patience


class Best:
    """The best epoch so far (lower is better) with copies of its parameters.

    ``theta`` are those at the epoch's end, ``start`` those at its beginning: a training cost is
    measured on the way from one to the other, so only the beginning is sure to be good.
    """

    def __init__(self, theta: Floats, stopping: EarlyStopping) -> None:
        self.theta, self.start, self.previous = theta.copy(), theta.copy(), theta.copy()
        self.epoch = 0
        self.stopping = stopping

    def observe(self, value: float, epoch: int, theta: Floats) -> None:
        """Record an epoch; keep its theta if the value is the lowest yet."""
        if self.stopping.observe(value):
            self.epoch = epoch
            self.theta[...] = theta
            self.start[...] = self.previous
        self.previous[...] = theta


def exploded(first: float, cost: float) -> bool:
    """Return whether a cost is not finite, or has grown beyond what descent can mean."""
    return not isfinite(cost) or (isfinite(first) and cost > EXPLOSION * (1 + abs(first)))


def advice(learning_rate: float | None, epoch: int, best: int, place: str = "") -> str:
    """Return the sentence that says what divergence means and what to try; ``place``: where it was.

    ``learning_rate``: None for L-BFGS, which has none.
    """
    smaller = (
        "" if learning_rate is None else f"learning_rate={learning_rate / 10:g}, clip_norm=1, or "
    )
    parameters = f"the parameters of epoch {best}" if best else "the initial parameters"
    return (
        f"diverged in epoch {epoch}{place}: the cost grew without bound; {parameters} were kept; "
        f"try {smaller}standardised inputs"
    )


MESSAGES: dict[Reason, str] = {
    "gradient": "the gradient's norm is within tolerance: J is at a stationary point",
    "cost": "the cost no longer decreases by more than the tolerance",
    "validation": "the validation set no longer improves; "
    "the parameters of epoch {epoch} were kept",
    "epochs": "all epochs were run",
    "callback": "a callback asked for it",
    "interrupted": "interrupted; what was learnt is kept",
}
