"""The chain rule as a record: factors, paths and the numerical derivative of one gradient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import product
from math import prod

import numpy as np

from ..drawing.notation import Sym, layered
from .factors import Factor, Quantity
from .numerical import Numerical, Place, differentiate
from .sample_passes import Floats, Sample

# With more paths than this, a single entry is a product of matrices.
MOST_PATHS = 64
# With more entries than this, only the largest have their numerical derivative.
MOST_ENTRIES = 20_000
SHOWN_ENTRIES = 256


@dataclass(frozen=True, slots=True)
class Path:
    """One way from a weight to the cost: the units it passes, layer l first, and its numbers."""

    units: tuple[int, ...]
    terms: tuple[float, ...]

    @property
    def value(self) -> float:
        """The product of the terms."""
        return prod(self.terms)


@dataclass(frozen=True, slots=True)
class Chain:
    """The product of factors that is dJ/dv for v = a^l, z^l, W^l or b^l, or one entry of it.

    ``value`` is what backward gives, ``numerical`` the numerical derivative if asked for. For an
    entry both are of that entry, and ``paths`` lists the products whose sum it is, None where they
    are too many.
    """

    quantity: Quantity
    layer: int
    entry: tuple[int, ...] | None
    row: int
    J: float
    factors: tuple[Factor, ...]
    value: Floats
    numerical: Numerical | None
    paths: tuple[Path, ...] | None
    path_count: int

    @property
    def symbol(self) -> Sym:
        """The symbol of v."""
        return layered(self.quantity[1:], self.layer, *(self.entry or ()))

    @property
    def agrees(self) -> bool | None:
        """Whether gradient and numerical derivative agree; None if that cannot be said."""
        return None if self.numerical is None else self.numerical.agrees(self.value)

    def multiply(self) -> Floats:
        """Multiply all factors out again, from their numbers alone, and pick the entry."""
        first, *rest = self.factors
        whole = reduce(lambda before, factor: factor.apply(before), rest, first.value)
        return pick(whole, self.entry)


def pick(array: Floats, entry: tuple[int, ...] | None) -> Floats:
    """Return the entry of an array, or all of it for None."""
    return array if entry is None else np.asarray(array[entry])


def paths_of(
    factors: tuple[Factor, ...], quantity: Quantity, entry: tuple[int, ...]
) -> tuple[tuple[Path, ...] | None, int]:
    """Return every path from the cost to the entry, layer by layer, and how many there are."""
    mixing = [f for f in factors[1:] if f.value.ndim == 2]
    count = prod(f.shape[0] for f in mixing)
    if count > MOST_PATHS:
        return None, count
    last = {"weights": lambda f: float(f.value[entry[1]]), "bias": lambda f: 1.0}
    paths = []
    for choice in product(*(range(f.shape[0]) for f in reversed(mixing))):
        above, unit = iter(choice), entry[0]
        units, terms = [unit], []
        for factor in reversed(factors):
            if factor.kind in last:
                terms.append(last[factor.kind](factor))
            elif factor.value.ndim == 2:
                row = next(above)
                terms.append(float(factor.value[row, unit]))
                unit = row
                units.append(unit)
            else:
                terms.append(float(factor.value[unit]))
        paths.append(Path(tuple(units), tuple(reversed(terms))))
    return tuple(paths), count


def numerical_of(
    sample: Sample, quantity: Quantity, layer: int, entry: tuple[int, ...] | None, value: Floats
) -> Numerical:
    """Differentiate numerically at one entry, or at all of them (the largest, if too many)."""
    shape = (
        (sample.net.sizes[layer],)
        if quantity != "dW"
        else (sample.net.sizes[layer], sample.net.sizes[layer - 1])
    )
    if entry is not None:
        flat = np.array([np.ravel_multi_index(entry, shape)])
    elif value.size <= MOST_ENTRIES:
        flat = np.arange(value.size)
    else:
        flat = np.argsort(-np.abs(value.ravel()), kind="stable")[:SHOWN_ENTRIES]
    index = np.unravel_index(flat, shape)
    slope = sample.a[layer - 1][index[1]] if quantity == "dW" else np.ones(len(flat))
    place: Place = "a" if quantity == "da" else "z"
    derivative = differentiate(sample, place, layer, np.asarray(index[0]), slope)
    if entry is not None:
        return Numerical(
            derivative.value.reshape(()), derivative.error.reshape(()), derivative.kinks
        )
    values, errors = np.full(shape, np.nan), np.full(shape, np.nan)
    values[index], errors[index] = derivative.value, derivative.error
    return Numerical(values, errors, derivative.kinks)
