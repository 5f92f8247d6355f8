"""Architecture: from what a user writes (sizes, names) to layers and cost, and back to a config.

Every argument is checked here, before anything is allocated, with a message that names it.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .mathematics.activations import ACTIVATIONS, Activation, resolve_activation
from .mathematics.checks import BELOW_ONE, NOT_NEGATIVE, setting
from .mathematics.costs import CANONICAL, COSTS, Cost, resolve_cost
from .mathematics.initializers import INITIALIZERS, Initializer, resolve_initializer
from .mathematics.layers import Dense, Dropout, Layer
from .mathematics.names import listed, spell, unknown

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
    def dense(self) -> tuple[Dense, ...]:
        """The numbered layers, l = 1..L."""
        return tuple(layer for layer in self.layers if isinstance(layer, Dense))

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activations of the layers l = 1..L (index 0 is layer 1)."""
        return tuple(layer.activation for layer in self.dense)

    @property
    def own_records(self) -> tuple[Activation | Cost, ...]:
        """The activations and the cost that are the user's own, not entries of the tables."""
        own: list[Activation | Cost] = [f for f in self.activations if not listed(f, ACTIVATIONS)]
        return (*own, *([] if listed(self.cost, COSTS) else [self.cost]))


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
            layers.append(Dropout(rates[place], place))
        layers.append(Dense(sizes[place], sizes[place + 1], fs[place], inits[place]))
    return Architecture(
        sizes,
        tuple(layers),
        _cost(cost, fs[-1], sizes[-1]),
        float(setting("network", "l1", l1, NOT_NEGATIVE)),
        float(setting("network", "l2", l2, NOT_NEGATIVE)),
        _seed(seed),
        dtype_of(dtype),
    )


def _sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    try:
        found = tuple(operator.index(n) for n in sizes)
    except TypeError:
        raise TypeError(f"sizes must be whole numbers such as [30, 64, 1], not {sizes!r}") from None
    if len(found) < 2:
        raise ValueError(f"sizes needs at least inputs and outputs, as in [30, 1], not {sizes!r}")
    for l, n in enumerate(found):
        if n < 1:
            raise ValueError(f"sizes[{l}] must be at least 1, not {n}")
    count = sum((a + 1) * b for a, b in pairwise(found))
    if count > MOST_PARAMETERS:
        raise ValueError(f"sizes ask for {count} parameters: no computer holds as many")
    return found


def _hidden(hidden: Any, count: int) -> list[Activation]:
    if isinstance(hidden, (str, Activation)):
        return [resolve_activation(hidden)] * count
    _several("hidden", hidden, "an activation, or a list with one for each hidden layer")
    found = [resolve_activation(f) for f in hidden]
    if len(found) != count:
        raise ValueError(f"hidden names {len(found)} activations for {count} hidden layers")
    return found


def _inits(init: Any, fs: Sequence[Activation]) -> list[Initializer]:
    if init is None:
        return [resolve_initializer(f.init) for f in fs]
    if isinstance(init, (str, Initializer)):
        return [resolve_initializer(init)] * len(fs)
    _several("init", init, "an initializer, or a list with one for each layer")
    found = [
        resolve_initializer(f.init if one is None else one)
        for one, f in zip(init, fs, strict=False)
    ]
    if len(init) != len(fs):
        raise ValueError(f"init names {len(init)} initializers for {len(fs)} layers")
    return found


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
    found = resolve_cost(cost)
    if found.outputs and listed(output, ACTIVATIONS) and output.name not in found.outputs:
        fitting = " or ".join(repr(name) for name in found.outputs)
        raise ValueError(
            f"cost {found.name!r} cannot go with output={output.name!r}: use output={fitting}, "
            "or another cost"
        )
    if output.name == "softmax" and n_out == 1:
        raise ValueError(
            "a softmax of one output is always 1: use output='sigmoid', or an output for each class"
        )
    return found


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
    found: np.dtype[Any] = np.dtype(name)
    return found


def config_of(made: Architecture) -> dict[str, Any]:
    """Return what ``architecture_of`` needs to build the same again, as plain JSON values.

    Raises ValueError for one's own record: a file names table entries, never functions.
    """
    rates = {layer.place: layer.rate for layer in made.layers if isinstance(layer, Dropout)}
    return {
        "sizes": list(made.sizes),
        "hidden": [_spec("activation", d.activation, ACTIVATIONS) for d in made.dense[:-1]],
        "output": _spec("activation", made.dense[-1].activation, ACTIVATIONS),
        "cost": _spec("cost", made.cost, COSTS),
        "seed": made.seed,
        "dtype": made.dtype.name,
        "dropout": [rates.get(place, 0.0) for place in range(len(made.dense))],
        "l1": made.l1,
        "l2": made.l2,
        "init": [_spec("initializer", d.init, INITIALIZERS) for d in made.dense],
    }


def _spec(kind: str, record: Any, table: Mapping[str, Any]) -> str:
    # The draw functions of initializers are made anew each time: there the name decides.
    if record.name not in table or (kind != "initializer" and not listed(record, table)):
        raise ValueError(
            f"{kind} {record.name!r} is your own record, and a model file names entries of our "
            "tables only: save net.theta yourself, and build the network again in your code"
        )
    return spell(record.name, record.settings.values())


_TYPES: Mapping[str, Any] = {
    "sizes": (list, int),
    "hidden": (list, str),
    "output": str,
    "cost": str,
    "seed": int,
    "dtype": str,
    "dropout": (list, (int, float)),
    "l1": (int, float),
    "l2": (int, float),
    "init": (list, str),
}


def architecture_of(config: Any) -> Architecture:
    """Build an architecture from a config; raises ValueError for anything it should not hold."""
    if not isinstance(config, dict) or set(config) != set(_TYPES):
        raise ValueError(f"a network's config must be an object with {', '.join(_TYPES)}")
    for name, kind in _TYPES.items():
        value = config[name]
        items, one = (
            (value, kind[1]) if isinstance(kind, tuple) and kind[0] is list else ([value], kind)
        )
        whole = isinstance(items, list) and all(
            isinstance(item, one) and not isinstance(item, bool) for item in items
        )
        if not whole:
            raise ValueError(f"{name} of a network's config is malformed: {value!r:.80}")
    try:
        return architecture(**config)
    except TypeError as error:
        raise ValueError(str(error)) from None
