"""JAX: a cost function with whatever rule of differentiation it has, checked in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..report import Report
from ..strategies.functions import check_pair


def check_jax(
    cost: Callable[..., Any],
    parameters: Any,
    *args: Any,
    X: Any = None,
    y: Any = None,
    **settings: Any,
) -> Report:
    """Check ``jax.grad(cost)(parameters, *args)``; custom_vjp and custom_jvp rules are in it.

    ``parameters``: a dictionary, list, tuple or array, also nested. Everything floating is turned
    into float64, whatever JAX's setting; ``settings`` are those of ``check_pair``.
    """
    try:
        import jax
    except ImportError:
        raise ImportError("checking JAX code needs jax: install it") from None
    enable = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    short = False

    def double(leaf: Any) -> Any:
        nonlocal short
        array = np.asarray(leaf)
        short = short or array.dtype == np.float32
        return array.astype(np.float64) if array.dtype.kind == "f" else array

    with enable(True):
        parameters64 = jax.tree.map(double, parameters)
        rest = jax.tree.map(double, args)
        value, slope = jax.jit(cost), jax.jit(jax.grad(cost))

        def J(p: Any) -> Any:
            return np.asarray(value(p, *rest))

        def gradients(p: Any) -> Any:
            return jax.tree.map(np.asarray, slope(p, *rest))

        settings.setdefault("name", f"jax {getattr(cost, '__name__', 'cost')}")
        notes = ("the parameters are float32: checked in float64",) if short else ()
        return check_pair(J, gradients, parameters64, X=X, y=y, notes=notes, **settings)
