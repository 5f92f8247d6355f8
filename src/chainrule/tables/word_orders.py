"""Words with an order, such as low, mid and high: columns of them become numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from .column_names import require
from .columns import Column, Columns, as_text

Orders = Mapping[str, tuple[str, ...]]


def orders_of(options: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Read orders as the command line has them.

    Raises ValueError for what is no column with two or more different words.

    >>> orders_of(["size=S,M,L"])
    {'size': ('S', 'M', 'L')}
    """
    orders = {}
    for option in options:
        name, equals, listed = option.rpartition("=")
        words = tuple(word.strip() for word in listed.split(","))
        if not equals or len(words) < 2 or len(set(words)) < len(words) or "" in words:
            raise ValueError(
                f"--order {option!r} must be a column and its words, as size=small,medium,large"
            )
        orders[name] = words
    return orders


def with_orders(rows: Columns, orders: Orders) -> Columns:
    """Return columns in which ordered words are numbers from 1 on.

    Raises ValueError for a column that is not there, and for a word that an order does not name.
    """
    changed = {}
    for name, words in orders.items():
        column = rows[require(rows, name)]
        places: dict[str | None, float] = {word: i for i, word in enumerate(words, 1)}
        places[None] = np.nan
        text = as_text(column).tolist()
        unknown = [place for place, word in enumerate(text) if word not in places]
        if unknown:
            raise ValueError(
                f"column {name!r} is {text[unknown[0]]!r} in {column.where(unknown[0])}, which "
                f"its --order does not name ({', '.join(words)})"
            )
        numbers = np.array([places[word] for word in text], np.float64)
        changed[name] = Column(name, "integer", numbers, column.rows)
    return Columns({**rows.columns, **changed}, rows.m)
