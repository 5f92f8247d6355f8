"""Arrow columns as NumPy arrays, straight from Arrow's buffers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .dates import counted


def days_of(column: Any) -> npt.NDArray[np.float64]:
    """Return a chunked Arrow column of dates as days since 1970-01-01, NaN where one is missing."""
    whole, a_day = counted(column)
    return floats(whole) / a_day


# Arrow's names of number types that are not NumPy's.
_FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}


def floats(column: Any) -> npt.NDArray[np.float64]:
    """Return a chunked Arrow column of numbers as float64, NaN where one is missing."""
    values = np.empty(len(column), np.float64)
    start = 0
    for chunk in column.chunks:
        copy_numbers(chunk, values[start : start + len(chunk)])
        start += len(chunk)
    return values


def copy_numbers(chunk: Any, into: npt.NDArray[np.float64]) -> None:
    """Copy an Arrow array of numbers straight from its buffers, NaN where one is missing.

    Arrow's own to_numpy imports pandas where it can.
    """
    if not len(chunk):
        return
    valid, data = chunk.buffers()
    place = slice(chunk.offset, chunk.offset + len(chunk))
    text = str(chunk.type)
    into[...] = np.frombuffer(data, np.dtype(_FLOATS.get(text, text)))[place]
    if chunk.null_count:
        bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")
        into[bits[place] == 0] = np.nan


def whole_numbers(array: Any, missing: int) -> npt.NDArray[np.int64]:
    """Return an Arrow array of whole numbers as int64, ``missing`` where there is none."""
    import pyarrow as pa

    wide = array.cast(pa.int64()).fill_null(missing)
    if not len(wide):
        return np.empty(0, np.int64)
    return np.frombuffer(wide.buffers()[1], np.int64)[wide.offset :][: len(wide)]
