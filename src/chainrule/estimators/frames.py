"""Frames: pandas, polars and Arrow tables as one Arrow table, and one sentence for what is none."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tables.columns import spell


def is_frame(X: Any) -> bool:
    """Return whether X is a table with named columns."""
    return hasattr(X, "__arrow_c_stream__") or (hasattr(X, "columns") and hasattr(X, "dtypes"))


def is_arrow(X: Any) -> bool:
    """Return whether X is a table of pyarrow."""
    return _library(X) == "pyarrow" and hasattr(X, "column_names")


def _library(X: Any) -> str:
    return type(X).__module__.partition(".")[0]


def refuse_strange(X: Any) -> None:
    """Raise ValueError, in one sentence, for what is no table of numbers or words."""
    if hasattr(X, "collect") and hasattr(X, "collect_schema"):
        raise ValueError("X is a lazy frame, which has no rows yet: give X.collect()")
    kind = type(X).__name__
    if kind in ("Series", "ChunkedArray") or (_library(X) == "pyarrow" and kind.endswith("Array")):
        raise ValueError(
            f"Expected 2D array, got 1D array instead: X is a {kind}. Reshape your data: one "
            "column is a frame with one column, one row a frame with one row"
        )
    if is_frame(X):
        shape = getattr(X, "shape", (1, 1))
        if shape[1] == 0:
            raise ValueError(
                f"Found array with 0 feature(s) (shape={tuple(shape)}) while a minimum of 1 is "
                "required."
            )
        return
    dtype = getattr(X, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "mM":
        raise ValueError(
            f"X is an array of {dtype}: give dates as columns of a DataFrame, where they are "
            "encoded, or turn them into numbers"
        )


def arrow(X: Any) -> Any:
    """Return a table as ``pyarrow.Table``; raises ImportError naming the extra without pyarrow.

    Of pandas, the names become text, sparse columns dense, and a column of mixed objects numbers
    where all are, and else words. Raises ValueError for words that are no valid Unicode.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise ImportError("DataFrames need pyarrow: pip install 'chainrule[sklearn]'") from None
    if isinstance(X, pa.Table):
        return X
    if _library(X) != "pandas":
        return pa.table(X)
    names = [name if isinstance(name, str) else str(name) for name in X.columns]
    return pa.table([_column(X.iloc[:, j], name) for j, name in enumerate(names)], names=names)


def _column(series: Any, name: str) -> Any:
    import pyarrow as pa

    if hasattr(series, "sparse"):
        series = series.sparse.to_dense()
    try:
        return pa.array(series, from_pandas=True)
    except UnicodeEncodeError:
        row = next(i for i, word in enumerate(series, 1) if not _is_unicode(word))
        raise ValueError(
            f"column {name!r} has a word in row {row} that is no valid Unicode (a lone surrogate)"
        ) from None
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return _of_objects(series, name)


def _of_objects(series: Any, name: str) -> Any:
    """Return a column of different types as floats, if all are numbers, or else as words."""
    import pyarrow as pa

    gaps = series.isna().to_numpy()
    values = [None if gap else value for value, gap in zip(series, gaps, strict=True)]
    present = [value for value in values if value is not None]
    if all(isinstance(value, (int, float, np.number)) for value in present):
        try:
            return pa.array([None if v is None else float(v) for v in values], pa.float64())
        except OverflowError:
            raise ValueError(f"column {name!r} has a number beyond those of float64") from None
    if all(isinstance(value, (str, int, float, np.generic)) for value in present):
        return pa.array([None if v is None else spell(v) for v in values], pa.string())
    strange = next(v for v in present if not isinstance(v, (str, int, float, np.generic)))
    raise ValueError(
        f"column {name!r} holds {type(strange).__name__} beside other values: give numbers, words "
        "or dates"
    )


def _is_unicode(word: Any) -> bool:
    try:
        str(word).encode()
    except UnicodeEncodeError:
        return False
    return True
