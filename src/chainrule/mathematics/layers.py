"""Layers: records that say which parameters a layer has, and its forward and backward.

A network is a sequence of layers. A further kind is one more class here: nothing outside this file
may assume that a layer has one W and one b. ``numbered`` layers are those that the notes count,
l = 1..L, with a z and an a of their own; the others stand between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from .activations import Activation, activation_backward
from .dropout import Masks, dropout_backward, dropout_forward
from .initializers import Initializer
from .namespace import Array
from .propagation import affine_backward, affine_forward

Parameters = Mapping[str, Array]


class Cache(Protocol):
    """What a layer's forward keeps for its backward; ``a`` is its output, z may be None."""

    @property
    def a_prev(self) -> Array:
        """The layer's input (m, n_in)."""

    @property
    def z(self) -> Array | None:
        """The weighted input (m, n_out) of a numbered layer."""

    @property
    def a(self) -> Array:
        """The layer's output (m, n_out)."""


class Layer(Protocol):
    """What every layer offers."""

    kind: ClassVar[str]
    numbered: ClassVar[bool]

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The names and shapes of the parameters, in the order in which they are stored."""

    def forward(self, a_prev: Array, parameters: Parameters, masks: Masks | None) -> Cache:
        """Propagate forwards, keeping what backward needs."""

    def backward(
        self, da: Array, cache: Any, parameters: Parameters, first: bool
    ) -> tuple[Array | None, Parameters, Array | None]:
        """Propagate backwards: (da_prev, gradients by name, dz); ``first``: without da_prev."""


@dataclass(frozen=True, slots=True)
class DenseCache:
    """The input, weighted input and output of a dense layer."""

    a_prev: Array
    z: Array
    a: Array


@dataclass(frozen=True, slots=True)
class Dense:
    """A dense layer: ``z = a_prev W^T + b``, ``a = f(z)``; W (n_out, n_in), b (n_out,)."""

    n_in: int
    n_out: int
    activation: Activation
    init: Initializer

    kind: ClassVar[str] = "dense"
    numbered: ClassVar[bool] = True

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """W and b with their shapes."""
        return {"W": (self.n_out, self.n_in), "b": (self.n_out,)}

    def forward(self, a_prev: Array, parameters: Parameters, masks: Masks | None) -> DenseCache:
        """Propagate forwards: see ``propagation.forward``."""
        z = affine_forward(a_prev, parameters["W"], parameters["b"])
        return DenseCache(a_prev, z, self.activation.f(z))

    def backward(
        self, da: Array, cache: DenseCache, parameters: Parameters, first: bool = False
    ) -> tuple[Array | None, Parameters, Array]:
        """Propagate backwards: see ``propagation.backward``."""
        dz = activation_backward(da, cache.z, cache.a, self.activation)
        return self.backward_from_dz(dz, cache, parameters, first)

    def backward_from_dz(
        self, dz: Array, cache: DenseCache, parameters: Parameters, first: bool = False
    ) -> tuple[Array | None, Parameters, Array]:
        """Propagate backwards from dJ/dz, which a canonical pair gives without da."""
        da_prev, dW, db = affine_backward(dz, cache.a_prev, parameters["W"], first)
        return da_prev, {"W": dW, "b": db}, dz


@dataclass(frozen=True, slots=True)
class DropoutCache:
    """The input, mask and output of dropout; the mask is None outside training."""

    a_prev: Array
    mask: Array | None
    a: Array
    z: None = None


@dataclass(frozen=True, slots=True)
class Dropout:
    """Dropout of the activations a^place (0: the input) while training; no parameters."""

    rate: float
    place: int

    kind: ClassVar[str] = "dropout"
    numbered: ClassVar[bool] = False

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """No parameters."""
        return {}

    def forward(self, a_prev: Array, parameters: Parameters, masks: Masks | None) -> DropoutCache:
        """Apply the mask of this place, or do nothing outside training."""
        if masks is None:
            return DropoutCache(a_prev, None, a_prev)
        mask = masks(self.place, self.rate, a_prev.shape)
        return DropoutCache(a_prev, mask, dropout_forward(a_prev, mask))

    def backward(
        self, da: Array, cache: DropoutCache, parameters: Parameters, first: bool = False
    ) -> tuple[Array | None, Parameters, None]:
        """Pass da through the same mask."""
        return (da if cache.mask is None else dropout_backward(da, cache.mask)), {}, None
