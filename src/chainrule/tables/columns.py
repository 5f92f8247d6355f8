"""Columns: a table's columns as NumPy arrays, each a number or text, with missing values marked.

Numbers, decimals, booleans (0 and 1) and dates (days since 1970-01-01) become float64 with NaN
where missing; text and dictionary columns become arrays of str with None where missing. Times
without a date, durations, binary and nested columns are refused: which numbers they should become
is for the user to say. Rows are counted from 1, without the header.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .arrow_values import days_of, floats
from .column_names import require as require
from .dates import day_of, is_date, written
from .row_numbers import RowNumbers

Kind = Literal["integer", "float", "boolean", "date", "text", "empty"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, what it holds, and its values (m,), float64 or object (str, None).

    ``rows``: where they stand in the file, None where they are 1 to m. ``exact`` (m,): whole
    numbers that float64 does not hold, as words; None where it holds all.
    """

    name: str
    kind: Kind
    values: npt.NDArray[Any]
    rows: RowNumbers | None = None
    exact: npt.NDArray[Any] | None = None

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Say for each row whether it has no value. Shape (m,)."""
        if self.kind == "text":
            return np.fromiter((v is None for v in self.values), np.bool_, len(self.values))
        missing: npt.NDArray[np.bool_] = np.isnan(self.values)
        return missing

    def take(self, places: npt.NDArray[Any]) -> Column:
        """Return the column at some places (counted from 0, or a mask); they keep their numbers."""
        exact = None if self.exact is None else self.exact[places]
        return Column(self.name, self.kind, self.values[places], self._rows.take(places), exact)

    def where(self, places: npt.NDArray[np.int64] | int) -> str:
        """Write which rows of the file are at some places, or one, counted from 0."""
        return self._rows.text(np.atleast_1d(np.asarray(places)))

    @property
    def _rows(self) -> RowNumbers:
        return RowNumbers.counted(len(self.values)) if self.rows is None else self.rows


@dataclass(frozen=True, slots=True)
class Columns(Mapping[str, Column]):
    """A table as a mapping of names to columns of equal length m."""

    columns: Mapping[str, Column]
    m: int

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def take(self, rows: npt.NDArray[np.int64]) -> Columns:
        """Return the columns at some rows, counted from 0, in that order."""
        return Columns({n: c.take(rows) for n, c in self.columns.items()}, len(rows))

    def converted(self, words: Iterable[str], numbers: Iterable[str]) -> Columns:
        """Return the columns with some as words and some as numbers; see ``as_numbers``."""
        changed = {n: Column(n, "text", as_text(self[n]), self[n].rows) for n in words if n in self}
        for name in numbers:
            if name in self and self[name].kind == "text":
                changed[name] = Column(name, "float", as_numbers(self[name]), self[name].rows)
        return Columns({**self.columns, **changed}, self.m) if changed else self

    def without(self, names: Iterable[str]) -> Columns:
        """Return the columns but some; raises ValueError for a name that is not there."""
        left_out = [require(self, name) for name in names]
        return Columns({n: c for n, c in self.columns.items() if n not in left_out}, self.m)


def columns(table: Any, drop: Sequence[str] = (), rows: RowNumbers | None = None) -> Columns:
    """Turn a ``pyarrow.Table`` into columns, without those named in ``drop``.

    ``rows``: where its rows stand in the file, None where they are 1 to m.

    Raises ValueError for a column of times without a date, durations, bytes or nested values,
    unless it is dropped.
    """
    for name in drop:
        require(table.column_names, name)
    kept = [name for name in table.column_names if name not in drop]
    read = {name: _column(name, table.column(name)) for name in kept}
    if rows is not None:
        read = {name: replace(column, rows=rows) for name, column in read.items()}
    return Columns(read, table.num_rows)


def _column(name: str, column: Any) -> Column:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        values = _text(column.to_pylist())
        return Column(name, "text", values)
    for test, read in (
        (pa.types.is_null, _empty),
        (pa.types.is_boolean, _boolean),
        (pa.types.is_integer, _integer),
        (pa.types.is_floating, _floating),
        (pa.types.is_decimal, _decimal),
        (pa.types.is_string, _words),
        (pa.types.is_large_string, _words),
        (pa.types.is_string_view, _words),
        (is_date, _date),
    ):
        if test(kind):
            return read(name, column)
    times = pa.types.is_temporal(kind)
    what = "times without a date" if times else f"values of type {kind}"
    raise ValueError(
        f"column {name!r} holds {what}, which are neither numbers nor words nor dates: turn it "
        f"into numbers (such as hours) or leave it out with --drop {name}"
    )


def _empty(name: str, column: Any) -> Column:
    return Column(name, "empty", np.full(len(column), np.nan))


def _boolean(name: str, column: Any) -> Column:
    import pyarrow as pa

    return Column(name, "boolean", floats(column.cast(pa.uint8())))


def _integer(name: str, column: Any) -> Column:
    return Column(name, "integer", floats(column), None, _exact(column))


# Above it float64 does not hold every whole number.
EXACT = 2**53


def _exact(column: Any) -> npt.NDArray[Any] | None:
    """Return whole numbers as words where float64 does not hold one of them, else None."""
    import pyarrow.compute as pc

    if column.type.bit_width < 64 or column.null_count == len(column):
        return None
    ends = pc.min_max(column).as_py()
    return _text(column.to_pylist()) if max(-ends["min"], ends["max"]) > EXACT else None


def _floating(name: str, column: Any) -> Column:
    return Column(name, "float", floats(column))


def _decimal(name: str, column: Any) -> Column:
    values = [np.nan if v is None else float(v) for v in column.to_pylist()]
    return Column(name, "float", np.array(values, np.float64))


def _date(name: str, column: Any) -> Column:
    return Column(name, "date", days_of(column))


def _words(name: str, column: Any) -> Column:
    return Column(name, "text", _text(column.to_pylist()))


def _text(values: Sequence[Any]) -> npt.NDArray[Any]:
    words = np.empty(len(values), object)
    words[:] = spelled(values)
    return words


def spelled(values: Sequence[Any]) -> list[str | None]:
    """Write values as words, None where missing."""
    return [None if v is None else v if isinstance(v, str) else spell(v) for v in values]


def spell(value: Any) -> str:
    """Write a value as a CSV file would: true and false in small letters, whole numbers bare."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def as_text(column: Column) -> npt.NDArray[Any]:
    """Return a column's values as words, None where missing; numbers as a CSV file has them."""
    if column.kind == "text":
        return column.values
    if column.exact is not None:
        return column.exact
    words = np.empty(len(column.values), object)
    words[:] = spelled_as(column.kind, column.values.tolist())
    return words


