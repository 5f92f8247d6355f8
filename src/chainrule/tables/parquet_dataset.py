"""Parquet data sets that may be larger than memory: their row groups, read one after another.

A data set is a file, a folder, a glob or a URI of one of Arrow's file systems (``s3://...``). Only
its footers are read at first; a row group is decoded a few thousand rows at a time.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .columns import Columns, columns, require
from .prefetch import Ahead
from .row_numbers import RowNumbers

ROWS_AT_ONCE = 16384
_BATCHES = 2  # decoded ahead of who uses them
_BUFFER = 1 << 16  # bytes of a column read at once
_OPEN_FILES = 4


@dataclass(frozen=True, slots=True)
class Group:
    """A row group: its file, its number there, how many rows, and the first one's number of all."""

    path: str
    number: int
    rows: int
    first: int


@dataclass(frozen=True, slots=True)
class DataSet:
    """A Parquet data set: its row groups in order, and the names of its columns.

    ``digest`` is that of the footers, which hold the sizes and extremes of every column's pieces;
    ``marks`` are each file's size and time of change when it was first read.
    """

    name: str
    groups: tuple[Group, ...]
    names: tuple[str, ...]
    system: Any
    digest: str = ""
    marks: Mapping[str, Any] = field(default_factory=dict, compare=False)
    _files: OrderedDict[str, Any] = field(default_factory=OrderedDict, compare=False)

    @property
    def m(self) -> int:
        """The number of rows."""
        return sum(group.rows for group in self.groups)

    def read(self, group: Group, names: Sequence[str]) -> Iterator[Columns]:
        """Yield a row group's rows as columns, at most ``ROWS_AT_ONCE`` at a time.

        Raises ValueError that names the file if it is damaged or a column cannot be used.
        """
        import pyarrow as pa

        at = group.first - next(one.first for one in self.groups if one.path == group.path)
        for batch in self.batches(group, names):
            numbers = RowNumbers.counted(batch.num_rows, at)
            at += batch.num_rows
            try:
                table = pa.Table.from_batches([batch]).select(list(names))
                yield columns(table, rows=numbers)
            except ValueError as error:
                raise ValueError(f"{group.path}: {error}") from None

    def batches(self, group: Group, names: Sequence[str], skip: int = 0) -> Generator[Any]:
        """Yield a row group's rows after the first ``skip`` as Arrow's batches; see ``read``."""
        import pyarrow as pa

        file = self._file(group.path)
        source = file.iter_batches(
            ROWS_AT_ONCE, row_groups=[group.number], columns=list(names), use_threads=False
        )
        try:
            # Decoding needs no lock of Python's, and so costs who uses the rows no time.
            with closing(Ahead(source, _BATCHES)) as ahead:
                for batch in ahead:
                    if skip >= batch.num_rows:
                        skip -= batch.num_rows
                        continue
                    yield batch.slice(skip)
                    skip = 0
            if self._local:
                self._check(group.path)
        except (pa.ArrowException, OSError) as error:
            self._check(group.path)
            raise ValueError(f"{group.path} cannot be read: {_one_line(error)}") from None

    @property
    def _local(self) -> bool:
        """Whether checking a file's version is cheap."""
        return bool(self.system.type_name == "local")

    def _check(self, path: str) -> None:
        if _mark(self.system, path) != self.marks[path]:
            raise ValueError(f"{path} has changed since it was first read: start again")

    def _file(self, path: str) -> Any:
        file = self._files.pop(path, None)
        if file is None or self._local:
            self._check(path)
            file = file or _opened(self.system, path)
        self._files[path] = file
        if len(self._files) > _OPEN_FILES:
            self._files.popitem(last=False)[1].close()
        return file


def is_data_set(data: str) -> bool:
    """Tell whether a name can only be a data set: a folder, a glob or a URI."""
    return "://" in data or _is_glob(data) or Path(data).is_dir()


def _is_glob(data: str) -> bool:
    return glob.has_magic(data) and not Path(data).exists()


def open_data_set(data: str | os.PathLike[str]) -> DataSet:
    """Read the footers of all files of a Parquet data set.

    Raises ValueError, in one sentence, if there are none, one is damaged, one has other columns or
    types than the first, or there are no rows.
    """
    system, paths = _paths(os.fspath(data))
    name = without_secrets(os.fspath(data))
    groups: list[Group] = []
    first_schema: Any = None
    at = 0
    sha = hashlib.sha256()
    marks = {}
    for path in paths:
        marks[path] = _mark(system, path)
        file = _opened(system, path)
        if first_schema is None:
            first_schema = file.schema_arrow
        _check_schema(paths[0], first_schema, path, file.schema_arrow)
        for number in range(file.num_row_groups):
            rows = file.metadata.row_group(number).num_rows
            if rows:
                groups.append(Group(path, number, rows, at))
                at += rows
        file.close()
        sha.update(_footer(system, path))
    if not groups:
        raise ValueError(f"{name} has column names but no rows")
    return DataSet(name, tuple(groups), tuple(first_schema.names), system, sha.hexdigest(), marks)


