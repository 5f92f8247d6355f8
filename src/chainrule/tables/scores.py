"""Scores: how good predictions are, on numbers in their own units or on classes by their place.

What they are called is in ``training.metrics.SCORES``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..typing import Array


def accuracy(true: Array, predicted: Array) -> float:
    """Return the share of rows whose class is right: ``mean(true == predicted)``."""
    return float((true == predicted).mean())


def balanced_accuracy(true: Array, predicted: Array) -> float:
    """Return the mean over the classes in ``true`` of the share of their rows that are right."""
    return float(np.mean([(predicted[true == c] == c).mean() for c in np.unique(true)]))


def log_loss(true: Array, probabilities: Array) -> float:
    """Return the mean of -log p(true class), p cut at float64's epsilon as scikit-learn does.

    ``probabilities`` (m, k) are divided by their sum over each row, ``true`` (m,) counts from 0.
    """
    p = probabilities.astype(np.float64)
    p = p / p.sum(axis=1, keepdims=True)
    chosen = p[np.arange(len(true)), true]
    return float(-np.log(np.maximum(chosen, np.finfo(np.float64).eps)).mean())


def roc_auc(true: Array, score: Array) -> float | None:
    """Return the area under the ROC curve: P(score of a 1 > score of a 0), ties counting half.

    By ranks (Mann and Whitney, 1947): (R_1 - n_1 (n_1 + 1) / 2) / (n_0 n_1), R_1 the sum of the
    ranks of the 1s. None where one of the classes is not there.
    """
    n_1 = int(true.sum())
    n_0 = len(true) - n_1
    if n_0 == 0 or n_1 == 0:
        return None
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place.ravel()]
    return float((ranks[true == 1].sum() - n_1 * (n_1 + 1) / 2) / (n_0 * n_1))


def detection(true: Array, predicted: Array, score: Array) -> dict[str, float | None]:
    """Return precision, recall and F1 of class 1, and the average precision of its score.

    Precision is the share of predicted 1s that are right, recall the share of true 1s that are
    predicted, F1 their harmonic mean. Average precision is the sum over thresholds of
    ``(R_n - R_{n-1}) P_n``, equal scores being one threshold. None where it has no denominator.
    """
    hits, n_1, n_predicted = (int(rows.sum()) for rows in (predicted * true, true, predicted))
    if not n_1:
        return {"precision": None, "recall": None, "f1": None, "average_precision": None}
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])
    hits_above = np.cumsum(true[order])[ends]
    gained = np.diff(np.r_[0, hits_above]) / n_1
    return {
        "precision": hits / n_predicted if n_predicted else None,
        "recall": hits / n_1,
        "f1": 2 * hits / (n_predicted + n_1),
        "average_precision": float((gained * hits_above / (ends + 1)).sum()),
    }


def confusion(true: Array, predicted: Array, n_classes: int) -> npt.NDArray[np.int64]:
    """Count rows by true class (row) and predicted class (column). Shape (k, k)."""
    counts = np.bincount(true * n_classes + predicted, minlength=n_classes * n_classes)
    return counts.reshape(n_classes, n_classes).astype(np.int64)


def r_squared(true: Array, predicted: Array) -> float | None:
    """Return 1 - sum (true - predicted)^2 / sum (true - mean)^2; None where ``true`` is constant.

    Predicting the mean has 0, a perfect prediction 1.
    """
    unit = float(np.abs(true).max()) or 1.0
    true, predicted = true / unit, predicted / unit
    spread = float(((true - true.mean()) ** 2).sum())
    if spread == 0 or len(true) < 2:
        return None
    return 1.0 - float(((true - predicted) ** 2).sum()) / spread


def rmse(true: Array, predicted: Array) -> float:
    """Return the root of the mean squared error, in the target's units."""
    far = true - predicted
    unit = float(np.abs(far).max()) or 1.0  # so that squares stay below 1
    return unit * float(np.sqrt(((far / unit) ** 2).mean()))


def mae(true: Array, predicted: Array) -> float:
    """Return the mean absolute error, in the target's units."""
    return float(np.abs(true - predicted).mean())


def probabilities_of(task: str, outputs: Array) -> Array:
    """Return the probability of each class (m, k), float64; one sigmoid output makes two."""
    p = outputs.astype(np.float64)
    return np.column_stack([1.0 - p, p]) if task == "binary" else p


def class_scores(task: str, true: Array, predicted: Array, outputs: Array) -> dict[str, Any]:
    """Return the scores of a classification by name; ``outputs`` as the network gave them."""
    scores: dict[str, Any] = {
        "accuracy": accuracy(true, predicted),
        "balanced_accuracy": balanced_accuracy(true, predicted),
        "log_loss": log_loss(true, probabilities_of(task, outputs)),
    }
    if task == "binary":
        scores["roc_auc"] = roc_auc(true, outputs[:, 0])
        scores |= detection(true, predicted, outputs[:, 0])
    return scores


def number_scores(true: Array, predicted: Array) -> dict[str, Any]:
    """Return the scores of a regression by name, in the target's own units."""
    return {
        "r2": r_squared(true, predicted),
        "rmse": rmse(true, predicted),
        "mae": mae(true, predicted),
    }
