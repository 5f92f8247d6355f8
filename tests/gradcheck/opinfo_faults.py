"""torch's own sample functions, small, and deliberate faults in their gradients."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

NAMES = [
    "acos", "addmm", "atan", "bmm", "cdist", "cholesky_solve", "cos", "cosh", "cumprod", "cumsum",
    "det", "diff", "dot", "erf", "exp", "expm1", "fmod", "hypot", "index_select", "kron", "lerp",
    "lgamma", "linalg.inv", "linalg.norm", "log1p", "logaddexp", "logsumexp", "masked_fill",
    "matmul", "max", "mul", "nn.functional.gelu", "nn.functional.layer_norm",
    "nn.functional.linear", "nn.functional.silu", "nn.functional.softplus", "norm", "outer",
    "polygamma", "prod", "reciprocal", "rsqrt", "scatter_add", "sigmoid", "sinh", "softmax",
    "sqrt", "std", "tanh", "trace", "var", "where", "xlogy",
]  # fmt: skip
SMALLEST, LARGEST, TRIED = 4, 30, 12
Inputs = tuple[Any, ...]
Function = Callable[..., Any]


def samples(dtype: torch.dtype = torch.float64) -> list[tuple[str, Function, Inputs]]:
    """Return the name, a function and its arguments: the smallest of each operator's samples."""
    torch.manual_seed(0)
    chosen = []
    for op in op_db:
        if op.name not in NAMES or op.variant_test_name or dtype not in op.dtypes:
            continue
        fitting = []
        for k, sample in enumerate(op.sample_inputs("cpu", dtype, requires_grad=True)):
            inputs = (sample.input, *sample.args)
            sizes = [x.numel() for x in inputs if isinstance(x, torch.Tensor) and x.requires_grad]
            first = sample.input
            if isinstance(first, torch.Tensor) and first.requires_grad and first.numel() > 1:
                fitting.append((sum(sizes), k, sample, inputs))
            if k == TRIED:
                break
        fitting = [f for f in fitting if SMALLEST <= f[0] <= LARGEST]
        if fitting:
            _, _, sample, inputs = min(fitting, key=lambda f: f[:2])
            chosen.append((op.name, called(op, sample), cut(inputs)))
    return chosen


def cut(inputs: Inputs) -> Inputs:
    """Return a single argument cut down to two rows or so: the time goes with the entries."""
    x = inputs[0]
    if len(inputs) > 1 or x.numel() <= 6:
        return inputs
    square = x.dim() == 2 and x.shape[0] == x.shape[1]
    part = x[:2, :2] if square else x[tuple(slice(k + 2) for k in range(x.dim()))]
    return (part.detach().clone().requires_grad_(),)


def called(op: Any, sample: Any) -> Function:
    """Return the operator as a function of the sample's tensors."""

    def func(*args: Any) -> Any:
        out = op.op(*args, **sample.kwargs)
        process = sample.output_process_fn_grad
        return process(out) if process else out

    return func


def rows_of(g: Any) -> Any:
    return g.reshape(len(g), -1)


def one_entry(g: Any) -> Any:
    g = g.clone()
    i = int(g.abs().argmax())
    g.view(-1)[i] *= 1.01
    return g


def last_row(g: Any) -> Any:
    g = g.clone()
    noise = torch.randn(g[-1].shape, generator=torch.Generator().manual_seed(1), dtype=g.dtype)
    g[-1] += 0.02 * g.abs().max() * noise
    return g


# What becomes of the gradient of the first argument.
GRADIENTS: dict[str, Callable[[Any], Any]] = {
    "doubled": lambda g: 2 * g,
    "sign": lambda g: -g,
    "entries in another order": lambda g: g.flatten().flip(0).reshape(g.shape),
    "one entry 1 % off": one_entry,
    "one row for all": lambda g: g[:1].expand_as(g).clone(),
    "mean for sum": lambda g: g / g.numel(),
    "0.1 % too large": lambda g: 1.001 * g,
    "noise in the last row": last_row,
    "zero": torch.zeros_like,
}


def with_gradient(func: Function, fault: Callable[[Any], Any]) -> Function:
    """Return the function with a fault in the gradient of its first argument."""

    class Faulty(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return fault(g.contiguous())

    return lambda x, *others: func(Faulty.apply(x), *others)


def detached_factor(func: Function) -> Function:
    """The first argument times 1 + x / 20, of which x / 20 is held fixed in the backward pass."""
    return lambda x, *others: func(x * (1 + x.detach() / 20), *others)


def stale_input(func: Function) -> Function:
    """The backward pass at an input that has moved since."""

    class Stale(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, *others: Any) -> Any:
            ctx.x, ctx.others = x, others
            with torch.enable_grad():
                return func(x.detach(), *[plain(o) for o in others]).detach()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            with torch.enable_grad():
                x = (0.97 * ctx.x.detach()).requires_grad_()
                out = func(x, *[plain(o) for o in ctx.others])
                return torch.autograd.grad(out, x, g)[0], *[None] * len(ctx.others)

    return lambda x, *others: Stale.apply(x, *[plain(o) for o in others])


def plain(value: Any) -> Any:
    return value.detach() if isinstance(value, torch.Tensor) else value


def faults() -> dict[str, Callable[[Function], Function]]:
    """Return what makes a function's backward pass wrong, by name."""
    named = {
        name: (lambda func, fault=fault: with_gradient(func, fault))
        for name, fault in GRADIENTS.items()
    }
    return {**named, "detached factor": detached_factor, "stale input": stale_input}


def conjugate(func: Function) -> Function:
    """For complex arguments: the conjugate is missing."""
    return with_gradient(func, torch.conj_physical)


def first_gradient(func: Function, inputs: Inputs) -> Any:
    """Return the gradient of the first argument for a random upstream gradient."""
    generator = torch.Generator().manual_seed(2)
    out = func(*inputs)
    outs = [o for o in (out if isinstance(out, tuple) else (out,)) if o.requires_grad]
    upstream = [torch.randn(o.shape, generator=generator, dtype=o.dtype) for o in outs]
    g = torch.autograd.grad(outs, inputs[0], upstream, allow_unused=True)[0]
    return torch.zeros_like(inputs[0]) if g is None else g


def differs(func: Function, wrong: Function, inputs: Inputs) -> bool:
    """Whether the fault makes a difference here: a linear function has no stale input."""
    try:
        right, other = first_gradient(func, inputs), first_gradient(wrong, inputs)
    except (RuntimeError, TypeError, AttributeError):
        return False  # several outputs, or no gradient: the fault does not apply
    size = float(right.abs().max())
    return size > 0 and float((right - other).abs().max()) > 1e-4 * size
