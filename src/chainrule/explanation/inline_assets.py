"""Arrays in a page: bytes sorted by significance, deflated, in base64.

Bytes of the same significance stand together, since the leading ones of floats are alike and
deflate well. ``keep`` bytes of each number are kept, the leading ones, with the rest rounded away.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt


def pack(array: npt.NDArray[np.floating[Any]], keep: int | None = None) -> dict[str, Any]:
    """Return an array as JSON values: shape, bytes of a float, bytes kept, and the data.

    Without ``keep`` every bit is kept.
    """
    big = np.ascontiguousarray(array)
    width = big.dtype.itemsize
    keep = width if keep is None else keep
    order = big.dtype.newbyteorder(">")
    if keep < width:
        big = _rounded(big, keep)
    planes = big.astype(order).view(np.uint8).reshape(-1, width)[:, :keep].T
    data = zlib.compress(np.ascontiguousarray(planes).tobytes(), 9)
    return {
        "shape": list(array.shape),
        "width": width,
        "keep": keep,
        "data": base64.b64encode(data).decode(),
    }


def _rounded(array: npt.NDArray[Any], keep: int) -> npt.NDArray[Any]:
    """Round to the nearest number with zeros in all but the first ``keep`` bytes (float32)."""
    if array.dtype != np.float32:
        raise TypeError(f"only float32 is shortened, not {array.dtype}")
    bits = array.view(np.uint32).astype(np.uint64)
    dropped = 8 * (4 - keep)
    rounded = (bits + (1 << (dropped - 1))) & np.uint64(0xFFFFFFFF ^ ((1 << dropped) - 1))
    result: npt.NDArray[Any] = rounded.astype(np.uint32).view(np.float32)
    return np.where(np.isfinite(array) & np.isfinite(result), result, array)
