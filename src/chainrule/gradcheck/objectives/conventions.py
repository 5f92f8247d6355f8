"""How each boosting library calls an objective, and in which order it reads what comes back."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...mathematics.names import unknown
from ...typing import Array

# (scores (n, k), weight (n,) or None) -> (grad, hess), both (n, k).
Objective = Callable[[Array, Array | None], tuple[Array, Array]]


@dataclass(frozen=True, slots=True)
class Convention:
    """A library's own way: the order of a flat result, the float of its scores.

    ``order``: "F" for all rows of the first class first, "C" for all classes of the first row.
    """

    name: str
    order: str
    scores: str
    example: str


CONVENTIONS = {
    "lightgbm": Convention("lightgbm", "F", "float64", "(n, k), or flat with classes outermost"),
    "xgboost": Convention("xgboost", "C", "float32", "(n, k)"),
    "catboost": Convention("catboost", "C", "float64", "a (der1, der2) for each row"),
}
TARGETS = ("y_true", "y", "label", "labels", "target", "targets", "yt", "y_obs", "truth")


class TrainingData:
    """Stands in for ``lightgbm.Dataset`` and ``xgboost.DMatrix``: labels, weights, sizes."""

    def __init__(self, y: Array, weight: Array | None) -> None:
        self.label, self.weight = y, weight

    def get_label(self) -> Array:
        """Return the labels."""
        return self.label

    def get_weight(self) -> Any:
        """Return the weights; None, or an empty array as in xgboost, where there are none."""
        return self.weight

    def num_data(self) -> int:
        """Return the number of rows."""
        return len(self.label)

    num_row = num_data

    def get_group(self) -> None:
        """Return None: there are no groups."""
        return


def convention_of(name: str) -> Convention:
    """Return a convention by its name; raises ValueError for an unknown one."""
    if name not in CONVENTIONS:
        raise unknown("convention", str(name), CONVENTIONS)
    return CONVENTIONS[name]


def objective_of(fobj: Any, y: Array, classes: int, convention: Convention) -> Objective:
    """Return an objective as a function of scores (n, k) and weights alone, not yet unordered.

    Raises TypeError for what cannot be called, with the way it should be written.
    """
    if convention.name == "catboost":
        return _catboost(fobj, y, classes)
    if not callable(fobj):
        raise TypeError(f"fobj must be a function, not {type(fobj).__name__}")
    try:
        parameters = list(inspect.signature(fobj).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters]
    by_arrays = bool(names) and names[0].lower() in TARGETS

    def call(raw: Array, weight: Array | None) -> tuple[Array, Array]:
        scores = raw if classes > 1 else raw[:, 0]
        if not by_arrays:
            result = fobj(scores.copy(), TrainingData(y.copy(), _weights(weight, convention)))
        elif weight is None or len(names) < 3:
            result = fobj(y.copy(), scores.copy())
        elif "sample_weight" in names:
            result = fobj(y.copy(), scores.copy(), sample_weight=weight.copy())
        else:
            result = fobj(y.copy(), scores.copy(), weight.copy())
        return _pair(result)

    return call


def _weights(weight: Array | None, convention: Convention) -> Array | None:
    if weight is not None:
        return weight.copy()
    return np.empty(0, np.float32) if convention.name == "xgboost" else None


def _pair(result: Any) -> tuple[Array, Array]:
    if result is None:
        raise TypeError("the objective returned nothing: it must return grad and hess")
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise TypeError(
            f"the objective must return two arrays, grad and hess, not {type(result).__name__}"
            + (f" of {len(result)}" if isinstance(result, (tuple, list)) else "")
        )
    grad, hess = (np.asarray(a) for a in result)
    for word, a in (("grad", grad), ("hess", hess)):
        if a.dtype.kind not in "biuf":
            raise TypeError(f"{word} must be real numbers, not {a.dtype}")
    return grad, hess


def _catboost(fobj: Any, y: Array, classes: int) -> Objective:
    """CatBoost maximises: der1 and der2 are those of the loss with the sign turned."""
    method = "calc_ders_multi" if classes > 1 else "calc_ders_range"
    if not hasattr(fobj, method):
        raise TypeError(f"for catboost fobj must be an object with the method {method}")

    def call(raw: Array, weight: Array | None) -> tuple[Array, Array]:
        if classes == 1:
            w = None if weight is None else weight.tolist()
            ders = np.asarray(fobj.calc_ders_range(raw[:, 0].tolist(), y.tolist(), w), np.float64)
            if ders.shape != (len(y), 2):
                raise ValueError(
                    f"calc_ders_range returned the shape {ders.shape}: a pair (der1, der2) for "
                    f"each of {len(y)} rows is needed"
                )
            return -ders[:, 0], -ders[:, 1]
        grad, hess = np.empty(raw.shape), np.empty(raw.shape)
        for i, row in enumerate(raw):
            w_i = 1.0 if weight is None else float(weight[i])
            der1, der2 = fobj.calc_ders_multi(row.tolist(), float(y[i]), w_i)
            grad[i] = -np.asarray(der1)
            hess[i] = -np.diagonal(np.asarray(der2)) if np.ndim(der2) == 2 else -np.asarray(der2)
        return grad, hess

    return call


def unordered(a: Array, rows: int, classes: int, order: str, word: str) -> Array:
    """Return a result as (n, k); a flat one is read in the given order.

    Raises ValueError for a wrong number of entries.
    """
    if a.size != rows * classes:
        more = "one for each row" if classes == 1 else f"{rows} rows times {classes} classes"
        hint = ": return one number a row, not their sum or mean" if a.size == 1 else ""
        raise ValueError(f"{word} has {a.size} entries, and {more} are needed ({rows}){hint}")
    if a.ndim == 2 and a.shape == (classes, rows) and rows != classes:
        raise ValueError(f"{word} has the shape {a.shape}: rows come first, so return {word}.T")
    if a.ndim >= 2 or classes == 1:
        return a.reshape(rows, classes)
    kind: Any = order
    return a.reshape((rows, classes), order=kind)