def without_secrets(name: str) -> str:
    """Return a URI without user and password, for messages and files.

    >>> without_secrets("s3://key:secret@bucket/table?region=eu")
    's3://bucket/table?region=eu'
    """
    scheme, separator, rest = name.partition("://")
    authority, slash, path = rest.partition("/")
    return scheme + separator + authority.rpartition("@")[2] + slash + path if separator else name


def _paths(name: str) -> tuple[Any, list[str]]:
    """Return the file system and the sorted paths of the files that a name stands for."""
    import pyarrow as pa
    from pyarrow import fs

    if "://" not in name:
        local = fs.LocalFileSystem()
        if _is_glob(name):
            paths = sorted(glob.glob(name, recursive=True))  # noqa: PTH207
            return local, _some(name, [path for path in paths if Path(path).is_file()])
        if not Path(name).exists():
            raise ValueError(f"{name} does not exist: name a Parquet file, a folder, or a glob")
        if Path(name).is_dir():
            return local, _some(name, sorted(map(str, Path(name).rglob("*.parquet"))))
        return local, [name]
    try:
        system, path = fs.FileSystem.from_uri(name)
        info = system.get_file_info(path)
        if info.type != fs.FileType.Directory:
            return system, [path]
        entries = system.get_file_info(fs.FileSelector(path, recursive=True))
    except (pa.ArrowException, OSError, ValueError) as error:
        public = without_secrets(name)
        why = _one_line(error).replace(name, public)
        raise ValueError(f"{public} cannot be reached: {why}") from None
    return system, _some(
        without_secrets(name), sorted(e.path for e in entries if e.path.endswith(".parquet"))
    )


def _some(name: str, paths: list[str]) -> list[str]:
    if not paths:
        raise ValueError(f"{name} holds no Parquet files (*.parquet)")
    return paths


def _opened(system: Any, path: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Far away each request costs tens of milliseconds: there a row group is fetched as a whole.
    how = {"buffer_size": _BUFFER} if system.type_name == "local" else {"pre_buffer": True}
    try:
        return pq.ParquetFile(system.open_input_file(path), **how)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ValueError(f"{path} is not a readable Parquet file: {_one_line(error)}") from None


def _mark(system: Any, path: str) -> Any:
    import pyarrow as pa

    try:
        info = system.get_file_info(path)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} cannot be read: {_one_line(error)}") from None
    return info.size, info.mtime_ns


def _footer(system: Any, path: str) -> bytes:
    """Return the bytes of a file's footer, which ends with its own length and PAR1."""
    with system.open_input_file(path) as file:
        size = file.size()
        length = int.from_bytes(file.read_at(4, max(size - 8, 0)), "little")
        footer: bytes = file.read_at(min(length + 8, size), max(size - 8 - length, 0))
        return footer


def _check_schema(first: str, expected: Any, path: str, present: Any) -> None:
    for name in expected.names:
        require(present.names, name, path)
        was, now = expected.field(name).type, present.field(name).type
        if was != now:
            raise ValueError(
                f"column {name!r} of {path} is of type {now}, and of {was} in {first}: write both "
                "with one type"
            )
    extra = [name for name in present.names if name not in expected.names]
    if extra:
        raise ValueError(f"{path} has a column {extra[0]!r} that {first} has not")
    if len(set(present.names)) != len(present.names):
        raise ValueError(f"{path} has two columns of one name: rename one")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def shared_out(groups: Sequence[Group], size: int) -> list[list[Group]]:
    """Give each of ``size`` ranks row groups of its own, the largest first to who has fewest rows.

    Raises ValueError where there are fewer row groups than ranks.
    """
    if size > len(groups):
        raise ValueError(
            f"{size} ranks, and only {len(groups)} row groups to read: start at most "
            f"{len(groups)} ranks, or write the data with smaller row groups"
        )
    shares: list[list[Group]] = [[] for _ in range(size)]
    rows = [0] * size
    for group in sorted(groups, key=lambda g: (-g.rows, g.first)):
        rank = rows.index(min(rows))
        shares[rank].append(group)
        rows[rank] += group.rows
    return [sorted(share, key=lambda g: g.first) for share in shares]
