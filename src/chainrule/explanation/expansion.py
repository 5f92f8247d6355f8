"""The chain rule expanded: from the cost down to any da^l, dz^l, dW^l or db^l, factor by factor.

``expand`` works for one sample: J is that sample's own cost, without 1/m and without penalties, as
``Network.backward(per_sample=True)`` gives its gradients. Everything is computed in float64 from
theta as it is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..mathematics.costs import cost_of
from ..model import Model
from .chain import Chain, numerical_of, paths_of, pick
from .checks import model_of, whole
from .factors import Quantity, factors_of
from .sample_passes import sample_of
from .writing import (
    chain_html,
    chain_latex,
    chain_latex_numbers,
    chain_line,
    chain_mathml,
    chain_text,
)


@dataclass(frozen=True, slots=True)
class Expansion(Chain):
    """A chain that writes itself: as text, LaTeX, MathML, and as HTML in a notebook."""

    def text(self) -> str:
        """Return the expansion as text."""
        return chain_text(self)

    def latex(self, numbers: bool = False) -> str:
        """Return the product of factors as LaTeX; with ``numbers``, a line a factor and its values.

        The lines need the package amsmath.
        """
        return chain_latex_numbers(self) if numbers else chain_latex(self)

    def mathml(self) -> str:
        """Return the product of factors as a MathML element."""
        return chain_mathml(self)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Expansion {chain_line(self)}; print it to see all>"

    def _repr_html_(self) -> str:
        return chain_html(self)


def expand(
    net: Model,
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

    >>> from chainrule import Network
    >>> net = Network([2, 2, 1], hidden="tanh", output="sigmoid")
    >>> expansion = expand(net, [[1.0, 2.0]], [1], "db", 1)
    >>> [str(factor.kind) for factor in expansion.factors]
    ['cost', 'activation', 'affine', 'activation', 'bias']
    >>> expansion.agrees
    True
    """
    layer = _check(model_of(net), quantity, layer)
    sample = sample_of(net, X, y, row)
    at = _entry(sample.net, quantity, layer, entry)
    factors = tuple(factors_of(sample, quantity, layer))
    value = pick(factors[-1].product, at)
    paths, count = (None, 0) if at is None else paths_of(factors, quantity, at)
    derivative = numerical_of(sample, quantity, layer, at, value) if numerical else None
    z_last, a_last = sample.z[-1][None], sample.a[-1][None]
    with np.errstate(all="ignore"):
        J = cost_of(z_last, a_last, sample.y, net.activations[-1], net.cost)
    return Expansion(
        quantity, layer, at, int(row), float(J[0]), factors, value, derivative, paths, count
    )


def _check(net: Model, quantity: str, layer: int) -> int:
    if quantity not in ("da", "dz", "dW", "db"):
        raise ValueError(f"quantity must be 'da', 'dz', 'dW' or 'db', not {quantity!r}")
    layer = whole("layer", layer)
    first, last = (0 if quantity == "da" else 1), len(net.sizes) - 1
    if not first <= layer <= last:
        raise ValueError(f"{quantity} is there for the layers {first} to {last}, not for {layer}")
    return layer


def _entry(net: Model, quantity: str, layer: int, entry: Any) -> tuple[int, ...] | None:
    if entry is None:
        return None
    indices = entry if isinstance(entry, tuple | list | np.ndarray) else (entry,)
    at = tuple(whole("entry", i) for i in indices)
    shape = (net.sizes[layer],) if quantity != "dW" else (net.sizes[layer], net.sizes[layer - 1])
    if len(at) != len(shape) or not all(0 <= i < n for i, n in zip(at, shape, strict=True)):
        raise ValueError(
            f"{quantity}[{layer}] has the shape {shape}: it has no entry {at}, "
            f"and one is named by {'i' if len(shape) == 1 else '(i, j)'}, counted from 0"
        )
    return at
