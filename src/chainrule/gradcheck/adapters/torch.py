"""PyTorch: a Module with a loss, or an autograd.Function, checked in a float64 copy."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..report import Report
from ..strategies.functions import check_pair
from ..strategies.layers import layer_network
from ..user_network.identification import identify_cost
from ..user_network.model import UserNetwork

SEED = 0


@contextmanager
def _undisturbed(torch: Any) -> Iterator[None]:
    """Take one thread (sums in one order); put it and the random state back afterwards."""
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.random.set_rng_state(state)


def _freeze(torch: Any) -> None:
    """Begin the random numbers anew, as before every pass: masks of dropout stay the same."""
    torch.default_generator.manual_seed(SEED)


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise ImportError("checking torch code needs torch: install it") from None
    return torch


def check_module(
    module: Any, X: Any, y: Any = None, loss: Callable[..., Any] | None = None, **settings: Any
) -> Report:
    """Check the gradients of a ``torch.nn.Module``'s parameters.

    ``loss(module(X), y)`` is the cost, one number; without ``loss`` the module returns it from
    ``module(X)`` or ``module(X, y)``. The module and floating X, y are copied to float64; random
    numbers (dropout) are frozen, buffers (running means) restored after every pass. ``settings``
    are those of ``check_pair``.
    """
    torch = _torch()
    copied = copy.deepcopy(module).double()
    dtypes = {str(p.dtype).removeprefix("torch.") for p in module.parameters()}
    trained = {name: p for name, p in copied.named_parameters() if p.requires_grad}
    X64, y64 = _double(torch, X), _double(torch, y)
    buffers = {name: b.detach().clone() for name, b in copied.named_buffers()}

    def J(parameters: Mapping[str, Any]) -> Any:
        copies = {name: b.clone() for name, b in buffers.items()}
        _freeze(torch)
        inputs = (X64,) if loss is not None or y is None else (X64, y64)
        out = torch.func.functional_call(copied, {**parameters, **copies}, inputs)
        return out if loss is None else loss(out, y64)

    def cost(parameters: Mapping[str, Any]) -> Any:
        with torch.no_grad():
            return _number(J({name: torch.from_numpy(p) for name, p in parameters.items()}))

    def gradients(parameters: Mapping[str, Any]) -> dict[str, Any]:
        leaves = {name: torch.from_numpy(p).requires_grad_(True) for name, p in parameters.items()}
        return _gradients(torch, J(leaves), leaves)

    data = X64.numpy() if isinstance(X64, torch.Tensor) else None
    targets = y64.numpy() if isinstance(y64, torch.Tensor) else y64
    settings.setdefault("name", f"torch {type(module).__name__}")
    notes = (
        ("the module is float32: checked in a float64 copy of it",) if "float32" in dtypes else ()
    )
    values = {name: p.detach().numpy() for name, p in trained.items()}
    samples = len(X64) if isinstance(X64, torch.Tensor) and X64.ndim else None
    with _undisturbed(torch):
        return check_pair(
            cost, gradients, values, X=data, y=targets, samples=samples, notes=notes, **settings
        )


def check_function(function: Any, *inputs: Any, seed: int = 0, **settings: Any) -> Report:
    """Check a ``torch.autograd.Function`` (or any function of tensors) by its gradients.

    ``inputs`` are passed as they are, tensors or not; those that require a gradient are checked
    (all floating ones if none does), in float64. The cost is the sum of every floating output times
    random numbers: a wrong gradient through any of them shows.
    """
    torch = _torch()
    call = _FunctionCall(torch, function, inputs, seed)
    settings.setdefault("name", f"torch {getattr(function, '__name__', 'function')}")
    settings.setdefault("find_network", lambda subject: call.network())
    settings.setdefault("upstream", call.R[0] if len(call.R) == 1 and not call.one else None)
    first = call.constants[0] if call.constants else None
    batched = isinstance(first, torch.Tensor) and first.is_floating_point() and first.ndim > 0
    short = any(isinstance(x, torch.Tensor) and x.dtype == torch.float32 for x in inputs)
    notes = ("the inputs are float32: checked in float64 copies of them",) if short else ()
    samples = len(first) if batched and first is not None else None
    with _undisturbed(torch):
        return check_pair(
            call.cost, call.gradients, call.values, samples=samples, seed=seed, notes=notes,
            **settings,
        )  # fmt: skip


class _FunctionCall:
    """A function of tensors as a cost: every floating output times random numbers, summed."""

    def __init__(self, torch: Any, function: Any, inputs: Sequence[Any], seed: int) -> None:
        self.torch = torch
        self._apply = (
            getattr(function, "apply", function) if inspect.isclass(function) else function
        )
        self.names = _names(function, len(inputs))
        floating = [isinstance(x, torch.Tensor) and x.is_floating_point() for x in inputs]
        wanted = [isinstance(x, torch.Tensor) and x.requires_grad for x in inputs]
        checked = wanted if any(wanted) else floating
        self.constants = [_double(torch, x) for x in inputs]
        self.values = {
            name: np.array(x.numpy())
            for name, x, check in zip(self.names, self.constants, checked, strict=True)
            if check
        }
        with torch.no_grad(), _undisturbed(torch):
            self.first = self.outputs(self._tensors(self.values))
        rng = np.random.default_rng(seed)
        self.one = len(self.first) == 1 and self.first[0].numel() == 1
        self.R = [
            np.ones(tuple(out.shape)) if self.one else rng.standard_normal(tuple(out.shape))
            for out in self.first
        ]

    def outputs(self, tensors: Mapping[str, Any]) -> list[Any]:
        """Return every floating output."""
        _freeze(self.torch)
        arguments = zip(self.names, self.constants, strict=True)
        outputs = self._apply(*(tensors.get(name, constant) for name, constant in arguments))
        return list(_floating(self.torch, outputs))

    def _tensors(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.torch.from_numpy(np.array(p)) for name, p in parameters.items()}

    def _J(self, tensors: Mapping[str, Any]) -> Any:
        pairs = zip(self.outputs(tensors), self.R, strict=True)
        return sum((out * self.torch.from_numpy(R)).sum() for out, R in pairs)

    def cost(self, parameters: Mapping[str, Any]) -> float:
        """Return J."""
        with self.torch.no_grad():
            return float(self._J(self._tensors(parameters)))

    def gradients(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return dJ/d of every checked input as autograd gives it; None where it gives none."""
        leaves = {n: t.requires_grad_(True) for n, t in self._tensors(parameters).items()}
        return _gradients(self.torch, self._J(leaves), leaves)

    def network(self) -> UserNetwork | None:
        """Return the function as a layer or a cost of the tables, if it is one."""
        if len(self.first) > 1:
            return None
        return _network(
            self.torch, self.names, self.constants, self.values, self.first[0], self.R[0], self.one
        )


