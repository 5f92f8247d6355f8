"""Batches: the rows of each step of an epoch, in an order that seed and epoch fix.

An epoch is a sequence of blocks, each with rows in memory and the order to take them in. Data that
fit into memory are one block; a stream of files has many.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Protocol

import numpy as np

from ..engines import Engine, Problem
from ..engines.communicator import ALONE, Team
from ..engines.native_rows import permutation
from ..mathematics.random import ORDER, key
from ..typing import Floats, Reals, Rows


@dataclass(frozen=True, slots=True)
class Block:
    """Rows to take steps on: the problem that holds them, their order, and the batch size.

    ``first`` is the number, within the epoch, of the first batch, ``steps`` how many there are.
    """

    problem: Problem
    order: Rows
    batch_size: int
    first: int
    steps: int

    def rows(self, step: int, count: int) -> Rows:
        """Return the rows of ``count`` batches from the one numbered ``step`` in the epoch."""
        start = (step - self.first) * self.batch_size
        return self.order[start : start + count * self.batch_size]


class Batches(Protocol):
    """What descent asks of the training samples."""

    @property
    def steps(self) -> int:
        """The number of batches in an epoch."""

    def blocks(self, epoch: int, first: int) -> Iterator[Block]:
        """Yield the blocks of an epoch from the one that holds the batch numbered ``first``."""

    def batch_weights(self, rows: Rows, count: int) -> Reals:
        """Return the weight of each of ``count`` batches in the mean over the epoch."""

    def evaluate(self, engine: Engine, theta: Floats, dtheta: Floats | None) -> float:
        """Return J over all training samples, without dropout; its gradient goes to ``dtheta``."""


@dataclass(frozen=True, slots=True)
class InMemory:
    """Samples that are all in memory: in this process, or each rank's rows in its own.

    ``weights`` are those of all ranks' samples, (m,), or None; m counts all ranks' rows. ``rows``:
    those to train on, m of them, where not all samples are; a row may be there several times.
    """

    problem: Problem
    m: int
    batch_size: int
    shuffle: bool
    weights: Reals | None
    team: Team = ALONE
    rows: Rows | None = None

    @property
    def steps(self) -> int:
        """The number of batches in an epoch."""
        return ceil(self.m / self.batch_size)

    def blocks(self, epoch: int, first: int) -> Iterator[Block]:
        """Yield the one block: all samples in the order of the epoch."""
        seed = self.problem.architecture.seed
        order = permutation(self.m, key(seed, ORDER, epoch)) if self.shuffle else np.arange(self.m)
        order = order if self.rows is None else self.rows[order]
        yield Block(self.problem, order, self.batch_size, 0, self.steps)

    def batch_weights(self, rows: Rows, count: int) -> Reals:
        """Return the sum of weights, or the number of rows, of each batch."""
        weights = np.ones(len(rows)) if self.weights is None else self.weights[rows]
        return sums_of_batches(weights, self.batch_size)

    def evaluate(self, engine: Engine, theta: Floats, dtheta: Floats | None) -> float:
        """Return J over all samples and its gradient."""
        return engine.evaluate(self.problem, theta, dtheta)


def sums_of_batches(values: Reals, batch_size: int) -> Reals:
    """Return the sum over each batch of ``batch_size`` values, the last of which may be short."""
    return np.add.reduceat(values, np.arange(0, len(values), batch_size))
