"""The gallery's broken half where no chain of dense layers is: softmax, pointwise functions,
attention, embeddings and masks, each with one term, factor or index wrong.

A case is written as its users write it: a cost of a dictionary of parameters, and a backward pass
by hand; ``gradients(p, False)`` is the same backward pass without the mistake.
"""

from __future__ import annotations

import numpy as np
from awkward import Right
from broken import Case, F, softmax_rows

from chainrule.gradcheck import check_gradients


def term_case(bug, make, where="x", note=""):
    """``make(rng) -> (cost, gradients(p, broken), parameters, settings)``"""

    def run(seed):
        cost, gradients, p, settings = make(np.random.default_rng(seed))
        report = check_gradients(
            cost, lambda p: gradients(p, True), p, seed=seed, progress=False, **settings
        )
        # What rounding leaves of a gradient of 0 is no number to judge by.
        truths = gradients(p, False).items()
        return report, {name: g for name, g in truths if np.max(np.abs(g)) > 1e-12}

    return Case("terms", bug, 1, run, note, where)


def right_case(name, make):
    """The same backward pass as it should be."""

    def run(seed):
        cost, gradients, p, settings = make(np.random.default_rng(seed))
        return check_gradients(
            cost, lambda p: gradients(p, False), p, seed=seed, progress=False, **settings
        )

    return Right(f"terms-{name}", run)


# ------------------------------------------------- softmax and pointwise functions of the argument


def softmax_argument(wrong, log=False):
    """J = sum of R softmax(x)^2; ``wrong(da, a)``"""

    def make(rng):
        x, R = rng.normal(size=(5, 4)), rng.normal(size=(5, 4))

        def cost(p):
            a = softmax_rows(p["x"])
            return float((R * (np.log(a) if log else a**2)).sum())

        def gradients(p, broken):
            a = softmax_rows(p["x"])
            da = R / a if log else 2 * R * a
            right = a * (da - (da * a).sum(1, keepdims=True))
            return {"x": wrong(da, a) if broken else right}

        return cost, gradients, {"x": x}, {}

    return make


def pointwise(f, change, size=(6, 2)):
    """J = sum R f(x)^2; ``change(da, x, df) -> dx``"""

    def make(rng):
        x, R = rng.normal(size=size), rng.uniform(0.5, 2, size=size)
        R = R * rng.choice([-1, 1], size=size)
        # Both sides of a kink are met, and neither is near.
        x = x + 0.1 * np.sign(x)
        x = np.abs(x) * (-1.0) ** np.arange(x.size).reshape(size)
        f_, df = F[f]

        def gradients(p, broken):
            da = R * (1 + f_(p["x"]))
            return {"x": change(da, p["x"], df) if broken else da * df(p["x"])}

        return (
            lambda p: float((R * (f_(p["x"]) + f_(p["x"]) ** 2 / 2)).sum()), gradients, {"x": x}, {}
        )  # fmt: skip

    return make


# ------------------------------------------------- masks and rows


def dropped(lacks_scale):
    def make(rng):
        x, keep = rng.normal(size=(5, 4)), np.tile([True, True, False, True], (5, 1))
        keep = rng.permuted(keep, axis=1)

        def cost(p):
            return float((p["x"] ** 2 * keep / 0.75).sum()) + 1.0

        def gradients(p, broken):
            return {"x": 2 * p["x"] * ((1 if lacks_scale else 1 / 0.75) if broken else keep / 0.75)}

        return cost, gradients, {"x": x}, {}

    return make


def embedding(with_X):
    def make(rng):
        E = rng.normal(size=(7, 3))
        tokens = np.concatenate([[0, 1, 2, 3], rng.integers(0, 2, 4)])
        R = rng.normal(size=(len(tokens), 3))

        def gradients(p, broken):
            da, dE = R * (1 - np.tanh(p["E"][tokens]) ** 2), np.zeros(E.shape)
            if broken:
                dE[tokens] = da
            else:
                np.add.at(dE, tokens, da)
            return {"E": dE}

        settings = {"X": tokens} if with_X else {}
        return lambda p: float((R * np.tanh(p["E"][tokens])).sum()), gradients, {"E": E}, settings

    return make


