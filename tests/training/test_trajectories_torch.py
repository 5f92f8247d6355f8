"""Fifty steps of training against torch.optim: every optimizer, dropout, clipping, schedules.

Torch gets the same initial parameters, order of samples and dropout masks, and its own functions
for everything else; all parameters agree to 1e-10.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

import numpy as np
import pytest
from oracles.cases import targets
from oracles.torch_network import Case, cost_from_z, penalty, propagate

import chainrule as cr
from chainrule.mathematics.dropout import dropout_mask
from chainrule.mathematics.random import DROPOUT, ORDER, key, permutation

torch = pytest.importorskip("torch", reason="torch is not installed")
torch.set_num_threads(1)  # these arrays are far too small for more

M, BATCH, STEPS = 23, 5, 50
EPOCHS = STEPS // ceil(M / BATCH)

OPTIMIZERS: list[tuple[str, str, dict[str, Any]]] = [
    ("gradient_descent", "SGD", {}),
    ("momentum", "SGD", {"momentum": 0.9}),
    ("momentum(0.5)", "SGD", {"momentum": 0.5}),
    ("nesterov", "SGD", {"momentum": 0.9, "nesterov": True}),
    ("rmsprop", "RMSprop", {"alpha": 0.9, "eps": 1e-8}),
    ("rmsprop(0.99, 1e-3)", "RMSprop", {"alpha": 0.99, "eps": 1e-3}),
    ("adagrad", "Adagrad", {"eps": 1e-10}),
    ("adam", "Adam", {}),
    ("adam(0.8, 0.95, 1e-6)", "Adam", {"betas": (0.8, 0.95), "eps": 1e-6}),
    ("adamw", "AdamW", {"weight_decay": 0.01}),
    ("adamw(0.9, 0.99, 1e-8, 0.3)", "AdamW", {"betas": (0.9, 0.99), "weight_decay": 0.3}),
]

Schedule = Callable[[int], float]


def torch_trajectory(
    net: cr.Network,
    X: np.ndarray,
    Y: np.ndarray,
    optimizer: tuple[str, str, dict[str, Any]],
    learning_rate: float,
    *,
    weights: np.ndarray | None = None,
    batch: int = BATCH,
    clip_value: float | None = None,
    clip_norm: float | None = None,
    factor: Schedule = lambda step: 1.0,
    shuffle: bool = True,
    rates: tuple[float, ...] = (),
) -> tuple[np.ndarray, list[float]]:
    """Return theta after EPOCHS epochs as torch trains, and the mean cost of each epoch."""
    activations = [f.spec for f in net.activations]
    W = [torch.tensor(w, dtype=torch.float64).requires_grad_() for w in net.W[1:]]
    b = [torch.tensor(v, dtype=torch.float64).requires_grad_() for v in net.b[1:]]
    case = Case(activations, net.cost.spec, [], [], X, Y, l1=net.l1, l2=net.l2)
    arguments = dict(optimizer[2])
    groups = [{"params": W}, {"params": b}]
    if "weight_decay" in arguments:
        groups[1]["weight_decay"] = 0.0
    chosen = getattr(torch.optim, optimizer[1])(groups, lr=learning_rate, **arguments)
    m, step, costs = len(X), 0, []
    w = torch.ones(m, dtype=torch.float64) if weights is None else torch.tensor(weights)
    for epoch in range(EPOCHS):
        order = permutation(m, key(net.seed, ORDER, epoch)) if shuffle else np.arange(m)
        total = 0.0
        for first in range(0, m, batch):
            rows = torch.tensor(order[first : first + batch])
            x, y, each = torch.tensor(X)[rows], torch.tensor(Y)[rows], w[rows]
            masks = [
                torch.tensor(dropout_mask((len(x), n), rate, key(net.seed, DROPOUT, step, place)))
                for place, (rate, n) in enumerate(zip(rates, net.sizes, strict=False))
            ]
            a, z = propagate(case, W, b, x, masks or None)
            J_i = cost_from_z(activations[-1], net.cost.spec, z[-1], a[-1], y)
            J = (J_i * each).sum() / each.sum() + penalty(case, W)
            chosen.zero_grad()
            J.backward()
            if clip_value is not None:
                torch.nn.utils.clip_grad_value_([*W, *b], clip_value)
            if clip_norm is not None:
                clip_exactly([*W, *b], clip_norm)
            for group in chosen.param_groups:
                group["lr"] = learning_rate * factor(step)
            chosen.step()
            total += J.item() * each.sum().item()
            step += 1
        costs.append(total / w.sum().item())
    flat = [
        np.r_[p.detach().numpy().T.ravel(), q.detach().numpy()] for p, q in zip(W, b, strict=True)
    ]
    return np.concatenate(flat), costs


def clip_exactly(parameters: list[Any], limit: float) -> None:
    """Clip by norm as torch does, without the 1e-6 that torch adds to the norm."""
    norm = torch.nn.utils.get_total_norm([p.grad for p in parameters]).item()
    if norm > limit:
        for p in parameters:
            p.grad.mul_(limit / norm)


def agree(ours: cr.Network, history: cr.History, theirs: tuple[np.ndarray, list[float]]) -> None:
    theta, costs = theirs
    assert history.epochs == EPOCHS
    assert history.stop is not None
    assert history.stop.reason == "epochs"
    np.testing.assert_allclose(ours.theta, theta, rtol=1e-10, atol=1e-10 * np.abs(theta).max())
    np.testing.assert_allclose(history.cost, costs, rtol=1e-10)


def problem(
    output: str = "softmax", cost: str = "cross_entropy", hidden: str = "tanh", **network: Any
) -> tuple[cr.Network, np.ndarray, np.ndarray]:
    net = cr.Network([4, 6, 5, 3], hidden, output, cost, seed=11, **network)
    rng = np.random.default_rng(7)
    net.theta += 0.05 * rng.standard_normal(net.theta.shape)
    return net, rng.standard_normal((M, 4)), targets(cost, (M, 3), rng)


def fit(net: cr.Network, X: np.ndarray, Y: np.ndarray, **settings: Any) -> cr.History:
    given = {"batch_size": BATCH, "epochs": EPOCHS, "tolerance": None, "engine": "reference"}
    return net.fit(X, Y, **(given | settings))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: o[0])
@pytest.mark.parametrize(
    "pair",
    [("softmax", "cross_entropy"), ("sigmoid", "logistic"), ("identity", "huber(0.4)")],
    ids="+".join,
)
def test_every_optimizer(optimizer: tuple[str, str, dict[str, Any]], pair: tuple[str, str]) -> None:
    net, X, Y = problem(*pair, l1=1e-3, l2=1e-2)
    rate = 0.01 if optimizer[1] in ("SGD", "Adagrad") else 1e-3
    expected = torch_trajectory(net, X, Y, optimizer, rate)
    agree(net, fit(net, X, Y, optimizer=optimizer[0], learning_rate=rate), expected)


OTHERS = [
    ("softplus", "poisson"),
    ("exp", "poisson"),
    ("gelu", "quantile(0.8)"),
    ("identity", "absolute_error"),
    ("softmax", "cross_entropy(0.1)"),
]


@pytest.mark.parametrize("pair", OTHERS, ids="+".join)
@pytest.mark.parametrize("hidden", ["relu", "silu", "selu", "softsign", "leaky_relu(0.2)"])
def test_activations_and_costs(pair: tuple[str, str], hidden: str) -> None:
    net, X, Y = problem(*pair, hidden=hidden)
    expected = torch_trajectory(net, X, Y, OPTIMIZERS[7], 1e-3)
    agree(net, fit(net, X, Y, optimizer="adam", learning_rate=1e-3), expected)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: o[0])
def test_dropout_weights_and_clipping(optimizer: tuple[str, str, dict[str, Any]]) -> None:
    rates = (0.1, 0.3, 0.5)
    net, X, Y = problem(dropout=list(rates), l2=0.01)
    weights = np.random.default_rng(1).random(M)
    weights[3] = 0.0
    limits: dict[str, Any] = {"clip_value": 0.05, "clip_norm": 0.1}
    expected = torch_trajectory(net, X, Y, optimizer, 1e-3, weights=weights, rates=rates, **limits)
    history = fit(
        net, X, Y, optimizer=optimizer[0], learning_rate=1e-3, sample_weight=weights, **limits
    )
    agree(net, history, expected)


@pytest.mark.parametrize("settings", [{"clip_norm": 0.02}, {"clip_value": 0.01}], ids=str)
def test_each_clipping_alone(settings: dict[str, float]) -> None:
    net, X, Y = problem()
    expected = torch_trajectory(net, X, Y, OPTIMIZERS[1], 0.05, **settings)
    agree(net, fit(net, X, Y, optimizer="momentum", learning_rate=0.05, **settings), expected)


def torch_factors(name: str) -> list[float]:
    """Return the factor of each step as torch's own scheduler gives it."""
    lr = torch.optim.lr_scheduler
    dummy = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    made = {
        "step(0.2, 0.5)": lambda: lr.StepLR(dummy, step_size=STEPS // 5, gamma=0.5),
        "exponential(0.05)": lambda: lr.ExponentialLR(dummy, gamma=0.05 ** (1 / STEPS)),
        "cosine(0.1)": lambda: lr.CosineAnnealingLR(dummy, T_max=STEPS, eta_min=0.1),
        "warm_up(0.4)": lambda: lr.LinearLR(dummy, 1 / (0.4 * STEPS), 1.0, int(0.4 * STEPS) - 1),
        "one_cycle(0.3, 0.04, 0.0001)": lambda: lr.OneCycleLR(
            dummy, 1.0, STEPS, pct_start=0.3, div_factor=25, final_div_factor=400
        ),
    }[name]()
    found = []
    for _ in range(STEPS):
        found.append(dummy.param_groups[0]["lr"])
        dummy.step()
        made.step()
    return found


@pytest.mark.parametrize(
    "schedule",
    [
        "step(0.2, 0.5)",
        "exponential(0.05)",
        "cosine(0.1)",
        "warm_up(0.4)",
        "one_cycle(0.3, 0.04, 0.0001)",
    ],
)
def test_schedules(schedule: str) -> None:
    net, X, Y = problem()
    factors = torch_factors(schedule)
    expected = torch_trajectory(net, X, Y, OPTIMIZERS[7], 5e-3, factor=lambda step: factors[step])
    history = fit(net, X, Y, optimizer="adam", learning_rate=5e-3, schedule=schedule)
    agree(net, history, expected)
    each = ceil(M / BATCH)
    lasts = [5e-3 * factors[(epoch + 1) * each - 1] for epoch in range(EPOCHS)]
    assert history.learning_rate == pytest.approx(lasts, rel=1e-12)


@pytest.mark.parametrize("batch", [1, 5, M])
def test_any_batch_size_in_the_order_given(batch: int) -> None:
    net, X, Y = problem()
    expected = torch_trajectory(net, X, Y, OPTIMIZERS[7], 1e-3, batch=batch, shuffle=False)
    history = fit(net, X, Y, optimizer="adam", learning_rate=1e-3, batch_size=batch, shuffle=False)
    agree(net, history, expected)


def test_class_weights() -> None:
    # torch's cross_entropy divides by the sum of the weights of the labels it met, as we do.
    labels = np.random.default_rng(0).integers(0, 3, M)
    net, X, _ = problem()
    weights = np.array([0.5, 2.0, 3.5])
    Y, each = np.eye(3)[labels], weights[labels]
    expected = torch_trajectory(net, X, Y, OPTIMIZERS[7], 1e-3, weights=each)
    start = net.copy()
    direct = torch.nn.functional.cross_entropy(
        torch.log(torch.tensor(start.predict(X))), torch.tensor(labels), torch.tensor(weights)
    )
    assert start.J(X, labels, weights[labels]) == pytest.approx(direct.item(), rel=1e-12)
    history = fit(
        net, X, labels, optimizer="adam", learning_rate=1e-3, class_weight=dict(enumerate(weights))
    )
    agree(net, history, expected)


def test_lbfgs_finds_the_minimum_that_torch_finds() -> None:
    # A convex problem (no hidden layer, with an L2 penalty) has one minimum.
    rng = np.random.default_rng(2)
    X, labels = rng.standard_normal((60, 4)), rng.integers(0, 3, 60)
    net = cr.Network([4, 3], output="softmax", l2=0.1, seed=1)
    W = torch.zeros((3, 4), dtype=torch.float64, requires_grad=True)
    b = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    chosen = torch.optim.LBFGS(
        [W, b],
        max_iter=500,
        tolerance_grad=1e-12,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Any:
        chosen.zero_grad()
        z = torch.nn.functional.linear(torch.tensor(X), W, b)
        J = torch.nn.functional.cross_entropy(z, torch.tensor(labels)) + 0.05 * W.square().sum()
        J.backward()
        return J

    minimum = chosen.step(closure)
    # Below 1e-8 the decrease that a step promises is less than the last bit of J.
    history = net.fit(X, labels, optimizer="lbfgs", tolerance=1e-8, epochs=500)
    assert history.stop is not None
    assert history.stop.reason == "gradient"
    assert net.J(X, labels) == pytest.approx(closure().item(), rel=1e-12)
    assert net.J(X, labels) <= minimum.item()
    np.testing.assert_allclose(net.W[1], W.detach().numpy(), atol=1e-7)
    # b is fixed up to a constant that softmax does not see.
    theirs = b.detach().numpy()
    np.testing.assert_allclose(net.b[1] - net.b[1].mean(), theirs - theirs.mean(), atol=1e-7)
