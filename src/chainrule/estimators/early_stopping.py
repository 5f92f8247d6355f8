"""Early stopping by scikit-learn's rules: an observer of epochs, and the outcome of a training.

The observer is a callback of ``net.fit``, and outlives a call where ``partial_fit`` goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt

from ..network import Network
from ..training.history import History, Stop
from ..training.stopping import EarlyStopping

Theta = npt.NDArray[np.floating[Any]]
SMALLEST_RATE = 1e-6


@dataclass
class Observer:
    """What happened epoch by epoch, and whether it is time to stop.

    ``ends``: the training loss may end the training, where no score does: neither a schedule that
    plans its end nor ``partial_fit`` lets it. ``score``: of the validation samples after an epoch,
    greater is better; None without early stopping. ``factor``: of the learning rate, for the rules
    "invscaling" and "adaptive". ``reason``: why it was time to stop, "" if it was not.
    """

    rule: str
    rate: float
    power: float
    stopping: EarlyStopping
    ends: bool
    verbose: int = 0
    samples: int = 0  # of an epoch
    score: Callable[[Network], float] | None = None
    hook: Callable[[Network], bool] | None = None
    losses: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best_score: float = -np.inf
    best_theta: Theta | None = None
    best_epoch: int = 0
    last_theta: Theta | None = None
    seen: int = 0
    epochs: int = 0
    factor: list[float] = field(default_factory=lambda: [1.0])
    reason: str = ""

    def __call__(self, net: Network, history: History) -> bool:
        """Record an epoch; return True to stop."""
        self.epochs += 1
        self.seen += self.samples
        loss = history.cost[-1]
        self.losses.append(loss)
        if history.validation_cost:
            self.validation.append(history.validation_cost[-1])
        self.last_theta = net.theta.copy()
        self._print(f"Iteration {self.epochs}, loss = {loss:.8f}")
        if self.score is None:
            self.stopping.observe(loss)
        else:
            self._observe_score(self.score(net), net)
        if self.rule == "invscaling":
            self.factor[0] = 1 / (self.seen + 1) ** self.power
        asked = self.hook is not None and self.hook(net)
        if asked:
            self.reason = "a callback asked for it"
        return self._out_of_patience() or asked

    def _observe_score(self, score: float, net: Network) -> None:
        self.scores.append(score)
        self._print(f"Validation score: {score:f}")
        if self.stopping.observe(-score) or (self.best_theta is None and isnan(score)):
            self.best_score = self.best_score if isnan(score) else score
            self.best_theta, self.best_epoch = net.theta.copy(), len(self.scores)

    def _out_of_patience(self) -> bool:
        ends = self.ends or self.score is not None
        if not self.stopping.exhausted or not (ends or self.rule == "adaptive"):
            return False
        what = "Training loss" if self.score is None else "Validation score"
        message = (
            f"{what} did not improve more than tol={self.stopping.tolerance:f} for "
            f"{self.stopping.patience - 1} consecutive epochs."
        )
        if self.rule == "adaptive" and self.rate * self.factor[0] > SMALLEST_RATE:
            self.factor[0] /= 5
            self.stopping.waited = 0
            self._print(f"{message} Setting learning rate to {self.rate * self.factor[0]:f}")
            return False
        if ends:
            self._print(f"{message} Stopping.")
            self.reason = message
        return ends

    def _print(self, line: str) -> None:
        if self.verbose:
            print(line)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a training came to: the parameters to keep (None: those of the network), and why.

    ``best_score`` and ``scores`` are None without early stopping.
    """

    theta: Theta | None
    stop: Stop
    scores: list[float] | None
    best_score: float | None
    best_loss: float | None


def outcome(observer: Observer, stop: Stop, incremental: bool) -> Outcome:
    """Return the outcome of a training that ended with ``stop``.

    With early stopping the best epoch's parameters are kept; in ``partial_fit`` only once patience
    is over. Otherwise the last epoch's are, unless it diverged or was interrupted. An epoch that
    diverged has NaN for its score.
    """
    scored = observer.score is not None and observer.best_theta is not None
    theta = None
    if stop.reason != "diverged":
        if scored and (not incremental or observer.reason):
            theta = observer.best_theta
        elif stop.reason != "interrupted":
            theta = observer.last_theta
    if stop.reason == "callback" and observer.reason:
        stop = replace(stop, message=observer.reason)
    if scored:
        stop = replace(stop, best_epoch=observer.best_epoch)
    if observer.score is None:
        return Outcome(theta, stop, None, None, min(observer.losses, default=np.inf))
    diverged = [float("nan")] if stop.reason == "diverged" else []
    return Outcome(theta, stop, observer.scores + diverged, observer.best_score, None)
