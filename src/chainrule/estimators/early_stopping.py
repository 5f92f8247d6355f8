"""The watch over training: curves, early stopping, the best epoch, and scikit-learn's stop rules.

It is a callback of ``net.fit``, and outlives a call where ``partial_fit`` goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf, isnan
from typing import Any

import numpy.typing as npt

from ..network import Network
from ..training import History

SMALLEST_RATE = 1e-6


@dataclass
class Watch:
    """What happened so far, and whether it is time to stop.

    ``planned``: the schedule knows its end, so the training loss stops nothing. ``score``: of the
    validation samples after an epoch, greater is better; None without early stopping.
    """

    tol: float
    patience: float
    planned: bool
    rule: str  # constant, invscaling or adaptive
    rate: float
    power: float
    samples: int  # of an epoch
    verbose: int = 0
    score: Callable[[Network], float] | None = None
    hook: Callable[[Network], bool] | None = None
    losses: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best_loss: float = inf
    best_score: float = -inf
    best_theta: npt.NDArray[Any] | None = None
    best_epoch: int = 0
    last_theta: npt.NDArray[Any] | None = None
    waited: int = 0
    seen: int = 0
    epochs: int = 0
    factor: list[float] = field(default_factory=lambda: [1.0])
    stopped: str = ""

    def __call__(self, net: Network, history: History) -> bool:
        """Enter an epoch; return True to stop."""
        self.epochs += 1
        self.seen += self.samples
        loss = history.cost[-1]
        self.losses.append(loss)
        if history.validation_cost:
            self.validation.append(history.validation_cost[-1])
        self.last_theta = net.theta.copy()
        self._say(f"Iteration {self.epochs}, loss = {loss:.8f}")
        if self.score is None:
            self._observe_loss(loss)
        else:
            self._observe_score(self.score(net), net)
        if self.rule == "invscaling":
            self.factor[0] = 1 / (self.seen + 1) ** self.power
        asked = self.hook is not None and self.hook(net)
        if asked:
            self.stopped = "a callback asked for it"
        return self._patience_is_over() or asked

    def _observe_loss(self, loss: float) -> None:
        self.waited = self.waited + 1 if loss > self.best_loss - self.tol else 0
        self.best_loss = min(self.best_loss, loss)

    def _observe_score(self, score: float, net: Network) -> None:
        self.scores.append(score)
        self._say(f"Validation score: {score:f}")
        # A score that is NaN is no improvement.
        self.waited = 0 if score >= self.best_score + self.tol else self.waited + 1
        if score > self.best_score or (self.best_theta is None and isnan(score)):
            self.best_score = self.best_score if isnan(score) else score
            self.best_theta, self.best_epoch = net.theta.copy(), len(self.scores)

    def _patience_is_over(self) -> bool:
        if self.waited <= self.patience or (self.planned and self.score is None):
            return False
        what = "Training loss" if self.score is None else "Validation score"
        message = (
            f"{what} did not improve more than tol={self.tol:f} for {self.patience} "
            "consecutive epochs."
        )
        if self.rule == "adaptive" and self.rate * self.factor[0] > SMALLEST_RATE:
            self.factor[0] /= 5
            self.waited = 0
            self._say(f"{message} Setting learning rate to {self.rate * self.factor[0]:f}")
            return False
        self._say(f"{message} Stopping.")
        self.stopped = message
        return True

    def _say(self, line: str) -> None:
        if self.verbose:
            print(line)
