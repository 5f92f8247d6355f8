"""Reading a table from a file: CSV, Parquet, Arrow IPC, Feather and Excel workbooks.

What a file is, its first bytes say, whatever its name ends in; anything that is none of the
others is taken for CSV, see ``csv_table``. In the other formats a value is missing where the file
says null (and in numbers where it says NaN). Each may be gzipped; ``-`` is standard input.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ..mathematics.names import nearest
from . import number_words
from .csv_table import MISSING, Read, ReadOptions, check_different, read_csv
from .row_numbers import RowNumbers, joined

__all__ = ["MISSING", "Read", "ReadOptions", "read", "read_all", "read_table"]

NO_OPTIONS = ReadOptions()
STANDARD_INPUT = "-"


def read_table(path: str | Path, text: Iterable[str] = ()) -> Any:
    """Read a file into a ``pyarrow.Table``; see ``read``.

    ``text`` names columns of a CSV file that are words even where they look like numbers.
    """
    return read(path, ReadOptions(kinds=dict.fromkeys(text, "text"))).table


def read(path: str | Path, options: ReadOptions = NO_OPTIONS) -> Read:
    """Read a file.

    Raises ValueError, in one sentence that names the file, if it is not there, is no file, cannot
    be read, has no rows, has two columns of one name, or is malformed.
    """
    import pyarrow as pa

    # Arrow's handler would lose a Ctrl-C that comes while it reads; Python's waits for its end.
    pa.enable_signal_handlers(False)
    name = "standard input" if str(path) == STANDARD_INPUT else str(path)
    data = _bytes(path)
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(name, data)
    if not data.strip():
        raise ValueError(f"{name} is empty: a table needs a line of column names and rows below it")
    for magic, read_format in _FORMATS.items():
        if data.startswith(magic):
            one = read_format(name, data, options)
            one.table = with_gaps(one.table, options.missing)
            return _checked(name, one)
    return _checked(name, read_csv(name, data, options))


def read_all(paths: Sequence[str | Path], options: ReadOptions = NO_OPTIONS) -> Read:
    """Read several files with the same columns as one table, in their order.

    Raises ValueError as ``read``, and for a file with other columns than the first.
    """
    import pyarrow as pa

    reads = [read(path, options) for path in paths]
    first = reads[0]
    if len(reads) == 1:
        return first
    for path, other in zip(paths[1:], reads[1:], strict=True):
        if set(other.table.column_names) != set(first.table.column_names):
            apart = sorted(set(other.table.column_names) ^ set(first.table.column_names))
            raise ValueError(
                f"{path} and {paths[0]} do not have the same columns ({', '.join(apart[:5])})"
            )
    tables = [one.table.select(first.table.column_names) for one in reads]
    notes = list(dict.fromkeys(note for one in reads for note in one.notes))
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise ValueError(f"the files cannot be put together: {_one_line(error)}") from None
    rows = [one.rows or RowNumbers.counted(one.table.num_rows) for one in reads]
    return Read(table, notes, first.styles, joined(rows, [Path(path).name for path in paths]))


def with_gaps(table: Any, words: Sequence[str]) -> Any:
    """Return a table in which further words, and numbers that they mean, are gaps."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not words:
        return table
    numbers = [value for value in map(number_words.POINT.value, words) if value is not None]
    for place, name in enumerate(table.column_names):
        column = table.column(name)
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            gaps = pc.is_in(column.cast(pa.float64(), safe=False), pa.array(numbers, pa.float64()))
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            gaps = pc.is_in(column.cast(pa.string()), pa.array(words, pa.string()))
        else:
            continue
        empty = pa.scalar(None, column.type)
        table = table.set_column(place, name, pc.if_else(gaps, empty, column))
    return table


def _bytes(path: str | Path) -> bytes:
    if str(path) == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    if str(path).startswith(("http://", "https://")):
        return _fetched(str(path))
    path = Path(path)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist{_near(path)}") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder: name a file in it") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None


