"""The chain rule expanded: from the cost down to any da^l, dz^l, dW^l or db^l, factor by factor.

``expand`` works for one sample: J is that sample's own cost, without 1/m and without penalties, as
``Network.backward(per_sample=True)`` gives its gradients. Everything is computed in float64 from
theta as it is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import product
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..drawing.notation import Sym, layered
from ..mathematics.costs import cost_of
from ..network import Network
from .checks import finite_inputs, network_of, row_of, whole
from .factors import Factor, Quantity, factors_of
from .numerical import Floats, Numerical, Sample, differentiate

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
class Expansion:
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
        return _pick(whole, self.entry)

    def text(self) -> str:
        """Return the expansion as text."""
        from .writing import expansion_text

        return expansion_text(self)

    def latex(self) -> str:
        """Return the product of factors as LaTeX."""
        from .writing import expansion_latex

        return expansion_latex(self)

    def mathml(self) -> str:
        """Return the product of factors as a MathML element."""
        from .writing import expansion_mathml

        return expansion_mathml(self)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        from .writing import expansion_line

        return f"<Expansion {expansion_line(self)}; print it to see all>"

    def _repr_html_(self) -> str:
        from .writing import expansion_html

        return expansion_html(self)


def expand(
    net: Network,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    quantity: Quantity = "dW",
    layer: int = 1,
    entry: int | tuple[int, ...] | None = None,
    row: int = 0,
    numerical: bool = True,
) -> Expansion:
    """Expand the chain rule for dJ/da^l, dJ/dz^l, dJ/dW^l or dJ/db^l of the sample ``row``.

    ``layer``: l = 1..L, and 0 for da. ``entry``: one entry, (i, j) of W or i of the others, counted
    from 0. X is (m, n_0), y as ``Network.backward`` takes it.

    ``dJ/dW^l = dJ/da^L da^L/dz^L dz^L/da^{L-1} ... da^l/dz^l dz^l/dW^l``. Where the first two
    numbers lose digits or overflow (a saturated output of a canonical pair) they are one factor,
    dJ/dz^L = a^L - y.

    Raises ValueError naming the quantity, layer, entry or row that is not there, and an input that
    is not finite; TypeError for another kind of argument.
    Source: the notes, "Illustrating Forward and Backward Propagation".

    >>> net = Network([2, 2, 1], hidden="tanh", output="sigmoid")
    >>> expansion = expand(net, [[1.0, 2.0]], [1], "db", 1)
    >>> [str(factor.kind) for factor in expansion.factors]
    ['cost', 'activation', 'affine', 'activation', 'bias']
    >>> expansion.agrees
    True
    """
    layer = _check(network_of(net), quantity, layer)
    sample = sample_of(net, X, y, row)
    at = _entry(sample.net, quantity, layer, entry)
    factors = tuple(factors_of(sample, quantity, layer))
    value = _pick(factors[-1].product, at)
    paths, count = (None, 0) if at is None else _paths(factors, quantity, at)
    found = _numerical(sample, quantity, layer, at, value) if numerical else None
    z_last, a_last = sample.z[-1][None], sample.a[-1][None]
    with np.errstate(all="ignore"):
        J = cost_of(z_last, a_last, sample.y, net.activations[-1], net.cost)
    return Expansion(
        quantity, layer, at, int(row), float(J[0]), factors, value, found, paths, count
    )


def sample_of(net: Network, X: npt.ArrayLike, y: npt.ArrayLike, row: int) -> Sample:
    """Propagate the sample ``row`` forwards, in float64."""
    wide = network_of(net).copy(dtype="float64")
    x = finite_inputs(wide.inputs(X))
    row = row_of(row, len(x))
    Y = np.asarray(wide.targets(y, len(x))[row : row + 1], np.float64)
    trace = wide.forward(x[row : row + 1])
    z = tuple(np.empty(0) if one is None else one[0] for one in trace.z)
    return Sample(wide, Y, tuple(one[0] for one in trace.a), z)


def _check(net: Network, quantity: str, layer: int) -> int:
    if quantity not in ("da", "dz", "dW", "db"):
        raise ValueError(f"quantity must be 'da', 'dz', 'dW' or 'db', not {quantity!r}")
    layer = whole("layer", layer)
    first, last = (0 if quantity == "da" else 1), len(net.sizes) - 1
    if not first <= layer <= last:
        raise ValueError(f"{quantity} is there for the layers {first} to {last}, not for {layer}")
    return layer


def _entry(net: Network, quantity: str, layer: int, entry: Any) -> tuple[int, ...] | None:
    if entry is None:
        return None
    given = entry if isinstance(entry, tuple | list | np.ndarray) else (entry,)
    at = tuple(whole("entry", i) for i in given)
    shape = (net.sizes[layer],) if quantity != "dW" else (net.sizes[layer], net.sizes[layer - 1])
    if len(at) != len(shape) or not all(0 <= i < n for i, n in zip(at, shape, strict=True)):
        raise ValueError(
            f"{quantity}[{layer}] has the shape {shape}: it has no entry {at}, "
            f"and one is named by {'i' if len(shape) == 1 else '(i, j)'}, counted from 0"
        )
    return at


def _pick(array: Floats, entry: tuple[int, ...] | None) -> Floats:
    return array if entry is None else np.asarray(array[entry])


def _paths(
    factors: tuple[Factor, ...], quantity: Quantity, entry: tuple[int, ...]
) -> tuple[tuple[Path, ...] | None, int]:
    """Return every path from the cost to the entry, layer by layer, and how many there are."""
    mixing = [f for f in factors[1:] if f.value.ndim == 2]
    count = prod(f.shape[0] for f in mixing)
    if count > MOST_PATHS:
        return None, count
    last = {"weights": lambda f: float(f.value[entry[1]]), "bias": lambda f: 1.0}
    found = []
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
        found.append(Path(tuple(units), tuple(reversed(terms))))
    return tuple(found), count


def _numerical(
    sample: Sample, quantity: Quantity, layer: int, entry: tuple[int, ...] | None, value: Floats
) -> Numerical:
    """Differentiate numerically at one entry, or at all of them (the largest, if too many)."""
    whole = (
        (sample.net.sizes[layer],)
        if quantity != "dW"
        else (sample.net.sizes[layer], sample.net.sizes[layer - 1])
    )
    if entry is not None:
        flat = np.array([np.ravel_multi_index(entry, whole)])
    elif value.size <= MOST_ENTRIES:
        flat = np.arange(value.size)
    else:
        flat = np.argsort(-np.abs(value.ravel()), kind="stable")[:SHOWN_ENTRIES]
    index = np.unravel_index(flat, whole)
    slope = sample.a[layer - 1][index[1]] if quantity == "dW" else np.ones(len(flat))
    place: Literal["a", "z"] = "a" if quantity == "da" else "z"
    found = differentiate(sample, place, layer, np.asarray(index[0]), slope)
    if entry is not None:
        return Numerical(found.value.reshape(()), found.error.reshape(()), found.kinks)
    spread = [np.full(whole, np.nan) for _ in range(2)]
    spread[0][index], spread[1][index] = found.value, found.error
    return Numerical(spread[0], spread[1], found.kinks)
