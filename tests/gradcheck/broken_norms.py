"""The gallery's normalisations, with terms and factors missing: of the argument, and in a network.

Batch, layer and RMS norm by hand, as in ``broken_terms``, which holds their form.
"""

from __future__ import annotations

import numpy as np
from broken import F
from broken_terms import right_case, term_case

EPS = 1e-5


# ------------------------------------------------- normalisations of the argument


def normal(v, axis, ddof=0, centre=True):
    c = v - v.mean(axis=axis, keepdims=True) if centre else v
    count = v.shape[axis] - ddof
    sigma = np.sqrt((c * c).sum(axis=axis, keepdims=True) / count + EPS)
    return c / sigma, sigma


def back(dvh, vh, sigma, axis, lacks=(), ddof=0):
    """The right backward of ``normal``, without the terms named."""
    count = vh.shape[axis]
    dv = dvh.copy()
    if "mean" not in lacks:
        dv -= dvh.mean(axis=axis, keepdims=True)
    if "variance" not in lacks:
        dv -= vh * (dvh * vh).sum(axis=axis, keepdims=True) / (count - ddof)
    return dv / sigma


def norm_argument(lacks=(), axis=0, centre=True, shape=(8, 4), wrong=None, gain=False):
    """J = sum of tanh(xh * g + b) R; ``wrong(dxh, x, xh, sigma, g)`` is the broken gradient of x"""

    def make(rng):
        R = rng.normal(size=shape)
        width = shape[1] if len(shape) > 1 else shape[0]
        p = {
            "x": rng.normal(size=shape) * rng.uniform(0.5, 2, size=shape[-1]) + 1.0,
            "g": rng.uniform(0.5, 2, width),
            "b": rng.normal(size=width),
        }

        def cost(p):
            xh, _ = normal(p["x"], axis, centre=centre)
            return float((np.tanh(xh * p["g"] + p["b"]) * R).sum())

        def gradients(p, broken):
            xh, sigma = normal(p["x"], axis, centre=centre)
            dy = R * F["tanh"][1](xh * p["g"] + p["b"])
            rest = ("mean",) if not centre else ()
            dx = back(dy * p["g"], xh, sigma, axis, rest)
            if broken and wrong is not None:
                dx = wrong(dy, p["x"], xh, sigma, p["g"])
            elif broken:
                dx = back(dy * p["g"], xh, sigma, axis, (*rest, *lacks))
            first = (dy * xh, dy) if len(shape) == 1 else ((dy * xh).sum(0), dy.sum(0))
            return {"x": dx, "g": first[0], "b": first[1]}

        return cost, gradients, p, {}

    return make


def less_one(dy, x, xh, sigma, g):
    xh, sigma = normal(x, 0, ddof=1)
    return back(dy * g, xh, sigma, 0)


def variance_by_m(dy, x, xh, sigma, g):
    """The variance's term is 1 % off, as where 1/m stands for 1/(m - 1): no matter of precision."""
    return back(dy * g, xh, sigma, 0) + 0.01 * xh * (dy * g * xh).mean(0) / sigma


def images(dy_lacks):
    """Batch norm of images (N, C, H, W)."""

    def make(rng):
        x, R = rng.normal(size=(2, 3, 2, 3)) + 0.5, rng.normal(size=(2, 3, 2, 3))
        axes = (0, 2, 3)

        def parts(x):
            c = x - x.mean(axes, keepdims=True)
            sigma = np.sqrt((c * c).mean(axes, keepdims=True) + EPS)
            return c / sigma, sigma

        def gradients(p, broken):
            xh, sigma = parts(p["x"])
            dxh = R * F["sigmoid"][1](xh)
            dx = dxh - dxh.mean(axes, keepdims=True)
            if not broken or dy_lacks != "variance":
                dx = dx - xh * (dxh * xh).mean(axes, keepdims=True)
            if broken and dy_lacks == "mean":
                dx = dx + dxh.mean(axes, keepdims=True)
            return {"x": dx / sigma}

        return (
            lambda p: float((F["sigmoid"][0](parts(p["x"])[0]) * R).sum()),
            gradients,
            {"x": x},
            {},
        )

    return make


# ------------------------------------------------- a normalisation inside a network


