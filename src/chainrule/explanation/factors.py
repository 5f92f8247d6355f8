"""The factors of the chain rule, from the cost down to what is asked for, with their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..drawing.notation import Add, Neg, Node, Num, Partial, Sym, layered, substitute
from ..mathematics.activations import Activation
from ..mathematics.costs import canonical_pair, smooth
from ..model import Model
from .formulas import activation_formula, cost_formula
from .sample_passes import Floats, Sample

Quantity = Literal["da", "dz", "dW", "db"]
Kind = Literal["cost", "merged", "activation", "affine", "weights", "bias"]

# A canonical pair's two factors are shown apart as long as their product keeps this many digits.
_APART = 1e-13


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


def factors_of(sample: Sample, quantity: Quantity, layer: int) -> Iterator[Factor]:
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


def _through_affine(net: Model, l: int, before: Floats) -> Factor:
    W = net.W[l]
    top, bottom = layered("z", l), layered("a", l - 1)
    return Factor("affine", l, top, bottom, W.shape, layered("W", l), W, _affine(before, W))


def _to_weights(sample: Sample, l: int, before: Floats) -> Factor:
    a_prev = sample.a[l - 1]
    shape = (len(before), len(before) * len(a_prev))
    top, bottom, name = layered("z", l), layered("W", l), layered("a", l - 1)
    return Factor("weights", l, top, bottom, shape, name, a_prev, np.outer(before, a_prev))


def _to_bias(net: Model, l: int, before: Floats) -> Factor:
    shape = (len(before), len(before))
    top, bottom = layered("z", l), layered("b", l)
    return Factor("bias", l, top, bottom, shape, Num("1"), np.ones(len(before)), before * 1.0)