def attention(power):
    """J = sum of R softmax(q k^T / sqrt(d)) v, its scale to another power in the backward."""

    def make(rng):
        p = {name: rng.normal(size=(5, 8)) for name in "qkv"}
        R, scale = rng.normal(size=(5, 8)), 1 / np.sqrt(8)

        def gradients(p, broken):
            a = softmax_rows(p["q"] @ p["k"].T * scale)
            da = R @ p["v"].T
            ds = a * (da - (da * a).sum(1, keepdims=True)) * scale ** (power if broken else 1)
            return {"q": ds @ p["k"], "k": ds.T @ p["q"], "v": a.T @ R}

        def cost(p):
            return float((R * (softmax_rows(p["q"] @ p["k"].T * scale) @ p["v"])).sum())

        return cost, gradients, p, {}

    return make


def weighted(rng):
    """Cross-entropy with sample weights, forgotten in the gradient."""
    z, w, y = rng.normal(size=(6, 4)), rng.uniform(0.5, 2, (6, 1)), np.eye(4)[rng.integers(0, 4, 6)]

    def gradients(p, broken):
        return {"z": (softmax_rows(p["z"]) - y) / 6 * (1 if broken else w)}

    return lambda p: -(w * y * np.log(softmax_rows(p["z"]))).sum() / 6, gradients, {"z": z}, {}


BROKEN_TERMS = [
    term_case("softmax's sum", softmax_argument(lambda da, a: a * da), note="softmax sum"),
    term_case("softmax's sum", softmax_argument(lambda da, a: a * da, log=True), note="log"),
    term_case(
        "softmax treated as elementwise",
        softmax_argument(lambda da, a: a * (1 - a) * da),
        note="softmax diagonal",
    ),
    term_case("f' missing", pointwise("tanh", lambda da, x, df: da), note="tanh"),
    term_case("f' missing", pointwise("sigmoid", lambda da, x, df: da, (4,)), note="sigmoid"),
    term_case("f' missing", pointwise("relu", lambda da, x, df: da), note="relu"),
    term_case("f' missing", pointwise("leaky", lambda da, x, df: da), note="leaky"),
    term_case("f' twice", pointwise("tanh", lambda da, x, df: da * df(x) ** 2), note="tanh"),
    term_case("f' twice", pointwise("leaky", lambda da, x, df: da * df(x) ** 2), note="leaky"),
    term_case(
        "f' at a instead of z",
        pointwise("tanh", lambda da, x, df: da * df(np.tanh(x))),
        note="tanh at a",
    ),
    term_case(
        "f' at a instead of z",
        pointwise("sigmoid", lambda da, x, df: da * x * (1 - x)),
        note="sigmoid in a",
    ),
    term_case(
        "wrong slope on a kink's wrong side",
        pointwise("leaky", lambda da, x, df: da * (x > 0)),
        note="leaky as relu",
    ),
    term_case("mask missing", dropped(False), note="dropout"),
    term_case("mask missing", dropped(True), note="dropout and scale"),
    term_case("1/√d", attention(0), "q, k", note="forgotten"),
    term_case("1/√d", attention(2), "q, k", note="twice"),
    term_case("a factor for each row", weighted, "z", note="weights"),
    term_case("rows overwritten", embedding(True), "E", note="with X"),
    term_case("whole rows", embedding(False), "E", note="without X"),
]

RIGHT_TERMS = [
    right_case("attention", attention(1)),
    right_case("softmax", softmax_argument(None)),
    right_case("pointwise", pointwise("leaky", None)),
    right_case("dropout", dropped(False)),
    right_case("embedding", embedding(True)),
]
