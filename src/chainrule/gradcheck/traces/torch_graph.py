"""The graph that torch recorded of a function, as a program: its reference, in float64."""

from __future__ import annotations

import linecache
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...typing import Array
from .steps import PACKAGE, Program, Step

TORCH = str(Path(torch.__file__).parent)
FRAME = re.compile(r'File "(.+)", line (\d+), in ')
OPERATIONS = {
    "mm": "@", "bmm": "@", "pow": "power", "t": "transpose", "mul": "multiply", "div": "divide",
    "sub": "subtract", "neg": "negative",
}  # fmt: skip


class _Several(Exception):
    """A node has several outputs: their gradients are not followed."""


def torch_program(
    call: Any, arrays: Sequence[Any], names: Sequence[str], upstream: Sequence[Any]
) -> Program | None:
    """Run a function of float64 tensors; return its graph, None where it cannot be followed."""
    inputs = [a.detach().double().requires_grad_() for a in arrays]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with torch.autograd.set_detect_anomaly(True, check_nan=False):
                outputs = call(inputs)
    except Exception:  # whatever somebody's function raises
        return None
    outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
    if len(outputs) != len(upstream) or any(out.grad_fn is None for out in outputs):
        return None
    steps: dict[Any, Step] = {}
    leaves: dict[str, Step] = {}
    places = {id(x): name for x, name in zip(inputs, names, strict=True)}
    try:
        ends = [
            (_step(out.grad_fn, steps, leaves, places), u.detach().double())
            for out, u in zip(outputs, upstream, strict=True)
        ]
    except (_Several, RecursionError):
        return None
    if set(leaves) != set(names):
        return None
    return Program(ends, leaves, numbers=_numbers)


def _numbers(g: Any) -> Array:
    return np.asarray(g.detach().numpy(), np.float64)


def _step(node: Any, steps: dict[Any, Step], leaves: dict[str, Step], places: Any) -> Step:
    """Return the step of a node, with all below it.

    Raises _Several where a node has several outputs.
    """
    if node in steps:
        return steps[node]
    if hasattr(node, "variable"):
        name = places.get(id(node.variable), "")
        steps[node] = leaves[name] = Step(
            "parameter", (), _pulled(node), shape=_shape(node, 0), leaf=name
        )
        return steps[node]
    below = [(k, n) for k, (n, output) in enumerate(node.next_functions) if n is not None]
    site, place = _place(node)
    if any(output for n, output in node.next_functions if n is not None):
        raise _Several
    name = re.sub(r"Backward\d+$", "", node.name()).lstrip("_").lower()
    inputs = tuple(_step(n, steps, leaves, places) for _, n in below)
    step = Step(
        OPERATIONS.get(name, name), inputs, _pulled(node), tuple(k for k, _ in below),
        _shape(node, 0), site, place,
        other=_turned(node) if name in ("mm", "bmm") else None,
    )  # fmt: skip
    steps[node] = step
    return step


def _pulled(node: Any) -> Any:
    def pull(g: Any, k: int) -> Any:
        back = node(g.contiguous())
        part = back if isinstance(back, torch.Tensor) else back[k]
        # The engine sums over the axes along which an argument was spread, and so must this.
        below, output = node.next_functions[k]
        return None if part is None else part.sum_to_size(_shape(below, output))

    return pull


def _shape(node: Any, output: int) -> tuple[int, ...]:
    if hasattr(node, "variable"):
        return tuple(node.variable.shape)
    return tuple(node._input_metadata[output].shape)


def _turned(node: Any) -> Any:
    """Go back through a product by the matrix itself, where both fit."""

    def pull(g: Any, k: int) -> Any:
        return g @ node._saved_mat2 if k == 0 else node._saved_self @ g

    return pull


def _place(node: Any) -> tuple[tuple[Any, ...], str]:
    """Return the line that made a node, out of torch and this package, with those that called."""
    site: list[tuple[str, int]] = []
    texts: list[str] = []
    for frame in reversed(node.metadata.get("traceback_", [])):
        match = FRAME.search(frame)
        if match is None or match[1].startswith((TORCH, PACKAGE)):
            if site:
                break
            continue
        line = int(match[2])
        site.append((match[1], line))
        texts.append(f"`{linecache.getline(match[1], line).strip()}` (line {line})")
    return tuple(site), texts[0] if texts else ""
