"""Rows that belong together: copies of one another, and rows of one group.

Rows are known by a hash of their values. Equal rows are common where columns have few values; they
are taken for copies only where there are many more of them than such columns would have by chance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..typing import Rows
from .columns import Column, Columns, as_text

Hashes = npt.NDArray[np.uint64]

# This many times more equal pairs than by chance are copies.
BY_CHANCE: Final = 10.0
# Fewer copies than this share of the rows change nothing.
FEWEST_COPIES: Final = 0.02
# A model file keeps this many hashes of rows that it was trained on, the least ones.
KEPT: Final = 256
# Odd constants of MurmurHash3's finaliser (Appleby, 2011), which spreads every bit over all.
_FIRST, _SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)


def row_hashes(columns: Iterable[Column], m: int) -> Hashes:
    """Return a hash of each row over some columns, in their order. Shape (m,)."""
    hashes = np.zeros(m, np.uint64)
    for column in columns:
        hashes = _mixed(hashes * np.uint64(31) + _column_hashes(column))
    return hashes


def _mixed(h: Hashes) -> Hashes:
    h = (h ^ (h >> _SHIFT)) * _FIRST
    h = (h ^ (h >> _SHIFT)) * _SECOND
    return h ^ (h >> _SHIFT)


def _column_hashes(column: Column) -> Hashes:
    if column.kind != "text" and column.exact is None:
        values = np.where(column.values == 0, 0.0, column.values)  # one zero
        values = np.where(np.isnan(values), np.nan, values)
        return np.ascontiguousarray(values).view(np.uint64)
    words = as_text(column).tolist()
    known = {word: _word_hash(word) for word in set(words)}
    return np.array([known[word] for word in words], np.uint64)


def _word_hash(word: str | None) -> int:
    data = b"\xff" if word is None else word.encode("utf-8", errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def copies_of(columns: Iterable[Column], m: int) -> Hashes | None:
    """Return the hash of each row if many rows are copies of others, else None."""
    columns = list(columns)
    hashes = row_hashes(columns, m)
    pairs = _equal_pairs(hashes)
    if copies_count(hashes) < FEWEST_COPIES * m:
        return None
    chance = m * (m - 1) / 2
    for column in columns:
        chance *= _equal_pairs(_column_hashes(column)) / (m * (m - 1) / 2)
    return hashes if pairs > BY_CHANCE * chance + 1 else None


def _equal_pairs(hashes: Hashes) -> float:
    _, counts = np.unique(hashes, return_counts=True)
    return float((counts * (counts - 1.0)).sum() / 2)


def copies_count(groups: Hashes) -> int:
    """Return how many rows are copies of another one."""
    return len(groups) - len(np.unique(groups))


def kept_hashes(hashes: Hashes) -> list[int]:
    """Return the least hashes, which stand for all in a model file."""
    return [int(h) for h in np.unique(hashes)[:KEPT]]


def hashes_of(features: Columns, names: Iterable[str], target: Column, rows: Rows) -> list[int]:
    """Return hashes that stand for some rows of a table, with their target."""
    columns = [*(features[name] for name in names), target]
    return kept_hashes(row_hashes(columns, features.m)[rows])


def share_known(hashes: Hashes, kept: list[int]) -> float:
    """Return the share of rows that are among those whose least hashes were kept."""
    if not kept:
        return 0.0
    comparable = hashes[hashes <= np.uint64(max(kept))] if len(kept) == KEPT else hashes
    known: Any = np.isin(comparable, np.array(kept, np.uint64))
    return float(known.mean()) if len(comparable) else 0.0
