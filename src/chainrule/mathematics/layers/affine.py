"""The affine layer: ``z = x W^T + b``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..activations import OnnxGraph
from ..dropout import Masks
from ..initializers import INITIALIZERS, Initializer, resolve_initializer
from ..names import spelled_entry
from ..namespace import Array
from ..propagation import affine_backward, affine_forward
from .layer import Parameter, Parameters, text, whole_number


@dataclass(frozen=True, slots=True)
class Affine:
    """An affine layer: W (n_out, n_in), b (n_out,), ``z = x W^T + b``.

    Source: Nielsen, "Neural networks and deep learning", 2015, equation (25), (BP2) to (BP4).
    """

    n_in: int
    n_out: int
    init: Initializer

    kind: ClassVar[str] = "affine"
    formula: ClassVar[str] = "W x + b"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """W, which decays and is penalised, and b, which is neither."""
        return (
            Parameter("W", (self.n_out, self.n_in), self.init.draw, decays=True, penalised=True),
            Parameter("b", (self.n_out,), self.init.draw if self.init.biases else None),
        )

    def forward(self, x: Array, p: Parameters, masks: Masks | None) -> tuple[Array, Array]:
        """Return z (m, n_out) and, for backward, x; see ``propagation.affine_forward``."""
        return affine_forward(x, p["W"], p["b"]), x

    def backward(
        self, dy: Array, cache: Array, p: Parameters, want_dx: bool = True
    ) -> tuple[Array | None, Parameters]:
        """Return dx and dW, db of ``dy`` = dJ/dz; see ``propagation.affine_backward``."""
        dx, dW, db = affine_backward(dy, cache, p["W"], not want_dx)
        return dx, {"W": dW, "b": db}

    def per_sample(self, dy: Array, cache: Array) -> Parameters:
        """Return each sample's own gradients: dW (m, n_out, n_in), db (m, n_out).

        ``dW_i = dz_i x_i^T`` before the sum over samples.
        """
        return {"W": dy[:, :, None] * cache[:, None, :], "b": dy}

    def onnx(self, g: OnnxGraph, x: str, p: Parameters) -> str:
        """Add the layer to an ONNX graph; return the name of its result."""
        return g.op("Gemm", x, g.constant(p["W"].T), g.constant(p["b"]))

    def config(self) -> dict[str, Any]:
        """Return n_in, n_out and the initializer's name."""
        init = spelled_entry("initializer", self.init, INITIALIZERS, by_name=True)
        return {"n_in": self.n_in, "n_out": self.n_out, "init": init}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Affine:
        """Build the layer; raises ValueError for sizes or an initializer that cannot be."""
        init = resolve_initializer(text(config, "init"))
        return cls(whole_number(config, "n_in"), whole_number(config, "n_out"), init)
