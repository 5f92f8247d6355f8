"""The networks, batches and data that bench/step.py measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """A network trained on random rows: what one step costs depends on shapes alone."""

    sizes: tuple[int, ...]
    hidden: str
    output: str
    cost: str
    optimizer: str
    rows: int
    batch: int
    steps: int  # of one timing

    @property
    def name(self) -> str:
        return f"{'-'.join(map(str, self.sizes))}, {self.batch}"

    @property
    def operations(self) -> float:
        """Floating-point operations of a step's products: two in the first layer, three above."""
        pairs = zip(self.sizes[:-1], self.sizes[1:], strict=True)
        return float(sum((6 if l else 4) * self.batch * n * k for l, (n, k) in enumerate(pairs)))


CASES = (
    Case((2, 2, 1), "sigmoid", "sigmoid", "logistic", "gradient_descent", 4, 1, 20000),
    Case((30, 64, 32, 1), "relu", "sigmoid", "logistic", "gradient_descent", 569, 32, 2000),
    Case((784, 128, 10), "relu", "softmax", "cross_entropy", "gradient_descent", 12800, 128, 200),
    Case(
        (784, 1024, 1024, 10), "relu", "softmax", "cross_entropy", "gradient_descent", 2560, 256, 10
    ),
    Case((4, 32, 16, 4), "tanh", "identity", "squared_error", "adam", 10000, 10000, 50),
)
RATE = 1e-3


@dataclass(frozen=True)
class Data:
    """Rows, targets, the order they are taken in, and the start: W (n_out, n_in) and b by layer."""

    X: Any
    Y: Any
    order: Any
    start: list[tuple[Any, Any]]


def data(case: Case, steps: int | None = None) -> Data:
    """Draw the same data for every peer; float32."""
    rng = np.random.default_rng(0)
    steps = case.steps if steps is None else steps
    X = rng.normal(size=(case.rows, case.sizes[0])).astype(np.float32)
    n = case.sizes[-1]
    if case.cost == "squared_error":
        Y = rng.normal(size=(case.rows, n)).astype(np.float32)
    elif n == 1:
        Y = rng.integers(0, 2, (case.rows, 1)).astype(np.float32)
    else:
        Y = np.eye(n, dtype=np.float32)[rng.integers(0, n, case.rows)]
    epochs = -(-steps * case.batch // case.rows)
    order = np.concatenate([rng.permutation(case.rows) for _ in range(epochs)])
    start = [
        (
            (rng.normal(size=(k, n)) * np.sqrt(2 / n)).astype(np.float32),
            np.zeros(k, np.float32),
        )
        for n, k in zip(case.sizes[:-1], case.sizes[1:], strict=True)
    ]
    return Data(X, Y, order[: steps * case.batch].astype(np.int64), start)
