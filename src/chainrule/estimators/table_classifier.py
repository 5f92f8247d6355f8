"""``TableClassifier``: the best classifier for a table, with no parameter set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from ..tables.columns import Kind, spelled_as
from ..tables.target import Target, Task
from ..tabular.class_weights import balanced
from ..typing import Floats, Reals
from .classifier import refuse_mixed
from .sample_weights import Weights
from .table_base import TableModel

# Kinds of classes, as columns of a table know them.
_KIND: Mapping[str, Kind] = {"b": "boolean", "i": "integer", "u": "integer", "f": "float"}


class TableClassifier(ClassifierMixin, TableModel):  # type: ignore[misc]
    """A classifier for tables: an ensemble of networks, trained, chosen and calibrated by itself.

    ``n_members``: of how many folds each leaves out one member; None for 5. ``time_limit``: seconds
    after which training ends, None for no limit. ``random_state`` fixes every bit, whatever
    ``n_threads`` (None: all cores). ``class_weight``: None, "balanced" or {label: weight}, in
    training, early stopping, blending and calibration. ``categorical_features``: "from_dtype", or
    names, numbers or a mask of columns. ``without``: names of ``tabular.designs.INGREDIENTS`` to
    leave out. ``verbose``: a line of progress on a terminal.

    ``out_of_fold_predictions_`` (m, n_classes): the probabilities of each training row by the
    member that did not see it; ``out_of_fold_loss_``: their log loss; ``fold_of_row_`` (m,).
    ``feature_importances_`` (n_features,): the rise of that loss when a column is shuffled.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = TableClassifier(random_state=0).fit(X, y)
    >>> bool(clf.score(X, y) > 0.95)
    True
    """

    def __init__(
        self,
        *,
        n_members: int | None = None,
        time_limit: float | None = None,
        class_weight: Any = None,
        categorical_features: Any = "from_dtype",
        without: Any = (),
        random_state: Any = None,
        n_threads: int | None = None,
        verbose: Any = False,
        engine: str = "auto",
    ) -> None:
        self.n_members = n_members
        self.time_limit = time_limit
        self.class_weight = class_weight
        self.categorical_features = categorical_features
        self.without = without
        self.random_state = random_state
        self.n_threads = n_threads
        self.verbose = verbose
        self.engine = engine

    def _target(self, y: Any, weights: Weights, m: int) -> tuple[Target, Weights]:
        refuse_mixed(y)
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        if len(labels) != m:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {m}, {len(labels)}"
            )
        self.classes_, places = np.unique(labels, return_inverse=True)
        count = len(self.classes_)
        if count < 2:
            raise ValueError(
                f"y has one class only, {self.classes_.tolist()[0]!r}: a classifier needs two or "
                "more classes to learn"
            )
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            weights = balanced(places, weights)
        elif self.class_weight is not None:
            weights = self._factors()[places] * (1.0 if weights is None else weights)
            if not weights.sum() > 0:
                raise ValueError("class_weight leaves no row a weight: there is nothing to learn")
        words = tuple(spelled_as(_KIND.get(labels.dtype.kind, "text"), self.classes_.tolist()))
        task: Task = "binary" if count == 2 else "multiclass"
        return Target("y", task, words, places, ""), weights

    def _factors(self) -> Reals:
        """Return the weight of each class."""
        factors = self.class_weight
        if not isinstance(factors, Mapping):
            raise ValueError(f"class_weight must be None, 'balanced' or a dict, not {factors!r}")
        known = self.classes_.tolist()
        for label, weight in factors.items():
            if label not in known:
                raise ValueError(f"class_weight names the class {label!r}, which y does not have")
            if not (np.isfinite(weight) and weight >= 0):
                raise ValueError(f"class_weight of {label!r} must be 0 or above, not {weight!r}")
        return np.array([factors.get(label, 1.0) for label in known], np.float64)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the most probable class of each row, (m,)."""
        places = np.argmax(self.predict_proba(X), axis=1)
        return np.asarray(self.classes_[places])

    def predict_proba(self, X: Any) -> Floats:
        """Return the probability of each class, (m, n_classes), in the order of ``classes_``."""
        return self._predictions(self._outputs(X))

    def _predictions(self, outputs: Floats) -> Floats:
        p = np.concatenate([1 - outputs, outputs], axis=1) if outputs.shape[1] == 1 else outputs
        return np.asarray(p / p.sum(axis=1, keepdims=True))
