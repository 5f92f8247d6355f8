"""Calibration of ours on test rows: probabilities of classes, intervals of numbers."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

BINS = 15
SHARE = 0.9  # asked of an interval


def expected_calibration_error(y: np.ndarray, p: np.ndarray, classes: np.ndarray) -> float:
    """Return the mean distance of confidence and accuracy over bins of confidence, by their rows.

    ``sum_b n_b / m |accuracy_b - confidence_b|``, the confidence being that of the most probable
    class, in ``BINS`` bins of equal width.

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017,
    section 2.
    """
    confidence = p.max(axis=1)
    right = classes[p.argmax(axis=1)] == y
    bin_of = np.minimum((confidence * BINS).astype(int), BINS - 1)
    sums = np.bincount(bin_of, right - confidence, BINS)
    return float(np.abs(sums).sum() / len(y))


def calibration(model: Any, X: pd.DataFrame, y: np.ndarray) -> dict[str, float]:
    """Return of classes ``ece`` and, without the temperature, ``ece_raw``; of numbers ``coverage``.

    ``coverage``: the share of rows within the interval that ``SHARE`` was asked of.
    """
    if not hasattr(model, "classes_"):
        bounds = model.predict(X, interval=SHARE)[1]
        return {"coverage": float(((bounds[:, 0] <= y) & (y <= bounds[:, 1])).mean())}
    raw = copy(model)
    raw.ensemble_ = replace(model.ensemble_, temperature=1.0)
    return {
        name: expected_calibration_error(y, one.predict_proba(X), model.classes_)
        for name, one in (("ece", model), ("ece_raw", raw))
    }


def summary(results: dict[str, dict[str, Any]]) -> list[str]:
    """Return what to print of the calibration on several tables, in Markdown."""
    lines = ["| table | ece without temperature | ece | coverage of 90 % |", "|---|---|---|---|"]
    keys = ("ece_raw", "ece", "coverage")
    calibrated = {name: one for name, one in results.items() if set(keys) & set(one)}
    if not calibrated:
        return []
    for name, one in calibrated.items():
        lines.append("| ".join([f"| {name} ", *(f"{_mean(one, key):6} " for key in keys)]) + "|")
    for key in keys:
        values = [float(np.mean(one[key])) for one in calibrated.values() if key in one]
        if values:
            low, high = min(values), max(values)
            lines.append(f"\nMean {key}: {np.mean(values):.4f} ({low:.4f} to {high:.4f})")
    return lines


def _mean(result: dict[str, Any], key: str) -> str:
    return f"{np.mean(result[key]):.4f}" if key in result else ""
