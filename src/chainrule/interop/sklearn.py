"""scikit-learn's MLP: from a fitted one to an estimator of ours, and back where it can be."""

from __future__ import annotations

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
    own: dict[str, Any] = {name: getattr(mlp, name) for name in SAME}
    own |= {
        "batch_size": batch,
        "alpha": mlp.alpha / batch,
        "schedule": None,
        "prior": 0.0,
        "standardize": False,
        "categorical_features": None,
    }
    made: Any
    if isinstance(mlp, MLPClassifier):
        made = BackpropClassifier(**own)
        made._label_binarizer, made.classes_ = mlp._label_binarizer, mlp.classes_
    else:
        made = BackpropRegressor(loss=mlp.loss, **own)
        k = mlp.coefs_[-1].shape[1]
        made.y_mean_, made.y_scale_, made._flat = np.zeros(k), np.ones(k), k == 1
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(mlp, name):
            setattr(made, name, getattr(mlp, name))
    _take_weights(made, mlp)
    return made


def _take_weights(made: Any, mlp: Any) -> None:
    from ..training import Carried

    made._by_columns, made.encoder_, made.dtype_ = False, None, mlp.coefs_[0].dtype
    sizes = (mlp.coefs_[0].shape[0], *(W.shape[1] for W in mlp.coefs_))
    made._seed_of_run = made._seed()
    made.network_ = made._network_of(sizes, l2=made.alpha)
    for l, (W, b) in enumerate(zip(mlp.coefs_, mlp.intercepts_, strict=True), 1):
        made.network_.W[l], made.network_.b[l] = W.T, b
    made._carried, made.t_, made._watch, made._held = Carried(), mlp.t_, None, None
    made._losses, made._validation = list(getattr(mlp, "loss_curve_", [])), []
    made.loss_curve_, made.validation_loss_curve_ = made._losses, None
    made.validation_scores_ = getattr(mlp, "validation_scores_", None)
    made.best_validation_score_ = getattr(mlp, "best_validation_score_", None)
    made.n_iter_, made.loss_ = mlp.n_iter_, mlp.loss_
    made.best_loss_ = getattr(mlp, "best_loss_", None)
    made.n_layers_, made.n_outputs_ = mlp.n_layers_, mlp.n_outputs_
    made.out_activation_ = mlp.out_activation_


def to_sklearn(estimator: Any) -> Any:
    """Return a fitted MLPClassifier or MLPRegressor that predicts what this estimator does.

    The standardisation of columns and of y goes into the first and the last layer.

    Raises ValueError for what scikit-learn's MLP cannot say: activations it does not know, one that
    differs from layer to layer, dropped or encoded columns, losses with another output.
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator, "network_")
    classifies = hasattr(estimator, "classes_")
    coefs, intercepts = folded(estimator)
    theirs = _their_activation(estimator.network_)
    names = [n for n in SAME if n not in ("activation", "solver", "learning_rate")]
    own = {name: getattr(estimator, name) for name in names}
    kept = {name: getattr(estimator, name) for name in ("solver", "learning_rate")}
    known = {
        "solver": ("adam", "sgd", "lbfgs"),
        "learning_rate": ("constant", "invscaling", "adaptive"),
    }
    own |= {n: v for n, v in kept.items() if isinstance(v, str) and v in known[n]}
    own["activation"] = theirs
    made: Any
    if classifies:
        made = MLPClassifier(**own)
        made._label_binarizer, made.classes_ = estimator._label_binarizer, estimator.classes_
    else:
        poisson = estimator.network_.cost.name == "poisson"
        made = MLPRegressor(loss="poisson" if poisson else "squared_error", **own)
    made.coefs_, made.intercepts_ = coefs, intercepts
    made.n_layers_, made.n_outputs_ = estimator.n_layers_, estimator.n_outputs_
    made.out_activation_ = estimator.out_activation_
    made.n_iter_, made.t_, made.loss_ = estimator.n_iter_, estimator.t_, estimator.loss_
    made.loss_curve_, made.best_loss_ = list(estimator.loss_curve_), estimator.best_loss_
    made.n_features_in_ = estimator.n_features_in_
    if hasattr(estimator, "feature_names_in_"):
        made.feature_names_in_ = estimator.feature_names_in_
    return made


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
    if estimator._by_columns:
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
