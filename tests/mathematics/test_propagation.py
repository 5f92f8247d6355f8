"""One layer and the whole network: shapes, other array libraries, the notes' two functions."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from oracles.cases import CYCLE, PAIRS, SPECS, targets

import chainrule as cr
from chainrule.mathematics.passes import (
    Objective,
    backward_pass,
    cost_pass,
    forward_pass,
    per_sample_pass,
)


def layer(m: int = 4, n: int = 3, n_prev: int = 2) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    shapes = ((m, n_prev), (n, n_prev), (n,), (m, n))
    return tuple(rng.standard_normal(shape) for shape in shapes)


@pytest.mark.parametrize("spec", SPECS)
def test_a_layer_against_loops(spec: str) -> None:
    a_prev, W, b, da = layer()
    a, z = cr.forward(a_prev, W, b, spec)
    for i in range(4):
        for j in range(3):
            assert z[i, j] == pytest.approx(sum(W[j, k] * a_prev[i, k] for k in range(2)) + b[j])
    h = 1e-6
    _, dW, db = cr.backward(da, z, a, a_prev, W, spec)
    for j in range(3):
        up, down = (cr.forward(a_prev, W, b + s * h * np.eye(3)[j], spec)[0] for s in (1, -1))
        assert db[j] == pytest.approx((da * (up - down)).sum() / (2 * h), rel=1e-6, abs=1e-8)
        for k in range(2):
            step = h * np.outer(np.eye(3)[j], np.eye(2)[k])
            up, down = (cr.forward(a_prev, W + s * step, b, spec)[0] for s in (1, -1))
            assert dW[j, k] == pytest.approx((da * (up - down)).sum() / (2 * h), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes_and_memory_orders_stay(dtype: str) -> None:
    a_prev, W, b, da = (array.astype(dtype) for array in layer())
    plain = cr.forward(a_prev, W, b, "silu")
    turned = cr.forward(np.asfortranarray(a_prev), np.asfortranarray(W), b, "silu")
    for one, other in zip(plain, turned, strict=True):
        assert one.dtype == other.dtype == dtype
        np.testing.assert_allclose(one, other, rtol=1e-6)
    for array, shape in zip(
        cr.backward(da, plain[1], plain[0], a_prev, W, "silu"), ((4, 2), (3, 2), (3,)), strict=True
    ):
        assert (array.dtype, array.shape) == (dtype, shape)


def test_shapes_that_do_not_go_together() -> None:
    a_prev, W, b, da = layer()
    a, z = cr.forward(a_prev, W, b)
    wrong = (
        "W must be (n_l, n_{l-1}) and a_prev (m, n_{l-1}), one row a sample: not (2, 3) and (4, 2)"
    )
    with pytest.raises(ValueError, match=re.escape(wrong)):
        cr.forward(a_prev, W.T, b)
    with pytest.raises(
        ValueError, match=re.escape("b must have the shape (n_l,) = (3,), not (2,)")
    ):
        cr.forward(a_prev, W, b[:2])
    with pytest.raises(ValueError, match=re.escape("(m, n_l) = (4, 3), not (4, 2), (4, 3) and")):
        cr.backward(da[:, :2], z, a, a_prev, W)
    with pytest.raises(ValueError, match="unknown activation"):
        cr.forward(a_prev, W, b, "rely")
    with pytest.raises(ValueError, match="W must be"):
        cr.forward(a_prev[0], W, b)


def run(xp: Any, net: cr.Network, x: Any, y: Any, shares: Any) -> list[Any]:
    theta = [{name: xp(p[name]) for name in p} for p in net.parameters]
    trace = forward_pass(xp(x), net.layers, theta)
    objective = Objective(net.layers, net.cost, 0.1, 0.2)
    J = cost_pass(trace, xp(y), xp(shares), objective, theta)
    found, da, dz = backward_pass(trace, xp(y), xp(shares), objective, theta)
    each = per_sample_pass(trace, dz, net.layers)
    return [J, *da, *dz, *(g[name] for g in [*found, *each] for name in g)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("number", range(len(PAIRS)), ids=["+".join(p) for p in PAIRS])
def test_a_network_on_torch_arrays(number: int, dtype: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    output, cost = PAIRS[number]
    hidden = CYCLE[number % len(CYCLE)]
    net = cr.Network([3, 4, 2], hidden, output, cost, seed=number, dtype=dtype)
    rng = np.random.default_rng(number)
    x = rng.standard_normal((5, 3)).astype(dtype)
    y = targets(cost, (5, 2), rng).astype(dtype)
    shares = (np.arange(5) / 10).astype(dtype)
    close = {"rtol": 1e-12, "atol": 1e-13} if dtype == "float64" else {"rtol": 1e-4, "atol": 1e-5}
    ours = run(np.array, net, x, y, shares)
    theirs = run(lambda array: torch.tensor(np.array(array)), net, x, y, shares)
    for one, other in zip(ours, theirs, strict=True):
        assert str(other.dtype) == f"torch.{dtype}"
        np.testing.assert_allclose(other.numpy(), one, **close)


def test_arrays_of_two_libraries_are_refused() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    a_prev, W, b, _ = layer()
    with pytest.raises(TypeError):
        cr.forward(torch.tensor(a_prev), W, b)


def test_dropout_masks_of_a_step() -> None:
    net = cr.Network([4, 6, 5, 1], "identity", dropout=[0.2, 0.5, 0.3], seed=5)
    x = np.random.default_rng(0).standard_normal((7, 4))
    plain, one, again, next_ = (
        net.forward(x, training=training, step=step)
        for training, step in ((False, 0), (True, 3), (True, 3), (True, 4))
    )
    assert (one.y_hat == again.y_hat).all()
    assert (one.y_hat != next_.y_hat).any()
    np.testing.assert_allclose(plain.y_hat, net.predict(x), rtol=1e-13)  # that one is native
    masks = net.masks(3)
    drops = [
        masks(place, rate, (7, n)) for place, rate, n in ((0, 0.2, 4), (1, 0.5, 6), (2, 0.3, 5))
    ]
    a = x
    for l in (1, 2, 3):
        a = (a * drops[l - 1]) @ net.W[l].T + net.b[l]
    np.testing.assert_allclose(one.y_hat, a, rtol=1e-12)
    # The gradient of that trace, by central differences with the same masks.
    grads = net.backward(one, np.zeros(7))
    theta = net.theta.copy()
    for p in range(0, theta.size, 5):
        costs = []
        for h in (1e-6, -1e-6):
            net.theta[p] = theta[p] + h
            out = net.forward(x, training=True, step=3).y_hat
            costs.append(float((out**2).mean() / 2))
        net.theta[p] = theta[p]
        assert grads.dtheta[p] == pytest.approx((costs[0] - costs[1]) / 2e-6, rel=1e-5, abs=1e-8)
