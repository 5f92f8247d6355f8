"""``BackpropRegressor``: one number for each sample, or several."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_y

from ..mathematics.costs import Cost
from ..network import Network
from ..typing import Array, Floats
from .base import Backprop, finite, takes_steps
from .constraints import Parameters
from .fitting import TrainingState, unchanged_by_errors
from .holdout import Samples
from .moments import FEW, Moments, same
from .sample_weights import Weights
from .sklearn_parameters import DEGREES, cost

# Predictions are in the inputs' dtype, unless its steps at the mean of y are coarser than this
# share of the deviation of y.
COARSE = 1e-3
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

    def _read_target(self, y: Any, parameters: Parameters, learn: bool) -> Array:
        _refuse_words(y)
        y = np.asarray(_check_y(y, multi_output=True, y_numeric=True), np.float64)
        Y: Array = y[:, None] if y.ndim == 1 else y
        if not learn and Y.shape[1] != len(self.y_mean_):
            raise ValueError(f"y has {Y.shape[1]} columns, and training had {len(self.y_mean_)}")
        if self._loss(parameters, 1.0).target == "count" and (Y < 0).any():
            row = int(np.argmax((Y < 0).any(axis=1)))
            raise ValueError(
                f"loss='poisson' needs y of 0 or above, but row {row} of y has {Y[row].min():g}: "
                "use 'squared_error' for numbers of either sign"
            )
        return Y

    def _scale_target(
        self, Y: Array, weights: Weights, parameters: Parameters, learn: bool
    ) -> None:
        state = self._training
        if not self._scales_with_y(parameters):
            if learn:
                self.y_mean_, self.y_scale_ = np.zeros(Y.shape[1]), np.ones(Y.shape[1])
            return
        moments = Moments.of(Y, weights)
        if learn:
            state.targets = moments
        elif state.targets is None:
            return
        else:
            state.targets = state.targets.merge(moments)
        mean, scale = state.targets.mean, state.targets.deviation
        scale = np.where(scale > 0, scale, 1.0)
        if learn or not same(mean, scale, self.y_mean_, self.y_scale_):
            self.y_mean_, self.y_scale_ = mean, scale

    def _encode_target(self, y: Array) -> Floats:
        return np.ascontiguousarray((y - self.y_mean_) / self.y_scale_, self.dtype_)

    def _express_target(self, net: Network, mean: Any, scale: Any, before: TrainingState) -> None:
        if before.targets is None or mean is self.y_mean_:
            return
        spread = before.targets.deviation > 0
        settled = before.targets.weight >= FEW
        ratio = np.where(settled & spread, scale / self.y_scale_, 1.0)
        shift = np.where(settled, (mean - self.y_mean_) / self.y_scale_, 0.0)
        net.W[-1], net.b[-1] = net.W[-1] * ratio[:, None], net.b[-1] * ratio + shift

    def _loss(self, parameters: Parameters, scale: float) -> Cost:
        return cost(parameters.loss, LOSSES, scale)

    def _scales_with_y(self, parameters: Parameters) -> bool:
        named = isinstance(parameters.loss, str)
        return parameters.standardize and named and self._loss(parameters, 1.0).name in DEGREES

    def _output(self, parameters: Parameters) -> tuple[str, Cost]:
        scale = float(self.y_scale_[0]) if len(self.y_scale_) == 1 else 1.0
        record = self._loss(parameters, scale)
        output = "exp" if record.name == "poisson" else "identity"
        if record.outputs and output not in record.outputs:
            raise ValueError(
                f"loss={record.spec!r} does not fit numbers, whose output is {output}: "
                f"use one of {', '.join(LOSSES)}"
            )
        return output, record

    def _start(self, net: Network, samples: Samples, parameters: Parameters) -> None:
        # With a log link the output starts at the mean count instead of 1.
        if net.activations[-1].name == "exp" and parameters.standardize:
            mean = np.average(samples.Y, axis=0, weights=samples.weights)
            net.b[-1] = np.log(np.maximum(mean, 1e-3))

    @available_if(takes_steps)  # type: ignore[untyped-decorator, unused-ignore]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, eval_set: Any = None) -> Self:
        """Train for one epoch on these samples; see ``BackpropClassifier.partial_fit``."""
        with unchanged_by_errors(self):
            self._train(X, y, sample_weight, eval_set, incremental=True)
        return self

    def predict(self, X: Any) -> Floats:
        """Return the predicted numbers (m,), or (m, n_outputs) for a y of two dimensions."""
        return self._numbers(self._outputs(X))

    def _numbers(self, y_hat: Floats) -> Floats:
        with np.errstate(over="ignore"):
            numbers = y_hat * self.y_scale_ + self.y_mean_
            if not _loses_digits(self.y_mean_, self.y_scale_, y_hat.dtype):
                numbers = numbers.astype(y_hat.dtype)
        return finite(numbers[:, 0] if numbers.shape[1] == 1 else numbers)

    def _default_score(self, y_hat: Floats, y: Any, weights: Any) -> float:
        try:
            predicted = self._numbers(y_hat)
        except ValueError:
            return float("nan")
        return float(r2_score(np.asarray(y, np.float64), predicted, sample_weight=weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _loses_digits(mean: Floats, scale: Floats, dtype: np.dtype[Any]) -> bool:
    """Return whether numbers about ``mean`` lie too close together, at ``scale``, for ``dtype``."""
    return bool((np.abs(mean) * np.finfo(dtype).eps > COARSE * scale).any())


def _refuse_words(y: Any) -> None:
    values = np.asarray(y)
    if values.dtype.kind not in "USO":
        return
    words = [v for v in values.ravel().tolist() if isinstance(v, (str, bytes))]
    if words:
        raise ValueError(
            f"y holds words such as {words[0]!r}, and a regressor needs numbers: "
            "use BackpropClassifier for classes"
        )