def spelled_as(kind: str, values: Iterable[Any]) -> list[Any]:
    """Write the values of a column of some kind as words, None where missing."""
    if kind == "text":
        return list(values)
    write = {"boolean": lambda v: spell(bool(v)), "date": written}.get(kind, spell)
    return [None if v != v else write(v) for v in values]


def as_numbers(column: Column) -> npt.NDArray[np.float64]:
    """Return a column's values as float64, NaN where missing.

    Raises ValueError that names column, row and value for a word that is no number, for a date, and
    for infinity.
    """
    values = column.values
    if column.kind in ("text", "date"):
        words = enumerate(as_text(column).tolist())
        values = np.array([_number(column, place, word) for place, word in words])
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        raise ValueError(
            f"column {column.name!r} is infinite in {column.where(infinite)}: "
            "give the true value or leave the field empty"
        )
    return values


def _number(column: Column, place: int, word: str | None) -> float:
    try:
        return np.nan if word is None else float(word)
    except ValueError:
        raise ValueError(
            f"column {column.name!r} holds numbers, but {column.where(place)} has {word!r:.60}: "
            "give a number or leave the field empty"
        ) from None


def as_days(column: Column) -> npt.NDArray[np.float64]:
    """Return a column's dates as days since 1970-01-01, NaN where missing.

    Raises ValueError that names column, row and value for what is no date.
    """
    if column.kind in ("date", "empty"):
        return column.values
    words = enumerate(as_text(column).tolist())
    return np.array([_day(column, place, word) for place, word in words])


def _day(column: Column, place: int, word: str | None) -> float:
    try:
        if word is None:
            return np.nan
        if column.kind == "text":  # a number such as 20241231 is none
            return day_of(word)
    except ValueError:
        pass
    raise ValueError(
        f"column {column.name!r} holds dates, but {column.where(place)} has {word!r:.60}: "
        "write it as 2024-12-31 or leave the field empty"
    )


def as_measures(column: Column) -> npt.NDArray[np.float64]:
    """Return a column's days if it holds dates, otherwise its numbers; see ``as_numbers``."""
    return column.values if column.kind == "date" else as_numbers(column)
