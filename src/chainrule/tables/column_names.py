"""Names of columns and numbers of rows, as messages have them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from ..mathematics.names import nearest


def require(names: Iterable[str], name: str, where: str = "the table") -> str:
    """Return ``name`` if it is among ``names``, else raise ValueError with the nearest one.

    >>> require(["age", "price"], "prize")
    Traceback (most recent call last):
    ValueError: the table has no column 'prize', did you mean 'price'? (columns: age, price)
    """
    names = list(names)
    if name in names:
        return name
    near = nearest(name, names)
    hint = f", did you mean {near!r}?" if near else ""
    listed = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    raise ValueError(f"{where} has no column {name!r}{hint} (columns: {listed})")


def rows_text(places: npt.NDArray[np.int64]) -> str:
    """Write which rows, counted from 1, are meant by places counted from 0.

    >>> rows_text(np.array([3, 6]))
    'rows 4 and 7'
    """
    rows = [str(place + 1) for place in places[:5].tolist()]
    if len(places) == 1:
        return f"row {rows[0]}"
    if len(places) > 5:
        return f"{len(places)} rows ({', '.join(rows)}, ...)"
    return f"rows {', '.join(rows[:-1])} and {rows[-1]}"
