"""The periodic embedding: every column beside learnt mixtures of its learnt waves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi, sqrt
from typing import TYPE_CHECKING, Any, ClassVar

from ..activations import OnnxGraph
from ..dropout import Masks
from ..namespace import Array, namespace
from .layer import Parameter, Parameters, block_diagonal, positive_number, whole_number

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Periodic:
    """An embedding of ``width`` numbers for each of ``n_in`` columns, by ``waves`` waves each.

    ``u_jk = 2 pi w_jk x_j + phi_jk`` and ``y_j = [x_j, V_j cos(u_j) + q_j]``: w, phi (n, waves),
    V (n, width - 1, waves), q (n, width - 1), and y (m, n width), column by column. With
    ``d`` = dJ/dy without the places of x: ``dq = sum_i d``, ``dV = sum_i d cos(u)^T``,
    ``du = -sin(u) V^T d``, ``dphi = sum_i du``, ``dw = 2 pi sum_i x du``.

    w starts as N(0, deviation²), phi uniform from -pi to pi, V and q within 1 / sqrt(waves).
    Source: Holzmüller, Grinsztajn and Steinwart, "Better by default", NeurIPS 2024, section 3
    (PBLD), after Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular
    deep learning", NeurIPS 2022, section 3.3.
    """

    n_in: int
    width: int = 4
    waves: int = 16
    deviation: float = 0.1

    kind: ClassVar[str] = "periodic"
    formula: ClassVar[str] = "[x, V cos(2 pi w x + phi) + q]"

    @property
    def n_out(self) -> int:
        """The number of columns of y."""
        return self.n_in * self.width

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """w, phi, V, which decays and is penalised, and q."""
        end = 1 / sqrt(self.waves)

        def frequencies(shape: tuple[int, ...], rng: np.random.Generator) -> Any:
            return rng.normal(0.0, self.deviation, shape)

        def phases(shape: tuple[int, ...], rng: np.random.Generator) -> Any:
            return rng.uniform(-pi, pi, shape)

        def mixtures(shape: tuple[int, ...], rng: np.random.Generator) -> Any:
            return rng.uniform(-end, end, shape)

        n, k, e = self.n_in, self.waves, self.width - 1
        return (
            Parameter("w", (n, k), frequencies),
            Parameter("phi", (n, k), phases),
            Parameter("V", (n, e, k), mixtures, decays=True, penalised=True),
            Parameter("q", (n, e), mixtures),
        )

    def forward(self, x: Array, p: Parameters, masks: Masks | None) -> tuple[Array, Any]:
        """Return y (m, n width) and, for backward, x and u."""
        xp = namespace(x)
        u = 2 * xp.pi * x[:, :, None] * p["w"] + p["phi"]
        mixture = xp.sum(xp.cos(u)[:, :, None, :] * p["V"], axis=3) + p["q"]
        y = xp.concat([x[:, :, None], mixture], axis=2)
        return xp.reshape(y, (x.shape[0], self.n_out)), (x, u)

    def backward(
        self, dy: Array, cache: Any, p: Parameters, want_dx: bool = True
    ) -> tuple[Array | None, Parameters]:
        """Return dx and dw, dphi, dV, dq."""
        xp, (x, u) = namespace(dy), cache
        dy = xp.reshape(dy, (dy.shape[0], self.n_in, self.width))
        d = dy[:, :, 1:, None]
        du = -xp.sin(u) * xp.sum(d * p["V"], axis=2)
        gradients = {
            "w": 2 * xp.pi * xp.sum(x[:, :, None] * du, axis=0),
            "phi": xp.sum(du, axis=0),
            "V": xp.sum(d * xp.cos(u)[:, :, None, :], axis=0),
            "q": xp.sum(dy[:, :, 1:], axis=0),
        }
        if not want_dx:
            return None, gradients
        return dy[:, :, 0] + 2 * xp.pi * xp.sum(p["w"] * du, axis=2), gradients

    def onnx(self, g: OnnxGraph, x: str, p: Parameters) -> str:
        """Add the layer to an ONNX graph; return the name of its result."""
        n, k = self.n_in, self.waves
        each = g.op(
            "Gather", x, g.constant([j for j in range(n) for _ in range(k)], "int64"), axis=1
        )
        turns = g.op("Mul", each, g.constant(2 * pi * p["w"].reshape(-1)))
        waves = g.op("Cos", g.op("Add", turns, g.constant(p["phi"].reshape(-1))))
        places = block_diagonal([[[1.0] + [0.0] * (self.width - 1)]] * n)
        offsets = [number for q in p["q"].tolist() for number in (0.0, *q)]
        mixtures = block_diagonal([[[0.0, *row] for row in V.T.tolist()] for V in p["V"]])
        columns = g.op("Gemm", x, g.constant(places), g.constant(offsets))
        return g.op("Add", columns, g.op("MatMul", waves, g.constant(mixtures)))

    def config(self) -> dict[str, Any]:
        """Return the sizes, and the deviation of w at the start."""
        return {
            "n_in": self.n_in,
            "width": self.width,
            "waves": self.waves,
            "deviation": self.deviation,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Periodic:
        """Build the layer; raises ValueError for sizes and a deviation that cannot be."""
        n_in, width, waves = (whole_number(config, name) for name in ("n_in", "width", "waves"))
        if width < 2:
            raise ValueError("width of a periodic layer must be 2 or more: the first is x itself")
        return cls(n_in, width, waves, positive_number(config, "deviation"))
