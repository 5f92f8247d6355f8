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
from .layers import ActivationLayer, Affine, Layer, Parameters, numbered
from .namespace import Array, namespace
from .penalties import penalty, penalty_gradient


@dataclass(frozen=True, slots=True)
class Objective:
    """What J is a function of, beside parameters and samples: layers, cost, penalties.

    ``J = sum_i shares_i J_i + sum over penalised parameters of l1 |W| + l2/2 W^2``.
    """

    layers: tuple[Layer, ...]
    cost: Cost
    l1: float = 0.0
    l2: float = 0.0

    @property
    def output(self) -> Activation:
        """The activation of the last layer; raises TypeError where that is of another kind."""
        top = self.layers[-1]
        if not isinstance(top, ActivationLayer):
            raise TypeError(f"the last layer must be an activation, not {top.kind}")
        return top.f


@dataclass(frozen=True, slots=True)
class Trace:
    """A forward pass: ``a[0..L]`` and ``z[1..L]`` (z[0] is None), each (m, n_l).

    ``values[i]`` is what layer i of all layers was given, and ``caches[i]`` what it keeps for
    backward; the last value is a^L.
    """

    values: tuple[Array, ...]
    caches: tuple[Any, ...]
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
    values, caches = [x], []
    for layer, p in zip(layers, parameters, strict=True):
        value, cache = layer.forward(values[-1], p, masks)
        values.append(value)
        caches.append(cache)
    counted = [view.at + 1 for view in numbered(layers)]
    z = (None, *(values[at] for at in counted))
    return Trace(tuple(values), tuple(caches), (x, *(values[at + 1] for at in counted)), z)


def cost_pass(
    trace: Trace,
    y: Array,
    shares: Array,
    objective: Objective,
    parameters: Sequence[Parameters],
) -> Array:
    """Return ``J = sum_i shares_i J_i + penalty``, a scalar; y (m, n_L), shares (m,).

    The shares are 1/m, or w_i / sum w with sample weights; a share of 0 leaves its sample out,
    whatever its cost. The penalty falls on every parameter that says so.
    Source: Nielsen, 2015, chapter 2, equation (26); penalty: ``penalties.penalty``.
    """
    xp = namespace(shares)
    z, a = trace.values[-2:]
    J = cost_of(z, a, y, objective.output, objective.cost)
    J = xp.sum(xp.where(xp.greater(shares, 0), J, 0) * shares)
    if objective.l1 != 0 or objective.l2 != 0:
        for layer, p in zip(objective.layers, parameters, strict=True):
            for parameter in layer.parameters:
                if parameter.penalised:
                    J = J + penalty(p[parameter.name], objective.l1, objective.l2)
    return J


def backward_pass(
    trace: Trace,
    y: Array,
    shares: Array,
    objective: Objective,
    parameters: Sequence[Parameters],
    inputs: bool = True,
    canonical: bool = True,
) -> tuple[list[Parameters], list[Array], list[Array]]:
    """Propagate dJ/da^L backwards to x; return (gradients of each layer, da[0..L-1], dz[1..L]).

    ``dz^L`` is the cost's (``costs.cost_backward``): with a canonical pair the gradient enters
    below the last activation. Below, ``dz^l = da^l f'(z^l)``, ``dW^l = dz^l^T a^{l-1}``,
    ``db^l = sum_i dz^l_i``, ``da^{l-1} = dz^l W^l``, and the masks of dropout between. ``inputs``
    False leaves out dJ/dx, which training does not need. da[l] is the gradient of layer l's
    own output, before dropout.
    Source: Nielsen, "Neural networks and deep learning", 2015, (BP1) to (BP4).
    """
    layers = objective.layers
    n = len(layers)
    gradients: list[Parameters] = [{}] * n
    dvalues: list[Any] = [None] * n  # dJ/d(what layer i was given)
    z, a = trace.values[-2:]
    dvalues[-1] = cost_backward(z, a, y, shares, objective.output, objective.cost, canonical)
    for i in range(n - 2, -1, -1):
        want_dx = inputs or i > 0
        dvalues[i], gradients[i] = layers[i].backward(
            dvalues[i + 1], trace.caches[i], parameters[i], want_dx
        )
    if objective.l1 != 0 or objective.l2 != 0:
        gradients = [
            _penalised(objective, *one) for one in zip(layers, gradients, parameters, strict=True)
        ]
    counted = [view.at for view in numbered(layers)]
    da = [dvalues[0], *(dvalues[at + 2] for at in counted[:-1])]
    return gradients, da, [dvalues[at + 1] for at in counted]


def _penalised(
    objective: Objective, layer: Layer, gradients: Parameters, p: Parameters
) -> Parameters:
    l1, l2 = objective.l1, objective.l2
    extra = {
        parameter.name: gradients[parameter.name] + penalty_gradient(p[parameter.name], l1, l2)
        for parameter in layer.parameters
        if parameter.penalised
    }
    return {**gradients, **extra}


def per_sample_pass(
    trace: Trace, dzs: Sequence[Array], layers: Sequence[Layer]
) -> list[Parameters]:
    """Return each sample's own gradients from dJ_i/dz: dW (m, n_l, n_{l-1}), db (m, n_l).

    Penalties, which belong to no sample, are left out. Raises ValueError for a network with
    parameters in layers of other kinds.
    """
    remaining = iter(dzs)
    gradients: list[Parameters] = []
    for layer, cache in zip(layers, trace.caches, strict=True):
        if isinstance(layer, Affine):
            gradients.append(layer.per_sample(next(remaining), cache))
        elif layer.parameters:
            raise ValueError(
                f"a layer {layer.kind!r} has no gradients for each sample: leave out per_sample"
            )
        else:
            gradients.append({})
    return gradients


def output_da(trace: Trace, y: Array, shares: Array, cost: Cost) -> Array:
    """Return dJ/da^L (m, n_L) as the cost gives it; it may be infinite where dz^L is finite."""
    return share_out(cost.da(trace.y_hat, y), shares)
