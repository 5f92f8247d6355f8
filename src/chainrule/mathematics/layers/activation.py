"""The activation layer: ``a = f(z)``, for every unit, or for a sample's units together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..activations import (
    ACTIVATIONS,
    Activation,
    OnnxGraph,
    activation_backward,
    resolve_activation,
)
from ..dropout import Masks
from ..names import spelled_entry
from ..namespace import Array
from .layer import Parameter, Parameters, text, whole_number


@dataclass(frozen=True, slots=True)
class ActivationLayer:
    """An activation of n units: ``a = f(z)``, ``dz = da * f'(z)``; no parameters.

    Source: Nielsen, "Neural networks and deep learning", 2015, (BP1).
    """

    n_out: int
    f: Activation

    kind: ClassVar[str] = "activation"
    formula: ClassVar[str] = "f(z)"

    @property
    def n_in(self) -> int:
        """The number of units."""
        return self.n_out

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """No parameters."""
        return ()

    def forward(
        self, x: Array, p: Parameters, masks: Masks | None
    ) -> tuple[Array, tuple[Array, Array]]:
        """Return a = f(z) of ``x`` = z and, for backward, (z, a)."""
        a = self.f.f(x)
        return a, (x, a)

    def backward(
        self, dy: Array, cache: tuple[Array, Array], p: Parameters, want_dx: bool = True
    ) -> tuple[Array | None, Parameters]:
        """Return dz of ``dy`` = dJ/da; see ``activations.activation_backward``."""
        return (activation_backward(dy, *cache, self.f) if want_dx else None), {}

    def onnx(self, g: OnnxGraph, x: str, p: Parameters) -> str:
        """Add the activation to an ONNX graph; raises ValueError for a record without ``onnx``."""
        if self.f.onnx is None:
            raise ValueError(
                f"ONNX cannot say the activation {self.f.name!r}: it is a function of your own; "
                f"give it onnx=..., or use one of {', '.join(sorted(ACTIVATIONS))}"
            )
        return self.f.onnx(g, x)

    def config(self) -> dict[str, Any]:
        """Return n_out and the activation's name."""
        return {"n_out": self.n_out, "f": spelled_entry("activation", self.f, ACTIVATIONS)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ActivationLayer:
        """Build the layer; raises ValueError for a size or a name that cannot be."""
        return cls(whole_number(config, "n_out"), resolve_activation(text(config, "f")))
