"""Reading: from X, y and weights as given to samples as the network takes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from ..network import Network
from ..tables.columns import Columns
from ..tables.encoder import Encoder
from ..typing import Array, Floats
from .constraints import Parameters, checked
from .encoding import encode, express_inputs, fit_encoder, fitted_moments, moments_of, with_moments
from .fitting import TrainingState
from .holdout import Samples, take_raw
from .inputs import Inputs, as_categories, read_columns, read_matrix, wants_columns
from .sample_weights import NO_WEIGHT, read_weights

Weights = npt.NDArray[np.float64] | None


class SampleReader:
    """How an estimator reads samples: what it has learnt of columns and targets.

    ``columns_``: the names of the columns in training. ``reads_columns_``: they are read one by one
    and encoded by name; otherwise X is a matrix. What y is, is for the subclass to say.
    """

    encoder_: Encoder | None
    dtype_: np.dtype[Any]
    columns_: list[str]
    reads_columns_: bool
    _training: TrainingState

    def read_inputs(self, X: Any) -> Inputs:
        """Return X checked, and not yet encoded: columns by name, or a matrix (m, n_features)."""
        check_is_fitted(self, "network_")
        return self._read(X, None)

    def encode_inputs(self, X: Any) -> Floats:
        """Return X (m, n_0) as the network sees it. Raises ValueError for what it cannot see."""
        return encode(self.read_inputs(X), self.encoder_, self.dtype_)

    def encode_samples(self, X: Any, y: Any, sample_weight: Any = None) -> Samples:
        """Return X, y and the weights, those of the classes included, as the network sees them."""
        check_is_fitted(self, "network_")
        return self._samples(self._checked(), X, y, sample_weight)

    def _validation_of(self, parameters: Parameters, eval_set: Any, y_trained: Any) -> Samples:
        if isinstance(eval_set, list) and len(eval_set) == 1:
            eval_set = eval_set[0]
        if not isinstance(eval_set, (tuple, list)) or len(eval_set) not in (2, 3):
            raise ValueError("eval_set must be (X, y) or (X, y, sample_weight)")
        X, y, *weight = eval_set
        try:
            return self._samples(
                parameters, X, y, weight[0] if weight else None, learnt_from=y_trained
            )
        except (ValueError, TypeError) as error:
            raise type(error)(f"eval_set: {error}") from None

    def _samples(
        self,
        parameters: Parameters,
        X: Any,
        y: Any,
        weight: Any,
        learn: bool = False,
        follow: bool = False,
        learnt_from: Any = None,
    ) -> Samples:
        """Read, check and encode samples; rows of weight 0 are left out.

        ``learn``: learn how to encode them. ``follow``: let the scales follow. ``learnt_from``: y
        of the training samples, where these are to validate on: their classes weigh what they weigh
        in training, unless they have weights of their own.
        """
        if learn:
            self._check_some_y(y)
        inputs = self._read(X, parameters if learn else None)
        m = inputs.m if isinstance(inputs, Columns) else len(inputs)
        weights = read_weights(weight, m)
        if learn:
            self.dtype_ = np.dtype(parameters.dtype or _dtype_of(inputs))
        Y = self._read_target(y, parameters, learn)
        if len(Y) != m:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {m}, {len(Y)}"
            )
        raw = (X, y, weight)
        if weights is not None and not weights.all():
            rows = np.flatnonzero(weights)
            inputs = inputs.take(rows) if isinstance(inputs, Columns) else inputs[rows]
            Y, weights, raw = Y[rows], weights[rows], take_raw(raw, rows)
        if learn:
            self.encoder_ = fit_encoder(inputs, self.columns_, parameters.standardize, weights)
            if parameters.standardize:
                self._training.inputs = fitted_moments(inputs, self.encoder_, weights)
        if follow and not learn:
            self._follow(inputs, weights)
        if learn or follow:
            self._scale_target(Y, weights, parameters, learn)
        weighed = learnt_from is not None and weights is not None
        factors = None if weighed else self._class_factors(parameters, Y, weights, learnt_from)
        total = weights if factors is None else factors if weights is None else weights * factors
        if total is not None and not total.sum() > 0:
            raise ValueError(NO_WEIGHT)
        X_encoded = encode(inputs, self.encoder_, self.dtype_)
        return Samples(X_encoded, self._encode_target(Y), total, raw)

    def _check_some_y(self, y: Any) -> None:
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None"
            )

    def _read(self, X: Any, parameters: Parameters | None) -> Inputs:
        """Read X; with parameters learn whether by columns, and the names of these."""
        if parameters is None:
            if self.reads_columns_:
                return read_columns(self, X, self.columns_)
            return read_matrix(self, X, reset=False)
        self.reads_columns_ = wants_columns(X, parameters.categorical_features)
        if self.reads_columns_:
            table = read_columns(self, X, None)
            self.columns_ = list(table)
            return as_categories(table, parameters.categorical_features)
        matrix = read_matrix(self, X, reset=True)
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(matrix.shape[1])])
        self.columns_ = [str(name) for name in names]
        return matrix

    def _follow(self, inputs: Inputs, weights: Weights) -> None:
        """Let the scales of the inputs follow the moments of all samples seen."""
        state = self._training
        batch = moments_of(inputs, self.encoder_, weights)
        if state.inputs is None or batch is None or self.encoder_ is None:
            return
        state.inputs = state.inputs.merge(batch)
        self.encoder_ = with_moments(self.encoder_, state.inputs)

    def _scales(self) -> tuple[Any, Any, TrainingState]:
        """Return what the parameters are expressed in: the scales of inputs and of targets."""
        y_scales = getattr(self, "y_mean_", None), getattr(self, "y_scale_", None)
        return self.encoder_, y_scales, replace(self._training)

    def _express(self, net: Network, encoder: Any, y_scales: Any, before: TrainingState) -> None:
        """Express the network, and the best one so far, in the scales of now."""
        networks = [net]
        observer = self._training.observer
        if observer is not None and observer.best_theta is not None:
            best = Network.from_architecture(net.architecture, observer.best_theta)
            networks.append(best)
        for one in networks:
            if self.encoder_ is not encoder and before.inputs is not None:
                assert self.encoder_ is not None
                express_inputs(one, encoder, self.encoder_, before.inputs.weight)
            self._express_target(one, y_scales[0], y_scales[1], before)
        if observer is not None and len(networks) > 1:
            observer.best_theta = networks[1].theta

    def _checked(self) -> Parameters:
        values: Any = vars(self)
        return checked(type(self).__name__, values)

    # What y is.

    def _read_target(self, y: Any, parameters: Parameters, learn: bool) -> Array:
        """Return y checked, (m,) or (m, n_outputs); with ``learn`` learn its classes."""
        raise NotImplementedError

    def _encode_target(self, y: Array) -> Floats:
        """Return y (m, n_L) as the network's outputs are."""
        raise NotImplementedError

    def _class_factors(
        self, parameters: Parameters, y: Array, weights: Weights, learnt_from: Any
    ) -> Weights:
        """Return the weight of each sample's class (m,), or None."""
        return None

    def _scale_target(
        self, Y: Array, weights: Weights, parameters: Parameters, learn: bool
    ) -> None:
        """Learn the scale of y, or let it follow."""

    def _express_target(self, net: Network, mean: Any, scale: Any, before: TrainingState) -> None:
        """Express the last layer in the scale of y of now."""


def _dtype_of(inputs: Inputs) -> Any:
    return np.float64 if isinstance(inputs, Columns) else inputs.dtype
