"""Large arrays a block of rows at a time, on all cores: a block's temporaries stay in the cache."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ...typing import Array

T = TypeVar("T")
# Entries of a block: a megabyte of float64.
BLOCK = 2**17
# Below this number of entries one block is faster than threads.
SMALL = 2**20


def rows_of(x: Array) -> Array:
    """Return an array as rows along its last axis, a vector as one row."""
    return x.reshape(-1, x.shape[-1]) if x.ndim >= 2 else x.reshape(1, -1)


def in_blocks(work: Callable[[slice], T], x: Array) -> list[T]:
    """Call ``work`` with the rows of every block of ``x``, and return what it returned, in order.

    NumPy lets other threads run while it computes.
    """
    rows = rows_of(x)
    if x.size < SMALL:
        return [work(slice(0, len(rows)))]
    step = max(1, BLOCK // max(rows.shape[1], 1))
    parts = [slice(start, start + step) for start in range(0, len(rows), step)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(work, parts))
