"""Lowering: what the native core knows, and networks as it takes them.

The core knows one list, src/core/tables.hpp: names and settings come from there, and a record that
is not the table's own entry is one that the core lacks. ``lower`` turns layers into its ops: a kind
that the list has is one op, and an affine layer takes its activation and dropout with it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..architecture import Architecture
from ..mathematics.activations import ACTIVATIONS
from ..mathematics.costs import COSTS, canonical_pair
from ..mathematics.layers import LAYERS, ActivationLayer, Affine, Dropout, Layer
from ..mathematics.names import listed
from . import _core

__all__ = [
    "Lowered",
    "Op",
    "Unsupported",
    "entry",
    "knows",
    "lacks_cost",
    "lacks_layers",
    "lower",
    "lower_cost",
    "settings_of",
]

_TABLES: dict[str, dict[str, tuple[str, ...]]] = _core.tables()
_NUMBERS = {
    table: {entry: i for i, entry in enumerate(entries)} for table, entries in _TABLES.items()
}


class Unsupported(ValueError):
    """A layer that the core has no op for; the message names it, as in ``layer 'periodic'``."""


class Op(NamedTuple):
    """One op of the core, with what is fused with it.

    An affine op is a layer l of the notes: z = a_prev W^T + b, a = f(z), and dropout of a. Others
    keep the number of columns and have the identity as f.
    """

    kind: int  # its number in the core's table, as that of f
    n_in: int
    n_out: int
    f: int
    settings: tuple[float, ...]
    rate: float = 0.0
    place: int = 0


class Lowered(NamedTuple):
    """An architecture's layers as the core takes them: dropout of the inputs, then ops.

    ``names``: ``layer 1`` of an op of the notes; of others the kind and its place, ``scale0``.
    """

    input_rate: float
    ops: list[Op]
    names: list[str]


def settings_of(table: str) -> dict[str, tuple[str, ...]]:
    """Return settings by name of the core's ``"activations"``, ``"costs"`` or ``"optimizers"``."""
    return dict(_TABLES[table])


def knows(table: str, record: Any, entries: Any) -> bool:
    """Return whether the core knows a record: an entry of Python's table, with its settings."""
    settings = _TABLES[table].get(record.name)
    return settings is not None and listed(record, entries) and tuple(record.settings) == settings


def lacks_layers(architecture: Architecture) -> str | None:
    """Say which layer or activation the core does not know; None if it knows all."""
    try:
        lower(architecture)
    except Unsupported as missing:
        return str(missing)
    return None


def lacks_cost(architecture: Architecture) -> str | None:
    """Name the cost if the core does not know it."""
    return None if knows("costs", architecture.cost, COSTS) else f"cost {architecture.cost.name!r}"


def entry(table: str, record: Any) -> tuple[int, tuple[float, ...]]:
    """Return a record as the core takes it: its number in the core's table, and its settings."""
    return _NUMBERS[table][record.name], tuple(float(value) for value in record.settings.values())


def lower_cost(architecture: Architecture) -> tuple[int, tuple[float, ...], bool]:
    """Return the cost as the core takes it: (number, settings, whether from z)."""
    canonical = canonical_pair(architecture.activations[-1], architecture.cost) is not None
    return *entry("costs", architecture.cost), canonical


def lower(architecture: Architecture) -> Lowered:
    """Return an architecture's layers as the core takes them.

    An affine layer, its activation and the dropout after it are one op: activation and mask are the
    epilogue of the affine layer's own tiles. Raises Unsupported for a layer that the core has no op
    for, or not in that place.
    """
    numbers = {view.at: view.l for view in architecture.numbered}
    input_rate = 0.0
    ops: list[Op] = []
    names: list[str] = []
    below: Layer | None = None
    for at, layer in enumerate(architecture.layers):
        _check_support(layer, below)
        if isinstance(layer, ActivationLayer):
            f, settings = entry("activations", layer.f)
            ops[-1] = ops[-1]._replace(f=f, settings=settings)
        elif not isinstance(layer, Dropout):
            kind, identity = _NUMBERS["ops"][layer.kind], _NUMBERS["activations"]["identity"]
            ops.append(Op(kind, layer.n_in, layer.n_out, identity, ()))
            names.append(f"layer {numbers[at]}" if at in numbers else f"{layer.kind}{at}")
        elif ops:
            ops[-1] = ops[-1]._replace(rate=layer.rate, place=layer.place)
        else:
            input_rate = layer.rate
        below = layer
    return Lowered(input_rate, ops, names)


def _check_support(layer: Layer, below: Layer | None) -> None:
    """Raise Unsupported for a layer without an op, or where the core has none for it."""
    if isinstance(layer, ActivationLayer):
        if not knows("activations", layer.f, ACTIVATIONS):
            raise Unsupported(f"activation {layer.f.name!r}")
    elif not isinstance(layer, Dropout) and not (
        layer.kind in _NUMBERS["ops"] and LAYERS.get(layer.kind) is type(layer)
    ):
        raise Unsupported(f"layer {layer.kind!r}")
    follows = isinstance(below, Affine) == isinstance(layer, ActivationLayer)
    if isinstance(layer, Dropout):
        first_mask = below is None and layer.place == 0
        follows &= first_mask or not (below is None or isinstance(below, Dropout))
    if not follows:
        place = "the inputs" if below is None else repr(below.kind)
        raise Unsupported(f"layer {layer.kind!r} after {place}")
