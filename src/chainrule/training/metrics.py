"""Metrics: scores of a network's outputs against its targets, beside the cost.

``SCORES`` is the one table of how scores are called and which way they are better, those of tables
(``tables.scores``) among them; ``METRICS`` are those that training can follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from ..mathematics.names import unknown
from ..typing import Floats


@dataclass(frozen=True, slots=True)
class Score:
    """What a score is called, and whether more of it is better."""

    label: str
    greater_is_better: bool = True


# In the order in which they are shown.
SCORES: Final[Mapping[str, Score]] = MappingProxyType(
    {
        "accuracy": Score("accuracy"),
        "balanced_accuracy": Score("balanced accuracy"),
        "log_loss": Score("log loss", greater_is_better=False),
        "roc_auc": Score("ROC AUC"),
        "r2": Score("R²"),
        "rmse": Score("root mean squared error", greater_is_better=False),
        "mae": Score("mean absolute error", greater_is_better=False),
    }
)


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
    name: Metric(name, score, SCORES[name].greater_is_better)
    for name, score in (("accuracy", _accuracy), ("r2", _r2), ("rmse", _rmse), ("mae", _mae))
}


def resolve_metrics(metrics: str | Metric | Sequence[str | Metric]) -> tuple[Metric, ...]:
    """Return the records that names mean; raises ValueError for an unknown name."""
    several = (metrics,) if isinstance(metrics, (str, Metric)) else metrics
    for metric in several:
        if isinstance(metric, str) and metric not in METRICS:
            raise unknown("metric", metric, METRICS)
    return tuple(METRICS[metric] if isinstance(metric, str) else metric for metric in several)
