"""Jacobians of torch functions by reverse and forward mode, row by row and column by column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ...typing import Array
from .blocks import Shape, flatten, unflatten


class TorchFunction:
    """``func(*inputs)`` of those inputs that require their gradient, all outputs of floats.

    Raises TypeError or ValueError, in one sentence, where there is nothing to differentiate.
    """

    def __init__(self, func: Callable[..., Any], inputs: Any) -> None:
        arguments = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
        self.func, self.arguments = func, tuple(arguments)
        self.moving: list[bool] | None = None
        self.asked = [i for i, x in enumerate(self.arguments) if _asks(x)]
        if not self.asked:
            raise ValueError("no input requires its gradient: set requires_grad=True on one")
        for i in self.asked:
            if self.arguments[i].layout is not torch.strided:
                raise TypeError(f"input {i} is sparse: give its values as a dense tensor")
        self.tensors = [self.arguments[i].detach() for i in self.asked]
        self.inputs = [
            Shape(f"input{i}", tuple(x.shape), x.is_complex())
            for i, x in zip(self.asked, self.tensors, strict=True)
        ]
        self.x = flatten([_numpy(x) for x in self.tensors])
        outputs = self.run(self.leaves(True))
        self.outputs = [
            Shape(f"output{i}" if len(outputs) > 1 else "output", tuple(o.shape), o.is_complex())
            for i, o in enumerate(outputs)
        ]
        self.dtypes = [o.dtype for o in outputs]

    def leaves(self, grad: bool, x: Array | None = None) -> list[Any]:
        """Return the checked inputs, in their own strides, at x or where they are."""
        values = unflatten(self.x if x is None else x, self.inputs)
        leaves = []
        for tensor, value in zip(self.tensors, values, strict=True):
            leaf = torch.empty_like(tensor).copy_(torch.from_numpy(np.array(value)))
            leaves.append(leaf.requires_grad_(grad))
        return leaves

    def run(self, leaves: Sequence[Any]) -> list[Any]:
        """Return the differentiable outputs."""
        arguments = list(self.arguments)
        for i, leaf in zip(self.asked, leaves, strict=True):
            arguments[i] = leaf
        value = self.func(*arguments)
        outputs = value if isinstance(value, (tuple, list)) else (value,)
        outputs = [
            o
            for o in outputs
            if isinstance(o, torch.Tensor) and (o.is_floating_point() or o.is_complex())
        ]
        if not outputs:
            raise ValueError("the function returned no tensor of floats: nothing to differentiate")
        # Outputs marked as not differentiable are left out, but for a function that has no other.
        if self.moving is None:
            self.moving = [o.requires_grad for o in outputs]
        if any(self.moving):
            outputs = [o for o, moves in zip(outputs, self.moving, strict=True) if moves]
        return [o.to_dense() if o.layout is not torch.strided else o for o in outputs]

    def __call__(self, x: Array) -> Array:
        """Return the outputs at x as one vector; a backward pass may be inside the function."""
        return flatten([_numpy(o) for o in self.run(self.leaves(True, x))])

    def units(self) -> list[list[Any]]:
        """Return, for every row of the Jacobian, the upstream gradient that picks it."""
        total = sum(s.size for s in self.outputs)
        rows = []
        for r in range(total):
            unit = np.zeros(total)
            unit[r] = 1.0
            arrays = unflatten(unit, self.outputs)
            rows.append(
                [
                    torch.from_numpy(np.array(a)).to(d)
                    for a, d in zip(arrays, self.dtypes, strict=True)
                ]
            )
        return rows

    def reverse(self, batched: bool = False, zeros: bool = False) -> Array:
        """Return the Jacobian (m, n), a backward pass for each row, or all rows in one.

        Each output is alone: the others get no gradient, or with ``zeros`` dense zeros.
        """
        leaves = self.leaves(True)
        outputs = self.run(leaves)
        rows = self.units()
        if not batched:
            return np.stack([self.pull(outputs, leaves, _alone(row, zeros)) for row in rows])
        picked = [k for k, o in enumerate(outputs) if o.requires_grad]
        stacked = [torch.stack([row[k] for row in rows]) for k in picked]
        grads = torch.autograd.grad(
            [outputs[k] for k in picked], leaves, stacked, allow_unused=True, is_grads_batched=True
        )
        whole = [
            np.zeros((len(rows), *leaf.shape)) if g is None else _numpy(g)
            for g, leaf in zip(grads, leaves, strict=True)
        ]
        return np.stack([flatten([g[r] for g in whole]) for r in range(len(rows))])

    def pull(self, outputs: Sequence[Any], leaves: Sequence[Any], upstream: Sequence[Any]) -> Array:
        """Return one backward pass as a vector; None is 0."""
        pairs = [
            (o, u)
            for o, u in zip(outputs, upstream, strict=True)
            if o.requires_grad and u is not None
        ]
        if not pairs:
            return np.zeros(len(self.x))
        outs, cotangents = zip(*pairs, strict=True)
        grads = torch.autograd.grad(outs, leaves, cotangents, retain_graph=True, allow_unused=True)
        return flatten(
            [
                _like(np.zeros(tuple(leaf.shape)) if g is None else _numpy(g), leaf)
                for g, leaf in zip(grads, leaves, strict=True)
            ]
        )

    def forward(self) -> Array:
        """Return the Jacobian (m, n) by forward mode, a pass for each column."""
        ad: Any = torch.autograd.forward_ad
        columns = []
        for j in range(len(self.x)):
            unit = np.zeros(len(self.x))
            unit[j] = 1.0
            tangents = unflatten(unit, self.inputs)
            with ad.dual_level():
                duals = [
                    ad.make_dual(leaf, torch.from_numpy(np.array(t)).to(leaf.dtype))
                    for leaf, t in zip(self.leaves(False), tangents, strict=True)
                ]
                pushed = [ad.unpack_dual(o) for o in self.run(duals)]
                columns.append(
                    flatten(
                        [
                            _like(np.zeros(tuple(p.primal.shape)), p.primal)
                            if p.tangent is None
                            else _like(_numpy(p.tangent), p.primal)
                            for p in pushed
                        ]
                    )
                )
        return np.stack(columns, axis=1)


def _alone(row: list[Any], zeros: bool) -> list[Any]:
    """Return a row's upstream gradients, None for the outputs that it does not pick."""
    return row if zeros else [u if bool((u != 0).any()) else None for u in row]


def _asks(x: Any) -> bool:
    return isinstance(x, torch.Tensor) and bool(x.requires_grad)


def _numpy(x: Any) -> Array:
    dense = x.detach().to_dense() if x.layout is not torch.strided else x.detach()
    array: Array = dense.resolve_conj().resolve_neg().cpu().numpy()
    return array


def _like(a: Array, tensor: Any) -> Array:
    """Return an array as complex numbers where the tensor's are."""
    return a.astype(np.complex128) if tensor.is_complex() else np.real(a)
