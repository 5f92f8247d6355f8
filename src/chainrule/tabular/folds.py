"""Folds: which member holds out which rows; by class, by group, or by blocks of time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..mathematics.random import key, permutation
from .inputs import Integers, Targets

PURPOSE = 29  # of the random numbers that draw folds


def folds_of(
    targets: Targets,
    count: int,
    seed: int,
    groups: npt.NDArray[Any] | None = None,
    time: npt.NDArray[Any] | None = None,
) -> Integers:
    """Return the fold of each row, (m,): each of ``count`` members holds out one.

    At random, with each class, and rows with a weight, in every fold alike. ``groups``: rows of one
    group stay together, classes shared out. ``time``: folds are blocks of time, of
    equal numbers of rows; rows of one moment stay together.

    Raises ValueError for fewer groups or moments than two.
    """
    if groups is not None:
        return _by_group(groups, targets, count, seed)
    if time is not None:
        return _by_time(time, count)
    m = len(targets.Y)
    order = permutation(m, key(seed, PURPOSE))
    order = order[np.argsort(targets.weights[order] == 0, kind="stable")]
    if targets.task != "regression":
        order = order[np.argsort(targets.classes[order], kind="stable")]
    folds = np.empty(m, np.int64)
    folds[order] = np.arange(m) % count
    return folds


def _by_group(groups: npt.NDArray[Any], targets: Targets, count: int, seed: int) -> Integers:
    """Place groups, the largest first, each where its class has the fewest rows.

    What groups are called changes nothing: they are known by the order of their first rows.
    """
    _, first, place = np.unique(groups, return_index=True, return_inverse=True)
    k = len(first)
    if k < 2:
        raise ValueError("groups must name two groups or more: a member holds out whole groups")
    order_of = np.empty(k, np.int64)
    order_of[np.argsort(first)] = np.arange(k)
    place = order_of[place.ravel()]
    sizes = np.bincount(place)
    classed = targets.task != "regression"
    strata = targets.classes[np.sort(first)] if classed else np.zeros(k, np.int64)
    rows = np.zeros((int(strata.max()) + 1, min(count, k)))
    fold = np.empty(k, np.int64)
    order = permutation(k, key(seed, PURPOSE, 1))
    for group in order[np.argsort(-sizes[order], kind="stable")].tolist():
        # Among folds with equally few rows of the class, the one with the fewest rows.
        held = rows[strata[group]] + rows.sum(axis=0) / (len(place) + 1)
        fold[group] = np.argmin(held)
        rows[strata[group], fold[group]] += sizes[group]
    return np.asarray(fold[place])


def _by_time(time: npt.NDArray[Any], count: int) -> Integers:
    moments, place = np.unique(time, return_inverse=True)
    if len(moments) < 2:
        raise ValueError("time must have two moments or more: a member holds out a block of time")
    rank = np.searchsorted(np.sort(place.ravel()), place.ravel())
    _, fold = np.unique(rank * min(count, len(moments)) // len(time), return_inverse=True)
    return np.asarray(fold.ravel(), np.int64)
