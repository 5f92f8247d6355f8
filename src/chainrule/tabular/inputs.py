"""Inputs: encoded rows as the ensemble takes them, its targets, and what each column is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..typing import Floats

Integers = npt.NDArray[np.int64]
Task = Literal["binary", "multiclass", "regression"]

OUTPUTS: dict[str, str] = {
    "binary": "sigmoid",
    "multiclass": "softmax",
    "regression": "identity",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """Encoded rows: ``X`` (m, n) standardised, ``words`` (m, c) the numbers of words.

    A column of ``words`` is one of many words, for target statistics: -1 is a word that training
    never saw.
    """

    X: Floats
    words: Integers

    def take(self, rows: Integers) -> Rows:
        """Return some of the rows."""
        return Rows(self.X[rows], self.words[rows])

    def __len__(self) -> int:
        return len(self.X)


@dataclass(frozen=True, slots=True)
class Targets:
    """Targets ``Y`` (m, k), float64, and the weights of the rows (m,), which sum to m.

    Numbers are standardised; classes are 0 and 1, in one column for two classes, else in k.
    """

    task: Task
    Y: Floats
    weights: Floats

    def take(self, rows: Integers) -> Targets:
        """Return some of the rows."""
        return Targets(self.task, self.Y[rows], self.weights[rows])

    @property
    def classes(self) -> Integers:
        """Return the place of each row's class, (m,)."""
        Y = self.Y
        places = Y[:, 0] > 0.5 if Y.shape[1] == 1 else np.argmax(Y, axis=1)
        return np.asarray(places, np.int64)

    def loss(self, outputs: Floats) -> float:
        """Return the weighted mean loss of outputs (m, k): log loss, or the squared error.

        A probability is cut at 1e-15, as an infinite loss would say nothing of other rows. Where
        every weight is 0 all rows count alike.
        """
        shares = self.weights if self.weights.any() else np.ones(len(self.weights))
        return float(self.losses(outputs) @ shares / shares.sum())

    def losses(self, outputs: Floats) -> Floats:
        """Return the loss of each row, (m,)."""
        a = outputs.astype(np.float64)
        if self.task == "regression":
            return np.asarray(((a - self.Y) ** 2).sum(axis=1))
        if self.task == "binary":
            a = np.where(self.Y > 0.5, a, 1.0 - a)
        else:
            a = (a * self.Y).sum(axis=1, keepdims=True) / a.sum(axis=1, keepdims=True)
        return np.asarray(-np.log(np.maximum(a[:, 0], 1e-15)))
