"""Custom autograd functions inside a torch model, each checked alone where the model calls it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from ..kernels import check_kernel
from ..report import Report
from .numpy_program import _place, joined


@dataclass(slots=True)
class Visit:
    """One call of a custom function: its inputs, and the upstream gradients that came back."""

    function: Any
    inputs: tuple[Any, ...]
    upstream: tuple[Any, ...] = ()


def check_model(
    model: Callable[..., Any], inputs: Sequence[Any], loss: Callable[[Any], Any] | None, seed: int
) -> Report:
    """Check every custom autograd function that a model calls, at its actual inputs and upstream
    gradients, in the order of the backward pass."""
    with torch.enable_grad(), torch.random.fork_rng():
        J = _cost(model, inputs, loss)
        functions = _functions(J.grad_fn)
        if not functions:
            raise ValueError("the model calls no custom autograd function: there is none to check")
        with _watched(functions) as visits:
            J = _cost(model, inputs, loss)
            torch.autograd.grad(J, _leaves(J.grad_fn), allow_unused=True)
    reports = []
    for visit in visits:
        name = visit.function.__name__
        report = check_kernel(
            visit.function.apply,
            visit.inputs,
            upstream=list(visit.upstream),
            wrt=None,
            calls=False,
            repeats=0,
            seed=seed,
            name=name,
        )
        label = f"{name}.backward{_place(visit.function.backward)}"
        wrong = report.where
        reports.append((label + (f": {wrong}" if wrong else ""), report))
    return joined(reports, float(J.detach()))


def _cost(model: Any, inputs: Sequence[Any], loss: Any) -> Any:
    torch.manual_seed(0)
    out = model(*inputs)
    J = out if loss is None else loss(out)
    if not isinstance(J, torch.Tensor) or J.numel() != 1:
        raise ValueError("the model must return one number, or loss= must make one of its output")
    if not J.requires_grad:
        raise ValueError("the cost requires no gradient: nothing in the model is trained")
    return J


def _functions(root: Any) -> list[Any]:
    """Return the custom functions of a graph."""
    functions: list[Any] = []
    for node in _nodes(root):
        owner = getattr(node, "_forward_cls", None)
        if (
            owner is not None
            and owner not in functions
            and not owner.__module__.startswith("torch.")
        ):
            functions.append(owner)
    return functions


def _leaves(root: Any) -> list[Any]:
    return [node.variable for node in _nodes(root) if hasattr(node, "variable")]


def _nodes(root: Any) -> Iterator[Any]:
    seen, todo = set(), [root]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        todo += [above for above, _ in node.next_functions]


@contextmanager
def _watched(functions: Sequence[Any]) -> Iterator[list[Visit]]:
    """Record every call of these functions while inside; visits come in the backward's order."""
    visits: list[Visit] = []
    originals = [
        (function, name, function.__dict__[name])
        for function in functions
        for name in ("forward", "setup_context", "backward")
        if name in function.__dict__
    ]
    for function in functions:
        if "setup_context" in function.__dict__:
            function.setup_context = staticmethod(_context(function))
        else:
            function.forward = staticmethod(_forward(function))
        function.backward = staticmethod(_backward(function.backward, visits))
    try:
        yield visits
    finally:
        for function, name, method in originals:
            setattr(function, name, method)


def _forward(function: Any) -> Callable[..., Any]:
    plain = function.forward

    def forward(ctx: Any, *inputs: Any) -> Any:
        ctx.chainrule_visit = Visit(function, _copied(inputs, ctx))
        return plain(ctx, *inputs)

    return forward


def _context(function: Any) -> Callable[..., Any]:
    """Record where forward has no context of its own."""
    plain = function.setup_context

    def setup_context(ctx: Any, inputs: Any, output: Any) -> Any:
        ctx.chainrule_visit = Visit(function, _copied(inputs, ctx))
        return plain(ctx, inputs, output)

    return setup_context


def _copied(inputs: Sequence[Any], ctx: Any) -> tuple[Any, ...]:
    needed = ctx.needs_input_grad
    return tuple(
        x.detach().clone().requires_grad_(bool(n) and x.is_floating_point())
        if isinstance(x, torch.Tensor)
        else x
        for x, n in zip(inputs, needed, strict=True)
    )


def _backward(plain: Callable[..., Any], visits: list[Visit]) -> Callable[..., Any]:
    def backward(ctx: Any, *upstream: Any) -> Any:
        visit = getattr(ctx, "chainrule_visit", None)
        if visit is not None and all(u is not None for u in upstream):
            visit.upstream = tuple(u.detach().clone() for u in upstream)
            visits.append(visit)
        return plain(ctx, *upstream)

    return backward
