"""Synchronous data-parallel descent: every rank of a team computes a part of each batch.

The gradient of a sum over samples is the sum of the parts' gradients, so one all-reduce of the flat
gradient a step gives every rank what one process would have found, up to the rounding of sums.
Cost and weight travel in the same array. Penalty, clipping and the optimizer's step follow on each
rank alike, so parameters stay the same bits everywhere without being sent.
"""

from __future__ import annotations

import os
import socket
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Any

import numpy as np

from ..architecture import Architecture
from ..parameters import penalties, spans
from ..typing import Floats, Rows
from . import reference
from .communicator import Team
from .protocol import Costs, Problem, Steps

# Rows of one pass where the gradient is over all samples.
MOST_ROWS = 16384

# (rows of a batch) -> (rows of this rank's samples, their places in the batch)
Split = Callable[[Rows], tuple[Rows, Rows]]


def even_split(team: Team) -> Split:
    """Every rank holds all samples: each takes an equal part of every batch."""

    def split(rows: Rows) -> tuple[Rows, Rows]:
        n = len(rows)
        places = np.arange(n * team.rank // team.size, n * (team.rank + 1) // team.size)
        return rows[places], places

    return split


def own_split(first: int, m: int) -> Split:
    """This rank holds the samples ``first`` .. ``first + m - 1`` of all, and takes those."""

    def split(rows: Rows) -> tuple[Rows, Rows]:
        places = np.flatnonzero((rows >= first) & (rows < first + m))
        return rows[places] - first, places

    return split


def stream_split(team: Team, batch_size: int) -> Split:
    """Rows are this rank's own already, ``batch_size`` of them in each batch."""

    def split(rows: Rows) -> tuple[Rows, Rows]:
        return rows, np.arange(len(rows)) + team.rank * batch_size

    return split


def same_engine(team: Team, name: str, engine: Any) -> Any:
    """Return the engine that works out each rank's part: the same one on all of them.

    ``engine``: the one that this rank chose by ``name``. ``"auto"`` is the native engine where all
    ranks have it for one instruction set; others could round the same step differently. Raises
    ValueError for ``"native"`` where they have not.
    """
    native = engine.name.startswith("native")
    kinds = team.gather(f"{engine.name} {engine.isa()}" if native else engine.name)
    if len(set(kinds)) == 1:
        return engine
    if name == "native":
        raise ValueError(
            f"the ranks' engines differ ({', '.join(sorted(set(kinds)))}): name one instruction "
            "set by CHAINRULE_ISA, or leave out engine"
        )
    return reference


def processors() -> frozenset[int]:
    """Return the numbers of the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def threads_each(team: Team) -> int:
    """Return how many threads this rank may use: its processors, shared with its neighbours."""
    usable = processors()
    place = (socket.gethostname(), usable)
    return max(1, len(usable) // team.gather(place).count(place))


@dataclass(frozen=True)
class DataParallel:
    """The engine of a team. ``m``: how many samples all ranks hold.

    ``part``: the engine that works out this rank's part of a gradient, and the step.
    ``accumulate``: the number of parts in which a rank works on its rows of a batch, one by one.
    ``check``: compare a hash of the parameters over all ranks after every step.
    """

    team: Team
    part: Any
    split: Split
    m: int
    accumulate: int = 1
    check: bool = False

    @property
    def name(self) -> str:
        """The engine's name in the history."""
        return f"{self.part.name} on {self.team.size} ranks"

    def run(
        self, problem: Problem, theta: Floats, state: Floats, steps: Steps
    ) -> tuple[Costs, Costs]:
        """Take a step for each rate, also where this rank's rows have run out.

        See ``protocol.Engine.run``. Raises RuntimeError if ranks' parameters ever differ.
        """
        net, count = problem.architecture, len(steps.rates)
        costs, squares = np.empty(count), np.empty((count, len(spans(net.layers))))
        sums = GradientSums(self.part, theta)
        for s, number in enumerate(range(steps.first, steps.first + count)):
            batch = slice(s * steps.batch_size, (s + 1) * steps.batch_size)
            rows, places = self.split(steps.order[batch])
            size = ceil(len(rows) / self.accumulate)
            sums.add(problem, theta, rows, places, number, size)
            costs[s], g = sums.mean(self.team, net, theta)
            if not isfinite(costs[s]):
                squares[s] = np.nan
                return costs[: s + 1], squares[: s + 1]
            rate = float(steps.rates[s])
            squares[s] = self.part.step(problem, theta, state, g, rate, number)
            if not np.isfinite(squares[s]).all():
                return costs[: s + 1], squares[: s + 1]
            if self.check:
                check_same(self.team, theta, f"step {number + 1}")
        return costs, squares

    def evaluate(self, problem: Problem, theta: Floats, dtheta: Floats | None = None) -> float:
        """Return J over all ranks' rows and its gradient; see ``protocol.Engine.evaluate``."""
        sums = GradientSums(self.part, theta)
        sums.add(problem, theta, *self.split(np.arange(self.m)), None, MOST_ROWS)
        return sums.evaluated(self.team, problem.architecture, theta, dtheta)


class GradientSums:
    """Sums over rows, of gradients (P,), weight times J, and weight, in one array to be reduced."""

    def __init__(self, part: Any, theta: Floats) -> None:
        self._part = part
        self._all = np.empty(theta.size + 2, theta.dtype)
        self._one: Floats | None = None  # of further rows, where there are any
        self._begun = False

    def add(
        self,
        problem: Problem,
        theta: Floats,
        rows: Rows,
        places: Rows,
        step: int | None,
        size: int,
    ) -> None:
        """Add some rows' part, ``size`` rows at a time; ``places`` are those in the batch.

        Dropout's masks of the step depend on the places; None: no masks.
        """
        for start in range(0, len(rows), max(size, 1)):
            piece = slice(start, start + size)
            self._add(problem, theta, rows[piece], places[piece], step)

    def _add(
        self, problem: Problem, theta: Floats, rows: Rows, places: Rows, step: int | None
    ) -> None:
        if not self._begun:
            into = self._all[:-2]
        elif self._one is None:
            into = self._one = np.empty_like(theta)
        else:
            into = self._one
        J = self._part.sums(problem, theta, rows, places, step, into)
        w = problem.weights
        weight = len(rows) if w is None else w[rows].sum()
        if not self._begun:
            self._all[-2:] = J, weight
            self._begun = True
            return
        with np.errstate(all="ignore"):
            self._all[:-2] += into
            self._all[-2:] += J, weight

    def mean(self, team: Team, net: Architecture, theta: Floats) -> tuple[float, Floats]:
        """Reduce over all ranks; return J, and its gradient without that of the penalties.

        The gradient is good until the next ``add``, which begins anew.
        """
        if not self._begun:
            self._all[...] = 0
        team.sum_(self._all)
        total = float(self._all[-1])
        with np.errstate(all="ignore"):
            if total > 0:
                self._all /= self._all.dtype.type(total)
            else:
                self._all[...] = 0
        self._begun = False
        return float(self._all[-2]) + penalties(net, theta), self._all[:-2]

    def evaluated(
        self, team: Team, net: Architecture, theta: Floats, dtheta: Floats | None
    ) -> float:
        """Reduce over all ranks; return J, and write its gradient to ``dtheta`` if given."""
        J, g = self.mean(team, net, theta)
        if dtheta is not None:
            reference.add_penalties(net, theta, g)
            dtheta[...] = g
        return J


def check_same(team: Team, theta: Floats, when: str) -> None:
    """Compare all ranks' parameters by a hash; raises RuntimeError on all if they differ."""
    h = float(zlib.crc32(np.ascontiguousarray(theta).view(np.uint8).data))
    pair = np.array([h, -h])
    team.maximum_(pair)
    if pair[0] != -pair[1]:
        raise RuntimeError(
            f"the ranks' parameters are no longer the same bits after {when}: the MPI library's "
            "all-reduce gives ranks different sums, or a machine computes wrongly"
        )
