"""Reading a table from a file: CSV (also gzipped), Parquet, Arrow IPC and Feather, by pyarrow.

What a file is, its first bytes say, whatever its name ends in; anything that is none of the
others is taken for CSV. In CSV, separator (comma, semicolon or tab) and decimal comma are found
from the first lines, and a field that is one of MISSING has no value. In the other formats
a value is missing where the file says null (and in numbers where it says NaN).
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ..mathematics.names import nearest

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

_SEPARATORS = (",", ";", "\t")
_SAMPLE = 1 << 16


def read_table(path: str | Path, text: Iterable[str] = ()) -> Any:
    """Read a file into a ``pyarrow.Table``.

    ``text`` names columns of a CSV file that are words even where they look like numbers.
    Raises ValueError, in one sentence that names the file, if it is not there, is no file, cannot
    be read, has no rows, has columns without a name or two of one name, or is malformed.
    """
    path = Path(path)
    data = _bytes(path)
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(path, data)
    if not data.strip():
        raise ValueError(f"{path} is empty: a table needs a line of column names and rows below it")
    for magic, read in _FORMATS.items():
        if data.startswith(magic):
            return _checked(path, read(path, data))
    return _checked(path, _csv(path, data, tuple(text)))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist{_near(path)}") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder: name a file in it") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f": there is no folder {path.parent}"
    near = nearest(path.name, [entry.name for entry in path.parent.iterdir() if entry.is_file()])
    return f", did you mean {path.with_name(near)}?" if near else ""


def _gunzip(path: Path, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is a gzip file that is cut off or damaged: {error}") from None


def _checked(path: Path, table: Any) -> Any:
    """Refuse what no model can be trained on or asked with; see read_table."""
    names = list(table.column_names)
    blank = [str(place) for place, name in enumerate(names, 1) if not name.strip()]
    if blank:
        raise ValueError(f"column {', '.join(blank)} of {path} has no name: name it in the header")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        listed = ", ".join(map(repr, twice))
        raise ValueError(f"{path} has more than one column named {listed}: rename all but one")
    if table.num_rows == 0:
        raise ValueError(f"{path} has column names but no rows")
    return table


def _arrow(path: Path, kind: str, read: Callable[[], Any]) -> Any:
    import pyarrow as pa

    try:
        return read()
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is not a readable {kind} file: {reason}") from None


def _parquet(path: Path, data: bytes) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return _arrow(path, "Parquet", lambda: pq.read_table(pa.BufferReader(data)))


def _ipc(path: Path, data: bytes) -> Any:
    import pyarrow as pa

    return _arrow(path, "Arrow", lambda: pa.ipc.open_file(pa.BufferReader(data)).read_all())


def _ipc_stream(path: Path, data: bytes) -> Any:
    import pyarrow as pa

    return _arrow(path, "Arrow", lambda: pa.ipc.open_stream(pa.BufferReader(data)).read_all())


def _refuse(what: str) -> Callable[[Path, bytes], Any]:
    def refuse(path: Path, data: bytes) -> Any:
        raise ValueError(f"{path} is {what}: save the table as CSV, Parquet or Arrow")

    return refuse


_FORMATS: dict[bytes, Callable[[Path, bytes], Any]] = {
    b"PAR1": _parquet,
    b"ARROW1": _ipc,
    b"\xff\xff\xff\xff": _ipc_stream,
    b"FEA1": _refuse("a Feather file of version 1"),
    b"PK\x03\x04": _refuse("a zip or spreadsheet file"),
    b"\xff\xfe": _refuse("UTF-16 text, not UTF-8"),
    b"\xfe\xff": _refuse("UTF-16 text, not UTF-8"),
}


def _csv(path: Path, data: bytes, text: Sequence[str]) -> Any:
    import pyarrow as pa
    from pyarrow import csv as pacsv

    data = data.removeprefix(b"\xef\xbb\xbf")
    _check_utf8(path, data)
    lines = _sample(data)
    separator = _separator(lines)
    convert = pacsv.ConvertOptions(
        null_values=list(MISSING),
        strings_can_be_null=True,
        column_types={name: pa.string() for name in text},
        decimal_point="," if _decimal_comma(lines, separator) else ".",
    )
    parse = pacsv.ParseOptions(delimiter=separator, newlines_in_values=b'"' in data)

    def read(block: int) -> Any:
        options = pacsv.ReadOptions(block_size=block, use_threads=len(data) > block)
        return pacsv.read_csv(pa.BufferReader(data), options, parse, convert)

    try:
        try:
            return read(1 << 20)
        except pa.ArrowInvalid:
            # A type guessed from the first block may fail in a later one: guess from them all.
            if len(data) <= 1 << 20:
                raise
            return read(len(data) + 1)
    except pa.ArrowInvalid as error:
        raise _malformed(path, data, separator, str(error)) from None


def _check_utf8(path: Path, data: bytes) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"line {line} of {path} is not UTF-8 text (byte 0x{data[error.start]:02x} at place "
            f"{error.start}): save the file as UTF-8"
        ) from None


def _sample(data: bytes) -> list[str]:
    """Return the first lines of a file, at most 20, whole ones where there are any."""
    text = data[:_SAMPLE].decode("utf-8", errors="ignore")
    lines = text.splitlines()
    if len(data) > _SAMPLE and len(lines) > 1:
        lines.pop()
    return [line for line in lines if line][:20]


def _separator(lines: Sequence[str]) -> str:
    """Find the separator: the one that cuts the lines into equally many fields, and into most."""

    def score(separator: str) -> tuple[bool, int]:
        counts = [len(fields) for fields in csv.reader(lines, delimiter=separator)]
        return len(set(counts)) == 1 and counts[0] > 1, counts[0] if counts else 0

    return max(_SEPARATORS, key=score)


def _decimal_comma(lines: Sequence[str], separator: str) -> bool:
    """Say whether numbers are written 1,5: some are, and none is written 1.5."""
    if separator == ",":
        return False
    fields = [field.strip() for row in csv.reader(lines[1:], delimiter=separator) for field in row]
    written = {mark: re.compile(rf"[-+]?\d*{re.escape(mark)}\d+([eE][-+]?\d+)?") for mark in ",."}
    comma, point = (any(map(written[mark].fullmatch, fields)) for mark in ",.")
    return comma and not point


def _malformed(path: Path, data: bytes, separator: str, reason: str) -> ValueError:
    """Find the first line whose number of fields differs from the header's."""
    reader = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), delimiter=separator)
    try:
        expected = len(next(reader))
        before = reader.line_num
        for fields in reader:
            if fields and len(fields) != expected:
                return ValueError(
                    f"line {before + 1} of {path} has {len(fields)} fields where the header has "
                    f"{expected}: mend the line, or put quotes around text with {separator!r} in it"
                )
            before = reader.line_num
    except (csv.Error, StopIteration) as error:
        reason = reason or str(error)
    return ValueError(f"{path} is not a readable CSV file: {' '.join(reason.split())}")
