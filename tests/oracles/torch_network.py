"""The same network in torch, from torch's own functions: values and gradients by autograd.

Nothing here comes from chainrule's formulas: activations and costs are those of
``torch.nn.functional``, derivatives are autograd's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.mathematics.names import parse

# Past torch's threshold softplus is the identity, off by exp(-20): never past it here.
NO_THRESHOLD = 700.0


def activation(spec: str, z: Any) -> Any:
    """Return f(z) as torch computes it."""
    import torch
    import torch.nn.functional as F

    name, numbers = parse(spec)
    functions: dict[str, Callable[..., Any]] = {
        "identity": lambda z: z * 1,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": F.relu,
        "leaky_relu": lambda z, slope=0.01: F.leaky_relu(z, slope),
        "elu": lambda z, alpha=1.0: F.elu(z, alpha),
        "selu": F.selu,
        "softplus": lambda z: F.softplus(z, threshold=NO_THRESHOLD),
        "softsign": F.softsign,
        "gelu": F.gelu,
        "silu": F.silu,
        "mish": F.mish,
        "exp": torch.exp,
        "softmax": lambda z: F.softmax(z, dim=-1),
    }
    return functions[name](z, *numbers)


def cost_from_a(spec: str, a: Any, y: Any) -> Any:
    """Return J_i (m,) from the outputs a (m, n)."""
    import torch
    import torch.nn.functional as F

    name, numbers = parse(spec)

    def cross_entropy(smoothing: float = 0.0) -> Any:
        shared = y + smoothing * (1.0 / y.shape[1] - y)
        # The divergence differs from the cross-entropy by the entropy of y: add it back.
        entropy = -torch.xlogy(shared, shared)
        return F.kl_div(torch.log(a), shared, reduction="none") + entropy

    def quantile(q: float = 0.5) -> Any:
        return torch.where(a < y, q * (y - a), (1 - q) * (a - y))

    functions: dict[str, Callable[..., Any]] = {
        "logistic": lambda: F.binary_cross_entropy(a, y, reduction="none"),
        "cross_entropy": cross_entropy,
        "squared_error": lambda: 0.5 * F.mse_loss(a, y, reduction="none"),
        "absolute_error": lambda: F.l1_loss(a, y, reduction="none"),
        "huber": lambda delta=1.0: F.huber_loss(a, y, reduction="none", delta=delta),
        "quantile": quantile,
        "poisson": lambda: F.poisson_nll_loss(a, y, log_input=False, eps=0.0, reduction="none"),
    }
    return functions[name](*numbers).sum(dim=1)


def cost_from_z(output: str, spec: str, z: Any, a: Any, y: Any) -> Any:
    """Return J_i (m,) from z where torch has a function for the pair, else from a."""
    import torch.nn.functional as F

    name, numbers = parse(spec)
    if (output, name) == ("sigmoid", "logistic"):
        return F.binary_cross_entropy_with_logits(z, y, reduction="none").sum(dim=1)
    if (output, name) == ("softmax", "cross_entropy"):
        smoothing = numbers[0] if numbers else 0.0
        return F.cross_entropy(z, y, reduction="none", label_smoothing=smoothing)
    if (output, name) == ("exp", "poisson"):
        return F.poisson_nll_loss(z, y, log_input=True, reduction="none").sum(dim=1)
    return cost_from_a(spec, a, y)


@dataclass
class Case:
    """A network, its parameters and its data, as NumPy arrays; W[l] (n_l, n_{l-1}), from l = 1."""

    activations: Sequence[str]
    cost: str
    W: list[np.ndarray]
    b: list[np.ndarray]
    X: np.ndarray
    Y: np.ndarray
    weights: np.ndarray | None = None
    l1: float = 0.0
    l2: float = 0.0


@dataclass
class Result:
    """J and its gradients, as NumPy arrays; lists from l = 1, da from l = 0."""

    J: float
    J_i: np.ndarray
    dW: list[np.ndarray]
    db: list[np.ndarray]
    dz: list[np.ndarray]
    da: list[np.ndarray]
    y_hat: np.ndarray


def propagate(
    case: Case, W: list[Any], b: list[Any], x: Any, masks: Sequence[Any] | None = None
) -> tuple[list[Any], list[Any]]:
    """Return (a[0..L], z[1..L]); masks[l], if given, multiply a^l before layer l + 1."""
    import torch.nn.functional as F

    a, z = [x], []
    for l, f in enumerate(case.activations):
        below = a[-1] if masks is None or masks[l] is None else a[-1] * masks[l]
        z.append(F.linear(below, W[l], b[l]))
        a.append(activation(f, z[-1]))
    return a, z


def penalty(case: Case, W: list[Any]) -> Any:
    """Return the penalty on the weights."""
    import torch

    flat = torch.cat([w.reshape(-1) for w in W])
    return case.l1 * torch.linalg.vector_norm(flat, 1) + case.l2 / 2 * flat.square().sum()


def run(case: Case) -> Result:
    """Return J, the mean over samples plus penalty, and all of its gradients, in float64."""
    import torch

    W, b = ([torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in ps]
            for ps in (case.W, case.b))  # fmt: skip
    x = torch.tensor(case.X, dtype=torch.float64, requires_grad=True)
    y = torch.tensor(case.Y, dtype=torch.float64)
    w = torch.ones(len(x), dtype=torch.float64)
    if case.weights is not None:
        w = torch.tensor(case.weights, dtype=torch.float64)
    a, z = propagate(case, W, b, x)
    for tensor in (*a, *z):
        tensor.retain_grad()
    J_i = cost_from_z(case.activations[-1], case.cost, z[-1], a[-1], y)
    J = (J_i * w).sum() / w.sum()
    (J + penalty(case, W)).backward()
    top = a[-1].detach().requires_grad_()
    ((cost_from_a(case.cost, top, y) * w).sum() / w.sum()).backward()
    return Result(
        J=(J + penalty(case, W)).item(),
        J_i=J_i.detach().numpy(),
        dW=[p.grad.numpy() for p in W],
        db=[p.grad.numpy() for p in b],
        dz=[t.grad.numpy() for t in z],
        da=[*(t.grad.numpy() for t in a[:-1]), top.grad.numpy()],
        y_hat=a[-1].detach().numpy(),
    )


def per_sample(case: Case) -> list[Result]:
    """Return each sample's own result, without weights and penalties, one run of torch each."""
    return [
        run(Case(case.activations, case.cost, case.W, case.b, case.X[i : i + 1], case.Y[i : i + 1]))
        for i in range(len(case.X))
    ]
