"""``TableClassifier``: the best classifier for a table, with no parameter set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from ..tabular import Targets
from ..typing import Floats
from .table_base import TableModel


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

    def _targets(self, y: Any, weights: Floats, m: int) -> tuple[Targets, tuple[float, float]]:
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
        if self.class_weight is not None:
            weights = weights * compute_sample_weight(self._factors(), labels)
            if not weights.sum() > 0:
                raise ValueError("class_weight leaves no row a weight: there is nothing to learn")
            weights = weights * (m / weights.sum())
        if count == 2:
            return Targets("binary", places[:, None].astype(np.float64), weights), (0.0, 1.0)
        return Targets("multiclass", np.eye(count)[places], weights), (0.0, 1.0)

    def _factors(self) -> Any:
        given = self.class_weight
        if given == "balanced":
            return given
        if not isinstance(given, Mapping):
            raise ValueError(f"class_weight must be None, 'balanced' or a dict, not {given!r}")
        known = self.classes_.tolist()
        for label, weight in given.items():
            if label not in known:
                raise ValueError(f"class_weight names the class {label!r}, which y does not have")
            if not (np.isfinite(weight) and weight >= 0):
                raise ValueError(f"class_weight of {label!r} must be 0 or above, not {weight!r}")
        return {label: given.get(label, 1.0) for label in known}

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the most probable class of each row, (m,)."""
        places = np.argmax(self.predict_proba(X), axis=1)
        return np.asarray(self.classes_[places])

    def predict_proba(self, X: Any) -> Floats:
        """Return the probability of each class, (m, n_classes), in the order of ``classes_``."""
        rows = self._rows(X)
        return self._predictions(self.ensemble_.outputs(rows))

    def _predictions(self, outputs: Floats) -> Floats:
        p = np.concatenate([1 - outputs, outputs], axis=1) if outputs.shape[1] == 1 else outputs
        return np.asarray(p / p.sum(axis=1, keepdims=True))
