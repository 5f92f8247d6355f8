"""The gallery's other half: gradients that are right, and awkward to check.

Near kinks and exactly on them, dead units, saturation, parameters of 1e-6 to 1e6 in float32, zero
gradients, dropout, tied values: in networks of this library and in code of one's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from broken import F, sigmoid

import chainrule as cr
from chainrule.gradcheck import check_gradients, check_layer


@dataclass(frozen=True)
class Right:
    id: str
    run: Callable[[int], Any]
    # Whether every seed must be decided: where rounding swamps the gradient it may stay open.
    decided: bool = True


def net_case(
    name, sizes=(4, 6, 3), m=7, change=None, decided=True, weights=False, y=None, X=None, **kw
):
    def run(seed):
        rng = np.random.default_rng(seed)
        net = cr.Network(list(sizes), seed=seed, **kw)
        inputs = rng.normal(size=(m, sizes[0])) if X is None else X(rng, m, sizes[0])
        if y is not None:
            targets = y(rng, m, sizes[-1], net, inputs)
        elif net.cost.name == "cross_entropy":
            targets = rng.integers(0, sizes[-1], m)
        elif net.cost.name in ("logistic", "poisson"):
            targets = rng.integers(0, 2, (m, sizes[-1]))
        else:
            targets = rng.normal(size=(m, sizes[-1]))
        for W, b in zip(net.W[1:], net.b[1:], strict=True):
            b[...] = rng.normal(size=b.shape) * 0.1
            if change is not None:
                change(rng, W, b)
        w = rng.uniform(0, 2, m) * (rng.random(m) > 0.3) if weights else None
        if w is not None:
            w[0] = 1.0
        return check_gradients(net, inputs, targets, w, seed=seed, progress=False)

    return Right(f"net-{name}", run, decided)


def zero_biases(rng, W, b):
    b[...] = 0


def scaled(k):
    def change(rng, W, b):
        W *= k
        b *= k

    return change


def dead(rng, W, b):
    b[: len(b) // 2] = -100.0


def dead_all(rng, W, b):
    if len(b) == 6:
        b[...] = -100.0


def ladder(rng, W, b):
    W[...] = W * 10.0 ** rng.integers(-3, 4, W.shape)


def saturated(rng, W, b):
    W *= 40


def ties(rng, W, b):
    W[...] = np.round(W * 2) / 2
    b[...] = 0


def zero_row(rng, m, n):
    X = rng.normal(size=(m, n))
    X[0] = 0
    return X


def integers(rng, m, n):
    return rng.integers(-2, 3, (m, n)).astype(float)


def close(distance):
    """Inputs that put the z of the first layer at some distance of 0."""

    def X(rng, m, n):
        return rng.normal(size=(m, n)) * distance

    return X


def predicted(rng, m, n, net, X):
    return net.predict(X)


def nearly(gap):
    def y(rng, m, n, net, X):
        return net.predict(X) + gap * rng.choice([-1, 1], (m, n))

    return y


def unit_gap(rng, m, n, net, X):
    return net.predict(X) + rng.choice([-1, 1], (m, n)) * (1 + 1e-9 * rng.normal(size=(m, n)))


KINKED = ("relu", "leaky_relu", "elu(2)", "selu")
SMOOTH = ("sigmoid", "tanh", "softplus", "softsign", "gelu", "silu", "softmax")
NETS = [
    *(net_case(f"{f}", hidden=f, output="softmax") for f in (*KINKED, *SMOOTH, "identity")),
    *(
        net_case(f"{f}-zero-biases-zero-row", hidden=f, change=zero_biases, X=zero_row)
        for f in KINKED
    ),
    *(
        net_case(f"{f}-near-{d:g}", hidden=f, change=zero_biases, X=close(d))
        for f in ("relu", "leaky_relu(0.1)")
        for d in (1e-3, 1e-6, 1e-9)
    ),
    *(
        net_case(f"relu-ties-{c}", hidden="relu", cost=c, change=ties, X=integers)
        for c in ("squared_error", "absolute_error", "huber")
    ),
    *(
        net_case(f"{c}-tied", cost=c, y=predicted, hidden="tanh")
        for c in ("absolute_error", "quantile(0.3)", "huber")
    ),
    *(
        net_case(f"{c}-near-{g:g}", cost=c, y=nearly(g), hidden="relu")
        for c in ("absolute_error", "quantile(0.9)")
        for g in (1e-3, 1e-9)
    ),
    net_case("huber-at-delta", cost="huber", y=unit_gap, hidden="tanh"),
    net_case("squared-perfect", y=predicted, hidden="tanh"),
    net_case("dead-half", hidden="relu", change=dead),
    net_case("dead-all", hidden="relu", change=dead_all),
    net_case("dead-all-deep", sizes=(4, 6, 6, 3), hidden="relu", change=dead_all, output="softmax"),
    net_case(
        "saturated-sigmoid", hidden="sigmoid", output="sigmoid", change=saturated, decided=False
    ),
    net_case("saturated-tanh", hidden="tanh", output="softmax", change=saturated, decided=False),
    net_case(
        "saturated-output", hidden="identity", output="sigmoid", change=saturated, decided=False
    ),
    *(
        net_case(f"float32-{k:g}", hidden=f, change=scaled(k), dtype="float32", decided=False)
        for k, f in ((1e-6, "relu"), (1e-3, "tanh"), (1e3, "relu"), (1e6, "relu"), (1e6, "tanh"))
    ),
    net_case("float32-mixed", hidden="relu", change=ladder, dtype="float32", decided=False),
    net_case("dropout", hidden="relu", output="softmax", dropout=0.5),
    net_case(
        "dropout-everywhere", sizes=(4, 5, 5, 3), hidden=["tanh", "relu"], dropout=[0.2, 0.5, 0.5]
    ),
    net_case("penalties", hidden="relu", output="sigmoid", l1=0.1, l2=0.3),
    net_case("l1-at-zero", hidden="tanh", l1=0.5, change=lambda rng, W, b: W.__setitem__(0, 0.0)),
    net_case("weights", hidden="relu", weights=True, output="softmax"),
    net_case("poisson", hidden="tanh", output="exp"),
    net_case("poisson-softplus", hidden="relu", output="softplus", cost="poisson"),
    net_case("softmax-logistic", hidden="relu", output="softmax", cost="logistic"),
    net_case("one-sample", m=1, hidden="relu"),
    net_case("linear-only", sizes=(4, 3), cost="huber(0.1)"),
]


def pair_case(name, cost, gradient, parameters, decided=True, **settings):
    def run(seed):
        rng = np.random.default_rng(seed)
        p = parameters(rng)
        data = rng.normal(size=(5, 3))
        return check_gradients(
            lambda p: cost(p, data),
            lambda p: gradient(p, data),
            p,
            seed=seed,
            progress=False,
            **settings,
        )

    return Right(f"pair-{name}", run, decided)


def relu_cost(p, X):
    return float(np.sum(np.maximum(X @ p["w"] + p["b"], 0)))


def relu_gradient(p, X):
    on = (X @ p["w"] + p["b"] > 0) * 1.0
    return {"w": X.T @ on, "b": np.array([on.sum()])}


def at_kink(gap):
    """Parameters that put the first sample's z within ``gap`` of 0."""

    def run(seed):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(5, 3))
        w = rng.normal(size=3)
        b = np.array([-X[0] @ w + gap * rng.choice([-1, 1])])

        def cost(p):
            z = X @ p["w"] + p["b"]
            return {"loss": np.maximum(z, 0).sum(), "z": z}

        return check_gradients(
            cost, relu_gradient({"w": w, "b": b}, X), {"w": w, "b": b}, seed=seed, progress=False
        )

    return Right(f"pair-relu-kink-{gap:g}", run, gap >= 1e-9)


