"""Testing a model: its scores on rows that it did not see, their errors, and a constant guess."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..typing import Array, Rows
from .model import score
from .score_errors import standard_errors
from .target import Target, TargetEncoder


@dataclass(frozen=True, slots=True)
class Tested:
    """The scores on some rows, those of the constant guess, and the scores' standard errors."""

    scores: dict[str, Any] | None = None
    baseline: dict[str, Any] | None = None
    errors: dict[str, float] = field(default_factory=dict)


def score_rows(
    meaning: TargetEncoder,
    labels: Target,
    outputs: Array,
    rows: Rows,
    known: Rows,
    groups: Array | None = None,
) -> Tested:
    """Score outputs (n, n_L) for some rows of a table, beside the guess that knows others.

    ``known``: the rows by which the constant guess is made. ``groups`` of all rows: those of one
    err together. No row, no scores.
    """
    if not len(rows):
        return Tested()
    true = labels.values[rows]
    scores = score(meaning, true, outputs)
    predicted = meaning.decode(outputs)
    together = None if groups is None else groups[rows]
    errors = standard_errors(meaning.task, scores, true, predicted, outputs, together)
    guess = constant_guess(meaning, labels.values[known], len(rows))
    return Tested(scores, score(meaning, true, guess), errors)


def constant_guess(meaning: TargetEncoder, values: Array, m: int) -> Array:
    """Return the outputs (m, n_L) of a model that knows nothing but the target's distribution."""
    if meaning.task == "regression":
        return np.zeros((m, 1))
    shares = np.bincount(values, minlength=len(meaning.classes))
    shares = shares / shares.sum()
    return np.tile(shares[1:] if meaning.task == "binary" else shares, (m, 1))
