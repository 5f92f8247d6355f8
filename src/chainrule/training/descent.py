"""Descent of the gradient in steps: epochs of batches, in an order that seed and epoch fix."""

from __future__ import annotations

import time
from math import isfinite

import numpy as np

from ..engines import Steps
from ..parameters import spans
from ..typing import Array
from .averaging import WeightAverage
from .batches import Block
from .history import Reason
from .interrupt import Interrupt
from .position import EpochSums, Position
from .run import Run

# A call of the engine takes about this long, so that Ctrl-C is soon noticed.
SECONDS_A_CALL = 0.2
FEWEST_STEPS = 16


def descend(run: Run, interrupt: Interrupt) -> Reason:
    """Run epochs until there is a reason to stop, and return it."""
    at = start(run)
    if run.checkpointer is not None:
        run.checkpointer.restore(run, at)
    try:
        return _epochs(run, at, interrupt)
    finally:
        run.carried.take(at.state, at.done, at.epoch)
        if at.average is not None:
            run.net.theta = at.average.theta


def _epochs(run: Run, at: Position, interrupt: Interrupt) -> Reason:
    """Run the remaining epochs; return why to stop."""
    while at.epoch < run.plan.epochs:
        reason = take_epoch(run, at, interrupt)
        if reason is not None:
            return reason
        begin_epoch(run, at, run.monitored())
        if run.checkpointer is not None:
            run.checkpointer.end_epoch(run, at)
    return "epochs"


def take_epoch(run: Run, at: Position, interrupt: Interrupt) -> Reason | None:
    """Take the remaining steps of an epoch and record it; return why to stop, or None."""
    for block in run.batches.blocks(run.carried.epochs + at.epoch, at.sums.steps):
        reason = _through(run, block, at, interrupt)
        if reason is not None:
            return reason
    at.epoch += 1
    with at.averaged(run.net):
        return run.end_epoch(at.sums.mean_cost, at.sums.squares / at.sums.steps, at.rate)


def begin_epoch(run: Run, at: Position, monitored: float) -> None:
    """Show the schedule the last epoch's monitored value, and empty the sums."""
    at.memory = run.plan.schedule.observe(at.memory, monitored)
    at.sums = EpochSums(np.zeros_like(at.sums.squares))


def start(run: Run) -> Position:
    """Return the position before the first step."""
    plan = run.plan
    if plan.optimizer is None:
        raise TypeError("L-BFGS does not descend in steps of its own")
    sums = EpochSums(np.zeros(len(spans(run.net.layers))))
    state = run.carried.state
    if state is None:
        state = plan.optimizer.init(run.net.theta)
    at = Position(state, plan.schedule.init(), sums, chunk=FEWEST_STEPS)
    if plan.averaging is not None:
        half_life = plan.averaging * plan.epochs * run.batches.steps
        at.average = WeightAverage(run.net.theta, half_life)
    return at


def _through(run: Run, block: Block, at: Position, interrupt: Interrupt) -> Reason | None:
    """Take the remaining steps of a block; return why to stop, or None."""
    end = block.first + block.steps
    while at.sums.steps < end:
        count = min(at.chunk, end - at.sums.steps)
        if at.average is not None:
            count = min(count, at.average.until_sample(at.done))
        began = time.monotonic()
        if not _steps(run, block, at, count, interrupt):
            return "diverged"
        fitting = _longer(count, time.monotonic() - began, at.chunk)
        stop, at.chunk = _agree(run, interrupt, fitting)
        if stop:
            if run.checkpointer is not None:
                run.checkpointer.write(run, at)
                run.team.gather(None)  # nobody leaves before it is written
            return "interrupted"
        if run.checkpointer is not None:
            run.checkpointer.after_steps(run, at)
        share = at.sums.steps / run.batches.steps
        run.progress.show(run.history, share if share < 1 else 0.0)
    return None


def _steps(run: Run, block: Block, at: Position, count: int, interrupt: Interrupt) -> bool:
    """Take ``count`` steps, or fewer if interrupted, by one call of the engine.

    Return whether all numbers stayed finite.
    """
    plan = run.plan
    planned = plan.epochs * run.batches.steps
    rows = block.rows(at.sums.steps, count)
    factors = [plan.schedule.factor(at.done + s, planned, at.memory) for s in range(count)]
    rates = plan.learning_rate * np.array(factors)
    # A team stops together, between its calls.
    stop = interrupt.question if run.team.size == 1 else None
    steps = Steps(rows, block.batch_size, rates, run.carried.steps + at.done, stop)
    costs, squares = run.engine.run(block.problem, run.net.theta, at.state, steps)
    count = len(costs)
    if not count:
        return True
    if not (isfinite(costs[-1]) and np.isfinite(squares[-1]).all()):
        run.note = _place(at.sums.steps + count, squares)
        return False
    rows = rows[: count * block.batch_size]
    if run.first_cost is None:
        run.first_cost = float(costs[0])
    at.sums.add(costs, squares, run.batches.batch_weights(rows, count))
    at.done, at.rate = at.done + count, float(rates[count - 1])
    if at.average is not None:
        at.average.observe(run.net.theta, at.done)
    return True


def _place(batch: int, squares: Array) -> str:
    """Return which batch was the last, and which layer's gradient is not finite, if any."""
    wrong = np.flatnonzero(~np.isfinite(squares[-1:].ravel()))
    layer = f", layer {wrong[-1] + 1}" if len(wrong) else ""
    return f", batch {batch}{layer}"


def _longer(count: int, seconds: float, chunk: int) -> int:
    """Return how many steps the next call takes, if ``count`` of them took so many seconds."""
    fitting = count * SECONDS_A_CALL / max(seconds, 1e-6)
    return max(1, min(int(fitting), 4 * chunk))


def _agree(run: Run, interrupt: Interrupt, chunk: int) -> tuple[bool, int]:
    """Return whether a stop was requested on any rank, and how many steps all take next."""
    team = run.team
    if team.size == 1:
        return interrupt.requested, chunk
    chunk = chunk if team.rank == 0 else 0
    word = np.array([interrupt.requested, interrupt.terminated, chunk], np.float64)
    team.maximum_(word)
    # A signal that came during the all-reduce is not in the word: it must stay for the next one.
    if word[0]:
        interrupt.requested = True
    if word[1]:
        interrupt.terminated = True
    return bool(word[0]), int(word[2])
