"""Targets: from what a user gives as y to the array (m, n_L) that a cost takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from .costs import Cost


def encode_target(
    y: npt.ArrayLike, n_out: int, cost: Cost, dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[np.floating]:
    """Return y as a C-contiguous array (m, n_out) of ``dtype``, checked for what the cost takes.

    Class labels 0 .. n_out - 1, of shape (m,) or (m, 1), become rows with a 1 at the label where
    the cost takes classes; other targets (m,) become (m, 1). Booleans are 0 and 1.

    Raises ValueError for a wrong shape, and, naming the row, for a value that is not finite, not
    from 0 to 1 (logistic), negative (poisson), no label, or shares that do not add up to 1.
    TypeError for text.

    >>> from chainrule.mathematics.costs import cross_entropy
    >>> encode_target([2, 0], 3, cross_entropy())
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    values = np.asarray(y)
    if values.dtype.kind not in "buif":
        raise TypeError(f"y must hold numbers, not {values.dtype}: turn labels into 0, 1, 2, ...")
    if values.ndim == 1:
        values = values[:, None]
    labels = cost.target == "classes" and values.shape[1:] == (1,) and n_out != 1
    if values.ndim != 2 or (values.shape[1] != n_out and not labels):
        shape = f"(m, {n_out})" + (" or (m,)" if n_out == 1 or cost.target == "classes" else "")
        raise ValueError(f"y must have the shape {shape}, not {np.shape(y)}")
    _refuse(~np.isfinite(values), values, "is not finite")
    if labels:
        return _one_hot(values[:, 0], n_out, dtype)
    with np.errstate(over="ignore"):
        Y = np.ascontiguousarray(values, dtype)
    _refuse(~np.isfinite(Y), values, f"is too large for {np.dtype(dtype).name}")
    _CHECKS[cost.target](Y)
    return Y


def _one_hot(
    labels: npt.NDArray[np.generic], n_out: int, dtype: npt.DTypeLike
) -> npt.NDArray[np.floating]:
    with np.errstate(invalid="ignore"):
        places = labels.astype(np.int64)
    wrong = (places != labels) | (places < 0) | (places >= n_out)
    _refuse(wrong[:, None], labels[:, None], f"is not a label from 0 to {n_out - 1}")
    one_hot: npt.NDArray[np.floating] = np.zeros((len(labels), n_out), dtype)
    one_hot[np.arange(len(labels)), places] = 1
    return one_hot


def _refuse(wrong: npt.NDArray[np.bool_], y: npt.NDArray[np.generic], what: str) -> None:
    if wrong.any():
        row, column = (int(place[0]) for place in np.nonzero(wrong))
        raise ValueError(f"y[{row}, {column}] = {y[row, column]} {what}")


def _probabilities(y: npt.NDArray[np.floating]) -> None:
    _refuse((y < 0) | (y > 1), y, "is not from 0 to 1, as the logistic cost needs")


def _counts(y: npt.NDArray[np.floating]) -> None:
    _refuse(y < 0, y, "is negative, and the Poisson cost takes counts")


def _shares(y: npt.NDArray[np.floating]) -> None:
    _refuse(y < 0, y, "is negative, and shares of classes are not")
    away = np.abs(y.sum(axis=1) - 1)
    if (away > 1e-6).any():
        row = int(np.argmax(away > 1e-6))
        raise ValueError(f"the shares of classes in row {row} of y add up to {y[row].sum()}, not 1")


_CHECKS: Mapping[str, Callable[[npt.NDArray[np.floating]], None]] = {
    "number": lambda y: None,
    "probability": _probabilities,
    "count": _counts,
    "classes": _shares,
}
