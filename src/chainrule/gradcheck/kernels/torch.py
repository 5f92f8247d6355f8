"""torch: tensors as they are, on their own device and in their own dtype."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch

from ...typing import Array
from .frameworks import Call, floating_outputs

SEED = 0


class TorchLinear:
    """A forward pass of torch with its graph."""

    def __init__(self, call: Call, arrays: Sequence[Any], watch: bool) -> None:
        self.saved: list[tuple[Any, Any]] = []
        self.leaves = [_copy(a.detach()).requires_grad_(True) for a in arrays]
        self._before = [leaf.detach().clone() for leaf in self.leaves] if watch else []
        hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, _unpack)
        with torch.enable_grad(), hooks if watch else nullcontext():
            self._all = floating_outputs(FRAMEWORK, call(self.leaves))
        self.outputs = [out.detach() for out in self._all]
        self.constant = [not out.requires_grad for out in self._all]

    def _pack(self, tensor: Any) -> Any:
        if tensor.layout is torch.strided:
            self.saved.append((tensor.detach(), tensor.detach().clone()))
        return tensor

    def pull(self, upstream: Sequence[Any]) -> list[Any]:
        """Return the gradients of the leaves for these upstream gradients."""
        pairs = [
            (out, u)
            for out, u, constant in zip(self._all, upstream, self.constant, strict=True)
            if u is not None and not constant
        ]
        if not pairs:
            return [None] * len(self.leaves)
        outs, cotangents = zip(*pairs, strict=True)
        grads = torch.autograd.grad(
            outs, self.leaves, cotangents, retain_graph=True, allow_unused=True
        )
        return list(grads)

    def altered(self) -> list[str]:
        """Name what was written to: checked inputs by number, saved tensors."""
        changed = [
            f"input {i}"
            for i, (leaf, before) in enumerate(zip(self.leaves, self._before, strict=False))
            if not FRAMEWORK.equal(leaf.detach(), before)
        ]
        if not changed and any(not FRAMEWORK.equal(now, then) for now, then in self.saved):
            changed.append("a tensor saved for the backward pass")
        return changed


def _copy(tensor: Any) -> Any:
    """Copy a tensor with its strides, gaps between its rows included."""
    span = 1 + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
    if tensor.numel() == 0 or tensor.is_contiguous():
        return tensor.clone()
    room = torch.zeros(span, dtype=tensor.dtype, device=tensor.device)
    return room.as_strided(tensor.shape, tensor.stride()).copy_(tensor)


def _unpack(tensor: Any) -> Any:
    return tensor


class Torch:
    """Tensors of torch."""

    name = "torch"

    def __init__(self) -> None:
        self._begun = torch.get_rng_state()

    def owns(self, value: Any) -> bool:
        """Whether a value is a tensor."""
        return isinstance(value, torch.Tensor)

    def floating(self, value: Any) -> bool:
        """Whether a tensor holds real floating-point numbers."""
        return isinstance(value, torch.Tensor) and value.is_floating_point()

    def wanted(self, value: Any) -> bool:
        """Whether a tensor requires its gradient."""
        return bool(value.requires_grad)

    def numbers(self, value: Any) -> Array:
        """Return a tensor as float64 of NumPy."""
        array: Array = value.detach().to("cpu", torch.float64).contiguous().numpy()
        return array

    def like(self, value: Any, numbers: Array) -> Any:
        """Return numbers rounded to the tensor's dtype, on its device."""
        source = torch.from_numpy(np.require(numbers, np.float64, ["C", "W"]))
        return source.to(value.device, value.dtype, copy=True)

    def double(self, value: Any) -> Any:
        """Return a floating tensor in float64; any other value as it is."""
        return value.detach().double() if self.floating(value) else value

    def eps(self, value: Any) -> float:
        """Return the spacing of the dtype at 1."""
        return float(torch.finfo(value.dtype).eps)

    def dtype(self, value: Any) -> str:
        """Return the name of the dtype."""
        return str(value.dtype).removeprefix("torch.")

    def equal(self, one: Any, other: Any) -> bool:
        """Whether two tensors hold the same numbers, NaN equal to NaN."""
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        if torch.equal(one, other):
            return True
        if not one.is_floating_point():
            return False
        return bool(((one == other) | (one.isnan() & other.isnan())).all())

    def linearise(self, call: Call, arrays: Sequence[Any], watch: bool = False) -> TorchLinear:
        """Run the forward pass."""
        return TorchLinear(call, arrays, watch)

    def evaluate(self, call: Call, arrays: Sequence[Any]) -> list[Any]:
        """Run the forward pass without a graph."""
        with torch.no_grad():
            return floating_outputs(self, call([a.detach() for a in arrays]))

    def layouts(self, value: Any) -> Iterator[tuple[str, Any]]:
        """Yield the tensor transposed in memory, out of a concatenation, and with gaps."""
        if value.ndim >= 2:
            last = value.transpose(-1, -2).contiguous().transpose(-1, -2)
            yield "transposed in memory", last
        if value.ndim >= 1 and value.numel():
            yield (
                "cut out of a concatenation",
                torch.cat([value, value], dim=-1).narrow(-1, value.shape[-1], value.shape[-1]),
            )

    def spread(self, value: Any) -> Any:
        """Return ones of stride 0."""
        return torch.ones((), dtype=value.dtype, device=value.device).expand(value.shape)

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Put the random state of the CPU and of every GPU back at the end."""
        devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
        with torch.random.fork_rng(devices):
            yield

    def begin(self) -> None:
        """Begin the random numbers anew: masks of dropout stay the same."""
        torch.manual_seed(SEED)
        self._begun = torch.get_rng_state()

    def drawn(self) -> bool:
        """Whether random numbers of the CPU have been drawn since they began."""
        return not torch.equal(torch.get_rng_state(), self._begun)

    def width(self, on: bool) -> AbstractContextManager[Any]:
        """Do nothing: torch has float64 always."""
        return nullcontext()


FRAMEWORK = Torch()
