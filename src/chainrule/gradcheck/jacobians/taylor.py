"""The Taylor test: at which orders the remainders fall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..differences import EPS, SAFETY, noise_of, taylor_order


class TaylorOrders(NamedTuple):
    """Orders at which ``|J(m + t h) - model|`` falls with t, for models of growing degree.

    ``constant``: J(m), 1 for a smooth J; ``gradient``: with t dJ·h, 2 if the gradient is right and
    1 if not; ``hessian``: with t²/2 h·H h, 3 if that is right too. NaN: not asked for, or nothing
    but rounding is left.
    """

    constant: float
    gradient: float = float("nan")
    hessian: float = float("nan")


def taylor_test(
    J: Callable[[Any], Any],
    m: Any,
    h: Any = None,
    dJdm: Any = None,
    Hm: Any = None,
    *,
    seed: int = 0,
) -> TaylorOrders:
    """Return the Taylor orders of J at m along h.

    ``J(m)`` is one number; ``m + t * h`` must be defined. ``h``: a direction, random where it is
    not given and m is an array. ``dJdm``: the gradient, as an array, a function of m, or the number
    dJ·h; ``Hm``: the Hessian times h, likewise, or the number h·H h. J is called at moved copies
    only: no tape is left behind at another point.

    Raises TypeError or ValueError, in one sentence, for a J that is no finite number.
    Source: Farrell et al., SIAM J. Sci. Comput. 35, 2013, section 6.

    >>> import numpy as np
    >>> orders = taylor_test(lambda m: np.sum(np.exp(m)), np.ones(3), dJdm=np.exp)
    >>> [round(order) for order in orders[:2]]
    [1, 2]
    """
    if h is None:
        array = np.asarray(m, np.float64)
        size = float(np.sqrt(np.mean(array**2))) if array.size else 0.0
        h = np.random.default_rng(seed).standard_normal(array.shape) * (size or 1.0)

    def along(t: float) -> float:
        value = J(m + t * h)
        try:
            return float(np.asarray(value, np.float64).reshape(()))
        except (TypeError, ValueError):
            raise TypeError(f"J must return one number, not {type(value).__name__}") from None

    J0 = along(0.0)
    if not np.isfinite(J0):
        raise ValueError(f"J(m) is {J0}: a Taylor test needs a point where J is finite")
    levels = (noise_of([along(k * s) for k in range(7)]) for s in (1e-10, 1e-7, 1e-4))
    noise = SAFETY * next((level for level in levels if level is not None), 0.0)
    noise = max(noise, 2 * EPS * abs(J0))
    constant, _ = taylor_order(along, 0.0, noise)
    if dJdm is None:
        return TaylorOrders(constant)
    slope = _along(dJdm, m, h, "dJdm")
    gradient, _ = taylor_order(along, slope, noise)
    if Hm is None:
        return TaylorOrders(constant, gradient)
    bend = _along(Hm, m, h, "Hm")
    hessian, _ = taylor_order(lambda t: along(t) - t * t / 2 * bend, slope, noise)
    return TaylorOrders(constant, gradient, hessian)


def _along(derivative: Any, m: Any, h: Any, name: str) -> float:
    value = derivative(m) if callable(derivative) else derivative
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be numbers, a function of m, or one number along h")
    if array.ndim == 0 and np.ndim(h) > 0:
        return float(array)
    if array.shape != np.shape(h):
        raise ValueError(f"{name} has the shape {array.shape}, and h has {np.shape(h)}")
    return float(np.sum(array * h))
