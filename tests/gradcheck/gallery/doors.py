"""The ways in which the cases of the gallery are checked, with the little they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.gradcheck import check_gradients
from chainrule.gradcheck.kernels import check_kernel


def pair(J: Any, dJ: Any, p: Any, **settings: Any) -> Any:
    """Check a cost and its gradient over a dictionary of arrays."""
    return check_gradients(J, dJ, p, progress=False, **settings)


def kernel(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    *inputs: Any,
    reference: Any = True,
    **settings: Any,
) -> Any:
    """Check a torch function: ``backward(g, *inputs)`` beside the plain ``forward(*inputs)``.

    With several outputs ``g`` is the tuple of their upstream gradients. ``reference=True``: the
    forward pass, differentiated by torch.
    """
    function = autograd_function(forward, backward)
    settings = {"calls": False, "repeats": 0, **settings}
    plain = forward if reference is True else reference
    return check_kernel(function, inputs, plain, **settings)


def autograd_function(forward: Any, backward: Any) -> Any:
    """Return ``apply`` of a torch function that saves its inputs."""
    import torch

    class Kernel(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            ctx.save_for_backward(*inputs)
            return forward(*inputs)

        @staticmethod
        def backward(ctx: Any, *g: Any) -> Any:
            return backward(g[0] if len(g) == 1 else g, *ctx.saved_tensors)

    return Kernel.apply


def tensor(rng: np.random.Generator, *shape: int, dtype: str = "float32", scale: float = 1) -> Any:
    """Return normal random numbers as a torch tensor."""
    import torch

    return torch.tensor(scale * rng.standard_normal(shape), dtype=getattr(torch, dtype))


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def spd(rng: np.random.Generator, n: int) -> Any:
    """Return a symmetric positive definite matrix."""
    L = rng.standard_normal((n, n))
    return L @ L.T + n * np.eye(n)
