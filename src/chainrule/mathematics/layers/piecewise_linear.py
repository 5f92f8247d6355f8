"""The piecewise-linear embedding: every column by learnt lines that bend at given edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite, sqrt
from typing import TYPE_CHECKING, Any, ClassVar

from ..activations import OnnxGraph
from ..dropout import Masks
from ..namespace import Array, namespace
from .layer import Parameter, Parameters, block_diagonal, whole_number

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class PiecewiseLinear:
    """An embedding of ``width`` numbers for each column, ``y_j = a_j x_j + c_j + sum_t r_jt P_jt``.

    ``edges``: of each column beta_0 < ... < beta_T. ``r_t = (x - beta_{t-1}) / (beta_t -
    beta_{t-1})``, t = 1 to T, is cut to 0 from below but for t = 1, and to 1 from above but for
    t = T, so that the first and the last line go on. a, c (n, width), P (sum of T, width), and y
    (m, n width), column by column. ``da = sum_i x dy``, ``dc = sum_i dy``, ``dP_t = sum_i r_t dy``,
    ``dx = a . dy + sum_t r_t' P_t . dy``; at an edge r' is that from the left.

    P starts at 0, so the embedding starts as straight lines; a and c within 1 / sqrt(width).
    Source: Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep
    learning", NeurIPS 2022, section 3.2; the start is that of Gorishniy, Kotelnikov and Babenko,
    "TabM", ICLR 2025, appendix D.
    """

    edges: tuple[tuple[float, ...], ...]
    width: int = 8

    kind: ClassVar[str] = "piecewise_linear"
    formula: ClassVar[str] = "a x + c + r(x) P"

    @property
    def n_in(self) -> int:
        """The number of columns of x."""
        return len(self.edges)

    @property
    def n_out(self) -> int:
        """The number of columns of y."""
        return self.n_in * self.width

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """a and P, which decay and are penalised, and c."""
        end, shape = 1 / sqrt(self.width), (self.n_in, self.width)
        places = sum(len(beta) - 1 for beta in self.edges)

        def lines(shape: tuple[int, ...], rng: np.random.Generator) -> Any:
            return rng.uniform(-end, end, shape)

        return (
            Parameter("a", shape, lines, decays=True, penalised=True),
            Parameter("c", shape, lines),
            Parameter("P", (places, self.width), None, decays=True, penalised=True),
        )

    def forward(self, x: Array, p: Parameters, masks: Masks | None) -> tuple[Array, Array]:
        """Return y (m, n width) and, for backward, x."""
        xp = namespace(x)
        parts = [
            x[:, j, None] * p["a"][j] + p["c"][j] + xp.matmul(_clamp(xp, shares), p["P"][places])
            for j, places, shares, _ in self._columns(x)
        ]
        return xp.concat(parts, axis=1), x

    def backward(
        self, dy: Array, cache: Array, p: Parameters, want_dx: bool = True
    ) -> tuple[Array | None, Parameters]:
        """Return dx and da, dc, dP."""
        xp, x = namespace(dy), cache
        da, dc, dP, dx = [], [], [], []
        for j, places, shares, lengths in self._columns(x):
            d = dy[:, j * self.width : (j + 1) * self.width]
            da.append(xp.sum(x[:, j, None] * d, axis=0))
            dc.append(xp.sum(d, axis=0))
            dP.append(xp.matmul(_clamp(xp, shares).T, d))
            if want_dx:
                slopes = _inside(xp, shares) / lengths
                bend = xp.sum(slopes * xp.matmul(d, p["P"][places].T), axis=1)
                dx.append(xp.sum(d * p["a"][j], axis=1) + bend)
        gradients = {"a": xp.stack(da), "c": xp.stack(dc), "P": xp.concat(dP, axis=0)}
        return (xp.stack(dx, axis=1) if want_dx else None), gradients

    def _columns(self, x: Array) -> Iterator[tuple[int, slice, Array, Array]]:
        """Go over the columns: number, rows of P, shares (m, T) before the clamp, lengths (T,)."""
        xp = namespace(x)
        for j, (beta, places) in enumerate(zip(self.edges, self._places(), strict=True)):
            exact = [xp.number(edge) for edge in beta]
            lengths = [high - low for low, high in pairwise(exact)]
            low = xp.asarray(exact[:-1], dtype=x.dtype, device=x.device)
            length = xp.asarray(lengths, dtype=x.dtype, device=x.device)
            yield j, places, (x[:, j, None] - low) / length, length

    def _places(self) -> Iterator[slice]:
        """Go over the rows of P of each column."""
        start = 0
        for beta in self.edges:
            yield slice(start, start + len(beta) - 1)
            start += len(beta) - 1

    def onnx(self, g: OnnxGraph, x: str, p: Parameters) -> str:
        """Add the layer to an ONNX graph; return the name of its result."""
        bins = [(j, low, high) for j, beta in enumerate(self.edges) for low, high in pairwise(beta)]
        ends = [(beta[0], beta[-1]) for beta in self.edges]
        each = g.op("Gather", x, g.constant([j for j, _, _ in bins], "int64"), axis=1)
        above = g.op("Sub", each, g.constant([low for _, low, _ in bins]))
        shares = g.op("Div", above, g.constant([high - low for _, low, high in bins]))
        least = [-inf if low == ends[j][0] else 0.0 for j, low, _ in bins]
        most = [inf if high == ends[j][1] else 1.0 for j, _, high in bins]
        r = g.op("Min", g.op("Max", shares, g.constant(least)), g.constant(most))
        lines = block_diagonal([[row] for row in p["a"].tolist()])
        bends = block_diagonal([p["P"][places].tolist() for places in self._places()])
        straight = g.op("Gemm", x, g.constant(lines), g.constant(p["c"].reshape(-1)))
        return g.op("Add", straight, g.op("MatMul", r, g.constant(bends)))

    def config(self) -> dict[str, Any]:
        """Return the edges and the width."""
        return {"edges": [list(beta) for beta in self.edges], "width": self.width}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> PiecewiseLinear:
        """Build the layer; raises ValueError for edges that do not ascend and a wrong width."""
        edges = config["edges"]
        if not (isinstance(edges, list) and edges and all(map(_ascending, edges))):
            raise ValueError(
                "edges of a piecewise-linear layer must be a list for each column of two or more "
                f"finite numbers that ascend, not {edges!r:.80}"
            )
        return cls(tuple(map(tuple, edges)), whole_number(config, "width"))


def _ascending(beta: Any) -> bool:
    if not isinstance(beta, list) or len(beta) < 2:
        return False
    numbers = all(type(edge) is float and isfinite(edge) for edge in beta)
    return numbers and all(low < high for low, high in pairwise(beta))


def _clamp(xp: Any, shares: Array) -> Array:
    """Return shares (m, T) from 0 to 1, the first open below and the last open above."""
    lower = xp.concat([shares[:, :1], xp.maximum(shares[:, 1:], 0)], axis=1)
    return xp.concat([xp.minimum(lower[:, :-1], 1), lower[:, -1:]], axis=1)


def _inside(xp: Any, shares: Array) -> Array:
    """Return 1 where the clamp leaves a share (m, T), else 0; at an edge as on its left."""
    ones = 0 * shares + 1
    above = xp.where(xp.greater(shares[:, 1:], 0), ones[:, 1:], 0)
    below = xp.where(xp.greater(shares[:, :-1], 1), 0 * ones[:, :-1], 1)
    return xp.concat([ones[:, :1], above], axis=1) * xp.concat([below, ones[:, :1]], axis=1)
