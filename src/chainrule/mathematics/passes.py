"""Forward and backward propagation through a whole network, and what they return.

Pure functions of x, the layers' records and their parameters; they run on every array that the
layers run on. ``Trace`` is what forward caches, ``Gradients`` what backward gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .activations import Activation
from .costs import Cost, cost_backward, cost_of, share_out
from .dropout import Masks
from .layers import Cache, Dense, Layer, Parameters
from .namespace import Array, namespace
from .penalties import penalty, penalty_gradient


@dataclass(frozen=True, slots=True)
class Trace:
    """A forward pass: ``a[0..L]`` and ``z[1..L]`` (z[0] is None), each (m, n_l)."""

    caches: tuple[Cache, ...]
    a: tuple[Array, ...]
    z: tuple[Array | None, ...]

    @property
    def y_hat(self) -> Array:
        """The network's output a^L, shape (m, n_L)."""
        return self.a[-1]


@dataclass(frozen=True, slots=True)
class Gradients:
    """A backward pass: dJ/dW^l, dJ/db^l, dJ/dz^l for l = 1..L (index 0 is None), dJ/da^l, l = 0..L.

    ``layers`` holds the gradients of every layer by the names of its parameters. With
    ``per_sample``, dW[l] is (m, n_l, n_{l-1}) and db[l] (m, n_l): row i is the gradient of J_i, and
    dz and da hold dJ_i/dz and dJ_i/da.
    """

    dW: tuple[Array | None, ...]
    db: tuple[Array | None, ...]
    dz: tuple[Array | None, ...]
    da: tuple[Array, ...]
    layers: tuple[Parameters, ...]
    J: Array
    dtheta: Array | None = None


def forward_pass(
    x: Array, layers: Sequence[Layer], parameters: Sequence[Parameters], masks: Masks | None = None
) -> Trace:
    """Propagate x (m, n_0) forwards through every layer; masks, if given, are those of dropout.

    ``a^0 = x; z^l = a^{l-1} W^l^T + b^l; a^l = f^l(z^l)``.
    Source: Nielsen, "Neural networks and deep learning", 2015, chapter 2, steps 1 and 2.
    """
    caches: list[Cache] = []
    a = x
    for layer, theta in zip(layers, parameters, strict=True):
        cache = layer.forward(a, theta, masks)
        caches.append(cache)
        a = cache.a
    numbered = [c for layer, c in zip(layers, caches, strict=True) if layer.numbered]
    return Trace(tuple(caches), (x, *(c.a for c in numbered)), (None, *(c.z for c in numbered)))


def cost_pass(
    trace: Trace,
    y: Array,
    shares: Array,
    layers: Sequence[Layer],
    parameters: Sequence[Parameters],
    cost: Cost,
    l1: float = 0.0,
    l2: float = 0.0,
) -> Array:
    """Return ``J = sum_i shares_i J_i + penalty``, a scalar; y (m, n_L), shares (m,).

    The shares are 1/m, or w_i / sum w with sample weights; a share of 0 leaves its sample out,
    whatever its cost. The penalty falls on every parameter named W.
    Source: Nielsen, 2015, chapter 2, equation (26); penalty: ``penalties.penalty``.
    """
    xp = namespace(shares)
    last = trace.caches[-1]
    J = cost_of(last.z, last.a, y, _output(layers), cost)
    J = xp.sum(xp.where(xp.greater(shares, 0), J, 0) * shares)
    if l1 != 0 or l2 != 0:
        for theta in parameters:
            if "W" in theta:
                J = J + penalty(theta["W"], l1, l2)
    return J


def backward_pass(
    trace: Trace,
    y: Array,
    shares: Array,
    layers: Sequence[Layer],
    parameters: Sequence[Parameters],
    cost: Cost,
    l1: float = 0.0,
    l2: float = 0.0,
    inputs: bool = True,
    canonical: bool = True,
) -> tuple[list[Parameters], list[Array], list[Array]]:
    """Propagate dJ/da^L backwards to x; return (gradients of each layer, da[0..L-1], dz[1..L]).

    ``dz^L`` is the cost's (``costs.cost_backward``); below, ``dz^l = da^l f'(z^l)``,
    ``dW^l = dz^l^T a^{l-1}``, ``db^l = sum_i dz^l_i``, ``da^{l-1} = dz^l W^l``, and the masks of
    dropout between. ``inputs`` False leaves out dJ/dx, which training does not
    need. da[l] is the gradient of layer l's own output, before dropout.
    Source: Nielsen, "Neural networks and deep learning", 2015, (BP1) to (BP4).
    """
    last = trace.caches[-1]
    top: Any = layers[-1]
    dz_L = cost_backward(last.z, last.a, y, shares, _output(layers), cost, canonical)
    da, gradients, dz = top.backward_from_dz(
        dz_L, last, parameters[-1], not inputs and len(layers) == 1
    )
    found, das, dzs = [gradients], [], [dz]
    for i in range(len(layers) - 2, -1, -1):
        layer = layers[i]
        if layer.numbered:
            das.append(da)
        first = i == 0 and not inputs
        da, gradients, dz = layer.backward(da, trace.caches[i], parameters[i], first)
        found.append(gradients)
        if dz is not None:
            dzs.append(dz)
    das.append(da)
    if l1 != 0 or l2 != 0:
        found = [
            {**g, "W": g["W"] + penalty_gradient(theta["W"], l1, l2)} if "W" in g else g
            for g, theta in zip(found, reversed(parameters), strict=True)
        ]
    return found[::-1], das[::-1], dzs[::-1]


def per_sample_pass(
    trace: Trace, dzs: Sequence[Array], layers: Sequence[Layer]
) -> list[Parameters]:
    """Return each sample's own gradients from dJ_i/dz: dW (m, n_l, n_{l-1}), db (m, n_l).

    ``dW_i = dz_i a_prev_i^T`` before the sum over samples; penalties, which belong to no sample,
    are left out.
    """
    found: list[Parameters] = []
    remaining = iter(dzs)
    for layer, cache in zip(layers, trace.caches, strict=True):
        if isinstance(layer, Dense):
            dz = next(remaining)
            found.append({"W": dz[:, :, None] * cache.a_prev[:, None, :], "b": dz})
        else:
            found.append({})
    return found


def output_da(trace: Trace, y: Array, shares: Array, layers: Sequence[Layer], cost: Cost) -> Array:
    """Return dJ/da^L (m, n_L) as the cost gives it; it may be infinite where dz^L is finite."""
    return share_out(cost.da(trace.caches[-1].a, y), shares)


def _output(layers: Sequence[Layer]) -> Activation:
    top = layers[-1]
    if not isinstance(top, Dense):
        raise TypeError(f"the last layer must be dense, not {top.kind}")
    return top.activation
