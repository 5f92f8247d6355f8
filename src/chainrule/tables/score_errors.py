"""Standard errors of scores: by how much they would differ on other rows of the same kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..typing import Array
from .scores import probabilities_of


def standard_errors(
    task: str,
    scores: Mapping[str, Any],
    true: Array,
    predicted: Array,
    outputs: Array,
    groups: Array | None = None,
) -> dict[str, float]:
    """Return the standard error of each score of m rows; none of fewer than two rows.

    Shares and means have the usual one, R² and the root of the mean square that of the delta
    method, and the area under the ROC curve that of Hanley and McNeil (Radiology 143, 1982). Rows
    of one of the ``groups`` (m,) err together: sums over groups take the place of rows.
    """
    if len(true) < 2:
        return {}
    place = None if groups is None else np.unique(groups, return_inverse=True)[1].ravel()
    if task == "regression":
        return _of_numbers(scores, true, predicted, place)
    p = probabilities_of(task, outputs)
    p = p / p.sum(axis=1, keepdims=True)
    chosen = np.maximum(p[np.arange(len(true)), true], np.finfo(np.float64).eps)
    errors = {
        "accuracy": _of_share(true == predicted, place),
        "balanced_accuracy": _of_balanced(true, predicted, place),
        "log_loss": _of_mean(-np.log(chosen), place),
    }
    if scores.get("roc_auc") is not None:
        counts = (_count(place if place is None else place[true == c], true == c) for c in (1, 0))
        errors["roc_auc"] = _of_area(scores["roc_auc"], *counts)
    return errors


def _count(place: Array | None, rows: Array) -> int:
    """Return how many rows there are, or how many groups."""
    return int(rows.sum()) if place is None else len(np.unique(place))


def _of_mean(values: Array, place: Array | None = None) -> float:
    far = np.asarray(values, np.float64) - values.mean()
    sums = far if place is None else np.bincount(place, far)
    return float(np.sqrt((sums**2).sum()) / len(values))


def _of_share(hits: Array, place: Array | None = None) -> float:
    """Return the error of a share; of none or all of n rows that of 1 in n + 2 (Laplace)."""
    if 0 < hits.sum() < len(hits):
        return _of_mean(hits, place)
    n = _count(place, np.ones(len(hits), np.bool_))
    return float(np.sqrt((n + 1) / n) / (n + 2))


def _of_balanced(true: Array, predicted: Array, place: Array | None) -> float:
    parts = [
        _of_share(predicted[rows] == true[rows], place if place is None else place[rows]) ** 2
        for rows in (true == c for c in np.unique(true))
    ]
    return float(np.sqrt(sum(parts)) / len(parts))


def _of_area(area: float, n_1: int, n_0: int) -> float:
    """Return the error of the area under the ROC curve; one of 0 or 1 is taken for nearly so."""
    margin = 0.5 / (min(n_1, n_0) + 1)
    area = min(max(area, margin), 1 - margin) if area in (0, 1) else area
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (n_1 - 1) * (q1 - area**2) + (n_0 - 1) * (q2 - area**2)
    return float(np.sqrt(max(variance, 0.0) / (n_1 * n_0)))


def _of_numbers(
    scores: Mapping[str, Any], true: Array, predicted: Array, place: Array | None
) -> dict[str, float]:
    far = true - predicted
    unit = float(np.abs(far).max()) or 1.0
    squares = (far / unit) ** 2
    rmse = float(np.sqrt(squares.mean()))
    errors = {"mae": _of_mean(np.abs(far), place)}
    errors["rmse"] = unit * _of_mean(squares, place) / (2 * rmse) if rmse else 0.0
    if scores.get("r2") is not None:
        spread = ((true - true.mean()) / unit) ** 2
        errors["r2"] = _of_mean(squares - (1 - scores["r2"]) * spread, place)
        errors["r2"] /= float(spread.mean())
    return errors
