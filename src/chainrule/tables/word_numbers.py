"""Numbers of words: the place of each row's word in the list of its column's words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from .columns import Columns, as_text


def word_numbers(columns: Columns, words: Mapping[str, tuple[str, ...]]) -> npt.NDArray[np.int64]:
    """Return the places of words in the lists of their columns, (m, c); -1 for one not there.

    ``words``: the list of each column; in it "" stands for a gap.
    """
    numbers = np.empty((columns.m, len(words)), np.int64)
    for j, (name, several) in enumerate(words.items()):
        place = {word: i for i, word in enumerate(several)}
        numbers[:, j] = [place.get(word or "", -1) for word in as_text(columns[name]).tolist()]
    return numbers
