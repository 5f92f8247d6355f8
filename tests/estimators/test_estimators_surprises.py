"""Surprises of a drop-in: each is as in scikit-learn, or is said in docs/estimators.md."""

from __future__ import annotations

import pickle
import re
import warnings
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from chainrule.estimators import BackpropClassifier, BackpropRegressor
from chainrule.interop.onnx import to_onnx

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
Y = X[:, 0] - X[:, 1]


def regressor(**settings: Any) -> BackpropRegressor:
    return BackpropRegressor(
        **{"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0} | settings
    )


def test_max_iter_beyond_the_plan_changes_nothing() -> None:
    plans = [regressor(max_iter=n).fit(X, Y) for n in (2000, 5000)]
    assert np.array_equal(plans[0].network_.theta, plans[1].network_.theta)
    assert plans[0].n_iter_ < 2000
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(4\)"):
        assert regressor(max_iter=4, schedule=None).fit(X, Y).n_iter_ == 4


def test_batch_size_above_the_rows_warns_and_takes_all() -> None:
    with pytest.warns(UserWarning, match="batch_size=500 is more than the 80 training samples"):
        above = regressor(batch_size=500).fit(X, Y)
    assert np.array_equal(above.network_.theta, regressor(batch_size=80).fit(X, Y).network_.theta)


@pytest.mark.parametrize("classes", [[0, 1], [0, 1, 3], [0, 1, 2, 3]])
def test_warm_start_refuses_other_classes(classes: list[int]) -> None:
    fitted = BackpropClassifier(warm_start=True, max_iter=2).fit(X, np.arange(80) % 3)
    with pytest.raises(ValueError, match="same classes as in the previous call to fit"):
        fitted.fit(X, np.array(classes)[np.arange(80) % len(classes)])


def test_coefs_and_intercepts_can_be_written_to() -> None:
    fitted = regressor(standardize=False).fit(X, Y)
    W, V = np.ones((3, 4)), np.full((4, 1), 0.5)
    fitted.coefs_[0] = W
    fitted.coefs_ = [W, V]
    fitted.intercepts_[1] = [2.0]
    fitted.intercepts_ = [np.zeros(4), np.array([2.0])]
    expected = np.maximum(X @ W, 0) @ V[:, 0] + 2
    np.testing.assert_allclose(fitted.predict(X), expected, rtol=1e-12)
    with pytest.raises(ValueError, match=r"array 1 has the shape \(3, 4\), not \(2, 4\)"):
        fitted.coefs_[0] = np.ones((2, 4))
    with pytest.raises(ValueError, match="2 arrays, one a layer, and 1 values"):
        fitted.coefs_ = [W]
    with pytest.raises(ValueError, match="not finite"):
        fitted.coefs_[0] = W * np.nan
    with pytest.raises(TypeError, match="one array for each of the 2 layers"):
        fitted.coefs_.append(W)
    with pytest.raises(NotFittedError):
        regressor().coefs_ = [W, V]
    np.testing.assert_allclose(fitted.predict(X), expected, rtol=1e-12)
    assert isinstance(pickle.loads(pickle.dumps(fitted.coefs_)), list)  # noqa: S301


def test_lbfgs_warns_of_the_limit_that_ended_it() -> None:
    with pytest.warns(ConvergenceWarning, match="lbfgs ended after max_iter=3 iterations"):
        regressor(solver="lbfgs", max_iter=3).fit(X, Y)
    with pytest.warns(ConvergenceWarning, match="max_fun=5 evaluations"):
        fitted = regressor(solver="lbfgs", max_iter=100, max_fun=5).fit(X, Y)
    assert re.fullmatch(r"J was evaluated \d times, which is the limit", fitted.stop_.message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        regressor(solver="lbfgs", max_iter=5000, tol=1e-2).fit(X, Y)


def test_prior_steps_back_where_alpha_was_chosen() -> None:
    assert regressor().fit(X, Y).network_.l2 > 0.001
    assert regressor(alpha=0).fit(X, Y).network_.l2 == 0
    assert regressor(alpha=0.01).fit(X, Y).network_.l2 == 0.01
    assert regressor(alpha=0.01, prior=8.0).fit(X, Y).network_.l2 == pytest.approx(0.11)


@pytest.mark.parametrize("train", ["partial_fit", "fit"])
def test_read_only_state_of_a_memory_map_goes_on_to_learn(train: str, tmp_path: Any) -> None:
    settings = {"solver": "adam", "warm_start": True, "early_stopping": True}
    fitted = regressor(**settings).partial_fit(X, Y)
    joblib.dump(fitted, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    for one in (mapped, fitted):
        getattr(one, train)(X, Y)
    assert np.array_equal(mapped.predict(X), fitted.predict(X))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"activation": None}, "activation must be a name or an Activation, not None"),
        ({"callbacks": 5}, r"'callbacks' parameter of .* a function of \(network, history\)"),
        ({"callbacks": [5]}, "'callbacks' parameter"),
    ],
)
def test_parameters_of_no_meaning_are_refused_in_a_sentence(settings: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        regressor(**settings).fit(X, Y)


def test_onnx_refuses_a_column_without_a_name() -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("onnxruntime")
    frame = pd.DataFrame(X, columns=["", "b", "c"]).assign(word=np.where(Y > 0, "x", "y"))
    with pytest.raises(ValueError, match="ONNX cannot name an input ''"):
        to_onnx(regressor().fit(frame, Y))
