"""``BackpropRegressor``: one number for each sample, or several."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_y

from ..mathematics.costs import Cost
from ..network import Network
from .base import Backprop
from .classifier import takes_steps
from .holdout import Samples
from .inputs import weighted_moments
from .sklearn_parameters import DEGREES, cost

Floats = npt.NDArray[np.floating[Any]]

LOSSES = ("squared_error", "absolute_error", "huber", "quantile", "poisson")


class BackpropRegressor(RegressorMixin, Backprop):  # type: ignore[misc]
    """A regressor trained by backpropagation, with the parameters of ``MLPRegressor`` and more.

    ``loss``: "squared_error", "absolute_error", "huber(1.5)", "quantile(0.9)", "poisson", or a
    record. ``standardize``: columns, and y for the first four losses, are brought to mean 0 and
    deviation 1 (huber's delta stays in the units of y for one output). All others: see
    ``BackpropClassifier``.

    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(200, 5, random_state=0)
    >>> reg = BackpropRegressor(random_state=0).fit(X, y)
    >>> bool(reg.score(X, y) > 0.9)
    True
    """

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        schedule: Any = "auto",
        standardize: bool = True,
        categorical_features: Any = "from_dtype",
        init: Any = None,
        l1: float = 0.0,
        prior: Any = "auto",
        dropout: Any = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        scoring: Any = None,
        callbacks: Any = (),
        n_threads: int | None = None,
        dtype: str | None = None,
        engine: str = "auto",
    ) -> None:
        for name, value in list(locals().items()):
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    def _read_y(self, y: Any, reset: bool, weights: Any) -> Floats:
        _refuse_words(y)
        y = np.asarray(_check_y(y, multi_output=True, y_numeric=True), np.float64)
        Y = y[:, None] if y.ndim == 1 else y
        if reset:
            self._flat = y.ndim == 1
            self.y_mean_, self.y_scale_ = self._moments(Y, weights)
        if Y.shape[1] != len(self.y_mean_):
            raise ValueError(f"y has {Y.shape[1]} columns, and training had {len(self.y_mean_)}")
        if self._loss(1.0).target == "count" and (Y < 0).any():
            row = int(np.argmax((Y < 0).any(axis=1)))
            raise ValueError(
                f"loss='poisson' needs y of 0 or above, but row {row} of y has {Y[row].min():g}: "
                "use 'squared_error' for numbers of either sign"
            )
        return np.ascontiguousarray((Y - self.y_mean_) / self.y_scale_, self.dtype_)

    def _loss(self, scale: float) -> Cost:
        return cost(self.loss, LOSSES, scale)

    def _moments(self, Y: Floats, weights: Any) -> tuple[Floats, Floats]:
        """Return by what y is shifted and divided: 0 and 1 unless the loss scales with y."""
        if not self._scales_with_y():
            return np.zeros(Y.shape[1]), np.ones(Y.shape[1])
        mean, scale = weighted_moments(Y, weights)
        return mean, np.where(scale > 0, scale, 1.0)

    def _scales_with_y(self) -> bool:
        """Say whether the loss scales with y, and y was standardised."""
        known = isinstance(self.loss, str) and self._loss(1.0).name in DEGREES
        return bool(self.standardize and known)

    def _output(self) -> tuple[str, Cost]:
        scale = float(self.y_scale_[0]) if len(self.y_scale_) == 1 else 1.0
        found = self._loss(scale)
        output = "exp" if found.name == "poisson" else "identity"
        if found.outputs and output not in found.outputs:
            raise ValueError(
                f"loss={found.spec!r} does not fit numbers, whose output is {output}: "
                f"use one of {', '.join(LOSSES)}"
            )
        return output, found

    def _start(self, net: Network, samples: Samples) -> None:
        # With a log link the output starts at the mean count instead of 1.
        if net.activations[-1].name == "exp" and self.standardize:
            shares = samples.weights
            mean = np.average(samples.Y, axis=0, weights=shares)
            net.b[-1] = np.log(np.maximum(mean, 1e-3))

    @available_if(takes_steps)  # type: ignore[untyped-decorator, unused-ignore]
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, eval_set: Any = None
    ) -> BackpropRegressor:
        """Train for one epoch on these samples; see ``BackpropClassifier.partial_fit``."""
        self._train(X, y, sample_weight, eval_set, incremental=True)
        return self

    def predict(self, X: Any) -> Floats:
        """Return the predicted numbers (m,), or (m, n_outputs) for a y of two dimensions."""
        return self._numbers(self._outputs(X))

    def _numbers(self, y_hat: Floats) -> Floats:
        found = (y_hat * self.y_scale_ + self.y_mean_).astype(y_hat.dtype)
        return found[:, 0] if found.shape[1] == 1 else found

    def _default_score(self, y_hat: Floats, y: Any, weights: Any) -> float:
        predicted = self._numbers(y_hat)
        if not np.isfinite(predicted).all():
            return float("nan")
        return float(r2_score(np.asarray(y, np.float64), predicted, sample_weight=weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _refuse_words(y: Any) -> None:
    given = np.asarray(y)
    if given.dtype.kind in "US" or (
        given.dtype.kind == "O" and any(isinstance(v, str) for v in given.ravel().tolist())
    ):
        words = [v for v in given.ravel().tolist() if isinstance(v, (str, bytes))]
        raise ValueError(
            f"y holds words such as {words[0]!r}, and a regressor needs numbers: "
            "use BackpropClassifier for classes"
        )
