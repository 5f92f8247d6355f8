"""A run of training: what one epoch after another adds up to, whatever takes the steps."""

from __future__ import annotations

import time
import warnings
from math import isfinite, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engines import Engine, Problem
from ..mathematics.clipping import norm
from ..mathematics.passes import cost_pass
from ..network import Network
from .history import History, Reason, Stop
from .progress import Progress
from .settings import Data, Settings
from .stopping import MESSAGES, Best, advice, exploded

Floats = npt.NDArray[np.floating[Any]]

# Snapshots for the explanation of training: when there are more, every second one is dropped.
MOST_SNAPSHOTS = 64


class Run:
    """The state of a run: history, best epoch, and the decision when to stop."""

    def __init__(
        self,
        net: Network,
        data: Data,
        validation: Data | None,
        settings: Settings,
        engine: Engine,
        problem: Problem,
        progress: Progress,
    ) -> None:
        self.net, self.data, self.validation = net, data, validation
        self.settings, self.engine, self.problem = settings, engine, problem
        self.progress = progress
        self.history = History(engine=engine.name)
        self.first_cost: float | None = None
        self._best = Best(net.theta, settings.tolerance or 0.0)
        self._start = time.monotonic()
        self._stride = 1
        if settings.record:
            self.history.snapshots.append((0, net.theta.copy()))

    def end_epoch(
        self, cost: float, squares: npt.NDArray[np.float64], learning_rate: float
    ) -> Reason | None:
        """Enter an epoch into the history; return why to stop, or None to go on.

        ``squares`` (L,): the mean over the epoch's steps of each layer's squared gradient norm.
        """
        if exploded(self.first_cost or 0.0, cost):
            return "diverged"
        history, settings = self.history, self.settings
        history.cost.append(float(cost))
        history.gradient_norm.append(sqrt(float(squares.sum())))
        history.layer_gradient_norms.append(np.sqrt(squares).tolist())
        history.learning_rate.append(learning_rate)
        self._score()
        history.seconds.append(time.monotonic() - self._start)
        self._best.observe(self.monitored(), history.epochs, self.net.theta)
        self._snapshot()
        self.progress.show(history)
        answers = [callback(self.net, history) for callback in settings.callbacks]
        if any(isinstance(a, (bool, np.bool_)) and a for a in answers):
            return "callback"
        return self._reason()

    def monitored(self) -> float:
        """Return the number that is to fall: validation cost or metric, or the training cost."""
        history, monitor = self.history, self.settings.monitor
        if monitor is not None:
            value = history.validation_metrics[monitor.name][-1]
            return -value if monitor.greater_is_better else value
        return (history.validation_cost or history.cost)[-1]

    def _reason(self) -> Reason | None:
        tolerance = self.settings.tolerance
        if tolerance is not None:
            near = self.history.gradient_norm[-1] <= tolerance
            if near and self.gradient_norm() <= tolerance:
                return "gradient"
            if self._best.waited >= self.settings.patience:
                return "cost" if self.validation is None else "validation"
        elif self.validation is not None and self._best.waited >= self.settings.patience:
            return "validation"
        return None

    def _score(self) -> None:
        history, metrics = self.history, self.settings.metrics
        if self.validation is None and not metrics:
            return
        data = self.validation or self.data
        with np.errstate(all="ignore"):
            trace = self.net.forward(data.X)
            if self.validation is not None:
                layers, parameters = self.net.layers, self.net.parameters
                J = cost_pass(trace, data.Y, data.shares, layers, parameters, self.net.cost)
                history.validation_cost.append(float(J))
            found = history.metrics if self.validation is None else history.validation_metrics
            for metric in metrics:
                value = metric.score(trace.y_hat, data.Y, data.shares)
                found.setdefault(metric.name, []).append(float(value))

    def _snapshot(self) -> None:
        history = self.history
        if not self.settings.record or history.epochs % self._stride:
            return
        history.snapshots.append((history.epochs, self.net.theta.copy()))
        if len(history.snapshots) > MOST_SNAPSHOTS:
            self._stride *= 2
            history.snapshots[:] = [s for s in history.snapshots if s[0] % self._stride == 0]

    def gradient_norm(self) -> float:
        """Return the norm of dJ/dtheta over all training samples, without dropout."""
        dtheta = np.empty_like(self.net.theta)
        self.engine.evaluate(self.problem, self.net.theta, dtheta)
        return norm(dtheta.astype(np.float64))

    def _last_good(self) -> tuple[Floats, int]:
        """Return the parameters with the lower J: of the best epoch's end or of its beginning.

        The step that led astray may have been the last of that epoch.
        """
        best = self._best
        end, start = (self.engine.evaluate(self.problem, t) for t in (best.theta, best.start))
        if isfinite(end) and not end > start:
            return best.theta, best.epoch
        return best.start, max(best.epoch - 1, 0)

    def finish(self, reason: Reason) -> History:
        """Restore the best epoch where that is due, and write the stop certificate."""
        history = self.history
        kept = history.epochs
        if self.validation is not None and history.epochs:
            self.net.theta, kept = self._best.theta, self._best.epoch
        elif reason == "diverged":
            self.net.theta, kept = self._last_good()
        costs = history.cost
        decrease = (
            (costs[-2] - costs[-1]) / abs(costs[-2]) if len(costs) > 1 and costs[-2] else None
        )
        if reason == "diverged":
            message = advice(self.settings.learning_rate, history.epochs + 1, kept)
            warnings.warn(message, RuntimeWarning, stacklevel=4)
        else:
            message = MESSAGES[reason]
        history.stop = Stop(reason, message, self.gradient_norm(), decrease, kept)
        return history
