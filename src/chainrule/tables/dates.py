"""Dates: days since 1970-01-01, and where a day lies in the year, in the week and in its day.

A date or a time of a date becomes one standardised number, its days, and two for each cycle that
the rows trained on go through: sin and cos of 2π days / length. Without a time zone the time is
taken as it is, with one as UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from ..typing import Array

# Lengths in days; a year is that of the Gregorian calendar on average.
CYCLES: Final[Mapping[str, float]] = MappingProxyType({"year": 365.2425, "week": 7.0, "day": 1.0})

EPOCH: Final = datetime(1970, 1, 1)
A_DAY: Final = {"s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}
# Phases nearer than this are one: about a second of a week.
_SAME: Final = 1e-6


def is_date(kind: Any) -> bool:
    """Say whether an Arrow type is of dates, with or without a time."""
    import pyarrow as pa

    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def counted(column: Any) -> tuple[Any, int]:
    """Return a column of an Arrow type of dates as whole numbers, and how many make a day."""
    import pyarrow as pa

    if pa.types.is_date32(column.type):
        return column.cast(pa.int32()), 1
    unit = "ms" if pa.types.is_date64(column.type) else column.type.unit
    return column.cast(pa.int64()), A_DAY[unit]


def day_of(word: str) -> float:
    """Return the days of a date written as ISO 8601 has it; raises ValueError for other words.

    >>> day_of("1970-01-03"), day_of("1970-01-02 06:00"), day_of("1970-01-02T06:00+06:00")
    (2.0, 1.25, 1.0)
    """
    time = datetime.fromisoformat(word.strip())
    if time.tzinfo is not None:
        time = time.astimezone(UTC).replace(tzinfo=None)
    return (time - EPOCH) / timedelta(days=1)


def written(day: float) -> str:
    """Write a day as ISO 8601 has it, to the second.

    >>> written(2.0), written(1.25), written(1e9)
    ('1970-01-03', '1970-01-02 06:00:00', '1e+09 days after 1970-01-01')
    """
    try:
        time = EPOCH + timedelta(seconds=round(day * 86_400))
    except OverflowError:
        return f"{day:g} days after 1970-01-01"
    return str(date(time.year, time.month, time.day)) if day.is_integer() else str(time)


def phases(days: Array) -> dict[str, tuple[float, float]]:
    """Return the least and the greatest place in each cycle, from 0 to 1."""
    extremes = {}
    for name, length in CYCLES.items():
        at = _phase(days, length)
        extremes[name] = (float(at.min()), float(at.max()))
    return extremes


def cycles_of(low: float, high: float, places: Mapping[str, tuple[float, float]]) -> list[str]:
    """Return the cycles that days from ``low`` to ``high`` go through, at more than one place."""
    return [
        name
        for name, length in CYCLES.items()
        if high - low >= length and places[name][1] - places[name][0] > _SAME
    ]


def circles(days: Array, lengths: Sequence[float]) -> Array:
    """Return sin and cos of each cycle's phase, (m, 2 len(lengths)); 0 where a date is missing."""
    turns = [2 * np.pi * _phase(days, length) for length in lengths]
    parts = [f(turn) for turn in turns for f in (np.sin, np.cos)]
    return np.nan_to_num(np.column_stack(parts)) if parts else np.empty((len(days), 0))


def slopes(sin_cos: Array, lengths: Sequence[float]) -> Array:
    """Return the derivatives of ``circles`` by the day, from what it returned."""
    speeds = 2 * np.pi / np.asarray(lengths)
    derivatives = np.empty_like(sin_cos)
    derivatives[:, ::2] = speeds * sin_cos[:, 1::2]
    derivatives[:, 1::2] = -speeds * sin_cos[:, ::2]
    return derivatives


def names_of(name: str, cycles: Sequence[str]) -> list[str]:
    """Return the name of each number that a date becomes.

    >>> names_of("when", ["week"])
    ['when (days)', 'when (week, sin)', 'when (week, cos)']
    """
    return [
        f"{name} (days)",
        *(f"{name} ({cycle}, {f})" for cycle in cycles for f in ("sin", "cos")),
    ]


def description(name: str, cycles: Sequence[str]) -> str:
    """Describe what becomes of a column of dates.

    >>> description("when", ["year", "week"])
    "column 'when' holds dates: it becomes days, and places in the year and the week"
    """
    places = f", and places in the {' and the '.join(cycles)}" if cycles else ""
    return f"column {name!r} holds dates: it becomes days{places}"


def _phase(days: Array, length: float) -> Array:
    turns = days / length
    return np.asarray(turns - np.floor(turns))
