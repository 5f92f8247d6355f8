"""Names of columns, as messages have them."""

from __future__ import annotations

from collections.abc import Iterable

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
