"""Every parameter takes NumPy's scalars of its kind, and gives the bits of Python's numbers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from chainrule.estimators import BackpropClassifier, BackpropRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = X[:, 0] + 0.1 * RNG.normal(size=60)
# Numbers that float16 has too.
VALUES: dict[str, Any] = {
    "hidden_layer_sizes": 4,
    "alpha": 0.25,
    "batch_size": 16,
    "learning_rate_init": 0.03125,
    "power_t": 0.5,
    "max_iter": 3,
    "shuffle": True,
    "random_state": 1,
    "tol": 0.25,
    "verbose": 0,
    "warm_start": True,
    "momentum": 0.5,
    "nesterovs_momentum": False,
    "early_stopping": True,
    "validation_fraction": 0.25,
    "beta_1": 0.5,
    "beta_2": 0.5,
    "epsilon": 0.125,
    "n_iter_no_change": 2,
    "max_fun": 50,
    "standardize": False,
    "l1": 0.125,
    "prior": 0.5,
    "dropout": 0.25,
    "clip_norm": 0.5,
    "clip_value": 0.25,
    "n_threads": 1,
}
KINDS = {
    bool: [np.bool_],
    int: [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64],
    float: [np.float16, np.float32, np.float64, np.longdouble],
}
CASES = [(name, kind) for name, value in VALUES.items() for kind in KINDS[type(value)]]
SETTINGS: list[dict[str, Any]] = [
    {"max_fun": 50, "solver": "lbfgs"},
    {"momentum": 0.5, "solver": "sgd"},
    {"nesterovs_momentum": False, "solver": "sgd"},
]


def fitted(name: str, value: Any, make: Any = BackpropRegressor) -> Any:
    settings = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
    for special in SETTINGS:
        settings |= special if name in special else {}
    y = Y if make is BackpropRegressor else Y > 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(**settings | {name: value}).fit(X, y)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_numpy_scalar_gives_the_bits_of_a_python_number(name: str, kind: Any) -> None:
    theta = fitted(name, VALUES[name]).network_.theta
    assert np.array_equal(fitted(name, kind(VALUES[name])).network_.theta, theta)


@pytest.mark.parametrize(
    ("name", "value", "same"),
    [
        ("hidden_layer_sizes", np.array([4, 3]), (4, 3)),
        ("hidden_layer_sizes", [np.int64(4), np.int32(3)], (4, 3)),
        ("activation", np.str_("tanh"), "tanh"),
        ("activation", [np.str_("tanh")], ["tanh"]),
        ("solver", np.str_("sgd"), "sgd"),
        ("learning_rate", np.str_("adaptive"), "adaptive"),
        ("schedule", np.str_("cosine"), "cosine"),
        ("batch_size", np.str_("auto"), "auto"),
        ("prior", np.str_("auto"), "auto"),
        ("dtype", np.str_("float32"), "float32"),
        ("engine", np.str_("reference"), "reference"),
        ("loss", np.str_("huber(1.5)"), "huber(1.5)"),
        ("init", np.str_("orthogonal"), "orthogonal"),
        ("dropout", [np.float32(0.25), np.float64(0.5)], [0.25, 0.5]),
        ("scoring", np.str_("loss"), "loss"),
        ("n_iter_no_change", np.float64("inf"), float("inf")),
    ],
)
def test_words_and_sequences_of_numpy_are_those_of_python(name: str, value: Any, same: Any) -> None:
    assert np.array_equal(fitted(name, value).network_.theta, fitted(name, same).network_.theta)


def test_class_weights_with_numpy_keys_and_numbers() -> None:
    weights = {np.bool_(False): np.float32(2.0), np.bool_(True): np.int64(1)}
    one = fitted("class_weight", weights, BackpropClassifier)
    two = fitted("class_weight", {False: 2.0, True: 1.0}, BackpropClassifier)
    assert np.array_equal(one.network_.theta, two.network_.theta)


def test_grid_search_over_logspace_finds_a_rate() -> None:
    grid = {
        "learning_rate_init": np.logspace(-3, -1, 3),
        "batch_size": np.array([8, 16]),
        "n_threads": np.array([1]),
    }
    small = BackpropRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0)
    search = GridSearchCV(small, grid, cv=2, error_score="raise").fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    again = fitted("learning_rate_init", search.best_params_["learning_rate_init"])
    assert np.isfinite(again.predict(X)).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_iter", np.float64(3.0)), ("alpha", np.bool_(True)), ("shuffle", np.int64(1))],
)
def test_a_numpy_scalar_of_another_kind_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"The {name!r} parameter of BackpropRegressor must be"):
        BackpropRegressor(**{name: value}).fit(X, Y)
