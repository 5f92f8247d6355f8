"""How a gradient goes back through NumPy's operations, from the inputs and the value of each.

Three tables: slopes of functions entry by entry, functions that sum, and products. Functions that
only move entries need none: they are run on the entries' numbers (``sources``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...typing import Array


def _normal(x: Any) -> Any:
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def _special(name: str) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(x)

    return function


def _right(x: Any, y: Any, out: Any) -> Any:
    """The share of an input where it is the largest or smallest: ties are halved."""
    return np.where(x == out, np.where(x == y, 0.5, 1.0), 0.0)


# (inputs..., value) -> slope, one for each input.
SLOPES: Mapping[str, Sequence[Callable[..., Any]]] = {
    "negative": (lambda x, v: -1.0,),
    "positive": (lambda x, v: 1.0,),
    "exp": (lambda x, v: v,),
    "exp2": (lambda x, v: v * np.log(2),),
    "expm1": (lambda x, v: v + 1,),
    "log": (lambda x, v: 1 / x,),
    "log2": (lambda x, v: 1 / (x * np.log(2)),),
    "log10": (lambda x, v: 1 / (x * np.log(10)),),
    "log1p": (lambda x, v: 1 / (1 + x),),
    "sqrt": (lambda x, v: 0.5 / v,),
    "square": (lambda x, v: 2 * x,),
    "reciprocal": (lambda x, v: -v * v,),
    "absolute": (lambda x, v: np.sign(x),),
    "sin": (lambda x, v: np.cos(x),),
    "cos": (lambda x, v: -np.sin(x),),
    "tan": (lambda x, v: 1 + v * v,),
    "sinh": (lambda x, v: np.cosh(x),),
    "cosh": (lambda x, v: np.sinh(x),),
    "tanh": (lambda x, v: 1 - v * v,),
    "arctan": (lambda x, v: 1 / (1 + x * x),),
    "arcsin": (lambda x, v: 1 / np.sqrt(1 - x * x),),
    "arccos": (lambda x, v: -1 / np.sqrt(1 - x * x),),
    "erf": (lambda x, v: 2 / np.sqrt(np.pi) * np.exp(-x * x),),
    "expit": (lambda x, v: v * (1 - v),),
    "ndtr": (lambda x, v: _normal(x),),
    "log_ndtr": (lambda x, v: _normal(x) / np.exp(v),),
    "gammaln": (lambda x, v: _special("digamma")(x),),
    "add": (lambda x, y, v: 1.0, lambda x, y, v: 1.0),
    "subtract": (lambda x, y, v: 1.0, lambda x, y, v: -1.0),
    "multiply": (lambda x, y, v: y, lambda x, y, v: x),
    "divide": (lambda x, y, v: 1 / y, lambda x, y, v: -x / (y * y)),
    "power": (
        lambda x, y, v: y * np.power(x, y - 1.0),
        lambda x, y, v: v * np.log(np.where(x > 0, x, 1.0)),
    ),
    "maximum": (lambda x, y, v: _right(x, y, v), lambda x, y, v: _right(y, x, v)),
    "minimum": (lambda x, y, v: _right(x, y, v), lambda x, y, v: _right(y, x, v)),
    "logaddexp": (lambda x, y, v: np.exp(x - v), lambda x, y, v: np.exp(y - v)),
    "hypot": (lambda x, y, v: x / v, lambda x, y, v: y / v),
    "arctan2": (
        lambda x, y, v: y / (x * x + y * y),
        lambda x, y, v: -x / (x * x + y * y),
    ),
}


def unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    """Return g summed over the axes along which an array of this shape was spread."""
    g = np.asarray(g)
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    spread = tuple(k for k, n in enumerate(shape) if n == 1 and g.shape[k] != 1)
    summed: Array = g.sum(axis=spread, keepdims=True) if spread else g
    return summed


def _kept(values: Any, x: Array, axis: Any) -> Array:
    """Return what was summed over these axes, in a shape that spreads over x."""
    if axis is None:
        return np.reshape(values, (1,) * x.ndim)
    axes = tuple(a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,)))
    spread: Array = np.reshape(values, [1 if k in axes else n for k, n in enumerate(x.shape)])
    return spread


def _variance(g: Array, x: Array, v: Array, axis: Any, ddof: float) -> Array:
    count = x.size // max(g.size, 1)
    back: Array = g * 2 * (x - x.mean(axis=axis, keepdims=True)) / (count - ddof)
    return back


def _extreme(g: Array, x: Array, v: Array, axis: Any, ddof: float) -> Array:
    top = x == v
    back: Array = g * top / top.sum(axis=axis, keepdims=True)
    return back


# (gradient, x, value, axis, ddof), both with their axes kept -> the gradient of x.
REDUCTIONS: Mapping[str, Callable[..., Array]] = {
    "sum": lambda g, x, v, axis, ddof: np.broadcast_to(g, x.shape),
    "mean": lambda g, x, v, axis, ddof: np.broadcast_to(g * g.size / x.size, x.shape),
    "var": _variance,
    "std": lambda g, x, v, axis, ddof: _variance(g / (2 * v), x, v, axis, ddof),
    "max": _extreme,
    "min": _extreme,
    "prod": lambda g, x, v, axis, ddof: g * v / x,
}


def reduce_back(name: str, g: Any, x: Array, v: Any, axis: Any, ddof: float) -> Array:
    """Return the gradient of x for a sum, mean, variance or extreme over axes."""
    return REDUCTIONS[name](_kept(g, x, axis), x, _kept(v, x, axis), axis, ddof)


def product_back(g: Any, A: Array, B: Array, k: int, turned: bool = False) -> Array:
    """Return the gradient of A (k = 0) or B of ``A @ B``; ``turned``: by the other's own rows."""
    left = A[None, :] if A.ndim == 1 else A
    right = B[:, None] if B.ndim == 1 else B
    g = np.asarray(g)
    g = g[..., None] if B.ndim == 1 else g
    g = g[..., None, :] if A.ndim == 1 else g
    if k == 0:
        back = g @ (right if turned else np.swapaxes(right, -1, -2))
    else:
        back = (left if turned else np.swapaxes(left, -1, -2)) @ g
    shape = left.shape if k == 0 else right.shape
    return unbroadcast(back, shape).reshape(A.shape if k == 0 else B.shape)


# Functions that give each entry another place, or none: their inputs are these positions.
MOVES: Mapping[str, Sequence[int]] = {
    **dict.fromkeys(
        (
            "reshape", "ravel", "transpose", "swapaxes", "moveaxis", "squeeze", "expand_dims",
            "flip", "fliplr", "flipud", "roll", "rot90", "repeat", "tile", "pad", "diag",
            "diagonal", "tril", "triu", "take", "take_along_axis", "broadcast_to", "atleast_1d",
            "atleast_2d",
        ),
        (0,),
    ),
    "where": (1, 2),
    "concatenate": (),
    "stack": (),
    "vstack": (),
    "hstack": (),
    "column_stack": (),
}  # fmt: skip


def moved_back(g: Any, sources: Array, first: int, size: int) -> Array:
    """Return the gradient of the entries numbered from ``first`` on (from 1; 0 is no entry)."""
    flat = np.zeros(size)
    places = sources.ravel() - first
    inside = (places >= 0) & (places < size)
    np.add.at(flat, places[inside], np.broadcast_to(g, sources.shape).ravel()[inside])
    return flat
