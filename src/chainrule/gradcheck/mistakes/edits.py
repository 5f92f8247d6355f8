"""The edits that the table of mistakes is made of: each spoils one stage of a right pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...mathematics.activations import Activation
from ...typing import Array
from ..user_network.model import dz_of
from .backward import Edit, LayerBackward


def times(factor: Callable[[LayerBackward], float]) -> Edit:
    """Multiply dz by a factor of the step."""

    def edit(s: LayerBackward) -> bool:
        k = factor(s)
        s.dz = s.dz * k
        return k != 1

    return edit


def replace_dz(new: Callable[[LayerBackward], Any]) -> Edit:
    """Replace dz; None or another shape: the mistake cannot be made."""

    def edit(s: LayerBackward) -> bool:
        with np.errstate(all="ignore"):
            dz = new(s)
        if dz is None or np.shape(dz) != s.dz.shape:
            return False
        s.dz = np.asarray(dz)
        return True

    return edit


def replace_output(name: str, new: Callable[[LayerBackward], Any]) -> Edit:
    """Replace dW, db or da_prev; None or another shape: the mistake cannot be made."""

    def edit(s: LayerBackward) -> bool:
        old = getattr(s, name)
        if old is None:
            return False
        with np.errstate(all="ignore"):
            output = new(s)
        if output is None or np.shape(output) != np.shape(old):
            return False
        setattr(s, name, np.asarray(output))
        return True

    return edit


def dW_times(k: float) -> Edit:
    """Multiply dW alone by k."""
    return replace_output("dW", lambda s: None if s.dW is None else k * s.dW)


def smooth(f: Activation) -> bool:
    """Whether f' is anything but 1."""
    return f.name != "identity"


def argument(s: LayerBackward, z: Any) -> Any:
    """Return dz with f' taken at this z."""
    return s.da * s.slope(z) if smooth(s.layer.f) and s.layer.f.elementwise else None


def in_a(s: LayerBackward) -> Any:
    """Return dz with f' in its form of a, given z."""
    form = s.layer.f.slope_of_a
    return None if form is None else s.da * form(s.z)


def in_a_twice(s: LayerBackward) -> Any:
    """Return dz with f' taken at a, in its form of a."""
    form = s.layer.f.slope_of_a
    return None if form is None else s.da * form(s.layer.f.f(s.a))


def other_z(s: LayerBackward) -> Iterator[Array]:
    """Yield what a stale z may be: of other samples or layers, or without the bias."""
    yield np.roll(s.z, 1, axis=0)
    yield np.roll(s.z, -1, axis=0)
    yield s.z[::-1]
    yield np.repeat(s.z[-1:], len(s.z), axis=0)
    yield np.repeat(s.z[:1], len(s.z), axis=0)
    if s.layer.b is not None:
        yield s.z - s.layer.b
    for z in s.model.z:
        if z is not s.z and z.shape == s.z.shape:
            yield z
    if s.a_prev.shape == s.z.shape:
        yield s.a_prev


def stale(k: int) -> Edit:
    """Take f' at the k-th of the other z."""

    def new(s: LayerBackward) -> Any:
        z = dict(enumerate(other_z(s))).get(k)
        if z is None or np.array_equal(z, s.z):
            return None
        return argument(s, z)

    return replace_dz(new)


def sides(s: LayerBackward, new: Callable[[Array], Any]) -> Any:
    """Return dz with f' replaced by ``new`` where f has a kink."""
    f = s.layer.f
    return s.da * new(s.z) if f.kinks or f.name == "elu" else None


def flat_slope(slope: float) -> Edit:
    """Take another slope for z <= 0."""

    def new(s: LayerBackward) -> Any:
        return sides(s, lambda z: np.where(z > 0, s.slope(z), slope))

    return replace_dz(new)


def cost_sides(s: LayerBackward) -> Any:
    """The cost's slope of the wrong side: of the other sign for a < y."""
    cost = s.model.cost
    if not s.top or cost is None or cost.name not in ("absolute_error", "quantile", "huber"):
        return None
    da = s.model.top()
    return dz_of(np.abs(da), s.z, s.a, s.layer.f)


def a_minus_y(scale: Callable[[LayerBackward], float]) -> Edit:
    """Take dz = a - y, times a scale, with any cost."""

    def new(s: LayerBackward) -> Any:
        if s.model.cost is None or s.model.y is None:
            return None
        return (s.a - s.model.y) * s.model.shares[:, None] * scale(s)

    return replace_dz(new)


def without_target(s: LayerBackward) -> Any:
    """Return dz with a in place of a - y, or of the cost's slope at y = 0."""
    if s.model.cost is None or s.model.y is None or not np.any(s.model.y):
        return None
    return s.a * s.model.shares[:, None]


def upstream(s: LayerBackward, da: Any) -> Any:
    """Return dz with another da; only where da comes from outside, not from a cost."""
    return None if s.model.cost is not None else dz_of(da, s.z, s.a, s.layer.f)


def stopped_cut(s: LayerBackward) -> Any:
    """huber's slope without its cut, absolute error's without its sign: a - y again."""
    if s.model.cost is None or s.model.y is None or not s.model.cost.kinks:
        return None
    return dz_of((s.a - s.model.y) * s.model.shares[:, None], s.z, s.a, s.layer.f)


def count(s: LayerBackward) -> float:
    """The number of outputs of all samples."""
    return float(s.m * s.z.shape[1])


def through_transposed(s: LayerBackward) -> Any:
    """Return da_prev with W where its transpose belongs."""
    if s.layer.W is None or s.layer.W.shape[0] != s.layer.W.shape[1]:
        return None
    return s.dz @ s.layer.W.T


def penalised(s: LayerBackward, factor: float) -> Any:
    """Return dW with the penalty's gradient times a factor."""
    if s.dW is None or (s.model.l1 == 0 and s.model.l2 == 0):
        return None
    return s.dW + (factor - 1) * s.penalty()


def biased(s: LayerBackward, l2: float, l1: float) -> Any:
    """Return db with a penalty's gradient."""
    if s.db is None or s.layer.b is None or (l1 == 0 and l2 == 0):
        return None
    return s.db + l2 * s.layer.b + l1 * np.sign(s.layer.b)
