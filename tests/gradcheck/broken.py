"""The gallery's broken half: backward passes with one known mistake each, in four forms of code.

Every case is written by hand in its own form, as its users write it, and shares nothing with the
table of mistakes in the package. ``make(seed)`` returns what ``run`` checks; ``layer`` is the
first wrong layer going backwards, ``bug`` the diagnosis that must come first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.gradcheck import check_gradients, check_layer


@dataclass(frozen=True)
class Case:
    form: str
    bug: str
    layer: int
    run: Callable[[int], Any]
    note: str = ""
    # What the report's ``where`` must say, if not the layer.
    where: str = ""

    @property
    def id(self) -> str:
        return f"{self.form}-{self.bug}-{self.note or self.layer}".replace(" ", "_")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax_rows(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# ---------------------------------------------------------------- this library's layer contract

F = {
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "leaky": (lambda z: np.where(z > 0, z, 0.1 * z), lambda z: np.where(z > 0, 1.0, 0.1)),
    "identity": (lambda z: z, lambda z: np.ones_like(z)),
}


def layer_case(bug, f, change, note="", m=5, n=4, n_prev=4):
    """``change(da, z, a, a_prev, W, df) -> (da_prev, dW, db)`` is the broken backward."""

    def run(seed, **settings):
        rng = np.random.default_rng(seed)
        a_prev, W, b = (
            rng.normal(size=(m, n_prev)),
            rng.normal(size=(n, n_prev)),
            rng.normal(size=n),
        )
        if f == "softmax":

            def forward(a_prev, W, b):
                z = a_prev @ W.T + b
                return softmax_rows(z), z

            df = None
        else:

            def forward(a_prev, W, b):
                z = a_prev @ W.T + b
                return F[f][0](z), z

            df = F[f][1]

        def backward(da, z, a, a_prev, W):
            return change(da, z, a, a_prev, W, df)

        return check_layer(
            forward, backward, a_prev, W, b, seed=seed, progress=False, **settings
        ), {}

    return Case("layer", bug, 1, run, note or f)


def from_dz(dz, a_prev, W):
    return dz @ W, dz.T @ a_prev, dz.sum(axis=0)


def half(x):
    return np.asarray(x, np.float16).astype(float)


def only(k, new):
    """Change one of (da_prev, dW, db) of the right backward."""

    def change(da, z, a, a_prev, W, df):
        dz = da * df(z)
        found = list(from_dz(dz, a_prev, W))
        found[k] = new(dz, a_prev, W)
        return tuple(found)

    return change


def dz_is(new):
    return lambda da, z, a, a_prev, W, df: from_dz(new(da, z, a, df), a_prev, W)


LAYERS = [
    layer_case("f' missing", "tanh", dz_is(lambda da, z, a, df: da)),
    layer_case("f' missing", "relu", dz_is(lambda da, z, a, df: da)),
    layer_case("f' at a instead of z", "tanh", dz_is(lambda da, z, a, df: da * df(a))),
    layer_case("f' at a instead of z", "sigmoid", dz_is(lambda da, z, a, df: da * z * (1 - z))),
    layer_case("sign", "sigmoid", dz_is(lambda da, z, a, df: -da * df(z))),
    layer_case("factor 2", "tanh", dz_is(lambda da, z, a, df: 2 * da * df(z))),
    layer_case("doubled 1/m", "tanh", dz_is(lambda da, z, a, df: da * df(z) / len(da))),
    layer_case("upstream squared", "tanh", dz_is(lambda da, z, a, df: da**2 * df(z))),
    layer_case("upstream left out", "sigmoid", dz_is(lambda da, z, a, df: df(z))),
    layer_case("one row for all", "tanh", dz_is(lambda da, z, a, df: da[:1] * df(z))),
    layer_case("stale z", "tanh", dz_is(lambda da, z, a, df: da * df(np.roll(z, 1, axis=0)))),
    layer_case("stale z", "sigmoid", dz_is(lambda da, z, a, df: da * df(z * 0.7 + 0.4)), "changed"),
    layer_case(
        "softmax treated as elementwise", "softmax", dz_is(lambda da, z, a, df: da * a * (1 - a))
    ),
    layer_case("W transposed", "tanh", only(0, lambda dz, a_prev, W: dz @ W.T)),
    layer_case("dW transposed", "relu", only(1, lambda dz, a_prev, W: a_prev.T @ dz)),
    layer_case("bias averaged", "tanh", only(2, lambda dz, a_prev, W: dz.mean(axis=0))),
    layer_case(
        "bias summed over the wrong axis",
        "tanh",
        only(2, lambda dz, a_prev, W: dz.sum(axis=1)),
        m=4,
    ),
    layer_case("bias not summed", "tanh", only(2, lambda dz, a_prev, W: dz[-1])),
    layer_case(
        "wrong slope on a kink's wrong side", "relu", dz_is(lambda da, z, a, df: da * (z < 0))
    ),
    layer_case(
        "wrong slope on a kink's wrong side", "leaky", dz_is(lambda da, z, a, df: da * (z > 0))
    ),
    layer_case(
        "precision only",
        "tanh",
        lambda da, z, a, a_prev, W, df: tuple(map(half, from_dz(da * df(z), a_prev, W))),
    ),
]


# ---------------------------------------------------------------- the notes' fprop and bprop


def notes_case(bug, layer, hidden="sigmoid", output="logistic", change=None, m=6, lam=0.0, note=""):
    """Columns are samples. ``change(step)`` is called between the steps of bprop to break one."""

    def run(seed, **settings):
        rng = np.random.default_rng(seed)
        n = 4
        params = {
            "W1": rng.normal(size=(n, n)),
            "b1": rng.normal(size=(n, 1)),
            "W2": rng.normal(size=(n, n)),
            "b2": rng.normal(size=(n, 1)),
            "W3": rng.normal(size=(3, n)),
            "b3": rng.normal(size=(3, 1)),
        }
        x = rng.normal(size=(n, m))
        f, df = F[hidden]
        if output in ("softmax", "softmax_squared"):
            y = np.eye(3)[:, rng.integers(0, 3, m)]
        else:
            y = rng.integers(0, 2, (3, m)).astype(float)

        def fprop(params):
            W1, b1, W2, b2, W3, b3 = [params[k] for k in ("W1", "b1", "W2", "b2", "W3", "b3")]
            z1 = np.dot(W1, x) + b1
            a1 = f(z1)
            z2 = np.dot(W2, a1) + b2
            a2 = f(z2)
            z3 = np.dot(W3, a2) + b3
            if output in ("softmax", "softmax_squared"):
                a3 = softmax_rows(z3.T).T
            elif output == "linear":
                a3 = z3
            else:
                a3 = sigmoid(z3)
            if output == "logistic":
                loss = -(y * np.log(a3) + (1 - y) * np.log(1 - a3)).sum() / m
            elif output == "softmax":
                loss = -(y * np.log(a3)).sum() / m
            else:
                loss = ((a3 - y) ** 2).sum() / 2 / m
            loss += lam / 2 * sum((W**2).sum() for W in (W1, W2, W3))
            return {
                "x": x,
                "y": y,
                "z1": z1,
                "a1": a1,
                "z2": z2,
                "a2": a2,
                "z3": z3,
                "a3": a3,
                "loss": loss,
                **params,
            }

        def bprop(c, broken=True):
            def hook(name, value, **kw):
                return change.get(name, lambda v, c, **kw: v)(value, c, **kw) if broken else value

            if output in ("logistic", "softmax", "linear"):
                dz3 = (c["a3"] - y) / m
            elif output == "softmax_squared":
                da3 = (c["a3"] - y) / m
                dz3 = c["a3"] * (da3 - (da3 * c["a3"]).sum(axis=0))
            else:
                dz3 = (c["a3"] - y) / m * c["a3"] * (1 - c["a3"])
            dz3 = hook("dz3", dz3)
            dW3 = hook("dW3", np.dot(dz3, c["a2"].T))
            db3 = hook("db3", dz3.sum(axis=1, keepdims=True), dz=dz3)
            da2 = hook("da2", np.dot(c["W3"].T, dz3), dz=dz3)
            dz2 = hook("dz2", da2 * df(c["z2"]), da=da2)
            dW2 = hook("dW2", np.dot(dz2, c["a1"].T))
            db2 = hook("db2", dz2.sum(axis=1, keepdims=True), dz=dz2)
            da1 = hook("da1", np.dot(c["W2"].T, dz2), dz=dz2)
            dz1 = hook("dz1", da1 * df(c["z1"]), da=da1)
            dW1 = hook("dW1", np.dot(dz1, x.T))
            db1 = hook("db1", dz1.sum(axis=1, keepdims=True), dz=dz1)
            g = {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}
            for k in ("W1", "W2", "W3"):
                g[k] = g[k] + lam * params[k]
            return hook("all", g)

        report = check_gradients(fprop, bprop, params, seed=seed, progress=False, **settings)
        return report, bprop(fprop(params), broken=False)

    return Case("notes", bug, layer, run, note or hidden)


def penalty_off(g, c):
    lam = 0.3
    return {k: v - lam * c[k] if k.startswith("W") else v for k, v in g.items()}


def penalty_on_biases(g, c):
    return {k: v + 0.3 * c[k] if k.startswith("b") else v for k, v in g.items()}


NOTES = [
    notes_case("missing 1/m", 3, change={"dz3": lambda v, c: v * v.shape[1]}),
    notes_case("doubled 1/m", 3, change={"dz3": lambda v, c: v / v.shape[1]}),
    notes_case("target not subtracted", 3, change={"dz3": lambda v, c: c["a3"] / v.shape[1]}),
    notes_case("mean over outputs", 3, change={"dz3": lambda v, c: v / 3}),
    notes_case("factor 2", 3, change={"dz3": lambda v, c: 2 * v}),
    notes_case("sign", 3, change={"dz3": lambda v, c: -v}),
    notes_case("sign", 2, change={"dz2": lambda v, c, da: -v}, note="hidden"),
    notes_case("f' missing", 2, change={"dz2": lambda v, c, da: da}),
    notes_case("f' missing", 1, change={"dz1": lambda v, c, da: da}, hidden="tanh"),
    notes_case(
        "f' at a instead of z", 2, change={"dz2": lambda v, c, da: da * F["sigmoid"][1](c["a2"])}
    ),
    notes_case(
        "f' at a instead of z",
        1,
        change={"dz1": lambda v, c, da: da * F["tanh"][1](c["a1"])},
        hidden="tanh",
    ),
    notes_case("stale z", 2, change={"dz2": lambda v, c, da: da * F["sigmoid"][1](c["z1"])}),
    notes_case(
        "stale z",
        1,
        change={"dz1": lambda v, c, da: da * F["tanh"][1](c["z1"] - 0.5 * c["z2"])},
        hidden="tanh",
        note="changed",
    ),
    notes_case("W transposed", 2, change={"da1": lambda v, c, dz: np.dot(c["W2"], dz)}),
    notes_case("dW transposed", 2, change={"dW2": lambda v, c: v.T}),
    notes_case("dW transposed", 1, change={"dW1": lambda v, c: v.T}, hidden="relu"),
    notes_case("bias not summed", 2, change={"db2": lambda v, c, dz: dz[:, :1]}),
    notes_case("bias averaged", 3, change={"db3": lambda v, c, dz: dz.mean(axis=1, keepdims=True)}),
    notes_case(
        "bias summed over the wrong axis",
        1,
        m=4,
        change={"db1": lambda v, c, dz: dz.sum(axis=0, keepdims=True).T},
    ),
    notes_case("penalty missing", 3, lam=0.3, change={"all": penalty_off}),
    notes_case("penalty on biases", 3, lam=0.3, change={"all": penalty_on_biases}),
    notes_case(
        "a - y with the wrong cost",
        3,
        output="sigmoid_squared",
        change={"dz3": lambda v, c: (c["a3"] - c["y"]) / v.shape[1]},
    ),
    notes_case(
        "a - y with the wrong cost",
        3,
        output="softmax_squared",
        change={"dz3": lambda v, c: (c["a3"] - c["y"]) / v.shape[1]},
        note="softmax",
    ),
    notes_case(
        "softmax treated as elementwise",
        3,
        output="softmax_squared",
        change={"dz3": lambda v, c: (c["a3"] - c["y"]) / v.shape[1] * c["a3"] * (1 - c["a3"])},
    ),
    notes_case(
        "wrong slope on a kink's wrong side",
        2,
        hidden="relu",
        change={"dz2": lambda v, c, da: da * (c["z2"] < 0)},
    ),
    notes_case(
        "wrong slope on a kink's wrong side",
        1,
        hidden="leaky",
        change={"dz1": lambda v, c, da: da * np.where(c["z1"] > 0, 1, 0.2)},
    ),
    notes_case(
        "precision only", 3, change={"all": lambda g, c: {k: half(v) for k, v in g.items()}}
    ),
]


# --------------------------------------------- Nielsen's lists, one sample at a time


def nielsen_case(
    bug, layer, change, sizes=(4, 4, 4), lam=0.0, hidden="sigmoid", cost="squared", note="", m=5
):
    """Nielsen's network.py: lists of biases and weights, columns, backprop for each (x, y)."""

    def run(seed, **settings):
        rng = np.random.default_rng(seed)
        biases = [rng.normal(size=(n, 1)) for n in sizes[1:]]
        weights = [rng.normal(size=(n, p)) for p, n in pairwise(sizes)]
        data = [
            (rng.normal(size=(sizes[0], 1)), rng.integers(0, 2, (sizes[-1], 1)) * 1.0)
            for _ in range(m)
        ]
        f, df = F[hidden]

        def feedforward(biases, weights, x):
            a, zs, activations = x, [], [x]
            for k, (b, w) in enumerate(zip(biases, weights, strict=True)):
                z = np.dot(w, a) + b
                a = f(z) if k < len(weights) - 1 else sigmoid(z)
                zs.append(z)
                activations.append(a)
            return zs, activations

        def total(params):
            biases, weights = params
            J = 0.0
            for x, y in data:
                a = feedforward(biases, weights, x)[1][-1]
                if cost == "squared":
                    J += 0.5 * np.linalg.norm(a - y) ** 2
                else:
                    J += -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a))
            return J / m + lam / 2 * sum(np.linalg.norm(w) ** 2 for w in weights)

        def gradient(params, broken=True):
            biases, weights = params

            def hook(name, value, *rest):
                return change[name](value, *rest) if broken and name in change else value

            nabla_b = [np.zeros(b.shape) for b in biases]
            nabla_w = [np.zeros(w.shape) for w in weights]
            for x, y in data:
                zs, acts = feedforward(biases, weights, x)
                delta = acts[-1] - y
                if cost == "squared":
                    delta = delta * F["sigmoid"][1](zs[-1])
                delta = hook("top", delta, zs, acts, y)
                nabla_b[-1] = hook("db", nabla_b[-1] + delta, delta)
                nabla_w[-1] += hook("dw_top", np.dot(delta, acts[-2].T))
                for l in range(2, len(sizes)):
                    delta = hook("da", np.dot(weights[-l + 1].T, delta), weights[-l + 1], delta)
                    delta = hook("dz", delta * df(zs[-l]), delta, zs, acts, l)
                    nabla_b[-l] = hook("db_hidden", nabla_b[-l] + delta, delta)
                    nabla_w[-l] += hook("dw", np.dot(delta, acts[-l - 1].T))
            nabla_b = [nb / m for nb in nabla_b]
            nabla_w = [nw / m + lam * w for nw, w in zip(nabla_w, weights, strict=True)]
            return hook("all", [nabla_b, nabla_w], biases, weights)

        X, Y = [x for x, _ in data], [y for _, y in data]
        report = check_gradients(
            total, gradient, [biases, weights], X=X, y=Y, seed=seed, progress=False, **settings
        )
        right = gradient([biases, weights], broken=False)
        return report, {
            f"parameters[{i}][{k}]": g for i, gs in enumerate(right) for k, g in enumerate(gs)
        }

    return Case("nielsen", bug, layer, run, note or hidden)


