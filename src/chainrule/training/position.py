"""The position of a descent: what it needs, beside theta and the run, to take its next step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..model import Model
from ..typing import Floats, Reals
from .averaging import WeightAverage


@dataclass(slots=True)
class EpochSums:
    """The sums over the steps of an epoch: cost times weight, weight, squares (L,), steps."""

    squares: Reals
    cost: float = 0.0
    weight: float = 0.0
    steps: int = 0

    @property
    def mean_cost(self) -> float:
        """The mean over the batches by weight; 0 if all weights are."""
        return self.cost / self.weight if self.weight > 0 else 0.0

    def add(self, costs: Reals, squares: Reals, weights: Reals) -> None:
        """Add the steps of one call; the sums do not depend on where calls end."""
        self.cost = _sum_on(self.cost, costs * weights)
        self.weight = _sum_on(self.weight, weights)
        self.squares = _sum_on(self.squares, squares)
        self.steps += len(costs)


def _sum_on(total: Any, terms: Reals) -> Any:
    """Add terms to a total one after the other; np.sum would add them in pairs."""
    return np.add.accumulate(np.concatenate([[total], terms]))[-1]


@dataclass(slots=True)
class Position:
    """Where a descent stands between two steps.

    ``state`` (slots, P) is the optimizer's and ``memory`` the schedule's; ``done`` counts the steps
    of all epochs, ``sums.steps`` those of ``epoch``; ``rate`` is the learning rate of the last
    step, ``chunk`` how many steps the next call of the engine takes. ``average``: of theta over
    the steps, None without averaging.
    """

    state: Floats
    memory: tuple[float, ...]
    sums: EpochSums
    epoch: int = 0
    done: int = 0
    rate: float = 0.0
    chunk: int = 1
    average: WeightAverage | None = None

    @contextmanager
    def averaged(self, net: Model) -> Iterator[None]:
        """Give the network its averaged parameters, if there are any, for as long as this lasts."""
        if self.average is None:
            yield
            return
        iterate = net.theta.copy()
        net.theta = self.average.theta
        try:
            yield
        finally:
            net.theta = iterate
