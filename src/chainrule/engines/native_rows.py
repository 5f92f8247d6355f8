"""Rows of data in the native core: random orders and standardisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..mathematics import random
from ..typing import Floats, Rows
from . import built

__all__ = ["permutation", "standardise"]


def permutation(m: int, key: int) -> Rows:
    """Return 0 .. m - 1 in random order: see ``mathematics.random.permutation``.

    By the native core where it was built, which is several times faster; the order is the same.
    """
    if built() is None:
        return random.permutation(m, key)
    from . import _core

    order = np.empty(m, np.int64)
    _core.permutation(key, order)
    return order


def standardise(
    batch: Any,
    features: Sequence[tuple[int, int, float, float, bool]],
    rows: Rows,
    out: Floats,
) -> bool:
    """Write (x - mean) / scale of columns of numbers of an Arrow batch to ``out``, (len(rows), n).

    ``features``: number of the column, place in a row, mean, scale, missing. Where there is no
    value, or NaN, a row has 0, and with ``missing`` 1 in the next place. ``rows`` ascend. Returns
    False, and leaves ``out`` undefined, where a number is infinite, and without the native core.
    Raises ValueError for columns of other types, rows that are not there, and places outside.
    """
    native = built()
    if native is None:
        return False
    from . import _core

    schema, columns = batch.__arrow_c_array__()
    done: bool = _core.standardised(native.isa(), schema, columns, list(features), rows, out)
    return done
