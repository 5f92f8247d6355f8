"""What each column tells of the target by itself, measured out of fold.

Two cheap models of one column are compared: a polynomial of its numbers, and the mean of each of
its values. Where whole numbers are few and the means are clearly better, the numbers are
codes and no quantities; where one column alone predicts the target almost without error, it may
hold the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ..mathematics.random import SPLIT, key, permutation
from ..typing import Array
from .columns import Column, Columns, as_measures, as_text
from .outliers import usual_of
from .target_encoder import TargetEncoder

FOLDS: Final = 5
# Rows looked at: more would not change the answer.
MOST_ROWS: Final = 20_000
# Whole numbers may be codes if there are this many different ones, on average in FEWEST_EACH rows.
FEWEST_CODES: Final = 3
MOST_CODES: Final = 100
FEWEST_EACH: Final = 2.0
# Of fewer different values a straight line is their only polynomial.
LINEAR: Final = 20
# Codes are better by this much of the target's variance, or they are taken for quantities.
BETTER: Final = 0.1
# A column that explains more than this of the target gives the answer away.
ANSWER: Final = 0.999
_FOLDING: Final = 2


@dataclass(frozen=True, slots=True)
class Alone:
    """The share of the target's variance that a column explains by itself, out of fold.

    ``as_number``: by a polynomial, or by means that follow their neighbours; ``as_words``: by the
    mean of each value. Minus infinity
    where a column is not judged that way.
    """

    name: str
    as_number: float
    as_words: float

    @property
    def is_code(self) -> bool:
        """Whether its whole numbers are codes rather than quantities."""
        return self.as_words > max(self.as_number, 0.0) + BETTER

    @property
    def is_answer(self) -> bool:
        """Whether it predicts the target almost without error."""
        return max(self.as_number, self.as_words) > ANSWER


def judge_columns(rows: Columns, values: Array, target: TargetEncoder, seed: int) -> list[Alone]:
    """Judge each column by itself; ``values`` (m,) are those of the target, as it reads them."""
    m = min(rows.m, MOST_ROWS)
    chosen = np.sort(permutation(rows.m, key(seed, SPLIT, _FOLDING))[:m])
    folds = np.arange(m) % FOLDS
    Y = _targets(values[chosen], target)
    return [_judge(column.take(chosen), Y, folds) for column in rows.values()]


def _targets(values: Array, target: TargetEncoder) -> Array:
    """Return the target as columns of mean 0 (m, k): numbers, or 1 for the class and 0 else."""
    if target.task == "regression":
        Y = target.cut(values)[:, None].astype(np.float64)
    else:
        Y = (values[:, None] == np.arange(len(target.classes))).astype(np.float64)
    scale = float(np.abs(Y).max()) or 1.0
    Y = Y / scale
    return np.asarray(Y - Y.mean(axis=0))


def _judge(column: Column, Y: Array, folds: Array) -> Alone:
    as_number = as_words = -np.inf
    places = _codes(column)
    if column.kind in ("integer", "float", "date"):
        numbers = as_measures(column)
        if np.isfinite(numbers).any() and np.nanmin(numbers) < np.nanmax(numbers):
            # Of few different values a cubic would be a mean of each.
            few = places is not None and places.max() < LINEAR
            as_number = _explained(_polynomial(numbers, 1 if few else 3), Y, folds)
    if places is not None:
        as_words = _explained_by_means(places, Y, folds)
        if column.kind == "integer":
            as_number = max(as_number, _explained_by_means(places, Y, folds, smooth=True))
    return Alone(column.name, as_number, as_words)


def _polynomial(numbers: Array, degree: int) -> Array:
    """Return 1, x, ..., x^degree and whether there is no x, with x scaled to -1 to 1. (m, n)."""
    numbers = numbers.clip(*usual_of(numbers[~np.isnan(numbers)], gaps=False).fences)
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    x = (numbers / 2 - (low / 4 + high / 4)) / (high / 4 - low / 4)
    gaps = np.isnan(x)
    x = np.where(gaps, 0.0, x)
    return np.column_stack([*(x**power for power in range(degree + 1)), gaps])


def _codes(column: Column) -> Array | None:
    """Return the place of each row's value among few different ones; None where they are many."""
    if column.kind in ("float", "date", "empty"):
        return None
    words = ["" if word is None else word for word in as_text(column).tolist()]
    different, places = np.unique(np.array(words, object), return_inverse=True)
    few = FEWEST_CODES if column.kind == "integer" else 2
    if not few <= len(different) <= min(MOST_CODES, len(words) / FEWEST_EACH):
        return None
    return np.asarray(places).ravel()


def _explained(A: Array, Y: Array, folds: Array) -> float:
    """Return the share of Y's variance that least squares on A explains out of fold."""
    error = 0.0
    for fold in range(FOLDS):
        held = folds == fold
        weights = np.linalg.lstsq(A[~held], Y[~held], rcond=None)[0]
        error += float(((Y[held] - A[held] @ weights) ** 2).sum())
    return 1 - error / (float((Y**2).sum()) or 1.0)


def _explained_by_means(places: Array, Y: Array, folds: Array, smooth: bool = False) -> float:
    """Return the share of Y's variance that the mean of each place explains out of fold.

    Each mean counts half a row of the overall mean, which is 0, beside its own. ``smooth``: half of
    each mean is that of its neighbours, which says as much where places are of a quantity.
    """
    n, error = int(places.max()) + 1, 0.0
    for fold in range(FOLDS):
        held = folds == fold
        counts = np.bincount(places[~held], minlength=n) + 0.5
        for k in range(Y.shape[1]):
            means = np.bincount(places[~held], Y[~held, k], n) / counts
            if smooth:
                padded = np.pad(means, 1, mode="edge")
                means = (padded[:-2] + 2 * means + padded[2:]) / 4
            error += float(((Y[held, k] - means[places[held]]) ** 2).sum())
    return 1 - error / (float((Y**2).sum()) or 1.0)
