"""Indices: gather and scatter, pooling, padding, windows, permutations, convolutions."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gallery.doors import kernel, pair, tensor
from gallery.record import Gallery

gallery = Gallery("gather and scatter")
F = torch.nn.functional


@gallery.wrong("ByteDance-Seed/Triton-distributed#185", "x", "row|one|index")
def every_row_to_row_0(rng):
    index = torch.tensor([2, 0, 4, 1])

    def backward(g, x):
        d = torch.zeros_like(x)
        d[0] = g.sum(0)
        return d

    return kernel(lambda x: x[index], backward, tensor(rng, 5, 3))


@gallery.wrong("huggingface/candle#2337", "x", "index|order|permut|shift")
def permutation_for_its_inverse(rng):
    order = torch.tensor([2, 0, 3, 1, 4])
    return kernel(lambda x: x[order].tanh(), lambda g, x: (g * (1 - x[order].tanh() ** 2))[order],
                  tensor(rng, 5, 3))  # fmt: skip


@gallery.wrong("pytorch/pytorch#146299", "x", "overwr|add|rows")
def scatter_overwritten(rng):
    index = torch.tensor([0, 2, 2, 1, 2, 0])

    def backward(g, x):
        d = torch.zeros_like(x)
        d[index] = g
        return d

    return kernel(lambda x: x[index], backward, tensor(rng, 5, 3))


@gallery.wrong("tensorflow/tensorflow#51682", "x", "padding|row|0 throughout|does not depend|mask")
def padding_row_with_a_gradient(rng):
    """Row 0 stands for padding and is not read."""
    index = np.array([1, 0, 3, 2, 0])
    R = rng.normal(size=(5, 3))
    live = (index > 0)[:, None]

    def gradient(p):
        d = np.zeros((4, 3))
        np.add.at(d, index, R * np.cos(p["x"][index]))
        return {"x": d}

    return pair(
        lambda p: (R * live * np.sin(p["x"][index])).sum(), gradient, {"x": rng.normal(size=(4, 3))}
    )


@gallery.wrong("Theano/Theano#5404", "shift", "tie|max|kink|share|twice")
def both_maxima_get_all(rng):
    """Two equal columns: the maximum of a row moves by one of them, or by half of each."""
    x = rng.normal(size=(5, 3))
    x[:, 2] = x[:, 0]

    def J(p):
        both = p["x"] + p["shift"]
        return (both.max(1) ** 2).sum() / 2

    def gradient(p):
        both = p["x"] + p["shift"]
        top = both.max(1, keepdims=True)
        d = top * (both == top)
        return {"x": d, "shift": d.sum(0)[:1] + d.sum(0)[1:].sum()}

    return pair(J, gradient, {"x": x, "shift": np.zeros(1)})


@gallery.wrong("pytorch/pytorch#51430", "x", "max|index|place|pool|entries|order")
def pool_to_the_first_of_its_window(rng):
    def gradient(p):
        top = p["x"].reshape(4, 3).max(1)
        d = np.zeros((4, 3))
        d[:, 0] = np.cos(top)
        return {"x": d.ravel()}

    return pair(
        lambda p: np.sin(p["x"].reshape(4, 3).max(1)).sum(), gradient, {"x": rng.normal(size=12)}
    )


@gallery.wrong("tenstorrent/tt-metal#6232", "x", r"factor|1/|mean|window|3 ×")
def average_pool_without_its_size(rng):
    R = rng.normal(size=4)
    return pair(
        lambda p: R @ np.sin(p["x"].reshape(4, 3).mean(1)),
        lambda p: {"x": np.repeat(R * np.cos(p["x"].reshape(4, 3).mean(1)), 3)},
        {"x": rng.normal(size=12)},
    )


def convolution(x, w, stride=1, padding=0):
    return F.conv1d(x, w, stride=stride, padding=padding)


def conv_back(g, x, w, stride=1, padding=0):
    dx = torch.nn.grad.conv1d_input(x.shape, w, g, stride, padding)
    return dx, torch.nn.grad.conv1d_weight(x, w.shape, g, stride, padding)


@gallery.wrong("Kulbear/deep-learning-coursera#34", "x", "stride|index|order|entries|columns")
def stride_missing_in_the_backward_pass(rng):
    def backward(g, x, w):
        _, dw = conv_back(g, x, w, 2)
        d = torch.nn.grad.conv1d_input((2, 3, 6), w, g, 1)
        return F.pad(d, (0, 3)), dw

    return kernel(
        lambda x, w: convolution(x, w, 2), backward, tensor(rng, 2, 3, 9), tensor(rng, 4, 3, 3)
    )


@gallery.wrong("FlagOpen/FlagGems#1576", "w", "group|slices|half|rows")
def second_group_without_a_gradient(rng):
    def forward(x, w):
        return F.conv1d(x, w, groups=2)

    def backward(g, x, w):
        dx = torch.nn.grad.conv1d_input(x.shape, w, g, groups=2)
        dw = torch.nn.grad.conv1d_weight(x, w.shape, g, groups=2)
        dw[2:] = dw[:2]
        return dx, dw

    return kernel(forward, backward, tensor(rng, 2, 4, 8), tensor(rng, 4, 2, 3))


@gallery.wrong("amaas/stanford_dl_ex#17", "b", "mean|factor|sum|1/")
def bias_averaged_over_positions(rng):
    def forward(x, w, b):
        return F.conv1d(x, w, b)

    return kernel(
        forward,
        lambda g, x, w, b: (*conv_back(g, x, w), g.mean(2).sum(0)),
        tensor(rng, 2, 3, 8), tensor(rng, 4, 3, 3), tensor(rng, 4),
    )  # fmt: skip


@gallery.wrong("ooples/AiDotNet.Tensors#80", "x", "shift")
def roll_in_the_same_direction(rng):
    return kernel(lambda x: x.roll(2, 1), lambda g, x: g.roll(2, 1), tensor(rng, 4, 7))


@gallery.wrong("tensorflow/tensorflow#51682", "x", "shift|order|columns|pad")
def padding_cut_from_the_wrong_side(rng):
    return kernel(lambda x: F.pad(x, (2, 1)), lambda g, x: g[:, 1:-2] * 1.0, tensor(rng, 4, 6))


@gallery.wrong("pytorch/pytorch#80204", "x", "order|sort|permut")
def sorted_gradient_left_sorted(rng):
    return kernel(
        lambda x: x.sort(1).values * torch.arange(6.0),
        lambda g, x: g * torch.arange(6.0),
        tensor(rng, 4, 6),
    )


@gallery.wrong("pytorch/pytorch#80204", "x", "factor|count|rows|mean|each row")
def segment_mean_as_a_sum(rng):
    at = torch.tensor([0, 0, 1, 1, 1, 2])
    count = torch.bincount(at).float()[:, None]

    def forward(x):
        return torch.zeros(3, 4).to(x).index_add(0, at, x) / count

    return kernel(forward, lambda g, x: g[at], tensor(rng, 6, 4))


@gallery.wrong("pytorch/pytorch#23925", "x", "border|clamp|clip|mask|kink|last|entries")
def sampling_beyond_the_border(rng):
    """Coordinates beyond the border are clipped: their gradient is 0."""
    v = rng.normal(size=6)

    def value(x):
        x = np.clip(x, 0, 4.999)
        i = np.floor(x).astype(int)
        return v[i] + (x - i) * (v[i + 1] - v[i])

    def gradient(p):
        i = np.floor(np.clip(p["x"], 0, 4.999)).astype(int)
        return {"x": v[i + 1] - v[i]}

    x = np.array([0.3, 1.7, -0.8, 3.4, 6.2, 2.5, -2.0, 4.4]) + 0.05 * rng.random(8)
    return pair(lambda p: value(p["x"]).sum(), gradient, {"x": x})


# ------------------------------------------------------------------ right


@gallery.right("pytorch/pytorch#146299")
def rows_read_never_and_often(rng):
    index = torch.tensor([0, 2, 2, 1, 2, 0])
    return kernel(
        lambda x: x[index],
        lambda g, x: torch.zeros_like(x).index_add_(0, index, g),
        tensor(rng, 6, 3),
        calls=True,
    )


@gallery.right("FlagOpen/FlagGems#6032")
def median_of_an_odd_row(rng):
    def backward(g, x):
        return torch.zeros_like(x).scatter_(1, x.median(1, keepdim=True).indices, g[:, None])

    return kernel(lambda x: x.median(1).values, backward, tensor(rng, 4, 7))


@gallery.right("tensorflow/tensorflow#4886")
def windows_that_overlap(rng):
    R = rng.normal(size=(4, 3))
    at = np.arange(3) + 2 * np.arange(4)[:, None]

    def gradient(p):
        d = np.zeros(9)
        np.add.at(d, at, R * np.cos(p["x"][at]))
        return {"x": d}

    return pair(lambda p: (R * np.sin(p["x"][at])).sum(), gradient, {"x": rng.normal(size=9)})


@gallery.right("f-dangel/backpack#30")
def strided_convolution_that_leaves_a_column(rng):
    """Eight columns, windows of 3 at a step of 3: the last two are read never."""
    return kernel(
        lambda x, w: convolution(x, w, 3),
        lambda g, x, w: conv_back(g, x, w, 3),
        tensor(rng, 2, 3, 8), tensor(rng, 4, 3, 3),
    )  # fmt: skip


@gallery.right("pytorch/pytorch#51430")
def pool_over_a_plateau_below_the_maximum(rng):
    x = np.zeros((4, 3))
    x[:, 1] = rng.uniform(1, 2, 4)

    def gradient(p):
        return {
            "x": np.cos(p["x"].max(1, keepdims=True)) * (p["x"] == p["x"].max(1, keepdims=True))
        }

    return pair(lambda p: np.sin(p["x"].max(1)).sum(), gradient, {"x": x})
