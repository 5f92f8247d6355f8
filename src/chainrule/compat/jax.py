"""``jax.test_util.check_grads``: forward and reverse mode, to any order, entry by entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..gradcheck.brief import brief
from ..gradcheck.jacobians.blocks import Shape, check_blocks, flatten, unflatten
from ..gradcheck.report import GradientError, Report
from ..gradcheck.verdicts import TOLERANCE

MODES = ("fwd", "rev")


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int,
    modes: str | Sequence[str] = MODES,
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> bool:
    """Check derivatives as ``jax.test_util.check_grads`` does; True, or an exception.

    ``f(*args)``, of arrays or pytrees; whole numbers and truth values in them are held fixed.
    Everything floating is taken in float64, whatever JAX's setting, with all custom rules. Order 2
    checks the derivatives' derivatives. ``rtol``: the relative error that passes, otherwise 1e-5;
    ``atol`` and ``eps`` are not needed.

    Raises ``GradientError`` with the entry and why; TypeError or ValueError for what cannot be
    checked.
    """
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    for mode in modes:
        if mode not in MODES:
            raise ValueError(f"modes must be 'fwd' or 'rev', not {mode!r}")
    if order < 1:
        raise ValueError(f"order must be at least 1, not {order}")
    tolerance = TOLERANCE if rtol is None else max(rtol, TOLERANCE)
    enable = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    with enable(True):
        leaves, tree = jax.tree.flatten(tuple(args))
        arrays = [_double(leaf) for leaf in leaves]
        moving = [i for i, a in enumerate(arrays) if jnp.issubdtype(a.dtype, jnp.inexact)]
        if not moving:
            raise ValueError("args hold no floats: there is nothing to differentiate")

        def g(*parts: Any) -> tuple[Any, ...]:
            filled = list(arrays)
            for i, part in zip(moving, parts, strict=True):
                filled[i] = part
            out = jax.tree.leaves(f(*jax.tree.unflatten(tree, filled)))
            return tuple(o for o in map(jnp.asarray, out) if jnp.issubdtype(o.dtype, jnp.inexact))

        name = getattr(f, "__name__", "f")
        _all_orders(g, [arrays[i] for i in moving], order, modes, tolerance, f"jax {name}")
    return True


def _double(leaf: Any) -> Any:
    array = jnp.asarray(leaf)
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        return array.astype(jnp.complex128)
    return array.astype(jnp.float64) if jnp.issubdtype(array.dtype, jnp.floating) else array


def _all_orders(
    g: Callable[..., tuple[Any, ...]],
    parts: list[Any],
    order: int,
    modes: Sequence[str],
    tolerance: float,
    subject: str,
) -> None:
    report = _report(g, parts, modes, tolerance, subject)
    if report.verdict == "wrong":
        error = GradientError(report)
        error.args = (brief(report, 0),)
        raise error
    if order == 1:
        return
    rng = np.random.default_rng(order)
    outs = g(*parts)
    if "fwd" in modes:
        tangents = [_random(rng, p) for p in parts]

        def pushed(*p: Any) -> tuple[Any, ...]:
            return tuple(jax.jvp(g, p, tuple(tangents))[1])

        _all_orders(pushed, parts, order - 1, modes, tolerance, f"{subject}, derivative forwards")
    if "rev" in modes:
        upstream = tuple(_random(rng, o) for o in outs)

        def pulled(*p: Any) -> tuple[Any, ...]:
            return tuple(jax.vjp(g, *p)[1](upstream))

        _all_orders(pulled, parts, order - 1, modes, tolerance, f"{subject}, derivative backwards")


def _random(rng: np.random.Generator, like: Any) -> Any:
    numbers = rng.standard_normal(like.shape)
    if jnp.issubdtype(like.dtype, jnp.complexfloating):
        numbers = numbers + 1j * rng.standard_normal(like.shape)
    return jnp.asarray(numbers)


def _report(
    g: Callable[..., tuple[Any, ...]],
    parts: list[Any],
    modes: Sequence[str],
    tolerance: float,
    subject: str,
) -> Report:
    inputs = [_shape(f"arg{i}", p) for i, p in enumerate(parts)]
    value, pull = jax.vjp(g, *parts)
    if not value:
        raise ValueError("f returned no floats: there is nothing to differentiate")
    outputs = [_shape(f"output{i}" if len(value) > 1 else "output", o) for i, o in enumerate(value)]
    compiled = jax.jit(g)

    def vector(x: Any) -> Any:
        return flatten([np.asarray(o) for o in compiled(*map(jnp.asarray, unflatten(x, inputs)))])

    analytic = []
    if "rev" in modes:
        rows = [
            flatten(
                [_kind(r, s) for r, s in zip(pull(tuple(map(jnp.asarray, u))), inputs, strict=True)]
            )
            for u in _units(outputs, conjugate=True)
        ]
        analytic.append(("reverse mode", np.stack(rows) * _signs(inputs)))
    if "fwd" in modes:
        columns = [
            flatten(list(map(np.asarray, jax.jvp(g, tuple(parts), tuple(map(jnp.asarray, u)))[1])))
            for u in _units(inputs)
        ]
        analytic.append(("forward mode", np.stack(columns, axis=1)))
    x = flatten([np.asarray(p) for p in parts])
    return check_blocks(vector, x, analytic, inputs, outputs, subject=subject, tolerance=tolerance)


def _shape(name: str, a: Any) -> Shape:
    return Shape(name, tuple(a.shape), bool(jnp.issubdtype(a.dtype, jnp.complexfloating)))


def _kind(a: Any, s: Shape) -> Any:
    array = np.asarray(a)
    return array.astype(np.complex128) if s.complex else array.astype(np.float64)


def _units(shapes: Sequence[Shape], conjugate: bool = False) -> list[list[Any]]:
    """Return each unit vector as arrays; JAX pulls back conjugates of torch's."""
    total = sum(s.size for s in shapes)
    signs = _signs(shapes) if conjugate else np.ones(total)
    return [unflatten(row, shapes) for row in np.diag(signs)]


def _signs(shapes: Sequence[Shape]) -> Any:
    """Return 1 for real parts and -1 for imaginary ones: JAX's gradient is ∂/∂Re - i ∂/∂Im."""
    return np.concatenate(
        [np.tile([1.0, -1.0], s.size // 2) if s.complex else np.ones(s.size) for s in shapes]
    )
