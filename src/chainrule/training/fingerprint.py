"""A fingerprint of samples, by which a resumed run recognises its data."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..engines.communicator import ALONE, Team
from ..mathematics.random import bits, key, scrambled
from .data import Data

_ROWS_HASHED: Final = 8192  # at once


def digest_of(data: Data | None, team: Team = ALONE, first: int = 0) -> list[Any] | None:
    """Return the number of rows and a hash of all ranks' samples, or None for none.

    Row i's hash is a sum of its bits times random odd numbers, scrambled with i, and the hashes of
    all rows are added up modulo 2^64: so it does not depend on how rows lie on ranks, this one's
    beginning at ``first``. It tells other data from the same, but is no proof against forgery.
    Source: Dietzfelbinger et al., "A reliable randomized algorithm for the closest-pair problem",
    Journal of Algorithms 25, 1997 (multiply-shift hashing).
    """
    if data is None:
        return None
    total = np.zeros(1, np.uint64)
    parts = [data.X, data.Y] + ([] if data.weights is None else [data.weights[:, None]])
    for start in range(0, len(data.X), _ROWS_HASHED):
        rows = slice(start, start + _ROWS_HASHED)
        of_rows = np.zeros(len(data.X[rows]), np.uint64)
        for number, part in enumerate(parts):
            words = np.ascontiguousarray(part[rows]).view(f"u{part.dtype.itemsize}")
            factors = bits(key(len(parts), number), words.shape[1]) | np.uint64(1)
            of_rows += words.astype(np.uint64) @ factors
        of_rows += bits(key(len(parts)), len(of_rows), first + start)
        total += scrambled(of_rows, 0).sum(dtype=np.uint64)
    team.sum_(total)
    count = np.array([len(data.X)])
    team.sum_(count)
    return [int(count[0]), f"{int(total[0]):016x}"]
