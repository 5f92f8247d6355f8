"""Configuration: an architecture as plain JSON values, as model files hold it, and back.

Format version 2 lists the layers. Version 1 had sizes and names, for dense
layers alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .architecture import Architecture, architecture, architecture_of_layers
from .mathematics.costs import COSTS
from .mathematics.layers import layer_config, layer_from_config
from .mathematics.names import spelled_entry

_VERSION_2: Mapping[str, Any] = {
    "layers": (list, dict),
    "cost": str,
    "seed": int,
    "dtype": str,
    "l1": (int, float),
    "l2": (int, float),
}
_VERSION_1: Mapping[str, Any] = {
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


def config_of(shape: Architecture) -> dict[str, Any]:
    """Return what ``architecture_of`` needs to build the same again, as plain JSON values.

    Raises ValueError for one's own record: a file names table entries, never functions.
    """
    return {
        "layers": [layer_config(layer) for layer in shape.layers],
        "cost": spelled_entry("cost", shape.cost, COSTS),
        "seed": shape.seed,
        "dtype": shape.dtype.name,
        "l1": shape.l1,
        "l2": shape.l2,
    }


def architecture_of(config: Any) -> Architecture:
    """Build an architecture from a config; raises ValueError for anything it should not hold."""
    first = isinstance(config, dict) and "sizes" in config
    types = _VERSION_1 if first else _VERSION_2
    if not isinstance(config, dict) or set(config) != set(types):
        raise ValueError(f"a network's config must be an object with {', '.join(types)}")
    for name, kind in types.items():
        _check(name, config[name], kind)
    try:
        if first:
            return architecture(**config)
        layers = [layer_from_config(layer) for layer in config["layers"]]
        return architecture_of_layers(**{**config, "layers": layers})
    except TypeError as error:
        raise ValueError(str(error)) from None


def _check(name: str, value: Any, kind: Any) -> None:
    several = isinstance(kind, tuple) and kind[0] is list
    items, one = (value, kind[1]) if several else ([value], kind)
    if not isinstance(items, list) or not all(
        isinstance(item, one) and not isinstance(item, bool) for item in items
    ):
        raise ValueError(f"{name} of a network's config is malformed: {value!r:.80}")
