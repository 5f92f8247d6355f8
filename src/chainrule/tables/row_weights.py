"""Weights of rows: whole ones as rows repeated, all others in the statistics of columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..typing import Floats, Reals, Rows
from .columns import Column, as_measures, as_text
from .features import Feature

Weights = Reals | None

# Whole weights are rows repeated, where that makes at most so many times the rows.
MOST_REPEATED = 10
# A column of equal numbers has a deviation of rounding errors only: of this share of the numbers.
ROUNDING = 1e-14


def repeats(weights: Weights) -> Rows | None:
    """Return the rows that whole weights repeat, or None where they are better used as weights.

    >>> repeats(np.array([2.0, 1.0, 0.0])).tolist()
    [0, 0, 1]
    """
    if weights is None or not (weights == np.floor(weights)).all():
        return None
    if weights.sum() > MOST_REPEATED * len(weights):
        return None
    return np.repeat(np.arange(len(weights)), weights.astype(np.int64))


def by_weight(feature: Feature, column: Column, weights: Reals) -> Feature:
    """Return a feature with the mean, the scale or the shares of its words by sample weights."""
    gaps = column.missing
    if feature.kind == "category":
        place = {word: i for i, word in enumerate(feature.words)}
        other = len(feature.words)
        gap = other + feature.other
        places = [gap if w is None else place.get(w, other) for w in as_text(column).tolist()]
        totals = np.bincount(np.array(places, np.int64), weights, feature.width)
        return replace(feature, shares=tuple((totals / weights.sum()).tolist()))
    values = column.values if feature.kind == "boolean" else as_measures(column)
    if feature.gap is not None:
        gaps = gaps | (values == feature.gap)
    known = np.clip(values[~gaps], feature.low, feature.high)
    mean, scale = weighted_moments(known[:, None], weights[~gaps])
    if feature.kind == "boolean" or feature.scale == 0:
        return replace(feature, mean=float(mean[0]))
    return replace(feature, mean=float(mean[0]), scale=float(scale[0]))


def weighted_moments(X: Floats, weights: Weights) -> tuple[Reals, Reals]:
    """Return mean and standard deviation of each column (n,); 0 for a column without a spread.

    Columns are divided by their largest value first, so that no square overflows.
    """
    top = np.abs(X).max(axis=0).astype(np.float64)
    top[top == 0] = 1.0
    unit = X / top
    shares = np.full(len(X), 1 / len(X)) if weights is None else weights / weights.sum()
    mean = shares @ unit
    deviation = np.sqrt(shares @ (unit - mean) ** 2)
    deviation[deviation <= ROUNDING] = 0.0
    return mean * top, deviation * top
