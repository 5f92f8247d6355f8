"""Descent of the gradient in steps: epochs of batches, in an order that seed and epoch fix."""

from __future__ import annotations

import time
from math import ceil, isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from ..mathematics.random import ORDER, key, permutation
from .history import Reason
from .interrupt import Interrupt
from .run import Run
from .settings import planned_steps

# An engine is called for as many steps as take about this long, so that Ctrl-C is soon heard.
SECONDS_A_CALL = 0.2

Numbers = npt.NDArray[np.float64]


class _Epoch:
    """The sums over the steps of an epoch."""

    def __init__(self, n_layers: int) -> None:
        self.cost = 0.0
        self.weight = 0.0
        self.squares = np.zeros(n_layers)
        self.steps = 0

    @property
    def mean_cost(self) -> float:
        """The mean over the batches by weight; 0 if all weights are."""
        return self.cost / self.weight if self.weight > 0 else 0.0

    def add(self, costs: Numbers, squares: Numbers, weights: Numbers) -> None:
        """Add the steps of one call; the sums do not depend on where calls end."""
        self.cost = _sum_on(self.cost, costs * weights)
        self.weight = _sum_on(self.weight, weights)
        self.squares = _sum_on(self.squares, squares)
        self.steps += len(costs)


def _sum_on(total: Any, numbers: Numbers) -> Any:
    """Add numbers to a total one after the other; np.sum would add them in pairs."""
    return np.add.accumulate(np.concatenate([[total], numbers]))[-1]


def descend(run: Run, interrupt: Interrupt) -> Reason:
    """Take epochs of steps until there is a reason to stop."""
    settings, m = run.settings, len(run.data.X)
    if settings.optimizer is None:
        raise TypeError("L-BFGS does not descend in steps of its own")
    net = run.net
    state = settings.optimizer.init(net.theta)
    memory = settings.schedule.init()
    steps, done = planned_steps(settings, m), 0
    chunk = 16
    for epoch in range(settings.epochs):
        order = permutation(m, key(net.seed, ORDER, epoch)) if settings.shuffle else np.arange(m)
        sums, rate, first = _Epoch(len(net.activations)), 0.0, 0
        while first < m:
            rows = order[first : first + chunk * settings.batch_size]
            count = ceil(len(rows) / settings.batch_size)
            factors = [settings.schedule.factor(done + s, steps, memory) for s in range(count)]
            rates = settings.learning_rate * np.array(factors)
            began = time.monotonic()
            costs, squares = run.engine.run(
                run.problem, net.theta, state, rows, settings.batch_size, rates, done
            )
            if len(costs) < count or not (isfinite(costs[-1]) and np.isfinite(squares[-1]).all()):
                return "diverged"
            chunk = _longer(chunk, count, time.monotonic() - began)
            if run.first_cost is None:
                run.first_cost = float(costs[0])
            sums.add(costs, squares, _batch_weights(run, rows))
            first, done, rate = first + len(rows), done + count, float(rates[-1])
            if interrupt.asked:
                return "interrupted"
            run.progress.show(run.history, first / m if first < m else 0.0)
        reason = run.end_epoch(sums.mean_cost, sums.squares / sums.steps, rate)
        if reason is not None:
            return reason
        memory = settings.schedule.observe(memory, run.monitored())
    return "epochs"


def _longer(chunk: int, count: int, seconds: float) -> int:
    """Return how many steps to take in the next call, given what ``count`` of them took."""
    fitting = count * SECONDS_A_CALL / max(seconds, 1e-6)
    return max(1, min(int(fitting), 4 * chunk))


def _batch_weights(run: Run, rows: npt.NDArray[np.int64]) -> Numbers:
    """Return the weight of each batch in the mean over the epoch: its samples' sum of weights."""
    size = run.settings.batch_size
    starts = np.arange(0, len(rows), size)
    weights = run.data.weights
    each = np.ones(len(rows)) if weights is None else weights[rows]
    return np.add.reduceat(each, starts)
