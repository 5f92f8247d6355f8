"""Indices: the cases kept apart."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gallery.doors import kernel, pair, tensor
from gallery.gather import F, conv_back, convolution
from gallery.record import Gallery

gallery = Gallery("gather and scatter")


@gallery.wrong("tensorflow/tensorflow#4886", "x", "overwr|add|window|overlap|columns|entries")
def overlapping_windows_overwritten(rng):
    """Windows of 3 at a step of 2: entries in two of them have two gradients."""
    R = rng.normal(size=(4, 3))
    at = np.arange(3) + 2 * np.arange(4)[:, None]

    def gradient(p):
        d = np.zeros(9)
        d[at] = R * np.cos(p["x"][at])
        return {"x": d}

    return pair(lambda p: (R * np.sin(p["x"][at])).sum(), gradient, {"x": rng.normal(size=9)})


@gallery.wrong("f-dangel/backpack#30", "x", "turned|flip|order")
def kernel_not_turned_round(rng):
    """Convolved with w in both passes: the backward pass takes w turned round."""

    def backward(g, x, w):
        _, dw = conv_back(g, x, w, padding=1)
        return F.conv1d(g, w.transpose(0, 1), padding=1), dw

    return kernel(
        lambda x, w: convolution(x, w, padding=1), backward, tensor(rng, 2, 3, 8),
        tensor(rng, 3, 3, 3),
    )  # fmt: skip


@gallery.wrong("NervanaSystems/neon#111", "x", "channel|slices|axis 1|index")
def one_depth_of_the_gradient_written(rng):
    """The index of the loop over depths is that of another loop."""

    def backward(g, x, w):
        dx, dw = conv_back(g, x, w)
        lost = torch.zeros_like(dx)
        lost[:, 0] = dx[:, 0]
        return lost, dw

    return kernel(convolution, backward, tensor(rng, 2, 3, 8), tensor(rng, 4, 3, 3))


@gallery.wrong("PaddlePaddle/Paddle#50997", "x", "turned|reverse|order|cumul|running")
def running_sum_backwards_in_the_same_direction(rng):
    return kernel(lambda x: x.cumsum(1), lambda g, x: g.cumsum(1), tensor(rng, 4, 6))


@gallery.right("Theano/Theano#5404", decided=False)
def tied_maxima_with_half_for_each(rng):
    x = rng.normal(size=(4, 3))
    x[:, 2] = x[:, 0]

    def gradient(p):
        top = p["x"] == p["x"].max(1, keepdims=True)
        return {"x": top / top.sum(1, keepdims=True)}

    return pair(lambda p: p["x"].max(1).sum(), gradient, {"x": x})


@gallery.right("pytorch/pytorch#23925", decided=False)
def sampling_exactly_on_the_grid(rng):
    """At whole coordinates the slope jumps: either side's is right."""
    v = rng.normal(size=6)

    def value(x):
        i = np.minimum(np.floor(x), 4).astype(int)
        return v[i] + (x - i) * (v[i + 1] - v[i])

    def gradient(p):
        i = np.minimum(np.floor(p["x"]), 4).astype(int)
        return {"x": v[i + 1] - v[i]}

    return pair(lambda p: value(p["x"]).sum(), gradient, {"x": np.array([1.0, 2.3, 3.0, 0.4])})
