"""Attention: the cases kept apart."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gallery.attention import D, T, back, parts, plain, qkv
from gallery.doors import kernel, tensor
from gallery.record import Gallery

gallery = Gallery("attention")


@gallery.wrong("triton-lang/triton#5660", "q, k", "causal|mask|softmax")
def causal_mask_in_the_forward_pass_alone(rng):
    causal = torch.ones(T, T).tril().bool()

    def backward(g, q, k, v):
        p = parts(q, k, v, causal)[1]
        dq, dk, dv = back(g, q, k, v, p)
        full = parts(q, k, v)[1]
        dq, dk, _ = back(g, q, k, v, full)
        return dq, dk, dv

    return kernel(lambda q, k, v: parts(q, k, v, causal)[1] @ v, backward, *qkv(rng))


@gallery.wrong("Dao-AILab/flash-attention#1033", "q, k", "cap|tanh|f'")
def soft_cap_without_its_slope(rng):
    """Scores through 2 tanh(s / 2)."""

    def forward(q, k, v):
        return (2 * torch.tanh(q @ k.mT * D**-0.5 / 2)).softmax(-1) @ v

    def backward(g, q, k, v):
        p = (2 * torch.tanh(q @ k.mT * D**-0.5 / 2)).softmax(-1)
        return back(g, q, k, v, p)

    return kernel(forward, backward, *qkv(rng))


@gallery.wrong("huggingface/candle#3568", "x", "transpos|sign|rotat|angle|half")
def rotary_turned_the_same_way(rng):
    c, s = np.cos(np.arange(T)[:, None] / [1, 2]), np.sin(np.arange(T)[:, None] / [1, 2])
    c, s = torch.tensor(c).float(), torch.tensor(s).float()

    def turned(x):
        a, b = x.chunk(2, -1)
        return torch.cat([a * c - b * s, b * c + a * s], -1)

    return kernel(turned, lambda g, x: turned(g), tensor(rng, 2, T, D))


@gallery.right("NVIDIA/TransformerEngine#3216")
def scores_so_large_that_the_softmax_is_one_hot(rng):
    q, k, v = qkv(rng)
    return kernel(plain, lambda g, q, k, v: back(g, q, k, v, parts(q, k, v)[1]), 30 * q, 30 * k, v)
