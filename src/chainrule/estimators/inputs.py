"""Inputs: from what a user gives as X to the matrix (m, n_0) that the network takes.

Arrays and all-numeric frames without gaps are read by scikit-learn's own validation. Any other
DataFrame (pandas, polars, Arrow) is read column by column through the Arrow PyCapsule interface and
encoded by ``tables.encoder``: numbers standardised, gaps filled and marked, words one-hot.
"""

from __future__ import annotations

import warnings
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
from ..tables.encoder import Encoder
from ..tables.features import Feature, fit_feature

Floats = npt.NDArray[np.floating[Any]]
SPARSE = ("csr", "csc", "coo", "bsr")


def is_frame(X: Any) -> bool:
    """Say whether X is a table with named columns."""
    return hasattr(X, "__arrow_c_stream__") or (hasattr(X, "columns") and hasattr(X, "dtypes"))


def wants_columns(X: Any, categorical: Any) -> bool:
    """Say whether X is to be read column by column: it has words, truth values, or gaps."""
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


def arrow(X: Any) -> Any:
    """Return a table as ``pyarrow.Table``; raises ImportError naming the extra without pyarrow."""
    try:
        import pyarrow as pa
    except ImportError:
        raise ImportError("DataFrames need pyarrow: pip install 'chainrule[sklearn]'") from None
    if isinstance(X, pa.Table):
        return X
    if type(X).__module__.partition(".")[0] == "pandas":
        return pa.Table.from_pandas(X.set_axis(X.columns.astype(str), axis=1), preserve_index=False)
    return pa.table(X)


def read_matrix(estimator: Any, X: Any, reset: bool, dtype: Any) -> Floats:
    """Read numbers: a dense array of float32 or float64, checked as scikit-learn does."""
    if _is_arrow(X):
        _check_names(estimator, X.column_names, reset)
        X = np.column_stack([column.to_numpy() for column in X.columns])
        estimator.n_features_in_ = X.shape[1]
        return np.ascontiguousarray(check_array(X, dtype=dtype, estimator=estimator))
    found = validate_data(estimator, X, accept_sparse=SPARSE, dtype=dtype, reset=reset, order="C")
    return np.ascontiguousarray(found.toarray() if hasattr(found, "toarray") else found)


def _is_arrow(X: Any) -> bool:
    return type(X).__module__.partition(".")[0] == "pyarrow" and hasattr(X, "column_names")


def _check_names(estimator: Any, names: Sequence[str], reset: bool) -> None:
    """Learn an Arrow table's names, or compare them, as scikit-learn does for other frames."""
    if reset:
        estimator.feature_names_in_ = np.array(names, object)
        return
    known = list(getattr(estimator, "feature_names_in_", names))
    if list(names) == known:
        return
    told = "The feature names should match those that were passed during fit.\n"
    for what, found in (
        ("Feature names unseen at fit time:", sorted(set(names) - set(known))),
        ("Feature names seen at fit time, yet now missing:", sorted(set(known) - set(names))),
    ):
        if found:
            told += "\n".join([what, *(f"- {name}" for name in found[:5]), ""])
    if set(names) == set(known):
        told += "Feature names must be in the same order as they were in fit.\n"
    raise ValueError(told)


def read_columns(estimator: Any, X: Any, categorical: Any, reset: bool) -> Columns:
    """Read a table's columns by name, or those of an array as x0, x1, ...; check their names."""
    if is_frame(X):
        table = arrow(X)
        if _is_arrow(X):
            _check_names(estimator, table.column_names, reset)
        else:
            _check_feature_names(estimator, X, reset=reset)
        if reset:
            estimator.n_features_in_ = table.num_columns
        found = _columns_of(table)
    else:
        _check_feature_names(estimator, X, reset=reset)
        array = np.asarray(X)
        if array.ndim != 2:
            raise ValueError(f"Expected 2D array, got {array.ndim}D array instead")
        _check_n_features(estimator, array, reset=reset)
        names = getattr(estimator, "feature_names_in_", [f"x{j}" for j in range(array.shape[1])])
        found = Columns(
            {str(n): _of_array(str(n), array[:, j]) for j, n in enumerate(names)}, len(array)
        )
    if found.m < 1:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    words = _chosen(categorical, list(found))
    return Columns(
        {n: Column(n, "text", as_text(c)) if n in words else c for n, c in found.items()}, found.m
    )


