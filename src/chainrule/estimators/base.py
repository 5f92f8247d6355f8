"""The base of both estimators: reading samples, building the network, training it, predicting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from ..mathematics.costs import Cost
from ..network import Network
from ..training.continuation import Carried
from ..typing import Array, Floats
from .callbacks import CallbackSupport, epoch_hook, with_callbacks
from .constraints import Parameters
from .early_stopping import outcome
from .fitted import FittedNetwork
from .fitting import (
    TrainingState,
    descend,
    observer_of,
    plan_of,
    scorer_of,
    unchanged_by_errors,
    warn_of_end,
)
from .holdout import Samples, hold_out, repeated
from .sklearn_parameters import PLAIN_INIT, activations, draw_biases, schedule
from .user_warnings import warn
from .weight_prior import strength

Weights = npt.NDArray[np.float64] | None

PARTIAL_WITHOUT = "partial_fit needs steps, and solver='lbfgs' takes none: use 'adam' or 'sgd'"
ENDED = (
    "early stopping has ended this training, and the best parameters are in place: "
    "partial_fit changes nothing any more"
)


class Backprop(FittedNetwork, CallbackSupport, BaseEstimator):  # type: ignore[misc]
    """The base of ``BackpropClassifier`` and ``BackpropRegressor``; not for direct use."""

    dtype_: np.dtype[Any]
    reads_columns_: bool
    _training: TrainingState

    def fit(self, X: Any, y: Any, sample_weight: Any = None, eval_set: Any = None) -> Self:
        """Train on X (m, n_features) and y (m,) or (m, n_outputs); return the estimator.

        ``X``: array, sparse matrix or DataFrame (pandas, polars, Arrow). ``sample_weight``: (m,);
        a whole weight k counts as k rows, 0 as none. ``eval_set``: (X, y) or (X, y, sample_weight)
        of your own to validate on: it gives ``validation_loss_curve_``, and with ``early_stopping``
        decides when to stop.

        Raises ValueError or TypeError naming what cannot be learnt from; the estimator is then as
        it was before.
        """
        with unchanged_by_errors(self):
            self._fit_with_callbacks(X, y, sample_weight=sample_weight, eval_set=eval_set)
        return self

    @with_callbacks  # type: ignore[untyped-decorator, unused-ignore]
    def _fit_with_callbacks(self, X: Any, y: Any, sample_weight: Any, eval_set: Any) -> None:
        self._train(X, y, sample_weight, eval_set, incremental=False)

    def set_params(self, **params: Any) -> Self:
        """Set parameters by their names: all, or none if one raises ValueError."""
        with unchanged_by_errors(self):
            super().set_params(**params)
        return self

    def _train(self, X: Any, y: Any, weight: Any, eval_set: Any, incremental: bool) -> None:
        parameters = self._checked()
        anew = not hasattr(self, "network_") or not (parameters.warm_start or incremental)
        if anew:
            self._forget()
        state = self._training = self._training.copy()
        if not incremental:
            state.carried, state.observer, state.held = Carried(), None, None
        elif state.observer is not None and state.observer.reason:
            warn(ENDED, ConvergenceWarning)
            return
        scales = None if anew else self._scales()
        samples = self._samples(parameters, X, y, weight, learn=anew, follow=incremental)
        net = self._network(parameters, samples, anew, incremental)
        if scales is not None:
            self._express(net, *scales)
        samples, held = self._validation(parameters, samples, eval_set, net.seed, incremental)
        self._hold(net)
        self._descend(net, repeated(samples), held, parameters, incremental)

    def _forget(self) -> None:
        """Forget what earlier training left behind."""
        self._training, self.t_ = TrainingState(), 0
        for name in ("network_", "stop_"):
            self.__dict__.pop(name, None)

    def _hold(self, net: Network) -> None:
        self.network_ = net
        self.n_layers_, self.n_outputs_ = len(net.sizes), net.sizes[-1]
        self.out_activation_ = net.activations[-1].name.replace("sigmoid", "logistic")

    def _descend(
        self,
        net: Network,
        samples: Samples,
        held: Samples | None,
        parameters: Parameters,
        incremental: bool,
    ) -> None:
        """Train, and write the attributes."""
        state, m = self._training, len(samples.X)
        plan = plan_of(parameters, m, incremental)
        observer = observer_of(parameters, plan, state, incremental)
        observer.samples = m
        if parameters.early_stopping and held is not None:
            observer.score = scorer_of(self, parameters, held, observer, self._default_score)
        if not incremental:
            observer.hook = epoch_hook(self, samples.raw, plan.epochs)
        before = state.copy().carried
        history = descend(
            net, samples, held, parameters, plan, observer, state.carried, not incremental
        )
        assert history.stop is not None
        if history.stop.reason == "diverged":
            state.carried = before
            advice = history.stop.message.replace("learning_rate=", "learning_rate_init=")
            history.stop = replace(history.stop, message=advice)
            warn(advice, RuntimeWarning)
        result = outcome(observer, history.stop, incremental)
        if result.theta is not None:
            net.theta = result.theta
        self.history_, self.stop_ = history, result.stop
        history.stop = result.stop
        self.n_iter_, self.t_ = history.epochs, self.t_ + m * history.epochs
        self.loss_curve_ = state.losses
        self.loss_ = state.losses[-1] if state.losses else np.nan
        self.validation_loss_curve_ = state.validation or None
        self.validation_scores_, self.best_validation_score_ = result.scores, result.best_score
        self.best_loss_ = result.best_loss
        observer.score = observer.hook = None
        state.observer = observer if incremental else None
        warn_of_end(parameters, history, observer.ends, incremental)

    def _network(
        self, parameters: Parameters, samples: Samples, anew: bool, incremental: bool
    ) -> Network:
        """Build the network, with fresh parameters or those learnt so far."""
        sizes = [samples.X.shape[1], *parameters.hidden_layer_sizes, samples.Y.shape[1]]
        seed = _seed(parameters.random_state)

        plain = incremental or (schedule(parameters) is None and parameters.solver != "lbfgs")
        if plain and parameters.init is None:
            parameters = replace(parameters, init=PLAIN_INIT)

        def build(l2: float) -> Network:
            return self._fresh(parameters, sizes, seed, l2)

        prior = 0.0
        if not incremental:
            measured = self._scales_with_y(parameters)
            prior = strength(parameters, samples, measured, seed, build) / samples.weight
        net = build(parameters.alpha + prior)
        if anew:
            if parameters.init is PLAIN_INIT:
                draw_biases(net)
            self._start(net, samples, parameters)
        elif net.sizes != self.network_.sizes:
            raise ValueError(
                f"this would be a network of sizes {list(net.sizes)}, but what was learnt is one "
                f"of {list(self.network_.sizes)}: use warm_start=False to start anew"
            )
        else:
            net.theta = self.network_.theta
        return net

    def _fresh(self, p: Parameters, sizes: Sequence[int], seed: int, l2: float) -> Network:
        output, cost = self._output(p)
        return Network(
            sizes,
            hidden=activations(p.activation, len(sizes) - 2),
            output=output,
            cost=cost,
            seed=seed,
            dtype=self.dtype_,
            dropout=p.dropout,
            l1=p.l1,
            l2=l2,
            init=p.init,
        )

    def _validation(
        self,
        parameters: Parameters,
        samples: Samples,
        eval_set: Any,
        seed: int,
        incremental: bool,
    ) -> tuple[Samples, Samples | None]:
        """Return training and validation samples: the user's own, or some held out, or none.

        ``partial_fit`` holds them out of its first call, and keeps them.
        """
        if eval_set is not None:
            return samples, self._validation_of(parameters, eval_set, samples.raw[1])
        if not parameters.early_stopping:
            return samples, None
        state = self._training
        if incremental and state.held is not None:
            again = self._samples(parameters, *state.held.raw)
            return samples, replace(state.held, X=again.X, Y=again.Y)
        share, classifies = parameters.validation_fraction, is_classifier(self)
        samples, held = hold_out(samples, share, seed, classifies)
        state.held = held if incremental else None
        return samples, held

    def _output(self, parameters: Parameters) -> tuple[str, Cost]:
        """Return the output's activation and the cost."""
        raise NotImplementedError

    def _default_score(self, y_hat: Floats, y: Any, weights: Any) -> float:
        """Return the score by which early stopping goes without another."""
        raise NotImplementedError

    def _scales_with_y(self, parameters: Parameters) -> bool:
        """Return whether the loss scales with y, and y is standardised."""
        return False

    def _start(self, net: Network, samples: Samples, parameters: Parameters) -> None:
        """Adjust fresh parameters to the data, where that helps."""

    def assume(
        self, coefs: Sequence[Array], intercepts: Sequence[Array], losses: list[float]
    ) -> Self:
        """Take over weights (n_{l-1}, n_l) and biases of another network, which takes X as it is.

        What y means (``classes_``, ``y_mean_``, ...) is for the caller to set before.
        """
        parameters = self._checked()
        self.reads_columns_, self.encoder_, self.dtype_ = False, None, coefs[0].dtype
        sizes = [coefs[0].shape[0], *(W.shape[1] for W in coefs)]
        self.columns_ = [f"x{j}" for j in range(sizes[0])]
        seed = _seed(parameters.random_state)
        self._hold(self._fresh(parameters, sizes, seed, parameters.alpha))
        self.coefs_, self.intercepts_ = list(coefs), list(intercepts)
        self._training = TrainingState(losses=losses)
        self.loss_curve_, self.validation_loss_curve_ = losses, None
        return self

    def _outputs(self, X: Any) -> Floats:
        """Return the network's outputs (m, n_out) for X as given."""
        encoded = self.encode_inputs(X)
        return finite(self.network_.predict(encoded))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def finite(outputs: Floats) -> Floats:
    """Return outputs (m, n_out). Raises ValueError, naming the row, if one is not finite."""
    if not np.isfinite(outputs).all():
        row = int(np.nonzero(~np.isfinite(outputs))[0][0])
        raise ValueError(
            f"the prediction for row {row + 1} of X is not finite in {outputs.dtype}: its values "
            "are too large to compute with"
        )
    return outputs


def takes_steps(estimator: Any) -> bool:
    """Raise AttributeError for L-BFGS, which cannot go on from part of the data."""
    if isinstance(estimator.solver, str) and estimator.solver == "lbfgs":
        raise AttributeError(PARTIAL_WITHOUT)
    return True


def _seed(random_state: Any) -> int:
    if isinstance(random_state, (int, np.integer)) and random_state >= 0:
        return int(random_state)
    rng = check_random_state(random_state)
    return int(rng.randint(np.iinfo(np.int32).max))
