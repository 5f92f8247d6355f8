"""The network inside a user's cost function as a record, so that its gradient can be explained.

From the arrays of parameters and the data, the chain of layers is laid out as rows or columns; then
activations and cost are tried from the tables until J agrees at several points. What does
not agree to nine digits is not used: a diagnosis then rests on the numbers alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product, zip_longest
from typing import Any

import numpy as np

from ...mathematics.activations import ACTIVATIONS, Activation, activation_backward
from ...mathematics.costs import Cost
from ...mathematics.propagation import affine_forward
from ...typing import Array
from ..pytree import Leaf


@dataclass(frozen=True, slots=True)
class UserLayer:
    """One layer: W (n_l, n_{l-1}) and b (n_l,) or None, with their names and shapes in the code.

    Without W it is an activation alone: z is the layer's input.
    """

    W: Array | None
    b: Array | None
    f: Activation
    W_name: str = ""
    b_name: str = ""
    b_shape: tuple[int, ...] = ()
    mask: Array | None = None

    def weighted_input(self, a_prev: Array) -> Array:
        """Return z (m, n_l) for a_prev (m, n_{l-1})."""
        if self.W is None:
            return a_prev
        b = np.zeros(len(self.W)) if self.b is None else self.b
        z: Array = affine_forward(a_prev, self.W, b)
        return z


@dataclass(frozen=True, slots=True)
class UserNetwork:
    """A chain of layers with a cost, ``J = sum_i shares_i J_i + l2/2 sum W^2 + l1 sum |W|``.

    With ``cost`` None, J is the sum of ``da * a``, as where a layer is checked by itself.
    ``columns``: samples are columns in the user's code. ``W_in_out``: W is stored transposed.
    """

    layers: tuple[UserLayer, ...]
    x: Array
    y: Array | None
    cost: Cost | None
    shares: Array
    da: Array | None = None
    l1: float = 0.0
    l2: float = 0.0
    columns: bool = False
    W_in_out: bool = False
    x_name: str = ""  # where x is a parameter too
    z: tuple[Array, ...] = field(default=())
    a: tuple[Array, ...] = field(default=())

    def run(self) -> UserNetwork:
        """Return the model with its z and a: z[l - 1] is z^l, a[l] is a^l."""
        zs, outs = [], [self.x]
        for layer in self.layers:
            a_prev = outs[-1] if len(outs) == 1 else _masked(outs[-1], self.layers[len(outs) - 2])
            z = layer.weighted_input(a_prev)
            zs.append(z)
            outs.append(layer.f.f(z))
        return replace(self, z=tuple(zs), a=tuple(outs))

    def a_prev(self, l: int) -> Array:
        """The input of layer l, after dropout."""
        return self.a[0] if l == 1 else _masked(self.a[l - 1], self.layers[l - 2])

    def top(self) -> Array:
        """dJ/da of the last layer."""
        if self.cost is None:
            assert self.da is not None
            return self.da
        da: Array = self.cost.da(self.a[-1], self.y) * self.shares[:, None]
        return da

    def named(self, gradients: Mapping[str, Array]) -> dict[str, Array]:
        """Return gradients keyed ``W1``, ``b1``, ``x`` under the names and shapes of the code."""
        by_name: dict[str, Array] = {}
        for l, layer in enumerate(self.layers, 1):
            if layer.W_name:
                dW = gradients[f"W{l}"]
                by_name[layer.W_name] = dW.T if self.W_in_out else dW
            if layer.b_name:
                by_name[layer.b_name] = gradients[f"b{l}"].reshape(layer.b_shape)
        if self.x_name:
            by_name[self.x_name] = gradients["x"].T if self.columns else gradients["x"]
        return by_name


def _masked(a: Array, layer: UserLayer) -> Array:
    return a if layer.mask is None else a * layer.mask


def dz_of(da: Array, z: Array, a: Array, f: Activation) -> Array:
    """Return dJ/dz, the right one."""
    dz: Array = activation_backward(da, z, a, f)
    return dz


Likely = Sequence[str]
COMMON: Likely = ("sigmoid", "relu", "tanh", "identity", "softmax", "leaky_relu")
REST: Likely = tuple(name for name in ACTIVATIONS if name not in COMMON)


def _records(table: Mapping[str, Callable[..., Any]], names: Sequence[str]) -> Iterator[Any]:
    for name in names:
        yield table[name]()
        if name == "leaky_relu":
            yield from (table[name](slope) for slope in (0.1, 0.2, 0.3))


def numbered(leaves: Sequence[Leaf]) -> list[tuple[Leaf | None, Leaf | None]]:
    """Pair matrices and vectors into layers: by the numbers in their names, else in their order."""
    matrices = [leaf for leaf in leaves if len(leaf.shape) == 2 and not _vector(leaf)]
    vectors = [leaf for leaf in leaves if _vector(leaf)]
    one_row = [leaf for leaf in vectors if len(leaf.shape) == 2]
    groups: dict[Any, list[Leaf]] = {}
    for leaf in leaves:
        groups.setdefault(number_of(leaf.name), []).append(leaf)
    if len(groups) > 1 and all(len(group) <= 2 for group in groups.values()) and None not in groups:
        return [_pair(groups[key]) for key in sorted(groups)]
    # A matrix of one row or column looks like a vector: then take what pairs up by order.
    while len(matrices) < len(vectors) and one_row:
        leaf = one_row.pop()
        vectors = [v for v in vectors if v is not leaf]
        matrices = [m for m in leaves if m is leaf or m in matrices]
    if vectors and len(vectors) != len(matrices):
        return []
    return list(zip_longest(matrices, vectors))


def _pair(group: Sequence[Leaf]) -> tuple[Leaf | None, Leaf | None]:
    weights = [leaf for leaf in group if re.search(r"(?i)(^|[._\[])(w|theta|k)", leaf.name)]
    if len(group) == 1:
        return (group[0], None) if len(group[0].shape) == 2 else (None, group[0])
    W = weights[0] if len(weights) == 1 else max(group, key=lambda leaf: leaf.value.size)
    return W, next(leaf for leaf in group if leaf is not W)


def _vector(leaf: Leaf) -> bool:
    return len(leaf.shape) <= 1 or sum(n != 1 for n in leaf.shape) <= 1


def number_of(name: str) -> int | None:
    """The layer number in a parameter's name, None without digits."""
    digits = re.findall(r"\d+", name)
    return int(digits[-1]) if digits else None


