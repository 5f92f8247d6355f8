"""Networks in model files: theta by layer as W1, b1, W2, ..., and the config in the metadata.

Beside the network a file can hold the state of an encoder (its arrays under ``encoder.``) and a
record of how it was trained; to this module both are JSON values and arrays.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..architecture import Architecture, architecture_of
from ..network import Network
from ..parameters import Place, gather, places, size
from .model import read_model, shapes_agree, write_model

ENCODER = "encoder."


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a model file holds: the network, the encoder's state if any, the training's record."""

    network: Network
    encoder: Any
    encoder_arrays: Mapping[str, npt.NDArray[Any]]
    record: Any


def save_network(
    path: str | os.PathLike[str],
    network: Network,
    encoder: tuple[Any, Mapping[str, npt.NDArray[Any]]] | None = None,
    record: Any = None,
) -> None:
    """Write a model file atomically. ``encoder``: JSON values and arrays; ``record``: JSON values.

    Raises ValueError if the network has one's own records or ``path`` cannot be written to.
    """
    state, arrays = encoder or (None, {})
    found = {
        name: np.ascontiguousarray(network.parameters[place.layer][place.name])
        for name, place in _named(network.architecture)
    }
    found.update({ENCODER + name: array for name, array in arrays.items()})
    write_model(path, found, {"network": network.config(), "encoder": state, "record": record})


def load_network(path: str | os.PathLike[str]) -> Loaded:
    """Read a model file. Raises ValueError, in one sentence, for one that is not sound."""
    arrays, metadata = read_model(path)
    try:
        made = architecture_of(metadata.get("network"))
        encoder = {
            name.removeprefix(ENCODER): arrays.pop(name)
            for name in list(arrays)
            if name.startswith(ENCODER)
        }
        named = list(_named(made))
        shapes_agree(arrays, {name: (place.shape, made.dtype) for name, place in named})
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)} is not a sound model file: {error}") from None
    by_layer: list[dict[str, Any]] = [{} for _ in made.layers]
    for name, place in named:
        by_layer[place.layer][place.name] = arrays[name]
    theta = gather(by_layer, made.layers, np.empty(size(made.layers), made.dtype))
    network = Network.from_config(metadata["network"], theta)
    return Loaded(network, metadata.get("encoder"), encoder, metadata.get("record"))


def load(path: str | os.PathLike[str]) -> Network:
    """Read the network of a model file; see ``load_network``.

    Raises ValueError, in one sentence, if there is no such file, it is no model file, is damaged,
    truncated or of a newer format version, or its shapes disagree with its metadata.
    """
    return load_network(path).network


def _named(made: Architecture) -> Iterator[tuple[str, Place]]:
    numbers: dict[int, int] = {}
    for i, layer in enumerate(made.layers):
        if layer.numbered:
            numbers[i] = len(numbers) + 1
    for place in places(made.layers):
        yield f"{place.name}{numbers[place.layer]}", place
