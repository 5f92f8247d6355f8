"""Descending: training the network, with the watch over it, and what is written down after."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from ..mathematics.costs import Cost
from ..network import Network
from ..training import Carried, History
from .blas_threads import limited
from .callbacks import epoch_hook
from .early_stopping import Watch
from .holdout import Samples
from .sklearn_parameters import automatic_batch, optimizer, planned_epochs, reacting, schedule

Floats = npt.NDArray[np.floating[Any]]
ENDED = (
    "early stopping has ended this training, and the best parameters are in place: "
    "partial_fit changes nothing any more"
)


class Descends:
    """What an estimator does to train; its parameters are attributes of their names."""

    solver: Any
    batch_size: Any
    learning_rate: Any
    learning_rate_init: float
    power_t: float
    max_iter: int
    max_fun: int
    shuffle: bool
    tol: float
    verbose: Any
    n_iter_no_change: Any
    early_stopping: bool
    scoring: Any
    callbacks: Any
    clip_norm: float | None
    clip_value: float | None
    n_threads: int | None
    engine: str
    _watch: Watch | None
    _carried: Carried
    _losses: list[float]
    _validation: list[float]
    t_: int

    def _output(self) -> tuple[str, Cost]:
        raise NotImplementedError

    def _default_score(self, y_hat: Floats, y: Any, weights: Any) -> float:
        raise NotImplementedError

    def _descend(
        self, net: Network, samples: Samples, held: Samples | None, incremental: bool
    ) -> None:
        """Train, and write the attributes."""
        if self._watch is not None and incremental and self._watch.stopped:
            warnings.warn(ENDED, ConvergenceWarning, stacklevel=4)
            return
        m = len(samples.X)
        plan = None if incremental else schedule(self)
        batch = self._batch(m)
        planned = plan is not None and plan.name == "auto"
        epochs = 1 if incremental else int(self.max_iter)
        if planned:
            epochs = planned_epochs(m, batch, epochs)
        watch = self._watch_over(held, m, plan is not None, incremental)
        if not incremental:
            self._carried = Carried()
        watch.hook = None if incremental else epoch_hook(self, samples, epochs)
        with limited(self.n_threads, net, batch):
            history = net.fit(
                samples.X,
                samples.Y,
                optimizer=optimizer(self),
                learning_rate=float(self.learning_rate_init),
                batch_size=batch,
                epochs=epochs,
                tolerance=float(self.tol) if self.solver == "lbfgs" else None,
                patience=epochs + 1,
                validation=None if held is None else (held.X, held.Y, held.weights),
                sample_weight=samples.weights,
                schedule=plan
                if plan is not None or self.solver == "lbfgs"
                else reacting(watch.factor),
                clip_norm=self.clip_norm,
                clip_value=self.clip_value,
                shuffle=bool(self.shuffle),
                callbacks=[watch, *self._own_callbacks()],
                threads=self.n_threads,
                progress=bool(self.verbose),
                engine=self.engine,
                carried=self._carried,
                evaluations=int(self.max_fun) if self.solver == "lbfgs" else None,
                certificate=not incremental,
            )
        self._finish(net, watch, history, incremental)

    def _own_callbacks(self) -> list[Any]:
        return [self.callbacks] if callable(self.callbacks) else list(self.callbacks)

    def _batch(self, m: int) -> int:
        if isinstance(self.batch_size, str):
            return automatic_batch(m)
        if self.batch_size > m:
            warnings.warn(
                f"batch_size={self.batch_size} is more than the {m} training samples: all of them "
                "make one batch",
                UserWarning,
                stacklevel=4,
            )
        return min(int(self.batch_size), m)

    def _watch_over(self, held: Samples | None, m: int, planned: bool, incremental: bool) -> Watch:
        watch = self._watch if incremental else None
        if watch is None:
            watch = Watch(
                tol=float(self.tol),
                patience=float(self.n_iter_no_change),
                planned=planned or self.solver == "lbfgs",
                rule=self.learning_rate if isinstance(self.learning_rate, str) else "planned",
                rate=float(self.learning_rate_init),
                power=float(self.power_t),
                samples=m,
                verbose=int(self.verbose),
                losses=self._losses,
                validation=self._validation,
            )
        watch.score, watch.samples = None, m
        if self.early_stopping and held is not None:
            watch.score = self._scorer(held)
        self._watch = watch
        return watch

    def _scorer(self, held: Samples) -> Any:
        """Return the function that scores a network on the validation samples."""
        X, y, weight = held.given
        if self.scoring == "loss":
            return lambda net: -self._watch.validation[-1]  # type: ignore[union-attr]
        if self.scoring is None:
            return lambda net: self._default_score(net.predict(held.X), y, weight)
        from sklearn.metrics import check_scoring

        scorer = check_scoring(self, self.scoring)
        more = {} if weight is None else {"sample_weight": weight}
        return lambda net: float(scorer(self, X, y, **more))

    def _finish(self, net: Network, watch: Watch, history: History, incremental: bool) -> None:
        stop = history.stop
        assert stop is not None
        stopping = watch.score is not None and watch.best_theta is not None
        if stop.reason != "diverged" and watch.last_theta is not None:
            kept = watch.best_theta if stopping and (not incremental or watch.stopped) else None
            if not (stop.reason == "interrupted" and kept is None):
                net.theta = watch.last_theta if kept is None else kept
        if stop.reason == "interrupted":
            warnings.warn("Training interrupted by user.", UserWarning, stacklevel=5)
        if stop.reason == "callback" and watch.stopped:
            stop = replace(stop, message=watch.stopped)
        if stopping:
            stop = replace(stop, best_epoch=watch.best_epoch)
        self.history_, self.stop_ = history, stop
        history.stop = stop
        self.n_iter_, self.t_ = history.epochs, self.t_ + watch.samples * history.epochs
        self.loss_curve_, self.loss_ = watch.losses, watch.losses[-1] if watch.losses else np.nan
        has = bool(watch.validation)
        self.validation_loss_curve_ = watch.validation if has else None
        self.validation_scores_ = watch.scores if watch.score is not None else None
        self.best_validation_score_ = watch.best_score if watch.score is not None else None
        self.best_loss_ = None if watch.score is not None else min(watch.losses, default=np.inf)
        watch.score = watch.hook = None
        if self._ran_out(stop.reason, incremental, history.epochs):
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _ran_out(self, reason: str, incremental: bool, epochs: int) -> bool:
        """Say whether the epochs ended before the loss stopped falling, with no plan to."""
        watch = self._watch
        unplanned = watch is not None and not watch.planned
        return reason == "epochs" and unplanned and not incremental and epochs >= self.max_iter
