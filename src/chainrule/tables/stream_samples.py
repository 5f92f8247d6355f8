"""Training samples that stream from a Parquet data set, through a buffer of so many rows.

An epoch takes the rank's row groups in random order. They fill a buffer one after another;
each full buffer is one block, whose rows are taken in random order (Xu et al., "In-database
machine learning with CorgiPile", SIGMOD 2022: this trains as a full shuffle does where a buffer
holds several row groups, or rows were written in random order). What is in a block follows from
seed, epoch and row counts alone, so a run can be resumed within an epoch without reading what came
before. Files are decoded on another thread meanwhile.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.engines import Engine, Problem
from chainrule.engines.parallel import MOST_ROWS, DataParallel, Sums
from chainrule.engines.team import Team
from chainrule.mathematics.random import ORDER, SPLIT, key, permutation, uniform
from chainrule.training.samples import Block, sums_of_batches

from .ahead import OneAhead
from .columns import Column, columns
from .encode_batch import encode_batch
from .encoder import Encoder
from .streaming import DataSet, Group
from .target import TargetEncoder

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.int64]
Loaded = tuple[Array, Array, Rows]


@dataclass(frozen=True, slots=True)
class Part:
    """Which rows of a data set are meant: those whose random number is from ``low`` to ``high``."""

    seed: int
    low: float
    high: float

    def mask(self, group: Group) -> npt.NDArray[np.bool_]:
        """Say for each row of a row group whether it is one of the part."""
        u = uniform(key(self.seed, SPLIT), group.rows, group.first)
        return (u >= self.low) & (u < self.high)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads and encodes rows of a data set."""

    data: DataSet
    encoder: Encoder
    target: TargetEncoder
    problem: Problem  # without samples

    def rows(self, group: Group, part: Part, skip: int = 0) -> Iterator[tuple[Array, Array]]:
        """Yield X and Y of a row group's rows in a part, after the first ``skip`` of them."""
        mask = part.mask(group)
        chosen = np.flatnonzero(mask)[skip:]
        if not len(chosen):
            return
        at = int(chosen[0])
        mask[:at] = False
        names = [*self.encoder.names, self.target.name]
        for batch in self.data.batches(group, names, at):
            keep = np.flatnonzero(mask[at : at + batch.num_rows])
            at += batch.num_rows
            if not len(keep):
                continue
            X, Y = self._encoded(group, batch)
            if len(keep) < len(X):
                X, Y = X.take(keep, 0), Y.take(keep, 0)
            yield X, Y

    def _encoded(self, group: Group, batch: Any) -> tuple[Array, Array]:
        import pyarrow as pa

        net, name = self.problem.network, self.target.name
        try:
            X = encode_batch(self.encoder, batch, net.dtype)
            column = columns(pa.Table.from_batches([batch]).select([name]))[name]
            values = places_of(self.target, column)
            return X, net.targets(self.target.encode(values, net.dtype), len(X))
        except ValueError as error:
            raise ValueError(f"{group.path}: {error}") from None


def places_of(target: TargetEncoder, column: Column) -> Array:
    """Read the target's values, of numbers for classes by binary search."""
    if not target.classes or column.kind == "text":
        return target.values_of(column)
    known = np.array([{"false": "0", "true": "1"}.get(c, c) for c in target.classes], np.float64)
    order = np.argsort(known, kind="stable")
    found = np.searchsorted(known[order], column.values).clip(max=len(known) - 1)
    places: Rows = order[found]
    if not (known[places] == column.values).all():
        return target.values_of(column)  # which says what is wrong
    return places


def in_blocks(
    pieces: Iterator[tuple[Array, Array]], rows: int, m: int, spare: list[tuple[Array, Array]]
) -> Iterator[tuple[Array, Array]]:
    """Put m rows of X and Y that come in pieces into blocks of ``rows``; the last may be short.

    ``spare``: blocks that are no longer used, to be filled again.
    """
    filled = 0
    for X, Y in pieces:
        at = 0
        while at < len(X):
            if not filled:
                size = min(rows, m)
                m -= size
                X_block, Y_block = spare.pop() if spare else _block(rows, X, Y)
            take = min(len(X) - at, size - filled)
            X_block[filled : filled + take] = X[at : at + take]
            Y_block[filled : filled + take] = Y[at : at + take]
            filled, at = filled + take, at + take
            if filled == size:
                yield X_block[:size], Y_block[:size]
                filled = 0