def float32_case(k, inside):
    def run(seed):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(6, 4)).astype(np.float32)
        y = rng.normal(size=6).astype(np.float32)
        w = (k * rng.normal(size=4)).astype(np.float32)
        short = np.float32 if inside else np.float64

        def cost(p):
            z = X.astype(short) @ p["w"].astype(short)
            return np.mean((z - y.astype(short)) ** 2)

        def gradient(p):
            z = X.astype(short) @ p["w"].astype(short)
            return {"w": 2 * X.T.astype(short) @ (z - y.astype(short)) / short(len(y))}

        return check_gradients(cost, gradient, {"w": w}, seed=seed, progress=False)

    return Right(f"pair-float32-{'inside' if inside else 'given'}-{k:g}", run, not inside)


PAIRS = [
    pair_case(
        "relu",
        relu_cost,
        relu_gradient,
        lambda rng: {"w": rng.normal(size=3), "b": rng.normal(size=1)},
    ),
    *(at_kink(gap) for gap in (1e-2, 1e-4, 1e-6, 1e-8, 1e-12)),
    pair_case(
        "dead",
        relu_cost,
        relu_gradient,
        lambda rng: {"w": rng.normal(size=3), "b": np.array([-50.0])},
    ),
    pair_case(
        "abs",
        lambda p, X: float(np.abs(X @ p).sum()),
        lambda p, X: X.T @ np.sign(X @ p),
        lambda rng: rng.normal(size=3),
    ),
    pair_case(
        "abs-tiny",
        lambda p, X: float(np.abs(X @ p).sum()),
        lambda p, X: X.T @ np.sign(X @ p),
        lambda rng: 1e-7 * rng.normal(size=3),
    ),
    pair_case(
        "max",
        lambda p, X: float(np.max(X @ p)),
        lambda p, X: X[np.argmax(X @ p)],
        lambda rng: rng.normal(size=3),
    ),
    pair_case(
        "saturated",
        lambda p, X: float(sigmoid(X @ p + 30).sum()),
        lambda p, X: X.T @ F["sigmoid"][1](X @ p + 30),
        lambda rng: rng.normal(size=3),
        decided=False,
    ),
    pair_case(
        "zero",
        lambda p, X: float(np.sum(p["used"] ** 2)),
        lambda p, X: {"used": 2 * p["used"], "not used": np.zeros(3)},
        lambda rng: {"used": rng.normal(size=2), "not used": rng.normal(size=3)},
    ),
    pair_case(
        "at-minimum",
        lambda p, X: float(np.sum(p**4)),
        lambda p, X: 4 * p**3,
        lambda rng: np.zeros(3),
        decided=False,
    ),
    pair_case(
        "steep",
        lambda p, X: float(np.sum(np.exp(20 * p))),
        lambda p, X: 20 * np.exp(20 * p),
        lambda rng: rng.normal(size=3),
    ),
    pair_case(
        "fast-sine",
        lambda p, X: float(np.sum(np.sin(1e3 * p))),
        lambda p, X: 1e3 * np.cos(1e3 * p),
        lambda rng: rng.normal(size=3),
    ),
    pair_case(
        "offset",
        lambda p, X: 1e6 + float(np.sum(p**2)),
        lambda p, X: 2 * p,
        lambda rng: rng.normal(size=3),
        decided=False,
    ),
    pair_case(
        "scales",
        lambda p, X: float(np.sum((p / [1e-6, 1.0, 1e6]) ** 2)),
        lambda p, X: 2 * p / np.array([1e-6, 1.0, 1e6]) ** 2,
        lambda rng: rng.normal(size=3) * [1e-6, 1.0, 1e6],
    ),
    pair_case(
        "scalar",
        lambda p, X: p["k"] ** 2,
        lambda p, X: {"k": 2 * p["k"]},
        lambda rng: {"k": rng.normal()},
    ),
    pair_case(
        "nested",
        lambda p, X: float(np.sum(p[0][0] ** 2) + np.sum(np.tanh(p[1][0]))),
        lambda p, X: [[2 * p[0][0]], [1 - np.tanh(p[1][0]) ** 2]],
        lambda rng: [[rng.normal(size=(2, 1))], [rng.normal(size=(2, 2))]],
    ),
    *(float32_case(k, inside) for k in (1e-6, 1.0, 1e6) for inside in (False, True)),
]


def layer_case(f, scale=1.0):
    def run(seed):
        rng = np.random.default_rng(seed)

        def forward(a_prev, W, b):
            return cr.forward(a_prev, W, b, f)

        def backward(da, z, a, a_prev, W):
            return cr.backward(da, z, a, a_prev, W, f)

        a_prev, W, b = rng.normal(size=(5, 4)), scale * rng.normal(size=(3, 4)), rng.normal(size=3)
        return check_layer(forward, backward, a_prev, W, b, seed=seed, progress=False)

    return Right(f"layer-{f}-{scale:g}", run, scale < 30)


CONTRACT = [
    layer_case(f, scale)
    for f in ("relu", "leaky_relu", "elu(2)", "tanh", "sigmoid", "softmax")
    for scale in (1.0, 50.0)
]

AWKWARD = NETS + PAIRS + CONTRACT
