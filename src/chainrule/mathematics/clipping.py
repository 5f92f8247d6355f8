"""Gradient clipping: by length, which keeps the direction, and entry by entry, which does not."""

from __future__ import annotations

from math import isfinite, sqrt

from .checks import POSITIVE, setting
from .namespace import Array, namespace


def norm(dtheta: Array) -> float:
    """Return the Euclidean length ``sqrt(sum dtheta^2)`` as a Python float; 0 for no entries.

    The squares are taken relative to the largest entry, so they cannot overflow or vanish. NaN or
    inf if an entry is.
    """
    peak, ratio, _ = _polar(dtheta)
    return peak * ratio


def clip_by_norm(dtheta: Array, limit: float) -> Array:
    """Shorten a gradient that is longer than ``limit``: ``dtheta * min(1, limit / norm(dtheta))``.

    Shape and dtype stay. A gradient within the limit is returned as it is, and so is one that is
    not finite, for the caller to notice. Raises ValueError unless limit > 0.
    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks",
    ICML 2013, algorithm 1.

    >>> import numpy as np
    >>> clip_by_norm(np.array([3.0, -4.0]), 1.0)
    array([ 0.6, -0.8])
    """
    limit = setting("clip_by_norm", "limit", limit, POSITIVE)
    peak, ratio, relative = _polar(dtheta)
    if not isfinite(peak) or peak * ratio <= limit:
        return dtheta
    return relative * (float(limit) / ratio)


def _polar(dtheta: Array) -> tuple[float, float, Array]:
    """Return the largest |entry|, the length relative to it, and the array relative to it."""
    if 0 in dtheta.shape:
        return 0.0, 0.0, dtheta
    xp = namespace(dtheta)
    peak = float(xp.max(xp.abs(dtheta)))
    if peak == 0 or not isfinite(peak):
        return peak, 1.0, dtheta
    relative = dtheta / peak
    return peak, sqrt(float(xp.sum(relative * relative))), relative


def clip_by_value(dtheta: Array, limit: float) -> Array:
    """Bring every entry into [-limit, limit]: ``max(-limit, min(limit, dtheta))``. NaN stays NaN.

    Shape and dtype stay. Raises ValueError unless limit > 0.

    >>> import numpy as np
    >>> clip_by_value(np.array([3.0, -4.0, 0.5]), 1.0)
    array([ 1. , -1. ,  0.5])
    """
    limit = setting("clip_by_value", "limit", limit, POSITIVE)
    xp = namespace(dtheta)
    return xp.maximum(xp.minimum(dtheta, limit), -limit)
