"""One forward and backward pass of a function, in the numbers that a check compares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...typing import Array
from ..user_functions import error_from
from .arguments import Arguments
from .frameworks import Linear


@dataclass(slots=True)
class Pass:
    """Outputs and gradients of one call, as the library holds them and as float64 numbers."""

    linear: Linear
    outputs: list[Array]
    gradients: list[Array]
    missing: tuple[str, ...]
    raw: list[Any]


def upstream_of(arguments: Arguments, outputs: Sequence[Any], seed: int) -> list[Any]:
    """Return a random upstream gradient for each output, in the output's own dtype.

    An output of one number, a cost, is given 1.
    """
    rng = np.random.default_rng(seed)
    return [
        arguments.framework.like(
            out,
            rng.standard_normal(out.shape) if int(np.prod(out.shape)) > 1 else np.ones(out.shape),
        )
        for out in outputs
    ]


def linearise(arguments: Arguments, function: Callable[..., Any], watch: bool = False) -> Linear:
    """Run a function forwards. Raises ValueError, in one sentence, for whatever it raises."""
    arguments.framework.begin()
    try:
        return arguments.framework.linearise(arguments.call(function), arguments.arrays, watch)
    except (TypeError, ValueError) as error:
        if str(error).startswith("the function returned"):
            raise
        raise failed(function, "forward pass", error) from error
    except Exception as error:  # whatever somebody's function can raise
        raise failed(function, "forward pass", error) from error


def failed(function: Any, what: str, error: Exception) -> ValueError:
    """Build the error for a function that raised one, in one sentence."""
    name = getattr(function, "__name__", type(function).__name__)
    return error_from(f"the {what} of {name}", error)


def run(
    arguments: Arguments,
    function: Callable[..., Any],
    upstream: Sequence[Any] | None,
    seed: int = 0,
) -> tuple[Pass, list[Any]]:
    """Run a function forwards and backwards; return the pass and the upstream gradients used.

    Upstream gradients that were made for another dtype are rounded to that of the outputs.
    """
    library = arguments.framework
    linear = linearise(arguments, function)
    if upstream is None:
        upstream = upstream_of(arguments, linear.outputs, seed)
    _same_shapes(function, upstream, linear.outputs)
    upstream = [
        u if library.dtype(u) == library.dtype(out) else library.like(out, library.numbers(u))
        for u, out in zip(upstream, linear.outputs, strict=True)
    ]
    raw = pulled(arguments, function, linear, upstream)
    numbers = [library.numbers(out) for out in linear.outputs]
    missing = tuple(n for n, g in zip(arguments.names, raw, strict=True) if g is None)
    return Pass(linear, numbers, numbers_of(arguments, raw), missing, raw), list(upstream)


def pulled(
    arguments: Arguments, function: Any, linear: Linear, upstream: Sequence[Any]
) -> list[Any]:
    """Run a backward pass on copies of the upstream gradients, which it may write to.

    Raises ValueError, in one sentence, for whatever it raises.
    """
    try:
        return linear.pull([1 * u for u in upstream])
    except Exception as error:  # whatever somebody's backward can raise
        raise failed(function, "backward pass", error) from error


def numbers_of(arguments: Arguments, gradients: Sequence[Any]) -> list[Array]:
    """Return gradients as numbers, None as zeros."""
    return [
        np.zeros(tuple(a.shape)) if g is None else arguments.framework.numbers(g)
        for a, g in zip(arguments.arrays, gradients, strict=True)
    ]


def _same_shapes(function: Any, upstream: Sequence[Any], outputs: Sequence[Any]) -> None:
    wanted = [tuple(u.shape) for u in upstream]
    shapes = [tuple(out.shape) for out in outputs]
    if wanted != shapes:
        name = getattr(function, "__name__", type(function).__name__)
        raise ValueError(
            f"{name} returns arrays of the shapes {shapes}, and {wanted} were expected: kernel, "
            "reference and upstream gradients must agree"
        )
