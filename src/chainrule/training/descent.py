"""Descent of the gradient in steps: epochs of batches, in an order that seed and epoch fix."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from .batches import Block
from .history import Reason
from .interrupt import Interrupt
from .run import Run

# An engine is called for as many steps as take about this long, so that Ctrl-C is soon heard.
SECONDS_A_CALL = 0.2
FEWEST_STEPS = 16

Numbers = npt.NDArray[np.float64]


@dataclass(slots=True)
class Sums:
    """The sums over the steps of an epoch: cost times weight, weight, squares (L,), steps."""

    squares: Numbers
    cost: float = 0.0
    weight: float = 0.0
    steps: int = 0

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


@dataclass(slots=True)
class Position:
    """Where a descent stands between two steps: with theta and the run, all that it needs to go on.

    ``state`` (slots, P) is the optimizer's and ``memory`` the schedule's; ``done`` counts the steps
    of all epochs, ``sums.steps`` those of ``epoch``; ``rate`` is the learning rate of the last.
    """

    state: npt.NDArray[np.floating[Any]]
    memory: tuple[float, ...]
    sums: Sums
    epoch: int = 0
    done: int = 0
    rate: float = 0.0
    chunk: int = 1


def descend(run: Run, interrupt: Interrupt) -> Reason:
    """Take epochs of steps until there is a reason to stop."""
    at = start(run)
    if run.keeper is not None:
        run.keeper.restore(run, at)
    try:
        return _epochs(run, at, interrupt)
    finally:
        run.carried.take(at.state, at.done, at.epoch)


def _epochs(run: Run, at: Position, interrupt: Interrupt) -> Reason:
    """Take the epochs that are still to be taken; return why to stop."""
    settings = run.settings
    for epoch in range(at.epoch, settings.epochs):
        for block in run.samples.blocks(run.carried.epochs + epoch, at.sums.steps):
            reason = _through(run, block, at, interrupt)
            if reason is not None:
                return reason
        sums = at.sums
        at.epoch = epoch + 1
        reason = run.end_epoch(sums.mean_cost, sums.squares / sums.steps, at.rate)
        if reason is not None:
            return reason
        at.memory = settings.schedule.observe(at.memory, run.monitored())
        at.sums = Sums(np.zeros_like(sums.squares))
        if run.keeper is not None:
            run.keeper.end_epoch(run, at)
    return "epochs"


def start(run: Run) -> Position:
    """Return the position before the first step."""
    settings = run.settings
    if settings.optimizer is None:
        raise TypeError("L-BFGS does not descend in steps of its own")
    sums = Sums(np.zeros(len(run.net.activations)))
    state = run.carried.state
    if state is None:
        state = settings.optimizer.init(run.net.theta)
    return Position(state, settings.schedule.init(), sums, chunk=FEWEST_STEPS)


def _through(run: Run, block: Block, at: Position, interrupt: Interrupt) -> Reason | None:
    """Take the steps of a block that are still to be taken; return why to stop, or None."""
    settings, steps = run.settings, run.samples.steps
    planned = settings.epochs * steps
    while at.sums.steps < block.first + block.steps:
        count = min(at.chunk, block.first + block.steps - at.sums.steps)
        rows = block.rows(at.sums.steps, count)
        factors = [settings.schedule.factor(at.done + s, planned, at.memory) for s in range(count)]
        rates = settings.learning_rate * np.array(factors)
        began = time.monotonic()
        costs, squares = run.engine.run(
            block.problem,
            run.net.theta,
            at.state,
            rows,
            block.batch_size,
            rates,
            run.carried.steps + at.done,
        )
        if len(costs) < count or not (isfinite(costs[-1]) and np.isfinite(squares[-1]).all()):
            return "diverged"
        if run.first_cost is None:
            run.first_cost = float(costs[0])
        at.sums.add(costs, squares, run.samples.batch_weights(rows, count))
        at.done, at.rate = at.done + count, float(rates[-1])
        fitting = _longer(count, time.monotonic() - began, at.chunk)
        asked, at.chunk = _agree(run, interrupt, fitting)
        if asked:
            if run.keeper is not None:
                run.keeper.write(run, at)
                run.team.gather(None)  # nobody leaves before it is written
            return "interrupted"
        if run.keeper is not None:
            run.keeper.after_steps(run, at)
        share = at.sums.steps / steps
        run.progress.show(run.history, share if share < 1 else 0.0)
    return None


def _longer(count: int, seconds: float, chunk: int) -> int:
    """Return how many steps to take in the next call, given what ``count`` of them took."""
    fitting = count * SECONDS_A_CALL / max(seconds, 1e-6)
    return max(1, min(int(fitting), 4 * chunk))


def _agree(run: Run, interrupt: Interrupt, chunk: int) -> tuple[bool, int]:
    """Return whether any member was asked to stop, and how many steps all take in the next call."""
    team = run.team
    if team.size == 1:
        return interrupt.asked, chunk
    chunk = chunk if team.rank == 0 else 0
    word = np.array([interrupt.asked, interrupt.terminated, chunk], np.float64)
    team.maximum_(word)
    # A signal that came during the all-reduce is not in the word: it must stay for the next one.
    if word[0]:
        interrupt.asked = True
    if word[1]:
        interrupt.terminated = True
    return bool(word[0]), int(word[2])
