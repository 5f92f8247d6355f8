"""Sample weights as given, checked; and the weights of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float64] | None
NO_WEIGHT = "the weights of all samples are zero: there is nothing to learn from"


def read_weights(weight: Any, m: int) -> Weights:
    """Return sample weights (m,), or None.

    Raises ValueError for another shape, a weight that is negative or not finite, and all 0.
    """
    if weight is None:
        return None
    weights: npt.NDArray[np.float64] = np.asarray(weight, np.float64)
    if weights.ndim == 0:
        weights = np.full(m, float(weights))
    if weights.shape != (m,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(m,)}!")
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"sample_weight[{row}] = {weights[row]}: a weight is finite and 0 or above"
        )
    if not weights.sum() > 0:
        raise ValueError(NO_WEIGHT)
    return weights


def class_weights(
    class_weight: Any, classes: Any, labels: Any, weights: Weights
) -> dict[Any, float]:
    """Return the weight of each class.

    ``class_weight``: "balanced" (the sum of all weights, divided by the number of classes and by
    the weight of the class, over ``labels`` (m,)), or a mapping. Raises ValueError for anything
    else, for a class that is none of ``classes``, and for a weight that is negative or not finite.
    """
    if isinstance(class_weight, str) and class_weight == "balanced":
        present, place = np.unique(labels, return_inverse=True)
        totals = np.bincount(place, weights).astype(np.float64)
        return dict(
            zip(
                present.tolist(),
                (totals.sum() / (len(present) * totals)).tolist(),
                strict=True,
            )
        )
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight must be None, 'balanced' or a dict, not {class_weight!r}")
    names = set(classes.tolist())
    by_class = {k.item() if isinstance(k, np.generic) else k: v for k, v in class_weight.items()}
    for label, value in by_class.items():
        if label not in names:
            raise ValueError(
                f"class_weight has a weight for the class {label!r}, which is not in y "
                f"(classes: {', '.join(map(str, classes[:20]))})"
            )
        if not (np.isfinite(value) and value >= 0):
            raise ValueError(f"class_weight of {label!r} must be finite and 0 or above: {value}")
    return {label: float(value) for label, value in by_class.items()}
