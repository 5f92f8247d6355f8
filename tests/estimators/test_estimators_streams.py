"""Streams of small batches: partial_fit learns from every one of them, and as well as the MLP."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from chainrule.estimators import BackpropClassifier, BackpropRegressor

PLACE, SCALE = np.array([0.0, 100.0, -5.0, 0.01, 3.0]), np.array([1.0, 20.0, 0.1, 1e-3, 5.0])


def stream(rows: int, batches: int) -> tuple[Any, Any, Any]:
    """Return standard normal X, noisy numbers and noisy classes of a product of two columns."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(batches, rows, 5))
    y = X[..., 0] * X[..., 1] + 0.3 * rng.normal(size=(batches, rows))
    return X, y, (X[..., 0] + 0.5 * X[..., 1] > 0).astype(int)


def learnt(model: Any, X: Any, y: Any, **settings: Any) -> Any:
    for batch, targets in zip(X, y, strict=True):
        before = model.network_.theta if hasattr(model, "network_") else None
        model.partial_fit(batch, targets, **settings)
        if before is not None:
            assert not np.array_equal(model.network_.theta, before)
    return model


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("rows", "batches"),
    [(8, 600), *(pytest.param(rows, 3000, marks=SLOW) for rows in (1, 2, 32))],
)
@pytest.mark.parametrize("task", ["numbers", "classes"])
def test_partial_fit_of_a_stream_learns_as_well_as_the_mlp(
    task: str, rows: int, batches: int
) -> None:
    if task == "numbers" and batches < 3000:
        rows = 32  # a product takes longer to learn
    X, numbers, classes = stream(rows, batches)
    new, new_numbers, new_classes = (part[0] for part in stream(2000, 1))
    if task == "numbers":
        ours = learnt(BackpropRegressor(random_state=0), X * SCALE + PLACE, numbers * 50 + 1000)
        theirs = learnt(MLPRegressor(random_state=0), X, numbers)
        scores = (
            ours.score(new * SCALE + PLACE, new_numbers * 50 + 1000),
            theirs.score(new, new_numbers),
        )
    else:
        known = {"classes": [0, 1]}
        ours = learnt(BackpropClassifier(random_state=0), X * SCALE + PLACE, classes, **known)
        theirs = learnt(MLPClassifier(random_state=0), X, classes, **known)
        scores = ours.score(new * SCALE + PLACE, new_classes), theirs.score(new, new_classes)
    assert scores[0] > scores[1] - 0.03
    assert len(ours.loss_curve_) == batches


def test_partial_fit_on_the_reference_engine_follows_the_scales_too() -> None:
    X, numbers, _ = stream(4, 60)
    models = [
        learnt(BackpropRegressor(random_state=0, engine=engine), X * SCALE + PLACE, numbers)
        for engine in ("reference", "native")
    ]
    new = X[0] * SCALE + PLACE
    np.testing.assert_allclose(models[0].predict(new), models[1].predict(new), rtol=1e-6)


@pytest.mark.parametrize("rate", ["constant", "invscaling", "adaptive"])
def test_partial_fit_after_a_fit_that_ended_goes_on(rate: str) -> None:
    X, numbers, _ = stream(200, 1)
    model = BackpropRegressor(
        random_state=0, solver="sgd", learning_rate=rate, schedule=None, tol=1e9, max_iter=500
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X[0], numbers[0])
    assert model.n_iter_ < 500
    for _ in range(30):
        before = model.network_.theta.copy()
        model.partial_fit(X[0], numbers[0])
        assert not np.array_equal(model.network_.theta, before)


def test_partial_fit_follows_a_drift_of_the_target() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 40, 3))
    model = BackpropRegressor(random_state=0, learning_rate_init=0.01)
    model.fit(X[0], X[0][:, 0])
    for batch in X[1:]:
        model.partial_fit(batch, -batch[:, 0])
    assert model.score(X[0], -X[0][:, 0]) > 0.97


@pytest.mark.parametrize("frame", [False, True])
def test_new_scales_leave_the_function_as_it_was(frame: bool) -> None:
    import pandas as pd

    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(50, 3)), 7 + 4 * rng.normal(size=(50, 3))

    def given(X: Any) -> Any:
        words = np.where(X[:, 0] > X[:, 1], "more", "less")
        return pd.DataFrame(X, columns=list("abc")).assign(word=words) if frame else X

    model = BackpropRegressor(random_state=0).partial_fit(given(first), first[:, 0] * 5 - 30)
    before, scale = model.predict(given(second)), model.encoder_.features[0].scale
    # So small a rate that the step itself changes nothing.
    model.set_params(learning_rate_init=1e-15).partial_fit(given(second), 1000 * second[:, 1])
    both = np.concatenate([first[:, 0], second[:, 0]])
    assert model.encoder_.features[0].scale == pytest.approx(both.std())
    assert model.encoder_.features[0].scale > 2 * scale
    targets = np.concatenate([first[:, 0] * 5 - 30, 1000 * second[:, 1]])
    assert model.y_mean_[0] == pytest.approx(targets.mean())
    assert model.y_scale_[0] == pytest.approx(targets.std())
    np.testing.assert_allclose(model.predict(given(second)), before, rtol=1e-8)


def test_early_stopping_of_partial_fit_puts_back_the_best_in_the_scales_of_now() -> None:
    rng = np.random.default_rng(1)
    held = rng.normal(size=(100, 2))
    model = BackpropRegressor(random_state=0, early_stopping=True, n_iter_no_change=3)
    model.set_params(learning_rate_init=0.3)
    best, outputs = -np.inf, np.empty(0)
    for number in range(100):
        X = rng.normal(size=(30, 2)) * (1 + number)
        model.partial_fit(X, X[:, 0], eval_set=(held, held[:, 0]))
        if model.stop_.message.startswith("Validation score"):
            break
        score = model.validation_scores_[-1]
        if score > best:
            best, outputs = score, model.predict(held)
    np.testing.assert_allclose(model.predict(held), outputs, rtol=1e-6, atol=1e-8)
    assert model.score(held, held[:, 0]) == pytest.approx(max(model.validation_scores_))
    with pytest.warns(ConvergenceWarning, match="changes nothing any more"):
        model.partial_fit(X, X[:, 0])
    assert model.stop_.message.startswith("Validation score")


def test_a_diverged_call_does_not_spoil_the_next_one() -> None:
    X, numbers, _ = stream(32, 300)
    model = BackpropRegressor(random_state=0, solver="sgd", batch_size=2)
    learnt(model, X[:100], numbers[:100])
    with pytest.warns(RuntimeWarning, match="diverged"):
        model.set_params(learning_rate_init=1e3).partial_fit(X[0], numbers[0])
    learnt(model.set_params(learning_rate_init=1e-3), X[100:], numbers[100:])
    assert np.isfinite(model.predict(X[0])).all()
    assert np.isfinite(model.loss_)