def _fetched(address: str) -> bytes:
    """Return the bytes at an address, by fsspec."""
    try:
        import fsspec

        with fsspec.open(address, "rb") as file:
            data: bytes = file.read()
            return data
    except ImportError as error:
        raise ValueError(
            f"{address} needs fsspec and aiohttp ({error}): pip install 'fsspec[http]'"
        ) from None
    except Exception as error:  # whatever the network and its libraries raise
        raise ValueError(f"{address} cannot be read: {_one_line(error)}") from None


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f": there is no folder {path.parent}"
    near = nearest(path.name, [entry.name for entry in path.parent.iterdir() if entry.is_file()])
    return f", did you mean {path.with_name(near)}?" if near else ""


def _gunzip(name: str, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{name} is a gzip file that is cut off or damaged: {error}") from None


def _checked(name: str, read: Read) -> Read:
    """Refuse what no model can be trained on or asked with; see ``read``."""
    names = list(read.table.column_names)
    unnamed = [place for place, one in enumerate(names) if not one.strip()]
    if unnamed:
        listed = ", ".join(str(place + 1) for place in unnamed)
        read.notes.append(f"column {listed} of {name} has no name: it is left out")
        kept = [place for place in range(len(names)) if place not in unnamed]
        read.table = read.table.select(kept)
        names = list(read.table.column_names)
    check_different(name, names)
    if read.table.num_rows == 0:
        raise ValueError(f"{name} has column names but no rows")
    return read


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _arrow(name: str, kind: str, read: Callable[[], Any]) -> Read:
    import pyarrow as pa

    try:
        return Read(read())
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ValueError(f"{name} is not a readable {kind} file: {_one_line(error)}") from None


def _parquet(name: str, data: bytes, options: ReadOptions) -> Read:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return _arrow(name, "Parquet", lambda: pq.read_table(pa.BufferReader(data)))


def _ipc(name: str, data: bytes, options: ReadOptions) -> Read:
    import pyarrow as pa

    return _arrow(name, "Arrow", lambda: pa.ipc.open_file(pa.BufferReader(data)).read_all())


def _ipc_stream(name: str, data: bytes, options: ReadOptions) -> Read:
    import pyarrow as pa

    return _arrow(name, "Arrow", lambda: pa.ipc.open_stream(pa.BufferReader(data)).read_all())


def _workbook(name: str, data: bytes, options: ReadOptions) -> Read:
    """Read the first sheet of an Excel or OpenDocument workbook, by python-calamine."""
    import csv
    import io

    try:
        from python_calamine import CalamineWorkbook
    except ImportError:
        raise ValueError(
            f"{name} is a zip or spreadsheet file: pip install 'chainrule[excel]' reads workbooks, "
            "or save the table as CSV, Parquet or Arrow"
        ) from None
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        rows = book.get_sheet_by_index(0).to_python(skip_empty_area=True)
    except Exception as error:  # the library's own errors
        raise ValueError(f"{name} is not a readable workbook: {_one_line(error)}") from None
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
    read = read_csv(
        name,
        text.getvalue().encode("utf-8"),
        ReadOptions(options.kinds, options.styles, options.missing),
    )
    if len(book.sheet_names) > 1:
        read.notes.append(f"of {name} the first sheet is read, {book.sheet_names[0]!r}")
    return read


def _cell(value: Any) -> str:
    """Return a cell of a workbook as a CSV file has it; whole numbers are stored as floats."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _refuse(what: str) -> Callable[[str, bytes, ReadOptions], Read]:
    def refuse(name: str, data: bytes, options: ReadOptions) -> Read:
        raise ValueError(f"{name} is {what}: save the table as CSV, Parquet or Arrow")

    return refuse


_FORMATS: dict[bytes, Callable[[str, bytes, ReadOptions], Read]] = {
    b"PAR1": _parquet,
    b"ARROW1": _ipc,
    b"\xff\xff\xff\xff": _ipc_stream,
    b"FEA1": _refuse("a Feather file of version 1"),
    b"PK\x03\x04": _workbook,
    b"\xd0\xcf\x11\xe0": _workbook,
}
