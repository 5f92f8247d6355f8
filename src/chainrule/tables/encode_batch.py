"""Encoding an Arrow batch: numbers and words straight from Arrow's buffers, without rows in Python.

What ``Encoder.encode`` makes of a table, at a small part of its time. Whatever is out of the
ordinary in a batch (a constant column, infinity, a number that overflows) goes through
``Encoder.encode``, which knows what to say.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..engines.native_rows import standardise
from ..typing import Array, Rows
from .arrow_values import days_of, whole_numbers
from .columns import Column, columns, spelled
from .dates import is_date
from .encoder import Encoder
from .feature_encoding import cut, encode_feature
from .features import Feature


def encode_batch(encoder: Encoder, batch: Any, dtype: Any) -> Array:
    """Encode a ``pyarrow.RecordBatch``: (m, n), C-contiguous, of ``dtype``.

    Raises ValueError as ``Encoder.encode`` does.
    """
    out = np.empty((batch.num_rows, encoder.width), dtype)
    encode_rows(encoder, batch, np.arange(batch.num_rows), out)
    return out


def encode_rows(encoder: Encoder, batch: Any, rows: Rows, out: Array) -> None:
    """Encode some rows of a ``pyarrow.RecordBatch``, in ascending order, into ``out`` (m, n).

    ``out`` is C-contiguous. Raises ValueError as ``Encoder.encode`` does, also for other rows.
    """
    place = 0
    numbers, others = [], []
    for feature in encoder.features:
        column = batch.schema.get_field_index(feature.name)
        kind = batch.schema.field(column).type if column >= 0 else None
        if (
            kind in _numbers()
            and feature.kind == "number"
            and feature.scale != 0
            and feature.gap is None
        ):
            numbers.append((column, place, feature.mean, feature.scale, feature.missing))
        else:
            others.append((feature, place))
        place += feature.width
    if standardise(batch, numbers, rows, out) and all(
        _encoded(feature, batch.column(feature.name), rows, out[:, place : place + feature.width])
        for feature, place in others
    ):
        place = 0
        for feature in encoder.features:
            cut(feature, out[:, place])
            place += feature.width
        return
    out[...] = _as_a_table(encoder, batch, out.dtype)[rows]


@cache
def _numbers() -> frozenset[Any]:
    """Return the types of numbers that the native core reads."""
    import pyarrow as pa

    whole = (pa.int8, pa.int16, pa.int32, pa.int64, pa.uint8, pa.uint16, pa.uint32, pa.uint64)
    return frozenset(kind() for kind in (*whole, pa.float32, pa.float64))


def _as_a_table(encoder: Encoder, batch: Any, dtype: Any) -> Array:
    import pyarrow as pa

    return encoder.transform(columns(pa.Table.from_batches([batch])), dtype)


def _encoded(feature: Feature, column: Any, rows: Rows, into: Array) -> bool:
    """Encode rows of a column that is not of numbers; say whether that could be done here."""
    import pyarrow as pa

    kind = column.type
    if feature.kind == "date" and is_date(kind):
        days = Column(feature.name, "date", days_of(pa.chunked_array([column]))[rows])
        into[...] = encode_feature(feature, days).values
        return True
    if feature.kind != "category":
        return False
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = column.dictionary_encode()
    elif not pa.types.is_dictionary(kind):
        return False
    _category(feature, column, rows, into)
    return True


def _category(feature: Feature, coded: Any, rows: Rows, into: Array) -> None:
    """One place for each word; a word or a gap without a place, -1, takes the shares."""
    n = len(feature.words)
    place = {word: i for i, word in enumerate(feature.words)}
    unseen = n if feature.other else -1
    gap = n + feature.other if feature.missing else -1
    words = spelled(coded.dictionary.to_pylist())
    place_of = np.array([*(gap if w is None else place.get(w, unseen) for w in words), gap])
    codes = whole_numbers(coded.indices, len(words))
    encoded = np.vstack([np.eye(feature.width), feature.shares]).astype(into.dtype)
    into[...] = encoded.take(place_of[codes[rows]], axis=0)
