"""Standard errors of scores: by how much they would differ on other rows of the same kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..typing import Array
from .scores import probabilities_of


def standard_errors(
    task: str, scores: Mapping[str, Any], true: Array, predicted: Array, outputs: Array
) -> dict[str, float]:
    """Return the standard error of each score of m rows; none of fewer than two rows.

    Shares and means have the usual one, R² and the root of the mean square that of the delta
    method, and the area under the ROC curve that of Hanley and McNeil (Radiology 143, 1982).
    """
    if len(true) < 2:
        return {}
    if task == "regression":
        return _of_numbers(scores, true, predicted)
    p = probabilities_of(task, outputs)
    p = p / p.sum(axis=1, keepdims=True)
    chosen = np.maximum(p[np.arange(len(true)), true], np.finfo(np.float64).eps)
    errors = {
        "accuracy": _of_mean(true == predicted),
        "balanced_accuracy": _of_balanced(true, predicted),
        "log_loss": _of_mean(-np.log(chosen)),
    }
    if scores.get("roc_auc") is not None:
        errors["roc_auc"] = _of_area(scores["roc_auc"], int(true.sum()), int((true == 0).sum()))
    return errors


def _of_mean(values: Array) -> float:
    return float(np.std(values) / np.sqrt(len(values)))


def _of_balanced(true: Array, predicted: Array) -> float:
    classes = np.unique(true)
    parts = [_of_mean(predicted[true == c] == c) ** 2 for c in classes]
    return float(np.sqrt(sum(parts)) / len(classes))


def _of_area(area: float, n_1: int, n_0: int) -> float:
    """Return the standard error of the area under the ROC curve, by Hanley and McNeil."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (n_1 - 1) * (q1 - area**2) + (n_0 - 1) * (q2 - area**2)
    return float(np.sqrt(max(variance, 0.0) / (n_1 * n_0)))


def _of_numbers(scores: Mapping[str, Any], true: Array, predicted: Array) -> dict[str, float]:
    far = true - predicted
    unit = float(np.abs(far).max()) or 1.0
    squares = (far / unit) ** 2
    rmse = float(np.sqrt(squares.mean()))
    errors = {"mae": _of_mean(np.abs(far))}
    errors["rmse"] = unit * _of_mean(squares) / (2 * rmse) if rmse else 0.0
    if scores.get("r2") is not None:
        spread = ((true - true.mean()) / unit) ** 2
        errors["r2"] = _of_mean(squares - (1 - scores["r2"]) * spread) / float(spread.mean())
    return errors
