"""A run of training: its history, best epoch and stop, whatever engine takes the steps."""

from __future__ import annotations

import time
import warnings
from math import isfinite, nan, sqrt
from typing import Protocol

import numpy as np

from ..engines import Engine
from ..engines.communicator import ALONE, Team, stacked
from ..mathematics.clipping import norm
from ..mathematics.costs import cost_of
from ..model import Model
from ..typing import Floats, Reals
from .batches import Batches
from .continuation import Carried
from .data import Data, shares_in
from .history import History, Reason, Stop
from .plan import Plan
from .position import Position
from .progress import Progress
from .stopping import MESSAGES, Best, EarlyStopping, advice, exploded

# Snapshots for the explanation of training: when there are more, every second one is dropped.
MOST_SNAPSHOTS = 64


class Checkpointer(Protocol):
    """What a run asks of that which writes its checkpoints."""

    def restore(self, run: Run, at: Position) -> None:
        """Put run and position where the last checkpoint stands, if there is one."""

    def after_steps(self, run: Run, at: Position) -> None:
        """Write a checkpoint between steps if one is due."""

    def end_epoch(self, run: Run, at: Position) -> None:
        """Write a checkpoint at the end of an epoch if one is due."""

    def write(self, run: Run, at: Position) -> None:
        """Write a checkpoint."""

    def close(self) -> None:
        """Release what checkpoints are written to."""


