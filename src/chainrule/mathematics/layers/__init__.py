"""Layers: the table of kinds, and "layer l of the notes" as a view of them.

A network is a sequence of layers. A further kind is one more file here and one more entry of
``LAYERS``; nothing outside a kind's file knows which parameters it has. What the notes call layer
l is an affine layer with its activation: ``numbered`` finds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..activations import Activation
from ..names import unknown
from .activation import ActivationLayer
from .affine import Affine
from .dropout import Dropout
from .layer import Layer, Parameter, Parameters
from .periodic import Periodic
from .piecewise_linear import PiecewiseLinear
from .scale import Scale

__all__ = [
    "LAYERS",
    "ActivationLayer",
    "Affine",
    "Dropout",
    "Layer",
    "Numbered",
    "Parameter",
    "Parameters",
    "Periodic",
    "PiecewiseLinear",
    "Scale",
    "kinds_beyond_the_notes",
    "layer_config",
    "layer_from_config",
    "numbered",
]

_KINDS: tuple[type[Layer], ...] = (
    Affine,
    ActivationLayer,
    Dropout,
    Scale,
    PiecewiseLinear,
    Periodic,
)
LAYERS: Mapping[str, type[Layer]] = {cls.kind: cls for cls in _KINDS}


@dataclass(frozen=True, slots=True)
class Numbered:
    """Layer l of the notes: the affine layer at place ``at`` and the activation that follows it.

    ``dropout``: the rate of what follows the activation, 0 where that is no dropout.
    """

    l: int
    at: int
    affine: Affine
    activation: Activation
    dropout: float


def numbered(layers: Sequence[Layer]) -> tuple[Numbered, ...]:
    """Return the layers that the notes count, l = 1..L."""
    views: list[Numbered] = []
    for at, layer in enumerate(layers[:-1]):
        f = layers[at + 1]
        if isinstance(layer, Affine) and isinstance(f, ActivationLayer):
            after = layers[at + 2] if at + 2 < len(layers) else None
            rate = after.rate if isinstance(after, Dropout) else 0.0
            views.append(Numbered(len(views) + 1, at, layer, f.f, rate))
    return tuple(views)


def kinds_beyond_the_notes(layers: Sequence[Layer]) -> tuple[str, ...]:
    """Return the kinds that are neither affine layer, activation nor dropout, each once.

    What works by the numbered layers alone asks this first, and falls back or says so.
    """
    others = (x.kind for x in layers if not isinstance(x, Affine | ActivationLayer | Dropout))
    return tuple(dict.fromkeys(others))


def layer_config(layer: Layer) -> dict[str, Any]:
    """Return a layer as plain JSON values; raises ValueError for one's own records."""
    return {"kind": layer.kind, **layer.config()}


def layer_from_config(config: Any) -> Layer:
    """Build a layer from what ``layer_config`` gave; raises ValueError for anything else."""
    if not isinstance(config, dict) or not isinstance(config.get("kind"), str):
        raise ValueError(f"a layer's config must be an object with its kind, not {config!r:.80}")
    kind = config["kind"]
    if kind not in LAYERS:
        raise unknown("layer", kind, LAYERS)
    rest = {name: value for name, value in config.items() if name != "kind"}
    try:
        layer = LAYERS[kind].from_config(rest)
    except KeyError as missing:
        raise ValueError(f"the config of a layer {kind!r} lacks {missing}") from None
    unread = set(rest) - set(layer.config())
    if unread:
        raise ValueError(f"the config of a layer {kind!r} has no {sorted(unread)[0]!r}")
    return layer
