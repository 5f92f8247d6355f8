"""What a cost's record holds, its table, and sums that are safe at a = 0 and a = 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..names import Table, resolve, spell
from ..namespace import Array, namespace

# What the targets of a cost are: any numbers, numbers from 0 to 1, counts, or shares of classes.
Target = Literal["number", "probability", "count", "classes"]


@dataclass(frozen=True, slots=True)
class Cost:
    """A cost and its derivative; give your own wherever a name is taken.

    ``J(a, y) -> (m,)``: the cost of each sample. ``da(a, y) -> (m, n)``: dJ_i/da_i, without any
    factor 1/m. Both take outputs a and targets y of shape (m, n). ``outputs`` names the
    output activations that the cost can go with, () for any; ``kinks`` are the a - y at which dJ/da
    jumps, ``bends`` those at which d^2J/da^2 does.

    >>> quartic = Cost(
    ...     "quartic", J=lambda a, y: ((a - y) ** 4).sum(axis=1), da=lambda a, y: 4 * (a - y) ** 3
    ... )
    """

    name: str
    J: Callable[[Array, Array], Array]
    da: Callable[[Array, Array], Array]
    formula: str = ""
    derivative: str = ""
    source: str = ""
    settings: Mapping[str, float] = field(default_factory=dict)
    target: Target = "number"
    outputs: tuple[str, ...] = ()
    kinks: tuple[float, ...] = ()
    bends: tuple[float, ...] = ()

    @property
    def spec(self) -> str:
        """The name with its settings, as ``resolve_cost`` reads it."""
        return spell(self.name, self.settings.values())


COSTS: Table[Cost] = Table()


def resolve_cost(cost: str | Cost) -> Cost:
    """Return the cost that a name such as ``"huber(1.5)"`` means, or the one given."""
    return cost if isinstance(cost, Cost) else resolve("cost", cost, COSTS)


def over_outputs(xp: Any, x: Array) -> Array:
    """Return the sum over the outputs of each sample, (m,)."""
    return xp.sum(x, axis=-1)


def y_log(y: Array, a: Array) -> Array:
    """Return ``y log a``, and 0 where y is 0, whatever a is."""
    xp = namespace(y, a)
    present = xp.greater(y, 0)
    return xp.where(present, y * xp.log(xp.where(present, a, 1)), 0)


def ratio(y: Array, a: Array) -> Array:
    """Return ``y / a``, and 0 where y is 0, though a may have been rounded to 0."""
    xp = namespace(y, a)
    present = xp.greater(y, 0)
    return xp.where(present, y / xp.where(present, a, 1), 0)
