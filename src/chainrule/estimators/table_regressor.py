"""``TableRegressor``: the best regressor for a table, with no parameter set."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.validation import _check_y

from ..mathematics.checks import INSIDE_ONE, setting
from ..tables.target import Target
from ..typing import Floats
from .sample_weights import Weights
from .table_base import TableModel


class TableRegressor(RegressorMixin, TableModel):  # type: ignore[misc]
    """A regressor for tables: an ensemble of networks, trained and chosen by itself.

    The parameters are those of ``TableClassifier``, without ``class_weight``.
    ``out_of_fold_predictions_`` (m,): the prediction for each training row by the member that did
    not see it; ``out_of_fold_loss_``: their mean squared error over the variance of y;
    ``fold_of_row_`` (m,). ``feature_importances_`` (n_features,): the rise of that error when a
    column is shuffled.

    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = TableRegressor(random_state=0).fit(X, y)
    >>> y_hat, bounds = reg.predict(X, interval=0.9)
    >>> bool(((bounds[:, 0] <= y) & (y <= bounds[:, 1])).mean() > 0.85)
    True
    """

    def __init__(
        self,
        *,
        n_members: int | None = None,
        time_limit: float | None = None,
        categorical_features: Any = "from_dtype",
        without: Any = (),
        random_state: Any = None,
        n_threads: int | None = None,
        verbose: Any = False,
        engine: str = "auto",
    ) -> None:
        self.n_members = n_members
        self.time_limit = time_limit
        self.categorical_features = categorical_features
        self.without = without
        self.random_state = random_state
        self.n_threads = n_threads
        self.verbose = verbose
        self.engine = engine

    def _target(self, y: Any, weights: Weights, m: int) -> tuple[Target, Weights]:
        numbers = np.asarray(_check_y(column_or_1d(y, warn=True), y_numeric=True), np.float64)
        if len(numbers) != m:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {m}, {len(numbers)}"
            )
        return Target("y", "regression", (), numbers, ""), weights

    def predict(self, X: Any, interval: float | None = None) -> Any:
        """Return the predicted numbers (m,); with ``interval`` their bounds (m, 2) too.

        ``interval``: the share of new rows that are to lie within the bounds, as 0.9. The bounds
        come from the errors on out-of-fold rows.

        Raises ValueError for a share outside (0, 1).
        """
        outputs = self._outputs(X)
        if interval is None:
            return self._predictions(outputs)
        share = float(setting("predict", "interval", interval, INSIDE_ONE))
        return self._predictions(outputs), self._model.bounds(outputs, share)

    def _predictions(self, outputs: Floats) -> Floats:
        return self._meaning.original(outputs)
