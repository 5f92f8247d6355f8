"""``BackpropClassifier``: two classes, several, or several labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import _check_y

from ..mathematics.costs import Cost
from .base import PARTIAL_WITHOUT, Backprop
from .constraints import check_options
from .sklearn_parameters import cost

Floats = npt.NDArray[np.floating[Any]]

LOSSES = ("log_loss", "cross_entropy", "logistic", "squared_error", "absolute_error", "huber")


def takes_steps(estimator: Any) -> bool:
    """Raise AttributeError for L-BFGS, which cannot go on from part of the data."""
    if estimator.solver == "lbfgs":
        raise AttributeError(PARTIAL_WITHOUT)
    return True


def _one_label(y: Any) -> npt.NDArray[Any]:
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError("class_weight needs one label a sample: give sample_weight instead")
    return labels


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

    def _read_y(self, y: Any, reset: bool, weights: Any) -> Floats:
        y = _check_y(y, multi_output=True) if not reset else self._new_y(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        binarizer = self._label_binarizer
        if not reset or self._given_classes is not None:
            self._check_known(y)
        if y.ndim == 2 and y.shape[1] != len(self.classes_):
            raise ValueError(f"y has {y.shape[1]} labels, and training had {len(self.classes_)}")
        return np.asarray(binarizer.transform(y), self.dtype_)

    _given_classes: Any = None

    def _new_y(self, y: Any) -> Any:
        """Learn the classes."""
        y = _check_y(y, multi_output=True)
        check_classification_targets(y)
        labels = y if self._given_classes is None else self._given_classes
        if y.ndim == 2 and y.shape[1] == 1:
            labels = column_or_1d(y, warn=False) if self._given_classes is None else labels
        if np.ndim(labels) == 2 and not type_of_target(labels).startswith("multilabel"):
            raise ValueError(
                f"y is {type_of_target(labels)}: give one label a sample, or a matrix of 0 and 1"
            )
        if (
            np.ndim(labels) == 2
            or self._given_classes is None
            or not type_of_target(y).startswith("multilabel")
        ):
            fitted = LabelBinarizer().fit(labels)
        else:
            fitted = LabelBinarizer().fit(y)
        if len(fitted.classes_) < 2:
            only = fitted.classes_.tolist()[0]
            raise ValueError(
                f"y has one class only, {only!r}: a classifier needs two or more classes to learn"
            )
        self._label_binarizer, self.classes_ = fitted, fitted.classes_
        return y

    def _check_known(self, y: Any) -> None:
        strange: Any = np.setdiff1d(unique_labels(y), self.classes_) if y.ndim == 1 else []
        if len(strange):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {strange}."
            )

    def _output(self) -> tuple[str, Cost]:
        several = self._label_binarizer.y_type_ == "multiclass"
        output, own = ("softmax", "cross_entropy") if several else ("sigmoid", "logistic")
        loss = own if isinstance(self.loss, str) and self.loss == "log_loss" else self.loss
        found = cost(loss, LOSSES)
        if found.outputs and output not in found.outputs:
            raise ValueError(
                f"loss={found.spec!r} does not fit {'several classes' if several else 'this y'}, "
                f"whose output is {output}: use 'log_loss'"
            )
        return output, found

    def _class_factors(self, y: Any, counted: Any) -> npt.NDArray[np.float64] | None:
        if self.class_weight is None:
            return None
        labels, counted = _one_label(y), _one_label(counted)
        if isinstance(self.class_weight, str):
            if self.class_weight != "balanced":
                raise ValueError(
                    f"class_weight must be None, 'balanced' or a dict, not {self.class_weight!r}"
                )
            present = np.unique(counted)
            found = dict(
                zip(
                    present.tolist(),
                    compute_class_weight("balanced", classes=present, y=counted).tolist(),
                    strict=True,
                )
            )
        else:
            found = self._weights_by_class()
        return np.array([found.get(label, 1.0) for label in labels.tolist()])

    def _weights_by_class(self) -> dict[Any, float]:
        if not hasattr(self.class_weight, "items"):
            raise ValueError(
                f"class_weight must be None, 'balanced' or a dict, not {self.class_weight!r}"
            )
        known = set(self.classes_.tolist())
        for label, weight in self.class_weight.items():
            plain = label.item() if isinstance(label, np.generic) else label
            if plain not in known:
                raise ValueError(
                    f"class_weight has a weight for the class {label!r}, which is not in y "
                    f"(classes: {', '.join(map(str, self.classes_[:20]))})"
                )
            if not (np.isfinite(weight) and weight >= 0):
                raise ValueError(
                    f"class_weight of {label!r} must be finite and 0 or above: {weight}"
                )
        return {
            (k.item() if isinstance(k, np.generic) else k): float(v)
            for k, v in self.class_weight.items()
        }

    @available_if(takes_steps)  # type: ignore[untyped-decorator, unused-ignore]
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None, eval_set: Any = None
    ) -> BackpropClassifier:
        """Train for one epoch on these samples, going on from what was learnt before.

        ``classes``: all classes, needed in the first call. With ``early_stopping`` each call is
        scored on ``eval_set``, or on samples held out of the first call; when patience is over
        the best parameters are put back, and further calls change nothing.
        """
        check_options(type(self).__name__, self.get_params(deep=False))
        if _check_partial_fit_first_call(self, classes):
            self._given_classes = np.asarray(classes)
        try:
            self._train(X, y, sample_weight, eval_set, incremental=True)
        finally:
            self.__dict__.pop("_given_classes", None)
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the predicted class of each row (m,), or its labels (m, n_classes)."""
        return self._labels(self._outputs(X))

    def _labels(self, y_hat: Floats) -> npt.NDArray[Any]:
        if self.n_outputs_ == 1:
            y_hat = y_hat.ravel()
        return np.asarray(self._label_binarizer.inverse_transform(y_hat))

    def predict_proba(self, X: Any) -> Floats:
        """Return the probability of each class, (m, n_classes), in the order of ``classes_``."""
        p = self._outputs(X)
        return np.column_stack([1 - p[:, 0], p[:, 0]]) if p.shape[1] == 1 else p

    def predict_log_proba(self, X: Any) -> Floats:
        """Return the logarithms of ``predict_proba``, finite where a probability rounds to 0."""
        z: Any = self.forward(X).z[-1]
        if self.network_.activations[-1].name == "softmax":
            top = z - z.max(axis=1, keepdims=True)
            return np.asarray(top - np.log(np.exp(top).sum(axis=1, keepdims=True)))
        if z.shape[1] == 1:
            z = np.column_stack([-z[:, 0], z[:, 0]])
        return np.asarray(-np.logaddexp(0, -z))

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
