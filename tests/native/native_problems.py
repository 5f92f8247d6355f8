"""Problems for the tests of the native engine, and what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.engines import reference
from chainrule.engines.protocol import Problem, Steps
from chainrule.mathematics.costs import COSTS
from chainrule.mathematics.optimizers import resolve_optimizer

TOLERANCE = {"float64": 1e-12, "float32": 2e-5}


def targets(kind: str, m: int, n: int, rng: np.random.Generator) -> Any:
    if kind == "probability":
        return rng.random((m, n))
    if kind == "count":
        return rng.poisson(2, (m, n))
    if kind == "classes":
        return np.eye(n)[rng.integers(0, n, m)]
    return rng.normal(size=(m, n))


@dataclass(frozen=True, slots=True, eq=False)
class NetworkProblem(Problem):
    """A problem with a network of its architecture, for its theta."""

    network: cr.Network = None  # type: ignore[assignment]


def problem(
    sizes: list[int],
    hidden: Any = "tanh",
    output: Any = "identity",
    cost: Any = "squared_error",
    optimizer: Any = "adam",
    dtype: str = "float64",
    m: int = 37,
    weights: bool = False,
    seed: int = 0,
    threads: int | None = 1,
    clip_value: float | None = None,
    clip_norm: float | None = None,
    **network: Any,
) -> NetworkProblem:
    rng = np.random.default_rng(seed)
    net = cr.Network(sizes, hidden=hidden, output=output, cost=cost, dtype=dtype, seed=3, **network)
    X = (0.3 * rng.normal(size=(m, sizes[0]))).astype(dtype)
    Y = np.ascontiguousarray(targets(net.cost.target, m, sizes[-1], rng).astype(dtype))
    w = rng.random(m) * (rng.random(m) > 0.2) if weights else None
    settings = (resolve_optimizer(optimizer), clip_value, clip_norm, threads)
    return NetworkProblem(net.architecture, X, Y, w, *settings, network=net)


def outputs_of(cost: str) -> tuple[str, ...]:
    """Output activations that the cost can go with."""
    return COSTS[cost]().outputs or ("identity", "sigmoid", "relu", "gelu", "softmax", "exp")


def batches(m: int, batch: int, steps: int) -> Any:
    epochs = -(-steps * batch // m)
    rng = np.random.default_rng(7)
    order = np.concatenate([rng.permutation(m) for _ in range(epochs)])
    return order[: steps * batch].astype(np.int64)


def trained(engine: Any, p: Problem, batch: int, steps: int, rate: float = 1e-2) -> Any:
    """Return (costs, squares, theta, state) after some steps from the network's own theta."""
    theta = p.network.theta.copy()
    state = p.optimizer.init(theta)
    order = batches(len(p.X), batch, steps)
    count = -(-len(order) // batch)
    rates = rate / (1 + 0.01 * np.arange(count))
    costs, squares = engine.run(p, theta, state, Steps(order, batch, rates))
    return costs, squares, theta, state


def gradient(engine: Any, p: Problem) -> Any:
    dtheta = np.full_like(p.network.theta, np.nan)
    J = engine.evaluate(p, p.network.theta, dtheta)
    return J, dtheta


def distance(found: Any, wanted: Any) -> float:
    """Relative distance, in the norm of the whole array."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape
    if wanted.size == 0:
        return 0.0
    return float(np.linalg.norm(found - wanted) / max(np.linalg.norm(wanted), 1e-30))


__all__ = [
    "TOLERANCE",
    "batches",
    "distance",
    "gradient",
    "outputs_of",
    "problem",
    "reference",
    "targets",
    "trained",
]
