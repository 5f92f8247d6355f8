"""What every kind of layer offers: its parameters as records, and a pair of pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from ..activations import OnnxGraph
from ..dropout import Masks
from ..namespace import Array

if TYPE_CHECKING:
    import numpy as np

Parameters = Mapping[str, Array]
# (shape, rng) -> the initial values; the parameters of one layer share a generator, in order.
Draw: TypeAlias = "Callable[[tuple[int, ...], np.random.Generator], Any]"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One array of parameters of a layer.

    ``init(shape, rng)`` draws its initial values, None leaves zeros. ``decays``: weight decay
    applies to it. ``penalised``: the L1 and L2 penalties fall on it.
    """

    name: str
    shape: tuple[int, ...]
    init: Draw | None = None
    decays: bool = False
    penalised: bool = False


class Layer(Protocol):
    """A layer: x (m, n_in) to y (m, n_out), and dJ/dy back to dJ/dx and its parameters' gradients.

    A kind is one file of this package: a frozen record whose ``forward`` and ``backward`` are pure
    functions of arrays, with a cache of its own kind between them. ``formula`` says what it
    computes, in the names of its parameters.
    """

    kind: ClassVar[str]
    formula: ClassVar[str]

    @property
    def n_in(self) -> int:
        """The number of columns of x."""

    @property
    def n_out(self) -> int:
        """The number of columns of y."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters, in the order in which theta holds them."""

    def forward(self, x: Array, p: Parameters, masks: Masks | None) -> tuple[Array, Any]:
        """Propagate x forwards; return (y, cache). ``masks`` draws those of dropout in training."""

    def backward(
        self, dy: Array, cache: Any, p: Parameters, want_dx: bool = True
    ) -> tuple[Array | None, Parameters]:
        """Propagate dJ/dy backwards; return (dJ/dx, gradients by name).

        ``want_dx`` False leaves out dJ/dx (None), which training does not need of the first layer.
        """

    def onnx(self, g: OnnxGraph, x: str, p: Parameters) -> str:
        """Add the layer, as it predicts, to an ONNX graph; return the name of its result.

        Raises ValueError for a function of the user's own.
        """

    def config(self) -> dict[str, Any]:
        """Return the record as plain JSON values, without its kind."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Layer:
        """Build the record from what ``config`` gave; raises ValueError for anything else."""


def whole_number(config: Mapping[str, Any], name: str) -> int:
    """Return a whole number from 1 of a layer's config; raises ValueError naming it."""
    value = config[name]
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} of a layer must be a whole number from 1, not {value!r:.80}")
    return value


def text(config: Mapping[str, Any], name: str) -> str:
    """Return a text of a layer's config; raises ValueError naming it."""
    value = config[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} of a layer must be text, not {value!r:.80}")
    return value


def positive_number(config: Mapping[str, Any], name: str) -> float:
    """Return a finite number above 0 of a layer's config; raises ValueError naming it."""
    value = config[name]
    if type(value) is not float or not 0 < value < inf:
        raise ValueError(f"{name} of a layer must be a number above 0, not {value!r:.80}")
    return value


def block_diagonal(blocks: Sequence[Sequence[Sequence[float]]]) -> list[list[float]]:
    """Return the rows of a matrix with blocks along its diagonal and 0 elsewhere.

    >>> block_diagonal([[[1.0, 2.0]], [[3.0], [4.0]]])
    [[1.0, 2.0, 0.0], [0.0, 0.0, 3.0], [0.0, 0.0, 4.0]]
    """
    width = sum(len(block[0]) for block in blocks)
    rows, start = [], 0
    for block in blocks:
        stop = start + len(block[0])
        rows += [[*[0.0] * start, *row, *[0.0] * (width - stop)] for row in block]
        start = stop
    return rows