def norm_network(lacks, in_out=True, bias=True, m=9, p=6, n=5, axis=0):
    """z1 = X W1 + b1, a norm over this axis, tanh, W2, squared error."""

    def make(rng):
        X, y = rng.normal(size=(m, p)) + 0.3, rng.normal(size=(m, 2))
        params = {
            "W1": rng.normal(size=(p, n) if in_out else (n, p)),
            "b1": rng.normal(size=n),
            "W2": rng.normal(size=(n, 2)),
            "b2": rng.normal(size=2),
        }
        if not bias:
            del params["b1"]

        def forward(q):
            W = q["W1"] if in_out else q["W1"].T
            z1 = X @ W + q.get("b1", 0)
            zh, sigma = normal(z1, axis)
            a1 = np.tanh(zh)
            return zh, sigma, a1, a1 @ q["W2"] + q["b2"]

        def cost(q):
            return ((forward(q)[3] - y) ** 2).sum() / 2 / m

        def gradients(q, broken):
            zh, sigma, a1, a2 = forward(q)
            dz2 = (a2 - y) / m
            dzh = dz2 @ q["W2"].T * (1 - a1**2)
            dz1 = back(dzh, zh, sigma, axis, lacks if broken else ())
            dW1 = X.T @ dz1
            g = {"W1": dW1 if in_out else dW1.T, "W2": a1.T @ dz2, "b2": dz2.sum(0)}
            return g | {"b1": dz1.sum(0)} if bias else g

        return cost, gradients, params, {"X": X, "y": y}

    return make


MEAN, VARIANCE = ("mean",), ("variance",)
BOTH = (*MEAN, *VARIANCE)
M, V, B = (f"normalisation's {k}" for k in ("mean", "variance", "mean and variance"))

BROKEN_NORMS = [
    term_case(M, norm_argument(MEAN), note="batch mean"),
    term_case(V, norm_argument(VARIANCE), note="batch variance"),
    term_case(B, norm_argument(BOTH), note="batch both"),
    term_case(M, norm_argument(MEAN, axis=1, shape=(4, 6)), note="layer mean"),
    term_case(V, norm_argument(VARIANCE, axis=1, shape=(4, 6)), note="layer variance"),
    term_case(B, norm_argument(BOTH, axis=1, shape=(4, 6)), note="layer both"),
    term_case(B, norm_argument(BOTH, axis=0, shape=(12,)), note="vector both"),
    term_case(M, images("mean"), note="images mean"),
    term_case(V, images("variance"), note="images variance"),
    term_case(
        "normalisation's size",
        norm_argument(VARIANCE, axis=1, centre=False, shape=(4, 6)),
        note="rms",
    ),
    term_case("1/m against 1/(m - 1)", norm_argument(wrong=less_one), note="less one"),
    term_case(
        "1/m against 1/(m - 1)", norm_argument(wrong=less_one, shape=(60, 4)), note="less one of 60"
    ),
    term_case(V, norm_argument(wrong=variance_by_m), note="batch slightly"),
    term_case(
        "1/sigma missing",
        norm_argument(wrong=lambda dy, x, xh, s, g: back(dy * g, xh, s, 0) * s),
        note="sigma",
    ),
    term_case(
        "1/sigma twice",
        norm_argument(wrong=lambda dy, x, xh, s, g: back(dy * g, xh, s, 0) / s),
        note="sigma twice",
    ),
    term_case(
        "g missing", norm_argument(wrong=lambda dy, x, xh, s, g: back(dy, xh, s, 0)), note="gain"
    ),
    term_case(M, norm_network(MEAN), "W1", note="network mean"),
    term_case(V, norm_network(VARIANCE), "W1", note="network variance"),
    term_case(B, norm_network(BOTH), "W1", note="network both"),
    term_case(B, norm_network(BOTH, in_out=False, bias=False), "W1", note="network turned"),
    term_case(M, norm_network(MEAN, axis=1), "W1", note="network layer mean"),
    term_case(V, norm_network(VARIANCE, axis=1), "W1", note="network layer variance"),
    term_case(B, norm_network(BOTH, axis=1, in_out=False), "W1", note="network layer both"),
]

RIGHT_NORMS = [
    right_case("batch", norm_argument()),
    right_case("layer", norm_argument(axis=1, shape=(4, 6))),
    right_case("rms", norm_argument(axis=1, shape=(4, 6), centre=False)),
    right_case("images", images("")),
    right_case("network", norm_network(())),
    right_case("network-turned", norm_network((), in_out=False)),
    right_case("network-layer", norm_network((), axis=1)),
]
