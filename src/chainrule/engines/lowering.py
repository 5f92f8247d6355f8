"""Lowering: what the native core knows, and networks as it takes them.

The core knows one list, src/core/tables.hpp: names and settings come from there, and a record that
is not the table's own entry is one that the core lacks. It has one op, the affine layer with its
activation and dropout: ``lower`` fuses layers into such ops.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..architecture import Architecture
from ..mathematics.activations import ACTIVATIONS
from ..mathematics.costs import COSTS, canonical_pair
from ..mathematics.layers import ActivationLayer, Affine, Dropout, Layer
from ..mathematics.names import listed
from . import _core

__all__ = [
    "Lowered",
    "Op",
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


class Op(NamedTuple):
    """A layer l of the notes: z = a_prev W^T + b, a = f(z), and dropout of a."""

    n_in: int
    n_out: int
    f: int  # its number in the core's table
    settings: tuple[float, ...]
    rate: float


class Lowered(NamedTuple):
    """An architecture's layers as the core takes them: dropout of the inputs, then ops."""

    input_rate: float
    ops: list[Op]


def settings_of(table: str) -> dict[str, tuple[str, ...]]:
    """Return settings by name of the core's ``"activations"``, ``"costs"`` or ``"optimizers"``."""
    return dict(_TABLES[table])


def knows(table: str, record: Any, entries: Any) -> bool:
    """Return whether the core knows a record: an entry of Python's table, with its settings."""
    settings = _TABLES[table].get(record.name)
    return settings is not None and listed(record, entries) and tuple(record.settings) == settings


def lacks_layers(architecture: Architecture) -> str | None:
    """Say which layer or activation the core does not know; None if it knows all.

    It knows affine layers, each with its activation and then dropout, if any.
    """
    below: Layer | None = None
    for layer in architecture.layers:
        if isinstance(layer, ActivationLayer):
            if not knows("activations", layer.f, ACTIVATIONS):
                return f"activation {layer.f.name!r}"
        elif not isinstance(layer, Affine | Dropout):
            return f"layer {layer.kind!r}"
        follows = isinstance(below, Affine) == isinstance(layer, ActivationLayer)
        if not follows or (isinstance(below, Dropout) and isinstance(layer, Dropout)):
            return f"layer {layer.kind!r} after {'the inputs' if below is None else below.kind!r}"
        below = layer
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
    """Return an architecture's layers as the core takes them, of which ``lacks_layers`` says None.

    An affine layer, its activation and the dropout after it are one op: activation and mask are the
    epilogue of the affine layer's own tiles.
    """
    first = architecture.layers[0]
    ops = [
        Op(
            view.affine.n_in,
            view.affine.n_out,
            *entry("activations", view.activation),
            view.dropout,
        )
        for view in architecture.numbered
    ]
    return Lowered(first.rate if isinstance(first, Dropout) else 0.0, ops)
