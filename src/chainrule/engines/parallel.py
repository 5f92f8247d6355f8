"""Synchronous data parallel descent: every member of a team computes a part of each batch.

The gradient of a sum over samples is the sum of the parts' gradients, so one all-reduce of the flat
gradient a step gives every member what one process would have found, up to the rounding of sums.
Cost and weight travel in the same array. Penalty, clipping and the optimizer's step follow on each
member alike, so parameters stay the same bits everywhere without being sent.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from ..mathematics.dropout import dropout_mask
from ..mathematics.layers import Masks
from ..mathematics.penalties import penalty, penalty_gradient
from ..mathematics.random import DROPOUT, key
from ..network import Network
from ..parameters import decays, spans, views
from .protocol import Costs, Floats, Problem
from .reference import clipped, sums
from .team import Team

# Rows that are worked on at once where the gradient over all samples is asked for.
MOST_ROWS = 16384

Rows = npt.NDArray[np.int64]
# (rows of a batch) -> (rows of this member's samples, their places in the batch)
Split = Callable[[Rows], tuple[Rows, Rows]]


def even_split(team: Team) -> Split:
    """Every member holds all samples: each takes an equal part of every batch."""

    def split(rows: Rows) -> tuple[Rows, Rows]:
        n = len(rows)
        places = np.arange(n * team.rank // team.size, n * (team.rank + 1) // team.size)
        return rows[places], places

    return split


def own_split(first: int, m: int) -> Split:
    """This member holds the samples ``first`` .. ``first + m - 1`` of all, and takes those."""

    def split(rows: Rows) -> tuple[Rows, Rows]:
        places = np.flatnonzero((rows >= first) & (rows < first + m))
        return rows[places] - first, places

    return split


def stream_split(team: Team, batch_size: int) -> Split:
    """Rows are this member's own already, ``batch_size`` of them in each batch."""

    def split(rows: Rows) -> tuple[Rows, Rows]:
        return rows, np.arange(len(rows)) + team.rank * batch_size

    return split


@dataclass(frozen=True)
class DataParallel:
    """The engine of a team. ``m``: how many samples all members hold.

    ``accumulate``: the number of parts in which a member works on its rows of a batch, one by one.
    ``check``: compare a hash of the parameters over all members after every step.
    """

    team: Team
    split: Split
    m: int
    accumulate: int = 1
    check: bool = False

    @property
    def name(self) -> str:
        """The engine's name in the history."""
        return f"reference on {self.team.size} ranks"

    def run(
        self,
        problem: Problem,
        theta: Floats,
        state: Floats,
        order: Rows,
        batch_size: int,
        rates: npt.NDArray[np.float64],
        first_step: int,
    ) -> tuple[Costs, Costs]:
        """Take a step for each rate, also where this member's rows have run out.

        See ``protocol.Engine.run``. Raises RuntimeError if members' parameters ever differ.
        """
        net, optimizer = problem.network, problem.optimizer
        steps, parts = len(rates), spans(net.layers)
        costs, squares = np.empty(steps), np.empty((steps, len(parts)))
        parameters = views(theta, net.layers)
        buffer = np.empty(theta.size + 2, theta.dtype)
        decay = decays(net.layers, theta.dtype) if optimizer.settings.get("weight_decay") else 1
        with np.errstate(all="ignore"):
            for s in range(steps):
                rows = order[s * batch_size : (s + 1) * batch_size]
                local, places = self.split(rows)
                size = ceil(len(local) / self.accumulate)
                self._sum(problem, parameters, local, places, first_step + s, size, buffer)
                costs[s] = mean_(net, parameters, buffer)
                g = buffer[:-2]
                squares[s] = [float(np.vdot(g[part], g[part])) for part in parts]
                if not (isfinite(costs[s]) and np.isfinite(squares[s]).all()):
                    return costs[: s + 1], squares[: s + 1]
                g = clipped(problem, g)
                rate, t = float(rates[s]), first_step + s + 1
                optimizer.update(theta, g, state, rate, t, decay, out=(theta, state))
                if self.check:
                    check_same(self.team, theta, f"step {t}")
        return costs, squares

    def evaluate(self, problem: Problem, theta: Floats, dtheta: Floats | None = None) -> float:
        """Return J over all members' rows and its gradient; see ``protocol.Engine.evaluate``."""
        parameters = views(theta, problem.network.layers)
        buffer = np.empty(theta.size + 2, theta.dtype)
        with np.errstate(all="ignore"):
            local, places = self.split(np.arange(self.m))
            self._sum(problem, parameters, local, places, None, MOST_ROWS, buffer)
            J = mean_(problem.network, parameters, buffer)
        if dtheta is not None:
            dtheta[...] = buffer[:-2]
        return J

    def _sum(
        self,
        problem: Problem,
        parameters: tuple[dict[str, Any], ...],
        rows: Rows,
        places: Rows,
        step: int | None,
        size: int,
        buffer: Floats,
    ) -> None:
        """Fill the buffer with gradient, cost and weight, summed over all members' rows."""
        buffer[...] = 0
        add_sums(problem, parameters, rows, places, step, size, buffer)
        self.team.sum_(buffer)


def add_sums(
    problem: Problem,
    parameters: tuple[dict[str, Any], ...],
    rows: Rows,
    places: Rows,
    step: int | None,
    size: int,
    buffer: Floats,
) -> None:
    """Add gradient, cost and weight of some rows to the buffer (P + 2,), ``size`` rows at a time.

    ``places`` are those in the batch, which dropout's masks of the step depend on; None: no masks.
    """
    part = np.empty(len(buffer) - 2, buffer.dtype)
    for start in range(0, len(rows), max(size, 1)):
        piece = slice(start, start + size)
        masks = None if step is None else _masks(problem.network, step, places[piece])
        buffer[-2] += sums(problem, parameters, rows[piece], masks, part)
        buffer[:-2] += part
    w = problem.weights
    buffer[-1] += len(rows) if w is None else w[rows].sum()


def mean_(net: Network, parameters: tuple[dict[str, Any], ...], buffer: Floats) -> float:
    """Turn sums into means in place, add the penalty and its gradient, and return J."""
    total = float(buffer[-1])
    if total > 0:
        buffer[:-1] /= buffer.dtype.type(total)
    else:
        buffer[...] = 0
    J = float(buffer[-2])
    if net.l1 != 0 or net.l2 != 0:
        gradients = views(buffer[:-2], net.layers)
        for theta, g in zip(parameters, gradients, strict=True):
            if "W" in theta:
                J += float(penalty(theta["W"], net.l1, net.l2))
                g["W"][...] += penalty_gradient(theta["W"], net.l1, net.l2)
    return J


def _masks(net: Network, step: int, places: Rows) -> Masks | None:
    """Return the function that draws the dropout masks of some places of a batch."""
    if all(layer.kind != "dropout" for layer in net.layers):
        return None

    def draw(place: int, rate: float, shape: tuple[int, int]) -> Any:
        stream = key(net.seed, DROPOUT, step, place)
        return dropout_mask(shape, rate, stream, net.dtype, rows=places)

    return draw


def check_same(team: Team, theta: Floats, when: str) -> None:
    """Compare all members' parameters by a hash; raises RuntimeError on all if they differ."""
    h = float(zlib.crc32(np.ascontiguousarray(theta).view(np.uint8).data))
    pair = np.array([h, -h])
    team.maximum_(pair)
    if pair[0] != -pair[1]:
        raise RuntimeError(
            f"the ranks' parameters are no longer the same bits after {when}: the MPI library's "
            "all-reduce gives ranks different sums, or a machine computes wrongly"
        )
