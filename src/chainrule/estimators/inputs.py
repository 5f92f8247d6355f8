"""Inputs: from what a user gives as X to a matrix of numbers, or to named columns.

Arrays and all-numeric frames without gaps are read by scikit-learn's own validation. Any other
DataFrame (pandas, polars, Arrow) is read column by column through the Arrow PyCapsule interface.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    check_array,
    validate_data,
)

from ..tables.columns import Column, Columns, as_text, columns
from ..typing import Floats
from .frames import arrow, is_arrow, is_frame, refuse_strange

Inputs = Columns | Floats
FLOATS = [np.float64, np.float32]
SPARSE = ("csr", "csc", "coo", "bsr")


def wants_columns(X: Any, categorical: Any) -> bool:
    """Return whether X is to be read column by column: it has words, truth values, or gaps."""
    refuse_strange(X)
    if categorical is not None and not isinstance(categorical, str):
        return bool(np.size(np.asarray(categorical, object)))
    if isinstance(categorical, str) and categorical != "from_dtype":
        raise ValueError(
            "categorical_features must be 'from_dtype', None, or the categorical columns' names, "
            f"numbers or a mask of them, not {categorical!r}"
        )
    if categorical is None or not is_frame(X):
        return False
    table = arrow(X)
    return any(not _plain(table.column(i)) for i in range(table.num_columns))


def _plain(column: Any) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return False
    gaps = column.null_count or (pa.types.is_floating(kind) and pc.any(pc.is_nan(column)).as_py())
    return not gaps


def read_matrix(estimator: Any, X: Any, reset: bool, dtype: Any = FLOATS) -> Floats:
    """Read numbers: a dense array of one of some dtypes, checked as scikit-learn does.

    Raises ValueError, with row and column, for NaN and infinity.
    """
    refuse_strange(X)
    numbers: dict[str, Any] = {"dtype": dtype}
    try:
        if is_arrow(X):
            _check_names(estimator, X.column_names, reset)
            dense = np.column_stack([column.to_numpy() for column in X.columns])
            dense = check_array(dense, estimator=estimator, **numbers)
            if reset:
                estimator.n_features_in_ = dense.shape[1]
        else:
            dense = validate_data(
                estimator, X, accept_sparse=SPARSE, reset=reset, order="C", **numbers
            )
    except ValueError as error:
        raise ValueError(f"{error}{_place(X, str(error))}") from None
    return np.ascontiguousarray(dense.toarray() if hasattr(dense, "toarray") else dense)


def _place(X: Any, message: str) -> str:
    """Return a sentence that says where the first number is that is not finite."""
    if "contains NaN" not in message and "contains infinity" not in message:
        return ""
    if hasattr(X, "tocoo"):
        X = X.tocoo()
        wrong = np.flatnonzero(~np.isfinite(X.data))
        place = X.row[wrong[0]], X.col[wrong[0]]
    else:
        numbers = np.asarray(arrow(X) if is_arrow(X) else X, np.float64)
        place = tuple(index[0] for index in np.nonzero(~np.isfinite(numbers)))
    return f"\nThe first is in row {place[0] + 1}, column {place[1] + 1} of X."


def _check_names(estimator: Any, names: Sequence[str], reset: bool) -> None:
    """Learn an Arrow table's names, or compare them, as scikit-learn does for other frames."""
    if reset:
        estimator.feature_names_in_ = np.array(names, object)
        return
    fitted = getattr(estimator, "feature_names_in_", None)
    if fitted is None or list(names) == list(fitted):
        return
    message = "The feature names should match those that were passed during fit.\n"
    for words, strange in (
        ("Feature names unseen at fit time:", sorted(set(names) - set(fitted))),
        ("Feature names seen at fit time, yet now missing:", sorted(set(fitted) - set(names))),
    ):
        if strange:
            message += "\n".join([words, *(f"- {name}" for name in strange[:5]), ""])
    if set(names) == set(fitted):
        message += "Feature names must be in the same order as they were in fit.\n"
    raise ValueError(message)


def read_columns(estimator: Any, X: Any, names: Sequence[str] | None) -> Columns:
    """Read a table's columns by name, or those of an array; check their names.

    ``names``: those of the columns in training, None in training itself, where an array's columns
    are called x0, x1, ...
    """
    refuse_strange(X)
    reset = names is None
    if is_frame(X):
        table = arrow(X)
        if is_arrow(X):
            _check_names(estimator, table.column_names, reset)
        else:
            _check_feature_names(estimator, X, reset=reset)
        if reset:
            estimator.n_features_in_ = table.num_columns
        rows = _columns_of(table)
    else:
        _check_feature_names(estimator, X, reset=reset)
        array = np.asarray(X)
        if array.ndim != 2:
            raise ValueError(f"Expected 2D array, got {array.ndim}D array instead")
        _check_n_features(estimator, array, reset=reset)
        if names is None:
            names = [f"x{j}" for j in range(array.shape[1])]
        rows = Columns({n: _of_array(n, array[:, j]) for j, n in enumerate(names)}, len(array))
    if rows.m < 1:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    return rows


def as_categories(rows: Columns, categorical: Any) -> Columns:
    """Return the columns with those that the user calls categorical as words."""
    words = _chosen(categorical, list(rows))
    return Columns(
        {n: Column(n, "text", as_text(c)) if n in words else c for n, c in rows.items()}, rows.m
    )


def _columns_of(table: Any) -> Columns:
    if len(set(table.column_names)) < table.num_columns:
        name = next(n for n in table.column_names if table.column_names.count(n) > 1)
        raise ValueError(f"X has two columns named {name!r}: give each column a name of its own")
    try:
        return columns(table)
    except ValueError as error:
        # The command line's way of leaving a column out is not the caller's.
        raise ValueError(str(error).partition(" with --drop")[0]) from None


def _of_array(name: str, values: npt.NDArray[Any]) -> Column:
    if values.dtype.kind in "biuf":
        return Column(name, "float", values.astype(np.float64))
    words = np.empty(len(values), object)
    words[:] = [None if v is None or v != v else str(v) for v in values.tolist()]
    try:
        numbers = np.array([np.nan if v is None else float(v) for v in words.tolist()])
    except ValueError:
        return Column(name, "text", words)
    return Column(name, "float", numbers)


def _chosen(categorical: Any, names: Sequence[str]) -> set[str]:
    """Return the names of the columns that the user calls categorical."""
    if categorical is None or isinstance(categorical, str):
        return set()
    chosen = np.asarray(categorical)
    if chosen.dtype == bool:
        if chosen.shape != (len(names),):
            raise ValueError(
                f"categorical_features is a mask of shape {chosen.shape}, and X has {len(names)} "
                "columns"
            )
        return {name for name, yes in zip(names, chosen.tolist(), strict=True) if yes}
    return {_name_of(item, names) for item in np.ravel(chosen).tolist()}


def _name_of(item: Any, names: Sequence[str]) -> str:
    if isinstance(item, int) and 0 <= item < len(names):
        return names[item]
    if isinstance(item, str) and item in names:
        return item
    raise ValueError(
        f"categorical_features names {item!r}, which is no column of X "
        f"(columns: {', '.join(list(names)[:20])})"
    )
