"""Importance: how much the out-of-fold loss rises when a column is shuffled."""

from __future__ import annotations

import numpy as np

from ..mathematics.random import key, permutation
from ..typing import Floats
from .ensemble import TableEnsemble
from .fitting import Table
from .held_out import held_out
from .inputs import Rows

# Rows by which the importance of columns is measured.
MOST_ROWS = 2000
PURPOSE = 37  # of the random numbers by which columns are shuffled

# The places of a column in the encoded matrix, and its number among the columns of many words.
Places = tuple[slice, int | None]


def importances_of(
    ensemble: TableEnsemble, table: Table, places: list[Places], seed: int
) -> Floats:
    """Return how much the out-of-fold loss rises when a column is shuffled, (n,).

    Source: Breiman, "Random forests", Machine Learning 45, 2001, section 10.
    """
    sample = np.sort(permutation(len(table.rows), key(seed, PURPOSE))[:MOST_ROWS])
    rows, targets = table.rows.take(sample), table.targets.take(sample)
    folds = table.folds[sample]
    base = targets.loss(held_out(ensemble, rows, folds))
    order = permutation(len(sample), key(seed, PURPOSE, 1))
    rises = np.zeros(len(places))
    for j, (columns, number) in enumerate(places):
        X, words = rows.X.copy(), rows.words.copy()
        X[:, columns] = X[order, columns]
        if number is not None:
            words[:, number] = words[order, number]
        rises[j] = targets.loss(held_out(ensemble, Rows(X, words), folds)) - base
    return rises
