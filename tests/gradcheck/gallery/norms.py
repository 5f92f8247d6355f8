"""Batch, layer, group and RMS norms: terms, factors and sizes of the normaliser."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gallery.doors import kernel, pair, tensor
from gallery.record import Gallery

gallery = Gallery("norms")
EPS = 1e-5


def rms(x):
    return torch.rsqrt((x * x).mean(-1, keepdim=True) + EPS)


def rms_norm(x, w):
    return x * rms(x) * w


def rms_back(g, x, w):
    xh, gw = x * rms(x), g * w
    return rms(x) * (gw - xh * (gw * xh).mean(-1, keepdim=True)), (g * xh).sum(0)


def gain(rng, n):
    return 1 + tensor(rng, n, scale=0.4)


@gallery.wrong("karpathy/llm.c#763", "x", r"\bw\b|weight")
def rms_norm_without_its_weight(rng):
    def backward(g, x, w):
        return rms_back(g, x, torch.ones_like(w))

    return kernel(rms_norm, backward, tensor(rng, 6, 8), gain(rng, 8))


@gallery.wrong("unslothai/unsloth#4533", "w", "None|left out|missing")
def rms_norm_whose_weight_has_no_gradient(rng):
    return kernel(
        rms_norm, lambda g, x, w: (rms_back(g, x, w)[0], None), tensor(rng, 6, 8), gain(rng, 8)
    )


@gallery.wrong("Dao-AILab/quack#53", "x", "size|root mean square|RMS")
def mean_over_a_padded_row(rng):
    """Rows of 12 numbers in blocks of 16: the mean of the backward pass divides by 16."""

    def backward(g, x, w):
        xh, gw = x * rms(x), g * w
        return rms(x) * (gw - xh * (gw * xh).sum(-1, keepdim=True) / 16), (g * xh).sum(0)

    return kernel(rms_norm, backward, tensor(rng, 6, 12), gain(rng, 12))


@gallery.wrong("state-spaces/mamba#547", "x", "group|size|root mean square")
def group_size_ignored(rng):
    """Normalised in two groups of columns, differentiated as one."""

    def forward(x, w):
        return rms_norm(x.view(6, 2, 4), torch.ones(4)).view(6, 8) * w

    def backward(g, x, w):
        r = rms(x.view(6, 2, 4)).expand(6, 2, 4).reshape(6, 8)
        xh, gw = x * r, g * w
        return r * (gw - xh * (gw * xh).mean(-1, keepdim=True)), (g * xh).sum(0)

    return kernel(forward, backward, tensor(rng, 6, 8), gain(rng, 8))


@gallery.wrong("tenstorrent/tt-metal#56202", "w", r"last|rows|block|factor")
def weight_summed_over_whole_blocks_of_rows(rng):
    def backward(g, x, w):
        dx, _ = rms_back(g, x, w)
        return dx, (g * x * rms(x))[:4].sum(0)

    return kernel(rms_norm, backward, tensor(rng, 6, 8), gain(rng, 8))


def layer_norm(x, w, b):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], w, b, EPS)


def layer_back(g, x, w, b):
    r = torch.rsqrt(x.var(-1, unbiased=False, keepdim=True) + EPS)
    xh, gw = (x - x.mean(-1, keepdim=True)) * r, g * w
    inner = gw - gw.mean(-1, keepdim=True) - xh * (gw * xh).mean(-1, keepdim=True)
    return r * inner, (g * xh).sum(0), g.sum(0)


@gallery.wrong("dame-cell/Triformer#2", "w, b", "mean|1/m|samples")
def affine_gradients_averaged(rng):
    def backward(g, x, w, b):
        dx, dw, db = layer_back(g, x, w, b)
        return dx, dw / len(x), db / len(x)

    return kernel(layer_norm, backward, tensor(rng, 6, 8), gain(rng, 8), tensor(rng, 8))


def batch_pair(rng, wrong, m=7):
    """J = sum R tanh(batch norm of x); ``wrong(dxh, x, xh, sigma)``."""
    R = rng.normal(size=(m, 3))

    def parts(x):
        sigma = np.sqrt(x.var(0) + EPS)
        return (x - x.mean(0)) / sigma, sigma

    def gradient(p):
        xh, sigma = parts(p["x"])
        return {"x": wrong(R * (1 - np.tanh(xh) ** 2), p["x"], xh, sigma)}

    x = rng.normal(size=(m, 3)) * rng.uniform(0.5, 2, 3) + 1
    return pair(lambda p: (R * np.tanh(parts(p["x"])[0])).sum(), gradient, {"x": x})


@gallery.wrong("denizyuret/Knet.jl#288", "x", "variance")
def batch_norm_without_its_variance(rng):
    return batch_pair(rng, lambda d, x, xh, s: (d - d.mean(0)) / s)


@gallery.wrong("facebookresearch/CrypTen#143", "x", "mean and.*variance")
def batch_norm_in_the_mode_of_evaluation(rng):
    return batch_pair(rng, lambda d, x, xh, s: d / s)


@gallery.wrong("sony/nnabla#379", "x", r"m - 1")
def variance_of_m_less_one(rng):
    def wrong(d, x, xh, s):
        s = np.sqrt(x.var(0, ddof=1) + EPS)
        xh = (x - x.mean(0)) / s
        return (d - d.mean(0) - xh * (d * xh).sum(0) / (len(x) - 1)) / s

    return batch_pair(rng, wrong)


@gallery.wrong("pjreddie/darknet#1723", "x", "sigma")
def divided_by_the_variance(rng):
    return batch_pair(rng, lambda d, x, xh, s: (d - d.mean(0) - xh * (d * xh).mean(0)) / s**2)


@gallery.wrong("luhaofang/tripletloss#7", "x", "size|norm|[Ll]2")
def unit_vectors_without_the_projection(rng):
    """x / |x| by rows; the layer passes the gradient on, divided by |x|."""
    y, R = rng.normal(size=(5, 4)), rng.uniform(0.5, 2, 5)

    def unit(x):
        return x / np.sqrt((x * x).sum(-1, keepdims=True))

    def J(p):
        return (R[:, None] * (unit(p["x"]) - y) ** 2).sum()

    def gradient(p):
        x = p["x"]
        return {"x": 2 * R[:, None] * (unit(x) - y) / np.sqrt((x * x).sum(-1, keepdims=True))}

    return pair(J, gradient, {"x": rng.normal(size=(5, 4))})


# ------------------------------------------------------------------ right


@gallery.right("pjreddie/darknet#1723")
def variance_term_by_its_two_sums(rng):
    def right(d, x, xh, s):
        m = len(x)
        return (m * d - d.sum(0) - xh * (d * xh).sum(0)) / (m * s)

    return batch_pair(rng, right)


@gallery.right("BVLC/caffe#2312")
def column_that_is_constant(rng):
    """A column of variance 0: 1/sigma is 316."""
    R = rng.normal(size=(6, 3))
    x = rng.normal(size=(6, 3))
    x[:, 1] = 0.7

    def parts(x):
        sigma = np.sqrt(x.var(0) + EPS)
        return (x - x.mean(0)) / sigma, sigma

    def gradient(p):
        xh, s = parts(p["x"])
        d = R * (1 - np.tanh(xh) ** 2)
        return {"x": (d - d.mean(0) - xh * (d * xh).mean(0)) / s}

    return pair(lambda p: (R * np.tanh(parts(p["x"])[0])).sum(), gradient, {"x": x})


@gallery.right("linkedin/Liger-Kernel#950")
def layer_norm_in_bfloat16(rng):
    inputs = [tensor(rng, 12, 32, dtype="bfloat16"), gain(rng, 32).bfloat16()]

    def backward(g, x, w, b):
        wide = layer_back(g.float(), x.float(), w.float(), b.float())
        return tuple(d.bfloat16() for d in wide)

    def forward(x, w, b):
        return layer_norm(x.float(), w.float(), b.float()).to(x.dtype)

    return kernel(forward, backward, *inputs, inputs[1] - 1, reference=layer_norm)


@gallery.right("sgl-project/sglang#35795")
def rms_norm_in_float16(rng):
    def backward(g, x, w):
        return tuple(d.half() for d in rms_back(g.float(), x.float(), w.float()))

    x, w = tensor(rng, 12, 32, dtype="float16"), gain(rng, 32).half()
    return kernel(
        lambda x, w: rms_norm(x.float(), w.float()).half(), backward, x, w, reference=rms_norm
    )


@gallery.right("openai/guided-diffusion#111")
def group_norm_of_one_channel_a_group(rng):
    def forward(x):
        return torch.nn.functional.group_norm(x, 3, eps=EPS)

    def backward(g, x):
        d = layer_back(g, x, torch.ones(x.shape[-1]), torch.zeros(x.shape[-1]))
        return d[0]

    return kernel(forward, backward, tensor(rng, 2, 3, 9))


def unit_pair(rng, eps, wrong):
    """J = sum R sin(x / (|x| + eps)) by rows; ``wrong(d, x, n)`` with n = |x|."""
    R = rng.normal(size=(5, 4))

    def parts(x):
        n = np.sqrt((x * x).sum(1, keepdims=True))
        return x / (n + eps), n

    def gradient(p):
        u, n = parts(p["x"])
        return {"x": wrong(R * np.cos(u), p["x"], n)}

    return pair(
        lambda p: (R * np.sin(parts(p["x"])[0])).sum(), gradient, {"x": rng.normal(size=(5, 4))}
    )


@gallery.wrong("chainer/chainer#4190", "x", "size|norm|eps")
def unit_vectors_whose_eps_is_forgotten_in_one_term(rng):
    def wrong(d, x, n):
        return d / (n + 0.5) - x * (d * x).sum(1, keepdims=True) / n**3

    return unit_pair(rng, 0.5, wrong)


@gallery.right("chainer/chainer#4190")
def unit_vectors_with_a_large_eps(rng):
    def right(d, x, n):
        return d / (n + 0.5) - x * (d * x).sum(1, keepdims=True) / (n * (n + 0.5) ** 2)

    return unit_pair(rng, 0.5, right)


@gallery.right("zhreshold/mxnet-ssd#48")
def unit_vectors_divided_once(rng):
    """The thread asks for another division, which the output already holds."""

    def right(d, x, n):
        u = x / n
        return (d - u * (d * u).sum(1, keepdims=True)) / n

    return unit_pair(rng, 0.0, right)


@gallery.right("pytorch/pytorch#188375")
def layer_norm_of_one_entry(rng):
    """One entry is its own mean: the output is the bias, and w has no gradient."""
    return kernel(layer_norm, layer_back, tensor(rng, 6, 1), gain(rng, 1), tensor(rng, 1))
