"""Scores against scikit-learn's, and by hand where it has none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.tables import scores

metrics = pytest.importorskip("sklearn.metrics")

SEEDS = st.integers(0, 2**32 - 1)


@given(seed=SEEDS, m=st.integers(2, 60), k=st.integers(2, 5))
def test_scores_of_classes(seed: int, m: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    true, predicted = rng.integers(0, k, m), rng.integers(0, k, m)
    p = rng.random((m, k)) + 1e-3
    p /= p.sum(axis=1, keepdims=True)
    labels = list(range(k))
    assert scores.accuracy(true, predicted) == metrics.accuracy_score(true, predicted)
    hits = [(predicted[true == c] == c).mean() for c in labels if (true == c).any()]
    assert scores.balanced_accuracy(true, predicted) == pytest.approx(np.mean(hits), rel=1e-14)
    assert scores.log_loss(true, p) == pytest.approx(
        metrics.log_loss(true, p, labels=labels), rel=1e-12
    )
    assert np.array_equal(
        scores.confusion(true, predicted, k),
        metrics.confusion_matrix(true, predicted, labels=labels),
    )


def test_balanced_accuracy_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    true, predicted = rng.permutation(np.arange(60) % 4), rng.integers(0, 4, 60)
    expected = metrics.balanced_accuracy_score(true, predicted)
    assert scores.balanced_accuracy(true, predicted) == pytest.approx(expected, rel=1e-14)


@given(seed=SEEDS, m=st.integers(2, 60), steps=st.integers(1, 20))
def test_area_under_the_curve_with_ties(seed: int, m: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 2, m)
    score = rng.integers(0, steps, m) / steps
    found = scores.roc_auc(true, score)
    if true.min() == true.max():
        assert found is None
    else:
        assert found == pytest.approx(metrics.roc_auc_score(true, score), rel=1e-12)


@given(seed=SEEDS, m=st.integers(2, 60), size=st.sampled_from([1e-3, 1.0, 1e6]))
def test_scores_of_numbers(seed: int, m: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    true, predicted = rng.normal(size, size, m), rng.normal(size, size, m)
    assert scores.r_squared(true, predicted) == pytest.approx(
        metrics.r2_score(true, predicted), rel=1e-9, abs=1e-9
    )
    assert scores.rmse(true, predicted) == pytest.approx(
        metrics.root_mean_squared_error(true, predicted), rel=1e-12
    )
    assert scores.mae(true, predicted) == pytest.approx(
        metrics.mean_absolute_error(true, predicted), rel=1e-12
    )


@pytest.mark.parametrize("size", [1e-200, 1e200, 1e307])
def test_scores_of_huge_and_tiny_numbers(size: float) -> None:
    true, predicted = np.array([1.0, 2.0, 4.0]) * size, np.array([2.0, 0.0, 6.0]) * size
    # far: 1, 2, 2; from the mean 7/3: 16/9, 1/9, 25/9, in all 42/9
    assert scores.rmse(true, predicted) == pytest.approx(3**0.5 * size, rel=1e-15)
    assert scores.mae(true, predicted) == pytest.approx(5 / 3 * size, rel=1e-15)
    assert scores.r_squared(true, predicted) == pytest.approx(1 - 9 / (42 / 9), rel=1e-14)


def test_certain_and_wrong_costs_a_finite_amount() -> None:
    p = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert scores.log_loss(np.array([1, 1]), p) == pytest.approx(-np.log(2.0**-52) / 2)


def test_a_constant_truth_has_no_r_squared() -> None:
    assert scores.r_squared(np.full(4, 3.0), np.arange(4.0)) is None


def test_one_sigmoid_output_makes_two_probabilities() -> None:
    p = scores.probabilities_of("binary", np.array([[0.25]], np.float32))
    assert p.tolist() == [[0.75, 0.25]]


def test_scores_by_task() -> None:
    binary = scores.class_scores(
        "binary", np.array([0, 1]), np.array([0, 1]), np.array([[0.1], [0.9]])
    )
    of_all = ["accuracy", "balanced_accuracy", "log_loss", "roc_auc"]
    assert list(binary) == [*of_all, "precision", "recall", "f1", "average_precision"]
    assert list(scores.number_scores(np.arange(3.0), np.arange(3.0))) == ["r2", "rmse", "mae"]