def scaled(k):
    return {"all": lambda g, b, w: [[k * x for x in gs] for gs in g]}


NIELSEN = [
    nielsen_case("missing 1/m", 2, scaled(5)),
    nielsen_case("doubled 1/m", 2, scaled(1 / 5)),
    nielsen_case("factor 2", 2, scaled(2)),
    nielsen_case("sign", 2, scaled(-1)),
    nielsen_case("f' missing", 1, {"dz": lambda v, d, zs, acts, l: d}),
    nielsen_case(
        "f' missing",
        2,
        {"dz": lambda v, d, zs, acts, l: d},
        sizes=(4, 4, 4, 3),
        hidden="tanh",
        note="both",
    ),
    nielsen_case(
        "f' at a instead of z", 1, {"dz": lambda v, d, zs, acts, l: d * F["sigmoid"][1](acts[-l])}
    ),
    nielsen_case(
        "f' at a instead of z",
        1,
        {"dz": lambda v, d, zs, acts, l: d * (1 - zs[-l] ** 2)},
        hidden="tanh",
    ),
    nielsen_case("stale z", 1, {"dz": lambda v, d, zs, acts, l: d * F["sigmoid"][1](zs[-l + 1])}),
    nielsen_case("W transposed", 2, {"da": lambda v, w, d: np.dot(w, d)}),
    nielsen_case("dW transposed", 1, {"dw": lambda v: v.T}),
    nielsen_case("bias not summed", 2, {"db": lambda v, d: d}),
    nielsen_case("bias averaged", 2, {"all": lambda g, b, w: [[g[0][0], g[0][1] / 5], g[1]]}),
    nielsen_case(
        "bias summed over the wrong axis",
        2,
        {"all": lambda g, b, w: [[g[0][0], np.full((4, 1), g[0][1].sum())], g[1]]},
    ),
    nielsen_case(
        "penalty missing",
        2,
        {"all": lambda g, b, w: [g[0], [x - 0.2 * p for x, p in zip(g[1], w, strict=True)]]},
        lam=0.2,
    ),
    nielsen_case(
        "penalty on biases",
        2,
        {"all": lambda g, b, w: [[x + 0.2 * p for x, p in zip(g[0], b, strict=True)], g[1]]},
        lam=0.2,
    ),
    nielsen_case(
        "a - y with the wrong cost",
        2,
        {"top": lambda v, zs, acts, y: acts[-1] - y},
        note="squared",
        hidden="tanh",
    ),
    nielsen_case(
        "wrong slope on a kink's wrong side",
        1,
        {"dz": lambda v, d, zs, acts, l: d * (zs[-l] < 0)},
        hidden="relu",
    ),
    nielsen_case("precision only", 2, {"all": lambda g, b, w: [[half(x) for x in gs] for gs in g]}),
]

BROKEN = LAYERS + NOTES + NIELSEN
