"""The outputs of an ensemble for one raw row, as ``tables.predictor`` takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..tables.row_values import word_of
from ..typing import Array
from .ensemble import TableEnsemble
from .inputs import Rows


def row_outputs(
    ensemble: TableEnsemble, names: Sequence[str], words: Mapping[str, tuple[str, ...]]
) -> Callable[[Array, Sequence[Any]], Array]:
    """Return ``f(X, values)``: the outputs (1, k) of an encoded row (1, n) and its raw values.

    ``names``: the columns of the values. ``words``: of each column with target statistics the list
    of its words, "" being a gap.
    """
    vocabularies = [
        (names.index(name), name, {word: i for i, word in enumerate(several)})
        for name, several in words.items()
    ]

    predict = ensemble.predictor()

    def outputs(X: Array, values: Sequence[Any]) -> Array:
        numbers = [
            vocabulary.get(word_of(name, values[place]) or "", -1)
            for place, name, vocabulary in vocabularies
        ]
        return predict(Rows(X, np.array([numbers], np.int64)))

    return outputs
