"""The chain rule expanded: from the cost down to any da^l, dz^l, dW^l or db^l, factor by factor.

``expand`` works for one sample: J is that sample's own cost, without 1/m and without penalties, as
``Network.backward(per_sample=True)`` gives its gradients. Everything is computed in float64 from
theta as it is stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import product
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from chainrule.mathematics.activations import Activation
from chainrule.mathematics.costs import canonical_pair, cost_of, smooth
from chainrule.network import Network

from .formulas import activation_formula, cost_formula
from .notation import Add, Neg, Node, Num, Partial, Sym, layered, substitute
from .numerical import Floats, Numerical, Sample, differentiate

Quantity = Literal["da", "dz", "dW", "db"]
Kind = Literal["cost", "merged", "activation", "affine", "weights", "bias"]

# A canonical pair's two factors are shown apart as long as their product keeps this many digits.
_APART = 1e-13
# With more paths than this, a single entry is a product of matrices.
MOST_PATHS = 64
# With more entries than this, only the largest have their numerical derivative.
MOST_ENTRIES = 20_000
SHOWN_ENTRIES = 256


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor of the product: the derivative of ``top`` by ``bottom``.

    ``shape`` is that of the Jacobian matrix. ``value`` holds its numbers: the row dJ/da^L (cost) or
    dJ/dz^L (merged), the diagonal (n,) or, where units mix, the matrix of da/dz (activation), W^l
    (affine), a^{l-1} (weights), ones (bias). ``product`` is the product up to here: dJ/d bottom.
    """

    kind: Kind
    layer: int
    top: Sym
    bottom: Sym
    shape: tuple[int, int]
    formula: Node
    value: Floats
    product: Floats

    @property
    def name(self) -> Partial:
        """The factor as a formula: the partial derivative of top by bottom."""
        return Partial(self.top, self.bottom)

    @property
    def diagonal(self) -> bool:
        """Whether ``value`` is the diagonal of the Jacobian."""
        return self.kind == "activation" and self.value.ndim == 1

    def apply(self, before: Floats) -> Floats:
        """Return the product of what stands before and this factor."""
        product: Floats = _APPLY[self.kind](before, self.value)
        return product


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

    Raises ValueError naming the quantity, layer, entry or row that is not there.
    Source: the notes, "Illustrating Forward and Backward Propagation".

    >>> net = Network([2, 2, 1], hidden="tanh", output="sigmoid")
    >>> expansion = expand(net, [[1.0, 2.0]], [1], "db", 1)
    >>> [str(factor.kind) for factor in expansion.factors]
    ['cost', 'activation', 'affine', 'activation', 'bias']
    >>> expansion.agrees
    True
    """
    sample = sample_of(net, X, y, row)
    layer = _check(net, quantity, layer)
    at = _entry(sample.net, quantity, layer, entry)
    factors = tuple(_factors(sample, quantity, layer))
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
    wide = net.copy(dtype="float64")
    x = wide.inputs(X)
    if not 0 <= row < len(x):
        raise ValueError(f"row {row} is not there: X has the rows 0 to {len(x) - 1}")
    Y = np.asarray(wide.targets(y, len(x))[row : row + 1], np.float64)
    trace = wide.forward(x[row : row + 1])
    z = tuple(np.empty(0) if one is None else one[0] for one in trace.z)
    return Sample(wide, Y, tuple(one[0] for one in trace.a), z)


def _check(net: Network, quantity: str, layer: int) -> int:
    if quantity not in ("da", "dz", "dW", "db"):
        raise ValueError(f"quantity must be 'da', 'dz', 'dW' or 'db', not {quantity!r}")
    first, last = (0 if quantity == "da" else 1), len(net.sizes) - 1
    if not first <= layer <= last:
        raise ValueError(f"{quantity} is there for the layers {first} to {last}, not for {layer}")
    return int(layer)


def _entry(net: Network, quantity: str, layer: int, entry: Any) -> tuple[int, ...] | None:
    if entry is None:
        return None
    at = tuple(int(i) for i in (entry if isinstance(entry, tuple | list) else (entry,)))
    shape = (net.sizes[layer],) if quantity != "dW" else (net.sizes[layer], net.sizes[layer - 1])
    if len(at) != len(shape) or not all(0 <= i < n for i, n in zip(at, shape, strict=True)):
        raise ValueError(f"{quantity}[{layer}] has the shape {shape}: it has no entry {at}")
    return at


def _pick(array: Floats, entry: tuple[int, ...] | None) -> Floats:
    return array if entry is None else np.asarray(array[entry])


def _affine(before: Floats, W: Floats) -> Floats:
    return before @ W


def _activation(before: Floats, value: Floats) -> Floats:
    return before * value if value.ndim == 1 else before @ value


_APPLY: dict[str, Any] = {
    "activation": _activation,
    "affine": _affine,
    "weights": np.outer,
    "bias": lambda before, ones: before * ones,
}


def _factors(sample: Sample, quantity: Quantity, layer: int) -> Iterator[Factor]:
    """Yield the factors from the cost down; each product is the one before times its numbers."""
    net, last = sample.net, len(sample.net.sizes) - 1
    with np.errstate(all="ignore"):
        top = _top(sample, stop_at_a=quantity == "da" and layer == last)
        yield from top
        before = top[-1].product
        for l in range(last, max(layer, 1) - 1, -1):
            if l < last:
                factor = _through_activation(sample, l, before)
                yield factor
                before = factor.product
            if l > layer:
                if l == layer + 1 and quantity == "da":
                    yield _through_affine(net, l, before)
                    return
                factor = _through_affine(net, l, before)
                yield factor
                before = factor.product
        if quantity == "da" and layer == 0:
            return
        if quantity == "dW":
            yield _to_weights(sample, layer, before)
        elif quantity == "db":
            yield _to_bias(net, layer, before)


def _top(sample: Sample, stop_at_a: bool) -> list[Factor]:
    """Return dJ/da^L and da^L/dz^L, or the two as one where their numbers lose digits apart."""
    net, last = sample.net, len(sample.net.sizes) - 1
    a, z, y = sample.a[-1], sample.z[-1], sample.y[0]
    symbols = {"a": layered("a", last), "y": Sym("y")}
    da = np.asarray(net.cost.da(a[None], sample.y))[0]
    formula = substitute(cost_formula(net.cost).derivative, symbols)
    J, a_name, z_name = Sym("J"), layered("a", last), layered("z", last)
    cost = Factor("cost", last, J, a_name, (1, len(a)), formula, da, da)
    if stop_at_a:
        return [cost]
    through = _through_activation(sample, last, da)
    pair = canonical_pair(net.activations[-1], net.cost)
    if pair is None:
        return [cost, through]
    together = pair.dz(a, smooth(y, net.cost.settings.get("smoothing", 0.0)))
    apart = through.product
    if (np.abs(apart - together) <= _APART * np.abs(together)).all():
        return [cost, through]
    difference = Add((layered("a", last), Neg(Sym("y"))))
    shape = (1, len(z))
    return [Factor("merged", last, J, z_name, shape, difference, together, together)]


def _through_activation(sample: Sample, l: int, before: Floats) -> Factor:
    f, z, a = sample.net.activations[l - 1], sample.z[l], sample.a[l]
    value = _slope(f, z, a)
    names: dict[str, Node] = {"z": layered("z", l), "a": layered("a", l)}
    formula = substitute(activation_formula(f).derivative, names)
    return Factor(
        "activation",
        l,
        layered("a", l),
        layered("z", l),
        (len(a), len(z)),
        formula,
        value,
        _activation(before, value),
    )


def _slope(f: Activation, z: Floats, a: Floats) -> Floats:
    """Return da/dz: the diagonal (n,), or the whole matrix (n, n) where f mixes units."""
    if f.vjp is None:
        slopes: Floats = np.asarray(f.df(z[None], a[None]), np.float64)[0]
        return slopes
    n = len(z)
    rows = f.vjp(np.eye(n), np.tile(z, (n, 1)), np.tile(a, (n, 1)))
    return np.asarray(rows, np.float64)


def _through_affine(net: Network, l: int, before: Floats) -> Factor:
    W = net.W[l]
    top, bottom = layered("z", l), layered("a", l - 1)
    return Factor("affine", l, top, bottom, W.shape, layered("W", l), W, _affine(before, W))


def _to_weights(sample: Sample, l: int, before: Floats) -> Factor:
    a_prev = sample.a[l - 1]
    shape = (len(before), len(before) * len(a_prev))
    top, bottom, name = layered("z", l), layered("W", l), layered("a", l - 1)
    return Factor("weights", l, top, bottom, shape, name, a_prev, np.outer(before, a_prev))


def _to_bias(net: Network, l: int, before: Floats) -> Factor:
    shape = (len(before), len(before))
    top, bottom = layered("z", l), layered("b", l)
    return Factor("bias", l, top, bottom, shape, Num("1"), np.ones(len(before)), before * 1.0)


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
