"""Samples as the network takes them, and the validation samples: held out, or the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..tables.row_weights import repeats
from ..typing import Rows

Weights = npt.NDArray[np.float64] | None


@dataclass(slots=True)
class Samples:
    """X (m, n_0) and Y (m, n_L) as encoded, weights (m,) or None; ``raw``: (X, y, weight)."""

    X: npt.NDArray[Any]
    Y: npt.NDArray[Any]
    weights: Weights
    raw: tuple[Any, Any, Any]

    @property
    def weight(self) -> float:
        """The sum of the weights: the number of samples where they have none."""
        return float(len(self.X) if self.weights is None else self.weights.sum())


def hold_out(
    samples: Samples, share: float, seed: int, classifies: bool
) -> tuple[Samples, Samples]:
    """Split samples at random into training and validation, by class where there is one a sample.

    Raises ValueError where ``share`` leaves fewer than 2 samples on either side.
    """
    from sklearn.model_selection import train_test_split

    m = len(samples.X)
    count = int(np.ceil(share * m))
    if count < 2 or m - count < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            f"dataset: {share} of {m} samples are {count}"
        )
    strata = None
    if classifies and np.ndim(samples.raw[1]) < 2:
        Y = samples.Y
        classes = (Y[:, 0] > 0.5).astype(int) if Y.shape[1] == 1 else np.argmax(Y, axis=1)
        counts = np.bincount(classes)
        fewest = counts[counts > 0].min()
        strata = classes if fewest >= 2 and count >= len(counts) <= m - count else None
    train, held = train_test_split(
        np.arange(m), test_size=count, random_state=seed % 2**32, stratify=strata
    )
    return take(samples, np.sort(train)), take(samples, np.sort(held))


def take(samples: Samples, rows: Rows) -> Samples:
    """Return some rows of samples. Raises ValueError if the weights of all of them are 0."""
    part = None if samples.weights is None else samples.weights[rows]
    if part is not None and not part.sum() > 0:
        raise ValueError(
            "the weights of all samples on one side of the validation split are 0: give eval_set"
        )
    return Samples(samples.X[rows], samples.Y[rows], part, take_raw(samples.raw, rows))


def take_raw(raw: tuple[Any, Any, Any], rows: Rows) -> tuple[Any, Any, Any]:
    """Return some rows of (X, y, weight) as a user gave them."""
    X, y, weight = raw
    return (
        _rows_of(X, rows),
        _rows_of(y, rows),
        None if weight is None or np.ndim(weight) == 0 else np.asarray(weight)[rows],
    )


def _rows_of(X: Any, rows: Rows) -> Any:
    from sklearn.utils import _safe_indexing

    if type(X).__module__.partition(".")[0] == "pyarrow":
        return X.take(rows)
    if hasattr(X, "tocsr"):
        return X.tocsr()[rows]
    return _safe_indexing(np.asarray(X) if isinstance(X, (list, tuple)) else X, rows)


def repeated(samples: Samples) -> Samples:
    """Return samples with whole weights as so many rows each, and others as they are."""
    rows = repeats(samples.weights)
    if rows is None:
        return samples
    return Samples(samples.X[rows], samples.Y[rows], None, samples.raw)


def distinct(samples: Samples) -> Samples:
    """Return each different sample once, in the order of the first, with the sum of its weights."""
    pairs = np.ascontiguousarray(np.column_stack([samples.X, samples.Y]))
    keys = pairs.view(np.dtype((np.void, pairs.dtype.itemsize * pairs.shape[1])))[:, 0]
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    if len(first) == len(keys):
        return samples
    ones = np.ones(len(keys)) if samples.weights is None else samples.weights
    order = np.argsort(first)
    rows = first[order]
    weights = np.bincount(place, ones, len(first)).astype(np.float64)[order]
    return Samples(samples.X[rows], samples.Y[rows], weights, samples.raw)
