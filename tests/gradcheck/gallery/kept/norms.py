"""Batch, layer, group and RMS norms: the cases kept apart."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gallery.doors import kernel, pair, tensor
from gallery.norms import EPS, gain, layer_back, layer_norm
from gallery.record import Gallery

gallery = Gallery("norms")


@gallery.wrong("tenstorrent/tt-metal#53204", "x", "mean")
def mean_subtracted_twice(rng):
    def backward(g, x, w, b):
        dx, dw, db = layer_back(g, x, w, b)
        r = torch.rsqrt(x.var(-1, unbiased=False, keepdim=True) + EPS)
        return dx - r * (g * w).mean(-1, keepdim=True), dw, db

    return kernel(layer_norm, backward, tensor(rng, 6, 8), gain(rng, 8), tensor(rng, 8))


@gallery.wrong("deepspeedai/DeepSpeed#692", "w", r"\bx\b|normalised|x - mean|1/sigma|sigma")
def weight_gradient_by_the_raw_input(rng):
    def backward(g, x, w, b):
        dx, _, db = layer_back(g, x, w, b)
        return dx, (g * x).sum(0), db

    return kernel(layer_norm, backward, tensor(rng, 6, 8), gain(rng, 8), tensor(rng, 8))


@gallery.wrong("happynear/caffe-windows#265", "x", "size|norm|projection|v/\\|v\\|")
def weight_norm_without_the_direction(rng):
    """w = s v / |v|: the gradient of v lacks the part along v."""
    R = rng.normal(size=6)

    def gradient(p):
        n = np.linalg.norm(p["x"])
        d = R * np.cos(p["s"] * p["x"] / n)
        return {"x": p["s"] * d / n, "s": np.array([d @ p["x"] / n])}

    p = {"x": rng.normal(size=6), "s": np.array([rng.uniform(1, 2)])}
    return pair(lambda p: float(R @ np.sin(p["s"] * p["x"] / np.linalg.norm(p["x"]))), gradient, p)


@gallery.right("ddbourgin/numpy-ml#27")
def gradient_of_a_bias_before_a_norm(rng):
    """A shift of all rows does nothing: its gradient is 0 within rounding."""
    X, R = rng.normal(size=(7, 3)), rng.normal(size=(7, 3))

    def parts(p):
        z = X * p["w"] + p["b"]
        s = np.sqrt(z.var(0) + EPS)
        return (z - z.mean(0)) / s, s

    def gradient(p):
        zh, s = parts(p)
        d = R * (1 - np.tanh(zh) ** 2)
        dz = (d - d.mean(0) - zh * (d * zh).mean(0)) / s
        return {"w": (dz * X).sum(0), "b": dz.sum(0)}

    p = {"w": rng.uniform(0.5, 2, 3), "b": rng.normal(size=3)}
    return pair(lambda p: (R * np.tanh(parts(p)[0])).sum(), gradient, p)
