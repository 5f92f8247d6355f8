"""Moments: mean and deviation of columns, with sample weights, and over several batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..tables.row_weights import ROUNDING, weighted_moments
from ..typing import Floats

Numbers = npt.NDArray[np.float64]

# Of fewer samples than this (by weight) a deviation is too uncertain to divide by for long.
FEW = 10.0
# Scales that differ by less than this share are the same but for rounding.
SAME = 1e-12


@dataclass(frozen=True, slots=True)
class Moments:
    """Of each column (n,): the weight of the samples seen, their mean and their deviation."""

    weight: Numbers
    mean: Numbers
    deviation: Numbers

    @classmethod
    def of(cls, X: Floats, weights: Numbers | None) -> Moments:
        """Return the moments of samples (m, n) with weights (m,); NaN is a gap, which counts 0."""
        gaps = np.isnan(X)
        if not gaps.any():
            total = float(len(X) if weights is None else weights.sum())
            mean, deviation = weighted_moments(X, weights)
            return cls(np.full(X.shape[1], total), mean, deviation)
        one = np.ones(len(X)) if weights is None else weights
        columns = [_of_present(x[~gap], one[~gap]) for x, gap in zip(X.T, gaps.T, strict=True)]
        return cls(*np.array(columns, np.float64).T)

    def merge(self, other: Moments) -> Moments:
        """Return the moments of all samples of both.

        Source: Chan, Golub and LeVeque, 1979; with deviations for squares, which do not overflow.
        """
        total = self.weight + other.weight
        share = np.divide(other.weight, total, out=np.zeros_like(total), where=total > 0)
        with np.errstate(over="ignore", invalid="ignore"):
            apart = other.mean - self.mean
            mean = self.mean + apart * share
            between = np.abs(apart) * np.sqrt(share * (1 - share))
            within = np.hypot(self.deviation * np.sqrt(1 - share), other.deviation * np.sqrt(share))
            deviation = np.hypot(within, between)
            deviation[deviation <= ROUNDING * np.abs(mean)] = 0.0
            return Moments(total, mean, deviation)


def _of_present(x: Floats, weights: Numbers) -> tuple[float, float, float]:
    if not weights.sum() > 0:
        return 0.0, 0.0, 0.0
    mean, deviation = weighted_moments(x[:, None], weights)
    return float(weights.sum()), float(mean[0]), float(deviation[0])


def same(mean: Numbers, scale: Numbers, other_mean: Numbers, other_scale: Numbers) -> bool:
    """Return whether two scales of columns are the same but for rounding."""
    moved = np.maximum(np.abs(mean - other_mean), np.abs(scale - other_scale))
    return bool((moved <= SAME * np.maximum(scale, other_scale)).all())
