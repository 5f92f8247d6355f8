"""The dropout layer: a random part of its inputs is 0 while training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..activations import OnnxGraph
from ..checks import BELOW_ONE, setting
from ..dropout import Masks, dropout_backward, dropout_forward
from ..namespace import Array
from .layer import Parameter, Parameters, whole_number


@dataclass(frozen=True, slots=True)
class Dropout:
    """Dropout of the activations a^place (0: the input) while training; no parameters.

    Source: Srivastava et al., "Dropout", JMLR 15, 2014, section 10.
    """

    n_out: int
    rate: float
    place: int

    kind: ClassVar[str] = "dropout"
    formula: ClassVar[str] = "mask * x"

    @property
    def n_in(self) -> int:
        """The number of units."""
        return self.n_out

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """No parameters."""
        return ()

    def forward(self, x: Array, p: Parameters, masks: Masks | None) -> tuple[Array, Array | None]:
        """Apply the mask of this place, or do nothing outside training; the mask is the cache."""
        if masks is None:
            return x, None
        mask = masks(self.place, self.rate, x.shape)
        return dropout_forward(x, mask), mask

    def backward(
        self, dy: Array, cache: Array | None, p: Parameters, want_dx: bool = True
    ) -> tuple[Array | None, Parameters]:
        """Pass dJ/dy through the same mask."""
        if not want_dx:
            return None, {}
        return (dy if cache is None else dropout_backward(dy, cache)), {}

    def onnx(self, g: OnnxGraph, x: str, p: Parameters) -> str:
        """Return x: dropout is for training only."""
        return x

    def config(self) -> dict[str, Any]:
        """Return the number of units, the rate and the place."""
        return {"n_out": self.n_out, "rate": self.rate, "place": self.place}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Dropout:
        """Build the layer; raises ValueError for a rate outside [0, 1) or no place."""
        rate, place = config["rate"], config["place"]
        if type(place) is not int or place < 0:
            raise ValueError(f"place of dropout must be a whole number from 0, not {place!r:.80}")
        if type(rate) not in (int, float):
            raise ValueError(f"rate of dropout must be a number, not {rate!r:.80}")
        rate = float(setting("dropout", "rate", rate, BELOW_ONE))
        return cls(whole_number(config, "n_out"), rate, place)
