"""Losses: the cases kept apart."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gallery.doors import pair, sigmoid, softmax
from gallery.losses import triplets
from gallery.record import Gallery

gallery = Gallery("losses")


@gallery.wrong("unsky/focal-loss#1", "z", r"\(1 - p\)|slope|term|product|one of two")
def focal_loss_without_the_slope_of_its_factor(rng):
    """(1 - p)² log p, differentiated with (1 - p)² held fixed."""

    def J(p):
        q = sigmoid(p["z"])
        return -((1 - q) ** 2 * np.log(q)).sum()

    return pair(J, lambda p: {"z": -((1 - sigmoid(p["z"])) ** 3)}, {"z": rng.normal(size=8) + 0.3})


@gallery.wrong("luhaofang/tripletloss#41", "n", "sign")
def triplets_with_the_negative_turned(rng):
    def gap(p):
        return ((p["a"] - p["p"]) ** 2).sum(1) - ((p["a"] - p["n"]) ** 2).sum(1) + 20

    def gradient(p):
        a, q, n = p["a"], p["p"], p["n"]
        return {"a": 2 * (n - q), "p": 2 * (q - a), "n": 2 * (n - a)}

    return pair(lambda p: np.maximum(gap(p), 0).sum(), gradient, triplets(rng))


@gallery.wrong("alecGraves/BVAE-tf#7", "logvar", "factor 2|2 × numerical|exp")
def sample_by_the_variance(rng):
    """z = mu + exp(logvar / 2) noise; the half is not differentiated."""
    noise, R = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))

    def z(p):
        return p["mu"] + np.exp(p["logvar"] / 2) * noise

    def gradient(p):
        d = R * np.cos(z(p))
        return {"mu": d, "logvar": d * np.exp(p["logvar"] / 2) * noise}

    p = {"mu": rng.normal(size=(5, 3)), "logvar": rng.normal(size=(5, 3))}
    return pair(lambda p: (R * np.sin(z(p))).sum(), gradient, p)


@gallery.wrong("fetchai/ledger#1580", "x", "softmax|target|sum")
def softmax_and_entropy_by_the_diagonal(rng):
    """The softmax layer below cross-entropy passes a (1 - a) da."""
    y = np.eye(4)[rng.integers(0, 4, 6)]

    def gradient(p):
        a = softmax(p["x"])
        return {"x": -y / a * a * (1 - a) / 6}

    return pair(
        lambda p: -(y * np.log(softmax(p["x"]))).sum() / 6, gradient, {"x": rng.normal(size=(6, 4))}
    )


@gallery.right("cs231n/cs231n.github.io#89", decided=False)
def hinge_exactly_at_its_margin(rng):
    """scores - correct + 1 is 0 in one place: any slope of the kink's two is right."""
    z = rng.normal(size=(4, 3))
    z[0] = [1.0, 0.0, -3.0]
    y = np.zeros(4, int)

    def margins(z):
        m = np.maximum(z - z[:, :1] + 1, 0)
        m[:, 0] = 0
        return m

    def gradient(p):
        d = (margins(p["z"]) > 0) * 1.0
        d[np.arange(4), y] = -d.sum(1)
        return {"z": d}

    return pair(lambda p: margins(p["z"]).sum(), gradient, {"z": z})


@gallery.right("microsoft/DirectML#740")
def sample_weights_of_zero(rng):
    w, y = np.array([1.0, 0, 2, 0, 0.5]), np.eye(3)[rng.integers(0, 3, 5)]

    def J(p):
        return -(w[:, None] * y * np.log(softmax(p["z"]))).sum() / w.sum()

    def gradient(p):
        return {"z": w[:, None] * (softmax(p["z"]) - y) / w.sum()}

    return pair(J, gradient, {"z": rng.normal(size=(5, 3))})