class Run:
    """The state of a run: history, best epoch, and the decision when to stop.

    ``data``: this process's training samples, None where they are not in memory.
    """

    def __init__(
        self,
        net: Model,
        data: Data | None,
        validation: Data | None,
        plan: Plan,
        engine: Engine,
        batches: Batches,
        progress: Progress,
        team: Team = ALONE,
        carried: Carried | None = None,
    ) -> None:
        self.net, self.data, self.validation = net, data, validation
        self.plan, self.engine, self.batches = plan, engine, batches
        self.progress, self.team = progress, team
        self.checkpointer: Checkpointer | None = None
        self.carried = carried or Carried()
        self.carried.check(net.theta, plan.optimizer)
        self.history = History(engine=engine.name)
        self.first_cost: float | None = None
        self.note = ""  # where it diverged; else what is to be said instead of MESSAGES
        self.best = Best(net.theta, EarlyStopping(plan.tolerance or 0.0, plan.patience))
        self.start = time.monotonic()
        self.stride = 1
        if plan.record:
            self.history.snapshots.append((0, net.theta.copy()))

    def end_epoch(self, cost: float, squares: Reals, learning_rate: float) -> Reason | None:
        """Record an epoch; return why to stop, or None to continue.

        ``squares`` (L,): the mean over the epoch's steps of each layer's squared gradient norm.
        """
        if exploded(self.first_cost or 0.0, cost):
            return "diverged"
        history, plan = self.history, self.plan
        history.cost.append(float(cost))
        history.gradient_norm.append(sqrt(float(squares.sum())))
        history.layer_gradient_norms.append(np.sqrt(squares).tolist())
        history.learning_rate.append(learning_rate)
        self._score()
        history.seconds.append(time.monotonic() - self.start)
        self.best.observe(self.monitored(), history.epochs, self.net.theta)
        self._snapshot()
        self.progress.show(history)
        if (plan.callbacks or self.team.size > 1) and self._called():
            return "callback"
        return self._reason()

    def _called(self) -> bool:
        """Call the callbacks; return whether one of them, on any rank, asks to stop."""
        answers = [callback(self.net, self.history) for callback in self.plan.callbacks]
        stop = np.array([float(any(isinstance(a, (bool, np.bool_)) and a for a in answers))])
        self.team.maximum_(stop)
        return bool(stop[0])

    def monitored(self) -> float:
        """Return the monitored value, lower is better: validation cost or metric, else the cost."""
        history, monitor = self.history, self.plan.monitor
        if monitor is not None:
            value = history.validation_metrics[monitor.name][-1]
            return -value if monitor.greater_is_better else value
        return (history.validation_cost or history.cost)[-1]

    def _reason(self) -> Reason | None:
        tolerance = self.plan.tolerance
        if tolerance is not None:
            near = self.history.gradient_norm[-1] <= tolerance
            if near and self.gradient_norm() <= tolerance:
                return "gradient"
            if self.best.stopping.exhausted:
                return "cost" if self.validation is None else "validation"
        elif self.validation is not None and self.best.stopping.exhausted:
            return "validation"
        return None

    def _score(self) -> None:
        history, metrics = self.history, self.plan.metrics
        if self.validation is None and not metrics:
            return
        data = self.validation or self.data
        if data is None:
            raise ValueError("metrics on samples that are not in memory need a validation set")
        with np.errstate(all="ignore"):
            trace = self.net.forward(data.X)
            z, a = trace.values[-2:]
            each = cost_of(z, a, data.Y, self.net.activations[-1], self.net.cost)
            # Each rank has a part of the samples: all see all outputs, and score the same bits.
            y_hat, Y, J = (stacked(self.team, part) for part in (a, data.Y, each))
            shares = data.shares if self.team.size == 1 else shares_in(self.team, data)
            if self.validation is not None:
                counted = np.where(shares > 0, J, 0) * shares
                history.validation_cost.append(float(np.sum(counted)))
            scores = history.metrics if self.validation is None else history.validation_metrics
            for metric in metrics:
                value = metric.score(y_hat, Y, shares)
                scores.setdefault(metric.name, []).append(float(value))

    def _snapshot(self) -> None:
        history = self.history
        if not self.plan.record or history.epochs % self.stride:
            return
        history.snapshots.append((history.epochs, self.net.theta.copy()))
        if len(history.snapshots) > MOST_SNAPSHOTS:
            self.stride *= 2
            history.snapshots[:] = [s for s in history.snapshots if s[0] % self.stride == 0]

    def gradient_norm(self) -> float:
        """Return the norm of dJ/dtheta over all training samples, without dropout."""
        dtheta = np.empty_like(self.net.theta)
        self.batches.evaluate(self.engine, self.net.theta, dtheta)
        return norm(dtheta.astype(np.float64))

    def _last_good(self) -> tuple[Floats, int]:
        """Return the parameters with the lower J: of the best epoch's end or of its beginning.

        The step that led astray may have been the last of that epoch.
        """
        best, batches = self.best, self.batches
        end, start = (batches.evaluate(self.engine, t, None) for t in (best.theta, best.start))
        if isfinite(end) and not end > start:
            return best.theta, best.epoch
        return best.start, max(best.epoch - 1, 0)

    def finish(self, reason: Reason) -> History:
        """Restore the best epoch where that is due, and write the stop certificate."""
        history = self.history
        epoch = history.epochs
        if self.validation is not None and history.epochs:
            self.net.theta, epoch = self.best.theta, self.best.epoch
        elif reason == "diverged":
            self.net.theta, epoch = self._last_good()
        if reason == "diverged":
            rate = None if self.plan.optimizer is None else self.plan.learning_rate
            message = advice(rate, history.epochs + 1, epoch, self.note)
            if self.plan.warn:
                warnings.warn(message, RuntimeWarning, stacklevel=5)
        else:
            message = self.note or MESSAGES[reason].format(epoch=epoch)
        # The pass over all samples may take longer than who interrupts it waits.
        wanted = self.plan.certificate and reason != "interrupted"
        norm = self.gradient_norm() if wanted else nan
        history.stop = Stop(reason, message, norm, last_decrease(history.cost), epoch)
        return history


def last_decrease(costs: list[float]) -> float | None:
    """Return (cost before - cost) / |cost before| of the last two epochs, or None."""
    if len(costs) < 2 or not costs[-2]:
        return None
    return (costs[-2] - costs[-1]) / abs(costs[-2])
