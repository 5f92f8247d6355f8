"""Parameters: how those of all layers lie in one flat array theta, and views into it.

Layer by layer, each parameter in the order of the layer's ``shapes``; a matrix (n_out, n_in) is
stored as its transpose, row by row, which is the order that a product with rows of samples reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from .architecture import Architecture
from .mathematics.layers import Dense, Layer
from .mathematics.random import THETA, key

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one parameter lies: its layer, name and shape, and its part of theta."""

    layer: int
    name: str
    shape: tuple[int, ...]
    start: int
    stop: int


def places(layers: Sequence[Layer]) -> tuple[Place, ...]:
    """Return the place of every parameter, in the order of theta."""
    found: list[Place] = []
    start = 0
    for i, layer in enumerate(layers):
        for name, shape in layer.shapes.items():
            stop = start + prod(shape)
            found.append(Place(i, name, shape, start, stop))
            start = stop
    return tuple(found)


def size(layers: Sequence[Layer]) -> int:
    """Return P, the number of parameters."""
    return sum(prod(shape) for layer in layers for shape in layer.shapes.values())


def view(theta: Floats, place: Place) -> Floats:
    """Return one parameter as a view of theta (P,), in its own shape."""
    part = theta[place.start : place.stop]
    return part.reshape(place.shape[::-1]).T


def views(theta: Floats, layers: Sequence[Layer]) -> tuple[dict[str, Floats], ...]:
    """Return the parameters of every layer by name, as views of theta (P,)."""
    found: tuple[dict[str, Floats], ...] = tuple({} for _ in layers)
    for place in places(layers):
        found[place.layer][place.name] = view(theta, place)
    return found


def gather(parameters: Sequence[Mapping[str, Any]], layers: Sequence[Layer], out: Floats) -> Floats:
    """Write the parameters (or gradients) of every layer into the flat array ``out`` (P,)."""
    for place in places(layers):
        view(out, place)[...] = parameters[place.layer][place.name]
    return out


def initial_theta(architecture: Architecture) -> Floats:
    """Draw the parameters theta (P,) that the seed fixes: each W by its layer's initializer."""
    theta: Floats = np.zeros(size(architecture.layers), architecture.dtype)
    by_layer = views(theta, architecture.layers)
    numbers = iter(range(1, len(architecture.sizes)))
    for place in places(architecture.layers):
        layer = architecture.layers[place.layer]
        if not isinstance(layer, Dense) or place.name != "W":
            continue
        stream = key(architecture.seed, THETA, next(numbers))
        rng = np.random.Generator(np.random.Philox(key=stream))
        by_layer[place.layer]["W"][...] = layer.init.draw(place.shape, rng)
        if layer.init.biases:
            by_layer[place.layer]["b"][...] = layer.init.draw((layer.n_out,), rng)
    return theta


def decays(layers: Sequence[Layer], dtype: npt.DTypeLike) -> Floats:
    """Return (P,): 1 where weight decay applies (matrices W), 0 where it does not (biases)."""
    found: Floats = np.zeros(size(layers), dtype)
    for place in places(layers):
        if place.name == "W":
            found[place.start : place.stop] = 1
    return found


def spans(layers: Sequence[Layer]) -> tuple[slice, ...]:
    """Return, for each numbered layer l = 1..L, the part of theta that holds its parameters."""
    found: list[slice] = []
    start = 0
    for layer in layers:
        stop = start + sum(prod(shape) for shape in layer.shapes.values())
        if layer.numbered:
            found.append(slice(start, stop))
        start = stop
    return tuple(found)


class ByLayer(Sequence[Any]):
    """One parameter of every numbered layer, counted from 1 as in the notes; index 0 holds None.

    ``net.W[2][0, 1] = 3.0`` changes the network; so does ``net.W[2] = array``, which copies.
    """

    def __init__(self, name: str, arrays: Sequence[Floats]) -> None:
        self._name = name
        self._arrays: tuple[Floats | None, ...] = (None, *arrays)

    @overload
    def __getitem__(self, layer: int) -> Any: ...
    @overload
    def __getitem__(self, layer: slice) -> tuple[Any, ...]: ...
    def __getitem__(self, layer: int | slice) -> Any:
        try:
            return self._arrays[layer]
        except IndexError:
            raise IndexError(
                f"{self._name}[{layer}] is of no layer: there are 1 to {len(self) - 1}"
            ) from None

    def __setitem__(self, layer: int, value: npt.ArrayLike) -> None:
        array = self[layer]
        if array is None:
            raise IndexError(f"{self._name}[0] is None: layers are counted from 1")
        if np.shape(value) != array.shape:
            raise ValueError(
                f"{self._name}[{layer}] has the shape {array.shape}, not {np.shape(value)}"
            )
        array[...] = value

    def __len__(self) -> int:
        return len(self._arrays)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._arrays)

    def __repr__(self) -> str:
        shapes = ", ".join("None" if a is None else str(a.shape) for a in self._arrays)
        return f"<{self._name} of layers 0..{len(self) - 1}: {shapes}>"
