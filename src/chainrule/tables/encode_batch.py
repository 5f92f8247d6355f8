"""Encoding an Arrow batch: numbers and words straight from Arrow's buffers, without rows in Python.

What ``Encoder.encode`` makes of a table, at a tenth of its time. Whatever is out of the ordinary in
a batch (a constant column, infinity, a number that overflows) goes through ``Encoder.encode``,
which knows what to say.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .columns import columns, copy_numbers, spelled
from .encoder import Encoder
from .features import Feature

Array = npt.NDArray[Any]


def encode_batch(encoder: Encoder, batch: Any, dtype: Any) -> Array:
    """Encode a ``pyarrow.RecordBatch``: (m, n), C-contiguous, of ``dtype``.

    Raises ValueError as ``Encoder.encode`` does.
    """
    m = batch.num_rows
    out = np.empty((m, sum(feature.width for feature in encoder.features)), dtype)
    numbers = np.empty(m)
    place = 0
    for feature in encoder.features:
        into = out[:, place : place + feature.width]
        place += feature.width
        if not _encoded(feature, batch.column(feature.name), numbers, into):
            return _as_a_table(encoder, batch, dtype)
    if not np.isfinite(out).all():
        return _as_a_table(encoder, batch, dtype)
    return out


def encode_rows(encoder: Encoder, batch: Any, rows: npt.NDArray[np.int64], out: Array) -> None:
    """Encode some rows of a ``pyarrow.RecordBatch`` into ``out``, (len(rows), n), C-contiguous."""
    found = encode_batch(encoder, batch, out.dtype)
    if len(rows) == len(found):
        out[...] = found
    else:
        found.take(rows, 0, out=out, mode="clip")


def _as_a_table(encoder: Encoder, batch: Any, dtype: Any) -> Array:
    import pyarrow as pa

    return encoder.transform(columns(pa.Table.from_batches([batch])), dtype)


def _encoded(feature: Feature, column: Any, numbers: Array, into: Array) -> bool:
    """Encode one column; say whether that could be done here."""
    import pyarrow as pa

    kind = column.type
    if feature.kind == "number" and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return _number(feature, column, numbers, into)
    if feature.kind == "category":
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return _category(feature, column.dictionary_encode(), into)
        if pa.types.is_dictionary(kind):
            return _category(feature, column, into)
    return False


def _number(feature: Feature, column: Any, numbers: Array, into: Array) -> bool:
    """(x - mean) / scale; the bits of ``features`` except where its halves are subnormal."""
    if feature.scale == 0:
        return False
    copy_numbers(column, numbers)
    with np.errstate(all="ignore"):
        numbers -= feature.mean
        numbers /= feature.scale
        into[:, 0] = numbers
    if feature.missing or column.null_count:
        gaps = np.isnan(numbers)
        into[gaps, 0] = 0
        if feature.missing:
            into[:, 1] = gaps
    return True


def _category(feature: Feature, coded: Any, into: Array) -> bool:
    """One place for each word; a word or a gap without a place takes the shares."""
    n = len(feature.words)
    place = {word: i for i, word in enumerate(feature.words)}
    unseen = n if feature.other else -1
    gap = n + feature.other if feature.missing else -1
    words = spelled(coded.dictionary.to_pylist())
    place_of = np.array([*(gap if w is None else place.get(w, unseen) for w in words), gap])
    codes = np.full(len(coded), float(len(words)))
    copy_numbers(coded.indices, codes)
    codes[np.isnan(codes)] = len(words)
    places = place_of[codes.astype(np.int64)]
    into[...] = 0
    rows = np.flatnonzero(places >= 0)
    into[rows, places[rows]] = 1
    into[places < 0] = feature.shares
    return True
