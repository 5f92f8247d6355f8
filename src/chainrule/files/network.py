"""Networks in model files: theta by layer as W1, b1, W2, ..., and the config in the metadata.

Beside the network a file can hold the state of an encoder (its arrays under ``encoder.``), a record
of how it was trained, and where training stands (its arrays under ``checkpoint.``); to this module
all are JSON values and arrays. A checkpoint is thus a model file that can be predicted with.
Snapshots of theta during training are one array, ``snapshots.theta``, and the list of their epochs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..architecture import Architecture
from ..configuration import architecture_of
from ..model import Model
from ..parameters import gather, named_places, size
from ..typing import Floats
from .model import read_model, shapes_agree, write_model

ENCODER = "encoder."
CHECKPOINT = "checkpoint."
SNAPSHOTS = "snapshots."


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a model file holds: architecture and theta, the encoder's state if any, the record.

    ``checkpoint`` is None but for a checkpoint. ``snapshots``: (epoch, theta), where there are any.
    """

    architecture: Architecture
    theta: Floats
    encoder: Any
    encoder_arrays: Mapping[str, npt.NDArray[Any]]
    record: Any
    checkpoint: Any = None
    checkpoint_arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    snapshots: tuple[tuple[int, Floats], ...] = ()


def save_network(
    path: str | os.PathLike[str],
    network: Model,
    encoder: tuple[Any, Mapping[str, npt.NDArray[Any]]] | None = None,
    record: Any = None,
    checkpoint: tuple[Any, Mapping[str, npt.NDArray[Any]]] | None = None,
    snapshots: Sequence[tuple[int, Floats]] = (),
) -> None:
    """Write a model file atomically. ``record``: JSON values; ``encoder``, ``checkpoint``: JSON
    values and arrays; ``snapshots``: (epoch, theta).

    Raises ValueError if the network has one's own records or ``path`` cannot be written to.
    """
    contents = {
        name: np.ascontiguousarray(network.parameters[place.layer][place.name])
        for name, place in named_places(network.architecture)
    }
    metadata = {"network": network.config(), "encoder": None, "record": record}
    moments: tuple[Any, Mapping[str, npt.NDArray[Any]]] | None = None
    if snapshots:
        thetas = np.stack([theta for _, theta in snapshots])
        moments = [epoch for epoch, _ in snapshots], {"theta": thetas}
    for key, part in ((ENCODER, encoder), (CHECKPOINT, checkpoint), (SNAPSHOTS, moments)):
        if part is not None:
            metadata[key.rstrip(".")], arrays = part
            contents.update({key + name: array for name, array in arrays.items()})
    write_model(path, contents, metadata)


def load_network(path: str | os.PathLike[str]) -> Loaded:
    """Read a model file. Raises ValueError, in one sentence, for one that is not sound."""
    arrays, metadata = read_model(path)
    try:
        architecture = architecture_of(metadata.get("network"))
        parts = (_popped(arrays, key) for key in (ENCODER, CHECKPOINT, SNAPSHOTS))
        encoder, checkpoint, moments = parts
        snapshots = _snapshots(metadata.get("snapshots", []), moments, architecture)
        named = list(named_places(architecture))
        shapes_agree(arrays, {name: (place.shape, architecture.dtype) for name, place in named})
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise ValueError(f"the array {name!r} has a number that is not finite")
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)} is not a sound model file: {error}") from None
    by_layer: list[dict[str, Any]] = [{} for _ in architecture.layers]
    for name, place in named:
        by_layer[place.layer][place.name] = arrays[name]
    layers = architecture.layers
    theta = gather(by_layer, layers, np.empty(size(layers), architecture.dtype))
    state, record, position = (metadata.get(key) for key in ("encoder", "record", "checkpoint"))
    return Loaded(architecture, theta, state, encoder, record, position, checkpoint, snapshots)


def _snapshots(
    epochs: Any, arrays: Mapping[str, npt.NDArray[Any]], architecture: Architecture
) -> tuple[tuple[int, Floats], ...]:
    """Return (epoch, theta) of each snapshot; raises ValueError for what does not fit."""
    if not isinstance(epochs, list) or not all(type(epoch) is int for epoch in epochs):
        raise ValueError("the epochs of its snapshots are no list of whole numbers")
    shape = len(epochs), size(architecture.layers)
    shapes_agree(arrays, {"theta": (shape, architecture.dtype)} if epochs else {})
    if epochs and not np.isfinite(arrays["theta"]).all():
        raise ValueError("its snapshots have a number that is not finite")
    return tuple(zip(epochs, arrays["theta"], strict=True)) if epochs else ()


def _popped(arrays: dict[str, npt.NDArray[Any]], key: str) -> dict[str, npt.NDArray[Any]]:
    """Take the arrays whose names begin with ``key`` out, and return them without it."""
    names = [name for name in arrays if name.startswith(key)]
    return {name.removeprefix(key): arrays.pop(name) for name in names}
