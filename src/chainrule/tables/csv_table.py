"""Reading CSV: by pyarrow, and then column by column what people mean by their words.

pyarrow reads the columns of plain numbers, truth values and dates. What it takes for words goes
through ``cells``, and so do digits that a number type would change: codes with leading zeros, and
whole numbers with more digits than float64 holds.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .cells import Hints, Reading, quoted, read_cells, shown
from .csv_dialect import Dialect, decoded, dialect_of
from .row_numbers import RowNumbers

MISSING = (
    "",
    "NA",
    "N/A",
    "n/a",
    "#N/A",
    "<NA>",
    "NaN",
    "nan",
    "-NaN",
    "-nan",
    "NaT",
    "NULL",
    "Null",
    "null",
    "None",
    "?",
)
_UNNAMED = "\N{SYMBOL FOR NULL}"
# Bytes of a file that is read as one block.
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a file, where the file does not say it.

    ``kinds``: for columns by name, ``"text"``, ``"number"`` or ``"date"``. ``styles``: in which
    they were written where the model was trained. ``missing``: further words for no value.
    ``encoding``: of a CSV file; None is UTF-8.
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    styles: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    encoding: str | None = None


@dataclass(slots=True)
class Read:
    """A table as it was read.

    ``notes`` are for the user, ``styles`` those in which columns are written, and ``rows`` say
    where the rows stand in the file, None where they are 1 to m.
    """

    table: Any
    notes: list[str] = field(default_factory=list)
    styles: dict[str, str] = field(default_factory=dict)
    rows: RowNumbers | None = None


def read_csv(name: str, data: bytes, options: ReadOptions) -> Read:
    """Read the bytes of a CSV file; ``name``: the file's, for messages."""
    data = decoded(name, data, options.encoding)
    dialect = dialect_of(name, data)
    check_different(name, [one for one in dialect.names if one])
    names, left_out = _unique(dialect.names)
    if left_out:
        places = ", ".join(str(names.index(one) + 1) for one in left_out)
        dialect.notes.append(f"column {places} of {name} has no name: it is left out")
    table = _arrow_table(name, dialect, names, options, frozenset())
    doubtful = _doubtful(dialect, table, options)
    if doubtful:
        table = _arrow_table(name, dialect, names, options, doubtful)
    lines = dialect.lines(table.num_rows)
    rows = None if lines is None else RowNumbers(np.arange(1, table.num_rows + 1), lines)
    read = Read(table.drop_columns(left_out), dialect.notes, rows=rows)
    for column in read.table.column_names:
        _interpret(read, column, options, dialect.comma, doubtful)
    return read


def check_different(name: str, names: Sequence[str]) -> None:
    """Refuse a table with two columns of one name."""
    twice = [one for one, count in Counter(names).items() if count > 1]
    if twice:
        listed = ", ".join(map(repr, twice))
        raise ValueError(f"{name} has more than one column named {listed}: rename all but one")


