"""Parameters: how those of all layers lie in one flat array theta, and views into it.

Layer by layer, each parameter in the layer's own order; a matrix (n_out, n_in) is stored as its
transpose, row by row, which is the order that a product with rows of samples reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from .architecture import Architecture
from .mathematics.layers import Layer, Parameter
from .mathematics.penalties import penalty
from .mathematics.random import THETA, key
from .typing import Floats


@dataclass(frozen=True, slots=True)
class Place:
    """Where one parameter lies: its layer, its record, and its part of theta."""

    layer: int
    parameter: Parameter
    start: int
    stop: int

    @property
    def name(self) -> str:
        """The parameter's name."""
        return self.parameter.name

    @property
    def shape(self) -> tuple[int, ...]:
        """The parameter's own shape."""
        return self.parameter.shape


def places(layers: Sequence[Layer]) -> tuple[Place, ...]:
    """Return the place of every parameter, in the order of theta."""
    all_places: list[Place] = []
    start = 0
    for i, layer in enumerate(layers):
        for parameter in layer.parameters:
            stop = start + prod(parameter.shape)
            all_places.append(Place(i, parameter, start, stop))
            start = stop
    return tuple(all_places)


def named_places(architecture: Architecture) -> Iterator[tuple[str, Place]]:
    """Yield each parameter's name, as W1, b1 or, of other kinds, ``scale0.s``, with its place."""
    numbers = {view.at: view.l for view in architecture.numbered}
    for place in places(architecture.layers):
        number = numbers.get(place.layer)
        if number is None:
            kind = architecture.layers[place.layer].kind
            yield f"{kind}{place.layer}.{place.name}", place
        else:
            yield f"{place.name}{number}", place


def size(layers: Sequence[Layer]) -> int:
    """Return P, the number of parameters."""
    return sum(prod(parameter.shape) for layer in layers for parameter in layer.parameters)


def view(theta: Floats, place: Place) -> Floats:
    """Return one parameter as a view of theta (P,), in its own shape."""
    part = theta[place.start : place.stop]
    return part.reshape(place.shape[::-1]).T


def views(theta: Floats, layers: Sequence[Layer]) -> tuple[dict[str, Floats], ...]:
    """Return the parameters of every layer by name, as views of theta (P,)."""
    by_layer: tuple[dict[str, Floats], ...] = tuple({} for _ in layers)
    for place in places(layers):
        by_layer[place.layer][place.name] = view(theta, place)
    return by_layer


def gather(parameters: Sequence[Mapping[str, Any]], layers: Sequence[Layer], out: Floats) -> Floats:
    """Write the parameters (or gradients) of every layer into the flat array ``out`` (P,)."""
    for place in places(layers):
        view(out, place)[...] = parameters[place.layer][place.name]
    return out


def initial_theta(architecture: Architecture) -> Floats:
    """Draw the initial theta (P,) that the seed fixes.

    Each layer that has parameters draws them from a stream of its own, numbered from 1.
    """
    theta: Floats = np.zeros(size(architecture.layers), architecture.dtype)
    number, layer = 0, -1
    for place in places(architecture.layers):
        if place.layer != layer:
            number, layer = number + 1, place.layer
            stream = key(architecture.seed, THETA, number)
            rng = np.random.Generator(np.random.Philox(key=stream))
        if place.parameter.init is not None:
            view(theta, place)[...] = place.parameter.init(place.shape, rng)
    return theta


def decays(layers: Sequence[Layer], dtype: npt.DTypeLike) -> Floats:
    """Return (P,): 1 where weight decay applies, 0 where it does not."""
    mask: Floats = np.zeros(size(layers), dtype)
    for place in places(layers):
        if place.parameter.decays:
            mask[place.start : place.stop] = 1
    return mask


def penalties(architecture: Architecture, theta: Floats) -> float:
    """Return the L1 and L2 penalties on theta (P,); see ``penalties.penalty``."""
    l1, l2 = architecture.l1, architecture.l2
    if l1 == 0 and l2 == 0:
        return 0.0
    penalised = (p for p in places(architecture.layers) if p.parameter.penalised)
    return sum(float(penalty(view(theta, place), l1, l2)) for place in penalised)


def spans(layers: Sequence[Layer]) -> tuple[slice, ...]:
    """Return, for each layer that has parameters, its part of theta."""
    parts: dict[int, slice] = {}
    for place in places(layers):
        start = parts[place.layer].start if place.layer in parts else place.start
        parts[place.layer] = slice(start, place.stop)
    return tuple(parts.values())


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
