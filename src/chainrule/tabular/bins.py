"""Bins: piecewise-linear encoding of numbers, so that a network can bend at quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..typing import Floats

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
        places = [
            np.clip((X[:, j, None] - beta[:-1]) / np.diff(beta), 0.0, 1.0)
            for j, beta in zip(self.columns, self.edges, strict=True)
        ]
        if not places:
            return np.zeros((len(X), 0))
        return np.concatenate(places, axis=1) - self.means
