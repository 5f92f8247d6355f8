"""The L1 and L2 penalties on weights, added to the mean cost J: value and gradient."""

from __future__ import annotations

from .checks import NOT_NEGATIVE, setting
from .namespace import Array, namespace


def penalty(W: Array, l1: float = 0.0, l2: float = 0.0) -> Array:
    """Return ``l1 * sum |W| + l2 / 2 * sum W^2``, a scalar.

    It is added to the mean cost over samples, so its strength does not depend on the batch size.
    W has any shape and holds weights only, never biases; the scalar has its dtype.

    Raises ValueError for a negative l1 or l2.
    Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, equations (7.2) and (7.19).

    >>> import numpy as np
    >>> float(penalty(np.array([[3.0, -4.0]]), l1=1.0, l2=2.0))
    32.0
    """
    l1, l2 = _strengths(l1, l2)
    xp = namespace(W)
    total = xp.sum(xp.zeros_like(W)) if l1 == 0 and l2 == 0 else 0
    if l1 != 0:
        total = total + l1 * xp.sum(xp.abs(W))
    if l2 != 0:
        total = total + l2 * xp.sum(W * W) / 2
    return total


def penalty_gradient(W: Array, l1: float = 0.0, l2: float = 0.0) -> Array:
    """Return ``l1 * sign(W) + l2 * W``, of W's shape and dtype; sign(0) = 0.

    Raises ValueError for a negative l1 or l2.
    Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, equations (7.3) and (7.20).

    >>> import numpy as np
    >>> penalty_gradient(np.array([3.0, 0.0, -4.0]), l1=1.0, l2=2.0)
    array([ 7.,  0., -9.])
    """
    l1, l2 = _strengths(l1, l2)
    xp = namespace(W)
    if l1 == 0:
        return l2 * W if l2 != 0 else xp.zeros_like(W)
    dW = l1 * xp.sign(W)
    if l2 != 0:
        dW += l2 * W
    return dW


def _strengths(l1: float, l2: float) -> tuple[float, float]:
    return (
        setting("penalty", "l1", l1, NOT_NEGATIVE),
        setting("penalty", "l2", l2, NOT_NEGATIVE),
    )
