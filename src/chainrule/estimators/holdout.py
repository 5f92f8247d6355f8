"""Samples as the network takes them, and the validation samples: held out, or the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(slots=True)
class Samples:
    """X (m, n_0), Y (m, n_L) encoded, weights (m,) or None, and what was given: (X, y, weight)."""

    X: npt.NDArray[Any]
    Y: npt.NDArray[Any]
    weights: npt.NDArray[np.float64] | None
    given: tuple[Any, Any, Any]

    @property
    def weight(self) -> float:
        """The sum of the weights: the number of samples where they have none."""
        return float(len(self.X) if self.weights is None else self.weights.sum())


def own_samples(estimator: Any, eval_set: Any, y_trained: Any) -> Samples:
    """Read the user's own validation samples; an error says that it is about eval_set."""
    if isinstance(eval_set, list) and len(eval_set) == 1:
        eval_set = eval_set[0]
    if not isinstance(eval_set, (tuple, list)) or len(eval_set) not in (2, 3):
        raise ValueError("eval_set must be (X, y) or (X, y, sample_weight)")
    X, y, *weight = eval_set
    try:
        found: Samples = estimator._samples(
            X, y, weight[0] if weight else None, reset=False, learnt_from=y_trained
        )
    except (ValueError, TypeError) as error:
        raise type(error)(f"eval_set: {error}") from None
    return found


def hold_out(estimator: Any, samples: Samples, seed: int) -> tuple[Samples, Samples]:
    """Split samples at random into training and validation, by class where there is one a sample.

    Raises ValueError where ``validation_fraction`` leaves fewer than 2 samples on either side.
    """
    from sklearn.base import is_classifier
    from sklearn.model_selection import train_test_split

    m, share = len(samples.X), estimator.validation_fraction
    count = int(np.ceil(share * m))
    if count < 2 or m - count < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            f"dataset: {share} of {m} samples are {count}"
        )
    classes = None
    if is_classifier(estimator) and np.ndim(samples.given[1]) < 2:
        Y = samples.Y
        found = (Y[:, 0] > 0.5).astype(int) if Y.shape[1] == 1 else np.argmax(Y, axis=1)
        counts = np.bincount(found)
        fewest = counts[counts > 0].min()
        classes = found if fewest >= 2 and count >= len(counts) <= m - count else None
    rows = np.arange(m)
    train, held = train_test_split(
        rows, test_size=count, random_state=seed % 2**32, stratify=classes
    )
    return take(samples, np.sort(train)), take(samples, np.sort(held))


def take(samples: Samples, rows: npt.NDArray[np.int64]) -> Samples:
    """Return some rows of samples."""
    X, y, weight = samples.given
    part = None if samples.weights is None else samples.weights[rows]
    if part is not None and not part.sum() > 0:
        raise ValueError(
            "the weights of all samples on one side of the validation split are 0: give eval_set"
        )
    given = (
        _part(X, rows),
        _part(y, rows),
        None if weight is None else np.asarray(weight)[rows],
    )
    return Samples(samples.X[rows], samples.Y[rows], part, given)


def _part(X: Any, rows: npt.NDArray[np.int64]) -> Any:
    from sklearn.utils import _safe_indexing

    if type(X).__module__.partition(".")[0] == "pyarrow":
        return X.take(rows)
    return _safe_indexing(_indexable(X), rows)


def _indexable(X: Any) -> Any:
    if hasattr(X, "tocsr"):
        return X.tocsr()
    return np.asarray(X) if isinstance(X, (list, tuple)) else X
