"""What both estimators share: reading X, building the network, training it, predicting."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..mathematics.costs import Cost
from ..network import Network
from ..tables.columns import Columns
from ..tables.encoder import Encoder
from ..training import Carried, History
from .inputs import (
    encode_matrix,
    fit_columns,
    fit_matrix,
    read_columns,
    read_matrix,
    wants_columns,
)
from .looking import LookInside
from .options import check_options
from .page import Page
from .prior import strength
from .protocol import CallbackSupport, epoch_hook, with_callbacks
from .saving import Saved
from .threads import limited
from .translation import (
    activations,
    automatic_batch,
    hidden_sizes,
    optimizer,
    planned_epochs,
    reacting,
    schedule,
)
from .validation import Samples, hold_out, own_samples
from .watch import Watch

Floats = npt.NDArray[np.floating[Any]]

# Rows in one forward pass: what is kept for the backward one must not fill the memory.
ROWS_A_PASS = 65536
PARTIAL_WITHOUT = "partial_fit needs steps, and solver='lbfgs' takes none: use 'adam' or 'sgd'"


class Backprop(CallbackSupport, LookInside, Saved, Page, BaseEstimator, ABC):  # type: ignore[misc]
    """The base of ``BackpropClassifier`` and ``BackpropRegressor``; not for direct use."""

    @abstractmethod
    def _read_y(self, y: Any, reset: bool, weights: Any) -> Floats:
        """Return y as the network's target (m, n_out); learn what it means if ``reset``."""

    @abstractmethod
    def _output(self) -> tuple[str, Cost]:
        """Return the output activation and the cost."""

    @abstractmethod
    def _default_score(self, y_hat: Floats, y: Any, weights: Any) -> float:
        """Return the estimator's own score of encoded outputs against y as given."""

    def _class_factors(self, y: Any) -> npt.NDArray[np.float64] | None:
        """Return the weight of each sample's class, or None."""
        return None

    def fit(self, X: Any, y: Any, sample_weight: Any = None, eval_set: Any = None) -> Any:
        """Train on X (m, n_features) and y (m,) or (m, n_outputs); return the estimator.

        ``X``: array, sparse matrix or DataFrame (pandas, polars, Arrow). ``sample_weight``: (m,).
        ``eval_set``: (X, y) or (X, y, sample_weight) of your own to validate on: it gives
        ``validation_loss_curve_``, and with ``early_stopping`` decides when to stop.

        Raises ValueError or TypeError naming what cannot be learnt from.
        """
        return self._fit_with_callbacks(X, y, sample_weight=sample_weight, eval_set=eval_set)

    @with_callbacks  # type: ignore[untyped-decorator, unused-ignore]
    def _fit_with_callbacks(self, X: Any, y: Any, sample_weight: Any, eval_set: Any) -> Any:
        return self._train(X, y, sample_weight, eval_set, incremental=False)

    def _train(self, X: Any, y: Any, weight: Any, eval_set: Any, incremental: bool) -> Any:
        check_options(type(self).__name__, self.get_params(deep=False))
        first = not hasattr(self, "network_") or not (self.warm_start or incremental)
        samples = self._samples(X, y, weight, reset=first)
        if first:
            self._forget()
        net = self._network(samples, first, incremental)
        held = None
        if eval_set is not None:
            held = own_samples(self, eval_set)
        elif self.early_stopping and not incremental:
            samples, held = hold_out(self, samples, net.seed)
        elif self.early_stopping:
            samples, held = self._hold_out_once(samples, net.seed)
        self.network_ = net
        self._descend(net, samples, held, incremental)
        return self

    def _samples(self, X: Any, y: Any, weight: Any, reset: bool) -> Samples:
        """Read, check and encode samples; with ``reset`` learn how."""
        found = self._read_X(X, reset)
        m = found.m if isinstance(found, Columns) else len(found)
        weights = self._weights(weight, m)
        if reset:
            self._check_some_y(y, m)
            self.encoder_ = self._fit_encoder(found, weights)
            self.dtype_ = np.dtype(self.dtype or getattr(found, "dtype", np.float64))
        Y = self._read_y(y, reset, weights)
        if len(Y) != m:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {m}, {len(Y)}"
            )
        factors = self._class_factors(y)
        total = weights if factors is None else factors if weights is None else weights * factors
        if total is not None and not total.sum() > 0:
            raise ValueError("the weights of all samples are zero: there is nothing to learn from")
        return Samples(self._encode(found), Y, total, (X, y, weight))

    def _check_some_y(self, y: Any, m: int) -> None:
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None"
            )

    def _weights(self, weight: Any, m: int) -> npt.NDArray[np.float64] | None:
        if weight is None:
            return None
        weights: npt.NDArray[np.float64] = np.asarray(weight, np.float64)
        if weights.ndim == 0:
            weights = np.full(m, float(weights))
        if weights.shape != (m,):
            raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(m,)}!")
        wrong = ~(np.isfinite(weights) & (weights >= 0))
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(
                f"sample_weight[{row}] = {weights[row]}: a weight is finite and 0 or above"
            )
        if not weights.sum() > 0:
            raise ValueError("the weights of all samples are zero: there is nothing to learn from")
        return weights

    def _read_X(self, X: Any, reset: bool) -> Any:
        if reset:
            self._by_columns = wants_columns(X, self.categorical_features)
        if self._by_columns:
            return read_columns(self, X, self.categorical_features, reset)
        dtypes = [np.float64, np.float32] if reset or self.dtype_ == np.float64 else [np.float32]
        return read_matrix(
            self, X, reset, dtypes if self.dtype is None else [np.float64, np.float32]
        )

    def _fit_encoder(self, found: Any, weights: Any) -> Encoder | None:
        if isinstance(found, Columns):
            return fit_columns(found, self.standardize)
        if not self.standardize:
            return None
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(found.shape[1])])
        return fit_matrix(found, names, weights)

    def _encode(self, found: Any) -> Floats:
        if isinstance(found, Columns):
            assert self.encoder_ is not None
            X, said = self.encoder_.encode(found, self.dtype_)
            for line in said:
                warnings.warn(line, UserWarning, stacklevel=5)
            return X
        if self.encoder_ is None:
            return np.ascontiguousarray(found, self.dtype_)
        return encode_matrix(found, self.encoder_, self.dtype_)

    def _encoded(self, X: Any) -> Floats:
        check_is_fitted(self, "network_")
        return self._encode(self._read_X(X, reset=False))

    def _forget(self) -> None:
        """Forget what earlier training left behind."""
        self._carried, self.t_ = Carried(), 0
        self._losses: list[float] = []
        self._validation: list[float] = []
        self._watch: Watch | None = None
        self._held: Any = None
        for name in ("network_", "stop_"):
            self.__dict__.pop(name, None)

    def _network(self, samples: Samples, first: bool, incremental: bool) -> Network:
        """Build the network, with fresh parameters or those learnt so far."""
        sizes = [samples.X.shape[1], *self._hidden(), samples.Y.shape[1]]
        self._seed_of_run = self._seed()
        prior = 0.0 if incremental else strength(self, samples) / samples.weight
        net = self._network_of(sizes, l2=self.alpha + prior)
        if first:
            self._start(net, samples)
        elif net.sizes != self.network_.sizes:
            raise ValueError(
                f"this would be a network of sizes {list(net.sizes)}, but what was learnt is one "
                f"of {list(self.network_.sizes)}: use warm_start=False to start anew"
            )
        else:
            net.theta = self.network_.theta
        return net

    def _hidden(self) -> list[int]:
        return hidden_sizes(self.hidden_layer_sizes)

    def _network_of(self, sizes: Sequence[int], l2: float) -> Network:
        output, cost = self._output()
        return Network(
            sizes,
            hidden=activations(self.activation, len(sizes) - 2),
            output=output,
            cost=cost,
            seed=self._seed_of_run,
            dtype=self.dtype_,
            dropout=self.dropout,
            l1=self.l1,
            l2=l2,
            init=self.init,
        )

    def _start(self, net: Network, samples: Samples) -> None:
        """Adjust fresh parameters to the data, where that helps."""

    def _seed(self) -> int:
        if isinstance(self.random_state, (int, np.integer)) and self.random_state >= 0:
            return int(self.random_state)
        rng = check_random_state(self.random_state)
        return int(rng.randint(np.iinfo(np.int32).max))

    def _hold_out_once(self, samples: Samples, seed: int) -> tuple[Samples, Samples]:
        """Hold validation samples out of the first call of ``partial_fit``, and keep them."""
        if self._held is None:
            samples, self._held = hold_out(self, samples, seed)
        return samples, self._held

    def _descend(
        self, net: Network, samples: Samples, held: Samples | None, incremental: bool
    ) -> None:
        """Train, and write the attributes."""
        if self._watch is not None and incremental and self._watch.stopped:
            warnings.warn(
                "early stopping has ended this training, and the best parameters are in place: "
                "partial_fit changes nothing any more",
                ConvergenceWarning,
                stacklevel=4,
            )
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
        watch.score = None
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
        self.n_layers_ = len(net.sizes)
        self.n_outputs_ = net.sizes[-1]
        self.out_activation_ = net.activations[-1].name.replace("sigmoid", "logistic")
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

    @property
    def coefs_(self) -> list[Floats]:
        """The weights of each layer as scikit-learn has them, (n_{l-1}, n_l): views of theta."""
        check_is_fitted(self, "network_")
        return [W.T for W in self.network_.W[1:]]

    @property
    def intercepts_(self) -> list[Floats]:
        """The biases of each layer (n_l,): views of theta."""
        check_is_fitted(self, "network_")
        return list(self.network_.b[1:])

    def _outputs(self, X: Any) -> Floats:
        """Return the network's outputs (m, n_out) for X as given."""
        encoded = self._encoded(X)
        return np.concatenate([self.network_.predict(part) for part in _parts(encoded)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _parts(X: Floats) -> Iterator[Floats]:
    for start in range(0, len(X), ROWS_A_PASS):
        yield X[start : start + ROWS_A_PASS]
