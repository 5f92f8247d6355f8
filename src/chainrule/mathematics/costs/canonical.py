"""Canonical pairs of output activation and cost, and where backward begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..activations import ACTIVATIONS, Activation, activation_backward
from ..names import listed
from ..namespace import Array, namespace
from .classes import smooth
from .numbers import squared_error
from .record import COSTS, Cost, over_outputs


@dataclass(frozen=True, slots=True)
class Pair:
    """A canonical pair: J_i from z instead of a, and dJ_i/dz_i without the detour over da.

    ``J(z, a, y) -> (m,)`` and ``dz(z, a, y) -> (m, n)``; y is smoothed already.
    """

    J: Callable[[Array, Array, Array], Array]
    source: str

    @staticmethod
    def dz(a: Array, y: Array) -> Array:
        """Return ``a - y``, the same for every canonical pair."""
        return a - y


def _logistic_from_z(z: Array, a: Array, y: Array) -> Array:
    xp = namespace(z, y)
    e = xp.log1p(xp.exp(-xp.abs(z)))
    return over_outputs(xp, xp.maximum(z, 0) - y * z + e)


def _cross_entropy_from_z(z: Array, a: Array, y: Array) -> Array:
    xp = namespace(z, y)
    below = z - xp.max(z, axis=-1, keepdims=True)
    # Below may be -inf, for z near the largest float: 0 times it is 0 where y is.
    met = xp.where(xp.greater(y, 0), below, 0)
    return xp.log(over_outputs(xp, xp.exp(below))) - over_outputs(xp, y * met)


def _poisson_from_z(z: Array, a: Array, y: Array) -> Array:
    return over_outputs(namespace(z, y), a - y * z)


CANONICAL: Mapping[tuple[str, str], Pair] = {
    ("sigmoid", "logistic"): Pair(_logistic_from_z, "Bishop, 2006, (4.91)"),
    ("softmax", "cross_entropy"): Pair(_cross_entropy_from_z, "Bishop, 2006, (4.109)"),
    ("identity", "squared_error"): Pair(
        lambda z, a, y: squared_error().J(z, y), "Bishop, 2006, (5.18)"
    ),
    ("exp", "poisson"): Pair(_poisson_from_z, "Bishop, 2006, section 4.3.6"),
}


def canonical_pair(f: Activation, cost: Cost) -> Pair | None:
    """Return the pair that output activation f and cost are, or None; one's own never is one."""
    pair = CANONICAL.get((f.name, cost.name))
    if pair is None or not (listed(f, ACTIVATIONS) and listed(cost, COSTS)):
        return None
    return pair


def cost_of(z: Array, a: Array, y: Array, f: Activation, cost: Cost) -> Array:
    """Return the cost J_i of each sample (m,), from z where f and cost are a canonical pair."""
    pair = canonical_pair(f, cost)
    if pair is None:
        return cost.J(a, y)
    return pair.J(z, a, smooth(y, cost.settings.get("smoothing", 0)))


def cost_backward(
    z: Array, a: Array, y: Array, shares: Array, f: Activation, cost: Cost, canonical: bool = True
) -> Array:
    """Return dJ/dz of the output layer (m, n), for ``J = sum_i shares_i J_i``; shares (m,).

    ``dz = (a - y) shares`` for a canonical pair (unless ``canonical`` is False), else the chain
    rule, ``dz = dJ/da * f'(z)``. Sources: Nielsen, 2015, (BP1); Bishop, "Pattern recognition and
    machine learning", 2006, section 4.3.6 (canonical links).
    """
    pair = canonical_pair(f, cost) if canonical else None
    if pair is not None:
        smoothed = smooth(y, cost.settings.get("smoothing", 0))
        return pair.dz(a, smoothed) * shares[:, None]
    return activation_backward(share_out(cost.da(a, y), shares), z, a, f)


def share_out(da: Array, shares: Array) -> Array:
    """Return each row of da (m, n) times its share (m,); a share of 0 gives 0, even of infinity."""
    xp = namespace(da, shares)
    column = shares[:, None]
    return xp.where(xp.greater(column, 0), da, 0) * column
