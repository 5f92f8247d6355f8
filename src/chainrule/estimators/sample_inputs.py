"""Reading: from X, y and weights as given to samples as the network takes them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from ..tables.columns import Columns
from ..tables.encoder import Encoder
from .holdout import Samples
from .inputs import (
    encode_matrix,
    fit_columns,
    fit_matrix,
    read_columns,
    read_matrix,
    wants_columns,
)

Floats = npt.NDArray[np.floating[Any]]
NO_WEIGHT = "the weights of all samples are zero: there is nothing to learn from"


class Reads:
    """What an estimator does to read its input."""

    categorical_features: Any
    standardize: bool
    dtype: Any
    encoder_: Encoder | None
    dtype_: np.dtype[Any]
    _by_columns: bool

    def _read_y(self, y: Any, reset: bool, weights: Any) -> Floats:
        raise NotImplementedError

    def _class_factors(self, y: Any, counted: Any) -> npt.NDArray[np.float64] | None:
        """Return the weight of each sample's class, or None; "balanced" counts ``counted``."""
        return None

    def _samples(
        self, X: Any, y: Any, weight: Any, reset: bool, learnt_from: Any = None
    ) -> Samples:
        """Read, check and encode samples; with ``reset`` learn how.

        ``learnt_from``: y of the training samples, where these are to validate on. Their classes
        weigh what they weigh in training, unless they have weights of their own.
        """
        found = self._read_X(X, reset)
        m = found.m if isinstance(found, Columns) else len(found)
        weights = self._weights(weight, m)
        if reset:
            self._check_some_y(y)
            self.encoder_ = self._fit_encoder(found, weights)
            self.dtype_ = np.dtype(self.dtype or getattr(found, "dtype", np.float64))
        Y = self._read_y(y, reset, weights)
        if len(Y) != m:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {m}, {len(Y)}"
            )
        own = learnt_from is not None and weights is not None
        factors = None if own else self._class_factors(y, y if learnt_from is None else learnt_from)
        total = weights if factors is None else factors if weights is None else weights * factors
        if total is not None and not total.sum() > 0:
            raise ValueError(NO_WEIGHT)
        return Samples(self._encode(found), Y, total, (X, y, weight))

    def _check_some_y(self, y: Any) -> None:
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
            raise ValueError(NO_WEIGHT)
        return weights

    def _read_X(self, X: Any, reset: bool) -> Any:
        if reset:
            self._by_columns = wants_columns(X, self.categorical_features)
        if self._by_columns:
            return read_columns(self, X, self.categorical_features, reset)
        return read_matrix(self, X, reset, [np.float64, np.float32])

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
