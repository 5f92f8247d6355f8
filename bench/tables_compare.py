"""Comparing the results of bench/tables.py: ratios of errors, their mean and its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

DRAWS = 2000  # of the bootstrap

Result = dict[str, Any]  # errors (one a fold), seconds (mean of a fit with its predictions), MB


def mean_error(result: Result) -> float:
    return float(np.mean(result["errors"]))


def ratio(result: Result, other: Result) -> float:
    """Return the ratio of mean errors, over the folds that both were measured on."""
    count = min(len(result["errors"]), len(other["errors"]))
    return float(np.mean(result["errors"][:count]) / np.mean(other["errors"][:count]))


def geometric_mean(ratios: Sequence[float]) -> str:
    """Return the geometric mean over tables with its 95 % bootstrap interval, as Markdown."""
    logs = np.log(ratios)
    drawn = np.random.default_rng(0).choice(logs, (DRAWS, len(logs))).mean(axis=1)
    low, high = np.exp(np.quantile(drawn, [0.025, 0.975]))
    return f"**{np.exp(logs.mean()):.3f}** ({low:.3f} to {high:.3f})"
