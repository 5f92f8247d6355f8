"""Values of one row as Python has them: numbers, truth values, days and words, checked.

Each function returns what the column's encoding starts from, NaN or None for a gap, and raises
TypeError or ValueError that names the column for a value that is none of its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import inf, nan
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from .columns import spell
from .dates import A_DAY, EPOCH, day_of

_NUMBERS: Final = (int, float, np.number, np.bool_, Decimal)
_FIRST_DAY: Final = EPOCH.toordinal()
_MICROSECOND: Final = timedelta(microseconds=1)
TRUTHS: Final[Mapping[Any, float]] = MappingProxyType({True: 1.0, False: 0.0})


def number_of(name: str, value: Any) -> float:
    """Return the number in a column of numbers."""
    if value is None:
        return nan
    if not isinstance(value, _NUMBERS):
        raise TypeError(
            f"column {name!r} holds numbers, and the row has {value!r:.60}: give a number, or None "
            "for a gap"
        )
    try:
        return float(value)
    except OverflowError:
        return inf


def truth_of(name: str, value: Any) -> float:
    """Return 1 or 0 for a value in a column of truth values."""
    if value is None or value != value:
        return nan
    if isinstance(value, _NUMBERS) and value in TRUTHS:
        return float(value)
    raise TypeError(
        f"column {name!r} holds true or false, and the row has {value!r:.60}: give True or False, "
        "or None for a gap"
    )


def day_of_value(name: str, value: Any) -> float:
    """Return the days since 1970-01-01 of a date, a time or a word as ISO 8601 has it."""
    if value is None or value != value:
        return nan
    if hasattr(value, "to_datetime64"):  # pandas has nanoseconds
        value = value.to_datetime64()
    if isinstance(value, np.datetime64):
        unit = np.datetime_data(value.dtype)[0]
        kind = unit if unit in A_DAY else "us"
        return float(value.astype(f"M8[{kind}]").astype(np.int64)) / A_DAY[kind]
    if isinstance(value, datetime):
        time = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        return float((time - EPOCH) // _MICROSECOND) / A_DAY["us"]
    if isinstance(value, date):
        return float(value.toordinal() - _FIRST_DAY)
    try:
        if isinstance(value, str):
            return day_of(value)
    except ValueError:
        pass
    raise TypeError(
        f"column {name!r} holds dates, and the row has {value!r:.60}: give a date, a time, a word "
        "as 2024-12-31, or None for a gap"
    )


def word_of(name: str, value: Any) -> str | None:
    """Return the word in a column of words; a number as a CSV file writes it."""
    if value is None or value != value:
        return None
    if isinstance(value, str):
        return str(value)
    if isinstance(value, _NUMBERS):
        return spell(value)
    raise TypeError(
        f"column {name!r} holds words, and the row has {value!r:.60}: give a word, or None for a "
        "gap"
    )
