"""Target statistics: for a column of many words, the mean target of each word, and its count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..mathematics.random import key, permutation
from ..typing import Floats
from .inputs import Integers

# A word's mean is drawn to that of all rows as if it had so many more rows with that mean.
SHRINKAGE = 10.0
# Statistics of a row that is trained on come from the other parts of so many.
PARTS = 5
PURPOSE = 23  # of the random numbers that draw the parts


@dataclass(frozen=True, slots=True)
class TargetStatistics:
    """Statistics (words + 1, k + 1) of each column: k shrunk means and log(1 + rows) of each word.

    The mean of a word w is ``(sum_w y + a mean(y)) / (rows_w + a)``, ``a = SHRINKAGE``. All are
    standardised over the rows trained on. The last row of a table is for unknown words.

    Source: Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes",
    SIGKDD Explorations 3, 2001.
    """

    tables: tuple[Floats, ...]

    @classmethod
    def fit(
        cls, words: Integers, Y: Floats, weights: Floats, sizes: tuple[int, ...], seed: int
    ) -> tuple[TargetStatistics, Floats]:
        """Return the statistics of words (m, c), and the rows' own, for training, (m, c (k + 1)).

        A row's own statistics come from other rows than it and its part, so that no target tells
        of itself.
        """
        part = np.empty(len(Y), np.int64)
        part[permutation(len(Y), key(seed, PURPOSE))] = np.arange(len(Y)) % PARTS
        tables, columns = [], []
        for column, size in zip(words.T, sizes, strict=True):
            whole, (mean, spread) = _standardised(_table(column, Y, weights, size), column)
            tables.append(whole)
            own = np.empty((len(Y), Y.shape[1] + 1))
            for number in range(PARTS):
                rest = part != number
                table = _table(column[rest], Y[rest], weights[rest], size)
                table[:, -1] = _table(column, Y, weights, size)[:, -1]
                own[~rest] = ((table - mean) / spread)[column[~rest]]
            columns.append(own)
        return cls(tuple(tables)), np.concatenate(columns, axis=1)

    def encode(self, words: Integers) -> Floats:
        """Return the statistics of words (m, c): (m, c (k + 1))."""
        columns = [table[column] for table, column in zip(self.tables, words.T, strict=True)]
        return np.concatenate(columns, axis=1)


def _table(column: Integers, Y: Floats, weights: Floats, size: int) -> Floats:
    """Return a column's table before it is standardised."""
    table = np.zeros((size + 1, Y.shape[1] + 1))
    rows = np.bincount(column, weights, size)[:size]
    mean = weights @ Y / weights.sum()
    for output in range(Y.shape[1]):
        sums = np.bincount(column, weights * Y[:, output], size)[:size]
        table[:size, output] = (sums + SHRINKAGE * mean[output]) / (rows + SHRINKAGE)
        table[size, output] = mean[output]
    table[:size, -1] = np.log1p(rows)
    return table


def _standardised(table: Floats, column: Integers) -> tuple[Floats, tuple[Floats, Floats]]:
    values = table[column]
    mean, spread = values.mean(axis=0), values.std(axis=0)
    spread[spread <= 1e-12] = 1.0
    return (table - mean) / spread, (mean, spread)
