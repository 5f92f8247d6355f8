"""Metrics: scores of a network's outputs against its targets, beside the cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..mathematics.names import unknown
from ..typing import Floats


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: ``score(y_hat, Y, shares) -> float``; y_hat and Y (m, n_L), shares (m,)."""

    name: str
    score: Callable[[Floats, Floats, Floats], float]
    greater_is_better: bool = True


def _accuracy(y_hat: Floats, Y: Floats, shares: Floats) -> float:
    if Y.shape[1] == 1:
        right = (y_hat[:, 0] > 0.5) == (Y[:, 0] > 0.5)
    else:
        right = np.argmax(y_hat, axis=1) == np.argmax(Y, axis=1)
    return float(np.sum(shares[right]))


def _r2(y_hat: Floats, Y: Floats, shares: Floats) -> float:
    mean = shares @ Y
    total = float(np.sum(shares @ (Y - mean) ** 2))
    error = float(np.sum(shares @ (Y - y_hat) ** 2))
    return 1 - error / total if total > 0 else float("nan")


def _rmse(y_hat: Floats, Y: Floats, shares: Floats) -> float:
    return float(np.sqrt(np.mean(shares @ (Y - y_hat) ** 2)))


def _mae(y_hat: Floats, Y: Floats, shares: Floats) -> float:
    return float(np.mean(shares @ np.abs(Y - y_hat)))


METRICS: Mapping[str, Metric] = {
    "accuracy": Metric("accuracy", _accuracy),
    "r2": Metric("r2", _r2),
    "rmse": Metric("rmse", _rmse, greater_is_better=False),
    "mae": Metric("mae", _mae, greater_is_better=False),
}


def resolve_metrics(metrics: str | Metric | Sequence[str | Metric]) -> tuple[Metric, ...]:
    """Return the records that names mean; raises ValueError for an unknown name."""
    several = (metrics,) if isinstance(metrics, (str, Metric)) else metrics
    for metric in several:
        if isinstance(metric, str) and metric not in METRICS:
            raise unknown("metric", metric, METRICS)
    return tuple(METRICS[metric] if isinstance(metric, str) else metric for metric in several)
