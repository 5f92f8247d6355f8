"""Twelve kernels as torch functions: right, and with three mistakes each, beside plain references.

Every kernel computes in float32 and rounds to the dtype of its inputs, as fused kernels do. A
mistake is the number 1, 2 or 3; ``MISTAKES`` says what each is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Kernel:
    """A kernel: its passes, its reference, its inputs, and what its three mistakes are."""

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., tuple[Any, ...]]
    reference: Callable[..., Any]
    inputs: Callable[[torch.dtype], tuple[Any, ...]]
    mistakes: tuple[str, str, str]

    def function(self, mistake: int = 0) -> Callable[..., Any]:
        kernel = self

        class Fused(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, *inputs: Any) -> Any:
                ctx.save_for_backward(*inputs)
                wide = [x.float() if x.is_floating_point() else x for x in inputs]
                return kernel.forward(*wide).to(_dtype(inputs))

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                inputs = ctx.saved_tensors
                wide = [x.float() if x.is_floating_point() else x for x in inputs]
                grads = kernel.backward(mistake, g.float(), *wide)
                return tuple(
                    None if d is None else d.to(x.dtype) for d, x in zip(grads, inputs, strict=True)
                )

        Fused.__name__ = kernel.name
        return Fused.apply


def _dtype(inputs: Any) -> torch.dtype:
    return next(x.dtype for x in inputs if x.is_floating_point())


def rand(dtype: torch.dtype, *shape: int, scale: float = 1.0, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1000 * seed + sum(shape))
    return (scale * torch.randn(*shape, generator=generator)).to(dtype)


def weight(dtype: torch.dtype, n: int) -> torch.Tensor:
    return (1 + rand(torch.float32, n, scale=0.4, seed=7)).to(dtype)


def _rms_back(bug: int, g: Any, x: Any, w: Any) -> Any:
    r = torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6)
    xh = x * r
    gw = g if bug == 1 else g * w
    dx = r * (gw - (0 if bug == 2 else xh * (gw * xh).mean(-1, keepdim=True)))
    return dx, (g * x if bug == 3 else g * xh).sum(0)


def _layer_back(bug: int, g: Any, x: Any, w: Any, b: Any) -> Any:
    mean, var = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
    r = torch.rsqrt(var + 1e-5)
    xh, gw = (x - mean) * r, g * w
    m = 0 if bug == 1 else gw.mean(-1, keepdim=True)
    v = 0 if bug == 2 else xh * (gw * xh).mean(-1, keepdim=True)
    return r * (gw - m - v), (g * xh).sum(0), g.mean(0) if bug == 3 else g.sum(0)


def _softmax_back(bug: int, g: Any, x: Any) -> Any:
    y = x.softmax(-1)
    if bug == 1:
        return (y * g,)
    if bug == 2:
        return (y * (1 - y) * g,)
    dx = y * (g - (g * y).sum(-1, keepdim=True))
    if bug == 3:  # the last columns, after whole blocks of 32, are left at 0
        dx[..., dx.shape[-1] // 32 * 32 :] = 0
    return (dx,)


def _entropy_back(bug: int, g: Any, x: Any, y: Any) -> Any:
    p = x.softmax(-1)
    if bug != 1:
        p = p - F.one_hot(y, x.shape[-1])
    if bug == 2:
        return p, None
    return p * g / (1 if bug == 3 else len(x)), None


def _swiglu_back(bug: int, g: Any, a: Any, b: Any) -> Any:
    s = torch.sigmoid(a)
    slope = s if bug == 1 else s * (1 - s) if bug == 2 else s * (1 + a * (1 - s))
    return g * b * slope, g * (a if bug == 3 else a * s)


def rotated(x: Any, cos: Any, sin: Any) -> Any:
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def _rotary_back(bug: int, g: Any, x: Any, cos: Any, sin: Any) -> Any:
    a, b = g.chunk(2, -1)
    if bug == 1:  # rotated forwards instead of back
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1), None, None
    if bug == 2:  # the halves changed places
        return torch.cat([b * cos - a * sin, a * cos + b * sin], -1), None, None
    if bug == 3:
        return torch.cat([a * cos, b * cos], -1), None, None
    return torch.cat([a * cos + b * sin, b * cos - a * sin], -1), None, None


def attend(q: Any, k: Any, v: Any) -> Any:
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()
    return scores.masked_fill(~mask, float("-inf")).softmax(-1) @ v


def _attention_back(bug: int, g: Any, q: Any, k: Any, v: Any) -> Any:
    scale = q.shape[-1] ** -0.5
    scores = q @ k.transpose(-1, -2) * scale
    mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    p = scores.softmax(-1) if bug == 3 else scores.masked_fill(~mask, float("-inf")).softmax(-1)
    dp = g @ v.transpose(-1, -2)
    ds = p * (dp - (0 if bug == 1 else (p * dp).sum(-1, keepdim=True)))
    dk = ds.transpose(-1, -2) @ q
    return ds @ k * scale, dk if bug == 2 else dk * scale, p.transpose(-1, -2) @ g


def _embedding_back(bug: int, g: Any, table: Any, rows: Any) -> Any:
    flat = g.reshape(-1, g.shape[-1])
    d = torch.zeros_like(table)
    if bug == 1:
        d[rows.reshape(-1)] = flat
    else:
        d.index_add_(0, rows.reshape(-1), flat)
    if bug == 2:
        d = d.roll(1, 0)
    if bug == 3:
        d[:, -1] = 0
    return d, None


def _gather_back(bug: int, g: Any, x: Any, index: Any) -> Any:
    d = torch.zeros_like(x)
    if bug == 1:
        d.scatter_(1, index, g)
    elif bug == 2:
        d.scatter_add_(1, index.flip(1), g)
    else:
        d.scatter_add_(1, index, g)
    return (d / 2 if bug == 3 else d), None


def _linear_gelu(x: Any, w: Any, b: Any) -> Any:
    return F.gelu(x @ w.T + b)


def _linear_gelu_back(bug: int, g: Any, x: Any, w: Any, b: Any) -> Any:
    z = x @ w.T + b
    cdf = 0.5 * (1 + torch.erf(z / 2**0.5))
    pdf = torch.exp(-z * z / 2) / (2 * torch.pi) ** 0.5
    slope = torch.sigmoid(1.702 * z) * (1 + 1.702 * z * (1 - torch.sigmoid(1.702 * z)))
    dz = g * (cdf if bug == 1 else slope if bug == 2 else cdf + z * pdf)
    return dz @ w, dz.T @ x, (dz[:-1] if bug == 3 else dz).sum(0)


def _group_back(bug: int, g: Any, x: Any, w: Any, b: Any) -> Any:
    n, c, s = x.shape
    groups = 4
    xg = x.reshape(n, groups, -1)
    r = torch.rsqrt(xg.var(-1, unbiased=bug == 1, keepdim=True) + 1e-5)
    xh = (xg - xg.mean(-1, keepdim=True)) * r
    gw = (g * w[:, None]).reshape(n, groups, -1)
    inner = 0 if bug == 2 else xh * (gw * xh).mean(-1, keepdim=True)
    dx = (r * (gw - gw.mean(-1, keepdim=True) - inner)).reshape(n, c, s)
    dw = (g * xh.reshape(n, c, s)).sum((0, 2))
    return dx, dw, g.sum((0, 2)) if bug != 3 else g.mean(2).sum(0)


def recurrence(a: Any, x: Any) -> Any:
    h = torch.zeros_like(x[:, 0])
    steps = []
    for t in range(x.shape[1]):
        h = a[:, t] * h + x[:, t]
        steps.append(h)
    return torch.stack(steps, 1)


def _scan_back(bug: int, g: Any, a: Any, x: Any) -> Any:
    h = recurrence(a, x)
    da, dx = torch.zeros_like(a), torch.zeros_like(x)
    carry = torch.zeros_like(x[:, 0])
    for t in range(x.shape[1] - 1, -1, -1):
        if bug == 2 and t % 8 == 7:  # cut at the chunks' ends
            carry = torch.zeros_like(carry)
        carry = carry + g[:, t]
        dx[:, t] = carry
        da[:, t] = carry * (h[:, t] if bug == 1 else h[:, t - 1] if t else 0)
        carry = carry if bug == 3 else carry * a[:, t]
    return da, dx


KERNELS = (
    Kernel(
        "rms_norm",
        lambda x, w: x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * w,
        _rms_back,
        lambda x, w: x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * w,
        lambda d: (rand(d, 24, 48), weight(d, 48)),
        ("weight forgotten in dx", "size term missing", "dw from x, not x / size"),
    ),
    Kernel(
        "layer_norm",
        lambda x, w, b: F.layer_norm(x, x.shape[-1:], w, b, 1e-5),
        _layer_back,
        lambda x, w, b: F.layer_norm(x, x.shape[-1:], w, b, 1e-5),
        lambda d: (rand(d, 24, 48), weight(d, 48), rand(d, 48)),
        ("mean term missing", "variance term missing", "db is a mean"),
    ),
    Kernel(
        "softmax",
        lambda x: x.softmax(-1),
        _softmax_back,
        lambda x: x.softmax(-1),
        lambda d: (rand(d, 16, 50),),
        ("sum missing", "diagonal alone", "columns after whole blocks are 0"),
    ),
    Kernel(
        "cross_entropy",
        lambda x, y: F.cross_entropy(x, y),
        _entropy_back,
        lambda x, y: F.cross_entropy(x, y),
        lambda d: (rand(d, 24, 20), torch.arange(24) % 20),
        ("target not subtracted", "upstream and 1/m left out", "1/m missing"),
    ),
    Kernel(
        "swiglu",
        lambda a, b: a * torch.sigmoid(a) * b,
        _swiglu_back,
        lambda a, b: F.silu(a) * b,
        lambda d: (rand(d, 16, 40), rand(d, 16, 40, seed=1)),
        ("silu' without its second term", "sigmoid' for silu'", "db from a, not silu(a)"),
    ),
    Kernel(
        "rotary",
        rotated,
        _rotary_back,
        rotated,
        lambda d: (
            rand(d, 2, 12, 32).requires_grad_(),
            torch.cos(torch.arange(12)[:, None] / torch.arange(1, 17)).to(d),
            torch.sin(torch.arange(12)[:, None] / torch.arange(1, 17)).to(d),
        ),
        ("rotated forwards", "halves exchanged", "sine left out"),
    ),
    Kernel(
        "attention",
        attend,
        _attention_back,
        attend,
        lambda d: tuple(rand(d, 2, 16, 24, seed=k) for k in range(3)),
        ("softmax's sum missing", "scale missing in dk", "causal mask missing"),
    ),
    Kernel(
        "embedding",
        lambda table, rows: table[rows],
        _embedding_back,
        lambda table, rows: table[rows],
        lambda d: (rand(d, 12, 16), torch.tensor([[1, 3, 1, 5], [7, 1, 9, 3]])),
        ("overwritten, not added", "rows off by one", "last column 0"),
    ),
    Kernel(
        "gather",
        lambda x, index: x.gather(1, index),
        _gather_back,
        lambda x, index: x.gather(1, index),
        lambda d: (rand(d, 8, 12), torch.arange(40).reshape(8, 5) % 4),
        ("overwritten, not added", "index turned round", "halved"),
    ),
    Kernel(
        "linear_gelu",
        _linear_gelu,
        _linear_gelu_back,
        _linear_gelu,
        lambda d: (rand(d, 16, 24), rand(d, 20, 24, scale=0.2), rand(d, 20)),
        ("z pdf(z) missing", "slope of another gelu", "db without the last row"),
    ),
    Kernel(
        "group_norm",
        lambda x, w, b: F.group_norm(x, 4, w, b, 1e-5),
        _group_back,
        lambda x, w, b: F.group_norm(x, 4, w, b, 1e-5),
        lambda d: (rand(d, 3, 16, 2), weight(d, 16), rand(d, 16)),
        ("variance with m - 1", "variance term missing", "db is a mean"),
    ),
    Kernel(
        "scan",
        recurrence,
        _scan_back,
        recurrence,
        lambda d: ((rand(d, 4, 24, 6, seed=3) / 3).sigmoid(), rand(d, 4, 24, 6)),
        ("da from h of its own step", "carry cut at chunks", "carry without a"),
    ),
)
DTYPES = (torch.bfloat16, torch.float16, torch.float32)
