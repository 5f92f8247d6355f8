"""What both estimators share: reading X, building the network, training it, predicting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..network import Network
from ..training import Carried
from .callbacks import CallbackSupport, with_callbacks
from .constraints import check_options
from .early_stopping import Watch
from .fitting import Descends
from .holdout import Samples, hold_out, own_samples
from .html_repr import Page
from .inspection import LookInside
from .persistence import Saved
from .sample_inputs import Reads
from .sklearn_parameters import activations, hidden_sizes
from .weight_prior import strength

Floats = npt.NDArray[np.floating[Any]]

# Rows in one forward pass: what is kept for the backward one must not fill the memory.
ROWS_A_PASS = 65536
PARTIAL_WITHOUT = "partial_fit needs steps, and solver='lbfgs' takes none: use 'adam' or 'sgd'"


class Backprop(
    CallbackSupport,  # type: ignore[misc]
    Reads,
    Descends,
    LookInside,
    Saved,
    Page,
    BaseEstimator,  # type: ignore[misc]
):
    """The base of ``BackpropClassifier`` and ``BackpropRegressor``; not for direct use."""

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
            held = own_samples(self, eval_set, y)
        elif self.early_stopping and not incremental:
            samples, held = hold_out(self, samples, net.seed)
        elif self.early_stopping:
            samples, held = self._hold_out_once(samples, net.seed)
        self.network_ = net
        self.n_layers_, self.n_outputs_ = len(net.sizes), net.sizes[-1]
        self.out_activation_ = net.activations[-1].name.replace("sigmoid", "logistic")
        self._descend(net, samples, held, incremental)
        return self

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
