"""A joint run: members that train side by side, an epoch at a time, and stop together."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from math import nan, sqrt
from typing import Protocol

import numpy as np

from ..engines import choose
from ..model import Model
from ..typing import Reals, Rows
from .batches import InMemory
from .data import Data
from .descent import begin_epoch, start, take_epoch
from .fitting import problem_of
from .history import History, Reason, Stop
from .interrupt import Interrupt
from .out_of_fold import OutOfFold, mean_cost
from .plan import Plan, plan_of
from .position import Position
from .progress import Progress
from .run import Run, last_decrease
from .settings import Settings
from .stopping import MESSAGES, EarlyStopping, advice


@dataclass(frozen=True, slots=True, eq=False)
class FittedMembers:
    """What came out of training members side by side.

    ``history``: of the whole. ``cost`` is the mean of the members' costs; ``validation_cost`` and
    ``validation_metrics`` are those of the mean output on the rows left out; ``gradient_norm`` is
    the root mean square over members, and so is ``layer_gradient_norms`` where all have as many
    layers; ``stop`` says which epoch's parameters all members have.
    ``rows`` (r,): the numbers of the rows that at least one member left out, ascending.
    ``outputs`` (r, n_L): for each of them the mean output of the members that left it out.
    """

    history: History
    rows: Rows
    outputs: Reals


class JointCheckpointer(Protocol):
    """What a joint run asks of that which writes its checkpoints."""

    def restore(self, run: JointRun) -> None:
        """Put the run where the last checkpoint stands, if there is one."""

    def end_epoch(self, run: JointRun) -> None:
        """Write a checkpoint if one is due."""

    def close(self) -> None:
        """Release what checkpoints are written to."""


class JointRun:
    """The state of members that train together: each one's run and position, and the joint stop.

    ``fold`` None: no member leaves out any row.
    """

    def __init__(
        self, members: Sequence[Model], fold: OutOfFold | None, plan: Plan, progress: Progress
    ) -> None:
        self.members, self.fold, self.plan, self.progress = tuple(members), fold, plan, progress
        self.runs: list[Run] = []
        self.positions: list[Position] = []
        self.history = History()
        self.stopping = EarlyStopping(plan.tolerance or 0.0, plan.patience)
        self.best = [member.theta.copy() for member in members]
        self.best_epoch = 0
        self.start = time.monotonic()

    def add(self, net: Model, data: Data, rows: Rows, settings: Settings, threads: int) -> None:
        """Add the run of the next member, which trains on some rows of its data."""
        plan = replace(plan_of(settings, net, len(rows), False), threads=threads)
        problem = problem_of(net, data, plan)
        engine, why = choose(plan.engine, problem)
        if why and settings.progress and not self.runs:
            print(why, file=sys.stderr)
        batches = InMemory(
            problem, len(rows), plan.batch_size, plan.shuffle, data.weights, rows=rows
        )
        run = Run(net, data, None, plan, engine, batches, Progress(plan.epochs, False))
        self.history.engine = engine.name
        self.runs.append(run)
        self.positions.append(start(run))

    @property
    def alike(self) -> bool:
        """Whether all members have the same number of layers with parameters."""
        return len({at.sums.squares.size for at in self.positions}) == 1

    def take_epoch(self, pool: Executor, interrupt: Interrupt) -> Reason | None:
        """Take every member's steps of an epoch, and record it; return why to stop, or None."""
        take = partial(take_epoch, interrupt=interrupt)
        for reason in list(pool.map(take, self.runs, self.positions)):
            if reason is not None:
                return reason
        with self._averaged():
            stopped = self._end_epoch(pool)
        for run, at in zip(self.runs, self.positions, strict=True):
            begin_epoch(run, at, self._monitored())
        if stopped:
            return "callback"
        if not self.stopping.exhausted:
            return None
        if self.fold is not None:
            return "validation"
        return None if self.plan.tolerance is None else "cost"

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        with ExitStack() as stack:
            for run, at in zip(self.runs, self.positions, strict=True):
                stack.enter_context(at.averaged(run.net))
            yield

    def _end_epoch(self, pool: Executor) -> bool:
        """Record an epoch, and keep the best one's parameters; return whether a callback stops."""
        self._record(pool)
        if self.stopping.observe(self._monitored()) and self.fold is not None:
            self.best_epoch = self.history.epochs
            for best, member in zip(self.best, self.members, strict=True):
                best[...] = member.theta
        self.progress.show(self.history)
        answers = [callback(self.members, self.history) for callback in self.plan.callbacks]
        return any(isinstance(answer, (bool, np.bool_)) and answer for answer in answers)

    def _record(self, pool: Executor) -> None:
        history, histories = self.history, [run.history for run in self.runs]
        history.cost.append(float(np.mean([one.cost[-1] for one in histories])))
        norms = np.array([one.gradient_norm[-1] for one in histories])
        history.gradient_norm.append(sqrt(float(np.mean(norms**2))))
        if self.alike:
            layers = np.array([one.layer_gradient_norms[-1] for one in histories])
            history.layer_gradient_norms.append(np.sqrt(np.mean(layers**2, axis=0)).tolist())
        history.learning_rate.append(histories[0].learning_rate[-1])
        history.seconds.append(time.monotonic() - self.start)
        if self.fold is None:
            return
        fold, y_hat = self.fold, self.fold.outputs(self.members, pool)
        cost = mean_cost(self.members[0].cost, y_hat, fold.Y, fold.shares)
        history.validation_cost.append(cost)
        for metric in self.plan.metrics:
            value = float(metric.score(y_hat, fold.Y, fold.shares))
            history.validation_metrics.setdefault(metric.name, []).append(value)

    def _monitored(self) -> float:
        history, monitor = self.history, self.plan.monitor
        if monitor is not None:
            value = history.validation_metrics[monitor.name][-1]
            return -value if monitor.greater_is_better else value
        return (history.validation_cost or history.cost)[-1]

    def finish(self, reason: Reason, pool: Executor) -> FittedMembers:
        """Give the members the parameters of the best epoch, and predict the rows left out."""
        history, epoch = self.history, self.history.epochs
        if (self.fold is not None and history.epochs) or reason == "diverged":
            epoch = self.best_epoch
            for best, member in zip(self.best, self.members, strict=True):
                member.theta = best
        else:
            for run, at in zip(self.runs, self.positions, strict=True):
                run.net.theta = run.net.theta if at.average is None else at.average.theta
        if reason == "diverged":
            message = advice(self.plan.learning_rate, history.epochs + 1, epoch)
            if self.plan.warn:
                warnings.warn(message, RuntimeWarning, stacklevel=4)
        else:
            message = MESSAGES[reason].format(epoch=epoch)
        history.stop = Stop(reason, message, nan, last_decrease(history.cost), epoch)
        if self.fold is None:
            return FittedMembers(history, np.empty(0, np.int64), np.empty((0, self._n_out)))
        return FittedMembers(history, self.fold.rows, self.fold.outputs(self.members, pool))

    @property
    def _n_out(self) -> int:
        return self.members[0].sizes[-1]
