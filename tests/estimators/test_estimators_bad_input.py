"""Bad input to the estimators: each is refused in one sentence that names what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.exceptions import NotFittedError

import chainrule as cr
from chainrule.estimators import BackpropClassifier, BackpropRegressor, load

RNG = np.random.RandomState(0)
X = RNG.randn(40, 3)
Y = X[:, 0]
LABELS = np.where(Y > 0, "yes", "no")
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])
WORDS = FRAME.assign(city=["Bern", "Basel"] * 20)


def classifier(**settings: Any) -> BackpropClassifier:
    return BackpropClassifier((4,), max_iter=2, random_state=0).set_params(**settings)


def regressor(**settings: Any) -> BackpropRegressor:
    return BackpropRegressor(hidden_layer_sizes=(4,), max_iter=2, random_state=0).set_params(
        **settings
    )


def with_value(value: float) -> Any:
    changed = X.copy()
    changed[7, 1] = value
    return changed


@pytest.mark.parametrize(
    ("value", "words"), [(np.nan, "contains NaN"), (np.inf, "contains infinity")]
)
def test_nan_and_infinity(value: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        regressor().fit(with_value(value), Y)
    with pytest.raises(ValueError, match=words):
        regressor().fit(X, Y).predict(with_value(value))
    with pytest.raises(ValueError, match=words):
        regressor().fit(X, with_value(value)[:, 1])
    broken = WORDS.assign(a=with_value(np.inf)[:, 1])
    with pytest.raises(ValueError, match="column 'a' is infinite in row 8"):
        regressor().fit(broken, Y)


def test_a_number_too_far_to_compute_with() -> None:
    fitted = regressor(dtype="float32").fit(X, Y)
    with pytest.raises(ValueError, match=r"X\[7, 1\] = 1e\+300 is too far"):
        fitted.predict(with_value(1e300))


def test_wrong_number_of_columns() -> None:
    with pytest.raises(ValueError, match="X has 2 features, but BackpropRegressor is expecting 3"):
        regressor().fit(X, Y).predict(X[:, :2])


@pytest.mark.parametrize("kind", [lambda f: f, pl.from_pandas, pa.Table.from_pandas])
@pytest.mark.parametrize("frame", [FRAME, WORDS], ids=["numbers", "words"])
def test_reordered_and_missing_columns_of_a_frame(frame: Any, kind: Any) -> None:
    fitted = regressor(early_stopping=True).fit(kind(frame), Y)
    assert list(fitted.feature_names_in_) == list(frame.columns)
    np.testing.assert_array_equal(fitted.predict(kind(frame)), fitted.predict(frame))
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        fitted.predict(kind(frame[frame.columns[::-1]]))
    with pytest.raises(ValueError, match="seen at fit time, yet now missing:\n- b"):
        fitted.predict(kind(frame.drop(columns="b")))


def test_unseen_and_newly_missing_categories_warn() -> None:
    fitted = regressor().fit(WORDS, Y)
    with pytest.warns(UserWarning, match=r"column 'city' has 'Zug' in rows 1 and 2, never seen"):
        found = fitted.predict(WORDS.assign(city="Zug").head(2))
    assert np.isfinite(found).all()
    with pytest.warns(UserWarning, match="column 'city' is missing in row 1"):
        fitted.predict(WORDS.assign(city=None).head(1))


def test_a_column_without_any_value() -> None:
    with pytest.raises(
        ValueError, match="column 'city' of X has no value in any row: leave it out"
    ):
        regressor().fit(WORDS.assign(city=None), Y)


def test_a_column_of_durations() -> None:
    durations = WORDS.assign(took=pd.to_timedelta(np.arange(40), "s"))
    with pytest.raises(ValueError, match=r"column 'took' holds times without a.*leave it out$"):
        regressor().fit(durations, Y)


def test_one_class() -> None:
    with pytest.raises(ValueError, match="y has one class only, 'yes'"):
        classifier().fit(X, np.full(40, "yes"))


def test_words_for_numbers() -> None:
    with pytest.raises(ValueError, match=r"y holds words such as '(yes|no)'.*BackpropClassifier"):
        regressor().fit(X, LABELS)
    with pytest.raises(ValueError, match="could not convert string to float"):
        regressor().fit(np.full((40, 3), "a", object), Y)


@pytest.mark.parametrize("make", [classifier, regressor])
def test_sample_weights(make: Any) -> None:
    weights = np.ones(40)
    with pytest.raises(ValueError, match="weights of all samples are zero"):
        make().fit(X, Y > 0, sample_weight=0 * weights)
    weights[3] = -1
    with pytest.raises(ValueError, match=r"sample_weight\[3\] = -1.0: a weight is finite and 0"):
        make().fit(X, Y > 0, sample_weight=weights)
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(3,\), expected \(40,\)"):
        make().fit(X, Y > 0, sample_weight=weights[:3])


@pytest.mark.parametrize("make", [classifier, regressor])
def test_unfitted_use(make: Any) -> None:
    for use in ("predict", "forward"):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(make(), use)(X)
    with pytest.raises(NotFittedError):
        make().backward(X, Y)
    with pytest.raises(NotFittedError):
        make().save("nowhere")
    assert not hasattr(make(), "coefs_")


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"maybe": 2}, "a weight for the class 'maybe', which is not in y .classes: no, yes"),
        ({"yes": -1}, "class_weight of 'yes' must be finite and 0 or above"),
        ("fair", "must be None, 'balanced' or a dict, not 'fair'"),
        ([1, 2], "must be None, 'balanced' or a dict"),
        ({"yes": 0, "no": 0}, "weights of all samples are zero"),
    ],
)
def test_class_weights(weights: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        classifier(class_weight=weights).fit(X, LABELS)


@pytest.mark.parametrize(
    ("make", "loss", "y", "words"),
    [
        (regressor, "poisson", Y, "loss='poisson' needs y of 0 or above, but row"),
        (regressor, "log_loss", Y, "unknown loss 'log_loss'"),
        (regressor, "mae", Y, "did you mean 'absolute_error'"),
        (regressor, 3, Y, "loss must be a name or a Cost"),
        (classifier, "poisson", LABELS, "unknown loss 'poisson'"),
        (classifier, "cross_entropy", LABELS, "does not fit this y"),
    ],
)
def test_a_loss_that_does_not_fit_the_target(make: Any, loss: Any, y: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make(loss=loss).fit(X, y)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((X[:, :2], Y), "eval_set: X has 2 features"),
        ((X, Y[:9]), "eval_set: Found input variables with inconsistent numbers of samples"),
        ((X, np.column_stack([Y, Y])), "eval_set: y has 2 columns, and training had 1"),
        (X, r"eval_set must be \(X, y\)"),
        ((X, Y, -np.ones(40)), r"eval_set: sample_weight\[0\]"),
    ],
)
def test_eval_set_of_another_shape(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        regressor().fit(X, Y, eval_set=given)


def test_eval_set_with_another_class() -> None:
    with pytest.raises(ValueError, match="eval_set: `y` has classes not in"):
        classifier().fit(X, LABELS, eval_set=(X, np.full(40, "maybe")))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"alpha": -1}, "The 'alpha' parameter of BackpropRegressor must be a finite number"),
        ({"hidden_layer_sizes": (3, 0)}, "'hidden_layer_sizes' parameter .* whole numbers above 0"),
        ({"batch_size": "all"}, "'batch_size' parameter of .* must be 'auto', or a whole number"),
        ({"max_iter": 0}, "'max_iter' parameter"),
        ({"momentum": 1.0}, "'momentum' parameter .* at least 0 and below 1"),
        ({"solver": "adamm"}, "unknown solver 'adamm', did you mean 'adam'"),
        ({"activation": "rleu"}, "unknown activation 'rleu', did you mean 'relu'"),
        ({"activation": ["relu"] * 3}, "activation names 3 activations, and .* has 1 layers"),
        ({"activation": 7}, "activation must be a name or an Activation|not iterable"),
        ({"learning_rate": "fast"}, "unknown learning_rate 'fast'"),
        ({"learning_rate": "cosine", "schedule": "step"}, "give learning_rate or schedule"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin', did you mean 'cosine'"),
        ({"solver": "lbfgs", "schedule": "cosine"}, "chooses its own steps"),
        ({"dtype": "float16"}, "'dtype' parameter .* 'float32' or 'float64'"),
        ({"n_threads": 0}, "'n_threads' parameter"),
        ({"categorical_features": "all"}, "categorical_features must be 'from_dtype'"),
        ({"categorical_features": [9]}, "categorical_features names 9, which is no column"),
        ({"init": "he"}, "unknown initializer 'he'"),
        ({"early_stopping": True, "validation_fraction": 0.01}, "validation set is too small"),
        ({"early_stopping": True, "scoring": "acuracy"}, "acuracy"),
    ],
)
def test_parameters(settings: Any, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        regressor(**settings).fit(X, Y)


def test_partial_fit_needs_steps_and_classes() -> None:
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier().partial_fit(X, LABELS)
    with pytest.raises(AttributeError, match="partial_fit"):
        classifier(solver="lbfgs").partial_fit(X, LABELS, classes=["no", "yes"])


def test_a_loss_that_explodes_warns_and_keeps_good_parameters() -> None:
    place = r"diverged in epoch 2, batch 1, layer \d: .* try learning_rate_init=1e\+199"
    with pytest.warns(RuntimeWarning, match=place) as caught:
        fitted = regressor(solver="sgd", learning_rate_init=1e200, batch_size=len(X)).fit(X, Y)
    assert [Path(warning.filename) for warning in caught] == [Path(__file__)]
    assert caught[0].message.args[0] == fitted.stop_.message
    assert np.isfinite(fitted.predict(X)).all()


def test_an_epoch_that_diverges_has_nan_for_its_score() -> None:
    with pytest.warns(RuntimeWarning, match="diverged"):
        fitted = regressor(
            solver="sgd", learning_rate_init=1e30, early_stopping=True, schedule=None
        ).fit(X, Y)
    assert np.isnan(fitted.validation_scores_[-1])
    assert np.isfinite(fitted.predict(X)).all()


def test_a_file_that_is_no_estimator(tmp_path: Any) -> None:
    path = tmp_path / "net.safetensors"
    cr.Network([2, 1]).save(path)
    with pytest.raises(ValueError, match="holds no estimator"):
        load(path)
    with pytest.raises(ValueError, match="does not exist"):
        load(tmp_path / "nothing")
