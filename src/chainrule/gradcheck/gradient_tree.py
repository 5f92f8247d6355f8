"""The gradients of parameters, taken from a container of the parameters' form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..typing import Array
from .pytree import ComplexPart, Leaf, is_floating


def gradients_of(
    container: Any, leaves: Sequence[Leaf], samples: int | None = None, conjugate: bool = False
) -> list[Array | None]:
    """Return the gradient of each leaf, None where the container holds None.

    A dictionary may call the gradient of ``W1`` also ``dW1`` or ``grad_W1``. Sparse arrays are made
    dense. The gradient of a complex z = x + iy is dJ/dx + i dJ/dy, or, with ``conjugate``,
    dJ/dx - i dJ/dy. Raises ValueError naming the parameter whose gradient is missing or of another
    shape, with what the shape tells.
    """
    return [_gradient(container, leaf, samples, conjugate) for leaf in leaves]


def _gradient(container: Any, leaf: Leaf, samples: int | None, conjugate: bool) -> Array | None:
    node = container
    part = leaf.path[-1] if leaf.path and isinstance(leaf.path[-1], ComplexPart) else None
    for key in leaf.path if part is None else leaf.path[:-1]:
        node = _step(node, key, leaf)
    if node is None:
        return None
    gradient = _array(node)
    if part is ComplexPart.IMAG:
        gradient = -np.imag(gradient) if conjugate else np.imag(gradient)
    elif part is ComplexPart.REAL:
        gradient = np.real(gradient)
    if gradient.dtype.kind not in "biu" and not is_floating(gradient.dtype):
        raise TypeError(
            f"the gradient of {leaf.name!r} must be an array of real numbers, "
            f"not {type(node).__name__}"
        )
    if gradient.shape != leaf.shape:
        raise ValueError(
            f"the gradient of {leaf.name!r} has the shape {gradient.shape}, and {leaf.name!r} has "
            f"{leaf.shape}" + shape_hint(gradient.shape, leaf, samples)
        )
    return gradient


def _array(node: Any) -> Array:
    """Return a gradient as an array; scipy's sparse arrays and JAX's are made dense."""
    for method in ("toarray", "todense"):
        if hasattr(node, method):
            node = getattr(node, method)()
            break
    try:
        return np.asarray(node)
    except (TypeError, ValueError):
        return np.asarray(None)


def _step(node: Any, key: Any, leaf: Leaf) -> Any:
    if isinstance(node, Mapping):
        for name in (key, f"d{key}", f"grad_{key}"):
            if name in node:
                return node[name]
        known = ", ".join(map(repr, node))
        raise ValueError(f"the gradients lack {leaf.name!r}: they hold {known or 'nothing'}")
    if isinstance(node, (list, tuple)) and isinstance(key, int):
        if key >= len(node):
            raise ValueError(f"the gradients lack {leaf.name!r}: there are {len(node)} of them")
        return node[key]
    raise ValueError(
        f"the gradients must be laid out as the parameters are, and hold no {leaf.name!r}: "
        f"got {type(node).__name__}"
    )


def shape_hint(got: tuple[int, ...], leaf: Leaf, samples: int | None = None) -> str:
    """Say what a gradient's wrong shape tells about the mistake, after the colon."""
    want = leaf.shape
    if got == want[::-1]:
        return f": it is transposed, so return d{leaf.name}.T"
    if [n for n in got if n != 1] == [n for n in want if n != 1]:
        return f": reshape it, or an update with d{leaf.name} broadcasts"
    units = max(want, default=1)
    bias = sum(n != 1 for n in want) <= 1
    if bias and len(got) == 2 and units in got and (samples is None or samples in got):
        return (
            f": it was not summed over the samples: d{leaf.name} = sum over samples of dz, "
            "one number a unit"
        )
    if bias and samples is not None and samples in got:
        return f": it was summed over the wrong axis: d{leaf.name} has one number a unit"
    return ""
