"""``BackpropClassifier``: two classes, several, or several labels."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import _check_y

from ..mathematics.costs import Cost
from ..typing import Array, Floats
from .base import Backprop, finite, takes_steps
from .constraints import Parameters
from .fitting import unchanged_by_errors
from .sample_weights import Weights, class_weights
from .sklearn_parameters import cost

LOSSES = ("log_loss", "cross_entropy", "logistic", "squared_error", "absolute_error", "huber")


class BackpropClassifier(ClassifierMixin, Backprop):  # type: ignore[misc]
    """A classifier trained by backpropagation, with the parameters of ``MLPClassifier`` and more.

    From ``hidden_layer_sizes`` to ``max_fun`` the parameters are scikit-learn's, with its defaults;
    ``activation`` can also be one for each layer, any of ``ACTIVATIONS``, or a record, and
    ``solver`` any of ``OPTIMIZERS``. ``alpha`` is the strength of the L2 penalty beside the mean
    cost, whatever the batch size.

    ``loss``: "log_loss", or "cross_entropy(0.1)" with smoothed labels, any of ``COSTS``, a record.
    ``class_weight``: None, "balanced" or {label: weight}; of ``eval_set`` too, unless it has
    weights of its own. ``schedule``: "auto" (one cycle from ``learning_rate_init`` up and down to
    0, of as many epochs as it takes), None, or any of ``SCHEDULES``. ``standardize``: columns are
    brought to mean 0 and deviation 1.
    ``categorical_features``: "from_dtype", or names, numbers or a mask of columns. ``init``: any of
    ``INITIALIZERS``. ``l1``, ``dropout``, ``clip_norm``, ``clip_value``: as in ``Network`` and
    ``fit``. ``scoring``: what early stopping looks at: None (accuracy), "loss", or any scorer.
    ``callbacks``: functions of (network, history). ``n_threads``: None for what suits the size.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = BackpropClassifier(random_state=0).fit(X, y)
    >>> bool(clf.score(X, y) > 0.95)
    True
    """

    def __init__(
        self,
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
        loss: Any = "log_loss",
        class_weight: Any = None,
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
        refuse_mixed(y)
        y = _check_y(y, multi_output=True)
        labels = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else np.asarray(y)
        if learn:
            check_classification_targets(labels)
            self._learn_classes(labels)
        if labels.ndim == 2 and labels.shape[1] != len(self.classes_):
            raise ValueError(
                f"y has {labels.shape[1]} labels, and training had {len(self.classes_)}"
            )
        strange: Any = (
            np.setdiff1d(unique_labels(labels), self.classes_) if labels.ndim == 1 else []
        )
        if len(strange):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {strange}."
            )
        return labels

    def _learn_classes(self, y: Array) -> None:
        """Learn the classes: those of y, or those that ``partial_fit`` was given."""
        listed = self.__dict__.pop("_classes_known", None)
        labels = y if listed is None else listed
        if np.ndim(labels) == 2 and not type_of_target(labels).startswith("multilabel"):
            raise ValueError(
                f"y is {type_of_target(labels)}: give one label a sample, or a matrix of 0 and 1"
            )
        several = listed is not None and type_of_target(y).startswith("multilabel")
        binarizer = LabelBinarizer().fit(y if several else labels)
        if len(binarizer.classes_) < 2:
            only = binarizer.classes_.tolist()[0]
            raise ValueError(
                f"y has one class only, {only!r}: a classifier needs two or more classes to learn"
            )
        self.label_binarizer_, self.classes_ = binarizer, binarizer.classes_

    def _check_classes(self, y: Any) -> None:
        """Raise ValueError where a warm start has other classes than the training before."""
        refuse_mixed(y)
        classes = unique_labels(_check_y(y, multi_output=True))
        if not np.array_equal(classes, self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}"
            )

    def _train(self, X: Any, y: Any, weight: Any, eval_set: Any, incremental: bool) -> None:
        if hasattr(self, "network_") and self.warm_start and not incremental and y is not None:
            self._check_classes(y)
        super()._train(X, y, weight, eval_set, incremental)

    def _encode_target(self, y: Array) -> Floats:
        return np.asarray(self.label_binarizer_.transform(y), self.dtype_)

    @property
    def multilabel_(self) -> bool:
        """Whether a sample can have several labels."""
        return bool(self.label_binarizer_.y_type_.startswith("multilabel"))

    def _output(self, parameters: Parameters) -> tuple[str, Cost]:
        several = self.label_binarizer_.y_type_ == "multiclass"
        output, default = ("softmax", "cross_entropy") if several else ("sigmoid", "logistic")
        loss = parameters.loss
        record = cost(default if isinstance(loss, str) and loss == "log_loss" else loss, LOSSES)
        if record.outputs and output not in record.outputs:
            raise ValueError(
                f"loss={record.spec!r} does not fit {'several classes' if several else 'this y'}, "
                f"whose output is {output}: use 'log_loss'"
            )
        return output, record

    def _class_factors(
        self, parameters: Parameters, y: Array, weights: Weights, learnt_from: Any
    ) -> Weights:
        if parameters.class_weight is None:
            return None
        if y.ndim != 1:
            raise ValueError("class_weight needs one label a sample: give sample_weight instead")
        counted = y
        if learnt_from is not None:
            counted, weights = np.ravel(np.asarray(learnt_from)), None
        by_class = class_weights(parameters.class_weight, self.classes_, counted, weights)
        return np.array([by_class.get(label, 1.0) for label in y.tolist()])

    @available_if(takes_steps)  # type: ignore[untyped-decorator, unused-ignore]
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None, eval_set: Any = None
    ) -> Self:
        """Train for one epoch on these samples, going on from what was learnt before.

        ``classes``: all classes, needed in the first call. The scales of the columns follow all
        samples seen. With ``early_stopping`` each call is scored on ``eval_set``, or on samples
        held out of the first call; when patience is over the best parameters are put back, and
        further calls change nothing, and warn.
        """
        with unchanged_by_errors(self):
            if _check_partial_fit_first_call(self, classes):
                self._classes_known = np.asarray(classes)
            self._train(X, y, sample_weight, eval_set, incremental=True)
        return self

    def predict(self, X: Any) -> Array:
        """Return the predicted class of each row (m,), or its labels (m, n_classes)."""
        return self._labels(self._outputs(X))

    def _labels(self, y_hat: Floats) -> Array:
        if self.n_outputs_ == 1:
            y_hat = y_hat.ravel()
        return np.asarray(self.label_binarizer_.inverse_transform(y_hat))

    def predict_proba(self, X: Any) -> Floats:
        """Return the probability of each class, (m, n_classes), in the order of ``classes_``."""
        p = self._outputs(X)
        return np.column_stack([1 - p[:, 0], p[:, 0]]) if p.shape[1] == 1 else p

    def predict_log_proba(self, X: Any) -> Floats:
        """Return the logarithms of ``predict_proba``, finite where a probability rounds to 0."""
        trace = self.forward(X)
        finite(trace.a[-1])
        z: Any = trace.z[-1]
        if self.network_.activations[-1].name == "softmax":
            top = z - z.max(axis=1, keepdims=True)
            return finite(np.asarray(top - np.log(np.exp(top).sum(axis=1, keepdims=True))))
        if z.shape[1] == 1:
            z = np.column_stack([-z[:, 0], z[:, 0]])
        return finite(np.asarray(-np.logaddexp(0, -z)))

    def _default_score(self, y_hat: Floats, y: Any, weights: Any) -> float:
        if not np.isfinite(y_hat).all():
            return float("nan")
        y = np.asarray(y)
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        return float(accuracy_score(y, self._labels(y_hat), sample_weight=weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def refuse_mixed(y: Any) -> None:
    """Raise ValueError for labels of different types, and for missing ones."""
    if getattr(y, "dtype", None) is not None and getattr(y.dtype, "kind", "") in "biufc":
        return
    labels = np.asarray(y)
    if labels.dtype.kind in "US" and not isinstance(y, np.ndarray):
        labels = np.array(list(y), object) if np.ndim(y) == 1 else labels
    if labels.dtype.kind != "O":
        return
    flat = labels.ravel().tolist()
    for row, label in enumerate(flat, 1):
        if label is None or label != label:
            raise ValueError(f"y has no label in row {row}: leave that row out, or give it one")
    words = [isinstance(label, str) for label in flat]
    if any(words) and not all(words):
        word, other = flat[words.index(True)], flat[words.index(False)]
        raise ValueError(
            f"y holds words such as {word!r} and other labels such as {other!r}: give words alone, "
            "or numbers alone"
        )
