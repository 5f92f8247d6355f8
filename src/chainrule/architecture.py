"""Architecture: from what a user writes (sizes and names, or layers) to layers and cost.

Every argument is checked here, before anything is allocated, with a message that names it.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from .mathematics.activations import ACTIVATIONS, Activation, resolve_activation
from .mathematics.checks import BELOW_ONE, NOT_NEGATIVE, setting
from .mathematics.costs import CANONICAL, COSTS, Cost, resolve_cost
from .mathematics.initializers import Initializer, resolve_initializer
from .mathematics.layers import ActivationLayer, Affine, Dropout, Layer, Numbered, numbered
from .mathematics.names import listed, unknown
from .mathematics.passes import Objective

DTYPES = ("float32", "float64")
MOST_PARAMETERS = 2**45


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a network is, without its parameters."""

    sizes: tuple[int, ...]
    layers: tuple[Layer, ...]
    cost: Cost
    l1: float
    l2: float
    seed: int
    dtype: np.dtype[Any]

    @property
    def numbered(self) -> tuple[Numbered, ...]:
        """The layers that the notes count, l = 1..L."""
        return numbered(self.layers)

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activations of the layers l = 1..L (index 0 is layer 1)."""
        return tuple(view.activation for view in self.numbered)

    @property
    def objective(self) -> Objective:
        """What J is a function of, beside parameters and samples."""
        return Objective(self.layers, self.cost, self.l1, self.l2)

    @property
    def own_records(self) -> tuple[Activation | Cost, ...]:
        """The activations and the cost that are the user's own, not entries of the tables."""
        activations = [f for f in self.activations if not listed(f, ACTIVATIONS)]
        return (*activations, *([] if listed(self.cost, COSTS) else [self.cost]))


def architecture(
    sizes: Sequence[int],
    hidden: str | Activation | Sequence[str | Activation],
    output: str | Activation,
    cost: str | Cost | None,
    seed: int,
    dtype: Any,
    dropout: float | Sequence[float],
    l1: float,
    l2: float,
    init: Any,
) -> Architecture:
    """Check a network's arguments and build its records; see ``Network`` for what they mean."""
    sizes = _sizes(sizes)
    n_layers = len(sizes) - 1
    fs = [*_hidden(hidden, n_layers - 1), resolve_activation(output)]
    inits = _inits(init, fs)
    rates = _rates(dropout, n_layers)
    layers: list[Layer] = []
    for place in range(n_layers):
        if rates[place] > 0:
            layers.append(Dropout(sizes[place], rates[place], place))
        layers.append(Affine(sizes[place], sizes[place + 1], inits[place]))
        layers.append(ActivationLayer(sizes[place + 1], fs[place]))
    return architecture_of_layers(layers, cost, seed, dtype, l1, l2)


def architecture_of_layers(
    layers: Sequence[Layer],
    cost: str | Cost | None,
    seed: int,
    dtype: Any,
    l1: float,
    l2: float,
) -> Architecture:
    """Check that layers fit one another, end in an activation and go with the cost.

    Raises ValueError or TypeError naming the layer or the argument that cannot be.
    """
    layers = tuple(layers)
    if not any(isinstance(layer, Affine) for layer in layers):
        raise ValueError("a network needs at least one affine layer")
    for place, (below, above) in enumerate(pairwise(layers), 1):
        if below.n_out != above.n_in:
            raise ValueError(
                f"layers[{place}] ({above.kind}) takes {above.n_in} columns, and what is below it "
                f"gives {below.n_out}"
            )
    top = layers[-1]
    if not isinstance(top, ActivationLayer):
        raise ValueError(f"the last layer must be an activation, not {top.kind}")
    count = sum(prod(p.shape) for layer in layers for p in layer.parameters)
    if count > MOST_PARAMETERS:
        raise ValueError(f"the layers ask for {count} parameters: no computer holds as many")
    affine = [layer for layer in layers if isinstance(layer, Affine)]
    if len(numbered(layers)) != len(affine):
        raise ValueError("each affine layer must be followed by its activation, if only identity")
    return Architecture(
        (layers[0].n_in, *(layer.n_out for layer in affine)),
        layers,
        _cost(cost, top.f, top.n_out),
        float(setting("network", "l1", l1, NOT_NEGATIVE)),
        float(setting("network", "l2", l2, NOT_NEGATIVE)),
        _seed(seed),
        dtype_of(dtype),
    )