def _columns_of(table: Any) -> Columns:
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
    given = np.asarray(categorical)
    if given.dtype == bool:
        if given.shape != (len(names),):
            raise ValueError(
                f"categorical_features is a mask of shape {given.shape}, and X has {len(names)} "
                "columns"
            )
        return {name for name, chosen in zip(names, given.tolist(), strict=True) if chosen}
    found = set()
    for item in np.ravel(given).tolist():
        if isinstance(item, int) and 0 <= item < len(names):
            found.add(names[item])
        elif isinstance(item, str) and item in names:
            found.add(item)
        else:
            raise ValueError(
                f"categorical_features names {item!r}, which is no column of X "
                f"(columns: {', '.join(list(names)[:20])})"
            )
    return found


def fit_columns(found: Columns, standardize: bool) -> Encoder:
    """Work out how to encode a table's columns. Raises ValueError for an empty or infinite one."""
    from dataclasses import replace

    features: list[Feature] = []
    for column in found.values():
        if column.missing.all():
            raise ValueError(f"column {column.name!r} of X has no value in any row: leave it out")
        feature, notes = fit_feature(column)
        if feature is None or len(feature.words) >= 100:
            for note in notes:
                warnings.warn(note, UserWarning, stacklevel=4)
        if feature is not None:
            if feature.kind == "number" and not standardize:
                feature = replace(feature, mean=0.0, scale=1.0)
            features.append(feature)
    if not features:
        raise ValueError("no column of X says anything: each word is in one row only")
    kept = {feature.name for feature in features}
    return Encoder(tuple(features), tuple(n for n in found if n not in kept))


def fit_matrix(X: Floats, names: Sequence[str], weights: npt.NDArray[np.float64] | None) -> Encoder:
    """Return the encoder that standardises each column, by sample weights where there are any."""
    means, scales = weighted_moments(X, weights)
    return Encoder(
        tuple(
            Feature(str(name), "number", float(mean), float(scale))
            for name, mean, scale in zip(names, means, scales, strict=True)
        )
    )


def weighted_moments(
    X: Floats, weights: npt.NDArray[np.float64] | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of each column (n,); 0 for a column without a spread.

    Columns are divided by their largest value first, so that no square overflows.
    """
    top = np.abs(X).max(axis=0).astype(np.float64)
    top[top == 0] = 1.0
    unit = X / top
    shares = np.full(len(X), 1 / len(X)) if weights is None else weights / weights.sum()
    mean = shares @ unit
    deviation = np.sqrt(shares @ (unit - mean) ** 2)
    # A column of equal numbers has a deviation of rounding errors only.
    deviation[deviation <= 1e-14] = 0.0
    return mean * top, deviation * top


def encode_matrix(X: Floats, encoder: Encoder, dtype: Any) -> Floats:
    """Standardise an array as ``encoder`` does its columns: (x - mean) / scale, 0 where constant.

    Raises ValueError for a number too far from those trained on to compute with.
    """
    means = np.array([feature.mean for feature in encoder.features])
    scales = np.array([feature.scale for feature in encoder.features])
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        found = (X * 0.5 - means * 0.5) / scales * 2.0
        found[:, scales == 0] = 0.0
        out = np.ascontiguousarray(found, dtype)
    if not np.isfinite(out).all():
        row, column = (int(place[0]) for place in np.nonzero(~np.isfinite(out)))
        raise ValueError(
            f"X[{row}, {column}] = {X[row, column]:g} is too far from the values trained on to "
            "compute with: is it right?"
        )
    return out
