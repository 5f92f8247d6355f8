"""Losses: reductions, weights, masks, terms that were differentiated without another."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gallery.doors import kernel, pair, sigmoid, softmax, tensor
from gallery.record import Gallery

gallery = Gallery("losses")
F = torch.nn.functional


def labels(rng, m=6, classes=4):
    return torch.tensor(rng.integers(0, classes, m))


@gallery.wrong("unsky/focal-loss#9", "z", "factor|weight")
def class_weight_of_the_other_class(rng):
    y = np.array([0, 1, 1, 0, 1, 0, 0, 1])
    a = np.where(y == 1, 0.25, 0.75)

    def J(p):
        return (a * (np.logaddexp(0, p["z"]) - y * p["z"])).sum()

    return pair(J, lambda p: {"z": (1 - a) * (sigmoid(p["z"]) - y)}, {"z": rng.normal(size=8)})


def triplets(rng):
    a, p, n = rng.normal(size=(3, 8, 3))
    return {"a": a, "p": p, "n": n}


@gallery.wrong("luhaofang/tripletloss#56", "a, p, n", "rows|margin|mask|kink")
def triplets_beyond_the_margin_pushed_too(rng):
    def gap(p):
        return ((p["a"] - p["p"]) ** 2).sum(1) - ((p["a"] - p["n"]) ** 2).sum(1) + 1

    def gradient(p):
        a, q, n = p["a"], p["p"], p["n"]
        return {"a": 2 * (n - q), "p": 2 * (q - a), "n": 2 * (a - n)}

    return pair(lambda p: np.maximum(gap(p), 0).sum(), gradient, triplets(rng))


@gallery.wrong("BVLC/caffe#4438", "x", "1/m|mean|factor|numerical|reference")
def mean_over_all_and_not_over_those_counted(rng):
    """Two of six labels are ignored: the loss divides by 4, its gradient by 6."""
    y = labels(rng)
    y[[1, 4]] = -100

    def backward(g, x):
        d = x.softmax(-1) - F.one_hot(y.clamp(0), 4)
        d[y < 0] = 0
        return g * d / len(x)

    return kernel(lambda x: F.cross_entropy(x, y), backward, tensor(rng, 6, 4))


@gallery.wrong("linkedin/Liger-Kernel#198", "x", "rows|mask")
def ignored_labels_with_a_gradient(rng):
    y = labels(rng)
    y[[1, 4]] = -100

    def backward(g, x):
        return g * (x.softmax(-1) - F.one_hot(y.clamp(0), 4)) / 4

    return kernel(lambda x: F.cross_entropy(x, y), backward, tensor(rng, 6, 4))


@gallery.wrong("linkedin/Liger-Kernel#678", "x", "1/m|factor|6 ×|mean")
def sum_where_the_mean_is_wanted(rng):
    y = labels(rng)

    def backward(g, x):
        return g * (x.softmax(-1) - F.one_hot(y, 4))

    return kernel(lambda x: F.cross_entropy(x, y), backward, tensor(rng, 6, 4))


@gallery.wrong("y0ast/VAE-Torch#5", "logvar", "same|constant|one number|term|off by")
def half_of_the_constant_of_a_gaussian(rng):
    """d/d log s² of -log N is 1/2 - ...; the backward pass has 1/4."""
    x, w = rng.normal(size=(5, 3)), rng.uniform(0.5, 2)

    def J(p):
        v = p["logvar"]
        return w * (v / 2 + (x - p["mu"]) ** 2 / (2 * np.exp(v))).sum()

    def gradient(p):
        e = np.exp(-p["logvar"])
        r = x - p["mu"]
        return {"mu": -w * r * e, "logvar": w * (0.25 - r * r * e / 2)}

    return pair(J, gradient, {"mu": rng.normal(size=(5, 3)), "logvar": rng.normal(size=(5, 3))})


@gallery.wrong("Kaixhin/Autoencoders#9", "z", "sign")
def divergence_with_its_sign_turned(rng):
    R = rng.uniform(0.5, 1, (4, 1))

    def J(p):
        q = softmax(p["z"])
        return (R * q * (np.log(q) + np.log(5))).sum()

    def gradient(p):
        q = softmax(p["z"])
        d = R * (np.log(q) + np.log(5) + 1)
        return {"z": -q * (d - (q * d).sum(1, keepdims=True))}

    return pair(J, gradient, {"z": rng.normal(size=(4, 5))})


@gallery.wrong("pytorch/pytorch#18215", "x", "NaN|nan|not finite|rows")
def infeasible_sequence_gives_nan(rng):
    """A sample without a path costs 0; its gradient is NaN."""
    feasible = torch.tensor([True, False, True, True, True])

    def backward(g, x):
        d = x.softmax(-1) * g[:, None]
        d[~feasible] = float("nan")
        return d

    return kernel(
        lambda x: torch.where(feasible, x.logsumexp(-1), 0.0), backward, tensor(rng, 5, 4)
    )


@gallery.wrong("rwth-i6/returnn#1835", "x", "rows|mask|does not depend")
def frames_after_the_end_with_a_gradient(rng):
    mask = np.arange(6) < 4

    def J(p):
        return (np.log(np.exp(p["x"]).sum(1)) * mask).sum()

    return pair(J, lambda p: {"x": softmax(p["x"])}, {"x": rng.normal(size=(6, 4))})


@gallery.wrong("microsoft/DirectML#739", "x", "0 throughout|None|left out")
def zero_gradient_without_a_reduction(rng):
    y = labels(rng)
    return kernel(
        lambda x: F.cross_entropy(x, y, reduction="none"),
        lambda g, x: torch.zeros_like(x),
        tensor(rng, 6, 4),
    )


@gallery.wrong("linkedin/Liger-Kernel#198", "x", "smooth|target|label|one number|constant")
def label_smoothing_forgotten(rng):
    y = labels(rng)

    def backward(g, x):
        return g * (x.softmax(-1) - F.one_hot(y, 4)) / len(x)

    return kernel(lambda x: F.cross_entropy(x, y, label_smoothing=0.2), backward, tensor(rng, 6, 4))


@gallery.wrong("noahgift/aprender#2182", "x", "factor|1/m|4 ×|mean over")
def mean_over_the_classes_too(rng):
    y = labels(rng)

    def backward(g, x):
        return g * (x.softmax(-1) - F.one_hot(y, 4)) / x.numel()

    return kernel(lambda x: F.cross_entropy(x, y), backward, tensor(rng, 6, 4))


@gallery.wrong("tracel-ai/burn#181", "x, y", "sign")
def distance_with_both_arguments_pulled_alike(rng):
    R = rng.normal(size=5)

    def J(p):
        return R @ ((p["x"] - p["y"]) ** 2).sum(1)

    def gradient(p):
        d = -2 * R[:, None] * (p["x"] - p["y"])
        return {"x": d, "y": -d}

    return pair(J, gradient, {"x": rng.normal(size=(5, 3)), "y": rng.normal(size=(5, 3))})


@gallery.wrong("pytorch/pytorch#27442", "x", r"target|last|column|class")
def blank_of_another_index(rng):
    """The class that the loss leaves out is the first; the backward pass leaves out the last."""
    y = np.eye(5)[rng.integers(1, 4, 6)]

    def J(p):
        return (np.log(np.exp(p["x"]).sum(1)) - (y * p["x"]).sum(1) + p["x"][:, 0]).sum()

    def gradient(p):
        d = softmax(p["x"]) - y
        d[:, -1] += 1
        return {"x": d}

    return pair(J, gradient, {"x": rng.normal(size=(6, 5))})


# ------------------------------------------------------------------ right


@gallery.right("PaddlePaddle/Paddle#12597")
def huge_scores(rng):
    def J(p):
        z = p["z"]
        top = z.max(1)
        return (np.log(np.exp(z - top[:, None]).sum(1)) + top).sum()

    z = rng.normal(size=(4, 5)) + np.array([[1e3], [-1e3], [0], [50]])
    return pair(J, lambda p: {"z": softmax(p["z"])}, {"z": z})


@gallery.right("pytorch/pytorch#8659")
def cross_entropy_in_float32(rng):
    y = labels(rng, 16, 10)

    def backward(g, x):
        return g * (x.softmax(-1) - F.one_hot(y, 10)) / len(x)

    return kernel(lambda x: F.cross_entropy(x, y), backward, tensor(rng, 16, 10))


@gallery.right("rwth-i6/returnn#1835")
def masked_class_of_minus_infinity(rng):
    off = torch.zeros(5)
    off[2] = -torch.inf

    def backward(g, x):
        return g[:, None] * (x + off).softmax(-1)

    return kernel(lambda x: (x + off).logsumexp(-1), backward, tensor(rng, 6, 5))


@gallery.right("pytorch/pytorch#45720", decided=False)
def absolute_error_of_a_perfect_fit(rng):
    y = rng.normal(size=6)
    return pair(
        lambda p: np.abs(p["x"] - y).sum(), lambda p: {"x": np.sign(p["x"] - y)}, {"x": y.copy()}
    )


@gallery.right("luhaofang/tripletloss#56")
def triplets_of_which_some_are_beyond_the_margin(rng):
    def gap(p):
        return ((p["a"] - p["p"]) ** 2).sum(1) - ((p["a"] - p["n"]) ** 2).sum(1) + 1

    def gradient(p):
        a, q, n = p["a"], p["p"], p["n"]
        on = (gap(p) > 0)[:, None]
        return {"a": 2 * (n - q) * on, "p": 2 * (q - a) * on, "n": 2 * (a - n) * on}

    return pair(lambda p: np.maximum(gap(p), 0).sum(), gradient, triplets(rng))


@gallery.right("y0ast/VAE-Torch#5")
def gaussian_of_mixed_scales(rng):
    x = rng.normal(size=8)

    def J(p):
        v = p["logvar"]
        return (v / 2 + (x - p["mu"]) ** 2 / (2 * np.exp(v))).sum()

    def gradient(p):
        e, r = np.exp(-p["logvar"]), x - p["mu"]
        return {"mu": -r * e, "logvar": (1 - r * r * e) / 2}

    return pair(J, gradient, {"mu": x + 1e-3 * rng.normal(size=8), "logvar": np.linspace(-9, 9, 8)})