def _sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    try:
        counts = tuple(operator.index(n) for n in sizes)
    except TypeError:
        raise TypeError(f"sizes must be whole numbers such as [30, 64, 1], not {sizes!r}") from None
    if len(counts) < 2:
        raise ValueError(f"sizes needs at least inputs and outputs, as in [30, 1], not {sizes!r}")
    for l, n in enumerate(counts):
        if n < 1:
            raise ValueError(f"sizes[{l}] must be at least 1, not {n}")
    return counts


def _hidden(hidden: Any, count: int) -> list[Activation]:
    if isinstance(hidden, (str, Activation)):
        return [resolve_activation(hidden)] * count
    _several("hidden", hidden, "an activation, or a list with one for each hidden layer")
    activations = [resolve_activation(f) for f in hidden]
    if len(activations) != count:
        raise ValueError(f"hidden names {len(activations)} activations for {count} hidden layers")
    return activations


def _inits(init: Any, fs: Sequence[Activation]) -> list[Initializer]:
    if init is None:
        return [resolve_initializer(f.init) for f in fs]
    if isinstance(init, (str, Initializer)):
        return [resolve_initializer(init)] * len(fs)
    _several("init", init, "an initializer, or a list with one for each layer")
    initializers = [
        resolve_initializer(f.init if one is None else one)
        for one, f in zip(init, fs, strict=False)
    ]
    if len(init) != len(fs):
        raise ValueError(f"init names {len(init)} initializers for {len(fs)} layers")
    return initializers


def _rates(dropout: float | Sequence[float], n_layers: int) -> list[float]:
    if isinstance(dropout, (int, float, np.generic)):
        rate = float(setting("network", "dropout", dropout, BELOW_ONE))
        return [0.0] + [rate] * (n_layers - 1)
    _several("dropout", dropout, "a rate, or a list with one for the input and each hidden layer")
    rates = [
        float(setting("network", f"dropout[{i}]", r, BELOW_ONE)) for i, r in enumerate(dropout)
    ]
    if len(rates) != n_layers:
        raise ValueError(
            f"dropout needs one number, or {n_layers} of them (the input, then each hidden layer), "
            f"not {len(rates)}"
        )
    return rates


def _several(name: str, value: Any, wanted: str) -> None:
    if not isinstance(value, Iterable):
        raise TypeError(f"{name} must be {wanted}, not {value!r}")


def _cost(cost: str | Cost | None, output: Activation, n_out: int) -> Cost:
    if cost is None:
        cost = next((c for f, c in CANONICAL if f == output.name), "squared_error")
    record = resolve_cost(cost)
    if record.outputs and listed(output, ACTIVATIONS) and output.name not in record.outputs:
        fitting = " or ".join(repr(name) for name in record.outputs)
        raise ValueError(
            f"cost {record.name!r} cannot go with output={output.name!r}: use output={fitting}, "
            "or another cost"
        )
    if output.name == "softmax" and n_out == 1:
        raise ValueError(
            "a softmax of one output is always 1: use output='sigmoid', or an output for each class"
        )
    return record


def _seed(seed: Any) -> int:
    try:
        number = operator.index(seed)
    except TypeError:
        raise TypeError(f"seed must be a whole number, not {seed!r}") from None
    if isinstance(seed, bool) or not 0 <= number < 2**64:
        raise ValueError(f"seed must be from 0 to 2^64 - 1, not {seed!r}")
    return number


def dtype_of(dtype: Any) -> np.dtype[Any]:
    """Return the dtype float32 or float64; raises ValueError for any other."""
    try:
        name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    if name not in DTYPES:
        raise unknown("dtype", name, DTYPES)
    resolved: np.dtype[Any] = np.dtype(name)
    return resolved
