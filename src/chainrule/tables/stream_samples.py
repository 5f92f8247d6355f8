"""Training samples that stream from a Parquet data set, through a buffer of rows.

An epoch takes the rank's row groups in random order. They fill a buffer one after another;
each full buffer is one block, whose rows are taken in random order (Xu et al., "In-database
machine learning with CorgiPile", SIGMOD 2022: this trains as a full shuffle does where a buffer
holds several row groups, or rows were written in random order). What is in a block follows from
seed, epoch and row counts alone, so a run can be resumed within an epoch without reading what came
before, and its rows are the same whether they are decoded or come from the spool. Blocks are filled
on another thread meanwhile.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engines import Engine, Problem
from ..engines.communicator import Team
from ..engines.data_parallel import MOST_ROWS, DataParallel, GradientSums
from ..engines.native_rows import permutation
from ..mathematics.random import ORDER, key
from ..training.batches import Block, sums_of_batches
from ..typing import Array, Rows
from .parquet_dataset import Group
from .prefetch import Ahead
from .row_cache import Spool
from .stream_parts import Part
from .stream_reader import Piece, Reader

Loaded = tuple[int, Rows]


def in_blocks(
    pieces: Iterator[Piece], rows: int, m: int, slots: Iterator[tuple[Array, Array]]
) -> Iterator[int]:
    """Put m rows that come in pieces into blocks of ``rows``; the last may be short.

    Each block goes to the next of ``slots``, X and Y. Yield how many rows it got.
    """
    filled = 0
    for piece in pieces:
        at = 0
        while at < piece.rows:
            if not filled:
                size = min(rows, m)
                m -= size
                X, Y = next(slots)
            take = min(piece.rows - at, size - filled)
            piece.fill(at, X[filled : filled + take], Y[filled : filled + take])
            filled, at = filled + take, at + take
            if filled == size:
                yield size
                filled = 0


@dataclass(frozen=True)
class Stream:
    """The training samples of one rank; see ``training.batches.Batches``.

    ``groups``: the rank's own. ``counts``: how many of each one's rows are in the part. ``rows``:
    of a block, a multiple of ``batch_size``, which counts this rank's rows. ``steps`` is that of
    the rank with the most rows. ``epochs``: how many there are at most. ``ahead``: fill blocks on
    another thread, which helps an engine that works without Python's lock where there is a
    processor for it. Else it costs more than it gains, most of all on ranks that meet every step.
    """

    reader: Reader
    groups: Sequence[Group]
    counts: Sequence[int]
    part: Part
    rows: int
    batch_size: int
    steps: int
    shuffle: bool
    team: Team
    epochs: int
    ahead: bool = False
    spool: Spool | None = None
    # The next epoch's blocks, which are read while the last of this one is trained on.
    begun: dict[tuple[int, int], Any] = field(default_factory=dict, compare=False)
    # The problem of all blocks, once there is one. Its rows are two slots: a block is trained on in
    # one of them, and the next fills the other. So the engine keeps its threads, and no memory is
    # asked for anew, which costs as much as decoding does.
    kept: list[Problem] = field(default_factory=list, compare=False)

    def blocks(self, epoch: int, first: int) -> Iterator[Block]:
        """Yield the blocks of an epoch from the one that holds the batch numbered ``first``.

        A block's rows are good until the next one is asked for.
        """
        in_block = self.rows // self.batch_size
        begin = min(first, self.steps - 1) // in_block
        total, held = ceil(self.steps / in_block), ceil(sum(self.counts) / self.rows)
        source = self.begun.pop((epoch, begin), None) or self._begin(epoch, begin, 0)
        try:
            for number in range(begin, total):
                slot, order = next(source) if number < held else (0, np.empty(0, np.int64))
                if number == held - 1 and self.ahead and epoch + 1 < self.epochs:
                    self.begun[epoch + 1, 0] = self._begin(epoch + 1, 0, 1 - slot)
                start = number * in_block
                steps = min(in_block, self.steps - start)
                yield Block(self._problem(), order, self.batch_size, start, steps)
        finally:
            source.close()

    def _begin(self, epoch: int, begin: int, slot: int) -> Any:
        """Start to fill blocks, the first one in a slot that is not in use."""
        self._problem()
        source = self._loaded(epoch, begin, slot)
        return Ahead(source) if self.ahead else source

    def _problem(self) -> Problem:
        if not self.kept:
            X, Y = self.reader.empty(2 * self._slot_rows)
            self.kept.append(replace(self.reader.problem, X=X, Y=Y))
        return self.kept[0]

    @property
    def _slot_rows(self) -> int:
        return min(self.rows, sum(self.counts))

    def slots(self) -> tuple[Array, Array]:
        """Return the memory that blocks are filled into: X and Y of both slots."""
        return self._problem().X, self._problem().Y

    def _slot(self, number: int) -> tuple[Array, Array]:
        problem, rows = self._problem(), self._slot_rows
        place = slice(number * rows, (number + 1) * rows)
        return problem.X[place], problem.Y[place]

    def close(self) -> None:
        """End the thread that reads for an epoch that is not wanted any more, and the spool."""
        self._stop()
        if self.spool is not None:
            self.spool.close()

    def _stop(self) -> None:
        for source in self.begun.values():
            source.close()
        self.begun.clear()

    def _loaded(self, epoch: int, begin: int, slot: int) -> Generator[Loaded, None, None]:
        """Yield the slot and the order of rows of each block from the one numbered ``begin`` on."""
        skip, seed = begin * self.rows, self.reader.problem.architecture.seed
        m = sum(self.counts) - skip
        slots = (self._slot((slot + n) % 2) for n in count())
        for n, size in enumerate(in_blocks(self._pieces(epoch, skip), self.rows, m, slots)):
            stream = key(seed, ORDER, epoch, self.team.rank, begin + n)
            order = permutation(size, stream) if self.shuffle else np.arange(size)
            used = (slot + n) % 2
            order += used * self._slot_rows
            yield used, order

    def _pieces(self, epoch: int, skip: int) -> Iterator[Piece]:
        """Yield an epoch's rows after the first ``skip``."""
        n, rank, seed = len(self.groups), self.team.rank, self.reader.problem.architecture.seed
        order = permutation(n, key(seed, ORDER, epoch, rank)) if self.shuffle else range(n)
        for place in order:
            rows = self.counts[place]
            if skip >= rows:
                skip -= rows
            elif self.spool is not None and self.spool.holds:
                yield Piece(rows - skip, partial(self._from_spool, int(place), skip))
                skip = 0
            else:
                yield from self.reader.pieces(self.groups[place], self.part, skip)
                skip = 0

    def _from_spool(self, place: int, skip: int, at: int, X: Array, Y: Array) -> None:
        spool = self.spool
        if spool is None or not spool.read(place, skip + at, X, Y):
            self.reader.fill(self.groups[place], self.part, skip + at, X, Y)

    def batch_weights(self, rows: Rows, count: int) -> npt.NDArray[np.float64]:
        """Return the number of rows in each of ``count`` batches, over all ranks."""
        totals = np.zeros(count)
        if len(rows):
            sizes = sums_of_batches(np.ones(len(rows)), self.batch_size)
            totals[: len(sizes)] = sizes
        self.team.sum_(totals)
        return totals

    def evaluate(self, engine: Engine, theta: Array, dtheta: Array | None) -> float:
        """Return J over all ranks' samples in a pass over them; its gradient goes to ``dtheta``.

        No block of an epoch is good after it.
        """
        self._stop()
        part = engine.part if isinstance(engine, DataParallel) else engine
        sums = GradientSums(part, theta)
        for block in replace(self, shuffle=False, epochs=0).blocks(0, 0):
            sums.add(block.problem, theta, block.order, block.order, None, MOST_ROWS)
        return sums.evaluated(self.team, self.reader.problem.architecture, theta, dtheta)