def _unique(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return names without empty ones, and those that stand for them."""
    unique = [name or f"{_UNNAMED}{place}" for place, name in enumerate(names)]
    return unique, [name for name in unique if name.startswith(_UNNAMED)]


def _arrow_table(
    name: str, dialect: Dialect, names: Sequence[str], options: ReadOptions, words: frozenset[str]
) -> Any:
    """Read by pyarrow; ``words``: columns that are read as words, whatever they look like."""
    import pyarrow as pa
    from pyarrow import csv as pacsv

    text = {*words, *(one for one, kind in options.kinds.items() if kind == "text")}
    convert = pacsv.ConvertOptions(
        null_values=[*MISSING, *options.missing],
        strings_can_be_null=True,
        column_types={one: pa.string() for one in text},
        decimal_point="," if dialect.comma else ".",
    )
    parse = pacsv.ParseOptions(delimiter=dialect.separator, newlines_in_values=b'"' in dialect.body)

    def read(block: int) -> Any:
        options = pacsv.ReadOptions(
            block_size=block, use_threads=len(dialect.body) > block, column_names=list(names)
        )
        return pacsv.read_csv(pa.BufferReader(dialect.body), options, parse, convert)

    if not dialect.body.strip():
        return pa.table({one: pa.array([], pa.string()) for one in names})
    try:
        try:
            return read(_BLOCK)
        except pa.ArrowInvalid:
            # A type guessed from the first block may fail in a later one: guess from them all.
            if len(dialect.body) <= _BLOCK:
                raise
            return read(len(dialect.body) + 1)
    except pa.ArrowInvalid as error:
        raise _malformed(name, dialect, str(error)) from None


def _doubtful(dialect: Dialect, table: Any, options: ReadOptions) -> frozenset[str]:
    """Return the columns whose digits a number type may have changed, or that may be dates."""
    import pyarrow as pa
    import pyarrow.compute as pc

    mark = re.escape(dialect.separator.encode())
    zeros = (
        re.search(rb"(?:\A|[\n\"" + mark + rb"])\s?0\d+[\s\"" + mark + rb"]", dialect.body)
        is not None
    )
    long = re.search(rb"\d{16}", dialect.body) is not None
    names = []
    for name in table.column_names:
        column, kind = table.column(name), options.kinds.get(name, "")
        if kind == "number" or not (
            pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        ):
            continue
        days = False
        if pa.types.is_integer(column.type) and column.null_count < len(column):
            ends = pc.min_max(column).as_py()
            days = ends["min"] >= 19000101 and ends["max"] <= 20991231
        if zeros or days or kind == "date" or (long and pa.types.is_floating(column.type)):
            names.append(name)
    return frozenset(names)


def _interpret(
    read: Read, name: str, options: ReadOptions, comma: bool, doubtful: frozenset[str]
) -> None:
    """Replace a column of words by what they mean, and note what is to be said."""
    import pyarrow as pa

    column, kind = read.table.column(name), options.kinds.get(name, "")
    if pa.types.is_time(column.type) and kind != "text":
        seconds = column.cast(pa.time64("us")).cast(pa.int64())
        hours = pa.chunked_array([pa.array(v, pa.float64()) for v in _scaled(seconds)])
        read.notes.append(f"column {name!r} holds times: read as hours")
        _replace(read, name, hours)
        return
    if not pa.types.is_string(column.type):
        return
    codes = column.combine_chunks().dictionary_encode()
    codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    words = codes.dictionary.to_pylist()
    indices = codes.indices.fill_null(len(words)).to_numpy()
    counts = np.bincount(indices, minlength=len(words) + 1)[:-1].tolist()
    hints = Hints(kind, options.styles.get(name, ""), comma)
    reading = read_cells(name, dict(zip(words, counts, strict=True)), hints)
    whole = _exact(words) if name in doubtful and kind != "text" else None
    if whole is not None and reading.style == "point":
        _replace(read, name, whole.take(codes.indices))
        return
    _note_strays(read, name, reading, words, indices)
    read.notes.extend(reading.notes)
    if reading.style:
        read.styles[name] = reading.style
    _replace(read, name, _values(reading, words).take(codes.indices))


def _scaled(seconds: Any) -> list[list[float | None]]:
    return [
        [None if v is None else v / 3.6e9 for v in chunk.to_pylist()] for chunk in seconds.chunks
    ]


def _replace(read: Read, name: str, column: Any) -> None:
    place = read.table.column_names.index(name)
    read.table = read.table.set_column(place, name, column)


def _exact(words: Sequence[str]) -> Any:
    """Return whole numbers as 64-bit integers, None where they are none or do not fit."""
    import pyarrow as pa

    try:
        numbers = [int(word) for word in words]
        kind = pa.int64() if min(numbers) < 0 or max(numbers) < 2**63 else pa.uint64()
        return pa.array(numbers, kind)
    except (ValueError, OverflowError, pa.ArrowInvalid):
        return None


def _values(reading: Reading, words: Sequence[str]) -> Any:
    """Return the meaning of each different word as an Arrow array."""
    import pyarrow as pa

    kinds = {"number": pa.float64(), "date": pa.timestamp("s"), "text": pa.string()}
    values = [reading.values[word] for word in words]
    if reading.kind == "number" and all(v is None or float(v).is_integer() for v in values):
        return pa.array(values, pa.float64()).cast(pa.int64(), safe=False)
    return pa.array(values, kinds[reading.kind])


def _note_strays(
    read: Read, name: str, reading: Reading, words: Sequence[str], indices: Any
) -> None:
    if not reading.strays:
        return
    places = [words.index(word) for word in reading.strays]
    rows = read.rows or RowNumbers.counted(len(indices))
    where = rows.text(np.flatnonzero(np.isin(indices, places)))
    listed = ", ".join(map(shown, reading.strays[:3])) + ", ..." * (len(reading.strays) > 3)
    read.notes.append(
        f"column {name!r} holds {reading.what}: {listed} in {where} is read as no value "
        f"(--category {quoted(name)} keeps words)"
    )


def _malformed(name: str, dialect: Dialect, reason: str) -> ValueError:
    """Find the first line whose number of fields differs from the header's."""
    text = io.StringIO(dialect.body.decode("utf-8"), newline="")
    reader = csv.reader(text, delimiter=dialect.separator)
    expected, before = len(dialect.names), 0
    try:
        for fields in reader:
            if fields and len(fields) != expected:
                return ValueError(
                    f"line {before + dialect.first_line} of {name} has {len(fields)} fields where "
                    f"the header has {expected}: mend the line, or put quotes around text with "
                    f"{dialect.separator!r} in it"
                )
            before = reader.line_num
    except csv.Error as error:
        reason = reason or str(error)
    return ValueError(f"{name} is not a readable CSV file: {' '.join(reason.split())[:200]}")
