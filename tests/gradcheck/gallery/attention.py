"""Attention: scales, masks, groups of heads, caps, dropout, the second output."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gallery.doors import kernel, tensor
from gallery.record import Gallery

gallery = Gallery("attention")
T, D = 6, 4


def qkv(rng, heads=2, dtype="float32"):
    return tuple(tensor(rng, heads, T, D, dtype=dtype) for _ in range(3))


def parts(q, k, v, mask=None, bias=0.0):
    s = q @ k.mT * D**-0.5 + bias
    if mask is not None:
        s = s.masked_fill(~mask, -torch.inf)
    return s, s.softmax(-1)


def back(g, q, k, v, p, scale=D**-0.5):
    dp = g @ v.mT
    ds = p * (dp - (p * dp).sum(-1, keepdim=True))
    return ds @ k * scale, ds.mT @ q * scale, p.mT @ g


def plain(q, k, v):
    return parts(q, k, v)[1] @ v


@gallery.wrong("Relaxed-System-Lab/Flash-Sparse-Attention#203", "v", "causal|mask|rows")
def mask_off_by_one_in_dv(rng):
    causal = torch.ones(T, T).tril().bool()

    def backward(g, q, k, v):
        p = parts(q, k, v, causal)[1]
        dq, dk, _ = back(g, q, k, v, p)
        return dq, dk, p.tril(-1).mT @ g

    return kernel(lambda q, k, v: parts(q, k, v, causal)[1] @ v, backward, *qkv(rng))


@gallery.wrong("NX-AI/mlstm_kernels#16", "k", r"√d|scale|factor|2 ×")
def scale_missing_in_one_of_two(rng):
    def backward(g, q, k, v):
        dq, dk, dv = back(g, q, k, v, parts(q, k, v)[1])
        return dq, dk * D**0.5, dv

    return kernel(plain, backward, *qkv(rng))


@gallery.wrong("fla-org/native-sparse-attention#27", "k, v", "head|group|slices|rows|axis 0")
def groups_of_heads_interleaved(rng):
    """Four query heads, two key heads: repeat in the backward pass, repeat_interleave forwards."""
    q = tensor(rng, 4, T, D)
    k, v = tensor(rng, 2, T, D), tensor(rng, 2, T, D)

    def forward(q, k, v):
        return plain(q, k.repeat_interleave(2, 0), v.repeat_interleave(2, 0))

    def backward(g, q, k, v):
        kk, vv = k.repeat_interleave(2, 0), v.repeat_interleave(2, 0)
        dq, dk, dv = back(g, q, kk, vv, parts(q, kk, vv)[1])
        return dq, dk.view(2, 2, T, D).sum(0), dv.view(2, 2, T, D).sum(0)

    return kernel(forward, backward, q, k, v)


@gallery.wrong("fla-org/native-sparse-attention#27", "k, v", "head|group|slices|once|half")
def one_query_head_of_each_group(rng):
    """The last query head overwrites those before: k and v get the gradient of one of two."""
    q, k, v = tensor(rng, 4, T, D), tensor(rng, 2, T, D), tensor(rng, 2, T, D)

    def forward(q, k, v):
        return plain(q, k.repeat_interleave(2, 0), v.repeat_interleave(2, 0))

    def backward(g, q, k, v):
        kk, vv = k.repeat_interleave(2, 0), v.repeat_interleave(2, 0)
        dq, dk, dv = back(g, q, kk, vv, parts(q, kk, vv)[1])
        return dq, dk[1::2], dv[1::2]

    return kernel(forward, backward, q, k, v)


@gallery.wrong("evintunador/triton_docs_tutorials#6", "q, k", "precision short|bits|TF32")
def products_of_ten_bits(rng):
    """TF32 in the backward pass alone: factors of a product rounded to ten bits."""

    def short(x):
        return (x.view(torch.int32) & ~0x1FFF).view(torch.float32)

    def backward(g, q, k, v):
        p = parts(q, k, v)[1]
        dp = g @ v.mT
        ds = p * (dp - (p * dp).sum(-1, keepdim=True))
        dq = short(ds.contiguous()) @ short(k.contiguous())
        return dq / D**0.5, short(ds.mT.contiguous()) @ short(q.contiguous()) / D**0.5, p.mT @ g

    return kernel(plain, backward, *qkv(rng))


@gallery.wrong("triton-lang/triton#7216", "q, k", "softmax")
def row_sum_of_the_scores_and_not_of_the_outputs(rng):
    """D = sum p, which is 1, in the place of sum p dp."""

    def backward(g, q, k, v):
        p = parts(q, k, v)[1]
        ds = p * (g @ v.mT - p.sum(-1, keepdim=True))
        return ds @ k * D**-0.5, ds.mT @ q * D**-0.5, p.mT @ g

    return kernel(plain, backward, *qkv(rng))


@gallery.wrong("Dao-AILab/flash-attention#355", "q, k", "output 1|second output|log")
def log_of_the_sum_without_a_gradient(rng):
    """The second output, logsumexp, has a gradient too."""

    def forward(q, k, v):
        s, p = parts(q, k, v)
        return p @ v, s.logsumexp(-1)

    def backward(g, q, k, v):
        return back(g[0], q, k, v, parts(q, k, v)[1])

    return kernel(forward, backward, *qkv(rng), calls=True)


@gallery.wrong("state-spaces/mamba#1023", "v", "factor|1.25|×|mask")
def dropout_without_its_scale_in_dv(rng):
    keep = torch.tensor(rng.random((T, T)) > 0.2).float()

    def forward(q, k, v):
        return (parts(q, k, v)[1] * keep / 0.8) @ v

    def backward(g, q, k, v):
        p = parts(q, k, v)[1]
        dp = g @ v.mT * keep / 0.8
        ds = p * (dp - (p * dp).sum(-1, keepdim=True))
        return ds @ k * D**-0.5, ds.mT @ q * D**-0.5, (p * keep).mT @ g

    return kernel(forward, backward, *qkv(rng))


@gallery.wrong("pytorch/pytorch#1787", "bias", "not summed|first|sum|batch|broadcast|one row")
def bias_of_all_heads_from_the_first(rng):
    """A bias of the scores shared by the heads: its gradient is a sum over them."""

    def forward(q, k, v, bias):
        return parts(q, k, v, bias=bias)[1] @ v

    def backward(g, q, k, v, bias):
        p = parts(q, k, v, bias=bias)[1]
        dp = g @ v.mT
        return *back(g, q, k, v, p), (p * (dp - (p * dp).sum(-1, keepdim=True)))[0]

    return kernel(forward, backward, *qkv(rng), tensor(rng, T, T))


# ------------------------------------------------------------------ right


@gallery.right("Dao-AILab/flash-attention#355")
def attention_in_bfloat16(rng):
    def forward(q, k, v):
        return plain(q.float(), k.float(), v.float()).to(q.dtype)

    def backward(g, *inputs):
        wide = [x.float() for x in inputs]
        grads = back(g.float(), *wide, parts(*wide)[1])
        return tuple(d.to(g.dtype) for d in grads)

    return kernel(forward, backward, *qkv(rng, dtype="bfloat16"), reference=plain)


@gallery.right("intel/torch-xpu-ops#5887")
def attention_by_blocks_with_a_running_maximum(rng):
    def forward(q, k, v):
        m, total, out = torch.full((2, T, 1), -torch.inf), torch.zeros(2, T, 1), 0 * q
        for i in range(0, T, 2):
            s = q @ k[:, i : i + 2].mT * D**-0.5
            top = torch.maximum(m, s.amax(-1, keepdim=True))
            e, old = (s - top).exp(), (m - top).exp()
            out = out * old + e @ v[:, i : i + 2]
            total, m = total * old + e.sum(-1, keepdim=True), top
        return out / total

    return kernel(
        forward, lambda g, q, k, v: back(g, q, k, v, parts(q, k, v)[1]), *qkv(rng), reference=plain
    )


@gallery.right("NX-AI/mlstm_kernels#16")
def first_row_of_a_causal_mask(rng):
    """One position sees itself alone: its gradients of q are 0."""
    causal = torch.ones(T, T).tril().bool()
    return kernel(
        lambda q, k, v: parts(q, k, v, causal)[1] @ v,
        lambda g, q, k, v: back(g, q, k, v, parts(q, k, v, causal)[1]),
        *qkv(rng),
        calls=True,
    )


@gallery.right("huggingface/candle#3591")
def rotary_whose_tables_need_no_gradient(rng):
    angle = torch.tensor(np.arange(T)[:, None] / [1, 2]).float()

    def turned(x, c, s):
        a, b = x.chunk(2, -1)
        return torch.cat([a * c - b * s, b * c + a * s], -1)

    x = tensor(rng, 2, T, D).requires_grad_()
    return kernel(
        turned, lambda g, x, c, s: (turned(g, c, -s), None, None), x, angle.cos(), angle.sin()
    )
