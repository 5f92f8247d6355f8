"""Networks for tests to draw from: which cost goes with which output, data that suits a cost."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from chainrule.mathematics.costs import resolve_cost

from .torch_network import Case

# Every activation, those with settings also off their defaults.
SPECS = [*cr.ACTIVATIONS, "leaky_relu(0.3)", "elu(1.7)"]
# The order in which tests pair activations with outputs, costs and optimizers. What joins the table
# comes last and stays out of the cycle, so that it shifts no pair.
ORDER = (
    *("identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "softplus", "softsign"),
    *("gelu", "silu", "exp", "softmax", "mish"),
)
assert set(ORDER) == set(cr.ACTIVATIONS)
CYCLE = [*ORDER[:13], "leaky_relu(0.3)", "elu(1.7)"]
COSTS = [*cr.COSTS, "cross_entropy(0.2)", "huber(0.4)", "quantile(0.8)"]


def outputs_of(cost: str) -> list[str]:
    """Return the output activations that a cost can go with."""
    return list(resolve_cost(cost).outputs) or CYCLE


PAIRS = [(output, cost) for cost in COSTS for output in outputs_of(cost)]


def targets(cost: str, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw targets (m, n) that a cost takes."""
    kind = resolve_cost(cost).target
    if kind == "classes":
        return rng.dirichlet(np.ones(shape[1]), shape[0])
    if kind == "probability":
        return rng.random(shape)
    if kind == "count":
        return rng.poisson(2.0, shape).astype(float)
    return rng.standard_normal(shape)


def network_and_case(
    sizes: list[int],
    activations: list[str],
    cost: str,
    rng: np.random.Generator,
    m: int = 5,
    weighted: bool = False,
    l1: float = 0.0,
    l2: float = 0.0,
    dtype: str = "float64",
) -> tuple[cr.Network, Case]:
    """Return a network with random parameters, biases too, and the same for torch."""
    net = cr.Network(
        sizes, activations[:-1], activations[-1], cost, seed=1, l1=l1, l2=l2, dtype=dtype
    )
    # Exponentials of exponentials saturate the output soon, and with it torch's functions of a.
    scale = 0.3 if "exp" in activations[:-1] else 0.8
    net.theta = scale * net.theta + 0.1 * rng.standard_normal(net.theta.shape)
    X = rng.standard_normal((m, sizes[0])).astype(dtype)
    Y = targets(cost, (m, sizes[-1]), rng).astype(dtype)
    if resolve_cost(cost).target == "classes":
        Y /= Y.sum(axis=1, keepdims=True)
    weights = None
    if weighted:
        weights = rng.random(m) + 0.1
        weights[0] = 0.0
    W = [np.array(w, np.float64) for w in net.W[1:]]
    b = [np.array(v, np.float64) for v in net.b[1:]]
    return net, Case(activations, cost, W, b, X, Y, weights, l1, l2)
