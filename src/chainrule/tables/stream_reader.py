"""Reading rows of a Parquet data set as a network takes them: decoded, chosen by part, encoded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..engines import Problem
from ..mathematics.targets import encode_target
from ..typing import Array, Rows
from .columns import Column, columns
from .encode_batch import encode_rows
from .encoder import Encoder
from .parquet_dataset import ROWS_AT_ONCE, DataSet, Group
from .row_cache import Spool
from .stream_parts import Part, masks_of
from .stream_plan import StreamPlan
from .target import TargetEncoder


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that follow one another; ``fill(at, X, Y)`` writes those from ``at`` on to X and Y."""

    rows: int
    fill: Callable[[int, Array, Array], None]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads and encodes rows of a data set."""

    data: DataSet
    encoder: Encoder
    target: TargetEncoder
    problem: Problem  # without samples

    def empty(self, rows: int) -> tuple[Array, Array]:
        """Return X and Y of that many rows, to be filled."""
        net = self.problem.architecture
        return np.empty((rows, net.sizes[0]), net.dtype), np.empty((rows, net.sizes[-1]), net.dtype)

    def pieces(self, group: Group, part: Part, skip: int = 0) -> Iterator[Piece]:
        """Yield a row group's rows in a part, after the first ``skip`` of them."""
        at = int(np.flatnonzero(part.mask(group))[skip]) if skip else 0
        for _, piece in self.split(group, {"": part}, at):
            yield piece

    def fill(self, group: Group, part: Part, skip: int, X: Array, Y: Array) -> None:
        """Write a row group's rows in a part to X and Y, from the one numbered ``skip`` on."""
        filled = 0
        for piece in self.pieces(group, part, skip):
            take = min(piece.rows, len(X) - filled)
            piece.fill(0, X[filled : filled + take], Y[filled : filled + take])
            filled += take
            if filled == len(X):
                return

    def split(
        self, group: Group, parts: Mapping[str, Part], at: int = 0
    ) -> Iterator[tuple[str, Piece]]:
        """Yield a row group's rows from the one numbered ``at`` on, with the part each is in."""
        masks = masks_of(parts, group)
        if not any(mask[at:].any() for mask in masks.values()):
            return
        names = [*self.encoder.names, self.target.name]
        for batch in self.data.batches(group, names, at):
            for name, mask in masks.items():
                keep = np.flatnonzero(mask[at : at + batch.num_rows])
                if len(keep):
                    yield name, Piece(len(keep), partial(self._encode, group, batch, keep))
            at += batch.num_rows

    def _encode(self, group: Group, batch: Any, keep: Rows, at: int, X: Array, Y: Array) -> None:
        import pyarrow as pa

        net, name = self.problem.architecture, self.target.name
        rows = keep[at : at + len(X)]
        try:
            encode_rows(self.encoder, batch, rows, X)
            column = columns(pa.Table.from_batches([batch.select([name])]))[name]
            values = places_of(self.target, column)
            encoded = self.target.encode(values, net.dtype)
            Y[...] = encode_target(encoded, net.sizes[-1], net.cost, net.dtype)[rows]
        except ValueError as error:
            raise ValueError(f"{group.path}: {error}") from None


def places_of(target: TargetEncoder, column: Column) -> Array:
    """Read the target's values, of numbers for classes by binary search."""
    if not target.classes or column.kind == "text":
        return target.values_of(column)
    known = np.array([{"false": "0", "true": "1"}.get(c, c) for c in target.classes], np.float64)
    order = np.argsort(known, kind="stable")
    nearest = np.searchsorted(known[order], column.values).clip(max=len(known) - 1)
    places: Rows = order[nearest]
    if not (known[places] == column.values).all():
        return target.values_of(column)  # which says what is wrong
    return places


def read_once(
    reader: Reader, stream: StreamPlan, spool: Spool | None, scratch: tuple[Array, Array]
) -> dict[str, tuple[Array, Array]]:
    """Read all parts but ``train`` into memory; meanwhile write that one to the spool.

    ``scratch``: X and Y of any rows; all of it is written to, so that it is not new to the process
    any more when it is needed in a hurry.
    """
    held = {name: part for name, part in stream.parts.items() if name != "train"}
    arrays = {name: reader.empty(sum(stream.rows[name])) for name in held}
    filled = dict.fromkeys(held, 0)
    if len(scratch[0]) < ROWS_AT_ONCE:
        scratch = reader.empty(ROWS_AT_ONCE)
    writer = None if spool is None else _SpoolWriter(spool, *scratch)
    for group in stream.groups:
        writing = writer is not None and writer.open
        for name, piece in reader.split(group, stream.parts if writing else held):
            if name != "train":
                place = slice(filled[name], filled[name] + piece.rows)
                piece.fill(0, *(rows[place] for rows in arrays[name]))
                filled[name] += piece.rows
            elif writer is not None and writer.open:
                writer.write(piece)
    return arrays


class _SpoolWriter:
    """Writes pieces to a spool until it takes no more; ``open`` tells whether it still does."""

    def __init__(self, spool: Spool, X: Array, Y: Array) -> None:
        self.open = True
        self._spool, self._X, self._Y = spool, X, Y
        self._at = 0
        self._last = time.monotonic()

    def write(self, piece: Piece) -> None:
        """Decode a piece into the scratch arrays, and write it from there."""
        if self._at + piece.rows > len(self._X):
            self._at = 0
        place = slice(self._at, self._at + piece.rows)
        X, Y = self._X[place], self._Y[place]
        self._at += piece.rows
        piece.fill(0, X, Y)
        self.open = self._spool.write(X, Y, time.monotonic() - self._last)
        self._last = time.monotonic()
