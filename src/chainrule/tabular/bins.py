"""Bins: piecewise-linear encoding of numbers, so that a network can bend at quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..typing import Floats
from .inputs import Integers

# At most so many bins a column, and at least so many rows in each on average.
MOST_BINS, ROWS_A_BIN = 16, 20


@dataclass(frozen=True, slots=True)
class Bins:
    """The bins of some columns of a matrix.

    Place t of x is ``clamp((x - beta_{t-1}) / (beta_t - beta_{t-1}), 0, 1)``, less its mean over
    the rows trained on, with the column's quantiles as edges beta_0 < ... < beta_T.

    Source: Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep
    learning", NeurIPS 2022, section 3.2.1.
    """

    columns: tuple[int, ...]
    edges: tuple[Floats, ...]
    means: Floats
    # Of each place: its column, where its bin begins, and how long the bin is.
    _column: Integers = field(init=False, repr=False)
    _lower: Floats = field(init=False, repr=False)
    _length: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        counts = [len(beta) - 1 for beta in self.edges]
        of_places = {
            "_column": np.repeat(np.array(self.columns, np.int64), counts),
            "_lower": np.concatenate([np.zeros(0), *(beta[:-1] for beta in self.edges)]),
            "_length": np.concatenate([np.zeros(0), *(np.diff(beta) for beta in self.edges)]),
        }
        for name, values in of_places.items():
            object.__setattr__(self, name, values)

    @classmethod
    def fit(cls, X: Floats, columns: Sequence[int]) -> Bins:
        """Place the edges at quantiles of each column of X (m, n) that has three values or more."""
        count = max(min(MOST_BINS, len(X) // ROWS_A_BIN), 2)
        shares = np.linspace(0, 1, count + 1)
        quantiles = {j: np.unique(np.quantile(X[:, j], shares)) for j in columns}
        edges = {j: beta for j, beta in quantiles.items() if len(beta) > 2}
        bins = cls(tuple(edges), tuple(edges.values()), np.zeros(1))
        means = bins.encode(X).mean(axis=0)
        return cls(bins.columns, bins.edges, means)

    @property
    def width(self) -> int:
        """Return the number of places."""
        return sum(len(beta) - 1 for beta in self.edges)

    def encode(self, X: Floats) -> Floats:
        """Return the places of X (m, n): (m, width), float64."""
        if not self.columns:
            return np.zeros((len(X), 0))
        places = X.take(self._column, axis=1)
        places -= self._lower
        places /= self._length
        np.clip(places, 0.0, 1.0, out=places)
        places -= self.means
        return places
