"""Three Triton kernels with their backward passes, each right and with one mistake.

Run as a program with TRITON_INTERPRET=1: prints what ``check_kernel`` says of each.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

from chainrule.gradcheck.kernels import check_kernel


@triton.jit
def rms_forward(x, w, out, n: tl.constexpr, block: tl.constexpr):
    row, at = tl.program_id(0), tl.arange(0, block)
    v = tl.load(x + row * n + at, mask=at < n, other=0.0).to(tl.float32)
    g = tl.load(w + at, mask=at < n, other=0.0).to(tl.float32)
    y = v * (1 / tl.sqrt(tl.sum(v * v) / n + 1e-6)) * g
    tl.store(out + row * n + at, y.to(out.dtype.element_ty), mask=at < n)


@triton.jit
def rms_backward(dy, x, w, dx, dw, n: tl.constexpr, block: tl.constexpr, wrong: tl.constexpr):
    """Write dx and each row's part of dw; ``wrong``: the weight is no factor of dx."""
    row, at = tl.program_id(0), tl.arange(0, block)
    v = tl.load(x + row * n + at, mask=at < n, other=0.0).to(tl.float32)
    d = tl.load(dy + row * n + at, mask=at < n, other=0.0).to(tl.float32)
    g = tl.load(w + at, mask=at < n, other=0.0).to(tl.float32)
    r = 1 / tl.sqrt(tl.sum(v * v) / n + 1e-6)
    vh = v * r
    tl.store(dw + row * n + at, d * vh, mask=at < n)
    d = d if wrong else d * g
    back = r * (d - vh * (tl.sum(d * vh) / n))
    tl.store(dx + row * n + at, back.to(dx.dtype.element_ty), mask=at < n)


@triton.jit
def softmax_forward(x, out, n: tl.constexpr, block: tl.constexpr):
    row, at = tl.program_id(0), tl.arange(0, block)
    v = tl.load(x + row * n + at, mask=at < n, other=-float("inf")).to(tl.float32)
    e = tl.exp(v - tl.max(v))
    tl.store(out + row * n + at, (e / tl.sum(e)).to(out.dtype.element_ty), mask=at < n)


@triton.jit
def softmax_backward(dy, x, dx, n: tl.constexpr, block: tl.constexpr, wrong: tl.constexpr):
    """Write dx; ``wrong``: without the sum in softmax's Jacobian."""
    row, at = tl.program_id(0), tl.arange(0, block)
    v = tl.load(x + row * n + at, mask=at < n, other=-float("inf")).to(tl.float32)
    d = tl.load(dy + row * n + at, mask=at < n, other=0.0).to(tl.float32)
    e = tl.exp(v - tl.max(v))
    y = e / tl.sum(e)
    back = y * (d if wrong else d - tl.sum(d * y))
    tl.store(dx + row * n + at, back.to(dx.dtype.element_ty), mask=at < n)


@triton.jit
def swiglu_forward(a, b, out, n: tl.constexpr, block: tl.constexpr):
    at = tl.program_id(0) * block + tl.arange(0, block)
    v = tl.load(a + at, mask=at < n, other=0.0).to(tl.float32)
    g = tl.load(b + at, mask=at < n, other=0.0).to(tl.float32)
    y = v / (1 + tl.exp(-v)) * g
    tl.store(out + at, y.to(out.dtype.element_ty), mask=at < n)


@triton.jit
def swiglu_backward(dy, a, b, da, db, n: tl.constexpr, block: tl.constexpr, wrong: tl.constexpr):
    """Write da and db; ``wrong``: sigmoid alone in the place of silu's slope."""
    at = tl.program_id(0) * block + tl.arange(0, block)
    v = tl.load(a + at, mask=at < n, other=0.0).to(tl.float32)
    g = tl.load(b + at, mask=at < n, other=0.0).to(tl.float32)
    d = tl.load(dy + at, mask=at < n, other=0.0).to(tl.float32)
    s = 1 / (1 + tl.exp(-v))
    slope = s if wrong else s * (1 + v * (1 - s))
    tl.store(da + at, (d * g * slope).to(da.dtype.element_ty), mask=at < n)
    tl.store(db + at, (d * v * s).to(db.dtype.element_ty), mask=at < n)


def block_of(n: int) -> int:
    return int(triton.next_power_of_2(n))


def rms_norm(wrong: bool) -> Any:
    class RMSNorm(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            x, out = x.contiguous(), torch.empty_like(x, memory_format=torch.contiguous_format)
            rms_forward[(len(x),)](x, w.contiguous(), out, x.shape[1], block_of(x.shape[1]))
            return out

        @staticmethod
        def backward(ctx, g):
            x, w = (t.contiguous() for t in ctx.saved_tensors)
            dx, dw = torch.empty_like(x), torch.empty(x.shape, dtype=torch.float32)
            rms_backward[(len(x),)](
                g.contiguous(), x, w, dx, dw, x.shape[1], block_of(x.shape[1]), wrong
            )
            return dx, dw.sum(0).to(w.dtype)

    return RMSNorm.apply


def softmax(wrong: bool) -> Any:
    class Softmax(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            x, out = x.contiguous(), torch.empty_like(x, memory_format=torch.contiguous_format)
            softmax_forward[(len(x),)](x, out, x.shape[1], block_of(x.shape[1]))
            return out

        @staticmethod
        def backward(ctx, g):
            x = ctx.saved_tensors[0].contiguous()
            dx = torch.empty_like(x)
            n = x.shape[1]
            softmax_backward[(len(x),)](g.contiguous(), x, dx, n, block_of(n), wrong)
            return dx

    return Softmax.apply


def swiglu(wrong: bool) -> Any:
    class SwiGLU(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            out = torch.empty_like(a, memory_format=torch.contiguous_format)
            grid = (triton.cdiv(a.numel(), 64),)
            swiglu_forward[grid](a.contiguous(), b.contiguous(), out, a.numel(), 64)
            return out

        @staticmethod
        def backward(ctx, g):
            a, b = (t.contiguous() for t in ctx.saved_tensors)
            da, db = torch.empty_like(a), torch.empty_like(b)
            grid = (triton.cdiv(a.numel(), 64),)
            swiglu_backward[grid](g.contiguous(), a, b, da, db, a.numel(), 64, wrong)
            return da, db

    return SwiGLU.apply


def plain_norm(x, w):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * w


def plain_softmax(x):
    return x.softmax(-1)


def plain_swiglu(a, b):
    return torch.nn.functional.silu(a) * b


CASES = {
    "rms_norm": (rms_norm, plain_norm, ((6, 20), (20,))),
    "softmax": (softmax, plain_softmax, ((5, 19),)),
    "swiglu": (swiglu, plain_swiglu, ((7, 11), (7, 11))),
}

if __name__ == "__main__":
    for name, (make, plain, shapes) in CASES.items():
        for dtype in (torch.float32, torch.float16):
            generator = torch.Generator().manual_seed(0)
            inputs = tuple((1 + torch.randn(s, generator=generator)).to(dtype) for s in shapes)
            for wrong in (False, True):
                report = check_kernel(make(wrong), inputs, plain)
                word = "wrong" if wrong else "right"
                print(f"{name}-{str(dtype)[6:]}-{word} {report.verdict} {report.where}")