def _floating(torch: Any, outputs: Any) -> Iterator[Any]:
    if isinstance(outputs, Mapping):
        outputs = list(outputs.values())
    if isinstance(outputs, (tuple, list)):
        for output in outputs:
            yield from _floating(torch, output)
    elif isinstance(outputs, torch.Tensor) and outputs.is_floating_point():
        yield outputs


def _gradients(torch: Any, J: Any, leaves: Mapping[str, Any]) -> dict[str, Any]:
    if not J.requires_grad:
        return dict.fromkeys(leaves)
    slopes = torch.autograd.grad(J, list(leaves.values()), allow_unused=True)
    return {
        name: None if g is None else (g.to_dense() if g.is_sparse else g).numpy()
        for name, g in zip(leaves, slopes, strict=True)
    }


def _network(
    torch: Any, names: Any, constants: Any, values: Any, first: Any, R: Any, one: bool
) -> UserNetwork | None:
    arrays = [c.numpy() for c in constants if isinstance(c, torch.Tensor)]
    if one:
        others = [a for n, a in zip(names, arrays, strict=False) if n not in values]
        if len(values) == 1 and others:
            name, z = next(iter(values.items()))
            return identify_cost(name, z, others[0], float(first))
        return None
    matrices = [(n, a) for n, a in zip(names, arrays, strict=False) if a.ndim == 2]
    vectors = [(n, a) for n, a in zip(names, arrays, strict=False) if a.ndim == 1]
    if len(matrices) == 2 and len(vectors) <= 1:
        (x_name, x), (W_name, W) = matrices
        b_name, b = vectors[0] if vectors else ("", None)
        return layer_network(x, W, b, R, first.numpy(), (x_name, W_name, b_name))
    if len(arrays) == 1:
        return layer_network(arrays[0], None, None, R, first.numpy(), (names[0], "", ""))
    return None


def _names(function: Any, count: int) -> list[str]:
    try:
        forward: Any = getattr(function, "forward", None) if inspect.isclass(function) else function
        parameters = list(inspect.signature(forward).parameters.values())
        names = [
            p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        names = []
    if inspect.isclass(function):
        names = names[1:] if names[:1] == ["ctx"] else names
    return [names[i] if i < len(names) else f"input{i}" for i in range(count)]


def _double(torch: Any, value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        value = torch.from_numpy(value)
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return value.double() if value.is_floating_point() else value
    return value


def _number(J: Any) -> Any:
    return J.numpy() if hasattr(J, "numpy") else J
