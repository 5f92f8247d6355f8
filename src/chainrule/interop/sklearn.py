"""scikit-learn's MLP: from a fitted one to an estimator of ours, and back where it can be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..mathematics.activations import ACTIVATIONS
from ..mathematics.names import listed

# Their names of activations and ours; no others are known to scikit-learn.
TO_OURS = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
TO_THEIRS = {ours: theirs for theirs, ours in TO_OURS.items()}

SAME = (
    "hidden_layer_sizes",
    "activation",
    "solver",
    "learning_rate",
    "learning_rate_init",
    "power_t",
    "max_iter",
    "shuffle",
    "random_state",
    "tol",
    "verbose",
    "warm_start",
    "momentum",
    "nesterovs_momentum",
    "early_stopping",
    "validation_fraction",
    "beta_1",
    "beta_2",
    "epsilon",
    "n_iter_no_change",
    "max_fun",
)

# What their solver and learning_rate may be.
WORDS = {
    "solver": ("adam", "sgd", "lbfgs"),
    "learning_rate": ("constant", "invscaling", "adaptive"),
}
# Attributes of a fitted one that mean the same in both.
LEARNT = (
    "n_iter_",
    "t_",
    "loss_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "n_features_in_",
    "feature_names_in_",
)


def from_sklearn(mlp: Any) -> Any:
    """Return an estimator of ours with the parameters and weights of a fitted scikit-learn MLP.

    It predicts the same, and trains on as scikit-learn does: no standardisation, schedule or prior,
    its batch size, and ``alpha`` divided by it, because scikit-learn divides its penalty by the
    number of samples in the batch (for lbfgs, of all). ``warm_start=True`` and ``fit`` go on from
    its weights.

    Raises TypeError for anything but an MLPClassifier or MLPRegressor, ValueError for one not
    fitted.
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    from ..estimators import BackpropClassifier, BackpropRegressor

    if not isinstance(mlp, (MLPClassifier, MLPRegressor)):
        raise TypeError(
            f"from_sklearn takes an MLPClassifier or MLPRegressor, not {type(mlp).__name__}"
        )
    if not hasattr(mlp, "coefs_"):
        raise ValueError("from_sklearn takes a fitted MLP, and this one is not: call fit first")
    m = max(round(mlp.t_ / max(mlp.n_iter_, 1)), 1) if mlp.solver != "lbfgs" else 0
    batch = min(200, m or 200) if mlp.batch_size == "auto" else int(mlp.batch_size)
    parameters: dict[str, Any] = {name: getattr(mlp, name) for name in SAME}
    parameters |= {
        "batch_size": batch,
        "alpha": mlp.alpha / batch,
        "schedule": None,
        "prior": 0.0,
        "standardize": False,
        "categorical_features": None,
    }
    estimator: Any
    if isinstance(mlp, MLPClassifier):
        estimator = BackpropClassifier(**parameters)
        estimator.label_binarizer_, estimator.classes_ = mlp._label_binarizer, mlp.classes_
    else:
        estimator = BackpropRegressor(loss=mlp.loss, **parameters)
        k = mlp.coefs_[-1].shape[1]
        estimator.y_mean_, estimator.y_scale_ = np.zeros(k), np.ones(k)
    estimator.assume(mlp.coefs_, mlp.intercepts_, list(getattr(mlp, "loss_curve_", [])))
    _copy(mlp, estimator, [*LEARNT, "validation_scores_", "best_validation_score_"])
    estimator.best_loss_ = getattr(mlp, "best_loss_", None)
    return estimator


def _copy(source: Any, target: Any, names: Iterable[str]) -> None:
    for name in names:
        if hasattr(source, name):
            setattr(target, name, getattr(source, name))


def to_sklearn(estimator: Any) -> Any:
    """Return a fitted MLPClassifier or MLPRegressor that predicts what this estimator does.

    The standardisation of columns and of y goes into the first and the last layer.

    Raises ValueError for what scikit-learn's MLP cannot say: activations it does not know, one that
    differs from layer to layer, dropped or encoded columns, losses with another output.
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator, "network_")
    coefs, intercepts = folded(estimator)
    parameters = {name: getattr(estimator, name) for name in SAME}
    for name, words in WORDS.items():
        if not (isinstance(parameters[name], str) and parameters[name] in words):
            del parameters[name]
    parameters["activation"] = _their_activation(estimator.network_)
    mlp: Any
    if hasattr(estimator, "classes_"):
        mlp = MLPClassifier(**parameters)
        mlp._label_binarizer, mlp.classes_ = estimator.label_binarizer_, estimator.classes_
    else:
        poisson = estimator.network_.cost.name == "poisson"
        mlp = MLPRegressor(loss="poisson" if poisson else "squared_error", **parameters)
    mlp.coefs_, mlp.intercepts_ = coefs, intercepts
    _copy(estimator, mlp, LEARNT)
    mlp.loss_curve_, mlp.best_loss_ = list(estimator.loss_curve_), estimator.best_loss_
    return mlp


def _their_activation(net: Any) -> str:
    used = {f.name for f in net.activations[:-1]} or {"identity"}
    if len(used) > 1:
        raise ValueError(
            f"scikit-learn's MLP has one activation for all hidden layers, not {sorted(used)}"
        )
    f = net.activations[0]
    name = used.pop()
    if name not in TO_THEIRS or (len(net.activations) > 1 and not listed(f, ACTIVATIONS)):
        raise ValueError(
            f"scikit-learn's MLP does not know the activation {name!r} "
            f"(it knows {', '.join(TO_THEIRS)})"
        )
    return TO_THEIRS[name]


def folded(estimator: Any) -> tuple[list[Any], list[Any]]:
    """Return weights (n_{l-1}, n_l) and biases that take X, and give y, in the units given.

    The first layer takes in (x - mean) / scale, the last gives y scale + mean. Raises ValueError
    for columns that are more than standardised, and for an output that cannot be stretched.
    """
    encoder = estimator.encoder_
    if estimator.reads_columns_:
        raise ValueError(
            "this model encodes words or gaps, which weights alone cannot say: export to ONNX "
            "instead"
        )
    dtype = estimator.network_.dtype
    coefs = [np.array(W, np.float64) for W in estimator.coefs_]
    intercepts = [np.array(b, np.float64) for b in estimator.intercepts_]
    if encoder is not None:
        mean = np.array([f.mean for f in encoder.features])
        scale = np.array([f.scale for f in encoder.features])
        factor = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
        coefs[0] = coefs[0] * factor[:, None]
        intercepts[0] = intercepts[0] - mean @ coefs[0]
    if hasattr(estimator, "y_scale_") and estimator.out_activation_ == "identity":
        coefs[-1] = coefs[-1] * estimator.y_scale_
        intercepts[-1] = intercepts[-1] * estimator.y_scale_ + estimator.y_mean_
    return [W.astype(dtype) for W in coefs], [b.astype(dtype) for b in intercepts]