def layouts(
    pairs: Sequence[tuple[Leaf | None, Leaf | None]], X: Array
) -> Iterator[tuple[bool, bool, Array, list[Array]]]:
    """Yield (columns, W_in_out, x as rows, every W as (n_l, n_{l-1})) for each chain that fits."""
    for columns, in_out in product((False, True), (False, True)):
        x = X.T if columns else X
        Ws = [_as_matrix(W, in_out) for W, _ in pairs]
        if any(W is None for W in Ws):
            return
        width, fits = x.shape[1], True
        for W, (_, b) in zip(Ws, pairs, strict=True):
            assert W is not None
            fits = fits and W.shape[1] == width and (b is None or b.value.size == W.shape[0])
            width = W.shape[0]
        if fits:
            yield columns, in_out, x, [W for W in Ws if W is not None]


def _as_matrix(leaf: Leaf | None, in_out: bool) -> Array | None:
    if leaf is None or leaf.value.ndim != 2:
        return None
    return leaf.value.T if in_out else leaf.value


def data_rows(data: Any) -> Array | None:
    """Return data as a float matrix; columns in a list (Nielsen's) are put side by side."""
    try:
        rows = np.asarray(data, np.float64)
    except (TypeError, ValueError):
        return None
    if rows.ndim == 3 and rows.shape[2] == 1:
        return rows[:, :, 0]
    if rows.ndim > 2 or not np.isfinite(rows).all():
        return None
    return np.atleast_2d(rows)
