"""The changes that the table of mistakes is made of: each takes one step of a right pass and
spoils it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ...mathematics.activations import Activation
from ..user_network.model import dz_of
from .backward import Change, Step

Array = npt.NDArray[Any]


def times(factor: Callable[[Step], float]) -> Change:
    """Multiply dz by a factor of the step."""

    def change(s: Step) -> bool:
        k = factor(s)
        s.dz = s.dz * k
        return k != 1

    return change


def dz(new: Callable[[Step], Any]) -> Change:
    """Put another dz in its place; None or another shape: it cannot be."""

    def change(s: Step) -> bool:
        with np.errstate(all="ignore"):
            found = new(s)
        if found is None or np.shape(found) != s.dz.shape:
            return False
        s.dz = np.asarray(found)
        return True

    return change


def set(name: str, new: Callable[[Step], Any]) -> Change:
    """Put another dW, db or da_prev in its place."""

    def change(s: Step) -> bool:
        old = getattr(s, name)
        if old is None:
            return False
        with np.errstate(all="ignore"):
            found = new(s)
        if found is None or np.shape(found) != np.shape(old):
            return False
        setattr(s, name, np.asarray(found))
        return True

    return change


def dW_times(k: float) -> Change:
    """Multiply dW alone by k."""
    return set("dW", lambda s: None if s.dW is None else k * s.dW)


def smooth(f: Activation) -> bool:
    """Whether f' is anything but 1."""
    return f.name != "identity"


def argument(s: Step, z: Any) -> Any:
    """Return dz with f' taken at this z."""
    return s.da * s.slope(z) if smooth(s.link.f) and s.link.f.elementwise else None


# What people write for f' in terms of a, and then give z.
IN_A: Mapping[str, Callable[[Array], Array]] = {
    "sigmoid": lambda a: a * (1 - a),
    "tanh": lambda a: 1 - a * a,
}


def in_a(s: Step) -> Any:
    """Return dz with f' in its form of a, given z."""
    form = IN_A.get(s.link.f.name)
    return None if form is None else s.da * form(s.z)


def in_a_twice(s: Step) -> Any:
    """Return dz with f' taken at a, in its form of a."""
    form = IN_A.get(s.link.f.name)
    return None if form is None else s.da * form(s.link.f.f(s.a))


def others(s: Step) -> Iterator[Array]:
    """What a stale z may be: that of other samples, other layers, before the bias was added."""
    yield np.roll(s.z, 1, axis=0)
    yield np.roll(s.z, -1, axis=0)
    yield s.z[::-1]
    yield np.repeat(s.z[-1:], len(s.z), axis=0)
    yield np.repeat(s.z[:1], len(s.z), axis=0)
    if s.link.b is not None:
        yield s.z - s.link.b
    for z in s.model.z:
        if z is not s.z and z.shape == s.z.shape:
            yield z
    if s.a_prev.shape == s.z.shape:
        yield s.a_prev


def stale(k: int) -> Change:
    """Take f' at the k-th of the other z."""

    def new(s: Step) -> Any:
        z = dict(enumerate(others(s))).get(k)
        if z is None or np.array_equal(z, s.z):
            return None
        return argument(s, z)

    return dz(new)


def sides(s: Step, new: Callable[[Array], Any]) -> Any:
    """Return dz with f' replaced by ``new`` where f has a kink."""
    f = s.link.f
    return s.da * new(s.z) if f.kinks or f.name == "elu" else None


def flat_slope(slope: float) -> Change:
    """Take another slope for z <= 0."""

    def new(s: Step) -> Any:
        return sides(s, lambda z: np.where(z > 0, s.slope(z), slope))

    return dz(new)


def cost_sides(s: Step) -> Any:
    """The cost's slope of the wrong side: of the other sign for a < y."""
    cost = s.model.cost
    if not s.top or cost is None or cost.name not in ("absolute_error", "quantile", "huber"):
        return None
    da = s.model.top()
    return dz_of(np.abs(da), s.z, s.a, s.link.f)


def a_minus_y(scale: Callable[[Step], float]) -> Change:
    """Take dz = a - y, times a scale, with any cost."""

    def new(s: Step) -> Any:
        if s.model.cost is None or s.model.y is None:
            return None
        return (s.a - s.model.y) * s.model.shares[:, None] * scale(s)

    return dz(new)


def stopped_cut(s: Step) -> Any:
    """huber's slope without its cut, absolute error's without its sign: a - y again."""
    if s.model.cost is None or s.model.y is None or not s.model.cost.kinks:
        return None
    return dz_of((s.a - s.model.y) * s.model.shares[:, None], s.z, s.a, s.link.f)


def count(s: Step) -> float:
    """The number of outputs of all samples."""
    return float(s.m * s.z.shape[1])


def through_transposed(s: Step) -> Any:
    """Return da_prev with W where its transpose belongs."""
    if s.link.W is None or s.link.W.shape[0] != s.link.W.shape[1]:
        return None
    return s.dz @ s.link.W.T


def penalised(s: Step, factor: float) -> Any:
    """Return dW with the penalty's gradient times a factor."""
    if s.dW is None or (s.model.l1 == 0 and s.model.l2 == 0):
        return None
    return s.dW + (factor - 1) * s.penalty()


def biased(s: Step, l2: float, l1: float) -> Any:
    """Return db with a penalty's gradient."""
    if s.db is None or s.link.b is None or (l1 == 0 and l2 == 0):
        return None
    return s.db + l2 * s.link.b + l1 * np.sign(s.link.b)