def _block(rows: int, X: Array, Y: Array) -> tuple[Array, Array]:
    return np.empty((rows, X.shape[1]), X.dtype), np.empty((rows, Y.shape[1]), Y.dtype)


@dataclass(frozen=True)
class Stream:
    """The training samples of one rank; see ``training.samples.Samples``.

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
    # The next epoch's blocks, which are read while the last of this one is trained on.
    begun: dict[tuple[int, int], Any] = field(default_factory=dict, compare=False)
    # Blocks to be filled again: memory that is new to a process costs as much as the decoding.
    spare: list[tuple[Array, Array]] = field(default_factory=list, compare=False)

    def blocks(self, epoch: int, first: int) -> Iterator[Block]:
        """Yield the blocks of an epoch from the one that holds the batch numbered ``first``.

        A block's rows are good until the next one is asked for.
        """
        in_block = self.rows // self.batch_size
        begin = min(first, self.steps - 1) // in_block
        own = sum(self.counts)
        total = ceil(self.steps / in_block)
        held = ceil(own / self.rows)
        source = self.begun.pop((epoch, begin), None) or self._begin(epoch, begin)
        try:
            for number in range(begin, total):
                X, Y, order = next(source) if number < held else self._nothing()
                if number == held - 1 and self.ahead and epoch + 1 < self.epochs:
                    self.begun[epoch + 1, 0] = self._begin(epoch + 1, 0)
                problem = replace(self.reader.problem, X=X, Y=Y)
                start = number * in_block
                yield Block(
                    problem, order, self.batch_size, start, min(in_block, self.steps - start)
                )
                if X.base is not None and Y.base is not None:
                    self.spare.append((X.base, Y.base))
        finally:
            source.close()

    def _begin(self, epoch: int, begin: int) -> Any:
        source = self._loaded(epoch, begin)
        return OneAhead(source) if self.ahead else source

    def close(self) -> None:
        """End the thread that reads for an epoch that is not wanted any more."""
        for source in self.begun.values():
            source.close()
        self.begun.clear()

    def _nothing(self) -> Loaded:
        net = self.reader.problem.network
        X, Y = (np.empty((0, n), net.dtype) for n in (net.sizes[0], net.sizes[-1]))
        return X, Y, np.empty(0, np.int64)

    def _loaded(self, epoch: int, begin: int) -> Generator[Loaded, None, None]:
        """Yield X, Y and the order of rows of each block from the one numbered ``begin`` on."""
        skip, seed = begin * self.rows, self.reader.problem.network.seed
        blocks = in_blocks(self._read(epoch, skip), self.rows, sum(self.counts) - skip, self.spare)
        for number, (X, Y) in enumerate(blocks, begin):
            stream = key(seed, ORDER, epoch, self.team.rank, number)
            yield X, Y, permutation(len(X), stream) if self.shuffle else np.arange(len(X))

    def _read(self, epoch: int, skip: int) -> Iterator[tuple[Array, Array]]:
        """Yield X and Y of an epoch's rows after the first ``skip``, some thousand at a time."""
        n, rank, seed = len(self.groups), self.team.rank, self.reader.problem.network.seed
        order = permutation(n, key(seed, ORDER, epoch, rank)) if self.shuffle else range(n)
        for place in order:
            if skip >= self.counts[place]:
                skip -= self.counts[place]
                continue
            yield from self.reader.rows(self.groups[place], self.part, skip)
            skip = 0

    def batch_weights(self, rows: Rows, count: int) -> npt.NDArray[np.float64]:
        """Return the number of rows in each of ``count`` batches, over all ranks."""
        found = np.zeros(count)
        if len(rows):
            sizes = sums_of_batches(np.ones(len(rows)), self.batch_size)
            found[: len(sizes)] = sizes
        self.team.sum_(found)
        return found

    def evaluate(self, engine: Engine, theta: Array, dtheta: Array | None) -> float:
        """Return J over all ranks' samples in a pass over them; its gradient goes to ``dtheta``."""
        part = engine.part if isinstance(engine, DataParallel) else engine
        sums = Sums(part, theta)
        for block in replace(self, shuffle=False, epochs=0).blocks(0, 0):
            sums.add(block.problem, theta, block.order, block.order, None, MOST_ROWS)
        return sums.evaluated(self.team, self.reader.problem.network, theta, dtheta)
