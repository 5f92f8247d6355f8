"""The gallery's broken half in the form of torch.autograd.Function."""

from __future__ import annotations

import torch
from broken import Case

from chainrule.gradcheck.adapters.torch import check_function

F = {
    "tanh": (torch.tanh, lambda z: 1 - torch.tanh(z) ** 2),
    "sigmoid": (torch.sigmoid, lambda z: torch.sigmoid(z) * (1 - torch.sigmoid(z))),
    "relu": (torch.relu, lambda z: (z > 0).to(z.dtype)),
    "softmax": (lambda z: torch.softmax(z, 1), None),
}


def layer(bug, f, change, m=5, n=4, note=""):
    """``change(da, z, a, x, W, df) -> (dx, dW, db)``"""

    class Layer(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, W, b):
            z = x @ W.T + b
            a = F[f][0](z)
            ctx.save_for_backward(x, W, z, a)
            return a

        @staticmethod
        def backward(ctx, da):
            x, W, z, a = ctx.saved_tensors
            return change(da, z, a, x, W, F[f][1])

    def run(seed, **settings):
        g = torch.Generator().manual_seed(seed)
        x, W, b = (torch.randn(s, generator=g) for s in ((m, n), (n, n), (n,)))
        return check_function(Layer, x, W, b, seed=seed, progress=False, **settings), {}

    return Case("torch", bug, 1, run, note or f)


def from_dz(dz, x, W):
    return dz @ W, dz.T @ x, dz.sum(0)


def dz_is(new):
    return lambda da, z, a, x, W, df: from_dz(new(da, z, a, df), x, W)


def only(k, new):
    def change(da, z, a, x, W, df):
        dz = da * df(z)
        found = list(from_dz(dz, x, W))
        found[k] = new(dz, x, W)
        return tuple(found)

    return change


def cost(bug, forward, backward, labels=True, note="", n=3, m=5):
    class Cost(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z, y):
            J, saved = forward(z, y)
            ctx.save_for_backward(*saved)
            return J

        @staticmethod
        def backward(ctx, g):
            return g * backward(*ctx.saved_tensors), None

    def run(seed, **settings):
        g = torch.Generator().manual_seed(seed)
        z = torch.randn((m, n), generator=g).requires_grad_(True)
        y = torch.randn((m, n), generator=g)
        if labels:
            y = torch.nn.functional.one_hot(torch.randint(0, n, (m,), generator=g), n).double()
        return check_function(Cost, z, y, seed=seed, progress=False, **settings), {}

    return Case("torch", bug, 1, run, note)


def entropy(z, y):
    p = torch.softmax(z, 1)
    return -(y * torch.log(p)).sum() / len(z), (p, y)


def soft_squares(z, y):
    p = torch.softmax(z, 1)
    return ((p - y) ** 2).sum() / 2 / len(z), (p, y)


def sigmoid_squares(z, y):
    p = torch.sigmoid(z)
    return ((p - y) ** 2).sum() / 2 / len(z), (p, y)


def squares(z, y):
    return ((z - y) ** 2).mean(), (z, y)


def absolute(z, y):
    return (z - y).abs().sum() / len(z), (z, y)


BROKEN_TORCH = [
    layer("f' missing", "tanh", dz_is(lambda da, z, a, df: da)),
    layer("f' missing", "relu", dz_is(lambda da, z, a, df: da)),
    layer("f' at a instead of z", "sigmoid", dz_is(lambda da, z, a, df: da * df(a))),
    layer("f' at a instead of z", "tanh", dz_is(lambda da, z, a, df: da * (1 - z**2))),
    layer("sign", "tanh", dz_is(lambda da, z, a, df: -da * df(z))),
    layer("factor 2", "sigmoid", dz_is(lambda da, z, a, df: 2 * da * df(z))),
    layer("stale z", "tanh", dz_is(lambda da, z, a, df: da * df(torch.roll(z, 1, 0)))),
    layer("W transposed", "sigmoid", only(0, lambda dz, x, W: dz @ W.T)),
    layer("dW transposed", "tanh", only(1, lambda dz, x, W: x.T @ dz)),
    layer("bias averaged", "tanh", only(2, lambda dz, x, W: dz.mean(0))),
    layer("bias summed over the wrong axis", "tanh", only(2, lambda dz, x, W: dz.sum(1)), m=4),
    layer("bias not summed", "relu", only(2, lambda dz, x, W: dz[0])),
    layer(
        "softmax treated as elementwise", "softmax", dz_is(lambda da, z, a, df: da * a * (1 - a))
    ),
    layer("wrong slope on a kink's wrong side", "relu", dz_is(lambda da, z, a, df: da * (z < 0))),
    layer(
        "precision only",
        "tanh",
        lambda da, z, a, x, W, df: tuple(g.half().double() for g in from_dz(da * df(z), x, W)),
    ),
    cost("missing 1/m", entropy, lambda p, y: p - y),
    cost("doubled 1/m", entropy, lambda p, y: (p - y) / len(p) ** 2),
    cost("sign", entropy, lambda p, y: (y - p) / len(p), note="entropy"),
    cost(
        "softmax treated as elementwise",
        soft_squares,
        lambda p, y: (p - y) / len(p) * p * (1 - p),
        note="squares",
    ),
    cost("a - y with the wrong cost", sigmoid_squares, lambda p, y: (p - y) / len(p)),
    cost("factor 2", squares, lambda z, y: (z - y) / z.numel(), labels=False, note="mse"),
    cost(
        "wrong slope on a kink's wrong side",
        absolute,
        lambda z, y: torch.ones_like(z) / len(z),
        labels=False,
        note="absolute",
    ),
]
