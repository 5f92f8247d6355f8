"""Class weights: rows of rare classes count as much as those of frequent ones."""

from __future__ import annotations

import numpy as np

from ..typing import Array, Reals


def balanced(places: Array, weights: Array | None = None) -> Reals:
    """Return the weight of each row (m,) with which all classes count alike.

    A class of weight w_c has the factor ``sum w / (k w_c)``; ``places`` (m,) are the places of
    classes from 0, each of which is there, ``weights`` (m,) those of the rows.
    """
    ones = np.ones(len(places)) if weights is None else np.asarray(weights, np.float64)
    totals = np.bincount(places, ones)
    factors = totals.sum() / (len(totals) * totals)
    return np.asarray(ones * factors[places])
