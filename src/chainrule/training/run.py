"""A run of training: what one epoch after another adds up to, whatever takes the steps."""

from __future__ import annotations

import time
import warnings
from math import isfinite, nan, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..engines import Engine
from ..engines.communicator import ALONE, Team, stacked
from ..mathematics.clipping import norm
from ..mathematics.costs import cost_of
from ..model import Model
from .batches import Samples
from .continuation import Carried
from .history import History, Reason, Stop
from .progress import Progress
from .settings import Data, Settings, shares_in
from .stopping import MESSAGES, Best, advice, exploded

if TYPE_CHECKING:
    from .checkpoints import Keeper

Floats = npt.NDArray[np.floating[Any]]

# Snapshots for the explanation of training: when there are more, every second one is dropped.
MOST_SNAPSHOTS = 64


class Run:
    """The state of a run: history, best epoch, and the decision when to stop."""

    def __init__(
        self,
        net: Model,
        data: Data | None,
        validation: Data | None,
        settings: Settings,
        engine: Engine,
        samples: Samples,
        progress: Progress,
        team: Team = ALONE,
        keeper: Keeper | None = None,
        carried: Carried | None = None,
    ) -> None:
        self.net, self.data, self.validation = net, data, validation
        self.settings, self.engine, self.samples = settings, engine, samples
        self.progress, self.team, self.keeper = progress, team, keeper
        self.carried = carried or Carried()
        self.history = History(engine=engine.name)
        self.first_cost: float | None = None
        self.best = Best(net.theta, settings.tolerance or 0.0)
        self.start = time.monotonic()
        self.stride = 1
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
        history.seconds.append(time.monotonic() - self.start)
        self.best.observe(self.monitored(), history.epochs, self.net.theta)
        self._snapshot()
        self.progress.show(history)
        if (settings.callbacks or self.team.size > 1) and self._called():
            return "callback"
        return self._reason()

    def _called(self) -> bool:
        """Call the callbacks; say whether one of them, in any member of the team, asks to stop."""
        answers = [callback(self.net, self.history) for callback in self.settings.callbacks]
        asked = np.array([float(any(isinstance(a, (bool, np.bool_)) and a for a in answers))])
        self.team.maximum_(asked)
        return bool(asked[0])

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
            if self.best.waited >= self.settings.patience:
                return "cost" if self.validation is None else "validation"
        elif self.validation is not None and self.best.waited >= self.settings.patience:
            return "validation"
        return None

    def _score(self) -> None:
        history, metrics = self.history, self.settings.metrics
        if self.validation is None and not metrics:
            return
        data = self.validation or self.data
        if data is None:
            raise ValueError("metrics on samples that are not in memory need a validation set")
        with np.errstate(all="ignore"):
            last = self.net.forward(data.X).caches[-1]
            each = cost_of(last.z, last.a, data.Y, self.net.activations[-1], self.net.cost)
            # Each member has a part of the samples: all see all outputs, and score the same bits.
            y_hat, Y, J = (stacked(self.team, part) for part in (last.a, data.Y, each))
            shares = data.shares if self.team.size == 1 else shares_in(self.team, data)
            if self.validation is not None:
                counted = np.where(shares > 0, J, 0) * shares
                history.validation_cost.append(float(np.sum(counted)))
            found = history.metrics if self.validation is None else history.validation_metrics
            for metric in metrics:
                value = metric.score(y_hat, Y, shares)
                found.setdefault(metric.name, []).append(float(value))

    def _snapshot(self) -> None:
        history = self.history
        if not self.settings.record or history.epochs % self.stride:
            return
        history.snapshots.append((history.epochs, self.net.theta.copy()))
        if len(history.snapshots) > MOST_SNAPSHOTS:
            self.stride *= 2
            history.snapshots[:] = [s for s in history.snapshots if s[0] % self.stride == 0]

    def gradient_norm(self) -> float:
        """Return the norm of dJ/dtheta over all training samples, without dropout."""
        dtheta = np.empty_like(self.net.theta)
        self.samples.evaluate(self.engine, self.net.theta, dtheta)
        return norm(dtheta.astype(np.float64))

    def _last_good(self) -> tuple[Floats, int]:
        """Return the parameters with the lower J: of the best epoch's end or of its beginning.

        The step that led astray may have been the last of that epoch.
        """
        best, samples = self.best, self.samples
        end, start = (samples.evaluate(self.engine, t, None) for t in (best.theta, best.start))
        if isfinite(end) and not end > start:
            return best.theta, best.epoch
        return best.start, max(best.epoch - 1, 0)

    def finish(self, reason: Reason) -> History:
        """Restore the best epoch where that is due, and write the stop certificate."""
        history = self.history
        kept = history.epochs
        if self.validation is not None and history.epochs:
            self.net.theta, kept = self.best.theta, self.best.epoch
        elif reason == "diverged":
            self.net.theta, kept = self._last_good()
        costs = history.cost
        decrease = (
            (costs[-2] - costs[-1]) / abs(costs[-2]) if len(costs) > 1 and costs[-2] else None
        )
        if reason == "diverged":
            message = advice(self.settings.learning_rate, history.epochs + 1, kept)
            warnings.warn(message, RuntimeWarning, stacklevel=5)
        else:
            message = MESSAGES[reason].format(kept=kept)
        length = self.gradient_norm() if self.settings.certificate else nan
        history.stop = Stop(reason, message, length, decrease, kept)
        return history
