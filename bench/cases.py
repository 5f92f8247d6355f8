"""The networks, batches and data that bench/step.py measures, and what training them must give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from time import perf_counter
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
    rate: float = 1e-3

    @property
    def name(self) -> str:
        return f"{'-'.join(map(str, self.sizes))}, {self.batch}"

    @property
    def operations(self) -> float:
        """Floating-point operations of a step's products: two in the first layer, three above."""
        pairs = zip(self.sizes[:-1], self.sizes[1:], strict=True)
        return float(sum((6 if l else 4) * self.batch * n * k for l, (n, k) in enumerate(pairs)))

    @property
    def chain(self) -> tuple[int, int]:
        """Multiply-and-adds and divisions of a step that wait for one another, for one sample.

        Forward, a layer of sigmoids: a sum over its inputs, nine operations of exp (reduction,
        polynomial, scale), 1 + exp, a division. Back: dz of the output, da and dz of each layer
        below, and the update, which the next step waits for. (0, 0) where it bounds nothing.
        """
        if self.batch > 1:
            return 0, 0
        layers = len(self.sizes) - 1
        return sum(self.sizes[:-1]) + 10 * layers + 2 * layers, layers


CASES = (
    Case((2, 2, 1), "sigmoid", "sigmoid", "logistic", "gradient_descent", 4, 1, 10000),
    Case((30, 64, 32, 1), "relu", "sigmoid", "logistic", "gradient_descent", 569, 32, 1000),
    Case((784, 128, 10), "relu", "softmax", "cross_entropy", "gradient_descent", 12800, 128, 100),
    Case(
        (784, 1024, 1024, 10), "relu", "softmax", "cross_entropy", "gradient_descent", 2560, 256, 6
    ),
    Case((4, 32, 16, 4), "tanh", "identity", "squared_error", "adam", 10000, 10000, 50),
)
# Parameters by layer: W (n_out, n_in) and b (n_out,).
Theta = list[tuple[Any, Any]]


@dataclass(frozen=True)
class Data:
    """Rows, targets, the order they are taken in, and the start."""

    X: Any
    Y: Any
    order: Any
    start: Theta


@dataclass(frozen=True)
class Run:
    """A peer that is ready: ``train`` takes all steps of a case from its start, which is timed.

    ``read`` turns what it returned into parameters, which is not; None for what does not train.
    """

    train: Callable[[], Any]
    read: Callable[[Any], Theta] | None = None

    def timed(self, enough: float, least: int = 1) -> tuple[float, Any]:
        """Train up to five times within so many seconds; return the quickest time, and a result.

        ``least``: times at least, however long they take.

        Threads that slept may be woken on one core, and are moved apart after some 10 ms only; the
        first run also finds its data in no cache.
        """
        taken: list[float] = []
        result = None
        while len(taken) < least or (len(taken) < 5 and sum(taken) < enough):
            began = perf_counter()
            result = self.train()
            taken.append(perf_counter() - began)
        return min(taken), result


@cache
def data(case: Case) -> Data:
    """Draw the same data for every peer; float32. Nobody may change it."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(case.rows, case.sizes[0])).astype(np.float32)
    n = case.sizes[-1]
    if case.cost == "squared_error":
        Y = rng.normal(size=(case.rows, n)).astype(np.float32)
    elif n == 1:
        Y = rng.integers(0, 2, (case.rows, 1)).astype(np.float32)
    else:
        Y = np.eye(n, dtype=np.float32)[rng.integers(0, n, case.rows)]
    epochs = -(-case.steps * case.batch // case.rows)
    order = np.concatenate([rng.permutation(case.rows) for _ in range(epochs)])
    start = [
        (
            (rng.normal(size=(k, n)) * np.sqrt(2 / n)).astype(np.float32),
            np.zeros(k, np.float32),
        )
        for n, k in zip(case.sizes[:-1], case.sizes[1:], strict=True)
    ]
    return Data(X, Y, order[: case.steps * case.batch].astype(np.int64), start)


def network(case: Case, theta: Theta, dtype: str) -> Any:
    import chainrule as cr

    net = cr.Network(
        case.sizes, hidden=case.hidden, output=case.output, cost=case.cost, dtype=dtype
    )
    for l, (W, b) in enumerate(theta, 1):
        net.W[l], net.b[l] = W, b
    return net


def trained(case: Case, engine: Any, dtype: str, threads: int | None = None) -> Run:
    """Training by an engine of ours."""
    from chainrule.engines.protocol import Problem, Steps
    from chainrule.mathematics.optimizers import resolve_optimizer

    d = data(case)
    net = network(case, d.start, dtype)
    optimizer = resolve_optimizer(case.optimizer)
    X, Y = (np.ascontiguousarray(v, dtype) for v in (d.X, d.Y))
    problem = Problem(net.architecture, X, Y, None, optimizer, threads=threads)
    rates = np.full(case.steps, case.rate)

    start = net.theta.copy()

    def train() -> Any:
        theta = start.copy()
        state = optimizer.init(theta)
        engine.run(problem, theta, state, Steps(d.order, case.batch, rates))
        return theta

    def read(theta: Any) -> Theta:
        net.theta[:] = theta
        return [(net.W[l].copy(), net.b[l].copy()) for l in range(1, len(case.sizes))]

    return Run(train, read)


def cost(case: Case, theta: Theta) -> float:
    """J over the first rows of the data (500 at most), worked out in float64 by NumPy alone."""
    d = data(case)
    a, y = d.X[:500].astype(float), d.Y[:500].astype(float)
    f = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "sigmoid": _sigmoid}[case.hidden]
    for l, (W, b) in enumerate(theta):
        z = a @ np.asarray(W, float).T + np.asarray(b, float)
        a = f(z) if l < len(theta) - 1 else z
    if case.cost == "logistic":
        return float((np.logaddexp(0, a) - y * a).mean())
    if case.cost == "cross_entropy":
        a = a - a.max(axis=1, keepdims=True)
        return float((np.log(np.exp(a).sum(axis=1)) - (y * a).sum(axis=1)).mean())
    return float(((a - y) ** 2).sum(axis=1).mean() / 2)


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def costs_expected(case: Case) -> tuple[float, float]:
    """J before training and after it, trained in float64 by the reference engine."""
    from chainrule.engines import reference

    run = trained(case, reference, "float64")
    assert run.read is not None
    return cost(case, data(case).start), cost(case, run.read(run.train()))
