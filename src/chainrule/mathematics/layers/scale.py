"""The scaling layer: every column by a learnt factor, ``y = s x``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..activations import OnnxGraph
from ..dropout import Masks
from ..namespace import Array, namespace
from .layer import Parameter, Parameters, whole_number

if TYPE_CHECKING:
    import numpy as np


def _ones(shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    return [1.0] * shape[0]


@dataclass(frozen=True, slots=True)
class Scale:
    """A factor for each column: s (n,), ``y = s x``, ``ds = sum_i x_i dy_i``, ``dx = s dy``.

    s starts at 1, so the layer starts as the identity.
    Source: Holzmüller, Grinsztajn and Steinwart, "Better by default", NeurIPS 2024, section 3.
    """

    n_out: int

    kind: ClassVar[str] = "scale"
    formula: ClassVar[str] = "s x"

    @property
    def n_in(self) -> int:
        """The number of columns."""
        return self.n_out

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """s, which neither decays nor is penalised."""
        return (Parameter("s", (self.n_out,), _ones),)

    def forward(self, x: Array, p: Parameters, masks: Masks | None) -> tuple[Array, Array]:
        """Return y (m, n) and, for backward, x."""
        return x * p["s"], x

    def backward(
        self, dy: Array, cache: Array, p: Parameters, want_dx: bool = True
    ) -> tuple[Array | None, Parameters]:
        """Return dx = s dy and ds, the sum over samples of x dy."""
        ds = namespace(dy).sum(cache * dy, axis=0)
        return (dy * p["s"] if want_dx else None), {"s": ds}

    def onnx(self, g: OnnxGraph, x: str, p: Parameters) -> str:
        """Add the layer to an ONNX graph; return the name of its result."""
        return g.op("Mul", x, g.constant(p["s"]))

    def config(self) -> dict[str, Any]:
        """Return the number of columns."""
        return {"n_out": self.n_out}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Scale:
        """Build the layer; raises ValueError for a number of columns that cannot be."""
        return cls(whole_number(config, "n_out"))
